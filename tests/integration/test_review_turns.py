"""`next`: the question that a person should answer now, taken for them, whoever else takes one at the same moment."""

import asyncio
from pathlib import Path

import pytest

from baton import Agent, Baton, Goal
from baton.core import Forbidden, InvalidValue, ManualClock, PolicyError
from baton.ledger import DecisionKind, Ledger
from baton.review import Answer as ReviewAnswer
from baton.review import ReviewQueue
from support import on_both, open_office, reviewing, set_policy, soon
from support.till import PLAIN, clerk_at, does_what_the_goal_says, refunds

DEAR = refunds('cost("10")', 'deadline("1h")', 'skills("refunds, french")', 'reviewers("lead")')


@pytest.fixture
def clerk(tmp_path: Path) -> Agent:
    return clerk_at(tmp_path, PLAIN, DEAR)


async def ask(baton: Baton, *goals: Goal | str) -> None:
    for goal in goals:
        await soon((await baton.submit(goal)).settled())


@on_both
async def test_next_takes_what_is_dear_and_due_soon_then_the_earliest(database: str, clerk: Agent) -> None:
    async with open_office(database, [clerk], does_what_the_goal_says()) as baton:
        await ask(baton, "pay A-1", Goal("pay A-2", deadline="5h"), "refund A-3")
        taken = [await baton.reviews.next("ann") for _ in range(4)]
        assert taken[0] is not None and taken[0].question["arguments"]["order"] == "A-3"
        assert all(one == taken[0] or (one is not None and one.id == taken[0].id) for one in taken)  # still hers
        others = [await baton.reviews.next(by) for by in ("bob", "eve", "joe")]
        assert [one and one.question["arguments"]["order"] for one in others] == ["A-2", "A-1", None]
        assert (taken[0].cost, taken[0].skills) == (10.0, ("refunds", "french"))
        assert others[0] is not None and others[0].due - others[0].opened_at < 5 * 3600 + 60
        await baton.reject(taken[0].id, "no", by="ann")
        assert await baton.reviews.next("ann") is None


async def test_next_gives_only_what_somebody_can_and_may_answer(tmp_path: Path, clerk: Agent) -> None:
    async with open_office(tmp_path, [clerk], does_what_the_goal_says()) as baton:
        await ask(baton, *(f"refund A-{number}" for number in range(12)), "pay B-1")
        for skills, roles in ((["refunds"], None), (None, ["clerk"]), ([], [])):
            one = await baton.reviews.next("ann", skills=skills, roles=roles)
            assert one is not None and one.tool == "pay"
        able = await baton.reviews.next("lea", skills=["french", "refunds", "more"], roles=["lead"])
        assert able is not None and able.tool == "refund"
        by_name = await baton.reviews.next("lead", roles=[])
        assert by_name is not None and by_name.tool == "refund" and by_name.id != able.id
        with pytest.raises(Forbidden, match="an agent never decides"):
            await baton.reviews.next("agent:clerk")
        assert await baton.reviews.next("clerk") is None


@on_both
async def test_people_who_ask_at_once_get_different_questions(database: str, clerk: Agent) -> None:
    async with open_office(database, [clerk], does_what_the_goal_says()) as baton:
        await asyncio.gather(*(ask(baton, f"pay A-{number}") for number in range(12)))
        found = await asyncio.gather(*(baton.reviews.next(f"person {number}") for number in range(15)))
        ids = [one.id for one in found if one is not None]
        assert len(ids) == len(set(ids)) == 12 and found.count(None) == 3


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ('@cost("0")', "a number above 0"),
        ('@cost("dear")', "a number above 0"),
        ('@skills("a,,b")', "names with commas"),
    ],
)
def test_a_cost_or_skill_that_says_nothing_is_refused(tmp_path: Path, clerk: Agent, said: str, problem: str) -> None:
    set_policy(tmp_path / "till.cedar", PLAIN.replace("permit", f"{said} permit"))
    with pytest.raises((PolicyError, InvalidValue), match=problem):
        Baton(agents=[clerk], database=tmp_path / "x.db").run_sync("pay A-1")


@on_both
async def test_a_tenant_that_asks_very_much_does_not_keep_others_waiting(database: str) -> None:
    clock = ManualClock()
    ledger = await Ledger.open(database, clock)
    try:
        queue, served = ReviewQueue(ledger), list[str]()
        await reviewing.ask(ledger, 30, tenant="loud")
        clock.advance(60)
        await reviewing.ask(ledger, 3, tenant="quiet")
        for _ in range(8):
            taken = await queue.next("ann")
            assert taken is not None
            served.append(taken.tenant)
            await queue.decide(taken.id, ReviewAnswer(kind=DecisionKind.APPROVE, by="ann"))
            clock.advance(60)
        assert served.count("quiet") == 3 and served[:6].count("loud") == 3
        assert served[6:] == ["loud", "loud"]
    finally:
        await ledger.close()
