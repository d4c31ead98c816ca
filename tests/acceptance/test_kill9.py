"""kill -9 anywhere, then another process: exactly once or asked about, and nothing that was recorded is lost."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from baton import Baton, Goal
from baton.agents import SimulatedServer
from baton.agents.simulated import Answer, Conversation
from baton.ledger import ReviewKind
from support import PATIENCE, CountingMind, Says, call, calls, crashing, text_rows
from support.crashing import agent, delivered

ROUNDS = 2
KILLED = -signal.SIGKILL

_PROCESSES = multiprocessing.get_context("forkserver")  # children of a clean process that has imported everything
_PROCESSES.set_forkserver_preload(["baton.app", "baton.agents.client", "uvicorn"])


def _plan(conversation: Conversation) -> Answer:
    """Send twice, one after the other, then say how that went."""
    results = [result for _, _, result in conversation.results()]
    if any(result.startswith("pending") for result in results) and "[review" not in conversation.user_texts()[-1]:
        return Answer(text="waiting")
    return calls(call("send")) if len(results) < ROUNDS else Answer(text=f"sent {len(results)}")


@dataclass
class Post:
    """A ledger, an outbox, and a model that outlives the processes."""

    folder: Path
    url: str
    mind: CountingMind
    killed: int = 0
    working: list[int] = field(default_factory=list[int])

    @property
    def database(self) -> Path:
        return self.folder / "baton.db"

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox"

    async def submit(self, kind: str) -> None:
        async with Baton(agents=[agent(self.outbox, kind)], database=self.database, dispatch=False) as baton:
            await baton.submit(Goal("send twice"))

    async def work(self, kind: str, place: str) -> int:
        """Let a process of its own work; its exit code."""
        code = await self.process(crashing.work, self.database, self.outbox, kind, place, self.url)
        self.killed += code == KILLED
        return code

    async def process(self, main: Callable[..., None], *arguments: object) -> int:
        """A process's exit code."""
        process = _PROCESSES.Process(target=main, args=arguments, daemon=True)
        await asyncio.to_thread(process.start)
        assert process.pid is not None
        self.working = [process.pid]
        await asyncio.to_thread(process.join, PATIENCE)
        assert process.exitcode is not None
        return process.exitcode

    async def status(self) -> str:
        async with Baton(database=self.database, dispatch=False) as baton:
            return (await baton.runs())[0].status

    def assert_sent_once_each(self) -> None:
        keys = delivered(self.outbox)
        assert len(keys) == ROUNDS
        assert len(set(keys)) == ROUNDS


@pytest.fixture
async def post(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Post]:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    mind = CountingMind(Says(_plan))
    async with SimulatedServer(mind) as server:
        yield Post(tmp_path, server.base_url, mind)


@pytest.mark.parametrize("kind", ["repeatable", "reconcilable"])
@pytest.mark.parametrize("place", ["before the effect", "after the effect"])
async def test_a_kill_around_an_effect_that_can_be_repeated_or_asked_about(post: Post, kind: str, place: str) -> None:
    await post.submit(kind)
    assert await post.work(kind, place) == KILLED
    assert await post.work(kind, "never") == 0

    assert await post.status() == "done"
    post.assert_sent_once_each()
    assert set(post.mind.asked.values()) == {1}  # what was recorded is not asked of the model again


@pytest.mark.parametrize("place", ["before the effect", "after the effect"])
async def test_a_kill_around_an_effect_that_nobody_can_tell_of_is_asked_of_a_person(post: Post, place: str) -> None:
    await post.submit("dumb")
    assert await post.work("dumb", place) == KILLED
    sent = delivered(post.outbox)
    assert len(sent) == (1 if place == "after the effect" else 0)
    assert await post.work("dumb", "never") == 0

    assert delivered(post.outbox) == sent
    async with Baton(agents=[agent(post.outbox, "dumb")], database=post.database, dispatch=False) as baton:
        (review,) = await baton.reviews.waiting()
        assert review.kind is ReviewKind.DOUBT
        assert await text_rows(baton.ledger, "SELECT state FROM effects") == [("doubt",)]
        if sent:
            await baton.respond(review.id, "it was delivered")
        else:
            await baton.approve(review.id)
    assert await post.work("dumb", "never") == 0
    assert await post.status() == "done"
    post.assert_sent_once_each()


@pytest.mark.parametrize("number", range(1, 10))
async def test_a_kill_after_any_commit(post: Post, number: int) -> None:
    kind = ("repeatable", "reconcilable")[number % 2]
    await post.submit(kind)
    assert await post.work(kind, f"after commit {number}") == KILLED
    await post.work(kind, f"after commit {1 + number % 3}")
    assert await post.work(kind, "never") == 0

    assert await post.status() == "done"
    post.assert_sent_once_each()
    assert post.mind.asked.total() <= ROUNDS + 1 + post.killed  # a kill repeats at most the call in flight
    async with Baton(database=post.database, dispatch=False) as baton:
        (run,) = await baton.runs()
        assert (run.turns, run.summary) == (ROUNDS + 1, f"sent {ROUNDS}")
        roles = [line.role for line in await (await baton.open(run.id)).transcript()]
        assert roles == ["assistant", "tool"] * ROUNDS + ["assistant"]
        assert await text_rows(baton.ledger, "SELECT state FROM effects") == [("done",)] * ROUNDS


async def test_a_kill_while_the_model_thinks_repeats_that_call_and_no_other(post: Post) -> None:
    await post.submit("repeatable")
    answer = post.mind.answer

    def answer_a_dying_process(conversation: Conversation) -> Answer:
        said = answer(conversation)
        if post.killed == 0 and len(list(conversation.results())) == 1:
            os.kill(post.working.pop(), signal.SIGKILL)
        return said

    post.mind.answer = answer_a_dying_process  # type: ignore[method-assign]
    assert await post.work("repeatable", "never") == KILLED
    assert await post.work("repeatable", "never") == 0
    assert await post.status() == "done"
    assert sorted(post.mind.asked.values()) == [1, 1, 2]
    post.assert_sent_once_each()


async def test_what_was_acknowledged_survives(post: Post) -> None:
    assert await post.process(crashing.submit, post.database) == KILLED
    async with Baton(database=post.database, dispatch=False) as baton:
        (run,) = await baton.runs()
        assert run.key == "k"
        assert await text_rows(baton.ledger, "SELECT kind FROM messages") == [("user",)]
