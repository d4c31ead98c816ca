"""What runs' time was spent on, with what waiting for people consisted of. No I/O."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from baton.flow.cover import Cover
from baton.flow.lives import DECIDING, ELSEWHERE, QUEUEING, REWORK, THINKING, TICKS, TOOLS, TRANSMISSION, Life, Whom
from baton.flow.parts import Presence, presence
from baton.flow.staff import Interval, Staff
from baton.flow.traffic import Claimed
from baton.ledger.lives import Lived, Spent


@dataclass(frozen=True, kw_only=True)
class Busy:
    """When people had questions to themselves, by their name."""

    claims: Mapping[str, Sequence[Interval]]


def busy(claimed: Iterable[Claimed], open_: Iterable[Life] = ()) -> Busy:
    """From claims that are over, and from those that are not."""
    found = defaultdict[str, list[Interval]](list)
    for one in claimed:
        found[one.by].append((one.start, one.end))
    for life in open_:
        for by, start, end in life.held.values():
            found[by].append((start / TICKS, end / TICKS))
    return Busy(claims=found)


class Roll:
    """When those are there who may answer questions; worked out once for each kind of people that are asked for."""

    def __init__(self, staff: Staff, busy: Busy, start: float, end: float) -> None:
        self._staff, self._busy, self._window = staff, busy, (start, end)
        self._known: dict[Whom, Presence] = {}

    def of(self, whom: Whom) -> Presence:
        """Where nobody knows who may answer, whoever has taken anything may, at any time; else somebody."""
        if whom not in self._known:
            hours = self.hours(whom)
            self._known[whom] = presence((duty, self._busy.claims.get(name, ())) for name, duty in hours.items())
        return self._known[whom]

    def hours(self, whom: Whom) -> Mapping[str, Sequence[Interval]]:
        """When whom of them is on duty, by name."""
        reviewers, skills = whom
        if self._staff.able(reviewers, skills) is None:
            return {name: [self._window] for name in reviewers or self._busy.claims or ("",)}
        return self._staff.duty(reviewers, skills, *self._window)

    def cover(self, name: str) -> Cover:
        """When somebody had a question."""
        return Cover(self._busy.claims.get(name, ()))


def spent(life: Life, roll: Roll) -> Spent:
    """What a life consists of; the parts are all of it, to the last bit."""
    off_duty = in_line = not_looked_at = 0.0
    for begun, ended, whom in life.gaps:
        start, end = begun / TICKS, ended / TICKS
        there = roll.of(whom)
        on_duty, free = there.on_duty.seconds(start, end), there.free.seconds(start, end)
        off_duty += (end - start) - on_duty
        in_line += on_duty - free
        not_looked_at += free
    parts = life.parts
    return Spent(
        queueing=parts[QUEUEING] / TICKS,
        thinking=parts[THINKING] / TICKS,
        tools=parts[TOOLS] / TICKS,
        transmission=parts[TRANSMISSION] / TICKS,
        off_duty=off_duty,
        in_line=in_line,
        not_looked_at=not_looked_at,
        deciding=parts[DECIDING] / TICKS,
        elsewhere=parts[ELSEWHERE] / TICKS,
        rework=parts[REWORK] / TICKS,
    )


def lived(life: Life, tenant: str, roll: Roll) -> Lived:
    """A life that has ended, as it is kept."""
    return Lived(
        run=life.run,
        agent=life.agent,
        tenant=tenant,
        outcome=life.outcome,
        began=life.began / TICKS,
        ended=life.at / TICKS,
        spent=spent(life, roll),
    )
