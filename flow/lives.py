"""What the life of each run consists of, folded from its events one after the other. No I/O.

Times are whole numbers of 2^-20 seconds, the grid of `cover`: the parts of a life add up to it to the last bit.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from baton.flow.traffic import Asked, Called, Claimed, Closed, Ended, Failed, Submitted, Traffic, Used, Worked
from baton.ledger.history import Row

TICKS = 2**20
"""Steps of the grid in a second."""

QUEUEING, THINKING, TOOLS, TRANSMISSION, DECIDING, ELSEWHERE, REWORK = range(7)
"""The parts that events alone tell; what is waited for people besides needs to be told who was there."""

QUEUED, _RESTING, _PAUSED, _HELD = range(4)

Whom = tuple[tuple[str, ...], tuple[str, ...]]
"""Who may answer a question: roles or names, and skills."""

ANYBODY: Whom = ((), ())


def tick(at: float) -> int:
    """The place on the grid that is nearest to a time in seconds."""
    return round(at * TICKS)


@dataclass(slots=True)
class Life:
    """A run's time, in ticks, as far as it has been told.

    Attributes:
        began: When it was submitted, in ticks since 1970.
        at: Up to when its time is divided.
        ended: Whether that is its end.
        parts: By the numbers above.
        open: Its open questions: whom they ask, and since when.
        held: Those that somebody has taken: who, since when and until when at most.
        calls: Its calls under way: the tool, and since when.
        woke: Since when it has something to do, where it is not at work.
        gaps: When it waited for somebody to take its question: from, to, and whom.
    """

    run: str
    agent: str
    parent: str | None
    began: int
    at: int
    ended: bool = False
    outcome: str = ""
    parts: list[int] = field(default_factory=lambda: [0] * 7)
    gaps: list[tuple[int, int, Whom]] = field(default_factory=list[tuple[int, int, Whom]])
    mode: int = QUEUED
    woke: int = 0
    again: bool = False
    open: dict[str, tuple[Whom, int]] = field(default_factory=dict[str, tuple[Whom, int]])
    held: dict[str, tuple[str, int, int]] = field(default_factory=dict[str, tuple[str, int, int]])
    calls: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])

    @property
    def whole(self) -> int:
        """All of it that is divided, in ticks: the sum of its parts and gaps."""
        return self.at - self.began


class Lives:
    """The lives of runs, and the traffic of what they use; takes events in order, each once."""

    def __init__(self) -> None:
        self.lives: dict[str, Life] = {}
        self.traffic = Traffic()

    def hand_over(self) -> Traffic:
        """The traffic that came since the last time; who takes it has it alone."""
        found, self.traffic = self.traffic, Traffic()
        return found

    def take(self, rows: Iterable[Row], origins: Mapping[str, tuple[str, str | None]] | None = None) -> None:
        """Take events in order; `origins` are tenant and requester of the runs that are submitted in them."""
        lives, known = self.lives, origins or {}
        for _, _, run, kind, data, at in rows:
            if kind == "run.submitted":
                said, place = _said(data), tick(at)
                agent = sys.intern(said.get("agent", ""))  # the same few names, again and again
                lives[run] = Life(run, agent, said.get("parent"), place, place, woke=place)
                tenant, requester = known.get(run, ("local", None))
                self.traffic.submitted.append(Submitted(at, run, agent, sys.intern(tenant), requester))
                continue
            life = lives.get(run)
            if life is not None and not life.ended:
                self._go_on(life, kind, data, at)

    def _go_on(self, life: Life, kind: str, data: str | None, at: float) -> None:
        now = max(life.at, tick(at))
        said = _said(data) if data is not None else _NOTHING
        if now > life.at:
            _divide(life, kind, said, now)
        family = kind.partition(".")[0]
        if family == "review":
            self._review(life, kind, said, at)
        elif family == "message":
            life.woke = life.woke if life.mode == QUEUED else life.at
            life.mode = QUEUED
        elif kind == "model.answered":
            model, seconds = said.get("model") or "", float(said.get("seconds") or 0.0)
            self._taken_up(life, at - seconds)
            tries, instead = int(said.get("attempts") or 1), str(said.get("instead") or "")
            self.traffic.called.append(Called(at, seconds, model, life.agent, tries, instead))
            life.mode, life.again = _RESTING, False
        elif family == "effect":
            self._effect(life, kind, said, at)
        elif kind == "run.troubled":
            life.mode = _PAUSED
            self.traffic.failed.append(Failed(at, "agent", life.agent, str(said.get("trouble") or "")))
        elif kind == "run.ended":
            life.ended, life.outcome = True, str(said.get("outcome") or "")
            self.traffic.ended.append(Ended(at, life.run, life.agent, (life.at - life.began) / TICKS))
        elif kind == "run.taken_over":
            life.mode, life.woke = QUEUED, life.at
            self.traffic.failed.append(Failed(at, "worker", life.agent, "a worker died"))
        elif family == "call" or family == "handoff":
            life.mode = _RESTING

    def _taken_up(self, life: Life, at: float) -> None:
        if life.mode == QUEUED:
            self.traffic.worked.append(Worked(at, max(0.0, at - life.woke / TICKS), life.agent))

    def _effect(self, life: Life, kind: str, said: Mapping[str, Any], at: float) -> None:
        key = said.get("action", "")
        if kind == "effect.claimed":
            self._taken_up(life, at)
            life.calls[key] = (said.get("tool", ""), life.at)
            life.mode = _RESTING
            return
        tool, since = life.calls.pop(key, ("", life.at))
        if tool:
            done, took = kind in ("effect.done", "effect.reused"), (life.at - since) / TICKS
            self.traffic.used.append(Used(at, took, tool, done))
        life.mode = _PAUSED if kind == "effect.postponed" else _RESTING

    def _review(self, life: Life, kind: str, said: Mapping[str, Any], at: float) -> None:
        review = said.get("review", "")
        before = life.held.pop(review, None) if kind in _FREES else None
        if before is not None:
            held = Claimed(before[0], before[1] / TICKS, min(before[2], life.at) / TICKS, review)
            self.traffic.claimed.append(held)
        if kind == "review.opened":
            whom = tuple(said.get("reviewers") or ()), tuple(said.get("skills") or ())
            life.open[review] = (whom, life.at)
            self.traffic.asked.append(Asked(at, review, said.get("about") or life.agent, whom, life.agent))
        elif kind == "review.claimed":
            life.held[review] = (said["by"], life.at, tick(float(said["until"])))
        elif kind == "review.held":
            life.mode = _HELD if life.mode == _RESTING else life.mode
        elif kind == "review.undone":
            life.mode = _RESTING if life.mode == _HELD else life.mode
        elif kind == "review.closed":
            life.open.pop(review, None)
            life.mode = _RESTING if life.mode == _HELD else life.mode
            life.again = life.again or said.get("decision") == "reject"
            self.traffic.closed.append(Closed(at, review, said.get("by") or "", said.get("decision") or ""))


_NOTHING: Mapping[str, Any] = {}
_FREES = frozenset(
    f"review.{how}" for how in ("released", "snoozed", "delegated", "approved", "held", "undone", "closed", "claimed")
)
"""After which whoever had a question to themselves has it no more, or begins anew."""


def _said(data: str | None) -> Mapping[str, Any]:
    said: Mapping[str, Any] = json.loads(data) if data else _NOTHING
    return said


def _divide(life: Life, kind: str, said: Mapping[str, Any], now: int) -> None:
    """Put the time since the last event where it belongs, by what was going on and what ended it."""
    begun, parts = life.at, life.parts
    life.at = now
    if kind == "model.answered":
        thought = min(now - begun, tick(float(said.get("seconds") or 0.0)))
        parts[REWORK if life.again else THINKING] += thought
        now -= thought
    if now == begun:
        return
    if kind in ("run.taken_over", "run.troubled", "effect.failed", "effect.postponed") or life.mode == _PAUSED:
        parts[REWORK] += now - begun
    elif life.calls:
        parts[TOOLS] += now - begun
    elif life.mode == QUEUED:
        parts[QUEUEING] += now - begun
    elif life.mode == _HELD:
        parts[TRANSMISSION] += now - begun
    elif life.open and not kind.startswith(_STEPS):
        _wait(life, begun, now)
    else:
        parts[ELSEWHERE if kind.startswith("message.") else TRANSMISSION] += now - begun


_STEPS = ("model.", "effect.", "call.", "handoff.")
"""What a run does by itself; it does not end a wait for people."""


def _wait(life: Life, begun: int, now: int) -> None:
    """Time in which people are waited for: somebody has claimed a question, or nobody has."""
    claimed = max((min(until, now) for _, _, until in life.held.values()), default=begun)
    claimed = max(begun, claimed)
    life.parts[DECIDING] += claimed - begun
    if now > claimed:
        life.gaps.append((claimed, now, next(iter(life.open.values()))[0]))


def until_now(life: Life, now: int) -> None:
    """Divide the time of a run that has not ended up to now, as if what it waits for came now."""
    if life.ended or now <= life.at:
        return
    kind = "message." if life.mode == _RESTING and not life.open else ""
    _divide(life, kind, _NOTHING, now)
