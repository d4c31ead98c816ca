"""What a model was told in a turn, what was left out and why: for people."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from baton.core import NotFound, RunId
from baton.core.texts import one_line
from baton.graph.packing import Context
from baton.ledger import Transaction, journal, transcript
from baton.ledger.journal import ModelCall
from baton.memory import Part
from baton.review.record import time_json
from baton.rows import Row

_INTENT = {"0:system": "instructions", "1:user": "goal"}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One request to a model.

    Attributes:
        call: The model call.
        context: The account of the request; None where an older Baton made it.
        beside: What stood beside the conversation, but for the facts.
        facts: The facts that stood there, as the model read them; one that was forgotten since is an empty text.
        first: The run's first turn; `last` its last.
    """

    call: ModelCall
    context: Context | None
    beside: tuple[str, ...]
    facts: tuple[str, ...]
    first: int
    last: int

    @property
    def size(self) -> str:
        """How many tokens there were for what, in words."""
        if self.context is None:
            return "made by a Baton that kept no account of it"
        manifest = self.context.manifest
        told = f"{manifest.total:,} of {manifest.budget:,} tokens for messages, counted as {manifest.counter}"
        return f"{told}; {self.context.tools:,} for tools, {self.context.reserve:,} kept free for the answer"

    @property
    def rows(self) -> list[Row]:
        """Section by section what was taken."""
        return [Row(_name(part), _taken(part)) for part in self.context.manifest.parts] if self.context else []

    @property
    def left_out(self) -> list[Row]:
        """What was left out, and why."""
        parts = self.context.manifest.parts if self.context else ()
        return [Row(_name(part), f"{one.id}: {one.reason}") for part in parts for one in part.dropped]


def seen(tx: Transaction, run: RunId, turn: int | None = None) -> Seen:
    """What a run's model was told in a turn; None is the last.

    Raises:
        NotFound: if the run has made no such call; names those that there are.
    """
    calls = {call.turn: call for call in journal.calls(tx, run)}
    wanted = turn if turn is not None else max(calls, default=0)
    if wanted not in calls:
        made = f"{min(calls)} to {max(calls)}" if calls else "no call of the model yet"
        raise NotFound("turn", str(wanted), [made])
    call = calls[wanted]
    context = Context.read(call.context) if call.context is not None else None
    lines = [line for line in transcript.read(tx, run, transcript.WHOLE) if line.role == "fact" and line.turn <= wanted]
    told = {line.ref: line.text for line in lines}
    shown = context.manifest.part("facts").kept if context is not None else ()
    return Seen(
        call=call,
        context=context,
        beside=tuple(_beside(context)) if context is not None else (),
        facts=tuple(told.get(id, "") for id in shown),
        first=min(calls),
        last=max(calls),
    )


def seen_json(one: Seen) -> dict[str, Any]:
    """One request as JSON."""
    context = asdict(one.context) if one.context is not None else None
    return {
        "turn": one.call.turn,
        "at": time_json(one.call.at),
        "model": one.call.model,
        "context": context,
        "beside": list(one.beside),
        "facts": [json.loads(fact) if fact else None for fact in one.facts],
    }


def _name(part: Part) -> str:
    return "conversation" if part.name == "turns" else part.name


def _taken(part: Part) -> str:
    most = f" of {part.quota:,}" if part.quota is not None else ""
    what = ", ".join(_INTENT.get(id, id) for id in part.kept) or "nothing"
    return one_line(f"{part.tokens:,}{most} tokens: {what}", 400)


def _beside(context: Context) -> list[str]:
    said: dict[str, list[str]] = json.loads(context.note) if context.note else {}
    return [one_line(f"{name}: {text}", 1000) for name, texts in said.items() for text in texts]
