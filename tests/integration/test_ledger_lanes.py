"""On Postgres a step's rows go in one message; what does not come back as committed is done by a thread."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import psycopg
import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint, empty_checkpoint
from sqlalchemy import text

from baton.core import Goal, LedgerError, Superseded
from baton.graph import Hold, LedgerSaver
from baton.graph.saver import HOLD
from baton.ledger import Ledger, Transaction, bodies, leases, runs
from baton.ledger.gathering import Piece
from baton.ledger.pipe import PostgresPipe
from support import PATIENCE, reached, soon, text_rows
from support.postgres import PostgresServer


class Sent:
    """What was sent, and came back from, the pipes."""

    def __init__(self) -> None:
        self.pieces: list[int] = []
        self.answers: list[bool] = []
        self.lose = 0

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        send = PostgresPipe.send

        def watched(pipe: PostgresPipe, pieces: Sequence[Piece], done: Callable[[bool], None]) -> None:
            def answered(committed: bool) -> None:
                self.lose -= 1
                self.answers.append(committed)
                done(committed and self.lose < 0)

            self.pieces.append(len(pieces))
            send(pipe, pieces, answered)

        monkeypatch.setattr(PostgresPipe, "send", watched)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    found = Sent()
    found.watch(monkeypatch)
    return found


@pytest.fixture
async def ledger(postgres_url: str, sent: Sent) -> AsyncIterator[Ledger]:
    """A ledger whose pipes are open."""
    opened = await Ledger.open(postgres_url)
    hold, number = await _held(opened), 0
    async with asyncio.timeout(PATIENCE):
        while not sent.pieces:
            number += 1
            await _put(opened, hold, number)
    sent.pieces.clear()
    sent.answers.clear()
    await opened.write(lambda tx: tx.execute(text("DELETE FROM checkpoints")))
    yield opened
    await opened.close()


async def _held(ledger: Ledger) -> Hold:
    run, _ = await ledger.write(lambda tx: runs.create(tx, Goal("g"), "a"))
    lease = await ledger.write(lambda tx: leases.take(tx, run, "me", 30))
    assert lease is not None
    return Hold(ledger, lease)


def _config(hold: Hold) -> RunnableConfig:
    return {"configurable": {"thread_id": hold.run, "checkpoint_ns": "", "checkpoint_id": "00000001", HOLD: hold}}


def _state(number: int, **values: Any) -> Checkpoint:
    return empty_checkpoint() | {"id": f"{number:08d}", "channel_values": {"at": {"turn": 0}, **values}}


async def _put(ledger: Ledger, hold: Hold, number: int, **values: Any) -> None:
    await LedgerSaver(ledger).aput(_config(hold), _state(number, **values), {}, {})


async def _states(ledger: Ledger) -> list[str]:
    return [row[0] for row in await text_rows(ledger, "SELECT id FROM checkpoints ORDER BY id")]


async def test_the_steps_of_many_runs_share_messages(ledger: Ledger, sent: Sent) -> None:
    holds = [await _held(ledger) for _ in range(40)]
    await asyncio.gather(*(_put(ledger, hold, 1) for hold in holds))
    assert sum(sent.pieces) == 40
    assert len(sent.pieces) <= 4
    assert await _states(ledger) == ["00000001"] * 40


async def test_of_many_in_one_message_only_the_stale_one_is_refused(ledger: Ledger, sent: Sent) -> None:
    holds = [await _held(ledger) for _ in range(6)]
    stale = holds[2]
    await ledger.write(lambda tx: tx.execute(text("UPDATE runs SET lease_until = 0 WHERE id = :id"), {"id": stale.run}))
    assert await ledger.write(lambda tx: leases.take(tx, stale.run, "other", 30)) is not None
    done = await asyncio.gather(*(_put(ledger, hold, 1) for hold in holds), return_exceptions=True)
    assert [type(one) for one in done] == [type(None)] * 2 + [Superseded] + [type(None)] * 3
    assert await _states(ledger) == ["00000001"] * 5
    assert sent.answers == [False]
    with pytest.raises(Superseded):
        await stale.write(lambda tx: bodies.store(tx, "rests on it"))
    await _put(ledger, holds[0], 2)
    assert sent.answers == [False, True]  # the pipe works on


async def test_a_lease_that_is_taken_meanwhile_is_waited_for_and_refuses(
    postgres_url: str, ledger: Ledger, sent: Sent
) -> None:
    hold = await _held(ledger)
    with psycopg.connect(postgres_url) as other:
        other.execute("UPDATE runs SET epoch = epoch + 1 WHERE id = %s", (hold.run,))
        putting = asyncio.ensure_future(_put(ledger, hold, 1))
        await reached(lambda: other.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone() is not None)
        other.commit()
    with pytest.raises(Superseded):
        await soon(putting)
    assert await _states(ledger) == []
    assert sent.answers == [False]


async def test_what_a_message_came_to_is_unknown_and_it_stands_once(ledger: Ledger, sent: Sent) -> None:
    hold = await _held(ledger)
    await _put(ledger, hold, 1)
    sent.lose = 1
    config = _config(hold)
    await asyncio.gather(LedgerSaver(ledger).aput_writes(config, [("at", 1), ("n", 2)], "task"), _put(ledger, hold, 2))
    assert sent.answers == [True, True]
    assert await _states(ledger) == ["00000002"]
    assert await text_rows(ledger, "SELECT count(*) FROM checkpoint_writes") == [(0,)]  # older than the newest state


async def test_a_connection_that_dies_under_a_message_loses_nothing(
    postgres_url: str, ledger: Ledger, sent: Sent
) -> None:
    hold = await _held(ledger)
    with psycopg.connect(postgres_url) as other:
        other.execute("SELECT 1 FROM runs WHERE id = %s FOR UPDATE", (hold.run,))
        putting = asyncio.ensure_future(_put(ledger, hold, 1))
        await reached(lambda: other.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone() is not None)
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted")
        await reached(lambda: sent.answers)
        other.rollback()
    await soon(putting)
    assert sent.answers == [False]
    assert await _states(ledger) == ["00000001"]


async def test_pipes_that_were_cut_while_idle_are_opened_again(
    postgres: PostgresServer, ledger: Ledger, sent: Sent
) -> None:
    hold, number = await _held(ledger), 0
    await asyncio.to_thread(postgres.cut)
    async with asyncio.timeout(PATIENCE):
        while True not in sent.answers:
            number += 1
            await _put(ledger, hold, number)
    assert await _states(ledger) == [f"{number:08d}"]


async def test_a_row_that_somebody_holds_keeps_no_other_run_waiting_for_long(postgres_url: str, ledger: Ledger) -> None:
    holds = [await _held(ledger) for _ in range(3)]
    with psycopg.connect(postgres_url) as other:
        other.execute("SELECT 1 FROM runs WHERE id = %s FOR UPDATE", (holds[0].run,))
        held = asyncio.ensure_future(_put(ledger, holds[0], 1))
        await reached(lambda: other.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone() is not None)
        await soon(asyncio.gather(*(_put(ledger, hold, 1) for hold in holds[1:])))
        assert not held.done()
        other.rollback()
    await soon(held)
    assert await _states(ledger) == ["00000001"] * 3


async def test_work_of_one_run_keeps_its_order_whichever_way_it_goes(ledger: Ledger, sent: Sent) -> None:
    hold, seen = await _held(ledger), list[list[str]]()

    def look(tx: Transaction) -> None:
        seen.append(tx.values(text("SELECT id FROM checkpoints")))

    putting: list[asyncio.Future[None]] = []
    for number in range(1, 5):
        putting.append(asyncio.ensure_future(_put(ledger, hold, number)))
        await asyncio.sleep(0)  # each is handed over alone
        await asyncio.sleep(0)
        hold.post(look)
        await asyncio.sleep(0)
    await soon(asyncio.gather(*putting))
    await hold.write(look)
    newest = [max(states) for states in seen]
    assert newest == sorted(newest)
    assert newest[-1] == "00000004"
    assert sent.pieces


async def test_closing_waits_for_what_is_under_way(postgres_url: str, ledger: Ledger) -> None:
    holds = [await _held(ledger) for _ in range(20)]
    putting = [asyncio.ensure_future(_put(ledger, hold, 1)) for hold in holds]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await soon(ledger.close())
    await soon(asyncio.gather(*putting))
    again = await Ledger.open(postgres_url)
    assert await _states(again) == ["00000001"] * 20
    await again.close()


@pytest.mark.parametrize("length", [100_000, 3_000_000])
async def test_a_state_that_is_no_small_message_is_left_to_a_thread(ledger: Ledger, sent: Sent, length: int) -> None:
    holds = [await _held(ledger) for _ in range(3)]
    await asyncio.gather(
        _put(ledger, holds[0], 1), _put(ledger, holds[1], 1, text="x" * length), _put(ledger, holds[2], 1)
    )
    assert sent.pieces == [2]
    found = await LedgerSaver(ledger).aget_tuple({"configurable": {"thread_id": holds[1].run}})
    assert found is not None
    assert found.checkpoint["channel_values"]["text"] == "x" * length


async def test_a_value_that_postgres_refuses_is_told_and_not_cut_short(ledger: Ledger, sent: Sent) -> None:
    hold = await _held(ledger)
    with pytest.raises(LedgerError, match="NUL"):
        await LedgerSaver(ledger).aput_writes(_config(hold), [("a\0b", 1)], "task")
    assert await text_rows(ledger, "SELECT count(*) FROM checkpoint_writes") == [(0,)]
    assert sent.answers == [False]


async def test_a_state_is_read_with_its_writes_without_a_thread(
    ledger: Ledger, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold, saver = await _held(ledger), LedgerSaver(ledger)
    await saver.aput(_config(hold), _state(1), {"step": 3}, {})
    await saver.aput_writes(_config(hold), [("at", 1), ("n", "two")], "task")

    async def by_thread(work: object) -> None:
        raise AssertionError("a thread was asked")

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "read", by_thread)
        found = await saver.aget_tuple({"configurable": {"thread_id": hold.run}})
        by_id = await saver.aget_tuple(_config(hold))
        none = await asyncio.gather(*(saver.aget_tuple({"configurable": {"thread_id": "none"}}) for _ in range(20)))
    assert found is not None
    assert found.checkpoint["channel_values"] == {"at": {"turn": 0}}
    assert found.metadata == {"step": 3}
    assert found.pending_writes == [("task", "at", 1), ("task", "n", "two")]
    assert found == by_id
    assert none == [None] * 20


async def test_a_reader_whose_connection_dies_is_answered_by_a_thread(postgres: PostgresServer, ledger: Ledger) -> None:
    hold, saver = await _held(ledger), LedgerSaver(ledger)
    await _put(ledger, hold, 1)
    await asyncio.to_thread(postgres.cut)
    found = await soon(asyncio.gather(*(saver.aget_tuple(_config(hold)) for _ in range(5))))
    assert [one and one.checkpoint["id"] for one in found] == ["00000001"] * 5


async def test_closing_leaves_no_reader_waiting(ledger: Ledger) -> None:
    asking = [
        asyncio.ensure_future(LedgerSaver(ledger).aget_tuple({"configurable": {"thread_id": "none"}})) for _ in range(5)
    ]
    await asyncio.sleep(0)
    await soon(ledger.close())
    done = await soon(asyncio.gather(*asking, return_exceptions=True))
    assert all(one is None or isinstance(one, LedgerError) for one in done)
