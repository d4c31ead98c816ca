"""People with hours: who is asked, who stands in, and what is said where nobody is there in time."""

import asyncio
import threading
from datetime import datetime, time
from pathlib import Path

import pytest

from baton import Agent, Baton, Goal
from baton.core import Calendar, Hours, InvalidValue, ManualClock, NotFound, Person, Roster
from baton.ledger import Ledger, Transaction, events, people, runs
from support import on_both, open_office, soon, text_rows, tool_lines
from support.commands import baton
from support.till import PLAIN, clerk_at, does_what_the_goal_says, refunds

REFUND = refunds('deadline("8h")', 'skills("refunds")', 'reviewers("lead")')
HOUR, DAY = 3600.0, 86400.0
MONDAY = datetime.fromisoformat("2026-11-23T00:00Z").timestamp()
FRIDAY_EVENING = MONDAY + 4 * DAY + 20 * HOUR

WEEK = Calendar(hours=tuple(Hours(weekday=day, start=time(1), end=time(9)) for day in range(5)))
ANN = Person(name="ann", roles=frozenset({"lead"}), skills=frozenset({"refunds"}), calendar=WEEK)
BOB = Person(name="bob", skills=frozenset({"refunds"}))
CID = Person(name="cid", roles=frozenset({"clerk"}))


@pytest.fixture
def clerk(tmp_path: Path) -> Agent:
    return clerk_at(tmp_path, PLAIN, REFUND)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(FRIDAY_EVENING)


async def told(baton: Baton, goal: Goal | str) -> str:
    """What the agent is told of its question."""
    run = await baton.submit(goal)
    await soon(run.settled())
    return (await tool_lines(run))[0]


@on_both
async def test_an_agent_is_told_that_nobody_is_there_before_the_deadline(
    database: str, clerk: Agent, clock: ManualClock
) -> None:
    async with open_office(database, [clerk], does_what_the_goal_says(), clock=clock, people=[ANN, BOB, CID]) as baton:
        said = await told(baton, "refund A-1")
        assert said.endswith(
            "; nobody with the skill refunds who is lead is on duty before the deadline;"
            " the next is on duty Mon 2026-11-30 01:00 UTC"
        )
        (review,) = await baton.reviews.waiting()
        expected = await baton.ledger.read(lambda tx: events.latest(tx, review.run, "review.expected"))
        assert [dict(event.data) for event in expected] == [
            {
                "review": review.id,
                "half_by": None,
                "most_by": None,
                "staffed": False,
                "next": FRIDAY_EVENING + 2 * DAY + 5 * HOUR,
            }
        ]
        assert "on duty" not in await told(baton, "pay A-2")  # anybody may, and bob and cid are always there
        clock.advance(2 * DAY + 5 * HOUR)
        assert "on duty" not in await told(baton, "refund A-3")


@on_both
async def test_where_nobody_ever_is_there_that_is_said(database: str, clerk: Agent, clock: ManualClock) -> None:
    mind = does_what_the_goal_says()
    lead_without = Person(name="ann", roles=frozenset({"lead"}))
    async with open_office(database, [clerk], mind, clock=clock, people=[lead_without, CID]) as baton:
        assert "; nobody with the skill refunds who is lead is ever on duty" in await told(baton, "refund A-1")
    async with open_office(database, [clerk], mind, clock=clock) as baton:
        assert "is ever on duty" in await told(baton, "refund A-2")  # the record has the people still
    async with open_office(database, [clerk], mind, clock=clock, people=[]) as baton:
        assert "on duty" not in await told(baton, "refund A-3")  # nobody is named: everybody is always there


async def test_a_goal_that_is_due_before_anybody_comes_is_told_so_too(
    tmp_path: Path, clerk: Agent, clock: ManualClock
) -> None:
    async with open_office(tmp_path, [clerk], does_what_the_goal_says(), clock=clock, people=[ANN]) as baton:
        assert "nobody is on duty before the deadline" in await told(baton, Goal("pay A-1", deadline="4h"))
        assert "on duty" not in await told(baton, "pay A-2")


@on_both
async def test_next_knows_skills_and_roles_and_the_stand_in_gets_the_questions_of_who_is_away(
    database: str, clerk: Agent, clock: ManualClock
) -> None:
    mind = does_what_the_goal_says()
    async with open_office(database, [clerk], mind, clock=clock, people=[ANN, BOB, CID]) as baton:
        await told(baton, "refund A-1")
        assert await baton.reviews.next("bob") is None and await baton.reviews.next("cid") is None
        start = clock.now()
        await baton.ledger.write(lambda tx: people.away(tx, "ann", start, start + DAY, stand_in="bob", by="cid"))
        assert "on duty" not in await told(baton, "refund A-2")  # bob is always there
        first = await baton.reviews.next("bob", seconds=60)
        assert first is not None and first.tool == "refund"
        assert await baton.reviews.next("cid") is None
        clock.advance(DAY)
        assert await baton.reviews.next("bob") is None
        again = await baton.reviews.next("cid", skills=["refunds"], roles=["lead"])  # what is said goes before
        assert again is not None
        assert await baton.reviews.next("ann") is not None
        await told(baton, "refund A-3")
        stranger = await baton.reviews.next("zoe")  # of whom nothing is said
        assert stranger is not None


@on_both
async def test_absences_are_entered_and_taken_back_and_the_past_stays(database: str, clock: ManualClock) -> None:
    ledger = await Ledger.open(database, clock)
    try:
        with pytest.raises(NotFound, match=r"people\.yaml"):
            await ledger.write(lambda tx: people.away(tx, "ann", clock.now(), None, by="ann"))
        assert await ledger.write(lambda tx: people.keep(tx, [ANN, BOB]))
        assert not await ledger.write(lambda tx: people.keep(tx, [ANN, BOB]))
        start = clock.now()
        for person, end, stand_in, problem in (
            ("zoe", None, None, "there is no person 'zoe'; there is: ann, bob"),
            ("ann", None, "zoe", "there is no stand-in 'zoe'"),
            ("ann", None, "ann", "another person"),
            ("ann", start, None, "a time after its start"),
        ):
            with pytest.raises((NotFound, InvalidValue), match=problem):
                await ledger.write(
                    lambda tx, person=person, end=end, stand_in=stand_in: people.away(  # type: ignore[misc]
                        tx, person, start, end, stand_in=stand_in, by="ann"
                    )
                )
        await ledger.write(lambda tx: people.away(tx, "bob", start, None, by="ann"))
        await ledger.write(lambda tx: people.away(tx, "bob", start + 9 * DAY, start + 10 * DAY, by="ann"))
        clock.advance(HOUR)
        assert [one.person for one in await ledger.read(people.entered)] == ["bob", "bob"]
        assert await there(ledger, "bob", start, start + 20 * DAY) == 0
        taken = await ledger.write(lambda tx: people.back(tx, "bob", by="bob"))
        assert len(taken) == 2 and await ledger.read(people.entered) == []
        assert await there(ledger, "bob", start, start + 20 * DAY) == 20 * DAY - HOUR
        assert await ledger.write(lambda tx: people.back(tx, "bob", by="bob")) == []
    finally:
        await ledger.close()


async def there(ledger: Ledger, name: str, start: float, end: float) -> float:
    roster = await ledger.read(people.roster)
    assert roster is not None
    person = roster.person(name)
    assert person is not None
    return sum(ended - begun for begun, ended in person.spans(start, end))


@on_both
async def test_processes_that_begin_at_once_agree_on_the_people(database: str, clock: ManualClock) -> None:
    ledgers = [await Ledger.open(database, clock) for _ in range(2)]
    begun, may_end = threading.Event(), threading.Event()

    def slowly(tx: Transaction) -> None:
        people.keep(tx, [ANN])
        begun.set()
        may_end.wait(10)

    try:
        first = ledgers[0].write(slowly)
        assert await asyncio.to_thread(begun.wait, 10)
        second = ledgers[1].write(lambda tx: people.keep(tx, [BOB, CID]))
        await asyncio.sleep(0.2)
        may_end.set()
        await asyncio.gather(first, second)
        for ledger in ledgers:
            assert await ledger.read(people.roster) == Roster(people=(BOB, CID))
        assert await text_rows(ledgers[0], "SELECT count(*) FROM roster") == [(1,)]
        await ledgers[0].write(lambda tx: people.keep(tx, []))
        assert await ledgers[1].read(people.roster) is None
    finally:
        may_end.set()
        for ledger in ledgers:
            await ledger.close()


def test_the_command_shows_people_and_enters_who_is_away(tmp_path: Path) -> None:
    (tmp_path / "agents.yaml").write_text("agents: [{name: desk, instructions: help}]")
    assert baton(tmp_path, "run", "say hello").code == 0
    assert "Nobody is named" in baton(tmp_path, "people").out
    (tmp_path / "people.yaml").write_text("people: [{name: ann, roles: [lead]}, {name: bob, hours: {}}]")
    listed = baton(tmp_path, "people").out
    assert "ann  always on duty" in listed and "bob  never on duty" in listed and "lead" in listed
    done = baton(tmp_path, "people", "away", "ann", "--to", "2999-12-24", "--stand-in", "bob")
    assert done.code == 0 and "to Wed 2999-12-25 00:00 UTC, bob stands in." in done.out
    assert baton(tmp_path, "people", "--json").json["people"][0]["on_duty"] is False
    assert "is no longer away" in baton(tmp_path, "people", "back", "ann").out
    assert "ann  always on duty" in baton(tmp_path, "people").out
    wrong = baton(tmp_path, "people", "away", "zoe")
    assert wrong.code == 2 and "there is no person 'zoe'; there is: ann, bob" in wrong.err


async def test_what_people_see_says_that_nobody_is_there(tmp_path: Path, clerk: Agent) -> None:
    database = tmp_path / "baton.db"
    never = Person(name="ann", roles=frozenset({"lead"}), skills=frozenset({"refunds"}), calendar=Calendar())
    async with open_office(database, [clerk], does_what_the_goal_says(), people=[never]) as office:
        run = await office.submit("refund A-1")
        await soon(run.settled())
        assert (await office.ledger.read(lambda tx: runs.get(tx, run.id))).status == "waiting"
    said = "nobody with the skill refunds who is lead is ever on duty"
    listed = await asyncio.to_thread(baton, tmp_path, "review", "-d", str(database))
    assert said in listed.out
    found = (await asyncio.to_thread(baton, tmp_path, "review", "-d", str(database), "--json")).json["reviews"][0]
    assert (found["staffed"], found["next_on_duty"], found["half_by"]) == (False, None, None)
    assert said in (await asyncio.to_thread(baton, tmp_path, "review", "show", found["id"], "-d", str(database))).out
    assert said in (await asyncio.to_thread(baton, tmp_path, "runs", "show", run.id, "-d", str(database))).out
