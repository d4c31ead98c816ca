"""A fact, and a receipt of forgetting, for the terminal."""

from rich.console import RenderableType
from rich.text import Text

from baton.cli.tables import pairs
from baton.core import Trust, format_time
from baton.core.texts import one_line
from baton.ledger import Fact, Passage
from baton.memory import Explanation, Receipt


def fact_line(fact: Fact) -> Text:
    """A fact on one line: what is said, and how far it is trusted."""
    line = Text.assemble((one_line(fact.subject), "bold"), f": {one_line(fact.text)}")
    until = f", until {format_time(fact.valid_to)}" if fact.valid_to is not None else ""
    return line.append(f"  ({_trust(fact.label.trust)} trust, {one_line(fact.scope)}, {fact.id}{until})", style="dim")


def fact_page(fact: Fact, why: Explanation | None = None) -> list[RenderableType]:
    """All there is to a fact; with an explanation, why."""
    rows: list[tuple[str, str]] = [
        ("id", fact.id),
        ("about", one_line(fact.subject)),
        ("text", one_line(fact.text)),
        ("kind", fact.kind.value),
        ("scope", one_line(fact.scope)),
        ("trust", _trust(fact.label.trust)),
        ("secrecy", fact.label.confidentiality.name.lower()),
        ("true", f"{_time(fact.valid_from, 'nobody knows since when')} until {_time(fact.valid_to, 'further notice')}"),
        ("recorded", format_time(fact.recorded_at)),
    ]
    if fact.predicate is not None:
        rows.insert(3, ("says", one_line(f"{fact.predicate} = {fact.object or fact.text}")))
    for name in ("retired_at", "quarantined_at", "expires_at"):
        if (at := getattr(fact, name)) is not None:
            rows.append((name.removesuffix("_at"), format_time(at)))
    rows.append(("feedback", f"used {fact.uses} times, wrong {fact.wrongs} times"))
    rows += _sources(fact) if why is None else _why(why)
    return [pairs([(name, Text(value)) for name, value in rows])]


def receipt_page(receipt: Receipt) -> list[RenderableType]:
    """What was forgotten, what could not be, and whether it is gone."""
    blotted = ", ".join(f"{count} in {table}" for table, count in receipt.blotted.items()) or "none"
    rows = [
        ("receipt", receipt.id),
        ("facts", f"{len(receipt.facts)} deleted"),
        ("other rows", f"blotted out: {blotted}"),
        ("indexes", ", ".join(receipt.indexes)),
        ("looked", f"through {receipt.scanned} files, byte for byte"),
        ("found", ", ".join(receipt.found) or "nothing"),
        *(("not done", one_line(left)) for left in receipt.left),
    ]
    return [pairs([(name, Text(value)) for name, value in rows])]


def _sources(fact: Fact) -> list[tuple[str, str]]:
    return [("source", one_line(source)) for source in sorted(fact.label.sources)]


def _why(why: Explanation) -> list[tuple[str, str]]:
    rows = [("rests on", one_line(one.source) + _characters(one)) for one in why.passages]
    rows += [("bears", fact) for fact in why.derived]
    for one in why.relations:
        rows.append((one.kind if one.newer else f"{one.kind} it", one.other))
    rows += [(one.said, f"{one_line(one.by)} in {one_line(one.ref)}, {format_time(one.at)}") for one in why.feedback]
    return rows


def _characters(passage: Passage) -> str:
    return "" if passage.begins is None else f", characters {passage.begins} to {passage.ends}"


def _time(at: float | None, unknown: str) -> str:
    return unknown if at is None else format_time(at)


def _trust(trust: Trust) -> str:
    return trust.name.lower().replace("_", " ")
