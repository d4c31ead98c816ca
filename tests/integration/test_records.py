"""Shared records: versions, compare-and-set, what becomes of two who write at once, labels that stay."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton import Agent
from baton.agents.simulated import Answer, Conversation
from baton.core import Conflict, InvalidValue, Trust
from baton.ledger.records import three_way
from support import Says, call, calls, on_both, open_office, script, set_policy, soon, tool_lines

STOCK = {"nails": 10, "box": {"size": "L", "left": 3}}


async def test_each_version_stays_readable_and_only_the_newest_is_written_upon(tmp_path: Path) -> None:
    async with open_office(tmp_path / "b.db", [Agent("clerk")], script()) as baton:
        shared = baton.shared
        assert await shared.read("stock") is None
        await shared.write("stock", STOCK, read=0, by="ann")
        await shared.write("stock", {"nails": 9}, read=1, by="bob")
        with pytest.raises(Conflict, match=r"record stock: bob has written version 2 .* you have read version 1"):
            await shared.write("stock", {"nails": 8}, read=1, by="cem")
        with pytest.raises(InvalidValue, match="version of record stock 7"):
            await shared.write("stock", {}, read=7)
        assert [(one.version, one.value, one.by) for one in await shared.history("stock")] == [
            (1, STOCK, "ann"),
            (2, {"nails": 9}, "bob"),
        ]
        first = await shared.read("stock", 1)
        assert first is not None and first.value == STOCK
        assert [one.name for one in await shared.records()] == ["stock"]
        assert await baton.within("acme").shared.read("stock") is None


async def test_fields_that_only_one_has_changed_are_put_together(tmp_path: Path) -> None:
    async with open_office(tmp_path / "b.db", [Agent("clerk")], script()) as baton:
        shared = baton.shared
        await shared.write("stock", STOCK, read=0, by="ann")
        await shared.write("stock", STOCK | {"nails": 9}, read=1, by="bob")
        theirs = STOCK | {"box": {"size": "L", "left": 2}, "screws": 4}
        done = await shared.write("stock", theirs, read=1, on_conflict="merge", by="cem")
        assert (done.how, done.version, done.other) == ("merged", 3, "bob")
        assert done.value == {"nails": 9, "box": {"size": "L", "left": 2}, "screws": 4}
        with pytest.raises(Conflict, match="in nails"):
            await shared.write("stock", STOCK | {"nails": 1}, read=1, on_conflict="merge")
        done = await shared.write("stock", {"nails": 1}, read=1, on_conflict="last", by="dee")
        assert (done.how, done.version, done.over, done.other) == ("over", 4, 3, "cem")
        newest = await shared.read("stock")
        assert newest is not None and newest.over == 3


@on_both
async def test_of_many_who_have_read_the_same_one_writes(database: str) -> None:
    async with open_office(database, [Agent("clerk")], script(), dispatch=False) as baton:
        await baton.shared.write("n", 0, read=0)

        async def raise_it() -> int:
            for tries in range(100):
                one = await baton.shared.read("n")
                assert one is not None
                try:
                    await baton.shared.write("n", one.value + 1, read=one.version)
                except Conflict:
                    continue
                return tries
            raise AssertionError("never its turn")

        await asyncio.gather(*(raise_it() for _ in range(12)))
        newest = await baton.shared.read("n")
    assert newest is not None and (newest.value, newest.version) == (12, 13)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from("ab"),
    lambda inner: st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=6,
)


@given(base=JSON, one=JSON, other=JSON)
def test_merging_is_the_same_from_both_sides_and_loses_no_change(base: Any, one: Any, other: Any) -> None:
    left, right = three_way(base, one, other), three_way(base, other, one)
    assert set(left.clashes) == set(right.clashes)
    if not left.clashes:
        assert left.value == right.value
    assert three_way(base, one, base).value == one and three_way(base, base, one).value == one
    assert three_way(base, one, one).value == one


def writer(rule: str, policy: str | Path = "allow-all") -> Agent:
    return Agent("clerk", records={"stock": rule}, policy=policy)


def writes(value: Any, version: int = 1) -> Says:
    """Reads, writes, and finishes with what it was told last."""

    def answer(conversation: Conversation) -> Answer:
        results = [text for _, _, text in conversation.results()]
        if not results:
            return calls(call("read_record", name="stock"))
        if len(results) == 1:
            return calls(call("write_record", name="stock", value=value, version=version))
        notices = [text for text in conversation.user_texts() if text.startswith("[review")]
        if results[-1].startswith("pending: ") and not notices:
            return Answer(text="I wait.")
        return calls(call("finish", summary=[*results, *notices][-1]))

    return Says(answer)


async def test_an_agent_reads_and_writes_and_what_it_writes_keeps_its_trust(tmp_path: Path) -> None:
    async with open_office(tmp_path / "b.db", [writer("refuse")], writes({"nails": 9})) as baton:
        await baton.shared.write("stock", {"nails": 10}, read=0, by="ann", trust=Trust.EXTERNAL)
        run = await baton.submit("go")
        assert (await soon(run.result())).summary == "written: stock is at version 2"
        (read, _, _) = await tool_lines(run)
        assert '"version":1' in read.replace(" ", "") and '"nails":10' in read.replace(" ", "")
        newest = await baton.shared.read("stock")
    assert newest is not None and newest.label.trust is Trust.EXTERNAL  # it had read what a stranger wrote
    assert newest.by == "clerk" and newest.action is not None


async def test_a_record_of_others_is_none_of_its_business(tmp_path: Path) -> None:
    agent = Agent("clerk", records={"prices": "refuse", "stock.*": "merge"}, policy="allow-all")
    mind = script([call("read_record", name="wages")], [call("write_record", name="stock.nails", value=1, version=0)])
    async with open_office(tmp_path / "b.db", [agent], mind) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
        lines = await tool_lines(run)
    assert lines == ["denied: wages is no record of yours; yours are: prices, stock.*", lines[1]]
    assert lines[1] == "written: stock.nails is at version 1"


async def test_policy_judges_who_may_write(tmp_path: Path) -> None:
    policy = set_policy(
        tmp_path / "p.cedar", "permit (principal, action, resource) unless { resource is Tool::write_record };"
    )
    async with open_office(tmp_path / "b.db", [writer("refuse", policy)], writes(1, 0)) as baton:
        run = await baton.submit("go")
        assert "denied" in ((await soon(run.result())).summary or "")
        assert await baton.shared.read("stock") is None


async def test_where_two_have_written_people_are_shown_both_and_decide(tmp_path: Path) -> None:
    async with open_office(tmp_path / "b.db", [writer("ask")], writes({"nails": 1})) as baton:
        await baton.shared.write("stock", {"nails": 10}, read=0, by="ann")
        await baton.shared.write("stock", {"nails": 7}, read=1, by="bob")
        run = await baton.submit("go")
        (review,) = (await soon(run.settled())).reviews
        assert review.question["summary"] == "May clerk write over stock? Another has written it meanwhile."
        conflict = review.question["known"]["conflict"]
        assert 'it says {"nails":7}, you want {"nails":1}' in conflict and "bob has written version 2" in conflict
        await baton.approve(review.id, by="ann")
        summary = (await soon(run.result())).summary
        assert summary is not None and "over version 2 by bob" in summary
        newest = await baton.shared.read("stock")
    assert newest is not None and newest.value == {"nails": 1} and newest.over == 2


async def test_a_no_leaves_it_as_it_is(tmp_path: Path) -> None:
    async with open_office(tmp_path / "b.db", [writer("ask")], writes({"nails": 1})) as baton:
        await baton.shared.write("stock", {"nails": 10}, read=0, by="ann")
        await baton.shared.write("stock", {"nails": 7}, read=1, by="bob")
        run = await baton.submit("go")
        (review,) = (await soon(run.settled())).reviews
        await baton.reject(review.id, "bob is right", by="ann")
        await soon(run.result())
        newest = await baton.shared.read("stock")
    assert newest is not None and newest.value == {"nails": 7}
