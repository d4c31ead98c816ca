"""Workflows: each pattern through the real loop, what becomes of what fails, and that nothing holds up its siblings."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from baton import Agent, Contract, Goal
from baton.core import Attachment, Conflict, InvalidValue, ManualClock
from baton.graph.patterns import (
    Call,
    Choice,
    Compute,
    Discriminator,
    Do,
    Fail,
    FirstOf,
    Ladder,
    Loop,
    Map,
    Milestone,
    MultiChoice,
    On,
    Parallel,
    Pattern,
    Race,
    Reviewed,
    Saga,
    Sequence,
    Skip,
    Stop,
    Undoable,
    Until,
    Wait,
    When,
    Workflow,
)
from baton.ledger import handoffs, reviews, runs
from support import on_both, run_row, set_policy, soon, until
from support.weaving import Shop, open_flows, states, steps_of, worker


def done(name: str, what: str | None = None, **more: Any) -> Call:
    return Call(name, "do", {"what": what or name, **more})


def undoable(name: str) -> Undoable:
    return Undoable(done(name), Call(f"un{name}", "undo", {"what": f"{{{name}.what}}"}))


async def played(path: Path, body: Pattern, shop: Shop | None = None, **more: Any) -> tuple[str, str, dict[str, Any]]:
    """A workflow from beginning to end: its outcome, its summary, and what its steps came to."""
    shop = shop or Shop()
    async with open_flows(path / "b.db", [shop.flow(body, **more)]) as baton:
        run = await baton.submit("go")
        result = await soon(run.settled())
        return result.status, result.summary, await states(baton, run)


@on_both
async def test_a_sequence_hands_each_answer_to_the_next(database: str) -> None:
    shop = Shop()
    body = Sequence(
        done("pay", cents=900),
        Compute("half", lambda data: {"cents": data["pay"]["cents"] // 2}),
        Do("tell", "worker", "say {goal}: {half.cents} of {pay.cents}"),
    )
    flow = shop.flow(body, summary="told {tell.said}, paid {pay.paid}")
    async with open_flows(database, [flow]) as baton:
        run = await baton.submit("refund 4417")
        result = await soon(run.result())
        row = await run_row(baton, run.id)
        models = await baton.ledger.read(lambda tx: runs.listed(tx, agent="worker"))
    assert result.summary == "told refund 4417: 450 of 900, paid true"
    assert shop.done == ["pay"]
    assert (row.prompt_tokens, len(models)) == (0, 1)  # the workflow itself has asked no model


@on_both
async def test_a_parked_branch_holds_no_sibling_up(database: str) -> None:
    shop = Shop()
    body = Parallel(
        Do("slow", "person:clerk", "look at it"),
        Sequence(done("first"), Do("quick", "worker", "say hello"), done("last")),
        Sequence(Until("paid", "paid.order"), done("after")),
    )
    async with open_flows(database, [shop.flow(body)]) as baton:
        run = await baton.submit("go")
        await until(baton.ledger, lambda tx: shop.done == ["first", "last"])
        await baton.publish("paid.order", data={"cents": 5})
        await until(baton.ledger, lambda tx: "after" in shop.done)
        (review,) = await baton.ledger.read(lambda tx: reviews.waiting(tx))
        await baton.respond(review.id, "fine", by="fay")
        await soon(run.result())
        steps = await steps_of(baton, run)
    assert steps["paid"].value == {"cents": 5}
    assert steps["slow"].value == "fine"
    assert steps["parallel_slow"].value.keys() == {"slow", "sequence_first", "sequence_paid"}


async def test_a_failed_branch_fails_the_join_and_the_rest_is_withdrawn(tmp_path: Path) -> None:
    shop = Shop(broken={"bad"})
    body = Parallel(Do("slow", "person:clerk", "look"), Sequence(Do("ok", "worker", "say x"), done("bad")))
    async with open_flows(tmp_path / "b.db", [shop.flow(body)]) as baton:
        run = await baton.submit("go")
        result = await soon(run.settled())
        assert (result.status, result.summary) == ("failed", "sequence_ok failed: bad is broken")
        assert await baton.ledger.read(lambda tx: reviews.waiting(tx)) == []
        assert (await states(baton, run))["slow"] == "withdrawn"


@pytest.mark.parametrize(("join", "returned"), [("any", 1), (2, 2), ("all", 3)])
async def test_a_join_needs_all_any_or_so_many(tmp_path: Path, join: Any, returned: int) -> None:
    parts = [Do(f"p{number}", "person:clerk", f"look {number}") for number in range(3)]
    body = Sequence(Parallel(*parts, join=join), done("after"))
    shop = Shop()
    async with open_flows(tmp_path / "b.db", [shop.flow(body)]) as baton:
        run = await baton.submit("go")
        for number in range(returned):
            assert shop.done == []
            await soon(run.settled())
            waiting = await baton.ledger.read(lambda tx: reviews.waiting(tx))
            assert len(waiting) == 3 - number
            await baton.respond(waiting[0].id, "seen", by="fay")
        await soon(run.result())
        found = sorted(state or "" for key, state in (await states(baton, run)).items() if key.startswith("p"))
        assert found[1:] == ["returned"] * returned + ["withdrawn"] * (3 - returned) or found.count("returned") >= 1
        assert [one for one in found if one == "withdrawn"] == ["withdrawn"] * (3 - returned)
    assert shop.done == ["after"]


async def test_a_discriminator_goes_on_with_the_first_and_waits_for_the_rest_at_the_end(tmp_path: Path) -> None:
    shop = Shop()
    late = Sequence(Do("late", "person:clerk", "look"), done("afterwards"))
    body = Sequence(Discriminator(late, Do("quick", "worker", "say hello")), done("next"))
    async with open_flows(tmp_path / "b.db", [shop.flow(body)]) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
        assert shop.done == ["next"]
        (review,) = await baton.ledger.read(lambda tx: reviews.waiting(tx))
        await baton.respond(review.id, "seen", by="fay")
        await soon(run.result())
    assert shop.done == ["next", "afterwards"]


async def test_a_race_takes_the_first_answer_and_withdraws_the_losers(tmp_path: Path) -> None:
    body = Race(
        Do("person", "person:clerk", "look"),
        Do("agent", "worker", "say mine"),
        Wait("late", "2d"),
        Until("never", "nothing.comes"),
    )
    async with open_flows(tmp_path / "b.db", [Shop().flow(body, summary="{race_person.said}")]) as baton:
        run = await baton.submit("go")
        result = await soon(run.result())
        assert result.summary == "agent"
        assert await states(baton, run) == {
            "person": "withdrawn",
            "agent": "returned",
            "late": "withdrawn",
            "never": "withdrawn",
            "race_person": "returned",
        }
        assert await baton.ledger.read(lambda tx: reviews.waiting(tx)) == []


@pytest.mark.parametrize("cents", [5, 0, -5])
async def test_a_choice_takes_the_first_way_that_fits(tmp_path: Path, cents: int) -> None:
    shop = Shop()
    body = Sequence(
        done("ask", cents=cents),
        Choice(
            When(lambda data: data["ask"]["cents"] > 0, done("much")),
            When(lambda data: data["ask"]["cents"] >= 0, done("nothing")),
            otherwise=Fail("no", "it is {ask.cents}"),
        ),
    )
    status, summary, _ = await played(tmp_path, body, shop)
    assert (status, shop.done[1:]) == {5: ("done", ["much"]), 0: ("done", ["nothing"]), -5: ("failed", [])}[cents]
    assert cents >= 0 or summary == "it is -5"


async def test_a_choice_in_which_nothing_fits_has_failed(tmp_path: Path) -> None:
    status, summary, _ = await played(tmp_path, Choice(When(lambda data: False, Skip("x"))))
    assert (status, summary) == ("failed", "no way fits")


async def test_every_way_that_fits_is_taken_and_joined(tmp_path: Path) -> None:
    shop = Shop()
    ways = [When(lambda data, n=n: n % 2 == 0, done(f"way{n}")) for n in range(4)]  # type: ignore[misc]
    status, _, found = await played(tmp_path, Sequence(MultiChoice(*ways), done("after")), shop)
    assert (status, shop.done) == ("done", ["way0", "way2", "after"])
    assert "way1" not in found


async def test_a_loop_goes_on_until_it_is_over_and_stops_at_its_limit(tmp_path: Path) -> None:
    shop = Shop()
    body = Loop(done("turn", "turn {round}"), until=lambda data: data["round"] == 3, most=5)
    assert (await played(tmp_path, body, shop))[0] == "done"
    assert shop.done == ["turn 1", "turn 2", "turn 3"]
    more = Shop()
    (tmp_path / "x").mkdir()
    body = Loop(done("turn", "turn {round}"), until=lambda data: False, most=2)
    status, summary, found = await played(tmp_path / "x", body, more)
    assert (status, summary) == ("failed", "it is not over after 2 rounds")
    assert (more.done, found["turn#2"]) == (["turn 1", "turn 2"], "returned")


async def test_a_loop_that_looks_first_may_do_nothing(tmp_path: Path) -> None:
    shop = Shop()
    assert (await played(tmp_path, Loop(done("turn"), while_=lambda data: False, most=2), shop))[0] == "done"
    assert shop.done == []


async def test_a_list_is_gone_through_with_no_more_at_once_than_may_be(tmp_path: Path) -> None:
    body = Map(
        [3, 5, 7, 9],
        Sequence(Compute("twice", lambda data: data["item"] * 2), Do("ask", "person:clerk", "{index}: {twice.answer}")),
        at_once=3,
        reduce=lambda answer: ",".join(answer["answers"]),
        name="all",
    )
    async with open_flows(tmp_path / "b.db", [Shop().flow(body, summary="{all.answer}")]) as baton:
        run = await baton.submit("go")
        for left in (3, 3, 2, 1):
            await soon(run.settled())
            waiting = await baton.ledger.read(lambda tx: reviews.waiting(tx))
            assert len(waiting) == left
            await baton.respond(waiting[0].id, waiting[0].question["summary"], by="fay")
        assert sorted((await soon(run.result())).summary.split(",")) == ["0: 6", "1: 10", "2: 14", "3: 18"]


async def test_what_happens_first_decides(tmp_path: Path) -> None:
    shop, clock = Shop(), ManualClock(1_000_000.0)
    body = FirstOf(
        On(Until("paid", "order.paid"), done("ship")),
        On(Wait("late", "2d"), done("remind")),
        On(Do("cancel", "person:customer", "cancel?"), done("refund")),
    )
    async with open_flows(tmp_path / "b.db", [shop.flow(body)], clock=clock) as baton:
        first, second = await baton.submit("one"), await baton.submit("two")
        await soon(first.settled())
        await soon(second.settled())
        (review,) = await baton.ledger.read(lambda tx: reviews.waiting(tx, runs=[first.id]))
        await baton.respond(review.id, "please", by="cy")
        await soon(first.result())
        clock.advance(timedelta(days=3).total_seconds())
        await soon(second.result())
        found = await states(baton, second)
    assert shop.done == ["refund", "remind"]
    assert (found["paid"], found["cancel"], found["late"]) == ("withdrawn", "withdrawn", "returned")


async def test_a_milestone_is_open_only_between_two_steps(tmp_path: Path) -> None:
    shop = Shop()
    body = Parallel(
        Sequence(Until("paid", "order.paid"), Until("packed", "order.packed"), done("ship")),
        Milestone(Sequence(Until("wish", "order.change"), done("change")), after="paid", before="ship"),
    )
    async with open_flows(tmp_path / "b.db", [shop.flow(body)]) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
        assert "wish" not in await states(baton, run)
        await baton.publish("order.paid")
        await until(baton.ledger, lambda tx: runs.get(tx, run.id).turns >= 2)
        await soon(run.settled())
        assert (await states(baton, run))["wish"] is None
        await baton.publish("order.packed")
        await soon(run.result())
        assert (await states(baton, run))["wish"] == "withdrawn"
    assert shop.done == ["ship"]


@on_both
async def test_a_saga_undoes_what_it_did_in_reverse_when_a_part_fails(database: str) -> None:
    shop = Shop(broken={"ship"})
    body = Saga(undoable("reserve"), undoable("charge"), undoable("ship"))
    async with open_flows(database, [shop.flow(body)]) as baton:
        run = await baton.submit("go")
        result = await soon(run.settled())
    assert shop.done == ["reserve", "charge", "undo charge", "undo reserve"]
    assert (result.status, result.summary) == ("failed", "ship failed: ship is broken; undone: charge, reserve")


async def test_a_saga_undoes_what_it_did_when_policy_denies(tmp_path: Path) -> None:
    shop = Shop()
    policy = set_policy(
        tmp_path / "p.cedar",
        "permit (principal, action, resource);",
        'forbid (principal, action, resource is Tool::do) when { resource.args.what == "ship" };',
    )
    body = Saga(undoable("reserve"), undoable("charge"), undoable("ship"))
    status, summary, _ = await played(tmp_path, body, shop, policy=policy)
    assert shop.done == ["reserve", "charge", "undo charge", "undo reserve"]
    assert status == "refused"
    assert summary.startswith("ship denied")


async def test_what_a_saga_cannot_undo_is_told_to_people(tmp_path: Path) -> None:
    shop = Shop(broken={"ship", "undo charge"})
    body = Saga(undoable("reserve"), undoable("charge"), undoable("ship"))
    async with open_flows(tmp_path / "b.db", [shop.flow(body)]) as baton:
        run = await baton.submit("go")
        (review,) = (await soon(run.settled())).reviews
        assert shop.done == ["reserve", "charge", "undo reserve"]
        assert "not undone: charge (its uncharge failed: charge stays)" in review.question["summary"]
        await baton.approve(review.id, by="fay")
        assert (await soon(run.settled())).status == "failed"
    assert shop.done == ["reserve", "charge", "undo reserve"]


async def test_a_ladder_goes_up_until_somebody_answers(tmp_path: Path) -> None:
    clock = ManualClock(1_000_000.0)
    body = Ladder(
        Do("clerk", "person:clerk", "look", within="1h"),
        Do("agent", "worker", "refuse not mine"),
        Do("lead", "person:lead", "look", within="1h"),
    )
    async with open_flows(tmp_path / "b.db", [Shop().flow(body)], clock=clock) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
        clock.advance(2 * 3600.0)
        await until(baton.ledger, lambda tx: [one for one in reviews.waiting(tx) if one.reviewers == ("lead",)])
        (review,) = await baton.ledger.read(lambda tx: reviews.waiting(tx))
        await baton.respond(review.id, "yes", by="leo")
        assert (await soon(run.result())).summary == "yes"
        found = await states(baton, run)
    assert (found["clerk"], found["agent"], found["lead"]) == ("expired", "refused", "returned")


async def test_what_a_reviewer_refuses_goes_back_with_the_remarks(tmp_path: Path) -> None:
    body = Reviewed(
        Do("write", "worker", "say draft {round} {remarks}"), Do("check", "person:editor", "{write.said}"), 2
    )
    async with open_flows(tmp_path / "b.db", [Shop().flow(body)]) as baton:
        first, second = await baton.submit("one"), await baton.submit("two")
        for run, answers in ((first, ("too long", None)), (second, ("no", "no again"))):
            for answer in answers:
                await soon(run.settled())
                (review,) = await baton.ledger.read(lambda tx, run=run: reviews.waiting(tx, runs=[run.id]))  # type: ignore[misc]
                if answer is None:
                    await baton.respond(review.id, "fine", by="ed")
                else:
                    await baton.reject(review.id, answer, by="ed")
                await until(baton.ledger, lambda tx, id=review.id: not reviews.get(tx, id).open)  # type: ignore[misc]
        accepted, refused = await soon(first.settled()), await soon(second.settled())
    assert (accepted.status, accepted.summary) == ("done", "draft 2 too long")
    assert (refused.status, refused.summary) == ("refused", "not accepted in 2 rounds: no again")


async def test_a_stop_ends_everything(tmp_path: Path) -> None:
    body = Parallel(
        Do("slow", "person:clerk", "look"), Sequence(Do("a", "worker", "say x"), Stop("end", said="enough"))
    )
    async with open_flows(tmp_path / "b.db", [Shop().flow(body)]) as baton:
        result = await soon((await baton.submit("go")).result())
        assert await baton.ledger.read(lambda tx: reviews.waiting(tx)) == []
    assert (result.status, result.summary) == ("done", "enough")


@pytest.mark.parametrize(
    ("step", "state", "said"),
    [
        (Do("x", "worker", "refuse no"), "refused", "no"),
        (Do("x", "worker", "fail hm"), "failed", "hm"),
        (Do("x", "worker", "{goal.nothing}"), "failed", "goal has no nothing"),
        (Compute("x", lambda data: 1 // 0), "failed", "ZeroDivisionError: integer division or modulo by zero"),
        (Compute("x", lambda data: data["y"]), "failed", "KeyError: 'y'"),
        (Do("x", "worker", "say x", contract="refund", payload={"order": "q"}), "failed", None),
        (Call("x", "do", {"whatever": 1}), "failed", None),
    ],
)
async def test_a_step_that_comes_to_nothing_fails_the_workflow_with_its_reason(
    tmp_path: Path, step: Pattern, state: str, said: str | None
) -> None:
    class Refund(BaseModel):
        order: int

    contract = Contract(name="refund", version=1, payload=Refund)
    shop = Shop()
    flow = shop.flow(Sequence(step, done("after")), contracts=[contract])
    async with open_flows(tmp_path / "b.db", [flow], [worker(contracts=[contract])]) as baton:
        run = await baton.submit("go")
        result = await soon(run.settled())
        assert (await states(baton, run))["x"] == state
    assert result.status == ("refused" if state == "refused" else "failed")
    assert said is None or result.summary == said
    assert shop.done == []


async def test_a_failure_may_be_gone_on_from_or_made_good(tmp_path: Path) -> None:
    shop = Shop(broken={"bad", "worse"})
    body = Sequence(
        Call("bad", "do", {"what": "bad"}, on_failure="go on"),
        Call("worse", "do", {"what": "worse"}, on_failure=done("instead")),
        Compute("seen", lambda data: [data["bad"]["outcome"], data["worse"]["outcome"]]),
    )
    async with open_flows(tmp_path / "b.db", [shop.flow(body)]) as baton:
        run = await baton.submit("go")
        assert (await soon(run.result())).summary == '["failed","failed"]'
    assert shop.done == ["instead"]


@on_both
async def test_a_step_under_review_waits_and_a_no_is_its_outcome(database: str) -> None:
    shop = Shop()
    body = Parallel(
        Call("one", "do", {"what": "one"}, on_failure="go on"),
        Call("two", "do", {"what": "two"}, on_failure="go on"),
        Call("same", "do", {"what": "two"}),
        Do("quick", "worker", "say x"),
    )
    async with open_flows(database, [shop.flow(body, policy="ask-writes")]) as baton:
        run = await baton.submit("go")
        await until(baton.ledger, lambda tx: runs.get(tx, run.id).turns >= 1)
        await soon(run.settled())
        waiting = {
            one.question["arguments"]["what"]: one for one in await baton.ledger.read(lambda tx: reviews.waiting(tx))
        }
        assert sorted(waiting) == ["one", "two"]
        await baton.reject(waiting["one"].id, "not that", by="fay")
        await baton.approve(waiting["two"].id, by="fay")
        result = await soon(run.settled())
        steps = await steps_of(baton, run)
    assert result.status == "done"
    assert shop.done == ["two"]
    assert (steps["one"].state, steps["one"].said) == ("denied", "not that")
    assert steps["two"].value == steps["same"].value == {"what": "two", "cents": 0, "paid": False}


async def test_a_workflow_works_under_a_contract_and_its_answer_has_to_fit(tmp_path: Path) -> None:
    class Refund(BaseModel):
        order: int

    class Paid(BaseModel):
        reference: str

    contract = Contract(name="refund", version=1, payload=Refund, answer=Paid)
    pays = Workflow("pays", Compute("it", {"reference": "r-{given.order}"}), contracts=[contract])
    wrong = Workflow("wrong", Compute("it", {"other": 1}), contracts=[contract])
    give = [
        Do(name, name, "pay", contract="refund", payload={"order": "{given.order}"}, on_failure="go on")
        for name in ("pays", "wrong")
    ]
    flow = Workflow("flow", Sequence(*give, Compute("end", "{pays.reference} {wrong.outcome}")), contracts=[contract])
    async with open_flows(tmp_path / "b.db", [flow, pays, wrong]) as baton:
        goal = Goal("go", attachments=(Attachment("order.json", '{"order": 7}'),))
        run = await baton.submit(goal, agent="flow")
        assert (await soon(run.result())).summary == "r-7 failed"
        found = {one.taker: one for one in await baton.ledger.read(lambda tx: handoffs.of_run(tx, run.id))}
    assert found["pays"].answer == {"reference": "r-7"}
    assert "its answer does not fit" in found["wrong"].said


async def test_a_taker_that_asks_a_workflow_is_told_that_it_cannot_answer(tmp_path: Path) -> None:
    contract = Contract(name="work", version=1, payload=type("Said", (BaseModel,), {}))
    inner = Workflow("inner", Do("it", "asker", "ask", contract="work", payload={}), contracts=[contract])
    asker = Agent("asker", policy="allow-all", contracts=[contract])
    from baton.agents.simulated import Answer, Conversation
    from support import Says, call, calls, open_office

    def mind(conversation: Conversation) -> Answer:
        told = [text for text in conversation.user_texts() if "inner answers]" in text]
        if told:
            return calls(call("finish", summary=told[0]))
        return Answer(text="…") if list(conversation.results()) else calls(call("ask_giver", question="which?"))

    async with open_office(tmp_path / "b.db", [inner.agent, asker], Says(mind)) as baton:
        result = await soon((await baton.submit("go")).result())
    assert "cannot answer" in result.summary


async def test_a_cancelled_workflow_takes_its_children_with_it(tmp_path: Path) -> None:
    body = Parallel(Do("a", "worker", "wait"), Do("b", "person:clerk", "look"))
    async with open_flows(tmp_path / "b.db", [Shop().flow(body)]) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
        (child,) = await baton.ledger.read(lambda tx: runs.children(tx, run.id))
        await run.cancel()
        assert (await soon(run.settled())).status == "cancelled"
        await until(baton.ledger, lambda tx: runs.get(tx, child.id).status == "cancelled")
        assert await baton.ledger.read(lambda tx: reviews.waiting(tx)) == []


async def test_a_goal_whose_deadline_has_passed_ends_its_workflow(tmp_path: Path) -> None:
    clock = ManualClock(1_000_000.0)
    body = Sequence(Do("a", "person:clerk", "look"), done("after"))
    async with open_flows(tmp_path / "b.db", [Shop().flow(body)], clock=clock) as baton:
        run = await baton.submit(Goal("go", deadline="1h"))
        await soon(run.settled())
        clock.advance(2 * 3600.0)
        result = await soon(run.settled())
        result = await soon(run.settled()) if result.status == "waiting" else result
        await until(baton.ledger, lambda tx: runs.get(tx, run.id).ended)
        row = await run_row(baton, run.id)
    assert (row.status, row.summary) == ("failed", "the deadline of its goal has passed")


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: Workflow("w", Sequence(Skip("a"), Skip("a"))), "'a'"),
        (lambda: Workflow("w", Compute("a", "{b.c}")), "{b.c}"),
        (lambda: Workflow("w", Call("a", "nothing")), "'nothing'"),
        (lambda: Workflow("w", Do("a", "b", "c", contract="d")), "'d'"),
        (lambda: Workflow("w", Sequence()), "at least one part"),
        (lambda: Workflow("w", Parallel(Skip("a"), join=2)), "a number up to 1"),
        (lambda: Workflow("w", Loop(Skip("a"), most=0)), "a whole number from 1 on"),
        (lambda: Workflow("w", Skip("goal")), "'goal'"),
        (lambda: Workflow("w", Skip("a b")), "'a b'"),
        (lambda: Workflow("w", Wait("a")), "either a duration or `until`"),
        (lambda: Workflow("w", Ladder(Skip("a"))), "two or more"),
        (lambda: Workflow("w", Milestone(Skip("a"), after="b")), "'b'"),
        (lambda: Workflow("w", Compute("a", "{item}")), "{item}"),
    ],
)
def test_what_cannot_work_is_refused_at_once(made: Any, says: str) -> None:
    with pytest.raises(InvalidValue, match=says.replace("{", r"\{").replace(".", r"\.")):
        made()


async def test_a_step_that_was_begun_must_still_be_there_and_the_rest_may_change(tmp_path: Path) -> None:
    shop, database = Shop(), tmp_path / "b.db"
    ask, after = Do("ask", "person:clerk", "look"), done("after")
    async with open_flows(database, [shop.flow(Sequence(ask, after))]) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
    moved = Do("ask", "person:lead", "look")
    async with open_flows(database, [shop.flow(Sequence(moved, after))]) as baton:
        run = await baton.open(run.id)
        (review,) = await baton.ledger.read(lambda tx: reviews.waiting(tx))
        await baton.respond(review.id, "fine", by="fay")
        await until(baton.ledger, lambda tx: [one for one in reviews.waiting(tx) if one.question.get("code")])
        (trouble,) = await baton.ledger.read(lambda tx: reviews.waiting(tx))
        assert "step ask was begun as `do person:clerk` and is `do person:lead` now" in trouble.question["summary"]
    async with open_flows(database, [shop.flow(Parallel(Sequence(ask, done("other")), name="new"))]) as baton:
        result = await soon((await baton.open(run.id)).result())
    assert (result.status, shop.done) == ("done", ["other"])


async def test_pieces_may_go_on_while_what_follows_is_done(tmp_path: Path) -> None:
    shop = Shop()
    body = Sequence(Discriminator(Skip("now"), Map(["wait"], Do("each", "worker", "{item}"))), done("next"))
    async with open_flows(tmp_path / "b.db", [shop.flow(body)]) as baton:
        run = await baton.submit("go")
        await until(baton.ledger, lambda tx: bool(runs.children(tx, run.id)))
        await soon(run.settled())
        assert (shop.done, (await run_row(baton, run.id)).ended) == (["next"], False)


async def test_a_workflow_may_hand_on_to_itself_five_deep(tmp_path: Path) -> None:
    body = Do("again", "flow", "{goal}x", on_failure=Compute("deep", "{goal}"))
    async with open_flows(tmp_path / "b.db", [Workflow("flow", body, policy="allow-all")]) as baton:
        result = await soon((await baton.submit("x")).result())
        assert result.summary == "xxxxxx"


async def test_a_workflow_is_neither_talked_with_nor_forked(tmp_path: Path) -> None:
    async with open_flows(tmp_path / "b.db", [Shop().flow(done("it"))]) as baton:
        with pytest.raises(InvalidValue, match="a workflow takes goals"):
            await baton.converse(agent="flow")
        run = await baton.submit("go")
        await soon(run.result())
        with pytest.raises(Conflict, match="flow is a workflow"):
            await baton.fork(run.id, at=1)


async def test_what_a_workflow_has_called_can_be_undone(tmp_path: Path) -> None:
    from baton import tool

    did: list[str] = []

    @tool(effect="write", undo="back")
    def forth(what: str) -> dict[str, str]:
        """Go."""
        did.append(f"forth {what}")
        return {"what": what}

    @tool(effect="write")
    def back(what: str) -> str:
        """Come back."""
        did.append(f"back {what}")
        return "back"

    flow = Workflow("flow", Call("it", "forth", {"what": "a"}), tools=[forth, back], policy="allow-all")
    async with open_flows(tmp_path / "b.db", [flow]) as baton:
        run = await baton.submit("go")
        await soon(run.result())
        await soon((await baton.compensate(run.id)).result())
    assert did == ["forth a", "back a"]
