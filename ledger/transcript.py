"""What an agent has been told and has said, turn by turn: rows that refer to bodies and actions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import bindparam, insert, select

from baton.core import BodyId, Confidentiality, RunId, Trust
from baton.ledger import bodies
from baton.ledger.schema import transcript
from baton.ledger.transaction import Transaction

Role = Literal["user", "assistant", "tool", "notice", "fact"]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row of a transcript.

    Attributes:
        role: `user` (a person's turn), `assistant` (the model), `tool` (the answer to a call), `notice` (Baton's),
            `fact` (what was recalled for it).
        turn: The model call that said it, or that will read it.
        text: What it says; an assistant's calls are the actions of its turn.
        ref: The action a tool line answers; the message or review a notice is about; a fact's id.
        trust: Of the text.
        confidentiality: Of the text.
        body: Where the text already stands; None stores it.
    """

    role: Role
    turn: int
    text: str
    ref: str | None = None
    trust: Trust = Trust.SYSTEM
    confidentiality: Confidentiality = Confidentiality.INTERNAL
    body: BodyId | None = None


def append(tx: Transaction, run: RunId, head: int, lines: Sequence[Line]) -> None:
    """Add lines behind row `head`.

    A row that is there already means that two workers wrote, and fails loudly.
    """
    rows = [
        {
            "run": run,
            "seq": head + number,
            "role": line.role,
            "turn": line.turn,
            "body": line.body or (bodies.store(tx, line.text) if line.text else None),
            "ref": line.ref,
            "trust": int(line.trust),
            "confidentiality": int(line.confidentiality),
        }
        for number, line in enumerate(lines, 1)
    ]
    if rows:
        tx.later(_INSERT, rows)


_INSERT = insert(transcript)
_READ = (
    select(transcript)
    .where(
        transcript.c.run == bindparam("run"),
        transcript.c.seq > bindparam("behind"),
        transcript.c.seq <= bindparam("head"),
    )
    .order_by(transcript.c.seq)
)


WHOLE = 2**31 - 1
"""As `head`: every line."""


def read(tx: Transaction, run: RunId, head: int, behind: int = 0) -> list[Line]:
    """The first `head` lines without the first `behind`, oldest first."""
    tx.flush()
    rows = tx.rows(_READ, run=run, head=head, behind=behind) if head > behind else []
    texts = bodies.load(tx, [row.body for row in rows])
    return [
        Line(
            role=row.role,
            turn=row.turn,
            text=texts[row.body] if row.body else "",
            ref=row.ref,
            trust=Trust(row.trust),
            confidentiality=Confidentiality(row.confidentiality),
            body=row.body,
        )
        for row in rows
    ]
