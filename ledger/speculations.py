"""What was read ahead while a question waited: used once if it is asked for in time, dropped otherwise."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update

from baton.core import ActionId, RunId, dump, random_id
from baton.ledger.events import emit
from baton.ledger.schema import actions, effects, runs
from baton.ledger.schema_speculations import speculations
from baton.ledger.transaction import Transaction


@dataclass(frozen=True, kw_only=True)
class Speculation:
    """A reading that was made ahead.

    Attributes:
        action: The one that waited meanwhile.
        version: Of the tool.
        at: When it was read, in seconds since 1970.
        until: Up to when it may be relied on.
    """

    id: str
    run: RunId
    action: ActionId
    tool: str
    version: str
    arguments: Mapping[str, Any]
    result: str
    at: float
    until: float


def keep(
    tx: Transaction,
    run: RunId,
    action: ActionId,
    tool: str,
    version: str,
    arguments: Mapping[str, Any],
    result: str,
    at: float,
    until: float,
) -> None:
    """Keep a reading for when it is asked for."""
    row = {"id": random_id("spc"), "run": run, "action": action, "tool": tool, "version": version, "result": result}
    tx.execute(_KEEP, row | {"arguments": dump(dict(arguments)), "at": at, "until": until, "state": "ready"})


def ready(tx: Transaction, run: RunId) -> list[Speculation]:
    """What a run has ready, the newest first, outdated ones too."""
    return [
        Speculation(
            id=row.id,
            run=RunId(row.run),
            action=ActionId(row.action),
            tool=row.tool,
            version=row.version,
            arguments=json.loads(row.arguments),
            result=row.result,
            at=row.at,
            until=row.until,
        )
        for row in tx.rows(_READY, run=run)
    ]


def use(tx: Transaction, one: Speculation, by: ActionId) -> None:
    """Note that a reading was used, and by which action."""
    if tx.changed(_SETTLE, which=one.id, how="used"):
        emit(
            tx,
            one.run,
            "speculation.used",
            speculation=one.id,
            tool=one.tool,
            action=by,
            made_for=one.action,
            at=one.at,
        )


def drop(tx: Transaction, run: RunId) -> None:
    """Drop what a run has ready and will not use."""
    count = tx.changed(_DROP, of=run)
    if count:
        emit(tx, run, "speculation.dropped", count=count)


def counts(tx: Transaction) -> dict[str, int]:
    """How many readings are ready, were used and were dropped."""
    return {row.state: row.count for row in tx.rows(_COUNTS)}


def followed(
    tx: Transaction, agent: str, tool: str, tenant: str, limit: int
) -> list[tuple[RunId, int, dict[str, Any]]]:
    """The newest calls of a tool by an agent that were carried out: the run, the turn and the arguments."""
    rows = tx.rows(_DONE, agent=agent, tool=tool, tenant=tenant, most=limit)
    return [(RunId(row.run), row.turn, json.loads(row.arguments)) for row in rows]


_KEEP = insert(speculations)
_READY = (
    select(speculations)
    .where(speculations.c.run == bindparam("run"), speculations.c.state == "ready")
    .order_by(speculations.c.at.desc(), speculations.c.id)
)
_SETTLE = (
    update(speculations)
    .where(speculations.c.id == bindparam("which"), speculations.c.state == "ready")
    .values(state=bindparam("how"))
)
_DROP = (
    update(speculations)
    .where(speculations.c.run == bindparam("of"), speculations.c.state == "ready")
    .values(state="dropped")
)
_COUNTS = select(speculations.c.state, func.count().label("count")).group_by(speculations.c.state)
_DONE = (
    select(actions.c.run, actions.c.turn, actions.c.arguments)
    .join(effects, effects.c.key == actions.c.id)
    .join(runs, runs.c.id == actions.c.run)
    .where(
        runs.c.agent == bindparam("agent"),
        runs.c.tenant == bindparam("tenant"),
        actions.c.tool == bindparam("tool"),
        effects.c.state == "done",
    )
    .order_by(effects.c.claimed_at.desc())
    .limit(bindparam("most"))
)
