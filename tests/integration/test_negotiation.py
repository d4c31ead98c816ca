"""Calls for proposals: bids of agents and people, awarded by the operators' rule, once, and again where it fails."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from baton import Agent
from baton.agents.simulated import Answer, Conversation
from baton.core import InvalidValue, ManualClock, Person
from baton.graph.negotiating import Bid, best_first
from baton.ledger import HandoffState, events, handoffs
from support import Says, call, calls, on_both, open_office, soon, tool_lines, until

BIDS: Mapping[str, tuple[float, float, float]] = {"ann": (9, 10, 0.5), "bob": (5, 60, 0.9), "cat": (7, 30, 0.99)}


def boss(rule: Any = "cheapest", *to: str) -> Agent:
    return Agent("boss", policy="allow-all", hands_off_to=to or tuple(BIDS), awards=rule)


def bidder(name: str) -> Agent:
    return Agent(name, policy="allow-all", instructions=f"you are {name}", skills=["paint"])


def plays(ends: Mapping[str, str], bids: Mapping[str, Any] = BIDS, **asked: Any) -> Says:
    """Each bids what `bids` says, or refuses to where it says nothing, and ends the work as `ends` says."""

    def answer(conversation: Conversation) -> Answer:
        first, *later = conversation.user_texts()
        me = next((name for name in BIDS if f"you are {name}" in json.dumps(conversation.body)), "boss")
        if "What would it take" in first:
            if me not in bids:
                return calls(call("finish", summary="not mine", outcome="refused"))
            said = dict(zip(("cost", "seconds", "confidence"), bids[me], strict=True))
            return calls(call("finish", summary="my bid", answer=said))
        if me != "boss":
            return calls(call("finish", summary=f"painted by {me}", outcome=ends.get(me, "done")))
        back = [one for one in later if "returned]" in one and "next" not in one]
        back += [one for one in later if "Nobody has made" in one]
        if back:
            return calls(call("finish", summary=back[-1]))
        if list(conversation.results()):
            return Answer(text="waiting")
        return calls(call("call_for_proposals", **({"to": list(BIDS), "task": "paint it"} | asked)))

    return Says(answer)


@on_both
@pytest.mark.parametrize(("rule", "wins"), [("cheapest", "bob"), ("fastest", "ann"), ("surest", "cat")])
async def test_the_best_by_the_operators_rule_gets_the_work_once(database: str, rule: str, wins: str) -> None:
    async with open_office(database, [boss(rule), *map(bidder, BIDS)], plays({})) as baton:
        run = await baton.submit("have it painted")
        assert f"painted by {wins}" in (await soon(run.result())).summary
        found = await baton.ledger.read(lambda tx: handoffs.of_run(tx, run.id))
        (awarded,) = await baton.ledger.read(lambda tx: events.latest(tx, run.id, "call.awarded"))
        told = await tool_lines(run)
    assert [one.taker for one in found if one.bid_of is None] == [wins]
    assert sum(one.bid_of is not None for one in found) == 3
    assert (awarded.data["to"], awarded.data["rule"]) == (wins, rule)
    assert len(awarded.data["bids"]) == 3
    assert sum("my bid" in text for text in told) == 0, "bids do not wake whoever calls"
    assert sum(f"awarded to {wins}" in text for text in told) == 1


@on_both
async def test_a_failed_award_goes_to_the_next_best(database: str) -> None:
    ends = {"bob": "failed", "cat": "refused"}
    async with open_office(database, [boss(), *map(bidder, BIDS)], plays(ends)) as baton:
        run = await baton.submit("have it painted")
        assert "painted by ann" in (await soon(run.result())).summary
        work = [one for one in await baton.ledger.read(lambda tx: handoffs.of_run(tx, run.id)) if one.bid_of is None]
    assert [(one.taker, one.state.value) for one in work] == [
        ("bob", "failed"),
        ("cat", "refused"),
        ("ann", "returned"),
    ]


@on_both
async def test_where_nobody_makes_a_proposal_the_caller_is_told(database: str) -> None:
    async with open_office(database, [boss(), *map(bidder, BIDS)], plays({}, {})) as baton:
        run = await baton.submit("have it painted")
        assert "Nobody has made a proposal" in (await soon(run.result())).summary


@on_both
async def test_people_bid_too_and_who_is_late_is_left_out(database: str) -> None:
    clock = ManualClock()
    people = [Person(name="dora", skills=frozenset({"paint"})), Person(name="ed", skills=frozenset({"paint"}))]
    mind = plays({}, to=["skill:paint"], answers_within="10m")
    async with open_office(
        database, [boss("cheapest", "skill:paint"), bidder("bob")], mind, clock=clock, people=people
    ) as baton:
        run = await baton.submit("have it painted")
        asked = {one.reviewers[0]: one for one in (await soon(run.settled())).reviews}
        assert set(asked) == {"dora", "ed"}
        await baton.respond(asked["dora"].id, '{"cost": 1, "seconds": 5, "confidence": 0.5}', by="dora")
        assert (await soon(run.settled())).status == "waiting"
        clock.advance(601)
        (work,) = await until(
            baton.ledger, lambda tx: [one for one in handoffs.of_run(tx, run.id) if one.bid_of is None]
        )
        late = [
            one for one in await baton.ledger.read(lambda tx: handoffs.of_run(tx, run.id)) if one.taker == "person:ed"
        ]
        assert (work.taker, late[0].state) == ("person:dora", HandoffState.EXPIRED)
        (review,) = [one for one in (await soon(run.settled())).reviews if one.id == work.review]
        await baton.respond(review.id, "done it", by="dora")
        told = await tool_lines(run)
    assert not any("ed" in text and "expired" in text for text in told)


async def test_only_whom_it_may_hand_work_to_is_asked_and_only_agents_with_a_rule_may(tmp_path: Path) -> None:
    assert "call_for_proposals" not in Agent("a", hands_off_to=["b"]).specs
    for rule in ("best", {"cost": -1}, {"price": 1}, {}, {"cost": 0}):
        with pytest.raises(InvalidValue, match="awards of agent"):
            Agent("a", awards=rule)
    async with open_office(tmp_path / "b.db", [boss("cheapest", "ann"), *map(bidder, BIDS)], plays({})) as baton:
        run = await baton.submit("have it painted")
        await soon(run.settled())
        assert "you may not ask bob, cat; you may: ann" in (await tool_lines(run))[0]


def test_bids_are_ranked_by_rules_and_weights_ties_by_name() -> None:
    bids = [Bid(name=name, cost=cost, seconds=s, confidence=sure) for name, (cost, s, sure) in BIDS.items()]
    assert [one.name for one in best_first(bids, {"cost": 1, "seconds": 1})] == ["ann", "cat", "bob"]
    assert [one.name for one in best_first(bids, {"doubt": 1})] == ["cat", "bob", "ann"]
    same = [Bid(name=name, cost=0, seconds=0, confidence=1) for name in "ba"]
    assert [one.name for one in best_first(same, {"cost": 1, "seconds": 2})] == ["a", "b"]
