"""Quorum: an action that needs several people waits for as many, and what the last of them approves is what runs."""

from pathlib import Path

import pytest

from baton.core import Conflict, Forbidden
from baton.ledger import DecisionKind
from support import call, on_both, open_office, script, soon, tool_lines
from support.till import Till, asked

TWO = '@id("two") @quorum("2") permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'
MOST = '@id("most") forbid (principal, action, resource is Tool::pay) when { resource.args.cents > 1000 };'
PAY = script([call("pay", cents=500)])


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path, TWO, MOST)


@on_both
async def test_two_different_people_have_to_approve(database: str, till: Till) -> None:
    async with open_office(database, [till.agent()], PAY) as baton:
        run, review = await asked(baton)
        assert (await baton.approve(review.id, by="ann")).digest is not None
        waiting = await baton.reviews.get(review.id)
        assert (waiting.open, waiting.missing, [vote.by for vote in waiting.votes]) == (True, 1, ["ann"])
        with pytest.raises(Conflict, match="ann has approved it already"):
            await baton.approve(review.id, by="ann")
        with pytest.raises(Forbidden):
            await baton.approve(review.id, by="agent:clerk")
        assert till.paid == []
        await baton.approve(review.id, by="bob")
        await soon(run.result())
        assert till.paid == [500]
        with pytest.raises(Conflict, match="bob decided it"):
            await baton.approve(review.id, by="eve")
        assert (await tool_lines(run))[-1].startswith(f"[review {review.id} approved by bob]")


@on_both
async def test_an_edit_begins_anew_and_is_what_the_others_approve(database: str, till: Till) -> None:
    async with open_office(database, [till.agent()], PAY) as baton:
        run, review = await asked(baton)
        await baton.approve(review.id, by="ann")
        with pytest.raises(Forbidden, match="most forbids pay"):
            await baton.edit(review.id, {"cents": 2000}, by="bob")
        await baton.edit(review.id, {"cents": 300}, by="bob")
        assert [vote.by for vote in (await baton.reviews.get(review.id)).votes] == ["bob"]
        decision = await baton.approve(review.id, by="ann")
        assert (decision.kind, decision.arguments) == (DecisionKind.APPROVE, {"cents": 300})
        await soon(run.result())
    assert till.paid == [300]


@on_both
async def test_one_no_is_enough(database: str, till: Till) -> None:
    async with open_office(database, [till.agent()], PAY) as baton:
        run, review = await asked(baton)
        await baton.approve(review.id, by="ann")
        await baton.reject(review.id, "not now", by="bob")
        await soon(run.result())
    assert till.paid == []
