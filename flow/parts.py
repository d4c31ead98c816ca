"""What the time from a question to the run that goes on consists of. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from baton.flow.cover import Cover, on_grid, without
from baton.flow.staff import Interval


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts of a wait, in seconds; together they are all of it, to the last bit.

    Attributes:
        off_duty: Nobody who may answer was on duty.
        queueing: Somebody was, but all of them were at other questions that they had claimed.
        not_looked_at: Somebody was on duty and free, and nobody claimed it.
        thinking: Somebody had claimed it.
        delivery: It was decided, and its run had not gone on yet.
    """

    off_duty: float = 0.0
    queueing: float = 0.0
    not_looked_at: float = 0.0
    thinking: float = 0.0
    delivery: float = 0.0

    @property
    def whole(self) -> float:
        """All of it."""
        return self.off_duty + self.queueing + self.not_looked_at + self.thinking + self.delivery

    def __add__(self, other: "Parts") -> "Parts":
        """The parts of both waits together."""
        names = [field.name for field in fields(self)]
        return Parts(**{name: getattr(self, name) + getattr(other, name) for name in names})


@dataclass(frozen=True)
class Presence:
    """When those who may answer are there.

    Attributes:
        on_duty: Somebody is on duty.
        free: Somebody is on duty who is at no question.
    """

    on_duty: Cover
    free: Cover


def presence(hours: Iterable[tuple[Sequence[Interval], Sequence[Interval]]]) -> Presence:
    """When somebody is there: from each person's hours on duty, and the times at which they had claimed a question."""
    each = list(hours)
    on_duty = Cover(interval for duty, _ in each for interval in duty)
    return Presence(on_duty, Cover(left for duty, busy in each for left in without(duty, busy)))


def split(opened: float, decided: float, delivered: float, claims: Sequence[Interval], there: Presence) -> Parts:
    """Split the time from a question to the run that goes on, by what kept it waiting.

    Args:
        opened: When it was asked, in seconds since 1970.
        decided: When it was decided.
        delivered: When its run went on.
        claims: When somebody had it to themselves.
        there: When those who may answer are there. While somebody has it to themselves, that is not asked.
    """
    decided = max(opened, decided)
    off_duty = queueing = not_looked_at = unclaimed = 0.0
    for start, end in without([(opened, decided)], claims):
        on_duty, free = there.on_duty.seconds(start, end), there.free.seconds(start, end)
        off_duty += (end - start) - on_duty
        queueing += on_duty - free
        not_looked_at += free
        unclaimed += end - start
    return Parts(
        off_duty=off_duty,
        queueing=queueing,
        not_looked_at=not_looked_at,
        thinking=(on_grid(decided) - on_grid(opened)) - unclaimed,
        delivery=on_grid(max(decided, delivered)) - on_grid(decided),
    )
