"""Whatever fits our description of the API, or nearly does, is answered with a success or a reason, never a 500."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from baton.core import Role
from baton.server import Server
from support import PATIENCE
from support.serving import clerk, serve_office

EXAMPLES = 8
"""Requests that are tried of each operation."""

Found = dict[str, Any]


async def _serve(folder: Path, said: "Future[Found]", ending: asyncio.Event) -> None:
    async with serve_office(str(folder / "baton.db"), clerk(folder)) as office:
        key = await office.person("ann", Role.ADMIN)
        asked = await office.asked(key)
        async with Server(office.service, host="127.0.0.1", port=0) as server:
            run = asked["run"]
            known = {"run": run, "thread_id": run, "run_id": run, "checkpoint_id": f"{run}.1", "assistant_id": "clerk"}
            said.set_result({"url": server.url, "key": key, "review": asked["id"], **known})
            await ending.wait()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Found]:
    """A server in a thread of its own, with a run that waits for an answer."""
    said: Future[Found] = Future()
    loop, ending = asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(_serve(tmp_path, said, ending)))
    thread.start()
    try:
        yield said.result(PATIENCE)
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join()
        loop.close()


def _ours(said: Found) -> bool:
    return set(said["error"]) == {"kind", "message"}


def _openais(said: Found) -> bool:
    return set(said["error"]) == {"message", "type", "param", "code"}


def _langgraphs(said: Found) -> bool:
    return set(said) == {"detail", "code", "param"}


DESCRIPTIONS: list[tuple[str, Callable[[Found], bool], int, int]] = [
    ("/api/v1/openapi.json", _ours, 30, 15),
    ("/v1/openapi.json", _openais, 3, 1),
    ("/openapi.json", _langgraphs, 20, 10),
]
"""Where a description is, the shape of failures, and how many operations it has and how many of them succeed."""


@pytest.mark.filterwarnings("ignore:Do not use the `random` module")  # schemathesis does
@pytest.mark.parametrize(("path", "shape", "most", "well"), DESCRIPTIONS, ids=[one[0] for one in DESCRIPTIONS])
def test_no_request_is_answered_with_a_500(
    served: Found, path: str, shape: Callable[[Found], bool], most: int, well: int
) -> None:
    schema = schemathesis.openapi.from_url(f"{served['url']}{path}")
    found: list[Any] = list(schema.get_all_operations())
    operations = [one.ok() for one in found]
    statuses: dict[str, set[int]] = {}
    for operation in operations:
        if operation.path.endswith("/events") or operation.path.endswith("/session"):
            continue  # a stream does not end; and who signs out is answered 401 from then on
        statuses[operation.label] = set()
        for mode in GenerationMode.POSITIVE, GenerationMode.NEGATIVE:
            _try(operation, mode, served, statuses[operation.label], shape)
    assert len(statuses) >= most, list(statuses)
    succeeded = [label for label, seen in statuses.items() if seen & {200, 201, 202}]
    assert len(succeeded) >= well, statuses  # else it is tried at the door alone


def _try(operation: Any, mode: GenerationMode, served: Found, seen: set[int], shape: Callable[[Found], bool]) -> None:
    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],  # what is found depends on what the server did before: it cannot be made smaller
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), real=st.booleans())
    def tried(case: Any, real: bool) -> None:
        if real:
            names = case.path_parameters or {}
            case.path_parameters = {name: served.get(name, value) for name, value in names.items()}
        answer = case.call(headers=served["key"])
        seen.add(answer.status_code)
        assert answer.status_code < 500, (case.as_curl_command(), answer.text)
        if answer.status_code >= 400:
            # At the door it is not known whose protocol it is.
            at_the_door = answer.status_code in (405, 413) or "NUL in the address" in answer.text
            said = answer.json()
            assert shape(said) or (at_the_door and _ours(said)), answer.text

    with contextlib.suppress(Unsatisfiable):  # nothing can be wrong where nothing can be said
        tried()
