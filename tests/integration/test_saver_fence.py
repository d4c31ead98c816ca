"""The saver: fenced, one commit for a step with all its rows, and nothing read back that is not exactly what it was."""

import operator
from collections.abc import AsyncIterator
from typing import Any

import ormsgpack
import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import Checkpoint, empty_checkpoint
from langgraph.checkpoint.serde.jsonplus import EXT_CONSTRUCTOR_SINGLE_ARG
from langgraph.checkpoint.serde.types import ERROR, INTERRUPT
from sqlalchemy import text

from baton.core import CheckpointUnreadable, Conflict, Goal, RunId, Superseded
from baton.graph import Hold, LedgerSaver
from baton.graph.saver import HOLD
from baton.ledger import Ledger, Transaction, bodies, leases, runs
from support import text_rows


@pytest.fixture
async def ledger(record_url: str) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(record_url)
    yield opened
    await opened.close()


@pytest.fixture
def saver(ledger: Ledger) -> LedgerSaver:
    return LedgerSaver(ledger)


@pytest.fixture
async def hold(ledger: Ledger) -> Hold:
    return await _held(ledger)


async def _held(ledger: Ledger) -> Hold:
    run, _ = await ledger.write(lambda tx: runs.create(tx, Goal("g"), "a"))
    lease = await ledger.write(lambda tx: leases.take(tx, run, "me", 30))
    assert lease is not None
    return Hold(ledger, lease)


async def _superseded(ledger: Ledger, hold: Hold) -> Hold:
    await ledger.write(lambda tx: tx.execute(text("UPDATE runs SET lease_until = 0")))
    lease = await ledger.write(lambda tx: leases.take(tx, hold.run, "other", 30))
    assert lease is not None
    return Hold(ledger, lease)


def _config(run: str, hold: Hold | None, checkpoint: str | None = None) -> RunnableConfig:
    place: dict[str, Any] = {"thread_id": run, "checkpoint_ns": ""}
    if hold is not None:
        place[HOLD] = hold
    if checkpoint is not None:
        place["checkpoint_id"] = checkpoint
    return {"configurable": place}


def _state(number: int, turn: int = 0) -> Checkpoint:
    return empty_checkpoint() | {"id": f"{number:08d}", "channel_values": {"at": {"turn": turn}}}


async def _counts(ledger: Ledger) -> tuple[int, int]:
    rows = await text_rows(
        ledger, "SELECT (SELECT count(*) FROM checkpoints), (SELECT count(*) FROM checkpoint_writes)"
    )
    return rows[0][0], rows[0][1]


async def test_a_stale_epoch_may_write_neither_state_nor_writes(ledger: Ledger, saver: LedgerSaver, hold: Hold) -> None:
    await saver.aput(_config(hold.run, hold), _state(1), {}, {})
    newer = await _superseded(ledger, hold)

    with pytest.raises(Superseded, match="epoch 1 was superseded by 2"):
        await saver.aput(_config(hold.run, Hold(ledger, hold.lease)), _state(2), {}, {})
    with pytest.raises(Superseded):
        await saver.aput_writes(_config(hold.run, Hold(ledger, hold.lease), "00000001"), [("at", 1)], "task")
    assert await _counts(ledger) == (1, 0)

    await saver.aput(_config(hold.run, newer), _state(3, turn=1), {}, {})
    found = await saver.aget_tuple(_config(hold.run, None))
    assert found is not None
    assert found.checkpoint["id"] == "00000003"


async def test_a_run_is_written_by_its_leaseholder_only(ledger: Ledger, saver: LedgerSaver, hold: Hold) -> None:
    await saver.aput(_config(hold.run, hold), _state(1), {}, {})
    unheld = _config(hold.run, None, "00000001")
    with pytest.raises(Conflict, match="only its leaseholder may write it"):
        await saver.aput(unheld, _state(2), {}, {})
    with pytest.raises(Conflict):
        await saver.aput_writes(unheld, [("at", 1)], "task")
    with pytest.raises(Conflict):
        await saver.adelete_thread(hold.run)
    with pytest.raises(Conflict):
        await saver.acopy_thread("elsewhere", hold.run)
    with pytest.raises(Conflict):
        await saver.aprune([hold.run], strategy="delete")
    assert await _counts(ledger) == (1, 0)


async def test_a_hold_on_one_run_writes_no_other(ledger: Ledger, saver: LedgerSaver, hold: Hold) -> None:
    other = await _held(ledger)
    with pytest.raises(Conflict):
        await saver.aput(_config(other.run, hold), _state(1), {}, {})
    with pytest.raises(Conflict):
        await saver.aput_writes(_config(other.run, hold, "00000001"), [("at", 1)], "task")
    assert await _counts(ledger) == (0, 0)


async def test_a_thread_that_is_no_run_is_anybodys(ledger: Ledger, saver: LedgerSaver) -> None:
    await saver.aput(_config("mine", None), _state(1), {}, {})
    assert await _counts(ledger) == (1, 0)


async def test_riders_are_committed_with_their_own_tasks_writes(ledger: Ledger, saver: LedgerSaver, hold: Hold) -> None:
    before = len(await text_rows(ledger, "SELECT id FROM bodies"))
    hold.ride("task-a", lambda tx: bodies.store(tx, "rides with a"))
    hold.ride("task-b", lambda tx: bodies.store(tx, "rides with b"))
    await saver.aput_writes(_config(hold.run, hold, "00000001"), [("at", 1)], "task-a")

    rows = await text_rows(ledger, "SELECT text FROM bodies ORDER BY id")
    assert [row[0] for row in rows[before:]] == ["rides with a"]
    assert await _counts(ledger) == (0, 1)


async def test_a_rider_that_fails_leaves_neither_rows_nor_writes_and_ends_the_hold(
    ledger: Ledger, saver: LedgerSaver, hold: Hold
) -> None:
    before = await text_rows(ledger, "SELECT id FROM bodies")

    def fail(tx: Transaction) -> None:
        raise ValueError("a breach")

    hold.ride("task", lambda tx: bodies.store(tx, "before the breach"))
    hold.ride("task", fail)
    with pytest.raises(ValueError, match="a breach"):
        await saver.aput_writes(_config(hold.run, hold, "00000001"), [("at", 1)], "task")
    with pytest.raises(ValueError, match="a breach"):
        await saver.aput(_config(hold.run, hold), _state(2), {}, {})
    with pytest.raises(ValueError, match="a breach"):
        await hold.write(lambda tx: bodies.store(tx, "after the breach"))
    hold.post(lambda tx: bodies.store(tx, "posted after the breach"))
    await ledger.write(lambda tx: None)

    assert await text_rows(ledger, "SELECT id FROM bodies") == before
    assert await _counts(ledger) == (0, 0)


@pytest.mark.parametrize("channel", [ERROR, INTERRUPT])
async def test_riders_of_a_step_that_stopped_are_dropped_for_good(
    ledger: Ledger, saver: LedgerSaver, hold: Hold, channel: str
) -> None:
    before = await text_rows(ledger, "SELECT id FROM bodies")
    hold.ride("task", lambda tx: bodies.store(tx, "of the step that stopped"))
    await saver.aput_writes(_config(hold.run, hold, "00000001"), [(channel, "why")], "task")
    await saver.aput_writes(_config(hold.run, hold, "00000001"), [("at", 1)], "task")

    assert await text_rows(ledger, "SELECT id FROM bodies") == before
    assert await _counts(ledger) == (0, 2)


async def test_of_each_turn_the_last_state_is_kept_and_older_writes_go(
    ledger: Ledger, saver: LedgerSaver, hold: Hold
) -> None:
    for number in range(1, 31):
        config = await saver.aput(_config(hold.run, hold), _state(number, turn=(number - 1) // 3), {}, {})
        config["configurable"][HOLD] = hold
        await saver.aput_writes(config, [("at", number)], f"task-{number}")
    rows = await text_rows(ledger, "SELECT id FROM checkpoints ORDER BY id")
    assert [int(row[0]) for row in rows] == [24, 27, 30]  # the last of each of the last three turns
    assert await text_rows(ledger, "SELECT checkpoint FROM checkpoint_writes") == [("00000030",)]


async def test_a_new_worker_goes_on_replacing_the_state_of_its_turn(
    ledger: Ledger, saver: LedgerSaver, hold: Hold
) -> None:
    for number in range(1, 6):
        await saver.aget_tuple(_config(hold.run, hold))
        await saver.aput(_config(hold.run, hold), _state(number, turn=1), {}, {})
        hold = await _superseded(ledger, hold)
    assert await _counts(ledger) == (1, 0)


_RUN: list[str] = []


def detonate(argument: str) -> str:
    """What a hostile state would like to have called."""
    _RUN.append(argument)
    return argument


@pytest.mark.parametrize(("module", "name"), [(__name__, "detonate"), ("os", "system"), ("builtins", "eval")])
@pytest.mark.parametrize("where", ["state", "writes"])
async def test_a_hostile_state_runs_nothing_and_is_refused(
    ledger: Ledger, saver: LedgerSaver, hold: Hold, module: str, name: str, where: str
) -> None:
    await saver.aput(_config(hold.run, hold), _state(1), {}, {})
    await saver.aput_writes(_config(hold.run, hold, "00000001"), [("at", 1)], "task")
    payload = ormsgpack.packb(
        ormsgpack.Ext(EXT_CONSTRUCTOR_SINGLE_ARG, ormsgpack.packb((module, name, "print('owned')")))
    )
    table, column = {"state": ("checkpoints", "state"), "writes": ("checkpoint_writes", "value")}[where]
    update = text(f"UPDATE {table} SET {column} = :payload").bindparams(payload=payload)
    await ledger.write(lambda tx: tx.execute(update))

    with pytest.raises(CheckpointUnreadable, match=f"cannot be read.*{name}.*the run stays as it is"):
        await saver.aget_tuple(_config(hold.run, None))
    assert _RUN == []


@pytest.mark.parametrize("kind", ["pickle", "json", "unknown"])
async def test_a_state_of_another_kind_is_refused(ledger: Ledger, saver: LedgerSaver, hold: Hold, kind: str) -> None:
    await saver.aput(_config(hold.run, hold), _state(1), {}, {})
    await ledger.write(lambda tx: tx.execute(text("UPDATE checkpoints SET type = :kind").bindparams(kind=kind)))
    with pytest.raises(CheckpointUnreadable, match="never read back"):
        await saver.aget_tuple(_config(hold.run, None))


async def test_a_state_cut_short_is_refused(ledger: Ledger, saver: LedgerSaver, hold: Hold) -> None:
    await saver.aput(_config(hold.run, hold), _state(1), {}, {})
    await ledger.write(lambda tx: tx.execute(text("UPDATE checkpoints SET state = substr(state, 1, 20)")))
    with pytest.raises(CheckpointUnreadable):
        await saver.aget_tuple(_config(hold.run, None))


async def test_the_newest_state_is_the_head_whatever_the_order_of_rows(
    ledger: Ledger, saver: LedgerSaver, hold: Hold
) -> None:
    for number in (1, 3, 2):
        await saver.aput(_config("mine", None), _state(number), {}, {})
    found = await saver.aget_tuple(_config("mine", None))
    assert found is not None
    assert found.checkpoint["id"] == "00000003"
    listed = [one.checkpoint["id"] async for one in saver.alist(_config("mine", None))]
    assert listed == sorted(listed, key=operator.itemgetter(slice(None)), reverse=True)


async def test_a_run_that_is_gone_is_refused(ledger: Ledger, saver: LedgerSaver, hold: Hold) -> None:
    await ledger.write(lambda tx: tx.execute(text("DELETE FROM runs")))
    with pytest.raises(Superseded, match="superseded by None"):
        await saver.aput(_config(RunId(hold.run), hold), _state(1), {}, {})
