"""Resources and who has them: first come, first served, several all at once, each grant with a token that only rises.

A request waits until it is the first in the queue of everything that it asks for and there is room in all of it: who
comes later passes nobody, and what is asked for together is never had in part, so that such requests cannot wait for
one another in a circle. Who has something and asks for more can: `flow` finds that, and names it.

What is kept for a question to people runs out by no lease, from before they are asked until the action is carried out
or is not to be; `reservation_questions` says for which actions.

Everything here is done under one lock, taken behind the rows of runs. Who is given something later is told by a timer
that is due at once, so that nobody who gives something back holds another run's row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import bindparam, delete, exists, func, insert, select, update

from baton.core import ActionId, Conflict, NotFound, Resource, RunId
from baton.core.resources import Adaptive, ResourceKind
from baton.ledger import families, timers
from baton.ledger.events import emit
from baton.ledger.locks import lock_name
from baton.ledger.runs import ENDED
from baton.ledger.runs import lock as hold_run
from baton.ledger.schema_sharing import reservation_items as items
from baton.ledger.schema_sharing import reservation_questions as questions
from baton.ledger.schema_sharing import reservations, resources
from baton.ledger.transaction import Transaction

Scope = Literal["action", "run", "person"]

_AT_ONCE = 0.0  # by any worker's clock


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """What somebody has, or waits for.

    Attributes:
        number: Its place among all that were ever asked for: who has the lower one is served first.
        key: The action that asked for it; None where a person did.
        run: None where a person has it.
        by: The agent or person.
        scope: For one `action`, for a `run` until it is given back, or of a `person`.
        tokens: By resource the fencing token; None while it waits.
        granted_at: None while it waits.
        until: When it runs out, in seconds since 1970; None while it waits, and where it never does.
        kept_for: Actions that people are, or are to be, asked about, for which it is kept.
    """

    number: int
    key: ActionId | None
    run: RunId | None
    by: str
    tenant: str
    scope: Scope
    tokens: Mapping[str, int | None]
    asked_at: float
    granted_at: float | None
    until: float | None
    kept_for: tuple[ActionId, ...] = ()

    @property
    def waits(self) -> bool:
        """Whether it is not granted yet."""
        return self.granted_at is None

    @property
    def names(self) -> str:
        """What it is of, in words."""
        return " and ".join(self.tokens)


@dataclass(frozen=True, kw_only=True)
class Known:
    """A resource as the record has it, with how many have it and wait for it.

    Attributes:
        lease: In seconds; None is until it is given back.
        token: The newest.
        bounds: The bounds of a limit that follows how it goes; None for what stays as it is.
    """

    name: str
    kind: ResourceKind
    capacity: int
    lease: float | None
    token: int
    held: int
    waiting: int
    bounds: Adaptive | None = None


def declare(tx: Transaction, declared: Sequence[Resource], kind: ResourceKind = "named") -> None:
    """Make resources known, or known as they are now; where there is more room, who waits is served."""
    _lock(tx)
    for one in declared:
        values = {"capacity": one.capacity, "lease": one.seconds, "kind": kind, "least": None, "most": None}
        _keep(tx, one.name, values)
    _serve(tx, [one.name for one in declared])


def declare_limit(tx: Transaction, kind: ResourceKind, name: str, at_once: int | Adaptive) -> None:
    """Make a limit known; one that follows how it goes keeps the value that it has, within its bounds."""
    _lock(tx)
    called, row = limit_name(kind, name), tx.row(_RESOURCE, name=limit_name(kind, name))
    if isinstance(at_once, Adaptive):
        now = row.capacity if row is not None else min(at_once.most, max(at_once.least, 4))
        capacity, least, most = min(at_once.most, max(at_once.least, now)), at_once.least, at_once.most
    else:
        capacity, least, most = at_once, None, None
    _keep(tx, called, {"capacity": capacity, "lease": None, "kind": kind, "least": least, "most": most})
    _serve(tx, [called])


def limit_name(kind: ResourceKind, name: str) -> str:
    """What the places of a tool, an agent or a tenant are called."""
    return f"{kind} {name}"


def _keep(tx: Transaction, name: str, values: Mapping[str, Any]) -> None:
    if tx.row(_RESOURCE, name=name) is None:
        tx.execute(_ADD, {"name": name, "token": 0, **values})
    else:
        tx.changed(_DECLARE, which=name, **{f"new_{key}": value for key, value in values.items()})


def ask(
    tx: Transaction,
    names: Sequence[str],
    *,
    by: str,
    tenant: str,
    scope: Scope,
    run: RunId | None = None,
    key: ActionId | None = None,
    lease: float | None = None,
    within: float | None = None,
    kept: bool = False,
) -> Reservation:
    """Ask for resources, all of them at once; the same key again is the same request.

    Args:
        tx: The transaction.
        names: Of the resources.
        by: Who asks.
        tenant: Whose they are at work for.
        scope: For how long.
        run: The run; None for a person.
        key: The action that asks.
        lease: Seconds until it runs out; None is the shortest lease of the resources.
        within: Seconds after which a run waits no more; None waits however long.
        kept: Whether it is kept, whatever its lease, for a question about the action.

    Raises:
        NotFound: if there is no such resource.
        Conflict: if the run has ended.
    """
    if run is not None and hold_run(tx, run) in ENDED:  # nor does it end until this is in: who has ended has nothing
        raise Conflict(f"reservation for {run}", "it has ended")
    _lock(tx)
    known = tx.row(_BY_KEY, key=key) if key is not None else None
    if known is not None:
        return _one(tx, known.number)
    rows = {row.name: row for row in tx.rows(_RESOURCES, names=list(names))}
    for name in names:
        if name not in rows:
            raise NotFound("resource", name, tx.values(_NAMES), hint="Resources are declared in the project.")
    if lease is None:
        lease = min((row.lease for row in rows.values() if row.lease is not None), default=None)
    row = {"key": key, "run": run, "by": by, "tenant": tenant, "scope": scope, "asked_at": tx.now, "lease": lease}
    number: int = tx.value(_ASK, **row)
    tx.execute(_ITEM, [{"resource": name, "number": number, "token": None} for name in sorted(rows)])
    if kept:
        tx.execute(_KEEP_FOR, {"action": key, "number": number})
    _serve(tx, sorted(rows), quiet=number)
    made = _one(tx, number)
    if made.waits and within is not None and run is not None:
        timers.start(tx, run, tx.now + within, "unreserved", str(number))
    return made


def claim(
    tx: Transaction, needs: Sequence[str], *, run: RunId, key: ActionId, by: str, tenant: str, at_least: float
) -> Mapping[str, int] | Reservation:
    """Have what an action needs while it is carried out: its tokens, or the reservation that waits for it.

    What the run has already counts, and is kept longer; the rest is asked for all at once. What waits holds no worker:
    the run is told when its turn has come.

    Args:
        tx: The transaction that claims the effect.
        needs: Names of resources.
        run: The run.
        key: The action.
        by: Its agent.
        tenant: Whose the run is.
        at_least: Seconds that the call may take: no lease of it is shorter.
    """
    _lock(tx)
    _keep_no_more(tx, key)
    found = _at_hand(tx, needs, run, key)
    for one in found:
        _renew(tx, one, at_least)
    have = {name: token for one in found for name, token in one.tokens.items() if token is not None}
    missing = [name for name in needs if name not in have]
    if missing:
        made = ask(tx, missing, by=by, tenant=tenant, scope="action", run=run, key=key)
        if made.waits:
            return made
        _renew(tx, made, at_least)
        have |= {name: token for name, token in made.tokens.items() if token is not None}
    return {name: have[name] for name in needs}


def keep_for_question(
    tx: Transaction, needs: Sequence[str], *, run: RunId, key: ActionId, by: str, tenant: str
) -> Reservation | None:
    """Have what an action needs before people are asked about it, and keep it until `claim` or `let_go`.

    What the run has already counts, and is kept as well; the rest is asked for all at once, in its turn.

    Returns:
        The reservation that waits; None where all of it is there.
    """
    _lock(tx)
    found = _at_hand(tx, needs, run, key)
    have = {name for one in found for name in one.tokens}
    missing = [name for name in needs if name not in have]
    if missing:
        made = ask(tx, missing, by=by, tenant=tenant, scope="action", run=run, key=key, kept=True)
        found = [made] if made.waits else [*found, made]
    for one in found:
        if key not in one.kept_for:
            tx.execute(_KEEP_FOR, {"action": key, "number": one.number})
        if one.until is not None:
            tx.changed(_UNTIL, number_is=one.number, new=None)
    return next((one for one in found if one.waits), None)


def let_go(tx: Transaction, run: RunId, key: ActionId) -> None:
    """Keep nothing for an action any more that is not carried out: what was reserved for it alone is given back."""
    if not tx.values(_KEPT_FOR, action=key):
        return
    _lock(tx)
    row = tx.row(_BY_KEY, key=key)
    if row is not None:
        names = tx.values(_ITEMS, number=row.number)
        give_back(tx, row.number)
        emit(tx, run, "resource.released", action=key, resources=names)
    _keep_no_more(tx, key)


def _keep_no_more(tx: Transaction, key: ActionId) -> None:
    """What was kept for a question runs out by its lease again, unless it is kept for another one."""
    numbers = tx.values(_KEPT_FOR, action=key)
    if not numbers:
        return
    tx.changed(_FORGET, about=key)
    for one in _made(tx, tx.rows(_BY_NUMBERS, numbers=numbers)):
        if one.scope == "run" and not one.kept_for:
            _renew(tx, one, 0.0)


def _at_hand(tx: Transaction, needs: Sequence[str], run: RunId, key: ActionId) -> list[Reservation]:
    """What a run has of what an action needs. What has run out is given back, and so is what was reserved for the
    action itself where that is not enough any more: all that is missing is asked for at once.
    """
    found: list[Reservation] = []
    for one in of_run(tx, run):
        mine = one.scope == "run" or one.key == key
        if not mine or one.waits or not set(one.tokens) & set(needs):
            continue
        if one.until is not None and one.until <= tx.now:
            give_back(tx, one.number)
            continue
        found.append(one)
    own = next((one for one in found if one.key == key), None)
    if own is not None and not set(needs) <= {name for one in found for name in one.tokens}:
        give_back(tx, own.number)
        found.remove(own)
    return found


def _renew(tx: Transaction, one: Reservation, at_least: float) -> None:
    """Keep it for another lease; that of a limit, which has none, is as long as the call may take."""
    lease = tx.value(_LEASE, number=one.number)
    if one.kept_for or (lease is None and one.scope == "run"):
        return
    until = tx.now + max(at_least, lease or 0.0)
    if one.until is None:  # it had none so far: only now somebody has to look when it runs out
        timers.start(tx, one.run or RunId(""), until, "lease", str(one.number))
    tx.changed(_UNTIL, number_is=one.number, new=until)


def give_back(tx: Transaction, number: int) -> None:
    """Give back what was reserved, or wait for it no more; who comes next has it."""
    _lock(tx)
    names = tx.values(_ITEMS, number=number)
    tx.changed(_DROP_ITEMS, gone=number)
    tx.changed(_DROP_KEPT, gone=number)
    tx.changed(_DROP, gone=number)
    _serve(tx, names)


def give_back_of(tx: Transaction, key: ActionId) -> None:
    """Give back what was reserved for one action."""
    _lock(tx)
    row = tx.row(_BY_KEY, key=key)
    if row is not None:
        give_back(tx, row.number)


def give_back_named(tx: Transaction, run: RunId, names: Sequence[str]) -> list[str]:
    """Give back these resources that a run has until it gives them back; those that it had."""
    _lock(tx)
    given: list[str] = []
    for one in of_run(tx, run):
        mine = [name for name in one.tokens if name in names] if one.scope == "run" else []
        for name in mine:
            tx.changed(_DROP_ITEM, gone=one.number, which=name)
        if mine and len(mine) == len(one.tokens):
            tx.changed(_DROP_KEPT, gone=one.number)
            tx.changed(_DROP, gone=one.number)
        given += mine
    _serve(tx, sorted(set(given)))
    return given


def give_all_back(tx: Transaction, run: RunId) -> None:
    """Give back all that a run has or waits for: it has ended."""
    if tx.value(_HAS_ANY, run=run):
        _lock(tx)
        for one in of_run(tx, run):
            give_back(tx, one.number)


def run_out(tx: Transaction, number: int) -> Reservation | None:
    """Take back what was not renewed in time; what it was, None where it was, or is gone."""
    _lock(tx)
    row = tx.row(_BY_NUMBER, number=number)
    if row is None or row.until is None:
        return None
    if row.until > tx.now:
        timers.start(tx, RunId(row.run or ""), row.until, "lease", str(number))
        return None
    was = _one(tx, number)
    give_back(tx, number)
    return was


def give_up(tx: Transaction, number: int) -> Reservation | None:
    """Wait for something no more; what it was, None where it was granted meanwhile, or is gone."""
    _lock(tx)
    row = tx.row(_BY_NUMBER, number=number)
    if row is None or row.granted_at is not None:
        return None
    was = _one(tx, number)
    give_back(tx, number)
    return was


def get(tx: Transaction, number: int) -> Reservation | None:
    """A reservation; None if it was given back."""
    return _one(tx, number) if tx.row(_BY_NUMBER, number=number) is not None else None


def of_run(tx: Transaction, run: RunId) -> list[Reservation]:
    """What a run has and waits for, in order."""
    return _made(tx, tx.rows(_OF_RUN, run=run))


def waiting_below(tx: Transaction, run: RunId) -> list[Reservation]:
    """What a run, and all that it handed work to, wait for, in order."""
    return _made(tx, tx.rows(_WAITING_BELOW, run=run))


def listed(tx: Transaction) -> list[Reservation]:
    """All that somebody has or waits for, in order; within a tenant, its own."""
    return [one for one in _made(tx, tx.rows(_ALL)) if tx.sees(one.tenant)]


def known(tx: Transaction) -> list[Known]:
    """All resources and limits."""
    counts = {row.resource: row for row in tx.rows(_COUNTS)}
    return [_known(row, counts.get(row.name)) for row in tx.rows(_EVERY)]


def ahead(tx: Transaction, one: Reservation) -> int:
    """How many are served before a reservation that waits."""
    return int(tx.value(_AHEAD, number=one.number, names=list(one.tokens)))


def set_capacity(tx: Transaction, name: str, capacity: int, learnt: str) -> None:
    """Change how many may hold something, with what that was worked out from; who waits is served."""
    _lock(tx)
    tx.changed(_SET, which=name, new=capacity, why=learnt)
    _serve(tx, [name])


def _lock(tx: Transaction) -> None:
    lock_name(tx, "resources")


def _serve(tx: Transaction, names: Sequence[str], quiet: int | None = None) -> None:
    """Grant what may be granted now that something has changed about these; `quiet` is told by whoever asks for it."""
    todo = list(names)
    while todo:
        number: int | None = tx.value(_FIRST, name=todo.pop(0))
        if number is None:
            continue
        wanted = tx.values(_ITEMS, number=number)
        if all(tx.value(_FIRST, name=name) == number and tx.value(_ROOM, name=name) for name in wanted):
            _grant(tx, number, wanted, told=number == quiet)
            todo = [*wanted, *todo]


def _grant(tx: Transaction, number: int, names: Sequence[str], *, told: bool) -> None:
    row = tx.row(_BY_NUMBER, number=number)
    for name in names:
        token = tx.value(_NEXT_TOKEN, which=name)
        tx.changed(_HAND, resource_is=name, number_is=number, new=token)
    until = None if row.lease is None or tx.value(_IS_KEPT, number=number) else tx.now + row.lease
    tx.changed(_GRANT, number_is=number, at=tx.now, new=until)
    run = RunId(row.run or "")
    if until is not None:
        timers.start(tx, run, until, "lease", str(number))
    if run and not told:
        timers.start(tx, run, _AT_ONCE, "grant", str(number))


def _one(tx: Transaction, number: int) -> Reservation:
    return _made(tx, tx.rows(_BY_NUMBER, number=number))[0]


def _made(tx: Transaction, rows: Sequence[Any]) -> list[Reservation]:
    tokens: dict[int, dict[str, int | None]] = {row.number: {} for row in rows}
    for item in tx.rows(_OF, numbers=list(tokens)) if rows else ():
        tokens[item.number][item.resource] = item.token
    kept: dict[int, list[ActionId]] = {}
    for mark in tx.rows(_KEPT, numbers=list(tokens)) if rows else ():
        kept.setdefault(mark.number, []).append(mark.action)
    return [
        Reservation(
            number=row.number,
            key=row.key,
            run=row.run,
            by=row.by,
            tenant=row.tenant,
            scope=row.scope,
            tokens=tokens[row.number],
            asked_at=row.asked_at,
            granted_at=row.granted_at,
            until=row.until,
            kept_for=tuple(kept.get(row.number, ())),
        )
        for row in rows
    ]


def _known(row: Any, count: Any) -> Known:
    held, waiting = (count.held, count.number - count.held) if count is not None else (0, 0)
    return Known(
        name=row.name,
        kind=row.kind,
        capacity=row.capacity,
        lease=row.lease,
        token=row.token,
        held=held,
        waiting=waiting,
        bounds=Adaptive(least=row.least, most=row.most) if row.least is not None else None,
    )


_RESOURCE = select(resources).where(resources.c.name == bindparam("name"))
_RESOURCES = select(resources).where(resources.c.name.in_(bindparam("names", expanding=True)))
_EVERY = select(resources).order_by(resources.c.kind, resources.c.name)
_NAMES = select(resources.c.name).where(resources.c.kind == "named").order_by(resources.c.name)
_ADD = insert(resources)
_DECLARE = (
    update(resources)
    .where(resources.c.name == bindparam("which"))
    .values(**{name: bindparam(f"new_{name}") for name in ("capacity", "lease", "kind", "least", "most")})
)
_SET = (
    update(resources)
    .where(resources.c.name == bindparam("which"))
    .values(capacity=bindparam("new"), learnt=bindparam("why"))
)
_NEXT_TOKEN = (
    update(resources)
    .where(resources.c.name == bindparam("which"))
    .values(token=resources.c.token + 1)
    .returning(resources.c.token)
)
_ASK = insert(reservations).returning(reservations.c.number)
_ITEM = insert(items)
_BY_KEY = select(reservations).where(reservations.c.key == bindparam("key"))
_BY_NUMBER = select(reservations).where(reservations.c.number == bindparam("number"))
_BY_NUMBERS = select(reservations).where(reservations.c.number.in_(bindparam("numbers", expanding=True)))
_KEEP_FOR = insert(questions)
_KEPT_FOR = select(questions.c.number).where(questions.c.action == bindparam("action")).order_by(questions.c.number)
_KEPT = (
    select(questions)
    .where(questions.c.number.in_(bindparam("numbers", expanding=True)))
    .order_by(questions.c.number, questions.c.action)
)
_IS_KEPT = select(exists().where(questions.c.number == bindparam("number")))
_FORGET = delete(questions).where(questions.c.action == bindparam("about"))
_LEASE = select(reservations.c.lease).where(reservations.c.number == bindparam("number"))
_OF_RUN = select(reservations).where(reservations.c.run == bindparam("run")).order_by(reservations.c.number)
_WAITING_BELOW = (
    select(reservations)
    .where(reservations.c.run.in_(families.below()), reservations.c.granted_at.is_(None))
    .order_by(reservations.c.number)
)
_HAS_ANY = select(exists().where(reservations.c.run == bindparam("run")))
_ALL = select(reservations).order_by(reservations.c.number)
_OF = select(items).where(items.c.number.in_(bindparam("numbers", expanding=True))).order_by(items.c.resource)
_ITEMS = select(items.c.resource).where(items.c.number == bindparam("number")).order_by(items.c.resource)
_FIRST = select(func.min(items.c.number)).where(items.c.resource == bindparam("name"), items.c.token.is_(None))
_HELD = (
    select(func.count())
    .where(items.c.resource == resources.c.name, items.c.token.is_not(None))
    .correlate(resources)
    .scalar_subquery()
)
_ROOM = select(resources.c.capacity > _HELD).where(resources.c.name == bindparam("name"))
_HAND = (
    update(items)
    .where(items.c.resource == bindparam("resource_is"), items.c.number == bindparam("number_is"))
    .values(token=bindparam("new"))
)
_GRANT = (
    update(reservations)
    .where(reservations.c.number == bindparam("number_is"))
    .values(granted_at=bindparam("at"), until=bindparam("new"))
)
_UNTIL = update(reservations).where(reservations.c.number == bindparam("number_is")).values(until=bindparam("new"))
_DROP = delete(reservations).where(reservations.c.number == bindparam("gone"))
_DROP_ITEMS = delete(items).where(items.c.number == bindparam("gone"))
_DROP_KEPT = delete(questions).where(questions.c.number == bindparam("gone"))
_DROP_ITEM = delete(items).where(items.c.number == bindparam("gone"), items.c.resource == bindparam("which"))
_COUNTS = select(items.c.resource, func.count().label("number"), func.count(items.c.token).label("held")).group_by(
    items.c.resource
)
_OTHERS = items.alias("others")
_AHEAD = select(func.count(func.distinct(_OTHERS.c.number))).where(
    _OTHERS.c.resource.in_(bindparam("names", expanding=True)),
    _OTHERS.c.number < bindparam("number"),
)
