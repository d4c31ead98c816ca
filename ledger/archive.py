"""Taking finished runs out of the record into a file of JSON lines: written for good before anything is deleted.

A run goes with its whole family, the runs it handed work to and that handed work to it, and only when nothing of it is
open. A crash leaves the rows, or the rows and the file; never neither.
"""

import asyncio
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import BindParameter, Column, ColumnElement, Table, bindparam, delete, exists, or_, select

from baton.core import BodyId, Conflict, RunId, dump
from baton.ledger import bodies, growth, notes
from baton.ledger.door import Ledger
from baton.ledger.runs import ENDED, get
from baton.ledger.schema import (
    actions,
    checkpoint_writes,
    checkpoints,
    effects,
    events,
    messages,
    model_calls,
    runs,
    spending,
    timers,
    transcript,
    waits,
)
from baton.ledger.schema_handoffs import calls, handoffs
from baton.ledger.schema_people import decisions, forecasts, notices, remarks, reviews, snoozes
from baton.ledger.schema_sharing import stays
from baton.ledger.schema_speculations import speculations
from baton.ledger.schema_texting import undelivered
from baton.ledger.schema_threads import exchanges, threads
from baton.ledger.schema_workflows import joins, workflow_steps
from baton.ledger.transaction import Transaction

BATCH = 20
"""Families that are read, or deleted, at a time."""


@dataclass(frozen=True, kw_only=True)
class Archived:
    """What was archived.

    Attributes:
        file: Where it stands; None if there was nothing to archive.
        runs: How many runs were written.
        deleted: How many of them were deleted from the record; others came to life in between, or were to be kept.
        lines: How many lines the file has.
    """

    file: Path | None
    runs: int
    deleted: int
    lines: int


@dataclass(frozen=True)
class _Family:
    """A run at the top with all below it, as they stood when they were written: run, epoch and number of events."""

    members: tuple[tuple[str, int, int], ...]

    @property
    def root(self) -> str:
        return self.members[0][0]

    @property
    def runs(self) -> list[str]:
        return [member[0] for member in self.members]


@dataclass(frozen=True)
class _Part:
    """One table's share of a run.

    Attributes:
        texts: Columns that refer to a text, which is written in their place.
        json: Columns, or texts, that hold JSON, which is written as such.
    """

    kind: str
    table: Table
    order: tuple[Column[Any], ...] = ()
    texts: frozenset[str] = frozenset()
    json: frozenset[str] = frozenset()


_PARTS = (
    _Part("run", runs, texts=frozenset({"goal", "summary"}), json=frozenset({"goal", "evidence"})),
    _Part("message", messages, (messages.c.seq,), texts=frozenset({"body"})),
    _Part("line", transcript, (transcript.c.seq,), texts=frozenset({"body"})),
    _Part("model_call", model_calls, (model_calls.c.turn,)),
    _Part("action", actions, (actions.c.turn, actions.c.position), json=frozenset({"arguments", "verdict"})),
    _Part("effect", effects, (effects.c.claimed_at, effects.c.key), frozenset({"result"}), frozenset({"arguments"})),
    _Part(
        "review",
        reviews,
        (reviews.c.opened_at,),
        frozenset({"question"}),
        frozenset({"question", "verdict", "reviewers"}),
    ),
    _Part("decision", decisions, (decisions.c.at,), frozenset({"note"}), frozenset({"arguments", "verdict"})),
    _Part("remark", remarks, (remarks.c.id,), frozenset({"body"})),
    _Part(
        "handoff",
        handoffs,
        (handoffs.c.offered_at,),
        frozenset({"payload", "answer", "said"}),
        frozenset({"payload", "answers", "answer"}),
    ),
    _Part("call", calls, (calls.c.at,), frozenset({"task"}), frozenset({"terms", "award", "how"})),
    _Part("undelivered", undelivered, (undelivered.c.at,), texts=frozenset({"body"})),
    _Part("wait", waits, (waits.c.opened_at,)),
    _Part("step", workflow_steps, (workflow_steps.c.begun_at,), frozenset({"body"}), frozenset({"body"})),
    _Part("join", joins, json=frozenset({"missed"})),
    _Part("stay", stays, (stays.c.since,)),
    _Part("thread", threads, json=frozenset({"metadata"})),
    _Part("exchange", exchanges, (exchanges.c.number,), json=frozenset({"metadata"})),
    _Part("event", events, (events.c.seq,), json=frozenset({"data"})),
)


async def archive(ledger: Ledger, before: float, file: Path, *, keep: bool = False) -> Archived:
    """Write every family of runs that ended before a time to a file, then delete it from the record.

    Args:
        ledger: The record.
        before: Seconds since 1970.
        file: A new file. Each line is a JSON object: `kind`, `run`, and the `row` with its texts in place.
        keep: Whether the runs stay in the record.

    Raises:
        Conflict: if the file is there already.
        LedgerError: if the record cannot be used.
    """
    if await asyncio.to_thread(file.exists):
        raise Conflict(f"archive to {file}", "that file is there already", "Name another with --to.")
    part = _Writing(file)
    written: list[_Family] = []
    after: str | None = ""
    whole = False
    try:
        while after is not None:
            found, lines, after = await ledger.read(partial(_page, before, after))
            written += found
            await asyncio.to_thread(part.add, lines)
        whole = bool(written)
    finally:
        await asyncio.to_thread(part.finish, whole=whole)
    deleted = 0
    for start in range(0, 0 if keep else len(written), BATCH):
        deleted += await ledger.write(partial(_forget, before, written[start : start + BATCH]))
    if deleted:
        await growth.sweep(ledger)
    count = sum(len(family.members) for family in written)
    return Archived(file=file if written else None, runs=count, deleted=deleted, lines=part.lines)


class _Writing:
    """A file in the making, under another name until it is whole and on the disk."""

    def __init__(self, file: Path) -> None:
        self.lines = 0
        self._file = file
        self._part = file.with_name(f"{file.name}.part")
        self._part.parent.mkdir(parents=True, exist_ok=True)
        self._out = self._part.open("w", encoding="utf-8")

    def add(self, lines: Sequence[str]) -> None:
        """Add lines."""
        self._out.writelines(f"{line}\n" for line in lines)
        self.lines += len(lines)

    def finish(self, *, whole: bool) -> None:
        """Have the file on the disk under its name, if it is whole; else have none."""
        with self._out:
            self._out.flush()
            os.fsync(self._out.fileno())
        if not whole:
            self._part.unlink()
            return
        self._part.replace(self._file)
        folder = os.open(self._file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _page(before: float, after: str, tx: Transaction) -> tuple[list[_Family], list[str], str | None]:
    """The next families with their lines, and the last run that was looked at; None if that was all."""
    roots = tx.values(_ROOTS, before=before, after=after, most=BATCH)
    found = [family for root in roots if (family := _closed(tx, root, before)) is not None]
    lines = [line for family in found for run in family.runs for line in _lines(tx, run)]
    lines += [line for family in found for line in _notes(tx, family.root)]
    return found, lines, roots[-1] if len(roots) == BATCH else None


def _closed(tx: Transaction, root: str, before: float) -> _Family | None:
    """The family of a run, if nothing of it is open; None if something is."""
    members: list[Any] = []
    level = tx.rows(_MEMBERS.where(runs.c.id == root))
    while level:
        members += level
        level = tx.rows(_MEMBERS.where(runs.c.parent.in_([row.id for row in level])).order_by(runs.c.id))
    ids = [row.id for row in members]
    if any(row.status not in ENDED or row.ended_at is None or row.ended_at >= before for row in members):
        return None
    at_work = any(row.lease_until is not None and row.lease_until >= tx.now for row in members)
    newest = tx.value(_NEWEST_EVENT), tx.value(_NEWEST_MESSAGE)
    if at_work or not set(ids).isdisjoint(newest) or tx.value(_OPEN_REVIEW, ids=ids) or tx.value(_NEEDED, ids=ids):
        return None
    return _Family(tuple((row.id, row.epoch, row.events) for row in members))


def _lines(tx: Transaction, run: str) -> Iterator[str]:
    for part in _PARTS:
        rows = [
            row._asdict() for row in tx.rows(select(part.table).where(_of(part.table, [run])).order_by(*part.order))
        ]
        texts = bodies.load(tx, [row[name] for row in rows for name in part.texts])
        for row in rows:
            yield dump(
                {"kind": part.kind, "run": run, "row": {name: _told(part, name, row[name], texts) for name in row}}
            )


def _notes(tx: Transaction, root: str) -> Iterator[str]:
    """What a family has shared with people, and with the runs that it was continued in."""
    for one in notes.written(tx, notes.id_of(tx, get(tx, RunId(root)))):
        label = {"trust": one.label.trust.name.lower(), "confidentiality": one.label.confidentiality.name.lower()}
        row = {"id": one.id, "field": one.field, "text": one.text, "replaces": list(one.replaces), "by": one.by}
        yield dump({"kind": "note", "run": root, "row": row | label | {"at": one.at, "version": one.version}})


def _told(part: _Part, name: str, value: Any, texts: dict[BodyId, str]) -> Any:
    if name in part.texts and value is not None:
        value = texts[value]
    if name in part.json and value is not None:
        try:
            return json.loads(value)
        except ValueError:
            return value  # what a model sent as arguments need not be JSON
    return value


def _forget(before: float, families: Sequence[_Family], tx: Transaction) -> int:
    """Delete families that still are as they were written; how many runs that were."""
    for run in sorted(run for family in families for run in family.runs):
        tx.value(_LOCK, run=run)
    ids = [run for family in families if _closed(tx, family.root, before) == family for run in family.runs]
    for table in (
        *_OF_REVIEWS,
        reviews,
        messages,
        transcript,
        model_calls,
        actions,
        effects,
        handoffs,
        undelivered,
        speculations,
        calls,
        waits,
        workflow_steps,
        joins,
        stays,
        timers,
        events,
    ):
        tx.changed(delete(table).where(_of(table, ids)))
    for table in (checkpoint_writes, checkpoints):
        tx.changed(delete(table).where(table.c.thread.in_(ids)))
    tx.changed(delete(spending).where(spending.c.run.in_(ids), spending.c.account.contains("/run=")))
    tx.changed(delete(notices).where(notices.c.run.in_(ids), notices.c.state != "waiting"))
    for table in (exchanges, threads):
        tx.changed(delete(table).where(table.c.run.in_(ids)))
    tx.changed(delete(runs).where(runs.c.id.in_(ids)))
    notes.forget_readers(tx, ids)
    notes.forget_orphans(tx)
    return len(ids)


def _of(table: Table, ids: Sequence[str]) -> ColumnElement[bool]:
    """Rows of these runs, found through an index."""
    if table in _OF_REVIEWS:
        return table.c.review.in_(select(reviews.c.id).where(reviews.c.run.in_(ids)))
    return table.c.id.in_(ids) if table is runs else table.c.run.in_(ids)


_OF_REVIEWS = (decisions, remarks, snoozes, forecasts)
_MEMBERS = select(runs.c.id, runs.c.status, runs.c.ended_at, runs.c.lease_until, runs.c.epoch, runs.c.events)
_ROOTS = (
    select(runs.c.id)
    .where(
        runs.c.parent.is_(None),
        runs.c.status.in_(ENDED),
        runs.c.ended_at < bindparam("before"),
        runs.c.id > bindparam("after"),
    )
    .order_by(runs.c.id)
    .limit(bindparam("most"))
)
_LOCK = select(runs.c.id).where(runs.c.id == bindparam("run")).with_for_update()
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_OPEN_REVIEW = select(exists().where(reviews.c.run.in_(_IDS), reviews.c.state == "open"))
_NEEDED = select(
    exists().where(or_(runs.c.forked_from.in_(_IDS), runs.c.compensates.in_(_IDS)), runs.c.status.not_in(ENDED))
)
"""Whether a run that is open was forked from one of these, or undoes one."""

_NEWEST_EVENT = select(events.c.run).order_by(events.c.id.desc()).limit(1)
_NEWEST_MESSAGE = select(messages.c.run).order_by(messages.c.seq.desc()).limit(1)
"""SQLite numbers a new row from the newest that is left: whoever has read up to a number must not see it again."""
