"""The lookout: finds troubles in what comes, each with its cause and its beginning. No I/O.

Nothing is set for a certain trouble. Every model, tool, agent, class and person has a stream of its own, from which is
learnt what is usual; see `shifts` and `reactions` for when it is said that it no longer is.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from baton.core.texts import one_line
from baton.flow.lives import QUEUED, TICKS, Life, Lives
from baton.flow.naming import (
    absent,
    failing_agent,
    failing_model,
    failing_tool,
    flood,
    more_asked,
    more_rejected,
    nobody_works,
    slow_model,
    slow_start,
    slow_tool,
    worker_died,
)
from baton.flow.reactions import Reactions
from baton.flow.shifts import Oftener, Shift, Slower, Worse
from baton.flow.staff import Staff
from baton.flow.traffic import Submitted, Traffic
from baton.flow.troubles import Kind, Trouble

T = TypeVar("T")

ECHO = 1800.0
"""Seconds after a trouble has begun, or is over, in which what it brings about is not told as a trouble of its own."""

IDLE = 120.0
"""Seconds that a run may wait for a worker while nothing at all is done, before it is said that nobody works."""

_KNOWN = 1_000


class Lookout:
    """Looks at what comes, again and again, and says what is wrong now."""

    def __init__(self, staff: Staff) -> None:
        self._slow_models = defaultdict[str, Slower](Slower)
        self._failing_models = defaultdict[str, Worse](Worse)
        self._slow_tools = defaultdict[str, Slower](Slower)
        self._failing_tools = defaultdict[str, Worse](Worse)
        self._failing_agents = defaultdict[str, Worse](Worse)
        self._floods = defaultdict[str, Oftener](Oftener)
        self._asks = defaultdict[str, Oftener](Oftener)
        self._rejected = defaultdict[str, Worse](Worse)
        self._starts = Slower(floor=5.0)
        self._reactions = Reactions(staff)
        self._newest: list[Submitted] = []
        self._kinds: dict[str, str] = {}
        self._said: dict[str, Counter[str]] = {}
        self._deaths: list[tuple[float, str]] = []
        self._done_at = 0.0
        self._open: dict[tuple[str, str], Trouble] = {}
        self._over: list[tuple[float, Trouble]] = []

    def look(self, lives: Lives, now: float) -> list[Trouble]:
        """Say what is wrong now, the earliest first."""
        open_ = [life for life in lives.lives.values() if not life.ended]
        found = {one.key: one for one in self._find(open_, now)}
        for key, one in self._open.items():
            if key not in found:
                self._over.append((now, one))
            else:
                found[key] = replace(found[key], began=min(one.began, found[key].began), found=one.found)
        self._over = [(at, one) for at, one in self._over if at > now - ECHO]
        self._open = {key: one for key, one in found.items() if not self._echoes(one, found.values())}
        return sorted(self._open.values(), key=lambda one: (one.began, one.key))

    def take(self, new: Traffic, staff: Staff | None = None) -> None:
        """Take in what has come since the last time; None is the same people as before."""
        if staff is not None:
            self._reactions.staff = staff
        for call in new.called:
            self._slow_models[call.model].take(call.at, call.seconds / max(1, call.tries))
            self._failing_models[call.model].take(call.at, call.tries > 1 or bool(call.instead))
            self._failing_agents[call.agent].take(call.at, hit=False)
            self._done_at = max(self._done_at, call.at)
        for use in new.used:
            self._slow_tools[use.tool].take(use.at, use.seconds)
            self._failing_tools[use.tool].take(use.at, not use.done)
            self._done_at = max(self._done_at, use.at)
        for failed in new.failed:
            self._failed(failed.at, failed.what, failed.name, failed.said)
        for run in new.submitted:
            self._floods[run.agent].take(run.at)
            self._newest.append(run)
        del self._newest[:-_KNOWN]
        for start in new.worked:
            self._starts.take(start.at, start.seconds)
        self._asked_and_closed(new)

    def _asked_and_closed(self, new: Traffic) -> None:
        for one in new.asked:
            self._kinds[one.review] = one.kind
            self._asks[one.kind].take(one.at)
        for done in new.closed:
            kind = self._kinds.pop(done.review, None)
            if kind is not None and done.by != "baton":
                self._rejected[kind].take(done.at, done.decision == "reject")
        self._reactions.take(new.asked, new.claimed, new.closed)

    def _failed(self, at: float, what: str, name: str, said: str) -> None:
        if what == "worker":
            self._deaths.append((at, name))
            return
        self._failing_agents[name].take(at, hit=True)
        words = self._said.setdefault(name, Counter())
        words[one_line(said)[:160]] += 1

    def _find(self, open_: Sequence[Life], now: float) -> Iterator[Trouble]:
        for stream in (*self._floods.values(), *self._asks.values()):
            stream.look(now)
        yield from _shifted(self._slow_models, slow_model)
        yield from _shifted(self._failing_models, failing_model)
        yield from _shifted(self._slow_tools, slow_tool)
        yield from _shifted(self._failing_tools, failing_tool)
        yield from _shifted(self._failing_agents, self._failing_agent)
        yield from _shifted(self._floods, self._flood)
        yield from _shifted(self._asks, more_asked)
        yield from _shifted(self._rejected, more_rejected)
        yield from self._workers(open_, now)
        for missed in self._reactions.missed(open_, now):
            yield replace(absent(missed), found=now)

    def _workers(self, open_: Sequence[Life], now: float) -> Iterator[Trouble]:
        self._deaths = [(at, name) for at, name in self._deaths if at > now - 600.0]
        if self._deaths:
            yield worker_died(self._deaths[0][0], len(self._deaths), now)
        ready = [life.woke / TICKS for life in open_ if life.mode == QUEUED]
        idle = max(min(ready, default=now), self._done_at)
        if ready and now - idle > IDLE:
            yield nobody_works(len(ready), idle, now)
        elif self._starts.shift is not None:
            yield slow_start(len(ready), self._starts.shift)

    def _failing_agent(self, agent: str, shift: Shift) -> Trouble:
        said = self._said.get(agent, Counter[str]())
        return failing_agent(agent, said.most_common(1)[0][0] if said else "see its runs", shift)

    def _flood(self, agent: str, shift: Shift) -> Trouble:
        ours = [one for one in self._newest if one.agent == agent]
        return flood(agent, ours, shift)

    def _echoes(self, one: Trouble, found: Iterable[Trouble]) -> bool:
        """Whether something else that is wrong, or was a moment ago, brings this about."""
        others = [*found, *(other for _, other in self._over)]
        causes = _CAUSES.get(one.kind, frozenset())
        return any(other.kind in causes and other.began <= one.began + ECHO / 3 for other in others)


_CAUSES: dict[Kind, frozenset[Kind]] = {
    "slow start": frozenset({"flood", "slow model", "slow tool", "nobody works", "worker died", "failing model"}),
    "more asked": frozenset({"flood", "failing tool", "more rejected"}),
    "failing agent": frozenset({"failing model"}),
    "slow tool": frozenset({"nobody works"}),
    "worker died": frozenset({"nobody works"}),
}
"""What may bring about what, so that it is told once, by its cause."""


def _shifted(
    streams: "dict[str, Slower] | dict[str, Worse] | dict[str, Oftener]", tell: Callable[[str, Shift], Trouble]
) -> Iterator[Trouble]:
    for name, stream in streams.items():
        if stream.shift is not None:
            yield tell(name, stream.shift)
