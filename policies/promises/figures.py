"""What the entries of a certificate show: how stated confidence and outcomes go together, and how much ran alone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from baton.core import ActionId
from baton.ledger.promises import Entry

BINS = 10


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Labelled actions whose stated confidence is from `low` up to `high`.

    Attributes:
        stated: Their mean confidence.
        right: The share that people found right. An audited action stands for those that were not looked at, so both
            are weighted by 1 over the probability of the label.
        labels: How many they are.
    """

    low: float
    high: float
    stated: float
    right: float
    labels: int


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Actions that were decided one after the other.

    Attributes:
        began_at: When the first was, in seconds since 1970.
        ended_at: When the last was.
        decided: How many.
        alone: How many of them ran alone.
    """

    began_at: float
    ended_at: float
    decided: int
    alone: int


def labelled(entries: Sequence[Entry]) -> list[tuple[Entry, Entry]]:
    """Each decision that was labelled, with its label, in the order of the labels."""
    decided: dict[ActionId | None, Entry] = {}
    found: list[tuple[Entry, Entry]] = []
    for entry in entries:
        if entry.kind == "decided":
            decided[entry.action] = entry
        elif entry.kind == "labelled" and entry.action in decided:
            found.append((decided.pop(entry.action), entry))
    return found


def stands_for(decision: Entry) -> float:
    """How many actions the label of this one stands for: 1 over the probability that there is one."""
    return 1 / (decision.audit or 1.0) if decision.alone else 1.0


def reliability(entries: Sequence[Entry]) -> list[Bin]:
    """Stated confidence against what people said, in tenths; those without a label are left out."""
    found: dict[int, list[tuple[float, float, bool]]] = {}
    for decision, label in labelled(entries):
        stated = decision.details["signals"].get("confidence")
        if stated is not None:
            row = (stands_for(decision), stated, not label.wrong)
            found.setdefault(min(int(stated * BINS), BINS - 1), []).append(row)
    return [_bin(place, rows) for place, rows in sorted(found.items())]


def stretches(entries: Sequence[Entry], parts: int) -> list[Stretch]:
    """The decisions in so many parts of equal size, oldest first."""
    decided = [entry for entry in entries if entry.kind == "decided"]
    edges = [round(part * len(decided) / parts) for part in range(parts + 1)]
    cut = [decided[first:last] for first, last in pairwise(edges) if last > first]
    return [
        Stretch(began_at=part[0].at, ended_at=part[-1].at, decided=len(part), alone=sum(entry.alone for entry in part))
        for part in cut
    ]


def signals_known(entries: Sequence[Entry]) -> dict[str, float]:
    """The share of the decisions that each signal was known of."""
    decided = [entry for entry in entries if entry.kind == "decided"]
    counts = Counter(name for entry in decided for name in entry.details["signals"])
    return {name: count / len(decided) for name, count in counts.items()}


def _bin(place: int, rows: Sequence[tuple[float, float, bool]]) -> Bin:
    total = sum(weight for weight, _, _ in rows)
    return Bin(
        low=place / BINS,
        high=(place + 1) / BINS,
        stated=sum(weight * stated for weight, stated, _ in rows) / total,
        right=sum(weight * right for weight, _, right in rows) / total,
        labels=len(rows),
    )
