"""Work that is spread over many and joined in the record: told once, at most so many at once, nothing lost."""

from pathlib import Path
from typing import Any

import pytest

from baton import RunHandle
from baton.app import Baton
from baton.graph.patterns import Call, Compute, Do, Map, Sequence, Wait, Workflow
from baton.ledger import families, handoffs, reviews, runs
from baton.server.pages.running import run_page
from baton.server.pages.talking import talk
from support import on_both, set_policy, soon, text_rows, until
from support.weaving import Shop, open_flows, states, steps_of


def twice(items: list[Any], to: str = "child", task: str = "{item}", **more: Any) -> Workflow:
    body = Map(items, Do("each", to, task), name="all", **({"at_once": 4} | more))
    return Workflow("flow", body, policy="allow-all", summary="{all.answer}")


CHILD = Workflow("child", Compute("it", lambda data: int(data["goal"]) * 2), policy="allow-all")


async def told(baton: Baton, run: RunHandle) -> list[str]:
    """What the join has told, oldest first."""
    query = "SELECT b.text FROM messages m JOIN bodies b ON b.id = m.body WHERE m.run = :run AND m.ref = 'all'"
    return [text for (text,) in await text_rows(baton.ledger, f"{query} ORDER BY m.seq", run=run.id)]


@on_both
async def test_each_piece_is_handed_on_once_and_the_answers_come_in_order(database: str) -> None:
    async with open_flows(database, [twice(list(range(23)), reduce=lambda told: told["answers"]), CHILD]) as baton:
        run = await baton.submit("go", agent="flow")
        result = await soon(run.result())
        children = await baton.ledger.read(lambda tx: runs.children(tx, run.id))
        heard = await told(baton, run)
        open_ones = await text_rows(
            baton.ledger,
            "SELECT kind, data FROM events WHERE run = :run AND kind LIKE 'handoff.%' ORDER BY id",
            run=run.id,
        )
    assert result.summary == "[" + ",".join(f'"{2 * n}"' for n in range(23)) + "]"
    assert len(children) == 23
    assert heard[-1] == "[join all] 23 of 23 have ended, 23 of them with an answer."
    assert sum("23 of 23" in text for text in heard) == 1
    assert len(heard) <= 1 + 2 * 23 // 4  # per batch, not per piece
    most = now = 0
    for kind, _ in open_ones:
        now += {"handoff.offered": 1, "handoff.returned": -1}.get(kind, 0)
        most = max(most, now)
    assert most <= 4


@on_both
async def test_a_run_with_many_below_it_settles_is_told_and_shown(database: str) -> None:
    async with open_flows(database, [twice(list(range(130))), CHILD]) as baton:
        run = await baton.submit("go", agent="flow")
        settled = await soon(run.settled())
        told = [moment.event async for moment in run.story()]
        members = await baton.ledger.read(lambda tx: [runs.get(tx, one) for one in families.ids(tx, run.id)])
        numbers = await run.seen()
        page = await baton.ledger.read(lambda tx: run_page(tx, run.id))
        talked = await baton.ledger.read(lambda tx: talk(tx, run.id, None, None))
    assert settled.status == "done" and settled.turns == sum(one.turns for one in members)
    assert members[0].id == run.id and len(members) == 131
    assert sum(one.kind == "handoff.offered" for one in told) == 130
    assert numbers == {one.id: one.events for one in members} and len(told) == sum(numbers.values())
    assert not any(step.turn for step in page.story)  # a workflow's run cannot be forked
    assert [node.depth for node in page.tree] == [0] + [1] * 99 and page.others == 31
    assert not talked.working and f"{members[-1].id}" in talked.topics


@pytest.mark.parametrize(("failures", "ends"), [("fail", "refused"), ("go on", "done")])
async def test_what_fails_ends_it_or_is_named(tmp_path: Path, failures: Any, ends: str) -> None:
    shop = Shop()
    items = ["say a", "refuse b", "say c", "fail d", "say e"]
    flow = twice(items, to="worker", at_once=1, failures=failures)
    async with open_flows(tmp_path / "b.db", [flow]) as baton:
        run = await baton.submit("go")
        result = await soon(run.settled())
        steps = await steps_of(baton, run)
        children = await baton.ledger.read(lambda tx: runs.children(tx, run.id))
    assert result.status == ends
    assert shop.done == []
    if failures == "fail":
        assert result.summary == "1 of 5: [1] refused: b"
        assert len(children) == 2
    else:
        assert steps["all"].value["answers"] == ["a", None, "c", None, "e"]
        assert [one["item"] for one in steps["all"].value["failed"]] == [1, 3]


@on_both
async def test_enough_answers_end_it_and_the_rest_is_withdrawn(database: str) -> None:
    items = ["wait", "say a", "wait", "say b", "wait"]
    async with open_flows(database, [twice(items, to="worker", at_once=5, join=2)]) as baton:
        run = await baton.submit("go")
        await soon(run.result())
        found = await baton.ledger.read(lambda tx: handoffs.of_run(tx, run.id))
        for one in found:
            await until(baton.ledger, lambda tx, one=one: runs.get(tx, one.child or run.id).ended)  # type: ignore[misc]
        value = (await steps_of(baton, run))["all"].value
    assert sorted((one.item, one.state.value) for one in found) == [
        (0, "withdrawn"),
        (1, "returned"),
        (2, "withdrawn"),
        (3, "returned"),
        (4, "withdrawn"),
    ]
    assert (value["answers"], value["returned"]) == ([None, "a", None, "b", None], 2)


async def test_a_piece_that_policy_denies_is_missed_alone(tmp_path: Path) -> None:
    policy = set_policy(
        tmp_path / "p.cedar",
        "permit (principal, action, resource);",
        'forbid (principal, action, resource is Tool::hand_off) when { resource.args.task == "say c" };',
    )
    body = Map(["say a", "say b", "say c", "say d"], Do("each", "worker", "{item}"), failures="go on", name="all")
    flow = Workflow("flow", body, policy=policy)
    async with open_flows(tmp_path / "b.db", [flow]) as baton:
        run = await baton.submit("go")
        await soon(run.result())
        value = (await steps_of(baton, run))["all"].value
    assert value["answers"] == ["a", "b", None, "d"]
    (missed,) = value["failed"]
    assert (missed["item"], missed["outcome"]) == (2, "denied")


async def test_a_batch_that_has_to_be_asked_about_is_asked_about_once(tmp_path: Path) -> None:
    policy = set_policy(
        tmp_path / "p.cedar",
        "permit (principal, action, resource);",
        'forbid (principal, action == Action::"call", resource is Tool::hand_off);',
    )
    flow = Workflow("flow", Map(["say a", "say b"], Do("each", "worker", "{item}"), name="all"), policy=policy)
    async with open_flows(tmp_path / "b.db", [flow]) as baton:
        run = await baton.submit("go")
        (review,) = (await soon(run.settled())).reviews
        assert await baton.ledger.read(lambda tx: runs.children(tx, run.id)) == []
        await baton.approve(review.id, by="fay")
        await soon(run.result())
        assert (await steps_of(baton, run))["all"].value["answers"] == ["a", "b"]


async def test_pieces_for_people_are_questions(tmp_path: Path) -> None:
    flow = twice(["one", "two", "three"], to="person:clerk", at_once=2)
    async with open_flows(tmp_path / "b.db", [flow]) as baton:
        run = await baton.submit("go")
        for left in (2, 2, 1):
            await soon(run.settled())
            await until(baton.ledger, lambda tx, left=left: len(reviews.waiting(tx)) == left)  # type: ignore[misc]
            (review, *_) = await baton.ledger.read(lambda tx: reviews.waiting(tx))
            await baton.respond(review.id, review.question["summary"].upper(), by="fay")
        await soon(run.result())
        assert (await steps_of(baton, run))["all"].value["answers"] == ["ONE", "TWO", "THREE"]


async def test_what_comes_back_keeps_its_label(tmp_path: Path) -> None:
    reads = Workflow("child", Compute("it", "x"), policy="allow-all")
    flow = Workflow("flow", Sequence(Map([1, 2], Do("each", "child", "x"), name="all"), Do("after", "child", "y")))
    async with open_flows(tmp_path / "b.db", [flow, reads]) as baton:
        from baton.core import Attachment, Goal, Trust

        run = await baton.submit(Goal("go", attachments=(Attachment("mail.txt", "hello"),)), agent="flow")
        await soon(run.result())
        children = await baton.ledger.read(lambda tx: runs.children(tx, run.id))
    assert {child.trust for child in children} == {Trust.EXTERNAL}


async def test_a_list_is_made_when_it_is_reached_and_an_empty_one_is_nothing(tmp_path: Path) -> None:
    body = Sequence(
        Compute("list", lambda data: {"odd": [1, 3], "none": []}),
        Map("{list.odd}", Do("each", "child", "{item}"), name="some"),
        Map("{list.none}", Do("never", "child", "{item}"), name="none"),
    )
    async with open_flows(tmp_path / "b.db", [Workflow("flow", body, policy="allow-all"), CHILD]) as baton:
        run = await baton.submit("go", agent="flow")
        await soon(run.result())
        steps = await steps_of(baton, run)
    assert steps["some"].value["answers"] == ["2", "6"]
    assert steps["none"].value == {"answers": [], "failed": [], "returned": 0}


async def test_a_map_within_a_loop_joins_each_round_by_itself(tmp_path: Path) -> None:
    from baton.graph.patterns import Loop

    body = Loop(Map([1, 2, 3], Do("each", "child", "{item}"), name="all", at_once=2), most=2)
    async with open_flows(tmp_path / "b.db", [Workflow("flow", body, policy="allow-all"), CHILD]) as baton:
        run = await baton.submit("go", agent="flow")
        await soon(run.result())
        children = await baton.ledger.read(lambda tx: runs.children(tx, run.id))
        found = await states(baton, run)
    assert (len(children), found["all#1"], found["all#2"]) == (6, "returned", "returned")


async def test_a_map_that_is_let_go_of_takes_its_pieces_back(tmp_path: Path) -> None:
    from baton.graph.patterns import Race

    shop = Shop()
    body = Race(Map(["wait", "wait"], Do("each", "worker", "{item}"), name="all"), Call("quick", "do", {"what": "it"}))
    async with open_flows(tmp_path / "b.db", [shop.flow(Sequence(body, Wait("a", "1s")))]) as baton:
        run = await baton.submit("go")
        await soon(run.result())
        for child in await baton.ledger.read(lambda tx: runs.children(tx, run.id)):
            await until(baton.ledger, lambda tx, child=child: runs.get(tx, child.id).ended)  # type: ignore[misc]
        found = await baton.ledger.read(lambda tx: handoffs.of_run(tx, run.id))
    assert {one.state.value for one in found} == {"withdrawn"}
    assert shop.done == ["it"]
