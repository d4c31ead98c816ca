"""A run with all that it handed work to, however deep: each question is one statement, whatever their number."""

from sqlalchemy import Select, bindparam, func, literal, or_, select

from baton.core import RunId
from baton.ledger.runs import ENDED, Run, of_rows
from baton.ledger.schema import runs, timers
from baton.ledger.transaction import Transaction


def ids(tx: Transaction, run: RunId) -> list[RunId]:
    """Their ids: the run first, then level by level, the oldest of each first."""
    return [RunId(one) for one in tx.values(_IDS, run=run)]


def read(tx: Transaction, run: RunId, most: int = 2**31 - 1) -> list[Run]:
    """The first `most` of them, in the order of `ids`."""
    return of_rows(tx, tx.rows(_ROWS, run=run, most=most))


def numbers(tx: Transaction, run: RunId) -> dict[RunId, int]:
    """The number of the newest event of each, in the order of `ids`."""
    return {RunId(row[0]): row[1] for row in tx.tuples(_NUMBERS, run=run)}


def used(tx: Transaction, run: RunId) -> tuple[int, int]:
    """Turns and tokens of all of them."""
    turns, tokens = tx.tuples(_USED, run=run)[0]
    return int(turns), int(tokens)


def busy(tx: Transaction, run: RunId) -> RunId | None:
    """One of them that is at work, or has something to look at; None where there is none.

    What a run that has ended had handed on counts no more.
    """
    found: str | None = tx.value(_BUSY, run=run, now=tx.now)
    return RunId(found) if found is not None else None


def overdue(tx: Transaction, run: RunId) -> bool:
    """Whether a time has come for one of them that it has not been told of yet; it may be nothing to it any more."""
    return bool(tx.value(_OVERDUE, run=run, now=tx.now))


def settled(tx: Transaction, run: RunId) -> bool:
    """Whether nobody is at work on a run or on what it handed over, and nobody is about to be."""
    return busy(tx, run) is None and not overdue(tx, run)


def count(tx: Transaction, run: RunId) -> int:
    """How many there are."""
    return int(tx.value(_COUNT, run=run))


def next_time(tx: Transaction, run: RunId) -> float | None:
    """When the next time comes that one of them waits for; None if there is none."""
    soonest: float | None = tx.value(_NEXT_TIME, run=run)
    return soonest


def over(tx: Transaction, run: RunId) -> bool:
    """Whether all of them have ended."""
    return not tx.value(_GOING, run=run)


def below() -> Select[tuple[str]]:
    """A SELECT of the ids of all of them, to be part of a statement; its value `run` is the run's id."""
    root = select(runs.c.id).where(runs.c.id == bindparam("run")).cte("members", recursive=True)
    return select(root.union_all(select(runs.c.id).where(runs.c.parent == root.c.id)).c.id)


def _open_members() -> Select[tuple[str]]:
    going = runs.c.status.not_in(sorted(ENDED))
    own = select(runs.c.id).where(runs.c.id == bindparam("run"), going).cte("members", recursive=True)
    return select(own.union_all(select(runs.c.id).where(runs.c.parent == own.c.id, going)).c.id)


_RUN = select(runs.c.id, literal(0).label("depth")).where(runs.c.id == bindparam("run")).cte("members", recursive=True)
_MEMBERS = _RUN.union_all(select(runs.c.id, _RUN.c.depth + 1).where(runs.c.parent == _RUN.c.id))
_ORDER = (_MEMBERS.c.depth, runs.c.created_at, runs.c.id)
_JOINED = runs.join(_MEMBERS, runs.c.id == _MEMBERS.c.id)
_IDS = select(runs.c.id).select_from(_JOINED).order_by(*_ORDER)
_NUMBERS = select(runs.c.id, runs.c.events).select_from(_JOINED).order_by(*_ORDER)
_ROWS = select(runs).select_from(_JOINED).order_by(*_ORDER).limit(bindparam("most"))
_USED = select(func.sum(runs.c.turns), func.sum(runs.c.prompt_tokens + runs.c.completion_tokens)).where(
    runs.c.id.in_(below())
)
_GOING = select(select(runs.c.id).where(runs.c.id.in_(below()), runs.c.status.not_in(sorted(ENDED))).exists())
_NEXT_TIME = select(func.min(timers.c.due)).where(timers.c.run.in_(below()), timers.c.kind == "wait")
_BUSY = (
    select(runs.c.id)
    .where(
        runs.c.id.in_(_open_members()),
        or_(
            runs.c.wake > runs.c.seen,
            runs.c.lease_owner.is_not(None) & (runs.c.lease_until >= bindparam("now")),
        ),
    )
    .limit(1)
)
_OVERDUE = select(
    select(timers.c.id).where(timers.c.run.in_(_open_members()), timers.c.due <= bindparam("now")).exists()
)
_COUNT = select(func.count()).select_from(below().subquery())
