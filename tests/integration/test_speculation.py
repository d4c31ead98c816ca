"""Reading ahead while people think: only reads, used once if asked for in time, dropped otherwise, and on record."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from baton import Agent, Rest, tool
from baton.agents.simulated import Answer, Conversation
from baton.core import InvalidValue, ManualClock, Trust
from baton.ledger import events, speculations
from support import Says, call, calls, on_both, open_office, set_policy, soon, text_rows, tool_lines

ASKS = '@id("ask") permit (principal, action == Action::"call_with_approval", resource is Tool::refund);'
READS = '@id("reads") permit (principal, action == Action::"call", resource) when { resource.effect == "read" };'


class Shop:
    """Tools that count their calls."""

    def __init__(self, *, prefetch: bool = True, valid_for: str | None = "1h") -> None:
        self.count: Counter[str] = Counter()
        ahead = [Rest("customer_of", {"order": "order"})] if prefetch else []

        @tool(effect="read", valid_for=valid_for)
        def customer_of(order: int) -> str:
            """Who ordered."""
            self.count["customer_of"] += 1
            return f"customer {self.count['customer_of']} of {order}"

        @tool(prefetch=ahead)
        def refund(order: int) -> str:
            """Refund an order."""
            self.count["refund"] += 1
            return "refunded"

        self.tools: list[Any] = [customer_of, refund]

    def clerk(self, folder: Path, *rules: str, speculates: bool = True) -> Agent:
        policy = set_policy(folder / "till.cedar", *(rules or (ASKS, READS)))
        return Agent("clerk", tools=self.tools, policy=policy, speculates=speculates)


def plays(*, after: int = 4417) -> Says:
    """Refunds, looks the customer up once that is approved, and finishes."""

    def answer(conversation: Conversation) -> Answer:
        done = [name for name, _, _ in conversation.results()]
        if not done:
            return calls(call("refund", order=4417))
        if any("approved" in text for text in conversation.user_texts()) and "customer_of" not in done:
            return calls(call("customer_of", order=after))
        return calls(call("finish", summary="done"))

    return Says(answer)


async def played(baton: Any) -> Any:
    run = await baton.submit("refund 4417")
    (review,) = (await soon(run.settled())).reviews
    return run, review


@on_both
async def test_what_the_tool_says_is_read_while_people_think_and_used_once(database: str, tmp_path: Path) -> None:
    shop = Shop()
    async with open_office(database, [shop.clerk(tmp_path)], plays()) as baton:
        run, review = await played(baton)
        assert shop.count == {"customer_of": 1}, "nothing but the reading has happened"
        await baton.approve(review.id, by="ann")
        await soon(run.result())
        (line,) = [line for line in await run.transcript() if "customer 1 of 4417" in line.text]
        used = await baton.ledger.read(lambda tx: events.latest(tx, run.id, "speculation.used"))
        counts = await baton.ledger.read(speculations.counts)
    assert shop.count == {"customer_of": 1, "refund": 1}
    assert (line.role, line.trust) == ("tool", Trust.EXTERNAL)
    assert (len(used), counts) == (1, {"used": 1})


@on_both
async def test_what_is_too_old_is_read_again_and_what_is_not_used_is_dropped(database: str, tmp_path: Path) -> None:
    shop, clock = Shop(), ManualClock()
    async with open_office(database, [shop.clerk(tmp_path)], plays(), clock=clock) as baton:
        run, review = await played(baton)
        clock.advance(3601)
        await baton.approve(review.id, by="ann")
        await soon(run.result())
        told = await tool_lines(run)
        (dropped,) = await baton.ledger.read(lambda tx: events.latest(tx, run.id, "speculation.dropped"))
    assert shop.count["customer_of"] == 2 and any("customer 2 of 4417" in text for text in told)
    assert dropped.data == {"count": 1}


@on_both
async def test_another_question_is_not_answered_with_what_was_read_ahead(database: str, tmp_path: Path) -> None:
    shop = Shop()
    async with open_office(database, [shop.clerk(tmp_path)], plays(after=9)) as baton:
        run, review = await played(baton)
        await baton.approve(review.id, by="ann")
        await soon(run.result())
        assert any("customer 2 of 9" in text for text in await tool_lines(run))


@on_both
async def test_what_followed_before_is_learnt_from_the_record(database: str, tmp_path: Path) -> None:
    shop = Shop(prefetch=False)
    async with open_office(database, [shop.clerk(tmp_path)], plays()) as baton:
        for ahead in (0, 0, 1):
            before = shop.count["customer_of"]
            run, review = await played(baton)
            assert shop.count["customer_of"] - before == ahead
            await baton.approve(review.id, by="ann")
            await soon(run.result())
        assert await text_rows(baton.ledger, "SELECT state FROM speculations") == [("used",)]


@on_both
async def test_nothing_is_read_ahead_that_policy_does_not_allow_alone_or_nobody_asked_for(
    database: str, tmp_path: Path
) -> None:
    barred, off = Shop(), Shop()
    async with open_office(database, [barred.clerk(tmp_path, ASKS)], plays()) as baton:
        await played(baton)
    async with open_office(database, [off.clerk(tmp_path, speculates=False)], plays()) as baton:
        await played(baton)
    assert barred.count == off.count == {}


def test_what_writes_cannot_be_read_ahead() -> None:
    @tool
    def pay(cents: int) -> str:
        """Pay."""
        return "paid"

    @tool(prefetch=["pay"])
    def order(cents: int) -> str:
        """Order."""
        return "ordered"

    with pytest.raises(InvalidValue, match="prefetch of tool order"):
        Agent("a", tools=[pay, order])
