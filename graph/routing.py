"""To whom work goes that names a skill: the candidates in the order in which it is offered to them.

Who would be done with it the soonest comes first, where past success counts too: the estimated time, divided by the
share of such work that surely came back done. The share is the lower end of Wilson's interval (E. B. Wilson, 1927), of
what was handed to them before of the same contract, and two pieces more that went as those of all candidates did: so
whoever is new is neither left out nor taken for the best. Who has as much at once as they may comes behind all others.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from baton.ledger import PastWork, Transaction, people
from baton.ledger.handoffs import PERSON

USUAL = 600.0
"""Seconds that a piece of work is taken to last where none has ended yet."""

_PRIOR = 2.0
_SURE = 1.2815515655446004  # the normal quantile at 0.9: nine times in ten the true share is higher


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """Somebody who has a skill.

    Attributes:
        name: An agent's name, or `person:NAME`.
        capacity: Pieces of work that they have at once before they count as full.
        past: What was handed to them so far.
    """

    name: str
    capacity: int
    past: PastWork


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """A candidate with what it was ranked by.

    Attributes:
        open: Pieces of work that they have now.
        full: Whether that is as many as they have at once.
        returned: How many of `ended` pieces of such work came back done.
        usual: Seconds that a piece lasts with them.
        estimate: Seconds until they would be done with this one.
        success: The share that surely comes back done.
        score: Estimate divided by success: the lowest comes first.
    """

    name: str
    open: int
    full: bool
    returned: int
    ended: int
    usual: float
    estimate: float
    success: float
    score: float

    def document(self) -> dict[str, Any]:
        """As it is recorded."""
        figures = {name: round(value, 3) for name, value in asdict(self).items() if isinstance(value, float)}
        return asdict(self) | figures


def rank(candidates: Sequence[Candidate]) -> list[Ranked]:
    """The candidates, who comes first at the front; the same for the same record."""
    usual = _usual([seconds for one in candidates for seconds in one.past.seconds], USUAL)
    returned = sum(one.past.returned for one in candidates)
    share = (returned + 1) / (sum(one.past.ended for one in candidates) + 2)
    return sorted((_ranked(one, usual, share) for one in candidates), key=lambda one: (one.full, one.score, one.name))


def skilled_people(tx: Transaction, skill: str) -> list[str]:
    """People with a skill who are not away."""
    roster = people.roster(tx)
    known = roster.people if roster is not None else ()
    return [f"{PERSON}{one.name}" for one in known if skill in one.skills and not one.away(tx.now)]


def likely(returned: float, ended: float) -> float:
    """The lower end of Wilson's interval for a share of which `returned` of `ended` is seen; 0 where nothing is."""
    if not ended:
        return 0.0
    seen, square = returned / ended, _SURE * _SURE
    spread = _SURE * math.sqrt(seen * (1 - seen) / ended + square / (4 * ended * ended))
    return max(0.0, (seen + square / (2 * ended) - spread) / (1 + square / ended))


def _ranked(one: Candidate, usual: float, share: float) -> Ranked:
    past = one.past
    lasts = _usual(past.seconds, usual)
    estimate = lasts * (1 + past.open / one.capacity)
    success = likely(past.returned + _PRIOR * share, past.ended + _PRIOR)
    return Ranked(
        name=one.name,
        open=past.open,
        full=past.open >= one.capacity,
        returned=past.returned,
        ended=past.ended,
        usual=lasts,
        estimate=estimate,
        success=success,
        score=estimate / success,
    )


def _usual(seconds: Sequence[float], otherwise: float) -> float:
    return max(0.001, median(seconds)) if seconds else otherwise


def told(figures: Sequence[Ranked], left_out: Mapping[str, str]) -> dict[str, Any]:
    """The ranking as its event has it."""
    return {"candidates": [one.document() for one in figures], "left_out": dict(left_out)}
