"""Plans with time as a temporal network: earliest and latest times, slack, and what contradicts itself. No I/O.

A simple temporal network (Dechter, Meiri and Pearl 1991): each constraint says that one moment is at most so long after
another. What is consistent has no circle of constraints that adds up to less than nothing; where there is one, it is
the reason, and the smallest set of constraints that cannot hold together is a shortest such circle.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from baton.core.clock import format_duration
from baton.core.errors import InvalidValue

ORIGIN = ""
"""The moment at which the plan begins."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A part of a plan.

    Attributes:
        name: What it is called; not empty.
        least: Seconds that it takes at least.
        usual: Seconds that it takes mostly; None is as long as at least.
        most: Seconds that it takes at most; None is not known.
        after: Steps that have to be over before it begins.
        start: Seconds from the beginning of the plan before which it does not begin; None is none.
        end: Seconds from the beginning of the plan by which it has to be over; None is none.
    """

    name: str
    least: float = 0.0
    usual: float | None = None
    most: float | None = None
    after: tuple[str, ...] = ()
    start: float | None = None
    end: float | None = None

    @property
    def length(self) -> float:
        """Seconds that it takes mostly."""
        return self.least if self.usual is None else self.usual


@dataclass(frozen=True)
class Constraint:
    """That one moment is at most so many seconds after another; `says` is why, empty where that goes without saying."""

    earlier: str
    later: str
    most: float
    says: str


@dataclass(frozen=True, kw_only=True)
class Window:
    """When a step can begin and end, in seconds from the beginning of the plan.

    Attributes:
        slack: By how much it can be late without the plan being late; None where nothing says when that is.
        critical: Whether the plan takes as long as it does because of it.
    """

    begins: float
    ends: float
    latest_begin: float | None
    latest_end: float | None
    slack: float | None
    critical: bool


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A plan with its times.

    Attributes:
        steps: By their names, in the order of the plan.
        length: Seconds that it takes, each step as long as mostly.
        critical: The steps that it takes so long because of, in their order.
    """

    steps: Mapping[str, Window]
    length: float
    critical: tuple[str, ...]


class Contradiction(InvalidValue):
    """The times of a plan cannot all be kept; `reasons` is a smallest set that cannot hold together."""

    def __init__(self, reasons: Sequence[Constraint], over: float) -> None:
        """`over` is by how many seconds they are apart."""
        self.reasons, self.over = tuple(reasons), over
        said = "; ".join(sorted(one.says for one in reasons if one.says))
        allowed = f"times that can all be kept: these are {format_duration(max(over, 1e-3))} apart"
        super().__init__("plan", said, allowed, "Give one of them up")


def schedule(steps: Sequence[Step], deadline: float | None = None) -> Schedule:
    """Work out the times of a plan.

    Args:
        steps: Its parts, each with a name of its own.
        deadline: Seconds from its beginning by which all of it has to be over; None is whenever.

    Raises:
        InvalidValue: if a name comes twice or is not known, or a length is below 0.
        Contradiction: if the times cannot all be kept; names a smallest set that cannot.
    """
    _check(steps)
    constraints = list(_constraints(steps, deadline))
    moments = [ORIGIN, *(f"{end}{step.name}" for step in steps for end in _ENDS)]
    circle = negative_circle(moments, constraints)
    if circle is not None:
        raise Contradiction(circle, -sum(one.most for one in circle))
    _check_order(steps)
    begins, ends = _forward(steps)
    length = max(ends.values(), default=0.0)
    latest = _latest(moments, constraints)
    last = _backward(steps, length if deadline is None else None, latest)
    critical = _critical(steps, begins, ends, length)
    windows: dict[str, Window] = {}
    for step in steps:
        end, latest_end = ends[step.name], last[step.name]
        windows[step.name] = Window(
            begins=begins[step.name],
            ends=end,
            latest_begin=None if latest_end is None else latest_end - step.length,
            latest_end=latest_end,
            slack=None if latest_end is None else latest_end - end,
            critical=step.name in critical,
        )
    return Schedule(steps=windows, length=length, critical=critical)


def negative_circle(moments: Sequence[str], constraints: Sequence[Constraint]) -> list[Constraint] | None:
    """A circle of constraints with the fewest members that adds up to less than nothing; None where there is none.

    Distances over at most so many constraints are worked out one length after the other (Bellman 1958): the first
    length at which a moment comes before itself is that of a shortest circle.
    """
    if not _inconsistent(moments, constraints):
        return None
    best: list[Constraint] | None = None
    for start in moments:
        found = _circle_from(start, constraints, len(moments) if best is None else len(best) - 1)
        if found is not None and (best is None or len(found) < len(best)):
            best = found
    return best


_ENDS = ("<", ">")
"""What stands before a step's name to name its beginning, and its end."""


def _check(steps: Sequence[Step]) -> None:
    names = [step.name for step in steps]
    for step in steps:
        if not step.name or names.count(step.name) > 1:
            raise InvalidValue("name of a step", step.name, "a name of its own")
        for other in step.after:
            if other not in names:
                raise InvalidValue(f"after of step {step.name}", other, " or ".join(names))
        if step.least < 0 or step.length < step.least:
            raise InvalidValue(f"length of step {step.name}", step.length, "a time from 0, and not below the least")


def _check_order(steps: Sequence[Step]) -> None:
    """Refuse steps that come after themselves, though none of them takes any time.

    Raises:
        InvalidValue: if there are such.
    """
    try:
        TopologicalSorter({step.name: step.after for step in steps}).prepare()
    except CycleError as error:
        circle = ", ".join(dict.fromkeys(error.args[1]))
        raise InvalidValue("order of steps", circle, "steps of which none comes after itself") from error


def _constraints(steps: Sequence[Step], deadline: float | None) -> Iterator[Constraint]:
    for step in steps:
        begin, end, name = f"<{step.name}", f">{step.name}", step.name
        yield Constraint(begin, ORIGIN, 0.0, "")
        yield Constraint(end, begin, -step.least, f"{name} takes at least {_length(step.least)}")
        if step.most is not None:
            yield Constraint(begin, end, step.most, f"{name} takes at most {_length(step.most)}")
        for other in step.after:
            yield Constraint(begin, f">{other}", 0.0, f"{name} comes after {other}")
        if step.start is not None:
            yield Constraint(begin, ORIGIN, -step.start, f"{name} begins no earlier than {_length(step.start)}")
        if step.end is not None:
            yield Constraint(ORIGIN, end, step.end, f"{name} is over within {_length(step.end)}")
        if deadline is not None:
            yield Constraint(ORIGIN, end, deadline, f"all is over within {_length(deadline)}")


def _inconsistent(moments: Sequence[str], constraints: Sequence[Constraint]) -> bool:
    at = dict.fromkeys(moments, 0.0)
    for _ in moments:
        moved = False
        for one in constraints:
            if at[one.earlier] + one.most < at[one.later] - _CLOSE:
                at[one.later], moved = at[one.earlier] + one.most, True
        if not moved:
            return False
    return True


_CLOSE = 1e-6


def _circle_from(start: str, constraints: Sequence[Constraint], most: int) -> list[Constraint] | None:
    """A circle through a moment of at most so many constraints that adds up to less than nothing."""
    reached: dict[str, tuple[float, tuple[Constraint, ...]]] = {start: (0.0, ())}
    for _ in range(most):
        onward: dict[str, tuple[float, tuple[Constraint, ...]]] = {}
        for one in constraints:
            if one.earlier in reached:
                far, way = reached[one.earlier]
                if one.later not in onward or far + one.most < onward[one.later][0] - _CLOSE:
                    onward[one.later] = (far + one.most, (*way, one))
        if start in onward and onward[start][0] < -_CLOSE:
            return list(onward[start][1])
        reached = onward
    return None


def _forward(steps: Sequence[Step]) -> tuple[dict[str, float], dict[str, float]]:
    """When each step begins and ends if none waits for nothing: consistent plans have no circle of steps."""
    begins, ends, left = dict[str, float](), dict[str, float](), list(steps)
    while left:
        step = next(one for one in left if all(other in ends for other in one.after))
        left.remove(step)
        begins[step.name] = max([step.start or 0.0, *(ends[other] for other in step.after)])
        ends[step.name] = begins[step.name] + step.length
    return begins, ends


def _latest(moments: Sequence[str], constraints: Sequence[Constraint]) -> dict[str, float | None]:
    """The latest time of each moment that the constraints allow; None where nothing says."""
    at: dict[str, float | None] = dict.fromkeys(moments)
    at[ORIGIN] = 0.0
    for _ in moments:
        for one in constraints:
            before, now = at[one.earlier], at[one.later]
            if before is not None and (now is None or before + one.most < now):
                at[one.later] = before + one.most
    return at


def _backward(
    steps: Sequence[Step], length: float | None, latest: Mapping[str, float | None]
) -> dict[str, float | None]:
    """The latest end of each step: so that the plan is no longer, or as its deadlines say."""
    last: dict[str, float | None] = {}
    followers = {step.name: [one for one in steps if step.name in one.after] for step in steps}
    left = list(steps)
    while left:
        step = next(one for one in left if all(other.name in last for other in followers[one.name]))
        left.remove(step)
        bounds = [bound for bound in (length, latest[f">{step.name}"]) if bound is not None]
        for one in followers[step.name]:
            end = last[one.name]
            if end is not None:
                bounds.append(end - one.length)
        last[step.name] = min(bounds) if bounds else None
    return last


def _critical(
    steps: Sequence[Step], begins: Mapping[str, float], ends: Mapping[str, float], length: float
) -> tuple[str, ...]:
    """The steps one behind the other whose lengths are the plan's."""
    known = {step.name: step for step in steps}
    at = next((step.name for step in steps if ends[step.name] >= length - _CLOSE), None)
    way: list[str] = []
    while at is not None:
        way.append(at)
        began = begins[at]
        at = next((other for other in known[at].after if ends[other] >= began - _CLOSE), None)
    return tuple(reversed(way))


def _length(seconds: float) -> str:
    return format_duration(seconds) if seconds >= 1e-3 else "no time"
