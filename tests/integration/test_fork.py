"""Forks: they share the past, answer from the record what it holds, and ask before they write anything new."""

from pathlib import Path
from typing import Any

import pytest

from baton import Agent, Baton, Goal, RunHandle, tool
from baton.agents.simulated import Answer, Conversation, ScriptedMind
from baton.core import Conflict, InvalidValue
from support import Says, call, calls, open_office, run_row, script, set_policy, soon, text_rows, tool_lines


class Shop:
    """Counts what was looked up and paid."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def agent(self, policy: str | Path = "allow-all") -> Agent:
        @tool(effect="read", verified=True)
        async def look(code: str) -> dict[str, str]:
            """Look."""
            self.done.append(f"look {code}")
            return {"code": code}

        @tool
        async def pay(cents: int) -> str:
            """Pay."""
            self.done.append(f"pay {cents}")
            return f"paid {cents}"

        return Agent("clerk", tools=[look, pay], policy=policy)


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "baton.db"


PAST = script([call("look", code="a")], [call("look", code="b"), call("pay", cents=5)])


async def _played(database: Path, shop: Shop, mind: ScriptedMind = PAST) -> RunHandle:
    async with open_office(database, [shop.agent()], mind) as baton:
        run = await baton.submit("go")
        await soon(run.result())
    return run


async def _forked(baton: Baton, run: RunHandle, at: int, **how: Any) -> RunHandle:
    fork = await baton.fork(run.id, at=at, **how)
    await soon(fork.settled())
    return fork


async def test_a_fork_shares_the_past_and_repeats_nothing_of_it(database: Path, shop: Shop) -> None:
    run = await _played(database, shop)
    async with open_office(database, [shop.agent()], PAST) as baton:
        fork = await _forked(baton, run, 1)
        assert (await soon(fork.settled())).status == "done"
        known = await run_row(baton, fork.id)
        assert (known.forked_from, known.forked_at, known.turns) == (run.id, 1, 2)
        shared = "SELECT role, turn, body FROM transcript WHERE run = :run ORDER BY seq LIMIT 2"
        assert await text_rows(baton.ledger, shared, run=fork.id) == await text_rows(baton.ledger, shared, run=run.id)
        assert await text_rows(baton.ledger, "SELECT key FROM effects WHERE run = :run", run=fork.id) == []
        assert len({row for row in await text_rows(baton.ledger, "SELECT goal FROM runs")}) == 1
        (first, *_) = await text_rows(baton.ledger, "SELECT id, turn FROM actions WHERE run = :r", r=fork.id)
        assert first == (f"{fork.id}.1.0", 1)
    assert shop.done == ["look a", "look b", "pay 5"]


async def test_what_the_other_run_did_is_answered_from_the_record_once(database: Path, shop: Shop) -> None:
    run = await _played(database, shop)
    twice = script([call("look", code="a")], [call("pay", cents=5), call("pay", cents=5), call("look", code="b")])
    async with open_office(database, [shop.agent()], twice) as baton:
        fork = await _forked(baton, run, 1)
        (review,) = (await fork.stands()).reviews
        assert (review.verdict.rules[-1], review.question["arguments"]) == ("fork", {"cents": 5})
        lines = await tool_lines(fork)
        assert lines[2] == "paid 5"
        assert lines[3].startswith(f"pending: review {review.id}: a fork asks before it writes")
        assert lines[4] == '{"code": "b"}'
        recorded = [event.data["of"] for event in [e async for e in _now(fork)] if event.kind == "call.recorded"]
        assert recorded == [f"{run.id}.2.1", f"{run.id}.2.0"]
        assert shop.done == ["look a", "look b", "pay 5"]
        await baton.approve(review.id, by="ann")
        await soon(fork.result())
    assert shop.done == ["look a", "look b", "pay 5", "pay 5"]


async def _now(run: RunHandle) -> Any:
    count = (await run.status()).events
    async for event in run.events():
        yield event
        if event.seq == count:
            return


async def test_reads_that_are_not_on_record_are_made_and_writes_are_asked(database: Path, shop: Shop) -> None:
    run = await _played(database, shop)
    other = script([call("look", code="a")], [call("look", code="c"), call("pay", cents=6)])
    async with open_office(database, [shop.agent()], other) as baton:
        await _forked(baton, run, 1)
        (review,) = await baton.reviews.waiting()
        assert review.question["arguments"] == {"cents": 6}
    assert shop.done == ["look a", "look b", "pay 5", "look c"]


async def test_a_live_fork_does_as_its_policy_says(database: Path, shop: Shop) -> None:
    run = await _played(database, shop)
    async with open_office(database, [shop.agent()], PAST) as baton:
        fork = await _forked(baton, run, 1, live=True)
        assert (await fork.stands()).status == "done"
    assert shop.done == ["look a", "look b", "pay 5", "look b", "pay 5"]


async def test_what_policy_denies_stays_denied(database: Path, shop: Shop, tmp_path: Path) -> None:
    run = await _played(database, shop)
    strict = set_policy(
        tmp_path / "strict.cedar",
        '@id("look") permit (principal, action == Action::"call", resource is Tool::look);',
    )
    async with open_office(database, [shop.agent(strict)], PAST) as baton:
        fork = await _forked(baton, run, 1)
        lines = await tool_lines(fork)
        assert lines[2] == '{"code": "b"}'
        assert lines[3].startswith("denied: ")
    assert shop.done == ["look a", "look b", "pay 5"]


async def test_what_was_pending_is_told_and_a_new_goal_and_words_reach_the_fork(database: Path, shop: Shop) -> None:
    seen: list[list[str]] = []

    def answer(conversation: Conversation) -> Answer:
        seen.append(conversation.user_texts())
        return calls(call("pay", cents=5)) if len(seen) == 1 else Answer(text="enough")

    async with open_office(database, [shop.agent("ask-writes")], Says(answer)) as baton:
        run = await baton.submit("go")
        (review,) = (await soon(run.settled())).reviews
        fork = await _forked(baton, run, 1, say="try something else")
        notice = f"[fork] pay was pending in {run.id}; no answer comes here, propose it again if needed."
        assert notice in (await tool_lines(fork))[1]
        assert "try something else" in seen[-1]
        again = await _forked(baton, run, 0, goal="stop here")
        assert "stop here" in seen[-1][0]
        assert (await again.stands()).status == "done"
        assert (await baton.reviews.get(review.id)).open


async def test_a_fork_of_a_fork_finds_what_the_first_run_did(database: Path, shop: Shop) -> None:
    run = await _played(database, shop)
    async with open_office(database, [shop.agent()], PAST) as baton:
        fork = await _forked(baton, run, 2)
        again = await _forked(baton, fork, 1)
        assert (await again.stands()).status == "done"
    assert shop.done == ["look a", "look b", "pay 5"]


async def test_a_fork_has_the_budget_of_its_goal_before_it(database: Path, shop: Shop) -> None:
    from baton import Budget

    async with open_office(database, [shop.agent()], PAST) as baton:
        run = await baton.submit(Goal("go", budget=Budget(turns=3)))
        await soon(run.result())
        fork = await _forked(baton, run, 2)
        assert (await fork.stands()).status == "done"


async def test_a_turn_that_is_not_there_is_refused(database: Path, shop: Shop) -> None:
    run = await _played(database, shop)
    async with Baton(agents=[shop.agent()], database=database, dispatch=False) as baton:
        with pytest.raises(InvalidValue, match="a turn from 0 to 3"):
            await baton.fork(run.id, at=4)
        with pytest.raises(InvalidValue, match="a turn from 0 to 3"):
            await baton.fork(run.id, at=-1)
        await baton.ledger.write(
            lambda tx: tx.connection.exec_driver_sql("DELETE FROM transcript WHERE role = 'tool' AND turn = 2")
        )
        with pytest.raises(Conflict, match="its calls are not answered yet"):
            await baton.fork(run.id, at=2)
