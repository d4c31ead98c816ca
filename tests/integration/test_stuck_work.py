"""Stuck work, as the record has it: who waits for whom among runs, reviews and people, and what would free it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from baton import Agent, Answer, Baton, Goal, RunHandle, tool
from baton.agents.simulated import Answer as Reply
from baton.agents.simulated import Conversation
from baton.core import ActionId, Fault, ManualClock, ReviewId, Ruling, RunId, Verdict
from baton.flow import Anybody, Staff, Stuck, stuck_work
from baton.graph.trouble import open_trouble
from baton.ledger import DecisionKind, Ledger, ReviewKind, Transaction, leases, mail, reviews, runs, timers, waits
from support import Says, SmallStaff, call, calls, on_both, open_office, script, set_policy, soon

ALWAYS = [(0.0, 1e12)]
GONE = SmallStaff({"ann": [], "bob": [(0.0, 10.0)]})

FREE = '@id("free") permit (principal, action, resource) unless { resource is Tool::pay };'
PAY = script([call("pay", cents=500)])


def clerk(folder: Path, terms: str) -> Agent:
    """An agent whose payments are asked about on some terms."""

    @tool
    async def pay(cents: int) -> str:
        """Pay."""
        return f"paid {cents}"

    asks = f'@id("asks") {terms} permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'
    return Agent("clerk", tools=[pay], policy=set_policy(folder / "till.cedar", asks, FREE))


async def asked(baton: Baton, agent: str = "clerk") -> tuple[RunHandle, ReviewId]:
    run = await baton.submit("go", agent=agent)
    result = await soon(run.settled())
    return run, result.reviews[0].id


def heads(found: list[Stuck]) -> list[str]:
    return [one.node.id for one in found if not one.awaited]


@on_both
async def test_a_question_that_only_somebody_gone_may_answer_is_stuck(database: str, tmp_path: Path) -> None:
    async with open_office(database, [clerk(tmp_path, '@reviewers("ann")')], PAY) as baton:
        run, review = await asked(baton)
        assert await baton.stuck() == []  # of ann nothing is known
        assert await baton.stuck(SmallStaff({"ann": ALWAYS})) == []
        found = {one.node.id: one for one in await baton.stuck(GONE)}
        assert found.keys() == {run.id, review}
        assert [f"{node.says} {node.because}" for node in found[run.id].chain] == [
            f"{run.id} of clerk waits",
            f"{review} of clerk, pay waits",
            "ann is never on duty again",
        ]
        ways = ("name a stand-in for ann", f"approve or reject {review}", f"cancel {run.id}")
        assert found[run.id].ways_out == ways
        await baton.approve(review, by="eve")
        await soon(run.result())
        assert await baton.stuck(GONE) == []


async def test_somebody_else_who_comes_back_is_enough(tmp_path: Path) -> None:
    agent = clerk(tmp_path, '@reviewers("ann, lead")')
    async with open_office(tmp_path, [agent], PAY) as baton:
        run, _ = await asked(baton)
        assert await baton.stuck(SmallStaff({"ann": [], "bob": ALWAYS}, {"lead": ["bob"]})) == []
        assert heads(await baton.stuck(SmallStaff({"ann": [], "bob": []}, {"lead": ["bob"]}))) == [run.id]


@on_both
async def test_a_quorum_waits_for_so_many_who_have_not_approved_yet(database: str, tmp_path: Path) -> None:
    two_there = SmallStaff({"ann": ALWAYS, "bob": ALWAYS, "cid": []})
    async with open_office(database, [clerk(tmp_path, '@quorum("2")')], PAY) as baton:
        run, review = await asked(baton)
        assert await baton.stuck(two_there) == []
        (head, *_) = [one for one in await baton.stuck(SmallStaff({"ann": ALWAYS, "cid": []})) if not one.awaited]
        assert [node.because for node in head.chain][1:] == [
            "waits for 2 people, of 2 who may answer it",
            "is never on duty again",
        ]
        (head, *_) = [one for one in await baton.stuck(SmallStaff({"ann": ALWAYS})) if not one.awaited]
        assert [node.because for node in head.chain][1:] == ["waits for 2 people, of 1 who may answer it"]
        await baton.approve(review, by="ann")
        assert await baton.stuck(two_there) == []
        assert heads(await baton.stuck(SmallStaff({"ann": ALWAYS, "cid": []}))) == [run.id]


async def test_a_question_that_is_closed_at_its_deadline_is_not_stuck(tmp_path: Path) -> None:
    for at_deadline, expected in (("deny", 0), ("approve", 0), ("park", 2)):
        agent = clerk(tmp_path, f'@reviewers("ann") @deadline("1h") @on_deadline("{at_deadline}")')
        async with open_office(tmp_path / at_deadline, [agent], PAY) as baton:
            await asked(baton)
            assert len(await baton.stuck(GONE)) == expected


async def test_a_question_is_stuck_only_once_those_were_asked_whom_its_deadline_asks(tmp_path: Path) -> None:
    clock = ManualClock()
    terms = '@reviewers("ann") @deadline("4h") @on_deadline("escalate") @escalate_to("bob")'
    both_gone, bob_there = SmallStaff({"ann": [], "bob": []}), SmallStaff({"ann": [], "bob": ALWAYS})
    async with open_office(tmp_path, [clerk(tmp_path, terms)], PAY, clock=clock) as baton:
        run, review = await asked(baton)
        assert await baton.stuck(both_gone) == []
        clock.advance(3.5 * 3600)
        await soon(baton.until(lambda tx: reviews.get(tx, review).escalated_at))
        assert await baton.stuck(bob_there) == []
        assert heads(await baton.stuck(both_gone)) == [run.id]


async def test_who_asked_for_the_goal_does_not_free_a_question_that_needs_four_eyes(tmp_path: Path) -> None:
    only = SmallStaff({"ann": ALWAYS})
    for terms, expected in (("", 0), ("@four_eyes", 2)):
        async with open_office(tmp_path / f"{expected}", [clerk(tmp_path, terms)], PAY) as baton:
            await soon((await baton.submit(Goal("go", requester="ann"))).settled())
            assert len(await baton.stuck(only)) == expected


async def test_a_question_that_was_given_to_somebody_gone_is_stuck_until_it_is_given_on(tmp_path: Path) -> None:
    staff = SmallStaff({"ann": [], "bob": ALWAYS})
    async with open_office(tmp_path, [clerk(tmp_path, "")], PAY) as baton:
        _, review = await asked(baton)
        assert await baton.stuck(staff) == []
        await baton.reviews.delegate(review, "ann", by="bob")
        found = await baton.stuck(staff)
        assert found[0].ways_out[:2] == ("name a stand-in for ann", f"approve or reject {review}, or delegate it")
        await baton.reviews.delegate(review, "bob", by="bob")
        assert await baton.stuck(staff) == []


async def test_what_is_decided_and_held_back_is_not_stuck(tmp_path: Path) -> None:
    async with open_office(tmp_path, [clerk(tmp_path, '@reviewers("ann")')], PAY) as baton:
        _, review = await asked(baton)
        assert len(await baton.stuck(GONE)) == 2
        await baton.decide(review, Answer(kind=DecisionKind.APPROVE, by="eve", hold=600.0))
        assert await baton.stuck(GONE) == []


async def test_the_same_proposal_twice_waits_for_one_question(tmp_path: Path) -> None:
    twice = script([call("pay", cents=500), call("pay", cents=500)])
    async with open_office(tmp_path, [clerk(tmp_path, '@reviewers("ann")')], twice) as baton:
        run, review = await asked(baton)
        assert [one.node.id for one in await baton.stuck(GONE)] == [review, run.id]


async def test_a_hand_off_is_stuck_behind_what_holds_its_child(tmp_path: Path) -> None:
    desk = Agent("desk", hands_off_to=["clerk"], policy="allow-all")

    def answer(conversation: Conversation) -> Reply:
        if any(conversation.results()):
            return Reply(text="waiting")
        hand_on = calls(call("hand_off", to="clerk", task="pay it"))
        return hand_on if "hand_off" in conversation.tools else calls(call("pay", cents=500))

    async with open_office(tmp_path, [desk, clerk(tmp_path, '@reviewers("ann")')], Says(answer)) as baton:
        run, review = await asked(baton, "desk")
        (head, *rest) = [one for one in await baton.stuck(GONE) if not one.awaited]
        assert (head.node.id, rest) == (run.id, [])
        assert [node.kind for node in head.chain] == ["run", "run", "review", "person"]
        assert head.chain[2].id == review and len(head.ways_out) == 4


@pytest.mark.parametrize(
    ("within", "timed"), [({}, "an event, for ever"), ({"within": "2h"}, "an event, or a time"), (None, "a time")]
)
async def test_who_waits_for_a_time_or_for_the_world_is_not_stuck(
    tmp_path: Path, within: dict[str, str] | None, timed: str
) -> None:
    wait = call("wait", duration="2h") if within is None else call("wait_for", event="shipped", **within)
    async with open_office(tmp_path, [Agent("clerk", policy="allow-all")], script([wait])) as baton:
        assert (await soon((await baton.submit("go")).settled())).status == "waiting", timed
        assert await baton.stuck(GONE) == []


class Record:
    """A record in which runs stand as they are put there, with nobody at work."""

    def __init__(self, ledger: Ledger, clock: ManualClock) -> None:
        self.ledger, self.clock = ledger, clock

    async def run(self, *, parent: RunId | None = None, goal: Goal | None = None, parked: bool = True) -> RunId:
        def create(tx: Transaction) -> RunId:
            id, _ = runs.create(tx, goal or Goal("go"), "clerk", parent=parent)
            if parked:
                lease = leases.take(tx, id, "w", 30)
                assert lease is not None
                leases.park(tx, lease)
            return id

        return await self.ledger.write(create)

    async def review(self, run: RunId, *reviewers: str) -> ReviewId:
        verdict = Verdict(ruling=Ruling.ASK, reason="", policy="", reviewers=reviewers)
        id = ReviewId(f"rev_{run.removeprefix('run_')}")

        def ask(tx: Transaction) -> None:
            asks = {"agent": "clerk", "tool": "pay"}
            kind = ReviewKind.ACTION
            reviews.open_(tx, run, kind, id=id, action=None, question={}, verdict=verdict, requester=None, **asks)

        await self.ledger.write(ask)
        return id

    async def heads(self, staff: Staff = GONE) -> list[str]:
        return heads(await self.ledger.read(lambda tx: stuck_work(tx, staff)))


@pytest.fixture
async def record(record_url: str) -> AsyncIterator[Record]:
    clock = ManualClock()
    ledger = await Ledger.open(record_url, clock)
    yield Record(ledger, clock)
    await ledger.close()


async def test_who_is_ready_or_held_by_a_worker_that_died_is_not_stuck(record: Record) -> None:
    await record.run(parked=False)
    held = await record.run(parked=False)
    assert await record.ledger.write(lambda tx: leases.take(tx, held, "gone", 1)) is not None
    assert await record.heads() == []
    record.clock.advance(60.0)  # its lease has run out; another worker will take it over
    assert await record.heads() == []


async def test_a_parked_run_that_waits_for_nothing_is_stuck_until_somebody_writes_to_it(record: Record) -> None:
    run = await record.run()
    assert await record.heads(Anybody()) == [run]
    (one,) = await record.ledger.read(lambda tx: stuck_work(tx, Anybody()))
    assert one.chain[0].because == "waits, but for nothing that is open"
    assert one.ways_out == (f"say something to {run}, or cancel it",)
    await record.ledger.write(lambda tx: mail.post(tx, run, "user", sender="ann", text="go on"))
    assert await record.heads(Anybody()) == []


async def test_a_conversation_waits_for_whoever_leads_it(record: Record) -> None:
    talk = await record.run(goal=Goal("talk", conversation=True, requester="ann"))
    await record.run(goal=Goal("talk", conversation=True, requester="eve"))
    await record.run(goal=Goal("talk", conversation=True))
    assert await record.heads() == [talk]
    assert await record.heads(Anybody()) == []


async def test_a_run_moves_with_the_first_of_what_it_waits_for(record: Record) -> None:
    run = await record.run()
    first = await record.review(run, "ann")
    child = await record.run(parent=run)
    other = await record.review(child, "bob")
    assert await record.heads() == [run]
    assert await record.heads(SmallStaff({"ann": [], "bob": ALWAYS})) == [first]
    assert await record.heads(SmallStaff({"ann": ALWAYS, "bob": []})) == [child]
    await record.ledger.write(lambda tx: timers.start(tx, run, tx.now + 5, "goal"))
    assert sorted(await record.heads()) == sorted([first, child])
    await record.ledger.write(lambda tx: waits.begin(tx, child, ActionId("act"), "shipped", "", None))
    assert sorted(await record.heads()) == sorted([first, other])


async def test_a_run_that_kills_its_workers_waits_for_that_question_alone(record: Record) -> None:
    run = await record.run()
    trouble = await record.ledger.write(lambda tx: open_trouble(tx, runs.get(tx, run), "it kills", Fault.POISONED))
    await record.ledger.write(lambda tx: timers.start(tx, run, tx.now + 5, "wait"))
    assert await record.heads(Anybody()) == []
    (head, *_) = [
        one for one in await record.ledger.read(lambda tx: stuck_work(tx, SmallStaff({"ann": []}))) if not one.awaited
    ]
    assert [node.id for node in head.chain] == [run, trouble, "person:ann"]
