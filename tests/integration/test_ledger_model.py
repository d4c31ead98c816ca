"""The ledger against a model of a few lines: whatever happens in whatever order, the invariants hold."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from baton.core import (
    ActionId,
    Conflict,
    Goal,
    Label,
    MailArrived,
    ManualClock,
    MessageId,
    ReviewId,
    Ruling,
    RunId,
    Superseded,
    Trust,
    Verdict,
)
from baton.graph.alarms import fire_due
from baton.graph.ending import end
from baton.graph.outcome import End
from baton.ledger import (
    DecisionKind,
    EffectState,
    Lease,
    Ledger,
    ReviewKind,
    Transaction,
    effects,
    events,
    leases,
    mail,
    reviews,
    runs,
    timers,
)
from baton.ledger.schema import runs as runs_table
from baton.review import Answer, ReviewQueue
from support.postgres import PostgresServer

T = TypeVar("T")

LEASE = 30.0
ASK = Verdict(ruling=Ruling.ASK, reason="", policy="", kind="a/b")
COUNTED = st.integers(0, 10_000)


@dataclass
class Known:
    """What a run must be."""

    status: str = "ready"
    wake: int = 1
    seen: int = 0
    epoch: int = 0
    until: float | None = None
    not_before: float = 0.0
    mail: list[str] = field(default_factory=list[str])
    read: list[str] = field(default_factory=list[str])
    effects: dict[str, str] = field(default_factory=dict[str, str])

    def ready(self, now: float) -> bool:
        return self.wake > self.seen and self.not_before <= now and (self.until is None or self.until < now)

    @property
    def ended(self) -> bool:
        return self.status in runs.ENDED


class LedgerMachine(RuleBasedStateMachine):
    """Users, deciders, timers and workers, some of them stale, on one record. A crash is a lease that is forgotten."""

    new_record: Callable[[], str]

    @initialize()
    def open(self) -> None:
        self.clock = ManualClock()
        self.runner = asyncio.Runner()
        self.ledger = self.runner.run(Ledger.open(type(self).new_record(), self.clock))
        self.known: dict[RunId, Known] = {}
        self.keys: dict[str, RunId] = {}
        self.leases: list[Lease] = []
        self.world: dict[str, int] = {}
        self.open_reviews: dict[ReviewId, RunId] = {}
        self.decided: dict[ReviewId, str] = {}
        self.timers: list[tuple[float, RunId]] = []
        self.number = itertools.count()

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(self.ledger.close())
            self.runner.close()

    def write(self, work: Callable[[Transaction], T]) -> T:
        async def written() -> T:
            return await self.ledger.write(work)

        return self.runner.run(written())

    def read(self, work: Callable[[Transaction], T]) -> T:
        return self.runner.run(self.ledger.read(work))

    def a_run(self, pick: int) -> RunId:
        return list(self.known)[pick % len(self.known)]

    def a_lease(self, pick: int) -> Lease:
        return self.leases[pick % len(self.leases)]

    def fenced(self, lease: Lease, work: Callable[[Transaction], T]) -> T | None:
        """Do a worker's work; a stale one is refused, and None comes of it."""

        def behind_the_fence(tx: Transaction) -> T:
            leases.fence(tx, lease.run, lease.epoch)
            return work(tx)

        if self.known[lease.run].epoch == lease.epoch:
            return self.write(behind_the_fence)
        with pytest.raises(Superseded):
            self.write(behind_the_fence)
        self.leases.remove(lease)
        return None

    # What people do.

    @rule(key=st.sampled_from(["a", "b", None]))
    def submit(self, key: str | None) -> None:
        run, new = self.write(lambda tx: runs.create(tx, Goal("g"), "clerk", key=key))
        assert new == (key is None or key not in self.keys)
        if key is not None:
            assert self.keys.setdefault(key, run) == run
        if new:
            self.known[run] = Known()

    @precondition(lambda self: self.known)
    @rule(pick=COUNTED, again=st.booleans())
    def message(self, pick: int, again: bool) -> None:
        run = self.a_run(pick)
        known = self.known[run]
        id = MessageId(known.mail[-1] if again and known.mail else f"msg_{next(self.number)}")
        post = partial(mail.post, run=run, kind="user", sender="ann", text="x", id=id)
        if id in known.mail:
            self.write(post)
        elif known.ended:
            with pytest.raises(Conflict, match="has ended"):
                self.write(post)
        else:
            self.write(post)
            self._posted(run, id)

    @precondition(lambda self: self.open_reviews or self.decided)
    @rule(pick=COUNTED, by=st.sampled_from(["ann", "bob"]))
    def decide(self, pick: int, by: str) -> None:
        every = [*self.open_reviews, *self.decided]
        review = every[pick % len(every)]
        deciding = ReviewQueue(self.ledger).decide(review, Answer(kind=DecisionKind.RESPOND, by=by, note="yes"))
        if review in self.decided:
            with pytest.raises(Conflict, match=f"{self.decided[review]} decided it"):
                self.runner.run(deciding)
        else:
            self.runner.run(deciding)
            self.decided[review] = by
            self._posted(self.open_reviews.pop(review))

    @precondition(lambda self: self.known)
    @rule(pick=COUNTED)
    def wake(self, pick: int) -> None:
        run = self.a_run(pick)
        self.write(lambda tx: runs.wake(tx, run))
        self.known[run].wake += 1

    # What time does.

    @rule(seconds=st.sampled_from([1.0, 10.0, LEASE, LEASE + 1]))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @precondition(lambda self: self.timers)
    @rule()
    def fire(self) -> None:
        due = sorted(one for one in self.timers if one[0] <= self.clock.now())
        assert self.runner.run(fire_due(self.ledger)) == len(due)
        assert self.runner.run(fire_due(self.ledger)) == 0
        for one in due:
            self.timers.remove(one)
            if not self.known[one[1]].ended:
                self._posted(one[1])

    # What workers do.

    @precondition(lambda self: self.known)
    @rule(pick=COUNTED)
    def take(self, pick: int) -> None:
        run = self.a_run(pick)
        known, now = self.known[run], self.clock.now()
        lease = self.write(lambda tx: leases.take(tx, run, "worker", LEASE))
        assert (lease is not None) == known.ready(now)
        if lease is not None:
            known.epoch += 1
            known.until = now + LEASE
            known.status = known.status if known.ended else "ready"
            assert (lease.epoch, lease.wake) == (known.epoch, known.wake)
            self.leases.append(lease)

    @precondition(lambda self: self.leases)
    @rule(pick=COUNTED)
    def crash(self, pick: int) -> None:
        self.leases.remove(self.a_lease(pick))

    @precondition(lambda self: self.leases)
    @rule(pick=COUNTED, crash=st.booleans())
    def read_mail(self, pick: int, crash: bool) -> None:
        """What was read is recorded behind the fence, together with how far it was read."""
        lease = self.a_lease(pick)
        cursor, unread = self.read(lambda tx: (at := self._cursor(tx, lease.run), mail.unread(tx, lease.run, at)))
        if crash or not unread:
            return
        note = {"messages": [one.id for one in unread], "cursor": unread[-1].seq, "after": cursor}

        def record(tx: Transaction) -> bool:
            events.emit(tx, lease.run, "test.read", **note)
            return True

        if self.fenced(lease, record):
            self.known[lease.run].read += [one.id for one in unread]

    @precondition(lambda self: self.leases)
    @rule(pick=COUNTED, name=st.sampled_from("ab"), until=st.sampled_from(["claim", "call", "end"]))
    def carry_out(self, pick: int, name: str, until: str) -> None:
        """Claim, call a target that can be asked, confirm; the worker may die in between."""
        lease = self.a_lease(pick)
        known, key = self.known[lease.run], ActionId(f"{lease.run}/{name}")
        record = self.read(lambda tx: effects.get(tx, key))
        if record is not None and record.state is EffectState.DONE:
            return

        def claim(tx: Transaction) -> bool:
            effects.claim(tx, lease.run, lease.epoch, key, "pay", None)
            return True

        if not self.fenced(lease, claim):
            return
        known.effects[key] = "claimed"
        if until == "claim":
            return
        if record is None or key not in self.world:
            self.world[key] = self.world.get(key, 0) + 1
        if until == "call":
            return
        settle = partial(effects.settle, run=lease.run, epoch=lease.epoch, key=key, state=EffectState.DONE)
        self.fenced(lease, partial(settle, result="paid"))
        known.effects[key] = "done"

    @precondition(lambda self: self.leases)
    @rule(pick=COUNTED, seconds=st.sampled_from([0.0, 20.0]))
    def ask_and_set_a_timer(self, pick: int, seconds: float) -> None:
        lease = self.a_lease(pick)
        if self.known[lease.run].ended:
            return
        review, due = ReviewId(f"rev_{next(self.number)}"), self.clock.now() + seconds

        def ask(tx: Transaction) -> bool:
            question = {"summary": "?"}
            opened = partial(reviews.open_, tx, lease.run, ReviewKind.QUESTION, id=review, action=None, agent="clerk")
            opened(tool="ask", question=question, verdict=ASK, requester=None)
            timers.start(tx, lease.run, due, "wait")
            return True

        if self.fenced(lease, ask):
            self.open_reviews[review] = lease.run
            self.timers.append((due, lease.run))

    @precondition(lambda self: self.leases)
    @rule(pick=COUNTED, how=st.sampled_from(["park", "pause", "hand back", "renew"]))
    def give_back(self, pick: int, how: str) -> None:
        lease = self.a_lease(pick)
        known, now = self.known[lease.run], self.clock.now()
        ways: dict[str, Callable[[Transaction], None]] = {
            "park": lambda tx: leases.park(tx, lease),
            "pause": lambda tx: leases.pause(tx, lease, "trouble", 5.0),
            "hand back": lambda tx: leases.hand_back(tx, lease),
            "renew": lambda tx: leases.renew(tx, lease, LEASE),
        }

        def work(tx: Transaction) -> bool:
            ways[how](tx)
            return True

        if not self.fenced(lease, work):
            return
        if how == "renew":
            known.until = now + LEASE
            return
        self.leases.remove(lease)
        claimed = [key for key, by in self._claims(lease.run).items() if by == lease.epoch]
        if how == "hand back" and claimed:
            return  # a tool may be at work: the lease runs out
        known.until = None
        if how == "pause":
            known.not_before = now + 5.0
        if how == "park":
            known.seen = lease.wake
            known.status = known.status if known.ended else "waiting"

    @precondition(lambda self: self.leases)
    @rule(pick=COUNTED)
    def end(self, pick: int) -> None:
        lease = self.a_lease(pick)
        known = self.known[lease.run]
        if known.ended:
            return
        row, cursor = self.read(lambda tx: (runs.get(tx, lease.run), self._cursor(tx, lease.run)))

        def work(tx: Transaction) -> bool:
            end(tx, row, cursor, End(outcome="done", summary="done"), Label(Trust.USER))
            return True

        if known.epoch == lease.epoch and known.mail != known.read:
            with pytest.raises(MailArrived):
                self.fenced(lease, work)
        elif self.fenced(lease, work):
            known.status = "done"
            for review, run in list(self.open_reviews.items()):
                if run == lease.run:
                    del self.open_reviews[review]
                    self.decided[review] = "baton"

    # What must be so at every moment.

    @invariant()
    def the_record_is_as_it_must_be(self) -> None:
        if not hasattr(self, "ledger"):
            return
        now = self.clock.now()
        found = self.read(lambda tx: {run: self._row(tx, run) for run in self.known})
        assert found == {run: self._as_row(known) for run, known in self.known.items()}
        ready = self.read(lambda tx: leases.ready(tx, 1000))
        assert sorted(ready.get("local", [])) == sorted(run for run, known in self.known.items() if known.ready(now))

    @invariant()
    def mail_is_read_once_and_in_order(self) -> None:
        for known in getattr(self, "known", {}).values():
            assert known.read == known.mail[: len(known.read)]

    @invariant()
    def effects_happen_at_most_once_and_are_never_forgotten(self) -> None:
        assert all(count == 1 for count in getattr(self, "world", {}).values())
        for known in getattr(self, "known", {}).values():
            assert all(key in self.world for key, state in known.effects.items() if state == "done")

    def _posted(self, run: RunId, id: str | None = None) -> None:
        known = self.known[run]
        known.wake += 1
        known.mail.append(id or self.read(lambda tx: mail.unread(tx, run, 0)[len(known.mail)].id))

    @staticmethod
    def _cursor(tx: Transaction, run: RunId) -> int:
        read = [event for event in events.of_run(tx, run, limit=100_000) if event.kind == "test.read"]
        cursor: int = read[-1].data["cursor"] if read else 0
        return cursor

    def _claims(self, run: RunId) -> dict[str, int]:
        found = self.read(lambda tx: effects.of_run(tx, run))
        return {one.key: one.epoch for one in found if one.state is EffectState.CLAIMED}

    @staticmethod
    def _as_row(known: Known) -> tuple[Any, ...]:
        row = (known.status, known.wake, known.seen, known.epoch, known.until, known.not_before)
        return (*row, known.mail, known.read, known.effects)

    def _row(self, tx: Transaction, run: RunId) -> tuple[Any, ...]:
        row = tx.row(select(runs_table).where(runs_table.c.id == run))
        kept = [event for event in events.of_run(tx, run, limit=100_000)]
        assert [event.seq for event in kept] == list(range(1, len(kept) + 1))
        read = [id for event in kept if event.kind == "test.read" for id in event.data["messages"]]
        posted = [one.id for one in mail.unread(tx, run, 0)]
        states = {one.key: one.state.value for one in effects.of_run(tx, run)}
        found = (row.status, row.wake, row.seen, row.epoch, row.lease_until, row.not_before)
        return (*found, posted, read, states)


_PHASES = (Phase.explicit, Phase.generate)  # making an example smaller takes minutes
_QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


def _machine(new_record: Callable[[], str]) -> type[LedgerMachine]:
    return type("Machine", (LedgerMachine,), {"new_record": staticmethod(new_record)})


def test_any_order_of_events_keeps_the_invariants_in_a_file(tmp_path: Path) -> None:
    files: Iterator[str] = (str(tmp_path / f"{number}.db") for number in itertools.count())
    limits = settings(
        max_examples=50,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        phases=_PHASES,
        suppress_health_check=_QUIET,
    )
    run_state_machine_as_test(_machine(files.__next__), settings=limits)


def test_any_order_of_events_keeps_the_invariants_on_postgres(postgres: PostgresServer) -> None:
    limits = settings(
        max_examples=8,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        phases=_PHASES,
        suppress_health_check=_QUIET,
    )
    run_state_machine_as_test(_machine(postgres.record), settings=limits)
