"""How a limit on what is under way follows how it goes: additive increase, multiplicative decrease. No I/O.

At each look that has seen `ENOUGH` new calls:

- more than `FAILING` of them failed: the limit is halved;
- else half of them took more than `SLOWER` times what is usual: it falls to three fifths, below where that began;
- else, where the limit was used up and others waited: it rises by one.

What is usual is the least median of all looks, raised by a hundredth at each: so it is what a call takes that waits for
nothing (as in Brakmo and Peterson's TCP Vegas, 1995), and what has become slower by itself is usual some day. A mean
would follow the slowness that a growing limit brings about, and let it grow for ever. (The rule is that of Chiu and
Jain, "Analysis of the increase and decrease algorithms for congestion avoidance", 1989.)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from baton.core import Adaptive
from baton.core.texts import percent

ENOUGH = 10
"""Calls that are looked at together, at least."""

FAILING = 0.2
SLOWER = 1.5
RISE = 1.01

LEAST_SECONDS = 0.05
"""What takes less than this is never called slow."""


@dataclass(frozen=True)
class Call:
    """A call that has ended."""

    at: float
    seconds: float
    failed: bool


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a look comes to.

    Attributes:
        limit: From now on.
        learnt: What to remember: `usual`, in seconds, and `until`, up to when calls were looked at.
        cause: Why the limit changes; empty where it does not.
    """

    limit: int
    learnt: Mapping[str, Any]
    cause: str = ""


def step(limit: int, bounds: Adaptive, learnt: Mapping[str, Any], calls: Sequence[Call], waiting: int) -> Step | None:
    """What a limit becomes; None where too little has happened since the last look.

    Args:
        limit: What it is now.
        bounds: What it stays within.
        learnt: What was remembered at the last look; empty before the first.
        calls: All that are known, in the order of their ends.
        waiting: How many wait for a place.
    """
    new = [call for call in calls if call.at > learnt.get("until", 0.0)]
    if len(new) < ENOUGH:
        return None
    failed = sum(call.failed for call in new) / len(new)
    took, until = median(call.seconds for call in new), new[-1].at
    usual = float(learnt.get("usual", took))
    kept = {"usual": min(took, usual * RISE), "until": until}
    if failed > FAILING:
        cause = f"{percent(failed)} of {len(new)} calls failed"
        return _fallen(limit, bounds, limit // 2, {"usual": usual, "until": until}, cause)  # a failure may be quick
    if took > max(SLOWER * usual, LEAST_SECONDS):
        cause = f"half of {len(new)} calls took more than {took:.2g} s; {usual:.2g} s is usual"
        return _fallen(limit, bounds, limit * 3 // 5, kept, cause)
    if waiting and limit < bounds.most:
        return Step(limit=limit + 1, learnt=kept, cause=f"{waiting} waited, and calls went well")
    return Step(limit=limit, learnt=kept)


def _fallen(limit: int, bounds: Adaptive, to: int, learnt: Mapping[str, Any], cause: str) -> Step:
    lower = max(bounds.least, min(to, limit - 1))
    return Step(limit=lower, learnt=learnt, cause=cause if lower < limit else "")
