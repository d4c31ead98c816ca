"""The graph of what is open: runs, the reviews and runs that they wait for, and the people who answer."""

from collections import defaultdict
from collections.abc import Sequence

from baton.flow.held import held_things, wants
from baton.flow.staff import Staff
from baton.flow.stuck import Stuck, stuck
from baton.flow.waiting import FREE, NEVER, Graph, Node, Wait, any_of, some_of
from baton.ledger import Review, ReviewKind, Transaction
from baton.ledger.open_work import OpenRun, OpenWork, open_work


def until_a_lease(tx: Transaction, staff: Staff) -> list[Stuck]:
    """The runs that only the end of somebody's lease lets move: beside what is stuck for good."""
    work = open_work(tx)
    if not any(one.until is not None for one in work.reservations):
        return []
    stays = {one.node.id for one in stuck(graph_of(work, staff, tx.now))}
    found = stuck(graph_of(work, staff, tx.now, leases=False))
    return [one for one in found if one.node.kind == "run" and one.node.id not in stays]


def stuck_work(tx: Transaction, staff: Staff) -> list[Stuck]:
    """The runs and reviews that can never move, as the record stands; people and resources are in their chains."""
    found = stuck(graph_of(open_work(tx), staff, tx.now))
    return [one for one in found if one.node.kind in ("run", "review")]


def graph_of(work: OpenWork, staff: Staff, now: float, *, leases: bool = True) -> Graph:
    """Who waits for what, in what is open at a time; `leases` says whether one that runs out counts as moving.

    Free are: a run that has something to do, waits for a time, or for an event from outside, even without a limit; a
    review that is decided and held back, is closed at its deadline, or is still to be put to others; a person who is or
    will be on duty, or of whom nothing is known.
    """
    children, asked = defaultdict[str, list[str]](list), defaultdict[str, list[Review]](list)
    for run in work.runs:
        if run.parent is not None:
            children[run.parent].append(run.id)
    nodes: list[Node] = []
    people: dict[str, Node] = {}
    for review in work.reviews:
        asked[review.run].append(review)
        able = _able(review, staff)
        people |= {_person(name): _person_node(name, staff, now) for name in able or () if _person(name) not in people}
        nodes.append(_review_node(review, able))
    for run in work.runs:
        partner = run.requester if run.conversation else None
        if partner is not None and _person(partner) not in people:
            people[_person(partner)] = _person_node(partner, staff, now)
        wanted = [wants(one) for one in work.reservations if one.waits and one.run == run.id]
        nodes.append(_run_node(run, asked[run.id], [*children[run.id], *wanted]))
    held = held_things(work, now, leases=leases)
    holders = {one.by for one in work.reservations if one.run is None}
    people |= {_person(name): _person_node(name, staff, now) for name in holders if _person(name) not in people}
    nodes += held
    return {node.id: node for node in (*nodes, *people.values())}


def _run_node(run: OpenRun, asked: Sequence[Review], children: Sequence[str]) -> Node:
    """A parked run is moved by whatever comes first: it waits for any of what it has open."""
    trouble = [review.id for review in asked if review.kind is ReviewKind.TROUBLE]
    awaited: list[str] = [*(review.id for review in asked), *children]
    says, wait, way = f"{run.id} of {run.agent}", any_of(*awaited), f"cancel {run.id}"
    if run.poisoned and trouble:
        wait = any_of(*trouble)
    elif run.ready or run.timed or run.listens:
        wait = FREE
    elif run.conversation:
        wait = any_of(*awaited, _person(run.requester)) if run.requester is not None else FREE
        way = f"say something to {run.id}, or cancel it"
    elif not awaited:
        wait, way = NEVER, f"say something to {run.id}, or cancel it"
    return Node(id=run.id, kind="run", says=says, wait=wait, because=_run_waits(wait), way_out=way)


def _run_waits(wait: Wait) -> str:
    if wait == NEVER:
        return "waits, but for nothing that is open"
    return "waits" if len(wait.of) < 2 else f"waits for any of {len(wait.of)}"


def _able(review: Review, staff: Staff) -> list[str] | None:
    """Who may still answer a review so that it is settled; None where that is not known."""
    named, skills = review.reviewers, review.skills
    if review.assigned is not None and review.missing <= 1:  # delegated: `next` gives it to nobody else
        named, skills = (review.assigned,), ()
    able = staff.able(named, skills)
    if able is None:
        return None
    barred = {review.agent, *(vote.by for vote in review.votes)}
    if review.verdict.four_eyes and review.requester is not None:
        barred.add(review.requester)
    return [name for name in able if name not in barred]


def _review_node(review: Review, able: Sequence[str] | None) -> Node:
    needs = max(1, review.missing)
    wait = FREE if able is None or _settles_itself(review) else some_of(needs, *(_person(name) for name in able))
    what = review.tool or review.kind.value
    way = f"answer {review.id}" if review.kind is ReviewKind.QUESTION else f"approve or reject {review.id}"
    return Node(
        id=review.id,
        kind="review",
        says=f"{review.id} of {review.agent}, {what}",
        wait=wait,
        because=_needs(needs, len(wait.of)),
        way_out=f"{way}, or delegate it" if review.assigned else way,
    )


def _settles_itself(review: Review) -> bool:
    """Whether time alone moves it: it is decided and held back, or its deadline closes it or asks others."""
    still_to_escalate = review.on_deadline == "escalate" and review.escalated_at is None
    deadline_moves = review.on_deadline in ("deny", "approve") or still_to_escalate
    return review.held is not None or (review.deadline is not None and deadline_moves)


def _needs(needs: int, people: int) -> str:
    if not people:
        return "waits, but nobody is left who may answer it"
    if needs == 1:
        return "waits" if people == 1 else f"waits for any of {people} people"
    return f"waits for {needs} people, of {people} who may answer it"


def _person_node(name: str, staff: Staff, now: float) -> Node:
    comes = staff.next_on_duty((name,), (), now) is not None
    wait, because = (FREE, "") if comes else (NEVER, "is never on duty again")
    return Node(
        id=_person(name),
        kind="person",
        says=name,
        wait=wait,
        because=because,
        way_out=f"name a stand-in for {name}",
    )


def _person(name: str) -> str:
    """The id of a person's node: no run and no review has such."""
    return f"person:{name}"
