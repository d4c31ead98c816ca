"""The life of a question: held decisions, deadlines, delegating, putting off, asking back, taking back."""

from datetime import time
from pathlib import Path

import pytest

from baton import Agent, Goal, tool
from baton.agents.simulated import Answer as Said
from baton.agents.simulated import Conversation, SimulatedCall
from baton.core import Calendar, Conflict, Forbidden, Hours, InvalidValue, ManualClock, Person, PolicyError
from baton.ledger import DecisionKind, Source, Transaction, events, reviews, timers
from baton.policies import load_policy
from baton.review import Answer, deciding
from support import Says, call, on_both, open_office, script, set_policy, soon, text_rows, tool_lines, until
from support.till import Till, asked

PAY = script([call("pay", cents=500)])


def rule(*annotations: str) -> str:
    head = " ".join(f"@{one}" for one in ('id("ask")', *annotations))
    return f'{head} permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'


def asking(till: Till, *annotations: str) -> Agent:
    """The clerk, who asks by a rule with these annotations."""
    return till.agent(rule(*annotations))


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path, rule())


def approval(by: str = "ann", hold: float = 5.0) -> Answer:
    return Answer(kind=DecisionKind.APPROVE, by=by, note="fine", hold=hold)


@on_both
async def test_a_held_decision_goes_out_when_its_time_is_over(database: str, till: Till) -> None:
    clock = ManualClock()
    async with open_office(database, [till.agent()], PAY, clock=clock) as baton:
        run, review = await asked(baton)
        await baton.decide(review.id, approval())
        held = await baton.reviews.get(review.id)
        assert held.open and held.decision is None and held.held is not None
        assert (held.held.by, held.held_until) == ("ann", clock.now() + 5)
        with pytest.raises(Conflict, match="ann decided it"):
            await baton.reject(review.id, "no", by="bob")
        with pytest.raises(Conflict, match="ann decided it"):
            await baton.reviews.claim(review.id, "bob")
        assert await baton.reviews.next("bob") is None
        assert till.paid == []
        clock.advance(6)
        assert (await soon(run.result())).status == "done"
        assert till.paid == [500]
        with pytest.raises(Conflict, match="went out"):
            await baton.undo(review.id, by="ann")
        assert "Note by ann: fine" in (await tool_lines(run))[1]


@on_both
async def test_a_held_decision_can_be_undone_and_another_taken(database: str, till: Till) -> None:
    clock = ManualClock()
    async with open_office(database, [till.agent()], PAY, clock=clock) as baton:
        run, review = await asked(baton)
        await baton.decide(review.id, approval())
        with pytest.raises(Forbidden, match="ann decided it"):
            await baton.undo(review.id, by="bob")
        await baton.undo(review.id, by="ann")
        again = await baton.reviews.get(review.id)
        assert again.held is None and again.open and again.version > review.version
        clock.advance(6)
        await baton.reject(review.id, "not this one", by="ann")
        await soon(run.result())
        assert till.paid == []
        decision = (await baton.reviews.get(review.id)).decision
        assert decision is not None and (decision.kind, decision.source) == (DecisionKind.REJECT, Source.PERSON)


@on_both
async def test_one_of_several_approvals_can_be_taken_back(database: str, till: Till) -> None:
    async with open_office(database, [asking(till, 'quorum("2")')], PAY) as baton:
        _, review = await asked(baton)
        await baton.approve(review.id, by="ann")
        with pytest.raises(Conflict, match="bob has not decided it"):
            await baton.undo(review.id, by="bob")
        await baton.undo(review.id, by="ann")
        assert (await baton.reviews.get(review.id)).votes == ()
        await baton.approve(review.id, by="bob")
        assert till.paid == []


async def test_a_run_that_is_called_off_takes_a_held_decision_with_it(tmp_path: Path, till: Till) -> None:
    clock = ManualClock()
    async with open_office(tmp_path, [till.agent()], PAY, clock=clock) as baton:
        run, review = await asked(baton)
        await baton.decide(review.id, approval())
        await run.cancel()
        await soon(run.settled())
        clock.advance(6)
        known = await baton.reviews.get(review.id)
        assert known.decision is not None and known.decision.kind is DecisionKind.WITHDRAWN
        assert known.decision.source is Source.POLICY
        assert till.paid == []


async def test_a_deadline_that_passes_while_a_decision_is_held_counts_again_when_it_is_undone(
    tmp_path: Path, till: Till
) -> None:
    clock = ManualClock()
    agent = asking(till, 'deadline("10s")', 'on_deadline("deny")')
    async with open_office(tmp_path, [agent], PAY, clock=clock) as baton:
        run, review = await asked(baton)
        clock.advance(8)
        await baton.decide(review.id, approval(hold=600))
        clock.advance(8)
        await until(baton.ledger, lambda tx: timers.pending(tx, run.id, "review") is None)
        assert (await baton.reviews.get(review.id)).open
        await baton.undo(review.id, by="ann")
        await soon(run.result())
        decision = (await baton.reviews.get(review.id)).decision
        assert decision is not None and decision.source is Source.TIMEOUT
        assert till.paid == []


@pytest.mark.parametrize(
    ("then", "kind", "paid"), [("deny", DecisionKind.EXPIRED, []), ("approve", DecisionKind.APPROVE, [500])]
)
async def test_a_deadline_says_no_or_yes_and_that_it_was_no_person(
    tmp_path: Path, till: Till, then: str, kind: DecisionKind, paid: list[int]
) -> None:
    clock = ManualClock()
    agent = asking(till, 'deadline("1h")', f'on_deadline("{then}")')
    async with open_office(tmp_path, [agent], PAY, clock=clock) as baton:
        run, review = await asked(baton)
        clock.advance(3601)
        assert (await soon(run.result())).status == "done"
        decision = (await baton.reviews.get(review.id)).decision
        assert decision is not None
        assert (decision.kind, decision.by, decision.source) == (kind, "baton", Source.TIMEOUT)
        assert till.paid == paid
        told = "\n".join(await tool_lines(run))
        assert "nobody answered in time" in told or "expired unanswered" in told


async def test_others_are_asked_as_well_before_the_deadline(tmp_path: Path, till: Till) -> None:
    clock = ManualClock()
    agent = asking(till, 'deadline("4h")', 'escalate_to("head")', 'reviewers("lead")')
    async with open_office(tmp_path, [agent], PAY, clock=clock) as baton:
        _, review = await asked(baton)
        assert review.on_deadline == "escalate"
        claimed = await baton.reviews.claim(review.id, "ann", 4 * 3600)
        assert await baton.reviews.next("hedy", roles=["head"]) is None
        clock.advance(3 * 3600 + 1)
        await until(baton.ledger, lambda tx: events.latest(tx, review.run, "review.escalated"))
        known = await baton.reviews.get(review.id)
        assert known.reviewers == ("lead", "head") and known.escalated_at is not None
        assert (known.claimed_by, known.version) == ("ann", claimed.version)  # who looks at it goes on
        await baton.reviews.release(review.id, "ann")
        taken = await baton.reviews.next("hedy", roles=["head"])
        assert taken is not None and taken.id == review.id
        clock.advance(3601)
        await until(baton.ledger, lambda tx: events.latest(tx, review.run, "review.late"))
        assert (await baton.reviews.get(review.id)).open


@on_both
async def test_whoever_asked_for_the_goal_does_not_approve_where_four_eyes_are_asked_for(
    database: str, till: Till
) -> None:
    async with open_office(database, [asking(till, "four_eyes")], PAY) as baton:
        run, review = await asked(baton, Goal("go", requester="ann"))
        with pytest.raises(Forbidden, match="four eyes"):
            await baton.approve(review.id, by="ann")
        with pytest.raises(Forbidden, match="four eyes"):
            await baton.edit(review.id, {"cents": 100}, by="ann")
        await baton.approve(review.id, by="bob")
        await soon(run.result())
        assert till.paid == [500]


async def test_an_approval_holds_as_long_as_its_rule_says(tmp_path: Path, till: Till) -> None:
    clock = ManualClock()
    async with open_office(tmp_path, [asking(till, 'valid("2h")')], PAY, clock=clock) as baton:
        _, review = await asked(baton)
        decision = await baton.approve(review.id, by="ann")
        assert decision.expires == clock.now() + 7200


@on_both
async def test_a_delegated_question_comes_to_one_person_and_anybody_may_still_decide(database: str, till: Till) -> None:
    async with open_office(database, [till.agent()], PAY) as baton:
        run, review = await asked(baton)
        await baton.reviews.claim(review.id, "ann")
        given = await baton.reviews.delegate(review.id, "bob", by="ann", note="you know them")
        assert (given.assigned, given.claimed_by) == ("bob", None)
        assert await baton.reviews.next("ann") is None
        taken = await baton.reviews.next("bob")
        assert taken is not None and taken.id == review.id
        assert [(one.by, one.text) for one in await baton.reviews.remarks(review.id)] == [("ann", "you know them")]
        with pytest.raises(InvalidValue, match="delegate to"):
            await baton.reviews.delegate(review.id, "clerk", by="ann")
        with pytest.raises(Conflict, match="it has changed since you looked"):
            await baton.reviews.delegate(review.id, "eve", by="ann", version=review.version)
        await baton.approve(review.id, by="eve")
        await soon(run.result())
        assert till.paid == [500]


@on_both
async def test_what_somebody_puts_off_comes_to_others_and_back_to_them_later(database: str, till: Till) -> None:
    clock = ManualClock()
    async with open_office(database, [asking(till, 'deadline("4h")')], PAY, clock=clock) as baton:
        _, review = await asked(baton)
        await baton.reviews.claim(review.id, "ann")
        for late in (clock.now() - 1, clock.now() + 4 * 3600 - 60):
            with pytest.raises(InvalidValue, match="snooze until"):
                await baton.reviews.snooze(review.id, late, by="ann")
        slept = await baton.reviews.snooze(review.id, clock.now() + 3600, by="ann")
        assert slept.claimed_by is None
        assert await baton.reviews.next("ann") is None
        taken = await baton.reviews.next("bob")
        assert taken is not None
        await baton.reviews.release(review.id, "bob")
        clock.advance(3601)
        assert await baton.reviews.next("ann") is not None


def answers_when_asked() -> Says:
    """Pays; explains what somebody asks about it; takes the question back when it is told never to mind."""

    def answer(conversation: Conversation) -> Said:
        calls = [name for name, _, _ in conversation.results()]
        pending = next((said for name, _, said in conversation.results() if name == "pay"), "")
        review = next((word.strip(":") for word in pending.split() if word.startswith("rev_")), "")
        said = "\n".join(conversation.user_texts())
        if not calls:
            return Said(calls=(SimulatedCall(name="pay", arguments={"cents": 500}),))
        if "never mind" in said and "withdraw_question" not in calls:
            return Said(
                calls=(SimulatedCall(name="withdraw_question", arguments={"review": review, "reason": "not needed"}),)
            )
        if " asks]" in said and "answer_reviewer" not in calls:
            return Said(
                calls=(SimulatedCall(name="answer_reviewer", arguments={"review": review, "text": "it is due"}),)
            )
        return Said(text="done")

    return Says(answer)


@on_both
async def test_an_agent_is_asked_back_and_its_answer_stands_beside_the_question(database: str, till: Till) -> None:
    async with open_office(database, [till.agent()], answers_when_asked()) as baton:
        run, review = await asked(baton)
        await baton.reviews.ask(review.id, "why now?", by="ann")
        await until(baton.ledger, lambda tx: events.latest(tx, run.id, "review.answer"))
        said = await baton.reviews.remarks(review.id)
        assert [(one.kind, one.by, one.text) for one in said] == [
            ("question", "ann", "why now?"),
            ("answer", "clerk", "it is due"),
        ]
        await soon(run.settled())
        assert (await baton.reviews.get(review.id)).open
        await baton.reviews.ask(review.id, "and?", by="bob")
        await baton.reviews.ask(review.id, "and?", by="bob")
        with pytest.raises(Conflict, match="asked 3 times"):
            await baton.reviews.ask(review.id, "and?", by="bob")
        await baton.approve(review.id, by="ann")
        await soon(run.result())
        assert till.paid == [500]


@on_both
async def test_an_agent_takes_back_what_no_longer_matters(database: str, till: Till) -> None:
    async with open_office(database, [till.agent()], answers_when_asked()) as baton:
        run, review = await asked(baton)
        await run.message("never mind", sender="ann")
        await soon(run.result())
        decision = (await baton.reviews.get(review.id)).decision
        assert decision is not None and decision.kind is DecisionKind.WITHDRAWN and "not needed" in decision.note
        assert till.paid == []


async def test_comments_are_for_people_and_stay(tmp_path: Path, till: Till) -> None:
    async with open_office(tmp_path, [till.agent()], PAY) as baton:
        run, review = await asked(baton)
        with pytest.raises(InvalidValue, match="comment"):
            await baton.reviews.comment(review.id, " ", by="ann")
        await baton.reviews.comment(review.id, "I know this customer", by="ann")
        await baton.approve(review.id, by="bob")
        await soon(run.result())
        await baton.reviews.comment(review.id, "it went well", by="ann")
        assert [one.text for one in await baton.reviews.remarks(review.id)] == ["I know this customer", "it went well"]
        assert not any("customer" in line for line in await tool_lines(run))


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        (('escalate_to("lead")',), "@escalate_to without @deadline"),
        (('on_deadline("approve")',), "@on_deadline without @deadline"),
        (('deadline("1h")', 'on_deadline("escalate")'), "go together"),
        (('deadline("1h")', 'on_deadline("deny")', 'escalate_to("lead")'), "go together"),
        (('deadline("1h")', 'on_deadline("approve")', 'quorum("2")'), "beside @quorum or @four_eyes"),
        (('deadline("1h")', 'on_deadline("approve")', "four_eyes"), "beside @quorum or @four_eyes"),
        (('four_eyes("no")',), "stands alone"),
        (('valid("0s")',), "more than nothing"),
        (('deadline("1h")', 'on_deadline("wait")'), "one of: deny, escalate, park, approve"),
    ],
)
def test_what_a_rule_says_of_a_deadline_goes_together(till: Till, annotations: tuple[str, ...], message: str) -> None:
    agent = till.agent()
    with pytest.raises(PolicyError, match=message):
        load_policy(set_policy(till.policy, rule(*annotations)), tuple(agent.specs.values()), "clerk")


@on_both
async def test_the_very_same_questions_are_decided_together_each_by_itself(database: str, till: Till) -> None:
    async with open_office(database, [till.agent()], PAY) as baton:
        asking = [await asked(baton) for _ in range(4)]
        runs, first, rest = [run for run, _ in asking], asking[0][1], [review for _, review in asking[1:]]
        assert [one.id for one in await baton.reviews.alike(first.id, "ann")] == [one.id for one in rest]
        await baton.reviews.claim(rest[0].id, "bob")  # he looks at it
        assert [one.id for one in await baton.reviews.alike(first.id, "ann")] == [one.id for one in rest[1:]]
        with pytest.raises(InvalidValue, match="open ones that are like"):
            await baton.reviews.decide_alike([first, rest[0]], approval(hold=0))
        edit = Answer(kind=DecisionKind.EDIT, by="ann", arguments={"cents": 1})
        with pytest.raises(InvalidValue, match="approve or reject"):
            await baton.reviews.decide_alike([first, *rest[1:]], edit)
        seen = [first, *await baton.reviews.alike(first.id, "ann")]
        await baton.reviews.delegate(rest[1].id, "eve", by="bob")  # it changes before she decides
        done = await baton.reviews.decide_alike(seen, approval(hold=0))
        assert [type(one).__name__ for one in done] == ["Decision", "Conflict", "Decision"]
        for run in (runs[0], runs[3]):
            await soon(run.result())
        assert till.paid == [500, 500]
        assert len(await baton.reviews.waiting()) == 2


@pytest.mark.parametrize("grave", ['quorum("2")', "four_eyes"])
async def test_what_several_have_to_look_at_is_never_decided_together(tmp_path: Path, till: Till, grave: str) -> None:
    async with open_office(tmp_path, [asking(till, grave)], PAY) as baton:
        _, first = await asked(baton)
        await asked(baton)
        assert await baton.reviews.alike(first.id, "ann") == []


async def test_other_arguments_are_another_question(tmp_path: Path, till: Till) -> None:
    says = Says(lambda talk: script([call("pay", cents=len(talk.user_texts()[0]))]).answer(talk))
    async with open_office(tmp_path, [till.agent()], says) as baton:
        _, first = await asked(baton, "go")
        await asked(baton, "go on")
        assert await baton.reviews.alike(first.id, "ann") == []


async def test_an_agent_prepares_once_while_its_question_waits(tmp_path: Path) -> None:
    log: list[str] = []

    @tool(effect="read", verified=True)
    async def look(what: str) -> str:
        """Look something up."""
        log.append(f"look {what}")
        return "found"

    @tool
    async def pay(cents: int) -> str:
        """Pay."""
        log.append(f"pay {cents}")
        return "paid"

    looks = '@id("looks") permit (principal, action == Action::"call", resource is Tool::look);'
    policy = set_policy(tmp_path / "till.cedar", rule(), looks)
    agent = Agent("clerk", tools=[look, pay], policy=policy, prepares=True)
    mind = script([call("pay", cents=5)], [call("look", what="address")], [call("pay", cents=5)])
    async with open_office(tmp_path, [agent], mind) as baton:
        run, review = await asked(baton)
        assert log == ["look address"]
        lines = await tool_lines(run)
        assert sum("[preparing for" in line for line in lines) == 1
        await baton.approve(review.id, by="ann")
        await soon(run.result())
        assert log == ["look address", "pay 5"]


def _lines_of(name: str, lines: int) -> dict[str, tuple[str, str]]:
    return {f"{name}.txt": ("\n".join(map(str, range(lines))), "\n".join(map(str, range(1, lines + 1))))}


@pytest.mark.parametrize(
    ("name", "changes", "unknown"),
    [
        ("short", {"short": [1, 2]}, None),
        ("new", {"new": [None, "here"]}, None),
        ("broken", None, "ValueError: nobody knows it"),
        ("odd", None, "each change takes how it is and how it would be"),
        ("huge", None, "more than 20000 characters"),
    ],
)
async def test_a_question_says_what_its_call_would_change(
    tmp_path: Path, name: str, changes: object, unknown: str | None
) -> None:
    def rename_would(name: str) -> dict[str, tuple[object, ...]]:
        if name == "broken":
            raise ValueError("nobody knows it")
        found: dict[str, tuple[object, ...]] = {"short": (1, 2), "new": (None, "here"), "odd": (1,)}
        return {name: found[name]} if name in found else dict(_lines_of(name, 5000))

    @tool(preview=rename_would)
    async def pay(name: str) -> str:
        """Pay."""
        return "paid"

    agent = Agent("clerk", tools=[pay], policy=set_policy(tmp_path / "till.cedar", rule()))
    async with open_office(tmp_path, [agent], script([call("pay", name=name)])) as baton:
        _, review = await asked(baton)
        assert review.question.get("changes") == changes
        assert (unknown or "") in str(review.question.get("changes_unknown", ""))


async def test_others_are_asked_while_those_asked_first_are_there_for_the_last_time(tmp_path: Path, till: Till) -> None:
    clock = ManualClock()  # a Tuesday, 22:13 UTC
    hours = tuple(Hours(weekday=day, start=time(9), end=time(10)) for day in range(5))
    lea = Person(name="lea", roles=frozenset({"lead"}), calendar=Calendar(hours=hours))
    agent = asking(till, 'deadline("20h")', 'escalate_to("head")', 'reviewers("lead")')
    async with open_office(tmp_path, [agent], PAY, clock=clock, people=[lea]) as baton:
        _, review = await asked(baton)
        until_ten = 86400 - review.opened_at % 86400 + 10 * 3600
        clock.advance(until_ten - 660)
        await until(baton.ledger, lambda tx: events.latest(tx, review.run, "review.opened"))
        assert (await baton.reviews.get(review.id)).escalated_at is None
        clock.advance(120)
        await until(baton.ledger, lambda tx: events.latest(tx, review.run, "review.escalated"))


async def test_an_agent_is_reminded_of_its_other_questions_when_one_is_rejected(tmp_path: Path, till: Till) -> None:
    two = script([call("pay", cents=500), call("pay", cents=600)])
    async with open_office(tmp_path, [till.agent()], two) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
        first, second = await baton.reviews.waiting([run.id])
        assert not any("you still ask" in line.text for line in await run.transcript())
        await baton.reject(first.id, "not now", by="ann")
        await soon(run.settled())
        told = [line.text for line in await run.transcript() if "you still ask" in line.text]
        assert len(told) == 1 and second.id in told[0] and first.id not in told[0]


async def test_nothing_is_changed_by_a_version_that_is_not_the_newest(tmp_path: Path, till: Till) -> None:
    async with open_office(tmp_path, [till.agent()], PAY) as baton:
        run, old = await asked(baton)
        new = await baton.reviews.claim(old.id, "ann")

        def stale(tx: Transaction) -> list[bool]:
            decision = deciding.decision_of(tx, old, approval(), None)
            return [
                reviews.claim(tx, old.id, old.version, "bob", tx.now + 60),
                reviews.release(tx, old.id, old.version),
                reviews.assign(tx, old.id, old.version, "bob"),
                reviews.hold(tx, run.id, old.version, decision, tx.now + 5),
                reviews.vote(tx, run.id, old.version, decision),
                reviews.close(tx, run.id, old.version, decision),
                reviews.undo(tx, old, decision),
                reviews.close_unanswered(tx, old, DecisionKind.WITHDRAWN, "late"),
            ]

        before = await text_rows(baton.ledger, "SELECT count(*) FROM decisions")
        assert not any(await baton.ledger.write(stale))
        assert await baton.reviews.get(old.id) == new
        assert await text_rows(baton.ledger, "SELECT count(*) FROM decisions") == before
        with pytest.raises(Conflict, match="changed at this very moment"):
            deciding.sure(False, old.id)
