"""What the steps of a workflow's run have come to. A step is a row from when it is begun; what it came to is final."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import bindparam, insert, select, update

from baton.core import ActionId, RunId, dump
from baton.ledger import bodies
from baton.ledger.schema_workflows import workflow_steps
from baton.ledger.transaction import Transaction

StepState = Literal["returned", "refused", "failed", "expired", "denied", "withdrawn", "skipped"]


@dataclass(frozen=True, kw_only=True)
class StepRow:
    """One step that was begun. Times are seconds since 1970.

    Attributes:
        key: The step's name, with the rounds and places in lists that it is within: `ask#2`, `ship[3]`.
        what: What it does and with whom, such as `do payments`.
        action: The call that it is; None where it calls nothing.
        state: What it came to; None while it is open.
        value: Its answer, as JSON can hold it; None before, and where there is none.
        said: What was said with it; empty for nothing.
    """

    key: str
    what: str
    action: ActionId | None = None
    state: StepState | None = None
    value: Any = None
    said: str = ""
    begun_at: float = 0.0
    ended_at: float | None = None


def of_run(tx: Transaction, run: RunId) -> list[StepRow]:
    """A run's steps, in the order in which they were begun."""
    rows = tx.rows(_OF_RUN, run=run)
    texts = bodies.load(tx, [row.body for row in rows])
    return [_step(row, texts[row.body] if row.body else "") for row in rows]


def any_of_run(tx: Transaction, run: RunId) -> bool:
    """Whether a run is a workflow's that has begun a step."""
    return bool(tx.value(_ANY_OF_RUN, run=run))


def begin(tx: Transaction, run: RunId, steps: Sequence[StepRow]) -> None:
    """Record steps that begin, and those that have come to something at once."""
    rows = [
        {
            "run": run,
            "key": step.key,
            "what": step.what,
            "action": step.action,
            "state": step.state,
            "body": _stored(tx, step),
            "begun_at": tx.now,
            "ended_at": None if step.state is None else tx.now,
        }
        for step in steps
    ]
    tx.execute(_BEGIN, rows)


def settle(tx: Transaction, run: RunId, steps: Sequence[StepRow]) -> None:
    """Record what open steps have come to."""
    for step in steps:
        tx.changed(_SETTLE, whose=run, which=step.key, comes=step.state, body=_stored(tx, step), now=tx.now)


def _stored(tx: Transaction, step: StepRow) -> int | None:
    """Where value and words of a step are kept; None where it has neither."""
    if step.value is None and not step.said:
        return None
    return bodies.store(tx, dump({"value": step.value, "said": step.said}))


def _step(row: Any, text: str) -> StepRow:
    told: dict[str, Any] = json.loads(text) if text else {"value": None, "said": ""}
    return StepRow(
        key=row.key,
        what=row.what,
        action=row.action,
        state=row.state,
        begun_at=row.begun_at,
        ended_at=row.ended_at,
        **told,
    )


_BEGIN = insert(workflow_steps)
_SETTLE = (
    update(workflow_steps)
    .where(
        workflow_steps.c.run == bindparam("whose"),
        workflow_steps.c.key == bindparam("which"),
        workflow_steps.c.state.is_(None),
    )
    .values(state=bindparam("comes"), body=bindparam("body"), ended_at=bindparam("now"))
)
_ANY_OF_RUN = select(select(workflow_steps.c.key).where(workflow_steps.c.run == bindparam("run")).exists())
_OF_RUN = (
    select(workflow_steps)
    .where(workflow_steps.c.run == bindparam("run"))
    .order_by(workflow_steps.c.begun_at, workflow_steps.c.key)
)
