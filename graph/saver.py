"""LangGraph's checkpointer over the ledger: fenced, and one commit for a step with all its rows."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
    writes_sort_key,
)
from langgraph.checkpoint.serde.types import ERROR, INTERRUPT

from baton.core import CheckpointUnreadable, Conflict, dump
from baton.graph.hold import Hold
from baton.graph.serde import StrictSerializer
from baton.ledger import Ledger, Transaction, Work, checkpoints, leases
from baton.ledger.checkpoints import StoredCheckpoint, StoredWrite

HOLD = "__baton_hold"
"""Key in `configurable` under which a worker carries its hold."""


class LedgerSaver(BaseCheckpointSaver[int]):
    """Stores checkpoints in the ledger.

    A thread whose id is a run's is managed: only a worker with a hold on it may write, its epoch is checked in the
    same transaction, the rows that ride with a task are committed with that task's writes, and of the last few turns
    the last checkpoint each is kept. Any other thread is stored as every LangGraph checkpointer does.
    """

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(serde=StrictSerializer())
        self._ledger = ledger

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint."""
        place = _place(config)
        type_, state = self.serde.dumps_typed(checkpoint)
        stored = StoredCheckpoint(
            thread=str(place["thread_id"]),
            ns=place.get("checkpoint_ns", ""),
            id=checkpoint["id"],
            parent=place.get("checkpoint_id"),
            type=type_,
            state=state,
            metadata=dump(get_checkpoint_metadata(config, metadata)),
        )
        hold: Hold | None = place.get(HOLD)
        turn = _turn(checkpoint) if hold and not stored.ns else None

        def put(tx: Transaction) -> None:
            checkpoints.put(tx, stored)
            if hold is not None and hold.lease.takeovers and metadata.get("source") == "loop":
                leases.moved(tx, hold.run)
            if hold is not None and turn is not None:
                replaced = hold.head[0] if hold.head and hold.head[1] == turn else None
                checkpoints.drop_superseded(tx, hold.run, stored.id, replaced)

        await self._write(stored.thread, hold, put, repeatable=True)
        if hold is not None and turn is not None:
            hold.head = (stored.id, turn)
        return _config(stored.thread, stored.ns, stored.id)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Store what a task wrote, with the rows that ride along."""
        place = _place(config)
        thread = str(place["thread_id"])
        rows = [
            self._write_row(task_id, task_path, number, channel, value)
            for number, (channel, value) in enumerate(writes)
        ]
        replace = all(channel in WRITES_IDX_MAP for channel, _ in writes)
        hold: Hold | None = place.get(HOLD)
        riders = hold.riders(task_id) if hold else []
        if any(channel in (ERROR, INTERRUPT) for channel, _ in writes):
            riders = []

        def put(tx: Transaction) -> None:
            for rider in riders:
                rider(tx)
            ns, checkpoint = place.get("checkpoint_ns", ""), place["checkpoint_id"]
            checkpoints.put_writes(tx, thread, ns, checkpoint, rows, replace=replace)

        await self._write(thread, hold, put, repeatable=not riders)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """A checkpoint by id, or the newest."""
        place = _place(config)
        thread, ns = str(place["thread_id"]), place.get("checkpoint_ns", "")
        hold: Hold | None = place.get(HOLD)
        if hold is not None and hold.looked and not ns:
            read, hold.begun, hold.looked = hold.begun, None, False  # its worker has just looked
            return read

        def get(tx: Transaction) -> tuple[StoredCheckpoint, list[StoredWrite]] | None:
            found = checkpoints.get(tx, thread, ns, get_checkpoint_id(config))
            return (found, checkpoints.writes_of(tx, thread, ns, found.id)) if found else None

        rows = await self._ledger.ask(checkpoints.questions(thread, ns, get_checkpoint_id(config)))
        found = await self._ledger.read(get) if rows is None else checkpoints.answer(rows)
        if found is None:
            return None
        read = self._tuple(*found)
        if hold is not None and hold.head is None and not ns:
            hold.head = (found[0].id, _turn(read.checkpoint))  # the first state that this worker stores may replace it
        return read

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Checkpoints, newest first; `filter` compares metadata and never becomes SQL."""
        place = _place(config)

        def get(tx: Transaction) -> list[tuple[StoredCheckpoint, list[StoredWrite]]]:
            found = checkpoints.listed(
                tx,
                thread=str(place["thread_id"]) if place else None,
                ns=place.get("checkpoint_ns"),
                id=get_checkpoint_id(config) if config else None,
                before=get_checkpoint_id(before) if before else None,
            )
            kept = [one for one in found if _matches(one, filter or {})][:limit]
            return [(one, checkpoints.writes_of(tx, one.thread, one.ns, one.id)) for one in kept]

        for checkpoint, writes in await self._ledger.read(get):
            yield self._tuple(checkpoint, writes)

    async def adelete_thread(self, thread_id: str) -> None:
        """Forget all states of a thread."""
        await self._write(thread_id, None, lambda tx: checkpoints.delete_thread(tx, thread_id))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Forget the states that LangGraph runs with these ids (`metadata.run_id`) made."""

        def forget(tx: Transaction) -> None:
            for stored in checkpoints.listed(tx):
                if json.loads(stored.metadata).get("run_id") in run_ids:
                    self._refuse_managed(tx, stored.thread)
                    checkpoints.delete_one(tx, stored)

        await self._ledger.write(forget)

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy all states of a thread to another that no run of ours owns."""
        await self._write(
            target_thread_id, None, lambda tx: checkpoints.copy_thread(tx, source_thread_id, target_thread_id)
        )

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Forget old states of threads: all but the newest a namespace, or with `delete` all."""

        def prune(tx: Transaction) -> None:
            for thread in thread_ids:
                self._refuse_managed(tx, thread)
                kept: set[str] = set()
                for stored in checkpoints.listed(tx, thread=thread):
                    if strategy == "keep_latest" and stored.ns not in kept:
                        kept.add(stored.ns)
                    else:
                        checkpoints.delete_one(tx, stored)

        await self._ledger.write(prune)

    def get_next_version(self, current: int | None, channel: None) -> int:
        """Whole numbers, rising."""
        return (current or 0) + 1

    async def _write(self, thread: str, hold: Hold | None, work: Work[None], *, repeatable: bool = False) -> None:
        if hold is not None and hold.run == thread:
            await hold.write(work, repeatable=repeatable)
            return

        def unheld(tx: Transaction) -> None:
            self._refuse_managed(tx, thread)
            work(tx)

        await self._ledger.write(unheld, order=thread)

    @staticmethod
    def _refuse_managed(tx: Transaction, thread: str) -> None:
        if checkpoints.managed(tx, thread):
            hint = "Send it a message or a decision, or fork it."
            raise Conflict(f"write to {thread}", "it is a run of Baton's, and only its leaseholder may write it", hint)

    def _write_row(self, task: str, path: str, number: int, channel: str, value: Any) -> StoredWrite:
        type_, data = self.serde.dumps_typed(value)
        idx = WRITES_IDX_MAP.get(channel, number)
        return StoredWrite(task=task, idx=idx, path=path, channel=channel, type=type_, value=data)

    def _tuple(self, stored: StoredCheckpoint, writes: Sequence[StoredWrite]) -> CheckpointTuple:
        try:
            checkpoint = self.serde.loads_typed((stored.type, stored.state))
            ordered = sorted(writes, key=lambda w: writes_sort_key(w.path, w.task, w.idx))
            pending = [(w.task, w.channel, self.serde.loads_typed((w.type, w.value))) for w in ordered]
        except Exception as error:
            raise CheckpointUnreadable(stored.thread, str(error)) from error
        return CheckpointTuple(
            _config(stored.thread, stored.ns, stored.id),
            checkpoint,
            json.loads(stored.metadata),
            _config(stored.thread, stored.ns, stored.parent) if stored.parent else None,
            pending,
        )


def _place(config: RunnableConfig | None) -> Mapping[str, Any]:
    return config.get("configurable", {}) if config else {}


def _config(thread: str, ns: str, checkpoint: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ns, "checkpoint_id": checkpoint}}


def _turn(checkpoint: Checkpoint) -> int:
    """The turn a run's state is in; 0 before the first."""
    at: dict[str, Any] = checkpoint["channel_values"].get("at", {})
    turn: int = at.get("turn", 0)
    return turn


def _matches(stored: StoredCheckpoint, wanted: Mapping[str, Any]) -> bool:
    metadata: dict[str, Any] = json.loads(stored.metadata) if wanted else {}
    return all(key in metadata and metadata[key] == value for key, value in wanted.items())
