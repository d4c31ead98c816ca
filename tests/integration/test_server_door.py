"""What comes in and what goes out: sizes, hostile texts, headers, streams, and answers to nonsense."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from baton.core import InvalidValue, Role
from baton.server.streaming import id_of, read_numbers
from support import on_both, soon
from support.serving import clerk, kind_of, serve_office

API = "/api/v1"
HOSTILE = "<script>alert(1)</script>\u202e\x1b[2J\"'\u2028{{7*7}} javascript:alert(1)"


@on_both
async def test_hostile_text_comes_back_as_it_was_in_json_alone(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        ann = await office.person("ann", Role.REVIEWER)
        said = {"statement": HOSTILE, "attachments": [{"name": HOSTILE, "text": HOSTILE}]}
        made = await office.http.post(f"{API}/runs", json=said, headers=ann)
        assert made.json()["goal"] == HOSTILE
        await soon((await office.baton.open(made.json()["id"])).settled())
        (review,) = (await office.http.get(f"{API}/reviews", headers=ann)).json()["reviews"]
        answer = await office.http.post(f"{API}/reviews/{review['id']}/comment", json={"text": HOSTILE}, headers=ann)
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["remarks"][0]["text"] == HOSTILE
        nothing = await office.http.get(f"{API}/runs/{quote(HOSTILE.replace('/', ''))}", headers=ann)
        assert kind_of(nothing) == (404, "NotFound")
        assert HOSTILE[1:8] in nothing.json()["error"]["message"]


async def test_every_answer_has_the_headers_that_keep_a_browser_from_being_tricked(
    database: str, tmp_path: Path
) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        ann = await office.person("ann", Role.VIEWER)
        answers = [
            await office.http.get(f"{API}/runs", headers=ann),
            await office.http.get(f"{API}/runs"),
            await office.http.get("/nothing"),
            await office.http.get("/sign-in"),
            await office.http.get("/healthz"),
            await office.http.get(f"{API}/runs?agent=%00"),
            await office.http.get(f"{API}/openapi.json"),
        ]
        assert [one.status_code for one in answers] == [200, 401, 404, 200, 200, 422, 200]
        for one in answers:
            policy = one.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; ")
            assert "script-src 'self'; " in policy
            assert "unsafe" not in policy
            assert one.headers["x-content-type-options"] == "nosniff"
            assert one.headers["x-frame-options"] == "DENY"
            assert one.headers["cache-control"] == "no-store"
            assert one.headers["referrer-policy"] == "same-origin"
            assert "server" not in one.headers
        assert kind_of(answers[2]) == (404, "NotFound")


@pytest.mark.parametrize("host", ["", "[", "[zz]", "[::::]", "a b", "a/b", "a@b", "a:b", "<script>"])
async def test_a_host_that_is_none_is_refused(database: str, tmp_path: Path, host: str) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        answer = await office.http.get("/sign-in", headers={"Host": host})
        assert kind_of(answer) == (422, "InvalidValue")
        said = {"name": "ann", "password": "wrong"}
        crossed = await office.http.post(f"{API}/session", json=said, headers={"Origin": f"http://{host or '['}"})
        assert kind_of(crossed) == (403, "Forbidden")


async def chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * 1024 * 1024


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_body_that_is_too_large_is_not_read(database: str, tmp_path: Path, streamed: bool) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        ann = await office.person("ann", Role.REQUESTER)
        content: Any = chunks(5) if streamed else b" " * 5 * 1024 * 1024
        for path in (f"{API}/runs", "/sign-in"):
            answer = await office.http.post(path, content=content, headers=ann | {"Content-Type": "application/json"})
            assert kind_of(answer) == (413, "TooLarge")
            content = chunks(5) if streamed else content


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"[]", 422),
        (b'{"statement": ""}', 422),
        (b'{"statement": "a\\u0000b"}', 422),
        (b'{"statement": "a\\ud800b"}', 422),
        (b'{"statement": "pay", "requester": "eve"}', 422),
        (b'{"statement": "pay", "deadline": "whenever"}', 422),
        (b'{"statement": "pay", "deadline": "2001-01-01T00:00Z"}', 422),
        (b'{"statement": "pay", "budget": {"turns": 1e999}}', 422),
        (b'{"statement": "pay", "agent": "nobody"}', 404),
        (b'{"statement": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
        (b"\xff\xfe", 422),
    ],
)
async def test_nonsense_is_refused_with_a_reason_and_leaves_nothing(
    database: str, tmp_path: Path, body: bytes, status: int
) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        ann = await office.person("ann", Role.REQUESTER)
        headers = ann | {"Content-Type": "application/json"}
        answer = await office.http.post(f"{API}/runs", content=body, headers=headers)
        assert kind_of(answer)[0] == status, answer.text
        assert await office.baton.runs() == []


async def test_the_same_key_gives_the_same_run(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        ann = await office.person("ann", Role.REQUESTER)
        said = {"statement": "pay", "key": "order 7"}
        first, second = [await office.http.post(f"{API}/runs", json=said, headers=ann) for _ in range(2)]
        assert first.json()["id"] == second.json()["id"]
        for cents in ("a", "b", "c"):
            await office.http.post(f"{API}/runs", json={"statement": cents}, headers=ann)
        page = (await office.http.get(f"{API}/runs", params={"limit": 3}, headers=ann)).json()
        rest = (await office.http.get(f"{API}/runs", params={"after": page["next"]}, headers=ann)).json()
        assert [one["goal"] for one in page["runs"] + rest["runs"]] == ["c", "b", "a", "pay"]
        assert rest["next"] is None


async def test_a_stream_goes_on_behind_the_id_that_it_is_given(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        ann = await office.person("ann", Role.REVIEWER)
        asked = await office.asked(ann)
        run = await office.baton.open(asked["run"])
        await office.baton.reject(asked["id"], "no", by="ann")
        await soon(run.settled())
        await office.http.post(f"{API}/runs/{run.id}/cancel", headers=ann)
        url = f"{API}/runs/{run.id}/events"
        whole = told(await office.http.get(url, headers=ann))
        for at, (id, _) in enumerate(whole):
            rest = await office.http.get(url, headers=ann | {"Last-Event-ID": id})
            assert told(rest) == whole[at + 1 :]
            assert rest.text.endswith("event: end\ndata: {}\n\n")
        assert kind_of(await office.http.get(url, headers=ann | {"Last-Event-ID": "7"})) == (422, "InvalidValue")


def told(answer: httpx.Response) -> list[tuple[str, str]]:
    """The ids of a stream with the kinds of their events."""
    blocks = [block.split("\n") for block in answer.text.split("\n\n") if block.startswith("id: ")]
    return [(id[4:], json.loads(data[6:])["kind"]) for id, data in blocks]


@pytest.mark.parametrize("id", ["run_a", "run_a:", "run_a:x", "run_a:1,", "run_a:1,run_a:2", "x:1", "run_a:1 "])
def test_an_id_that_is_none_of_ours_is_refused(id: str) -> None:
    with pytest.raises(InvalidValue, match="the id of the last event that came"):
        read_numbers(id)


def test_an_id_says_what_was_told() -> None:
    numbers = read_numbers("run_a:3,run_b:1")
    assert (numbers, id_of(numbers)) == ({"run_a": 3, "run_b": 1}, "run_a:3,run_b:1")
    assert read_numbers(None) == read_numbers("") == {}


async def test_it_is_well_until_it_ends(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        assert (await office.http.get("/readyz")).json() == {"status": "ready", "at_work": None}
        office.service.closing.set()
        assert kind_of(await office.http.get("/readyz")) == (503, "LedgerError")
