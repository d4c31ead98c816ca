"""The effect ledger: claimed before a tool is called, confirmed with its result. See invariant 3."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update

from baton.core import ActionId, BodyId, Charge, RunId, dump
from baton.ledger import bodies, spending
from baton.ledger.events import emit
from baton.ledger.leases import fence
from baton.ledger.schema import effects, events
from baton.ledger.transaction import Transaction


class EffectState(StrEnum):
    """How far the carrying out of an action is."""

    CLAIMED = "claimed"  # about to run, or running, or the process died: nobody knows
    DONE = "done"
    FAILED = "failed"  # the tool said so
    POSTPONED = "postponed"  # the last try did not happen; another is to come
    DOUBT = "doubt"  # a person is asked whether it happened


@dataclass(frozen=True, kw_only=True)
class EffectRecord:
    """The record of carrying one action out.

    Attributes:
        key: The action's id; the idempotency key handed to the tool.
        arguments: What was effectively run; None where it is what was proposed.
        epoch: Of the worker that claimed it last.
        attempts: Tries that were begun.
        claimed_at: When the first was.
        result: The tool's result as JSON text, or why it failed; empty until there is one.
        body: Where the result stands.
        undoes: Key of the effect that this one undoes; None where it undoes nothing.
    """

    key: ActionId
    run: RunId
    tool: str
    arguments: dict[str, Any] | None
    state: EffectState
    epoch: int
    attempts: int
    result: str
    body: BodyId | None
    claimed_at: float
    ended_at: float | None
    undoes: ActionId | None = None


def claim(
    tx: Transaction,
    run: RunId,
    epoch: int,
    key: ActionId,
    tool: str,
    arguments: dict[str, Any] | None,
    undoes: ActionId | None = None,
    charges: Sequence[Charge] = (),
) -> str | None:
    """Record that an action is about to be carried out. Await the commit before calling the tool.

    Args:
        tx: The transaction.
        run: The action's run.
        epoch: This worker's.
        key: The action.
        tool: What it calls.
        arguments: What is effectively run; None where it is what was proposed.
        undoes: Key of the effect that it undoes; None where it undoes nothing.
        charges: What it takes of the policy's limits, reserved by its first claim.

    Returns:
        None once it is claimed; else which limit has no room for it, and nothing was recorded.

    Raises:
        Superseded: if this worker's epoch is not the newest.
    """
    fence(tx, run, epoch)
    if not tx.changed(_CLAIM_AGAIN, claimed=key, by=epoch):
        full = spending.reserve(tx, run, key, charges)
        if full is not None:
            return full
        tx.execute(
            _CLAIM,
            {
                "key": key,
                "run": run,
                "tool": tool,
                "arguments": dump(arguments) if arguments is not None else None,
                "state": EffectState.CLAIMED,
                "epoch": epoch,
                "attempts": 1,
                "claimed_at": tx.now,
                "undoes": undoes,
            },
        )
    emit(tx, run, "effect.claimed", action=key, tool=tool)
    return None


def settle(tx: Transaction, run: RunId, epoch: int, key: ActionId, state: EffectState, result: str) -> BodyId | None:
    """Record what became of a claimed action; returns where the result stands.

    Raises:
        Superseded: if this worker's epoch is not the newest.
    """
    fence(tx, run, epoch)
    body = bodies.store(tx, result) if result else None
    if state is EffectState.FAILED:
        spending.release(tx, run, key)
    tx.changed(_SETTLE, settled=key, to=state, body=body, at=tx.now)
    emit(tx, run, f"effect.{state}", action=key)
    return body


def postpone(
    tx: Transaction, run: RunId, epoch: int, key: ActionId, why: str, seconds: float, *, happened: bool | None
) -> None:
    """Record that a claimed action is tried again after `seconds`.

    Args:
        tx: The transaction.
        run: The action's run.
        epoch: This worker's.
        key: The action.
        why: What the last try came to.
        seconds: How long is waited.
        happened: False if the last try surely did not happen; None if nobody knows: after a crash it counts as claimed.

    Raises:
        Superseded: if this worker's epoch is not the newest.
    """
    fence(tx, run, epoch)
    if happened is False:
        tx.changed(_SETTLE, settled=key, to=EffectState.POSTPONED, body=None, at=None)
    emit(tx, run, f"effect.{EffectState.POSTPONED}", action=key, why=why, again_in=round(seconds, 3))


def get(tx: Transaction, key: ActionId) -> EffectRecord | None:
    """The record for an action; None if nobody began to carry it out."""
    row = tx.row(_ONE, key=key)
    return _records(tx, [row])[0] if row else None


def of_run(tx: Transaction, run: RunId) -> list[EffectRecord]:
    """All of a run's effects in the order they were claimed."""
    query = select(effects).where(effects.c.run == run).order_by(effects.c.claimed_at, effects.c.key)
    return _records(tx, tx.rows(query))


def undoing(tx: Transaction, keys: Sequence[ActionId]) -> list[EffectRecord]:
    """The effects that undo those with these keys, oldest first."""
    query = select(effects).where(effects.c.undoes.in_(keys)).order_by(effects.c.claimed_at, effects.c.key)
    return _records(tx, tx.rows(query))


def last_claim(tx: Transaction, run: RunId) -> float | None:
    """When any action of a run was claimed last, in seconds since 1970; None if none was."""
    at: float | None = tx.value(_LAST_CLAIM, run=run)
    return at


def counts(tx: Transaction, run: RunId) -> dict[str, int]:
    """How often each tool was carried out in a run, attempts whose fate is unknown included."""
    return {row[0]: row[1] for row in tx.rows(_COUNTS, run=run)}


_LAST_CLAIM = select(func.max(events.c.at)).where(events.c.run == bindparam("run"), events.c.kind == "effect.claimed")
_ONE = select(effects).where(effects.c.key == bindparam("key"))
_COUNTS = select(effects.c.tool, func.count()).where(effects.c.run == bindparam("run")).group_by(effects.c.tool)
_CLAIM_AGAIN = (
    update(effects)
    .where(effects.c.key == bindparam("claimed"))
    .values(state=EffectState.CLAIMED, epoch=bindparam("by"), attempts=effects.c.attempts + 1)
)
_CLAIM = insert(effects)
_SETTLE = (
    update(effects)
    .where(effects.c.key == bindparam("settled"))
    .values(state=bindparam("to"), result=bindparam("body"), ended_at=bindparam("at"))
)


def _records(tx: Transaction, rows: Any) -> list[EffectRecord]:
    texts = bodies.load(tx, [row.result for row in rows])
    return [
        EffectRecord(
            key=row.key,
            run=row.run,
            tool=row.tool,
            arguments=json.loads(row.arguments) if row.arguments else None,
            state=EffectState(row.state),
            epoch=row.epoch,
            attempts=row.attempts,
            result=texts[row.result] if row.result else "",
            body=row.result,
            claimed_at=row.claimed_at,
            ended_at=row.ended_at,
            undoes=row.undoes,
        )
        for row in rows
    ]
