"""What a user of the SDK sees of its types. mypy and pyright read this file; nothing runs it."""

from datetime import datetime, timedelta
from typing import assert_type

from baton import (
    Agent,
    Answer,
    Attachment,
    Baton,
    Budget,
    Fault,
    Goal,
    Project,
    Result,
    Retries,
    RunHandle,
    load_project,
    tool,
)
from baton.core import RunId
from baton.flow import Anybody, Measures, Staff, Stuck
from baton.ledger import Decision, Event, Line, Review, Run
from baton.review import DeadLetter, Retried


@tool
def find_order(order_id: str) -> dict[str, str]:
    return {"order": order_id}


@tool(effect="write", timeout=5, retries=Retries(attempts=5, deadline=60))
async def refund(order_id: str, cents: int, *, key: str) -> int:
    return cents


assert_type(find_order("4417"), dict[str, str])


async def call() -> None:
    assert_type(await refund("4417", 1200, key="k"), int)


def roles() -> Agent:
    return Agent("desk", tools=[find_order, refund], policy="ask-writes", hands_off_to=["billing"])


def goals() -> Goal:
    return Goal(
        "Answer the mail",
        criteria=["it is answered"],
        attachments=(Attachment("mail.eml", "Hello"),),
        deadline="2h",
        budget=Budget(turns=10),
    )


def late(goal: Goal) -> Goal:
    assert_type(goal.deadline, timedelta | datetime | None)
    return Goal("Answer the mail", deadline=timedelta(hours=2))


async def work(baton: Baton, run: RunHandle) -> None:
    assert_type(await baton.submit("Refund order 4417", key="mail-7"), RunHandle)
    assert_type(await baton.run(goals(), agent="desk"), Result)
    assert_type(await baton.runs(statuses=["waiting"]), list[Run])
    assert_type(run.id, RunId)
    assert_type(await run.status(), Run)
    assert_type(await run.result(), Result)
    assert_type(await run.say("And now?"), list[str])
    assert_type(await run.transcript(), list[Line])
    async for event in run.events():
        assert_type(event, Event)


async def decide(baton: Baton, answer: Answer) -> None:
    assert_type(await baton.reviews.waiting(), list[Review])
    assert_type(await baton.approve("rev_1"), Decision)
    assert_type(await baton.edit("rev_1", {"cents": 1200}), Decision)
    assert_type(await baton.decide("rev_1", answer), Decision)


async def let_go_on(baton: Baton) -> None:
    assert_type(await baton.dead(fault=Fault.TRANSIENT), list[DeadLetter])
    assert_type(await baton.retry("run_1", by="ann"), list[Retried])


async def how_it_goes(baton: Baton, staff: Staff) -> None:
    assert_type(await baton.stuck(staff), list[Stuck])
    assert_type(await baton.measures(days=7, staff=Anybody()), Measures)


def opened(project: Project) -> Baton:
    assert_type(load_project("agents.yaml"), Project)
    assert_type(project.agents, tuple[Agent, ...])
    return Baton(agents=project.agents, database=project.database, mind=project.mind)


def sync(baton: Baton) -> None:
    assert_type(baton.run_sync("Refund order 4417"), Result)
