"""Facts as a run reads them: one line each, with trust, validity, source; on record with their labels. No I/O."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast

from baton.core import FactId, dump, format_time
from baton.ledger import Fact, Line, Proposal


@lru_cache(maxsize=2048)  # the same facts are shown turn after turn
def fact_line(fact: Fact) -> str:
    """A fact as it is put on record: one line of JSON."""
    told: dict[str, Any] = {
        "id": fact.id,
        "trust": fact.label.trust.name.lower(),
        "valid": _validity(fact),
        "source": ", ".join(sorted(fact.label.sources)) or fact.run or "unknown",
        "about": fact.subject,
        "fact": fact.text,
    }
    return dump(told)


def fenced(line: str) -> str:
    """A fact's line as a model reads it, in which nothing can pass for the end of the facts; still the same JSON."""
    return line.replace("<", "\\u003c")


def _validity(fact: Fact) -> str:
    """When a fact is true, as far as that is known; of one that nobody dated, since when it is on record."""
    begins = f"from {format_time(fact.valid_from)}" if fact.valid_from is not None else ""
    ends = f"until {format_time(fact.valid_to)}" if fact.valid_to is not None else ""
    return f"{begins} {ends}".strip() or f"recorded {format_time(fact.recorded_at)}"


def fact_text(line: str) -> str:
    """What a fact's line says in words; empty where the fact was forgotten."""
    try:
        told = json.loads(line)
        return f"{told['about']}: {told['fact']}"
    except (ValueError, KeyError, TypeError):
        return ""


def facts_read(lines: Sequence[Line], proposals: Sequence[Proposal]) -> dict[FactId, str]:
    """The facts that a run has read, with what they say: those it was shown, and those it has looked up itself."""
    looked_up = {proposal.action.id for proposal in proposals if proposal.action.tool == "recall"}
    found: dict[FactId, str] = {}
    for line in lines:
        if line.role == "fact" and line.ref:
            found[FactId(line.ref)] = fact_text(line.text)
        elif line.role == "tool" and line.ref in looked_up:
            found |= {FactId(row["id"]): f"{row['about']}: {row['fact']}" for row in _rows(line.text)}
    return found


def _rows(result: str) -> list[dict[str, Any]]:
    """What `recall` has found; nothing where it was refused."""
    try:
        rows: Any = json.loads(result)
    except ValueError:
        return []
    return cast("list[dict[str, Any]]", rows) if isinstance(rows, list) else []


def new_facts(facts: Sequence[Fact], lines: Sequence[Line], turn: int) -> list[Line]:
    """The lines that record which facts a run has read, those that it has read before left out.

    They are part of the transcript for the tracing of values; the model reads them beside the conversation.
    """
    known = {(line.ref, line.text) for line in lines if line.role == "fact"}
    return [line for fact in facts if (line := _line(fact, turn)) and (line.ref, line.text) not in known]


def _line(fact: Fact, turn: int) -> Line:
    label, text = fact.label, fact_line(fact)
    secrecy = label.confidentiality
    return Line(role="fact", turn=turn, text=text, ref=fact.id, trust=label.trust, confidentiality=secrecy)
