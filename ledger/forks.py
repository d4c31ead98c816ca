"""Forks: a new run that shares another one's transcript up to a turn, and what that one did afterwards."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from baton.core import ActionId, RunId, action_id, call_id
from baton.ledger.effects import EffectRecord, EffectState
from baton.ledger.effects import of_run as effects_of
from baton.ledger.schema import actions, bodies, runs, transcript
from baton.ledger.transaction import Transaction


@dataclass(frozen=True, kw_only=True)
class Echo:
    """A call that another run has made, to be answered from the record.

    Attributes:
        arguments: As they were carried out, after any edit.
    """

    run: RunId
    turn: int
    tool: str
    arguments: dict[str, Any]
    effect: EffectRecord


def mark(tx: Transaction, run: RunId, *, origin: RunId, turn: int, live: bool) -> None:
    """Make a run that has just been created a fork."""
    tx.execute(update(runs).where(runs.c.id == run).values(forked_from=origin, forked_at=turn, live=int(live)))


def share_goal(tx: Transaction, run: RunId, origin: RunId) -> None:
    """Have a fork that wants the same refer to the same text."""
    own, shared = tx.value(_GOAL, run=run), tx.value(_GOAL, run=origin)
    tx.execute(update(runs).where(runs.c.id == run).values(goal=shared))
    tx.execute(delete(bodies).where(bodies.c.id == own))


def copy(tx: Transaction, origin: RunId, fork: RunId, turn: int, head: int) -> None:
    """Give a fork the first `head` lines and the actions up to `turn`, under ids of its own; texts are shared."""
    rows = tx.rows(_ACTIONS, run=origin, turn=turn)
    ids = {row.id: action_id(call_id(fork, row.turn), row.position) for row in rows}
    _add(tx, actions, [row._asdict() | {"id": ids[row.id], "run": fork, "review": None} for row in rows])
    lines = tx.rows(_LINES, run=origin, head=head)
    _add(tx, transcript, [row._asdict() | {"run": fork, "ref": ids.get(row.ref, row.ref)} for row in lines])


def head_of(tx: Transaction, fork: RunId) -> int:
    """How many lines a fork that has not begun has."""
    return len(tx.values(_SEQS, run=fork))


def lineage(tx: Transaction, run: RunId) -> list[RunId]:
    """A run, the one that it was forked from, and so on."""
    found = [run]
    while (origin := tx.value(_ORIGIN, run=found[-1])) is not None:
        found.append(RunId(origin))
    return found


def echoes(tx: Transaction, origin: RunId, turn: int) -> list[Echo]:
    """What a run has carried out after a turn, with its results, in the order it was proposed.

    Where the run is a fork itself, what it shares with the run before was carried out there.
    """
    shared: list[Echo] = []
    parted = tx.row(_PARTED, run=origin)
    if parted is not None and parted.forked_from is not None and parted.forked_at > turn:
        earlier = echoes(tx, RunId(parted.forked_from), turn)
        shared = [echo for echo in earlier if echo.turn <= parted.forked_at]
    settled = (EffectState.DONE, EffectState.FAILED)
    done = {effect.key: effect for effect in effects_of(tx, origin) if effect.state in settled}
    own = [
        Echo(run=origin, turn=row.turn, tool=row.tool, arguments=_arguments(effect, row.arguments), effect=effect)
        for row in tx.rows(_AFTER, run=origin, turn=turn)
        if (effect := done.get(ActionId(row.id))) is not None
    ]
    return shared + own


def _arguments(effect: EffectRecord, proposed: str) -> dict[str, Any]:
    if effect.arguments is not None:
        return effect.arguments
    given: dict[str, Any] = json.loads(proposed)
    return given


_OF_RUN = select(actions).where(actions.c.run == bindparam("run")).order_by(actions.c.turn, actions.c.position)
_ACTIONS = _OF_RUN.where(actions.c.turn <= bindparam("turn"))
_AFTER = _OF_RUN.where(actions.c.turn > bindparam("turn"))
_LINES = select(transcript).where(transcript.c.run == bindparam("run"), transcript.c.seq <= bindparam("head"))
_SEQS = select(transcript.c.seq).where(transcript.c.run == bindparam("run"))
_GOAL = select(runs.c.goal).where(runs.c.id == bindparam("run"))
_PARTED = select(runs.c.forked_from, runs.c.forked_at).where(runs.c.id == bindparam("run"))
_ORIGIN = select(runs.c.forked_from).where(runs.c.id == bindparam("run"))


def _add(tx: Transaction, table: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        tx.execute(insert(table), rows)
