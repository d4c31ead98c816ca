"""Who waits for what somebody else has: resources, as nodes of the graph of what is open. No I/O.

A request moves once everything that it asks for is free for it: so many of those who have it, or come before it, have
to move first. Whoever has something for a time only moves by the clock, unless that is left out; what a question
holds moves with its answer.
"""

from collections.abc import Sequence

from baton.core import format_duration
from baton.flow.waiting import Node, all_of, any_of, some_of
from baton.ledger.open_work import OpenWork, holding
from baton.ledger.reservations import Reservation


def wants(one: Reservation) -> str:
    """The id of the node that a run waits for which waits for a reservation."""
    return _place(one, next(iter(one.tokens))) if len(one.tokens) == 1 else f"reservation:{one.number}"


def held_things(work: OpenWork, now: float, *, leases: bool) -> list[Node]:
    """The nodes of what is waited for."""
    found: list[Node] = []
    for one in work.reservations:
        if not one.waits:
            continue
        found += [_place_node(one, name, work, now, leases=leases) for name in one.tokens]
        if len(one.tokens) > 1:
            of = all_of(*(_place(one, name) for name in one.tokens))
            found.append(Node(id=wants(one), kind="resource", says=one.names, wait=of, because="are wanted together"))
    waiters = {one.by for one in work.reservations if one.run is None and one.waits}
    return [*found, *(_waiter_node(name, work) for name in sorted(waiters))]


def _place(one: Reservation, name: str) -> str:
    """The id of the node of one resource that a request waits for: no run, no review and no person has such."""
    return f"place:{one.number}:{name}"


def _place_node(one: Reservation, name: str, work: OpenWork, now: float, *, leases: bool) -> Node:
    others = [other for other in work.reservations if name in other.tokens and other.number != one.number]
    have = [other for other in others if not other.waits and not (leases and other.until is not None)]
    before = [other for other in others if other.waits and other.number < one.number]
    needs = max(0, len(have) + len(before) - work.room.get(name, 1) + 1)
    ids = list(dict.fromkeys(_holder(other, work) for other in (*have, *before)))
    wait = some_of(min(needs, len(ids)), *ids)
    return Node(
        id=_place(one, name),
        kind="resource",
        says=name,
        wait=wait,
        because=_because(have, before, work, now),
        way_out=f"take {name} back ({', '.join(_command(other) for other in have)})" if have else "",
    )


def _holder(other: Reservation, work: OpenWork) -> str:
    """The node that has to move so that somebody gives back what they have, or are to have first."""
    if (question := holding(work.reviews, other)) is not None:
        return question.id
    if other.run is not None:
        return other.run
    return f"waiter:{other.by}" if _asked_by(other.by, work) else f"person:{other.by}"


def _asked_by(name: str, work: OpenWork) -> list[Reservation]:
    return [one for one in work.reservations if one.run is None and one.by == name and one.waits]


def _waiter_node(name: str, work: OpenWork) -> Node:
    """A person who has something and waits for something else holds others up as a run would."""
    wait = any_of(*(wants(one) for one in _asked_by(name, work)))
    way = f"ask {name} to give back what they have"
    return Node(id=f"waiter:{name}", kind="person", says=name, wait=wait, because="waits", way_out=way)


def _command(other: Reservation) -> str:
    return f"baton resources release {other.number}"


def _because(have: Sequence[Reservation], before: Sequence[Reservation], work: OpenWork, now: float) -> str:
    if not have:
        return f"is for {len(before)} who came before" if before else "is free"
    since = format_duration(max(0.0, now - min(one.granted_at or now for one in have)))
    who = have[0].by if have[0].run is None else f"{have[0].run} of {have[0].by}"
    if (question := holding(work.reviews, have[0])) is not None:
        who = f"the question {question.id} of {have[0].by}"
    return f"is held by {who} for {since}" + (f", and by {len(have) - 1} more" if len(have) > 1 else "")
