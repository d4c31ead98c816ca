"""What events come to: which of them make a run, now, later, or by not coming. No I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from baton.graph.triggers.trigger import Events, Scalar
from baton.ledger.triggers import Happened


@dataclass(frozen=True, kw_only=True)
class Group:
    """Events that make one run.

    Attributes:
        key: What the group is called, for ever: it starts one run.
        numbers: Of its events, oldest first.
        texts: What they say.
    """

    key: str
    numbers: tuple[int, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Folded:
    """What a look at events has come to.

    Attributes:
        groups: What makes a run now.
        state: What is kept in mind.
        due: When something may make a run without another event, in seconds since 1970; None for never.
    """

    groups: Sequence[Group]
    state: dict[str, Any]
    due: float | None


def fits(when: Events, event: Happened) -> bool:
    """Whether an event's data have what a trigger asks for."""
    return matches(when.where, event.data)


def matches(where: Mapping[str, Scalar], data: Any) -> bool:
    """Whether data have these fields."""
    return all(_at(data, path) == wanted for path, wanted in where.items())


def _at(data: Any, path: str) -> Scalar:
    found = data
    for part in path.split("."):
        if not isinstance(found, dict):
            return None
        found = cast("dict[str, Any]", found).get(part)
    return found if isinstance(found, str | int | float | bool) else None


def fold(when: Events, state: Mapping[str, Any], news: Iterable[Happened], now: float) -> Folded:
    """What new events, and the time, come to.

    Args:
        when: What the trigger asks for.
        state: What it has kept in mind: the events that have made no run yet.
        news: Events that it has not seen.
        now: Seconds since 1970.
    """
    kept: list[dict[str, Any]] = [*state.get("kept", ()), *(_kept(one) for one in news if fits(when, one))]
    groups, left, due = _FOLDS[when.together](when, kept, now)
    return Folded(groups=groups, state={"kept": left}, due=due)


def _kept(event: Happened) -> dict[str, Any]:
    return {"n": event.number, "name": event.name, "key": event.key, "at": event.at, "text": event.text}


Kept = list[dict[str, Any]]
Fold = tuple[list[Group], Kept, float | None]


def _group(events: Kept) -> Group:
    numbers, texts = tuple(one["n"] for one in events), tuple(one["text"] for one in events)
    return Group(key=f"event {numbers[0]}", numbers=numbers, texts=texts)


def _by_key(kept: Kept) -> dict[str, Kept]:
    found: dict[str, Kept] = {}
    for one in kept:
        found.setdefault(one["key"], []).append(one)
    return found


def _each(_when: Events, kept: Kept, _now: float) -> Fold:
    return [_group([one]) for one in kept], [], None


def _settled(when: Events, kept: Kept, now: float) -> Fold:
    """Those of one key, once nothing has come for it for a while."""
    groups: list[Group] = []
    left: Kept = []
    due: list[float] = []
    for events in _by_key(kept).values():
        quiet = events[-1]["at"] + when.seconds
        if quiet <= now:
            groups.append(_group(events))
        else:
            left += events
            due.append(quiet)
    return groups, left, min(due, default=None)


def _batch(when: Events, kept: Kept, now: float) -> Fold:
    """As many as make a batch, or what has come since the first of them."""
    groups: list[Group] = []
    left = list(kept)
    while len(left) >= when.count or (left and left[0]["at"] + when.seconds <= now):
        groups.append(_group(left[: when.count]))
        left = left[when.count :]
    return groups, left, left[0]["at"] + when.seconds if left else None


def _all(when: Events, kept: Kept, now: float) -> Fold:
    """One of each name with the same key, no further apart than the window; what is too old is dropped."""
    groups: list[Group] = []
    left: Kept = []
    for events in _by_key(kept).values():
        waiting: dict[str, dict[str, Any]] = {}
        for one in sorted(events, key=lambda event: (event["at"], event["n"])):
            waiting = {name: old for name, old in waiting.items() if one["at"] - old["at"] <= when.seconds}
            waiting[one["name"]] = one
            if len(waiting) == len(set(when.names)):
                groups.append(_group(sorted(waiting.values(), key=lambda event: event["n"])))
                waiting = {}
        left += [one for one in waiting.values() if now - one["at"] <= when.seconds]
    return groups, left, None


def _absent(when: Events, kept: Kept, now: float) -> Fold:
    """The first name, where the others have not come for its key in time."""
    first, others = when.names[0], set(when.names[1:])
    groups: list[Group] = []
    left: Kept = []
    due: list[float] = []
    for events in _by_key(kept).values():
        for one in events:
            until = one["at"] + when.seconds
            if one["name"] != first:
                left += [one] if now - one["at"] <= when.seconds else []
            elif any(other["name"] in others and one["at"] <= other["at"] <= until for other in events):
                continue
            elif until <= now:
                groups.append(_group([one]))
            else:
                left.append(one)
                due.append(until)
    return groups, left, min(due, default=None)


_FOLDS = {"each": _each, "settled": _settled, "batch": _batch, "all": _all, "absent": _absent}
