"""Compensation: what a run did is undone in reverse, once, by calls that policy judges like any other."""

from pathlib import Path

import pytest

from baton import Agent, Baton, RunHandle, tool
from baton.core import Conflict, InvalidValue
from baton.ledger import EffectState, effects
from support import call, open_office, script, set_policy, soon, text_rows


class Shop:
    """Books and cancels; remembers in which order."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.fails = False

    def agent(self, policy: str | Path = "allow-all") -> Agent:
        @tool(undo="cancel_room")
        async def book_room(city: str, nights: int) -> dict[str, str]:
            """Book."""
            self.done.append(f"book {city}")
            return {"booking": f"B-{city}"}

        @tool
        async def cancel_room(booking: str, city: str, of: str) -> str:
            """Cancel."""
            if self.fails:
                raise ValueError("the hotel does not answer")
            self.done.append(f"cancel {booking} {city} {of.rsplit('_')[-1][-3:]}")
            return "cancelled"

        @tool
        async def send(text: str) -> str:
            """Send."""
            self.done.append(f"send {text}")
            return "sent"

        @tool(undo="take_back")
        async def give(what: str) -> str:
            """Give."""
            return "given"

        @tool
        async def take_back(receipt: str) -> str:
            """Take back."""
            return "taken"

        @tool(effect="read")
        async def look() -> str:
            """Look."""
            return "seen"

        return Agent("clerk", tools=[book_room, cancel_room, send, give, take_back, look], policy=policy)


TRIP = script(
    [call("look")],
    [call("book_room", city="Rome", nights=2)],
    [call("send", text="booked"), call("give", what="tea"), call("book_room", city="Oslo", nights=1)],
)


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "baton.db"


async def _travelled(baton: Baton, shop: Shop) -> RunHandle:
    run = await baton.submit("go")
    await soon(run.result())
    shop.done.clear()
    return run


async def test_what_was_done_last_is_undone_first_and_the_rest_is_told(database: Path, shop: Shop) -> None:
    async with open_office(database, [shop.agent()], TRIP) as baton:
        run = await _travelled(baton, shop)
        undoing = await baton.compensate(run.id, by="ann")
        result = await soon(undoing.result())
        known = await undoing.status()
        linked = await text_rows(baton.ledger, "SELECT undoes FROM effects WHERE run = :r ORDER BY key", r=undoing.id)
    assert shop.done == ["cancel B-Oslo Oslo 3.2", "cancel B-Rome Rome 2.0"]
    assert result.summary.splitlines() == [
        f"undone: book_room ({run.id}.3.2) by cancel_room",
        f"undone: book_room ({run.id}.2.0) by cancel_room",
        f"not undone: {run.id}.3.1: give: take_back needs receipt, which neither its result nor its arguments hold",
        f"not undone: {run.id}.3.0: send: it names no tool that undoes it",
    ]
    assert (known.compensates, known.parent, known.requester) == (run.id, None, "ann")
    assert linked == [(f"{run.id}.3.2",), (f"{run.id}.2.0",)]


async def test_nothing_is_undone_twice(database: Path, shop: Shop) -> None:
    async with open_office(database, [shop.agent()], TRIP) as baton:
        run = await _travelled(baton, shop)
        undoing = await baton.compensate(run.id)
        await soon(undoing.result())
        with pytest.raises(Conflict, match=f"nothing to undo.*undone already, by {undoing.id}"):
            await baton.compensate(run.id)
    assert len(shop.done) == 2


async def test_each_undo_is_judged_and_waits_for_the_one_before(database: Path, shop: Shop, tmp_path: Path) -> None:
    async with open_office(database, [shop.agent()], TRIP) as baton:
        run = await _travelled(baton, shop)
        asks = '@id("ask") permit (principal, action == Action::"call_with_approval", resource is Tool::cancel_room);'
        baton.employ(shop.agent(set_policy(tmp_path / "ask.cedar", asks)))
        undoing = await baton.compensate(run.id)
        (first,) = (await soon(undoing.settled())).reviews
        assert first.question["arguments"]["booking"] == "B-Oslo"
        with pytest.raises(Conflict, match=f"{undoing.id} is at it"):
            await baton.compensate(run.id)
        await baton.reject(first.id, "keep it", by="ann")
        (second,) = (await soon(undoing.settled())).reviews
        assert second.question["arguments"]["booking"] == "B-Rome"
        await undoing.message("how far are you?")
        await soon(undoing.settled())
        await baton.approve(second.id, by="ann")
        result = await soon(undoing.settled())
        assert (result.status, shop.done) == ("refused", ["cancel B-Rome Rome 2.0"])
        assert f"not undone: book_room ({run.id}.3.2): cancel_room was not allowed" in result.summary


async def test_an_undo_that_failed_can_be_tried_again(database: Path, shop: Shop) -> None:
    async with open_office(database, [shop.agent()], TRIP) as baton:
        run = await _travelled(baton, shop)
        shop.fails = True
        undoing = await baton.compensate(run.id)
        result = await soon(undoing.settled())
        assert (result.status, "the hotel does not answer" in result.summary) == ("failed", True)
        shop.fails = False
        assert (await soon((await baton.compensate(run.id)).settled())).status == "done"
    assert len(shop.done) == 2


async def test_what_nobody_knows_of_is_not_undone(database: Path, shop: Shop) -> None:
    async with open_office(database, [shop.agent()], TRIP) as baton:
        run = await _travelled(baton, shop)
        doubted = (await baton.ledger.read(lambda tx: effects.of_run(tx, run.id)))[1].key
        doubt = f"UPDATE effects SET state = '{EffectState.DOUBT}' WHERE key = '{doubted}'"
        await baton.ledger.write(lambda tx: tx.connection.exec_driver_sql(doubt))
        result = await soon((await baton.compensate(run.id)).result())
        assert f"not undone: {doubted}: book_room: nobody knows whether it happened" in result.summary
    assert shop.done == ["cancel B-Oslo Oslo 3.2"]


def test_an_undo_must_be_a_tool_that_the_agent_has() -> None:
    @tool(undo="cancel")
    def book() -> None: ...

    with pytest.raises(InvalidValue, match="undo of tool book 'cancel' is not allowed"):
        Agent("clerk", tools=[book])
