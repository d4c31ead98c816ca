"""Replay: what the record says of each turn is what happened in it, and looking calls nothing."""

import copy
from pathlib import Path
from typing import Any

import pytest

from baton import Agent, Baton, tool
from baton.agents.simulated import Answer, Conversation
from baton.ledger import EffectState
from support import Says, call, calls, open_office, soon, text_rows


class Recorded:
    """Remembers what it was asked with: looks, pays, finishes."""

    def __init__(self) -> None:
        self.asked: list[list[dict[str, Any]]] = []

    def answer(self, conversation: Conversation) -> Answer:
        self.asked.append([dict(copy.deepcopy(message)) for message in conversation.messages])
        rounds = [calls(call("look")), calls(call("pay", cents=5), call("nothing"))]
        return rounds[len(self.asked) - 1] if len(self.asked) <= len(rounds) else Answer(text="all done")


def agent(instructions: str = "Pay.") -> Agent:
    @tool(effect="read")
    async def look() -> str:
        """Look."""
        return "seen " * 600

    @tool
    async def pay(cents: int) -> str:
        """Pay."""
        return f"paid {cents}" + "." * 2500

    return Agent("clerk", instructions, tools=[look, pay], policy="ask-writes", context_tokens=13_700, answer_tokens=0)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "baton.db"


async def test_replay_tells_each_turn_as_it_was(database: Path) -> None:
    mind = Recorded()
    async with open_office(database, [agent()], Says(mind.answer)) as baton:
        run = await baton.submit("go")
        (review,) = (await soon(run.settled())).reviews
        await run.message("hurry up", sender="bob")
        await soon(run.settled())
        await baton.approve(review.id, by="ann", note="fine")
        await soon(run.settled())
        asked, before = list(mind.asked), await text_rows(baton.ledger, "SELECT count(*), max(id) FROM events")
        found = await baton.replay(run.id)
        assert await text_rows(baton.ledger, "SELECT count(*), max(id) FROM events") == before
        assert mind.asked == asked

    assert [turn.exact for turn in found.turns] == [True] * len(asked)
    assert [list(turn.request) for turn in found.turns] == asked
    assert any(turn.call is not None and turn.call.left_out for turn in found.turns)
    (looked,), (paid, unknown) = found.turns[0].done, found.turns[1].done
    assert looked.told.startswith("seen seen")
    assert (paid.proposal.verdict.rules, paid.effect and paid.effect.state) == (("ask-writes.write",), EffectState.DONE)
    assert [one.decision and one.decision.by for one in paid.reviews] == ["ann"]
    assert unknown.proposal.problem is not None
    said, reminded = (line.text for line in found.turns[3].news)
    assert said == "hurry up" and reminded.startswith(f"[you still ask: {review.id}")
    (news,) = found.turns[4].news
    assert news.text.startswith(f"[review {review.id} approved by ann] pay: paid 5...")
    assert [event.kind for event in found.turns[-1].beside] == ["run.ended"]


async def test_replay_says_when_the_instructions_have_changed_and_stops_at_a_turn(database: Path) -> None:
    async with open_office(database, [agent()], Says(Recorded().answer)) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
    async with Baton(agents=[agent("Pay quickly.")], database=database, dispatch=False) as baton:
        found = await baton.replay(run.id, to=1)
        assert [(turn.number, turn.exact) for turn in found.turns] == [(1, False)]
    async with Baton(database=database, dispatch=False) as baton:
        (first, second) = (await baton.replay(run.id)).turns[:2]
        assert (first.exact, first.request) == (False, ())
        assert [message["role"] for message in second.request] == ["assistant", "tool"]


async def test_a_fork_shows_what_it_shares(database: Path) -> None:
    async with open_office(database, [agent()], Says(Recorded().answer)) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
        fork = await baton.fork(run.id, at=1)
        await soon(fork.settled())
        found = await baton.replay(fork.id)
        assert [turn.call is None for turn in found.turns[:2]] == [True, False]
        assert found.turns[0].done[0].told.startswith("seen seen")
        assert [event.kind for event in found.before] == ["run.forked"]
