"""Work that is handed on: offered, taken, asked about, and ended; at any time exactly one party has it.

    offered ──► taken ◄──► asked          what the taker wants to know of the giver
       │          │          │
       └──────────┴──────────┴──► returned, refused, failed, expired or withdrawn

Each step is a compare-and-set on the state. Until it is taken, and once it has ended, the giver has it; while it is
taken or asked about, the taker.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update

from baton.core import ActionId, Confidentiality, Conflict, Label, NotFound, ReviewId, RunId, Trust, dump
from baton.ledger import bodies, joins, timers
from baton.ledger.events import emit
from baton.ledger.schema import runs
from baton.ledger.schema_handoffs import handoffs
from baton.ledger.transaction import Transaction

_AT_ONCE = 0.0  # by any worker's clock
PERSON = "person:"
"""What the name of a taker begins with who is a person, or a role of people."""


_BATON = Label(Trust.SYSTEM, confidentiality=Confidentiality.PUBLIC)


class HandoffState(StrEnum):
    """How far a hand-off has come."""

    OFFERED = "offered"
    TAKEN = "taken"
    ASKED = "asked"
    RETURNED = "returned"
    REFUSED = "refused"
    FAILED = "failed"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"

    @property
    def open(self) -> bool:
        """Whether its end is still to come."""
        return self in _OPEN

    @property
    def with_taker(self) -> bool:
        """Whether the taker has it."""
        return self in (HandoffState.TAKEN, HandoffState.ASKED)


FAILING = (HandoffState.REFUSED, HandoffState.FAILED, HandoffState.EXPIRED)
"""Ends after which it may be offered to somebody else."""

_OPEN = (HandoffState.OFFERED, HandoffState.TAKEN, HandoffState.ASKED)


@dataclass(frozen=True, kw_only=True)
class Handoff:
    """A piece of work that is handed on. Times are seconds since 1970.

    Attributes:
        run: The run of whoever gives it.
        action: The call that offered it.
        giver: The agent that gives it.
        taker: The agent, or `person:` and a name or role, that it is offered to.
        owner: Who has it now, of the two.
        contract: The kind of work, and `version` that of its payload; None where it is said in words alone.
        payload: What is said with it; None in words alone.
        answers: The JSON schema of its answer; None for an answer in words alone.
        answer: What it was answered; None before, and in words alone.
        child: The run that works on it; None of a person's.
        review: The question that it is to people; None of an agent's.
        depth: How often it was handed on, itself included.
        due: When its answer is due; None is never.
        route: To whom it is offered next, in order, where it is refused, fails or expires, and how; None is nobody.
        said: What was reached, or why it was refused, failed or withdrawn; empty before.
        joined: The step of a workflow that joins it with others; None where it is told of by itself.
        item: Its place among those, from 0; None where it stands alone.
    """

    id: str
    run: RunId
    action: ActionId
    giver: str
    taker: str
    state: HandoffState
    owner: str
    contract: str | None
    version: int | None
    payload: Mapping[str, Any] | None
    answers: Mapping[str, Any] | None
    answer: Mapping[str, Any] | None
    child: RunId | None
    review: ReviewId | None
    depth: int
    offered_at: float
    due: float | None
    taken_at: float | None
    ended_at: float | None
    said: str
    joined: str | None = None
    item: int | None = None
    route: Mapping[str, Any] | None = None

    @property
    def rest(self) -> Sequence[Mapping[str, Any]]:
        """Who else may do it, in order."""
        return () if self.route is None else self.route.get("rest") or ()

    @property
    def next(self) -> Mapping[str, Any] | None:
        """The one that it is about to be offered to, as its taker has not done it; None where nothing follows."""
        return self.rest[0] if self.rest and self.state in FAILING else None

    @property
    def bid_of(self) -> str | None:
        """The call for proposals that it asks for a bid on; None where it is work."""
        return None if self.route is None else self.route.get("bid_of")


@dataclass(frozen=True, kw_only=True)
class PastWork:
    """What was handed to somebody so far.

    Attributes:
        open: Pieces of work that they have now.
        returned: Of those of the wanted contract that have ended, how many came back done.
        ended: How many have ended otherwise than by being withdrawn, those included.
        seconds: How long each that came back took from being taken.
    """

    open: int = 0
    returned: int = 0
    ended: int = 0
    seconds: tuple[float, ...] = ()


def offer(tx: Transaction, handoff: Handoff) -> None:
    """Record an offer; the giver has it until it is taken."""
    row = {name: getattr(handoff, name) for name in _PLAIN}
    payload, answers = handoff.payload, handoff.answers
    row["payload"] = None if payload is None else bodies.store(tx, dump(dict(payload)))
    row["answers"] = None if answers is None else dump(dict(answers))
    row["route"] = None if handoff.route is None else dump(dict(handoff.route))
    tx.execute(_OFFER, row)
    to = {"to": handoff.taker, "child": handoff.child, "review": handoff.review}
    _tell(tx, handoff, "offered", action=handoff.action, contract=handoff.contract, version=handoff.version, **to)


def take(tx: Transaction, handoff: Handoff, by: str = "") -> bool:
    """Note that the taker has it now; whether it was still offered."""
    if not tx.changed(_TAKE, which=handoff.id, now=tx.now, has=handoff.taker):
        return False
    _tell(tx, handoff, "taken", by=by or handoff.taker)
    return True


def ask(tx: Transaction, handoff: Handoff) -> None:
    """Note that the taker wants to know something of the giver.

    Raises:
        Conflict: if it has not the work, or asks already.
    """
    _step(tx, handoff, HandoffState.TAKEN, HandoffState.ASKED)


def told(tx: Transaction, handoff: Handoff) -> None:
    """Note that the giver has said what the taker wanted to know.

    Raises:
        Conflict: if it does not want to know anything.
    """
    _step(tx, handoff, HandoffState.ASKED, HandoffState.TAKEN)


def end(
    tx: Transaction,
    handoff: Handoff,
    state: HandoffState,
    said: str,
    answer: Mapping[str, Any] | None = None,
    label: Label = _BATON,
) -> bool:
    """End it, which gives it back to the giver; whether it was still open: the first end counts.

    `label` is that of what was said. A piece that is joined with others is counted in the same breath.
    """
    row = {
        "which": handoff.id,
        "how": state,
        "has": handoff.giver,
        "now": tx.now,
        "says": bodies.store(tx, said) if said else None,
        "replies": None if answer is None else bodies.store(tx, dump(dict(answer))),
    }
    if not tx.changed(_END, **row):
        return False
    _tell(tx, handoff, state.value)
    if handoff.joined is not None:
        joins.count(tx, handoff.run, handoff.joined, returned=state is HandoffState.RETURNED, label=label)
    if handoff.bid_of is not None and state is not HandoffState.WITHDRAWN:
        timers.start(tx, handoff.run, _AT_ONCE, "award", handoff.bid_of)
    elif handoff.route is not None and state in FAILING:
        timers.start(tx, handoff.run, _AT_ONCE, "reroute", handoff.id)
    return True


def rerouted(tx: Transaction, handoff: Handoff) -> bool:
    """Note that it was offered to the next one; whether that was still to be done."""
    return bool(tx.changed(_REROUTED, which=handoff.id))


def past_work(tx: Transaction, takers: Sequence[str], contract: str | None, tenant: str) -> dict[str, PastWork]:
    """What runs of a tenant have handed to these so far, by name, the newest 200 pieces that have ended of each."""
    return {name: _past(tx, name, contract, tenant) for name in takers}


def _past(tx: Transaction, taker: str, contract: str | None, tenant: str) -> PastWork:
    rows = tx.rows(_PAST_OF, taker=taker, tenant=tenant)
    alike = [row for row in rows if row.contract == contract]
    done = [row for row in alike if row.state == HandoffState.RETURNED]
    seconds = tuple(max(0.0, row.ended_at - (row.taken_at or row.offered_at)) for row in done)
    count = tx.value(_OPEN_OF, taker=taker, tenant=tenant)
    return PastWork(open=count, returned=len(done), ended=len(alike), seconds=seconds)


def get(tx: Transaction, id: str) -> Handoff:
    """The hand-off with this id.

    Raises:
        NotFound: if there is none.
    """
    found = _read(tx, tx.rows(_BY_ID, id=id))
    if not found:
        raise NotFound("hand-off", id)
    return found[0]


def of_child(tx: Transaction, child: RunId) -> Handoff | None:
    """What a run works on for another one; None where it works on nothing that was handed on."""
    return next(iter(_read(tx, tx.rows(_OF_CHILD, child=child))), None)


def of_review(tx: Transaction, review: ReviewId) -> Handoff | None:
    """What a question to people hands on; None where it hands on nothing."""
    return next(iter(_read(tx, tx.rows(_OF_REVIEW, review=review))), None)


def of_run(tx: Transaction, run: RunId) -> list[Handoff]:
    """All that a run has handed on, oldest first."""
    return _read(tx, tx.rows(_OF_RUN, run=run))


def of_actions(tx: Transaction, actions: Sequence[ActionId]) -> list[Handoff]:
    """What these calls have handed on."""
    return _read(tx, tx.rows(_OF_ACTIONS, actions=list(actions))) if actions else []


def following_of(tx: Transaction, run: RunId) -> list[tuple[str, str]]:
    """Those of a run that were not done and are about to be offered to the next one: their ids, and to whom."""
    found = _read(tx, tx.rows(_FOLLOWED, run=run))
    return [(one.id, str(one.next["taker"])) for one in found if one.next]


def open_of_run(tx: Transaction, run: RunId) -> list[Handoff]:
    """What a run has handed on and that has not ended, oldest first."""
    return _read(tx, tx.rows(_OPEN_OF_RUN, run=run))


def open_of_join(tx: Transaction, run: RunId, joined: str) -> list[Handoff]:
    """The pieces that a step of a run joins and that have not ended, in their order."""
    return _read(tx, tx.rows(_OPEN_OF_JOIN, run=run, joined=joined))


def ended_of(tx: Transaction, children: Sequence[RunId]) -> set[RunId]:
    """Those of these runs whose hand-offs have ended, such as those that were taken back."""
    return {RunId(child) for child in tx.values(_ENDED_OF, children=list(children))}


def of_join(tx: Transaction, run: RunId, joined: str, start: int = 0, stop: int = 2**31 - 1) -> list[Handoff]:
    """The pieces that a step of a run joins, in their order, from place `start` up to and without `stop`."""
    return _read(tx, tx.rows(_OF_JOIN, run=run, joined=joined, start=start, stop=stop))


def _step(tx: Transaction, handoff: Handoff, before: HandoffState, after: HandoffState) -> None:
    if not tx.changed(_STEP, which=handoff.id, before=before, after=after):
        raise Conflict(f"hand-off {handoff.id}", f"it is {get(tx, handoff.id).state}, not {before}")
    _tell(tx, handoff, "asked" if after is HandoffState.ASKED else "told")


def _tell(tx: Transaction, handoff: Handoff, step: str, **more: Any) -> None:
    """Each step is an event of the giver's run."""
    emit(tx, handoff.run, f"handoff.{step}", handoff=handoff.id, taker=handoff.taker, **more)


_PLAIN = (
    *("id", "run", "action", "giver", "taker", "state", "owner", "contract", "version", "child", "review", "depth"),
    *("offered_at", "due", "joined", "item"),
)
_OFFER = insert(handoffs)
_IS_OPEN = handoffs.c.state.in_([state.value for state in _OPEN])
_TAKE = (
    update(handoffs)
    .where(handoffs.c.id == bindparam("which"), handoffs.c.state == HandoffState.OFFERED.value)
    .values(state=HandoffState.TAKEN.value, owner=bindparam("has"), taken_at=bindparam("now"))
)
_STEP = (
    update(handoffs)
    .where(handoffs.c.id == bindparam("which"), handoffs.c.state == bindparam("before"))
    .values(state=bindparam("after"))
)
_END = (
    update(handoffs)
    .where(handoffs.c.id == bindparam("which"), _IS_OPEN)
    .values(
        state=bindparam("how"),
        owner=bindparam("has"),
        ended_at=bindparam("now"),
        said=bindparam("says"),
        answer=bindparam("replies"),
    )
)
_MINE = handoffs.c.run.in_(select(runs.c.id).where(runs.c.tenant == bindparam("tenant")))
_WORK = handoffs.c.action.not_like("%~bid%")  # what is asked in a call for proposals is none
_OPEN_OF = select(func.count()).where(handoffs.c.taker == bindparam("taker"), _IS_OPEN, _MINE, _WORK)
_PAST_OF = (
    select(handoffs)
    .where(
        handoffs.c.taker == bindparam("taker"),
        handoffs.c.state.in_([HandoffState.RETURNED.value, *(state.value for state in FAILING)]),
        _MINE,
        _WORK,
    )
    .order_by(handoffs.c.ended_at.desc(), handoffs.c.id)
    .limit(200)
)
_REROUTED = (
    update(handoffs).where(handoffs.c.id == bindparam("which"), handoffs.c.route.is_not(None)).values(route=None)
)
_BY_ID = select(handoffs).where(handoffs.c.id == bindparam("id"))
_OF_CHILD = select(handoffs).where(handoffs.c.child == bindparam("child"))
_OF_REVIEW = select(handoffs).where(handoffs.c.review == bindparam("review"))
_OF_ACTIONS = select(handoffs).where(handoffs.c.action.in_(bindparam("actions", expanding=True)))
_ENDED_OF = select(handoffs.c.child).where(
    handoffs.c.child.in_(bindparam("children", expanding=True)), handoffs.c.state.not_in([s.value for s in _OPEN])
)
_OPEN_OF_RUN = (
    select(handoffs).where(handoffs.c.run == bindparam("run"), _IS_OPEN).order_by(handoffs.c.offered_at, handoffs.c.id)
)
_IN_JOIN = (
    select(handoffs)
    .where(handoffs.c.run == bindparam("run"), handoffs.c.joined == bindparam("joined"))
    .order_by(handoffs.c.item)
)
_OF_JOIN = _IN_JOIN.where(handoffs.c.item >= bindparam("start"), handoffs.c.item < bindparam("stop"))
_OPEN_OF_JOIN = _IN_JOIN.where(_IS_OPEN)
_FOLLOWED = select(handoffs).where(handoffs.c.run == bindparam("run"), handoffs.c.route.is_not(None), ~_IS_OPEN)
_OF_RUN = select(handoffs).where(handoffs.c.run == bindparam("run")).order_by(handoffs.c.offered_at, handoffs.c.id)


def _read(tx: Transaction, rows: list[Any]) -> list[Handoff]:
    texts = bodies.load(tx, [body for row in rows for body in (row.payload, row.answer, row.said)])
    return [
        Handoff(
            **{name: getattr(row, name) for name in _PLAIN if name != "state"},
            state=HandoffState(row.state),
            payload=json.loads(texts[row.payload]) if row.payload else None,
            answers=json.loads(row.answers) if row.answers else None,
            answer=json.loads(texts[row.answer]) if row.answer else None,
            taken_at=row.taken_at,
            ended_at=row.ended_at,
            said=texts[row.said] if row.said else "",
            route=json.loads(row.route) if row.route else None,
        )
        for row in rows
    ]
