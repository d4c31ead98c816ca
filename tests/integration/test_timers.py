"""Timers: fired once, in order, after downtime, in bulk; waiting until a time; deadlines."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from baton import Agent, Goal
from baton.agents.simulated import Answer, Conversation
from baton.core import InvalidValue, ManualClock, RunId
from baton.graph import alarms
from baton.ledger import Ledger, mail, runs, timers
from support import CountingMind, Says, call, calls, open_office, run_row, soon, text_rows, tool_lines, until

CLERK = [Agent("clerk")]
NOW = datetime(2026, 3, 28, 12, 0, tzinfo=UTC).timestamp()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "baton.db"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


def waits(*rounds: Sequence[object]) -> Says:
    """Plays rounds of calls; says nothing until it is told what it waits for, then finishes."""

    def answer(conversation: Conversation) -> Answer:
        told = [said for said in conversation.user_texts() if said.startswith(("[wait]", "[deadline]"))]
        if told:
            return calls(call("finish", summary=told[-1]))
        played = sum(bool(m.get("tool_calls")) for m in conversation.messages)
        return calls(*rounds[played]) if played < len(rounds) else Answer(text="…")  # type: ignore[arg-type]

    return Says(answer)


async def test_a_wait_until_a_local_time_is_told_in_that_zone_and_in_utc(database: Path, clock: ManualClock) -> None:
    mind = waits([call("wait", until="08:00", zone="Europe/Berlin")])
    async with open_office(database, CLERK, mind, clock=clock) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
        told = "pending: you are told at 2026-03-29 08:00 CEST (Europe/Berlin), 2026-03-29 06:00 UTC"
        assert await tool_lines(run) == [told]
        clock.advance(18 * 3600 - 1)
        await baton.ledger.write(lambda tx: runs.wake(tx, run.id))
        assert (await soon(run.settled())).status == "waiting"
        clock.advance(1)
        result = await soon(run.result())
    assert result.summary == "[wait] The time you waited for has come: 2026-03-29 06:00 UTC."


async def test_the_house_has_a_time_zone(database: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATON_TIMEZONE", "Asia/Kolkata")
    mind = waits([call("wait", until="2026-03-29T08:00")])
    async with open_office(database, CLERK, mind, clock=clock) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
        assert "2026-03-29 08:00 IST (Asia/Kolkata), 2026-03-29 02:30 UTC" in (await tool_lines(run))[0]
    monkeypatch.setenv("BATON_TIMEZONE", "Asia/Nowhere")
    with pytest.raises(InvalidValue, match="time zone 'Asia/Nowhere'"):
        async with open_office(database, CLERK, mind, clock=clock):
            pass


async def test_waits_that_cannot_be_are_refused_and_nothing_is_waited_for(database: Path, clock: ManualClock) -> None:
    bad = [
        call("wait"),
        call("wait", duration="2h", until="08:00"),
        call("wait", until="2026-03-28T08:00"),
        call("wait", until="08:00", zone="Europe/Atlantis"),
        call("wait", duration="2h", zone="Europe/Atlantis"),
        call("wait", duration="9999999999w"),
        call("wait", duration="0s"),
        call("wait", until="soon"),
    ]
    mind = waits(bad, [call("finish", summary="fine")])
    async with open_office(database, CLERK, mind, clock=clock) as baton:
        run = await baton.submit("go")
        await soon(run.result())
        lines = await tool_lines(run)
        assert await text_rows(baton.ledger, "SELECT * FROM timers") == []
    assert all(line.startswith("error: ") for line in lines[:-1]), lines
    for line, says in zip(
        lines, ("say how long", "not both", "a time to come", "IANA name", "IANA name"), strict=False
    ):
        assert says in line
    assert "a thousand million days" in lines[5]


async def test_a_deadline_that_is_a_time_is_told_once_and_comes(database: Path, clock: ManualClock) -> None:
    seen: list[str] = []

    def answer(conversation: Conversation) -> Answer:
        seen.append(conversation.user_texts()[0])
        late = conversation.user_texts()[-1].startswith("[deadline]")
        return Answer(text="late") if late else calls(call("wait", duration="9h"))

    async with open_office(database, CLERK, Says(answer), clock=clock) as baton:
        run = await baton.submit(Goal("go", deadline="2026-03-28T15:00+01:00"))
        await soon(run.settled())
        assert (await run_row(baton, run.id)).deadline == NOW + 7200
        clock.advance(7200)
        await soon(until(baton.ledger, lambda tx: runs.get(tx, run.id).turns == 2))
    assert set(seen) == {seen[0]}
    assert "## Deadline\n2026-03-28 14:00 UTC (the goal was given at 2026-03-28 12:00 UTC)" in seen[0]


async def test_a_goal_whose_deadline_has_passed_is_refused_unless_it_is_known(
    database: Path, clock: ManualClock
) -> None:
    goal = Goal("go", deadline="2026-03-28T13:00+00:00")
    async with open_office(database, CLERK, waits(), clock=clock) as baton:
        run = await baton.submit(goal, key="k")
        clock.advance(7200)
        assert (await baton.submit(goal, key="k")).id == run.id
        with pytest.raises(InvalidValue, match="it is 2026-03-28 14:00 UTC now"):
            await baton.submit(goal)
        assert len(await baton.runs()) == 1


async def test_what_came_due_while_nobody_was_there_fires_at_the_start_and_once(
    database: Path, clock: ManualClock
) -> None:
    mind = CountingMind(waits([call("wait", duration="2h")]))
    async with open_office(database, CLERK, mind, clock=clock) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
    clock.advance(86400)
    async with open_office(database, CLERK, mind, clock=clock) as baton:
        assert (await soon((await baton.open(run.id)).result())).status == "done"
        clock.advance(-86400)  # a clock that is set back has nothing fire again
        await baton.ledger.write(lambda tx: runs.wake(tx, run.id))
        clock.advance(2 * 86400)
        assert await alarms.fire_due(baton.ledger) == 0
        told = await text_rows(baton.ledger, "SELECT count(*) FROM messages WHERE kind = 'timer'")
    assert told == [(1,)]


async def _crowd(ledger: Ledger, number: int) -> list[RunId]:
    """Runs that nobody works on, each with a timer, due one after the other."""

    def make(tx: object) -> list[RunId]:
        made = [runs.create(tx, Goal("go"), "clerk")[0] for _ in range(number)]  # type: ignore[arg-type]
        for place, run in enumerate(made):
            timers.start(tx, run, NOW + place, "wait")  # type: ignore[arg-type]
        return made

    return await ledger.write(make)


async def test_a_crowd_of_timers_fires_in_few_transactions_in_order_each_once(
    database: Path, clock: ManualClock
) -> None:
    ledger = await Ledger.open(str(database), clock)
    try:
        made = await _crowd(ledger, 1000)
        assert await alarms.fire_due(ledger) == 1
        clock.advance(2000)
        fired: list[int] = []
        while count := await alarms.fire_due(ledger):
            fired.append(count)
        assert fired == [alarms.BATCH] * 4 + [alarms.BATCH - 1]
        told = await text_rows(ledger, "SELECT run FROM messages ORDER BY seq")
        assert [row[0] for row in told] == made
        assert await ledger.read(timers.next_due) is None
    finally:
        await ledger.close()


async def test_two_that_fire_at_once_fire_each_timer_once(database: Path, clock: ManualClock) -> None:
    first, second = [await Ledger.open(str(database), clock) for _ in range(2)]
    try:
        made = await _crowd(first, 500)
        clock.advance(1000)
        count = 0
        while True:
            fired = await soon(asyncio.gather(alarms.fire_due(first), alarms.fire_due(second)))
            count += sum(fired)
            if not any(fired):
                break
        assert count == 500
        told = await text_rows(first, "SELECT run FROM messages")
        assert sorted(row[0] for row in told) == sorted(made)
    finally:
        await first.close()
        await second.close()


async def test_a_timer_of_a_run_that_has_ended_or_gone_says_nothing(database: Path, clock: ManualClock) -> None:
    ledger = await Ledger.open(str(database), clock)
    try:
        ended, kept = await _crowd(ledger, 2)
        await ledger.write(lambda tx: runs.end(tx, ended, "done", "x"))
        await ledger.write(lambda tx: timers.start(tx, RunId("run_gone"), NOW, "wait"))
        clock.advance(10)
        assert await alarms.fire_due(ledger) == 3
        assert await ledger.read(lambda tx: mail.unread(tx, ended, 0)) == []
        assert len(await ledger.read(lambda tx: mail.unread(tx, kept, 0))) == 1
    finally:
        await ledger.close()
