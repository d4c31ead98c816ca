"""Answers from other people's clients: applied one by one, once each, and judged as any other answer is."""

import asyncio
from pathlib import Path

import pytest

from baton import Agent, Answer, Baton, RunHandle, tool
from baton.core import Conflict, Forbidden, InvalidValue
from baton.ledger import DecisionKind, Review
from support import call, on_both, open_office, script, set_policy, soon, text_rows

ASK = '@id("ask") permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'
THREE = '@id("three") @quorum("3") permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'
LIMIT = '@id("limit") forbid (principal, action, resource is Tool::pay) when { resource.args.cents > 1000 };'
PAY = script([call("pay", cents=500)])
TWICE = script([call("pay", cents=1), call("pay", cents=2)])
APPROVE = {"type": "approve"}


class Till:
    """Counts payments."""

    def __init__(self, folder: Path) -> None:
        self.paid: list[int] = []
        self.policy = folder / "till.cedar"

    def agent(self, rule: str = ASK) -> Agent:
        @tool
        async def pay(cents: int) -> str:
            """Pay."""
            self.paid.append(cents)
            return f"paid {cents}"

        return Agent("clerk", tools=[pay], policy=set_policy(self.policy, rule, LIMIT))


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path)


async def asked(baton: Baton) -> tuple[RunHandle, list[Review]]:
    run = await baton.submit("go")
    await soon(run.settled())
    return run, sorted(await baton.reviews.waiting([run.id]), key=lambda review: review.question["arguments"]["cents"])


async def decisions(baton: Baton) -> list[str]:
    return [row[0] for row in await text_rows(baton.ledger, "SELECT kind FROM decisions ORDER BY at")]


@on_both
async def test_the_same_answer_counts_once_and_another_is_told_who_was_first(database: str, till: Till) -> None:
    async with open_office(database, [till.agent()], PAY) as baton:
        run, (review,) = await asked(baton)
        (first,) = await baton.wire_answer({"decisions": [APPROVE]}, review.id, by="ann", delivery="msg_1")
        await soon(run.result())
        again = [
            await baton.wire_answer({"decisions": [APPROVE]}, review.id, by="ann", delivery="msg_1"),
            await baton.wire_answer(APPROVE, review.id, by="ann"),
            await baton.wire_answer([{"type": "accept", "args": None}], review.id, by="ann"),
        ]
        assert [one.decision for (one,) in again] == [first.decision] * 3 and first.decision is not None
        for other, by in ((APPROVE, "bob"), ({"type": "reject"}, "ann")):
            (late,) = await baton.wire_answer(other, review.id, by=by)
            assert late.decision is None and isinstance(late.error, Conflict)
            assert f"review {review.id}: ann decided it at" in str(late.error)
        with pytest.raises(Conflict, match="ann decided it"):
            await baton.approve(review.id, by="ann")  # without a name, the same answer is another one
        (mixed,) = await baton.wire_answer({"type": "reject"}, review.id, by="ann", delivery="msg_1")
        assert "delivery msg_1: it brought another answer" in str(mixed.error)
        assert await decisions(baton) == ["approve"]
    assert till.paid == [500]


@on_both
async def test_deliveries_at_once_decide_once(database: str, till: Till) -> None:
    async with open_office(database, [till.agent()], PAY) as baton:
        run, (review,) = await asked(baton)
        answer = {"type": "edit", "edited_action": {"name": "pay", "args": {"cents": 7}}}
        every = await asyncio.gather(
            *(baton.wire_answer(answer, review.id, by="ann", delivery=f"msg_{number % 2}") for number in range(12))
        )
        assert every[0][0].decision is not None
        assert [one.decision for (one,) in every] == [every[0][0].decision] * 12
        await soon(run.result())
        assert await decisions(baton) == ["edit"]
    assert till.paid == [7]


@on_both
async def test_each_of_a_batch_is_decided_by_itself(database: str, till: Till) -> None:
    async with open_office(database, [till.agent()], TWICE) as baton:
        run, reviews = await asked(baton)
        ids = [review.id for review in reviews]
        request = await baton.wire_request(*ids)
        assert [each["args"]["cents"] for each in request["action_requests"]] == [1, 2]
        with pytest.raises(InvalidValue, match="number of decisions 1"):
            await baton.wire_answer({"decisions": [APPROVE]}, *ids, by="ann")
        with pytest.raises(InvalidValue, match="type of the answer"):
            await baton.wire_answer({"decisions": [APPROVE, {"type": "perhaps"}]}, *ids, by="ann")
        assert await decisions(baton) == []
        await baton.reject(ids[1], "not this one", by="bob")
        first, second = await baton.wire_answer({"decisions": [APPROVE, APPROVE]}, *ids, by="ann")
        assert first.decision is not None and first.decision.kind is DecisionKind.APPROVE and first.error is None
        assert second.review == ids[1] and "bob decided it" in str(second.error)
        await soon(run.result())
    assert till.paid == [1]


@on_both
async def test_an_approved_call_runs_though_its_sibling_is_rejected(database: str, till: Till) -> None:
    async with open_office(database, [till.agent()], TWICE) as baton:
        run, reviews = await asked(baton)
        ids = [review.id for review in reviews]
        both = {"decisions": [{"type": "reject", "message": "no"}, APPROVE]}
        assert [one.error for one in await baton.wire_answer(both, *ids, by="ann")] == [None, None]
        await soon(run.result())
    assert till.paid == [2]


async def test_an_edit_is_checked_and_judged_and_its_tool_is_kept(tmp_path: Path, till: Till) -> None:
    async with open_office(tmp_path, [till.agent()], PAY) as baton:
        run, (review,) = await asked(baton)
        (request,) = await baton.wire_request(review.id, shape="per_call")
        edited = request["response_schema"]["oneOf"][1]["properties"]["edited_action"]["properties"]
        assert edited["name"] == {"const": "pay"} and edited["args"]["properties"]["cents"] == {"type": "integer"}
        with pytest.raises(InvalidValue, match="tool of the answer"):
            await baton.wire_answer({"type": "edit", "args": {"action": "refund", "args": {"cents": 1}}}, review.id)
        for cents, error in (("many", InvalidValue), (2000, Forbidden)):
            answer = {"type": "edit", "edited_action": {"name": "pay", "args": {"cents": cents}}}
            (refused,) = await baton.wire_answer(answer, review.id, by="ann")
            assert isinstance(refused.error, error)
        form = [{"type": "edit", "args": {"action": "pay", "args": {"cents": "900"}}}]
        (done,) = await baton.wire_answer(form, review.id, by="ann")
        assert done.decision is not None and done.decision.verdict is not None
        await soon(run.result())
    assert till.paid == [900]


@on_both
async def test_where_several_have_to_approve_a_delivery_counts_once_too(database: str, till: Till) -> None:
    edit = {"type": "edit", "edited_action": {"name": "pay", "args": {"cents": 300}}}
    async with open_office(database, [till.agent(THREE)], PAY) as baton:
        run, (review,) = await asked(baton)
        (first,) = await baton.wire_answer(edit, review.id, by="ann", delivery="msg_1")
        await baton.approve(review.id, by="bob")
        (again,) = await baton.wire_answer(edit, review.id, by="ann", delivery="msg_1")
        (unnamed,) = await baton.wire_answer(edit, review.id, by="ann")
        assert again.decision == unnamed.decision == first.decision
        votes = (await baton.reviews.get(review.id)).votes
        assert [vote.by for vote in votes] == ["ann", "bob"]  # an edit that counted anew would make bob's void
        await baton.approve(review.id, by="eve")
        (late,) = await baton.wire_answer(edit, review.id, by="ann", delivery="msg_1")
        assert late.decision == first.decision
        await soon(run.result())
    assert till.paid == [300]


async def test_an_approval_that_an_edit_made_void_counts_anew(tmp_path: Path, till: Till) -> None:
    async with open_office(tmp_path, [till.agent(THREE)], PAY) as baton:
        _run, (review,) = await asked(baton)
        (before,) = await baton.wire_answer(APPROVE, review.id, by="ann")
        await baton.edit(review.id, {"cents": 300}, by="bob")
        (after,) = await baton.wire_answer(APPROVE, review.id, by="ann")
        assert after.decision != before.decision
        assert [vote.by for vote in (await baton.reviews.get(review.id)).votes] == ["bob", "ann"]


async def test_an_agent_answers_in_no_shape(tmp_path: Path, till: Till) -> None:
    async with open_office(tmp_path, [till.agent()], PAY) as baton:
        _run, (review,) = await asked(baton)
        (refused,) = await baton.wire_answer(APPROVE, review.id, by="agent:clerk")
        assert isinstance(refused.error, Forbidden)
        answer = Answer(kind=DecisionKind.APPROVE, by="clerk", delivery="msg_1")
        with pytest.raises(Forbidden):
            await baton.decide(review.id, answer)
    assert till.paid == []
