"""The keeper: beside the runs it folds what is new, keeps the lives of runs, and has people told of what is wrong."""

import asyncio
import contextlib
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from baton.core import LedgerError, Observer, OffsetClock, RunId, Unobserved, logger
from baton.flow.adapting import Call, Step, step
from baton.flow.drift import drift
from baton.flow.gauges import LastHour, read_gauges
from baton.flow.life_time import fold
from baton.flow.log import Log
from baton.flow.lookout import Lookout
from baton.flow.rules import Alarms, Watching
from baton.flow.spent import Roll, lived
from baton.flow.staff import Staff, staff_of
from baton.flow.troubles import Trouble
from baton.ledger import Ledger, Transaction, alerts, at_once, history, leases, limits, lives, reservations, workers
from baton.ledger.alerts import Alert, Finding
from baton.ledger.lives import PARTS, Lived
from baton.ledger.reservations import Known

LOOK_SECONDS = 10.0
"""How often is looked for what is wrong."""

BACK = 26 * 3600.0
"""Seconds of the record that are folded at the start: what is usual is learnt from them."""

KEPT_AT_ONCE = 200

ENDED_BACK = 3600.0
"""Seconds back to which is looked again for runs that have ended, as clocks differ and transactions take their time."""

SAY_SECONDS = 20.0
"""How often a worker says what it is."""

_FAREWELL_SECONDS = 3.0
_URGENT = ("nobody works",)

T = TypeVar("T")

log = logger()

Tell = Callable[[Transaction, Sequence[Alert]], None]
"""Has people told of what is wrong, in the transaction that notes that they are."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a worker is, beside others.

    Attributes:
        version: Of Baton.
        concurrency: Runs that it advances at once.
        fingerprints: Of the code of each of its agents, as they are now.
        policies: Of the policy of each.
    """

    name: str
    version: str
    concurrency: int
    fingerprints: Callable[[], Mapping[str, str]]
    policies: Callable[[], Mapping[str, str]]


class Keeper:
    """Looks again and again at how it goes; of several processes each does, and what they find is settled once."""

    def __init__(
        self,
        ledger: Ledger,
        alarms: Alarms | None = None,
        *,
        tell: Tell | None = None,
        identity: Identity | None = None,
        observer: Observer | None = None,
        working: Callable[[], bool] = lambda: True,
    ) -> None:
        """Over a ledger.

        Args:
            ledger: The record.
            alarms: What is told; None tells nothing: what is wrong is only kept.
            tell: Has people told; None tells nobody.
            identity: What this worker is; None says nothing of it.
            observer: Who is told what the time of runs went on; None is nobody.
            working: Whether this process looks now, rather than another.
        """
        self._ledger, self._alarms, self._tell, self._working = ledger, alarms, tell, working
        self._identity, self._began = identity, ledger.clock.now()
        self._observer = observer or Unobserved()
        self._log: Log | None = None
        self._lookout: Lookout | None = None
        self._last_hour = LastHour()
        self._watching = Watching(alarms.rules if alarms else ())
        self._kept_since = 0.0
        self._said: float | None = None
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look."""
        self._loop = asyncio.create_task(self._serve(), name="baton-keeper")

    async def stop(self) -> None:
        """Look no more."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop], timeout=_FAREWELL_SECONDS)
        identity = self._identity
        if identity is not None and self._said is not None:
            with contextlib.suppress(LedgerError):  # it is taken for gone in a minute
                await self._ledger.write(lambda tx: workers.leave(tx, identity.name))

    async def _serve(self) -> None:
        failed = ""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                if self._working():
                    await self.look()
                failed = ""
            except LedgerError as error:
                if str(error) != failed:
                    log.error("nobody looks at how it goes: the ledger cannot be used", error=str(error))
                failed = str(error)
            except Exception as error:
                log.error("the look at how it goes stumbled; it goes on", exc_info=error)

    async def look(self) -> None:
        """Fold what is new, keep what has ended, settle what is wrong, and have people told."""
        now, staff = self._ledger.clock.now(), await self._ledger.read(staff_of)
        if self._log is None or self._lookout is None:
            self._log, self._lookout = Log(now - BACK), Lookout(staff)
        account, behind = self._log, True
        while behind:
            behind = await self._ledger.read(account.catch_up)
            new = account.news()
            self._lookout.take(new, staff)
            self._last_hour.take(new, now)
        found = [_finding(one) for one in self._lookout.look(account.lives, now)]
        figures = await self._ledger.read(lambda tx: read_gauges(tx, self._last_hour))
        found += self._watching.look(now, figures)
        found += await self._say()
        followed = await self._adapt(account)
        await self._keep(account, staff)
        account.forget(now - BACK, calls=max(followed, now - BACK))
        open_ = await self._ledger.read(alerts.any_open)
        if found or open_:
            await self._ledger.write(lambda tx: self._settle(tx, found))

    async def _adapt(self, account: Log) -> float:
        """Have limits that follow how it goes do so, of several processes one each time; until when all have."""
        found = await self._ledger.read(_adaptive)
        for one, known, waiting in found:
            assert one.bounds is not None
            calls = _calls(account, one.kind, one.name.partition(" ")[2], float(known.get("until", 0.0)))
            made = step(one.capacity, one.bounds, known, calls, waiting)
            if made is not None:
                await self._ledger.write(_adapted(one.name, known, made))
        return min((float(known.get("until", 0.0)) for _, known, _ in found), default=self._ledger.clock.now())

    async def _say(self) -> list[Finding]:
        """Say what this worker is, and find what differs between all."""
        me, now = self._identity, self._ledger.clock.now()
        if me is not None and (self._said is None or now - self._said >= SAY_SECONDS):
            clock = self._ledger.clock
            ahead = -clock.offset if isinstance(clock, OffsetClock) else 0.0
            code, policies = dict(me.fingerprints()), dict(me.policies())

            def say(tx: Transaction) -> None:
                workers.say(
                    tx,
                    me.name,
                    began=self._began,
                    clock=ahead,
                    version=me.version,
                    concurrency=me.concurrency,
                    fingerprints=code,
                    policies=policies,
                )

            await self._ledger.write(say)
            self._said = now
        return drift(await self._ledger.read(workers.heard))

    def _settle(self, tx: Transaction, found: Sequence[Finding]) -> None:
        alerts.settle(tx, found)
        alarms = self._alarms
        if alarms is None or self._tell is None:
            return
        rules = {rule.name for rule in alarms.rules}
        waiting = [one for one in alerts.untold(tx) if alarms.troubles or one.name in rules]
        if alarms.quiet is not None and alarms.quiet.holds(tx.now):
            waiting = [one for one in waiting if one.severity == "urgent"]
        last = alerts.last_told(tx)
        if waiting and (last is None or tx.now - last >= alarms.group):
            self._tell(tx, alerts.tell(tx, waiting))

    async def _keep(self, account: Log, staff: Staff) -> None:
        """Keep the lives of runs that have ended; those of long ago are folded from their own events."""
        while True:
            ids = await self._ledger.read(lambda tx: lives.not_kept(tx, self._kept_since, KEPT_AT_ONCE))
            if not ids:
                self._kept_since = max(self._kept_since, self._ledger.clock.now() - ENDED_BACK)
                return
            found = await self._ledger.read(lambda tx: _lived(tx, ids, account, staff))  # noqa: B023
            new = await self._ledger.write(lambda tx: lives.keep(tx, found))  # noqa: B023
            for one in found if new else ():
                parts = dict(zip(PARTS, one.spent.all, strict=True))
                self._observer.lived(RunId(one.run), one.began, one.ended, parts)
            if len(ids) < KEPT_AT_ONCE or not new:
                return


def _lived(tx: Transaction, ids: Sequence[str], account: Log, staff: Staff) -> list[Lived]:
    known = [account.lives.lives[id] for id in ids if id in account.lives.lives]
    known = [life for life in known if life.ended]
    roll = Roll(staff, account.busy(), account.since, tx.now)
    origins = history.origins(tx, [life.run for life in known])
    found = [lived(life, origins[life.run].tenant if life.run in origins else "local", roll) for life in known]
    missing = set(ids).difference(life.run for life in known)
    return found + fold(tx, sorted(missing), staff)


def _adaptive(tx: Transaction) -> list[tuple[Known, Mapping[str, Any], int]]:
    """The limits that follow how it goes, with what was learnt of each, and how many wait."""
    return [
        (one, limits.learnt(tx, one.name), one.waiting + _ready(tx, one))
        for one in reservations.known(tx)
        if one.bounds is not None
    ]


def _ready(tx: Transaction, one: Known) -> int:
    """How many runs of an agent are ready while as many as may are at work."""
    name = one.name.removeprefix("agent ")
    return leases.count_ready(tx, name) if one.kind == "agent" and name in at_once.full(tx).agents else 0


def _calls(account: Log, kind: str, name: str, since: float) -> list[Call]:
    """What has been called since a time of a tool, or by an agent of its model."""
    if kind == "tool":
        return [
            Call(use.at, use.seconds, failed=not use.done) for use in _after(account.used, since) if use.tool == name
        ]
    return [
        Call(call.at, call.seconds / max(1, call.tries), failed=call.tries > 1 or bool(call.instead))
        for call in _after(account.called, since)
        if call.agent == name
    ]


def _after(rows: list[T], since: float) -> list[T]:
    """The rows that ended after a time."""
    return rows[bisect_right(rows, since, key=_ended_at) :]


def _ended_at(row: Any) -> float:
    at: float = row.at
    return at


def _adapted(name: str, known: Mapping[str, Any], made: Step) -> Callable[[Transaction], bool]:
    return lambda tx: limits.adapt(tx, name, known, made.limit, made.learnt, made.cause)


def _finding(one: Trouble) -> Finding:
    return Finding(
        name=one.kind,
        about=one.about,
        severity="urgent" if one.kind in _URGENT else "warning",
        says=one.says,
        cause=one.cause,
        evidence=one.evidence,
        way_out=one.way_out,
        began=one.began,
    )
