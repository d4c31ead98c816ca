"""How much comes, goes and is open, counted in stretches of time: by the database, so that rows stay there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Double, Integer, bindparam, case, distinct, func, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from baton.ledger.schema import effects, model_calls, runs, spending, timers, waits
from baton.ledger.schema_people import decisions, reviews
from baton.ledger.transaction import Transaction


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Stretches of time of equal length, one behind the other.

    Attributes:
        start: When the first begins, in seconds since 1970.
        step: Seconds that each takes.
        count: How many there are.
    """

    start: float
    step: float
    count: int

    @property
    def end(self) -> float:
        """When the last ends."""
        return self.start + self.step * self.count


@dataclass(frozen=True, kw_only=True)
class OpenRuns:
    """How many runs of an agent have not ended.

    Attributes:
        ready: That have something to do, or are at it.
        asking: That wait for people.
        timed: That wait for a time.
        listening: That wait for an event.
        other: That wait for something else: what they handed over, or what somebody says.
    """

    agent: str
    ready: int
    asking: int
    timed: int
    listening: int
    other: int

    @property
    def all(self) -> int:
        """All of them."""
        return self.ready + self.asking + self.timed + self.listening + self.other


@dataclass(frozen=True, kw_only=True)
class Busy:
    """What runs of an agent took, all together, in seconds.

    Attributes:
        runs: How many they are.
        since: When the oldest of them was submitted, in seconds since 1970.
        thinking: In calls of its model.
        acting: In calls of its tools.
        tokens: That its model read and wrote.
    """

    agent: str
    runs: int
    since: float
    thinking: float
    acting: float
    tokens: int


@dataclass(frozen=True)
class Spent:
    """What an account was charged; `amount` in ten-thousandths, `values` how many different ones."""

    account: str
    amount: int
    values: int


@dataclass(frozen=True)
class Served:
    """How often something was called since a time, and for how many seconds all together."""

    name: str
    calls: int
    seconds: float


class _Stretch(FunctionElement[int]):
    """The number of the stretch of time that a moment lies in: rounded down, which each database says in its way."""

    inherit_cache = True
    type = Integer()


@compiles(_Stretch)
def _cut(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS INTEGER)"


@compiles(_Stretch, "postgresql")
def _floor(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST(floor({compiler.process(element.clauses, **options)}) AS INTEGER)"


def ended(tx: Transaction, grid: Grid) -> dict[str, list[int]]:
    """How many runs ended in each stretch, by how they ended."""
    found: dict[str, list[int]] = {}
    for row in tx.rows(_ENDED, **_bounds(grid)):
        _count(found.setdefault(row.status, [0] * grid.count), row)
    return found


def begun(tx: Transaction, grid: Grid) -> list[int]:
    """How many runs were submitted in each."""
    return _counted(tx, _BEGUN, grid)


def asked(tx: Transaction, grid: Grid) -> list[int]:
    """How many reviews were opened in each."""
    found = _counted(tx, _ASKED_AND_CLOSED, grid)
    return [one + other for one, other in zip(found, _counted(tx, _ASKED, grid), strict=True)]


def closed(tx: Transaction, grid: Grid) -> list[int]:
    """How many reviews were closed in each."""
    return _counted(tx, _CLOSED, grid)


def first_run(tx: Transaction) -> float | None:
    """When the first run was submitted, in seconds since 1970; None where there is none."""
    at: float | None = tx.value(_FIRST)
    return at


def open_runs(tx: Transaction) -> list[OpenRuns]:
    """The runs that have not ended, by agent: what they wait for. Where it is several things, the first counts."""
    rows = tx.rows(_OPEN)
    kinds = ("ready", "asking", "timed", "listening", "other")
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row.agent, dict.fromkeys(kinds, 0))[row.waits] = row.many
    return [OpenRuns(agent=name, **counts) for name, counts in sorted(found.items())]


def busy(tx: Transaction, since: float, most: int) -> list[Busy]:
    """What the runs took that were submitted since a time, by agent; of the `most` newest."""
    taken: Mapping[str, Any] = {row.agent: row for row in tx.rows(_TOOLS, since=since, most=most)}
    found: list[Busy] = []
    for row in tx.rows(_THOUGHT, since=since, most=most):
        acting = taken[row.agent].seconds if row.agent in taken else 0.0
        found.append(
            Busy(
                agent=row.agent,
                runs=row.many,
                since=row.since,
                thinking=row.seconds or 0.0,
                acting=max(0.0, acting or 0.0),
                tokens=int(row.tokens or 0),
            )
        )
    return found


def answered_since(tx: Transaction, since: float, most: int) -> float:
    """The later of a time and the moment of the how-manieth newest answer: behind it there are no more than `most`."""
    at: float | None = tx.value(_NTH_ANSWER, since=since, before=most - 1)
    return since if at is None else at


def models(tx: Transaction, since: float) -> list[Served]:
    """How often models answered since a time, by name."""
    return [Served(row.name, row.many, row.seconds or 0.0) for row in tx.rows(_MODELS, since=since)]


def thought_before(tx: Transaction, since: float) -> dict[str, float]:
    """Seconds that models had thought in a question's run before it was asked, by the question, since a time."""
    return {row.review: row.seconds for row in tx.rows(_THOUGHT_BEFORE, since=since)}


def tools(tx: Transaction, since: float) -> list[Served]:
    """How often tools answered since a time, by name."""
    return [Served(row.name, row.many, max(0.0, row.seconds or 0.0)) for row in tx.rows(_USED, since=since)]


def fullest(tx: Transaction, prefix: str, since: float, most: int) -> list[Spent]:
    """The accounts whose names begin so, with what they were charged since a time, the fullest first."""
    query = _FULLEST.where(spending.c.account.startswith(prefix, autoescape=True), spending.c.at > since).limit(most)
    return [Spent(row.account, int(row.amount), int(row.many)) for row in tx.rows(query)]


def _bounds(grid: Grid) -> dict[str, float]:
    return {"start": grid.start, "step": grid.step, "end": grid.end}


def _counted(tx: Transaction, statement: Any, grid: Grid) -> list[int]:
    found = [0] * grid.count
    for row in tx.rows(statement, **_bounds(grid)):
        _count(found, row)
    return found


def _count(found: list[int], row: Any) -> None:
    if 0 <= row.stretch < len(found):
        found[row.stretch] += row.many


def _stretch(column: Any) -> Any:
    start, step = bindparam("start", type_=Double), bindparam("step", type_=Double)
    return _Stretch((column - start) / step).label("stretch")


def _within(column: Any) -> tuple[Any, Any]:
    return column >= bindparam("start"), column < bindparam("end")


_MANY = func.count().label("many")
_ENDED = (
    select(runs.c.status, _stretch(runs.c.ended_at), _MANY)
    .where(*_within(runs.c.ended_at))
    .group_by("status", "stretch")
)
_BEGUN = select(_stretch(runs.c.created_at), _MANY).where(*_within(runs.c.created_at)).group_by("stretch")
_CLOSING = (reviews.c.id == decisions.c.review, reviews.c.decision == decisions.c.id, reviews.c.state == "closed")
_CLOSED = select(_stretch(decisions.c.at), _MANY).where(*_within(decisions.c.at), *_CLOSING).group_by("stretch")
_ASKED_AND_CLOSED = (  # what was opened in the grid and is closed was closed since: found by the index of answers
    select(_stretch(reviews.c.opened_at), _MANY)
    .where(decisions.c.at >= bindparam("start"), *_CLOSING, *_within(reviews.c.opened_at))
    .group_by("stretch")
)
_ASKED = (
    select(_stretch(reviews.c.opened_at), _MANY)
    .where(reviews.c.state == "open", *_within(reviews.c.opened_at))
    .group_by("stretch")
)
_FIRST = select(func.min(runs.c.created_at))
_READY = or_(runs.c.wake > runs.c.seen, runs.c.lease_owner.is_not(None))
_ASKING = select(reviews.c.run).where(reviews.c.state == "open")
_TIMED = select(timers.c.run).where(timers.c.kind == "wait")
_LISTENING = select(waits.c.run).where(waits.c.state == "open")
_WAITS = case(
    (_READY, "ready"),
    (runs.c.id.in_(_ASKING), "asking"),
    (runs.c.id.in_(_LISTENING), "listening"),
    (runs.c.id.in_(_TIMED), "timed"),
    else_="other",
).label("waits")
_OPEN = select(runs.c.agent, _WAITS, _MANY).where(runs.c.ended_at.is_(None)).group_by("agent", "waits")
_NEWEST = (
    select(runs.c.id, runs.c.agent, runs.c.created_at, runs.c.prompt_tokens, runs.c.completion_tokens)
    .where(runs.c.created_at >= bindparam("since"))
    .order_by(runs.c.created_at.desc(), runs.c.id)
    .limit(bindparam("most"))
    .subquery()
)
_SECONDS = (
    select(func.sum(model_calls.c.seconds)).where(model_calls.c.run == _NEWEST.c.id).scalar_subquery().label("seconds")
)
_TOKENS = _NEWEST.c.prompt_tokens + _NEWEST.c.completion_tokens
_EACH = select(_NEWEST.c.agent, _NEWEST.c.created_at, _TOKENS.label("tokens"), _SECONDS).subquery()
_THOUGHT = (
    select(
        _EACH.c.agent,
        _MANY,
        func.min(_EACH.c.created_at).label("since"),
        func.sum(_EACH.c.seconds).label("seconds"),
        func.sum(_EACH.c.tokens).label("tokens"),
    )
    .group_by(_EACH.c.agent)
    .order_by(_EACH.c.agent)
)
_TOOLS = (
    select(_NEWEST.c.agent, func.sum(effects.c.ended_at - effects.c.claimed_at).label("seconds"))
    .join(effects, effects.c.run == _NEWEST.c.id)
    .where(effects.c.ended_at.is_not(None))
    .group_by(_NEWEST.c.agent)
)
_NTH_ANSWER = (
    select(decisions.c.at)
    .where(decisions.c.at >= bindparam("since"))
    .order_by(decisions.c.at.desc())
    .offset(bindparam("before"))
    .limit(1)
)
_MODELS = (
    select(model_calls.c.model.label("name"), _MANY, func.sum(model_calls.c.seconds).label("seconds"))
    .where(model_calls.c.at >= bindparam("since"))
    .group_by(model_calls.c.model)
    .order_by(model_calls.c.model)
)
_THOUGHT_BEFORE = (
    select(reviews.c.id.label("review"), func.sum(model_calls.c.seconds).label("seconds"))
    .join(model_calls, (model_calls.c.run == reviews.c.run) & (model_calls.c.at <= reviews.c.opened_at))
    .where(reviews.c.opened_at >= bindparam("since"))
    .group_by(reviews.c.id)
)
_USED = (
    select(effects.c.tool.label("name"), _MANY, func.sum(effects.c.ended_at - effects.c.claimed_at).label("seconds"))
    .where(effects.c.ended_at >= bindparam("since"))
    .group_by(effects.c.tool)
    .order_by(effects.c.tool)
)
_AMOUNT = func.sum(spending.c.amount).label("amount")
_VALUES = func.count(distinct(spending.c.value)).label("many")
_FULLEST = (
    select(spending.c.account, _AMOUNT, _VALUES)
    .group_by(spending.c.account)
    .order_by(_AMOUNT.desc(), _VALUES.desc(), spending.c.account)
)
