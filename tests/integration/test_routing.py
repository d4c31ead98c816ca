"""Work for a skill: chosen by the record, with the figures on record, and offered to the next where it is not done."""

import json
from pathlib import Path
from typing import Any

import pytest

from baton import Agent, load_project
from baton.agents.simulated import Answer, Conversation
from baton.core import InvalidValue, Label, ManualClock, Person, Trust
from baton.graph import handing, rerouting
from baton.graph.alarms import fire_due
from baton.ledger import Handoff, HandoffState, Transaction, events, handoffs, mail, reviews, runs
from support import Says, call, calls, on_both, open_office, soon, tool_lines, until


def boss(**more: Any) -> Agent:
    return Agent("boss", policy="allow-all", hands_off_to=["skill:refunds"], **more)


def payer(name: str, **more: Any) -> Agent:
    return Agent(name, policy="allow-all", skills=["refunds"], instructions=f"you are {name}", **more)


def plays(how: dict[str, str], hand: dict[str, Any] | None = None) -> Says:
    """A boss that hands on one refund; each payer ends as `how` says."""

    def answer(conversation: Conversation) -> Answer:
        first, *later = conversation.user_texts()
        if "# Goal\npay" in first:
            me = next(name for name in how if f"you are {name}" in json.dumps(conversation.body))
            return calls(call("finish", summary=f"by {me}", outcome=how[me]))
        back = [said for said in later if '"outcome": "done"' in said or "answered by" in said]
        back += [said for said in later if "returned]" in said and "next" not in said]
        if back:
            return calls(call("finish", summary=back[0]))
        if list(conversation.results()):
            return Answer(text="waiting")
        return calls(call("hand_off", **({"to": "skill:refunds", "task": "pay it"} | (hand or {}))))

    return Says(answer)


@on_both
async def test_work_for_a_skill_goes_to_whom_the_record_says_and_the_figures_are_kept(database: str) -> None:
    how = {"ann": "done", "bob": "failed"}
    async with open_office(database, [boss(), payer("bob"), payer("ann"), Agent("other")], plays(how)) as baton:
        for _ in range(3):
            run = await baton.submit("see to it")
            assert "by ann" in (await soon(run.result())).summary
        (routed,) = await baton.ledger.read(lambda tx: events.latest(tx, run.id, "handoff.routed"))
        (handoff,) = await baton.ledger.read(lambda tx: handoffs.of_run(tx, run.id))
    assert (routed.data["to"], routed.data["skill"], routed.data["handoff"]) == ("ann", "refunds", handoff.id)
    assert [(one["name"], one["returned"], one["ended"]) for one in routed.data["candidates"]] == [
        ("ann", 2, 2),
        ("bob", 0, 0),
    ]
    assert handoff.taker == "ann"


@on_both
@pytest.mark.parametrize("end", ["refused", "failed"])
async def test_what_the_first_does_not_do_is_offered_to_the_next_and_comes_back_once(database: str, end: str) -> None:
    how = {"ann": end, "bob": end, "cat": "done"}
    async with open_office(database, [boss(), *(payer(name) for name in how)], plays(how, {"reroute": True})) as baton:
        run = await baton.submit("see to it")
        assert "by cat" in (await soon(run.result())).summary
        found = await baton.ledger.read(lambda tx: handoffs.of_run(tx, run.id))
        told = await tool_lines(run)
    assert [(one.taker, one.state.value) for one in found] == [("ann", end), ("bob", end), ("cat", "returned")]
    assert all(one.route is None for one in found)
    assert sum("offered to bob now" in text for text in told) == 1


@on_both
async def test_nobody_is_left_is_told_as_the_last_ones_end(database: str) -> None:
    how = {"ann": "refused", "bob": "refused"}
    async with open_office(database, [boss(), *(payer(name) for name in how)], plays(how, {"reroute": True})) as baton:
        run = await baton.submit("see to it")
        assert '"summary": "by bob"' in (await soon(run.result())).summary


@on_both
async def test_without_reroute_nobody_else_is_asked(database: str) -> None:
    how = {"ann": "refused", "bob": "done"}
    async with open_office(database, [boss(), *(payer(name) for name in how)], plays(how)) as baton:
        run = await baton.submit("see to it")
        assert "by ann" in (await soon(run.result())).summary


@on_both
async def test_a_person_with_the_skill_who_says_no_is_followed_by_another_candidate(database: str) -> None:
    people = [Person(name="dora", skills=frozenset({"refunds"})), Person(name="ed")]
    hand = {"reroute": True}
    async with open_office(database, [boss()], plays({}, hand), people=people) as baton:
        run = await baton.submit("see to it")
        (review,) = (await soon(run.settled())).reviews
        assert review.reviewers == ("dora",)
        await baton.reject(review.id, by="dora", reason="not mine")
        (handoff,) = await baton.ledger.read(lambda tx: handoffs.of_run(tx, run.id))
        assert handoff.state is HandoffState.REFUSED
    more = [*people, Person(name="fay", skills=frozenset({"refunds"}))]
    async with open_office(f"{database}", [boss()], plays({}, hand), people=more) as baton:
        run = await baton.submit("see to it")
        (first,) = (await soon(run.settled())).reviews
        await baton.reject(first.id, by=first.reviewers[0], reason="not mine")
        second = await until(
            baton.ledger, lambda tx: [one for one in reviews.waiting(tx, runs=[run.id]) if one.id != first.id]
        )
        assert {first.reviewers[0], second[0].reviewers[0]} == {"dora", "fay"}
        assert first.reviewers == ("fay",), "dora has said no before"


async def test_nobody_with_the_skill_is_said_and_a_name_is_never_rerouted(tmp_path: Path) -> None:
    async with open_office(tmp_path / "a.db", [boss()], plays({})) as baton:
        run = await baton.submit("see to it")
        await soon(run.settled())
        assert "no somebody with the skill 'refunds'" in (await tool_lines(run))[0]
    named = Agent("boss", policy="allow-all", hands_off_to=["skill:refunds", "ann"])
    hand = {"to": "ann", "reroute": True}
    async with open_office(tmp_path / "b.db", [named, payer("ann")], plays({"ann": "done"}, hand)) as baton:
        run = await baton.submit("see to it")
        await soon(run.settled())
        assert "only work for a skill" in (await tool_lines(run))[0]


def test_a_plain_hand_off_is_told_as_before_and_a_project_file_has_skills(tmp_path: Path) -> None:
    plain, skilled = Agent("a", hands_off_to=["b"]), Agent("a", hands_off_to=["skill:x"])
    assert "reroute" not in plain.specs["hand_off"].parameters["properties"]
    assert "reroute" in skilled.specs["hand_off"].parameters["properties"]
    with pytest.raises(InvalidValue, match="skill of agent"):
        Agent("a", skills=[" x"])
    with pytest.raises(InvalidValue, match="capacity"):
        Agent("a", capacity=0)
    file = tmp_path / "agents.yaml"
    file.write_text("agents: [{name: a, instructions: x, skills: [refunds], capacity: 2}]")
    (agent,) = load_project(file).agents
    assert (list(agent.skills), agent.capacity) == (["refunds"], 2)


@on_both
async def test_what_an_overloaded_taker_has_not_begun_goes_to_who_is_idle_once_and_on_record(database: str) -> None:
    clock = ManualClock()
    async with open_office(database, [Agent("boss")], Says(lambda _: calls()), dispatch=False, clock=clock) as baton:
        givers = [await baton.submit(f"give {number}", agent="boss") for number in range(4)]

        def give(tx: Transaction, number: int, to: str, rest: list[str]) -> Handoff:
            run, label = runs.get(tx, givers[number].id), Label(Trust.AGENT)
            left = [(name, handing.Terms()) for name in rest]
            route = rerouting.route_of("pay it", None, None, label, left)
            made = handing.drafted(run, f"{run.id}.1.0", to, handing.Terms(), 1, None, tx.now, route)
            handing.offer(tx, run, made, "pay it", None, label)
            return made

        plain = [await baton.ledger.write(lambda tx, n=n: give(tx, n, "ann", [])) for n in range(2)]  # type: ignore[misc]
        first = await baton.ledger.write(lambda tx: give(tx, 2, "ann", ["bob", "cat"]))
        taken = await baton.ledger.write(lambda tx: give(tx, 3, "ann", ["bob"]))
        await baton.ledger.write(lambda tx: handoffs.take(tx, taken))
        for _ in range(40):
            clock.advance(45.0)
            while await fire_due(baton.ledger):
                pass
        found = await baton.ledger.read(lambda tx: handoffs.of_run(tx, givers[2].id))
        moved = await baton.ledger.read(lambda tx: events.latest(tx, givers[2].id, "handoff.moved"))
        told = await baton.ledger.read(lambda tx: events.latest(tx, givers[2].id, "handoff.unanswered"))
        states = await baton.ledger.read(lambda tx: [handoffs.get(tx, one.id).state.value for one in (*plain, taken)])
        child = await baton.ledger.read(lambda tx: mail.unread(tx, found[0].child or first.run, 0))
    assert [(one.taker, one.state.value) for one in found] == [("ann", "expired"), ("bob", "offered")]
    assert [(one.data["to"], one.data["had"], one.data["has"]) for one in moved] == [("bob", 4, 0)]
    assert "ann has not begun in" in moved[0].data["why"]
    assert [message.kind for message in child] == ["cancel"]  # ann's run is called off
    assert len(told) == 1  # cat has no less to do than bob, so it stays with bob, and the giver is told
    assert states == ["offered", "offered", "taken"]  # who has begun keeps it, and so does who is named
