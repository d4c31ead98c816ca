"""Questions to people: what was approved is what runs, once, and only while it is still what was approved."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from baton import Agent, Baton, Goal, tool
from baton.agents.simulated import Answer, Conversation
from baton.core import Attachment, Conflict, Forbidden, InvalidValue, ManualClock, NotFound
from baton.graph import advance
from baton.ledger import DecisionKind, Review, ReviewKind, runs
from baton.review import Answer as ReviewAnswer
from support import (
    Says,
    call,
    calls,
    on_both,
    open_office,
    run_row,
    script,
    set_policy,
    soon,
    text_rows,
    tool_lines,
    until,
)
from support.till import Till, asked

ASK = '@id("ask") permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'
OTHER = '@id("other") permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'
LIMIT = '@id("limit") forbid (principal, action, resource is Tool::pay) when { resource.args.cents > 1000 };'
NEVER = '@id("never") @reason("no more payments") forbid (principal, action, resource is Tool::pay);'
ALONE = '@id("alone") permit (principal, action == Action::"call", resource is Tool::pay);'


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path, ASK, LIMIT)


PAY = script([call("pay", cents=500)])


@on_both
async def test_an_approved_action_runs_once_and_is_told(database: str, till: Till) -> None:
    async with open_office(database, [till.agent()], PAY) as baton:
        run, review = await asked(baton)
        assert review.question["arguments"] == {"cents": 500}
        assert review.verdict.rules == ("ask",)
        await baton.approve(review.id, by="ann", note="fine")
        await soon(run.result())
        lines = await tool_lines(run)
    assert till.paid == [500]
    assert lines[0].startswith(f"pending: review {review.id}")
    assert lines[1] == f"[review {review.id} approved by ann] pay: paid 500\nNote by ann: fine"


@on_both
async def test_an_edit_is_checked_and_judged_and_then_what_runs(database: str, till: Till) -> None:
    async with open_office(database, [till.agent()], PAY) as baton:
        run, review = await asked(baton)
        with pytest.raises(InvalidValue, match=r"edit of pay.*cents"):
            await baton.edit(review.id, {"cents": "many"})
        with pytest.raises(InvalidValue):
            await baton.edit(review.id, {"cents": 1, "to": "me"})
        with pytest.raises(Forbidden, match="limit forbids pay"):
            await baton.edit(review.id, {"cents": 2000}, by="ann")
        assert (await baton.reviews.get(review.id)).open

        decision = await baton.edit(review.id, {"cents": 900}, by="ann")
        assert decision.verdict is not None
        await soon(run.result())
        lines = await tool_lines(run)
        effect = await text_rows(baton.ledger, "SELECT arguments, state FROM effects")
    assert till.paid == [900]
    assert lines[1] == f'[review {review.id} approved with changes by ann] pay({{"cents": 900}}): paid 900'
    assert effect == [('{"cents":900}', "done")]


LOOK_UP = 'permit (principal, action == Action::"call", resource is Tool::look_up);'
OWN = (
    '@id("own") @reason("it is not the sender\'s") forbid (principal, action, resource is Tool::pay) unless {'
    ' resource.from.to.contains("look_up.email") && resource.from.to.contains("attachment:from") };'
)


async def test_what_an_edit_leaves_as_it_was_comes_from_where_it_came_from(tmp_path: Path) -> None:
    paid: list[tuple[str, int]] = []

    @tool(effect="read", verified=True)
    async def look_up() -> dict[str, str]:
        """Whose order it is."""
        return {"email": "anna@mail.example"}

    @tool
    async def pay(to: str, cents: int) -> str:
        """Pay."""
        paid.append((to, cents))
        return "paid"

    agent = Agent("clerk", tools=[look_up, pay], policy=set_policy(tmp_path / "own.cedar", LOOK_UP, ASK, OWN))
    mind = script([call("look_up")], [call("pay", to="anna@mail.example", cents=500)])
    mail = Goal("pay it back", attachments=[Attachment("from", "anna@mail.example")])
    async with open_office(tmp_path, [agent], mind) as baton:
        run, review = await asked(baton, mail)
        with pytest.raises(Forbidden, match="it is not the sender's"):
            await baton.edit(review.id, {"to": "eve@evil.example", "cents": 500}, by="ann")
        await baton.edit(review.id, {"to": "anna@mail.example", "cents": 400}, by="ann")
        await soon(run.result())
    assert paid == [("anna@mail.example", 400)]


async def test_an_edit_needs_somebody_who_can_judge_it(database: str, till: Till) -> None:
    async with open_office(database, [till.agent()], PAY) as baton:
        _, review = await asked(baton)
        answer = ReviewAnswer(kind=DecisionKind.EDIT, by="ann", arguments={"cents": 1})
        with pytest.raises(InvalidValue, match="policy are at hand"):
            await baton.reviews.decide(review.id, answer)
        async with Baton(database=database, dispatch=False) as nobody:
            with pytest.raises(NotFound, match="agent"):
                await nobody.edit(review.id, {"cents": 1})
        assert (await baton.reviews.get(review.id)).open
    assert till.paid == []


async def test_what_was_rejected_is_not_asked_again(database: str, till: Till) -> None:
    mind = script([call("pay", cents=500)], [call("pay", cents=500)], [call("pay", cents=400)])
    async with open_office(database, [till.agent()], mind) as baton:
        run, review = await asked(baton)
        await baton.reject(review.id, "too much", by="ann")
        await soon(run.settled())
        (second,) = await baton.reviews.waiting()
        assert second.question["arguments"] == {"cents": 400}
        lines = await tool_lines(run)
    assert f"[review {review.id} pay rejected by ann] too much" in lines
    assert any(line.startswith(f"denied: ann rejected the same in {review.id}: too much") for line in lines)
    assert till.paid == []


async def test_the_same_proposal_joins_the_review_that_waits(database: str, till: Till) -> None:
    twice = call("pay", cents=500)

    def answer(conversation: Conversation) -> Answer:
        rounds = sum(bool(m.get("tool_calls")) for m in conversation.messages)
        if rounds == 0:
            return calls(twice, twice)
        if "more" in conversation.user_texts() and rounds == 1:
            return calls(twice)
        return Answer(text="ok")

    async with open_office(database, [till.agent()], Says(answer)) as baton:
        run, review = await asked(baton)
        await run.message("more")
        await soon(run.settled())
        assert [one.id for one in await baton.reviews.waiting()] == [review.id]
        await baton.approve(review.id)
        await soon(run.result())
    assert till.paid == [500]


@pytest.mark.parametrize(
    "tamper",
    [
        """UPDATE actions SET arguments = '{"cents":90000}'""",
        "UPDATE actions SET version = '2'",
        "UPDATE decisions SET expires = expires + 1",
        "UPDATE decisions SET digest = 'f00'",
        "UPDATE decisions SET digest = NULL",
        """UPDATE decisions SET arguments = '{"cents":90000}'""",
        """UPDATE reviews SET verdict = replace(verdict, '"ask"]', '"alone"]')""",
    ],
)
async def test_anything_else_than_what_was_approved_is_refused(database: str, till: Till, tamper: str) -> None:
    async with open_office(database, [till.agent()], PAY, dispatch=True) as baton:
        run, review = await asked(baton)
    async with Baton(agents=[till.agent()], database=database, dispatch=False) as elsewhere:
        await elsewhere.approve(review.id, by="ann")
        await elsewhere.ledger.write(lambda tx: tx.connection.exec_driver_sql(tamper))
    async with open_office(database, [till.agent()], PAY) as baton:
        run = await baton.open(run.id)
        await soon(run.result())
        assert any("this is not what ann approved" in line for line in await tool_lines(run))
    assert till.paid == []


@on_both
async def test_fifty_redemptions_of_one_approval_are_one_effect(database: str, till: Till) -> None:
    """Fifty people approve at once, through two Batons, while the run is woken again and again."""
    async with (
        open_office(database, [till.agent()], PAY) as first,
        open_office(database, [till.agent()], PAY, dispatch=database.startswith("postgres")) as second,
    ):
        run, review = await asked(first)

        async def approve(number: int) -> bool:
            baton = (first, second)[number % 2]
            try:
                await baton.approve(review.id, by=f"person{number}")
            except Conflict:
                return False
            finally:
                await baton.ledger.write(lambda tx: runs.wake(tx, run.id))
            return True

        won = await asyncio.gather(*(approve(number) for number in range(50)))
        await soon(run.result())
        effects = await text_rows(first.ledger, "SELECT state, attempts FROM effects")
    assert sum(won) == 1
    assert till.paid == [500]
    assert effects == [("done", 1)]


@on_both
async def test_an_approval_lapses(database: str, till: Till) -> None:
    clock = ManualClock()
    async with open_office(database, [till.agent()], PAY, clock=clock) as baton:
        run, review = await asked(baton)
    async with Baton(agents=[till.agent()], database=database, dispatch=False, clock=clock) as elsewhere:
        await elsewhere.approve(review.id, by="ann")
    clock.advance(8 * 86400)
    async with open_office(database, [till.agent()], PAY, clock=clock) as baton:
        run = await baton.open(run.id)
        await soon(run.result())
        assert any("the approval by ann lapsed at" in line for line in await tool_lines(run))
    assert till.paid == []


async def _decided_then_changed(
    database: str, till: Till, changed: Callable[[], Agent]
) -> tuple[list[str], list[Review], str]:
    """Approve under one agent, act under a changed one: what it was told, what waits, how it stands."""
    async with open_office(database, [till.agent()], PAY) as baton:
        run, review = await asked(baton)
    async with Baton(agents=[till.agent()], database=database, dispatch=False) as elsewhere:
        await elsewhere.approve(review.id, by="ann")
    async with open_office(database, [changed()], PAY) as baton:
        run = await baton.open(run.id)
        result = await soon(run.settled())
        return await tool_lines(run), list(result.reviews), result.status


async def test_another_version_of_the_tool_is_not_what_was_approved(database: str, till: Till) -> None:
    _, waiting, status = await _decided_then_changed(database, till, lambda: till.agent(version="2"))
    (trouble,) = waiting
    assert trouble.kind is ReviewKind.TROUBLE
    assert "it was proposed for version 1, the tool is of version 2" in trouble.question["summary"]
    assert (till.paid, status) == ([], "waiting")


async def test_a_policy_that_changed_but_asks_by_the_same_rule_lets_the_approval_stand(
    database: str, till: Till
) -> None:
    _, waiting, status = await _decided_then_changed(database, till, lambda: till.agent(ASK))
    assert (till.paid, waiting, status) == ([500], [], "done")


async def test_a_policy_that_now_allows_lets_the_approval_stand(database: str, till: Till) -> None:
    _, waiting, status = await _decided_then_changed(database, till, lambda: till.agent(ASK, ALONE))
    assert (till.paid, waiting, status) == ([500], [], "done")


async def test_a_policy_that_asks_by_another_rule_asks_anew(database: str, till: Till) -> None:
    lines, waiting, status = await _decided_then_changed(database, till, lambda: till.agent(OTHER))
    assert (till.paid, status, len(waiting)) == ([], "waiting", 1)
    assert waiting[0].verdict.rules == ("other",)
    assert "The policy has changed" in waiting[0].question["summary"]
    assert f"pending: review {waiting[0].id}" in lines[-1]

    async with open_office(database, [till.agent(OTHER)], PAY) as baton:
        run = await baton.open(waiting[0].run)
        await baton.approve(waiting[0].id)
        assert (await soon(run.result())).status == "done"
    assert till.paid == [500]


async def test_a_policy_that_now_denies_refuses_in_spite_of_the_approval(database: str, till: Till) -> None:
    lines, waiting, _ = await _decided_then_changed(database, till, lambda: till.agent(ASK, NEVER))
    assert any("the policy has changed since the approval: no more payments" in line for line in lines)
    assert (till.paid, waiting) == ([], [])


async def test_a_question_is_answered_in_words(database: str, till: Till) -> None:
    def answer(conversation: Conversation) -> Answer:
        answered = [said for said in conversation.user_texts() if "answered by ann" in said]
        if answered:
            return Answer(text=answered[0].partition("] ")[2])
        return calls(call("ask_person", question="Which colour?", options=["red", "blue"]))

    async with open_office(database, [till.agent()], Says(answer)) as baton:
        run, review = await asked(baton)
        assert review.kind is ReviewKind.QUESTION
        assert review.question["summary"] == "Which colour?"
        for refused in (baton.approve(review.id), baton.edit(review.id, {"question": "?"})):
            with pytest.raises(InvalidValue, match="respond or reject"):
                await refused
        with pytest.raises(InvalidValue, match="a text"):
            await baton.respond(review.id, "  ")
        await baton.respond(review.id, "blue", by="ann")
        assert (await soon(run.result())).summary == "blue"


async def test_agents_never_decide(database: str, till: Till) -> None:
    async with open_office(database, [till.agent()], PAY) as baton:
        _, review = await asked(baton)
        for who in ("clerk", "agent:clerk", "agent:other"):
            with pytest.raises(Forbidden, match="an agent never decides"):
                await baton.approve(review.id, by=who)
        assert (await baton.reviews.get(review.id)).open
    assert till.paid == []


@on_both
async def test_a_decision_on_a_version_that_was_not_seen_is_refused(database: str, till: Till) -> None:
    async with open_office(database, [till.agent()], PAY) as baton:
        run, review = await asked(baton)
        claimed = await baton.reviews.claim(review.id, "ann", seconds=60)
        assert (claimed.claimed_by, claimed.version) == ("ann", review.version + 1)
        with pytest.raises(Conflict, match="ann has it until"):
            await baton.reviews.claim(review.id, "bob")
        stale = ReviewAnswer(kind=DecisionKind.APPROVE, by="bob", version=review.version)
        with pytest.raises(Conflict, match="it has changed since you looked"):
            await baton.decide(review.id, stale)
        seen = ReviewAnswer(kind=DecisionKind.APPROVE, by="ann", version=claimed.version)
        await baton.decide(review.id, seen)
        await soon(run.result())
    assert till.paid == [500]


@pytest.mark.parametrize("on_deadline", ["park", "deny"])
@on_both
async def test_a_deadline_passes(database: str, till: Till, on_deadline: str) -> None:
    clock = ManualClock()
    rule = f'@id("ask") @deadline("4h") @on_deadline("{on_deadline}") ' + ASK.partition(") ")[2]
    async with open_office(database, [till.agent(rule)], PAY, clock=clock) as baton:
        run, review = await asked(baton)
        assert review.deadline == clock.now() + 4 * 3600
        clock.advance(4 * 3600 - 1)
        await baton.ledger.write(lambda tx: runs.wake(tx, run.id))
        await soon(run.settled())
        assert (await baton.reviews.get(review.id)).open
        clock.advance(2)
        if on_deadline == "park":
            late = "SELECT count(*) FROM events WHERE kind = 'review.late'"
            await until(baton.ledger, lambda tx: tx.value(text(late)))
            await baton.approve(review.id)
            await soon(run.result())
            assert till.paid == [500]
            return
        assert (await soon(run.result())).status == "done"
        decision = (await baton.reviews.get(review.id)).decision
        assert decision is not None
        assert (decision.kind, decision.by) == (DecisionKind.EXPIRED, "baton")
        assert any("expired unanswered at" in line for line in await tool_lines(run))
        with pytest.raises(Conflict, match="baton decided it"):
            await baton.approve(review.id)
    assert till.paid == []


@on_both
async def test_cancelling_takes_questions_back(database: str, till: Till) -> None:
    async with open_office(database, [till.agent()], PAY) as baton:
        run, review = await asked(baton)
        await run.cancel(by="ann")
        await until(baton.ledger, lambda tx: runs.get(tx, run.id).status == "cancelled")
        decision = (await baton.reviews.get(review.id)).decision
        assert decision is not None
        assert decision.kind is DecisionKind.WITHDRAWN
        with pytest.raises(Conflict):
            await baton.approve(review.id)
        assert (await run_row(baton, run.id)).summary == "cancelled by ann"
    assert till.paid == []


async def test_every_decision_explains_itself(database: str, till: Till) -> None:
    async with open_office(database, [till.agent()], PAY) as baton:
        run, review = await asked(baton)
        await baton.approve(review.id)
        await soon(run.result())
        rows = await text_rows(baton.ledger, "SELECT verdict FROM actions WHERE tool = 'pay'")
    verdict = json.loads(rows[0][0])
    assert verdict["rules"] == ["ask"]
    assert verdict["policy"].startswith("till@")
    assert verdict["evidence"]["arguments"]["cents"]["trust"]


@pytest.mark.parametrize(
    ("rules", "told", "waiting"),
    [
        ([ALONE], "paid 500", 0),
        ([ALONE, NEVER], "denied: the policy has changed since it was proposed: no more payments [never]", 0),
        ([ASK], "pending: review rev_", 1),
        ([f'@min_confidence("0.99") {ALONE}'], "pending: review rev_", 1),  # the same rule, and nobody has approved
    ],
)
@on_both
async def test_what_was_allowed_before_a_crash_is_judged_by_the_policy_after_it(
    database: str, till: Till, rules: list[str], told: str, waiting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies between the verdict and the call: the second of two calls was allowed, and not begun."""
    monkeypatch.setattr(advance, "LEASE_SECONDS", 0.3)
    begun, stuck = asyncio.Event(), True

    @tool(repeatable=True)
    async def hold() -> str:
        begun.set()
        if stuck:
            await asyncio.sleep(3600)
        return "held"

    def agent(*rules: str) -> Agent:
        free = '@id("hold") permit (principal, action == Action::"call", resource is Tool::hold);'
        own = till.agent(free, *rules)
        return Agent("clerk", tools=[*own.tools, hold], policy=own.policy)

    work = script([call("hold"), call("pay", cents=500)])
    async with open_office(database, [agent(ALONE)], work) as baton:
        run = await baton.submit("go")
        await soon(begun.wait())
    stuck = False
    async with open_office(database, [agent(*rules)], work) as baton:
        run = await baton.open(run.id)
        result = await soon(run.settled())
        assert told in "\n".join(await tool_lines(run))
        assert len(result.reviews) == waiting
    assert till.paid == ([500] if told == "paid 500" else [])


async def test_an_approval_is_the_runs_tenants_whoever_decides(
    tmp_path: Path, till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATON_TENANT", "north")
    async with open_office(tmp_path, [till.agent()], PAY) as baton:
        run, review = await asked(baton)
        assert review.tenant == "north"
        monkeypatch.setenv("BATON_TENANT", "south")
        async with Baton(agents=[till.agent()], database=tmp_path, dispatch=False) as shared:
            await shared.approve(review.id, by="ann")
        await soon(run.result())
    assert till.paid == [500]


async def test_what_was_edited_is_what_runs_after_it_was_asked_anew(database: str, till: Till) -> None:
    async with open_office(database, [till.agent()], PAY) as baton:
        run, review = await asked(baton)
    async with Baton(agents=[till.agent()], database=database, dispatch=False) as elsewhere:
        await elsewhere.edit(review.id, {"cents": 400}, by="ann")
    async with open_office(database, [till.agent(OTHER)], PAY) as baton:
        run = await baton.open(run.id)
        await soon(run.settled())
        (again,) = await baton.reviews.waiting()
        assert again.question["arguments"] == {"cents": 400}
        await baton.approve(again.id, by="ann")
        await soon(run.result())
    assert till.paid == [400]


async def test_what_was_edited_is_what_runs_after_a_doubt(database: str, tmp_path: Path) -> None:
    tried: list[int] = []

    @tool
    async def pay(cents: int) -> str:
        """Pay."""
        tried.append(cents)
        if len(tried) == 1:
            raise ConnectionError("gone")
        return "paid"

    agent = Agent("clerk", tools=[pay], policy=set_policy(tmp_path / "till.cedar", ASK))
    async with open_office(database, [agent], PAY) as baton:
        run, review = await asked(baton)
        await baton.edit(review.id, {"cents": 400}, by="ann")
        await soon(run.settled())
        (doubt,) = await baton.reviews.waiting()
        assert (doubt.kind, doubt.question["arguments"]) == (ReviewKind.DOUBT, {"cents": 400})
        await baton.approve(doubt.id, by="ann")
        await soon(run.result())
    assert tried == [400, 400]
