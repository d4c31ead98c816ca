"""Claims in conflict, and the rules by which one of them holds. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from baton.core import Label, RunId


@dataclass(frozen=True, kw_only=True)
class Side:
    """What somebody claims.

    Attributes:
        id: Of the hand-off, note or fact that says it.
        value: What is claimed; two sides that claim the same agree.
        run: Whose readings it rests on; None where nobody knows.
        evidence: What it cites, in words.
        holds: Whether all that it was read from says the same today; None where nobody looked, or it rests on nothing.
    """

    id: str
    value: str
    by: str
    label: Label
    at: float
    run: RunId | None = None
    evidence: tuple[str, ...] = ()
    holds: bool | None = None

    def document(self) -> dict[str, Any]:
        """As people and the agent are shown it."""
        told = {"id": self.id, "says": self.value, "by": self.by, "trust": self.label.trust.name.lower()}
        return {**told, "at": self.at, "evidence": list(self.evidence), "holds": self.holds}

    def looked_at(self, holds: bool | None, evidence: Sequence[str]) -> "Side":
        """The same, once what it rests on was read again."""
        return replace(self, holds=holds, evidence=(*self.evidence, *evidence))


RULES: Mapping[str, str] = {
    "newest": "it is the newest",
    "most_trusted": "it is trusted most",
    "majority": "more than half say so",
    "evidence": "what it was read from says so today, and what the others were read from does not",
    "person": "a person said so",
}
"""By name, why a rule has one claim hold."""


def agree(sides: Sequence[Side]) -> bool:
    """Whether all claim the same."""
    return len({side.value for side in sides}) < 2


def decided(sides: Sequence[Side], rule: str) -> Side | None:
    """The side that holds by a rule; None where it does not tell them apart, or another one is trusted more.

    Of several that claim the same, the one that is trusted most, and then the oldest.
    """
    for_it = _for(sides, rule)
    if not for_it or not agree(for_it):
        return None
    best = min(for_it, key=lambda side: (-side.label.trust, side.at, side.id))
    others = [side for side in sides if side.value != best.value]
    return best if all(side.label.trust <= best.label.trust for side in others) else None


def _for(sides: Sequence[Side], rule: str) -> list[Side]:
    match rule:
        case "newest":
            newest = max(side.at for side in sides)
            return [side for side in sides if side.at == newest]
        case "most_trusted":
            trust = max(side.label.trust for side in sides)
            return [side for side in sides if side.label.trust == trust]
        case "majority":
            values = [side.value for side in sides]
            return [side for side in sides if 2 * values.count(side.value) > len(values)]
        case "evidence":
            return [side for side in sides if side.holds]
        case _:
            return []
