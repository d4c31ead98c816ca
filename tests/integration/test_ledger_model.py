"""The ledger against a model of a few lines: whatever happens in whatever order, the invariants hold.

Of everything that is written, somebody has died just before it was committed. A worker that is taken over does not
know: it goes on as before, with whatever it had in mind.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from langgraph.checkpoint.base import empty_checkpoint
from sqlalchemy import select

from baton.core import (
    ActionId,
    Conflict,
    Goal,
    Label,
    MailArrived,
    MailboxFull,
    MessageId,
    ReviewId,
    Ruling,
    RunId,
    Superseded,
    Trust,
    Verdict,
)
from baton.graph import Hold, LedgerSaver
from baton.graph.alarms import fire_due
from baton.graph.ending import end
from baton.graph.outcome import End
from baton.graph.saver import HOLD
from baton.ledger import (
    DecisionKind,
    EffectState,
    Lease,
    Ledger,
    ReviewKind,
    Transaction,
    Work,
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
from support.modelling import PICKS, Killed, Process, RecordMachine, play

T = TypeVar("T")

LEASE = 30.0
MOST_UNREAD = 7
DONE = End(outcome="done", summary="")
ASK = Verdict(ruling=Ruling.ASK, reason="", policy="", kind="a/b")


@dataclass
class Known:
    """What a run must be.

    Attributes:
        notes: The epochs of the workers that have written something down.
        effects: Of each action how far it is, and what came of it.
    """

    status: str = "ready"
    wake: int = 1
    seen: int = 0
    epoch: int = 0
    owner: str | None = None
    until: float | None = None
    not_before: float = 0.0
    takeovers: int = 0
    mail: list[str] = field(default_factory=list[str])
    read: list[str] = field(default_factory=list[str])
    notes: list[int] = field(default_factory=list[int])
    effects: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])

    @property
    def ended(self) -> bool:
        return self.status in runs.ENDED

    def given_back(self) -> None:
        self.owner, self.until, self.takeovers = None, None, 0


class LedgerMachine(RecordMachine):
    """Users, deciders, timers and workers, some of them stale, on one record."""

    @initialize()
    def begin(self) -> None:
        self.known: dict[RunId, Known] = {}
        self.keys: dict[str, RunId] = {}
        self.leases: list[Lease] = []
        self.world: set[str] = set()
        self.open_reviews: dict[ReviewId, RunId] = {}
        self.decided: dict[ReviewId, str] = {}
        self.timers: list[tuple[float, RunId]] = []
        self.submit(None)

    def a_run(self, pick: int) -> RunId:
        return list(self.known)[pick % len(self.known)]

    def at_work(self) -> list[Lease]:
        """The newest leases; those of workers that were taken over, and do not know, left out."""
        return [one for one in self.leases if self.known[one.run].epoch == one.epoch]

    def a_lease(self, pick: int) -> Lease:
        return self.at_work()[pick % len(self.at_work())]

    def is_ready(self, run: RunId) -> bool:
        known, now = self.known[run], self.clock.now()
        at_work = [one for one in self.known.values() if one.until is not None and one.until >= now]
        alone = not (known.takeovers and any(one.takeovers for one in at_work))  # who may have killed its worker
        return known.wake > known.seen and known.not_before <= now and known not in at_work and alone

    # What people do.

    @precondition(lambda self: len(self.known) < 3)
    @rule(key=st.sampled_from(["a", "b", None]))
    def submit(self, key: str | None) -> None:
        """Somebody does; with a key two of them, who know nothing of each other."""
        create = partial(runs.create, goal=Goal("g"), agent="clerk", key=key)
        made = [self.write(create)] if key in (None, *self.keys) else []
        if not made:
            made = self.at_once(lambda: self.here.write(create), lambda: self.there.write(create))
        (run,) = {run for run, _ in made}
        assert sum(new for _, new in made) == (key is None or key not in self.keys)
        if key is not None:
            assert self.keys.setdefault(key, run) == run
        self.known.setdefault(run, Known())

    @precondition(lambda self: self.known)
    @rule(pick=PICKS, again=st.booleans(), kind=st.sampled_from(["user", "timer", "cancel", None]))
    def message(self, pick: int, again: bool, kind: mail.MessageKind | None) -> None:
        """Somebody writes to a run, perhaps what was written already; or wakes it, and says nothing."""
        run = self.a_run(pick)
        known = self.known[run]
        if kind is None:
            self.write(lambda tx: runs.wake(tx, run))
            known.wake += 1
            return
        id = MessageId(known.mail[-1] if again and known.mail else f"msg_{next(self.number)}")
        post = partial(mail.post, run=run, kind=kind, sender="ann", text="x", id=id)
        if id in known.mail:
            self.write(post)
        elif known.ended:
            with pytest.raises(Conflict, match="has ended"):
                self.write(post)
        elif kind == "user" and known.wake - known.seen >= MOST_UNREAD:
            with pytest.raises(MailboxFull):
                self.write(post)
        else:
            self.write(post)
            self._posted(run, id)
            known.not_before = 0.0 if kind == "cancel" else known.not_before

    @precondition(lambda self: self.open_reviews or self.decided)
    @rule(pick=PICKS, by=st.sampled_from(["ann", "bob"]))
    def decide(self, pick: int, by: str) -> None:
        every = [*self.open_reviews, *self.decided]
        review, answer = every[pick % len(every)], Answer(kind=DecisionKind.RESPOND, by=by, note="yes")
        if review in self.decided:
            with pytest.raises(Conflict, match=f"{self.decided[review]} decided it"):
                self.act(lambda ledger: ReviewQueue(ledger).decide(review, answer))
        else:
            self.act(lambda ledger: ReviewQueue(ledger).decide(review, answer))
            self.decided[review] = by
            self._posted(self.open_reviews.pop(review))

    # What time does.

    @precondition(lambda self: self.leases or self.timers)
    @rule(seconds=st.sampled_from([1.0, 10.0, LEASE, LEASE + 1]))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @precondition(lambda self: self.timers)
    @rule()
    def fire(self) -> None:
        """Two look at once, while a run of those whose time has come is in somebody's hands."""
        due = sorted(one for one in self.timers if one[0] <= self.clock.now())

        def hold(go_on: Callable[[], None]) -> Awaitable[object]:
            return Process(self.here, go_on).write(lambda tx: runs.lock(tx, due[0][1]))

        async def both() -> int:
            return sum(await asyncio.gather(fire_due(self.here), fire_due(self.there)))

        if due:
            assert self.overlap(hold, both)[1] == len(due)
        assert self.act(fire_due) == 0
        for one in due:
            self.timers.remove(one)
            if not self.known[one[1]].ended:
                self._posted(one[1])

    # What workers do.

    @precondition(lambda self: self.known)
    @rule(pick=PICKS, how=st.sampled_from(["alone", "beside another", "and sleeps through it"]))
    def take(self, pick: int, how: str) -> None:
        run = self.a_run(pick)
        first, second = self._taking(run), self._taking(run)
        ready = self.is_ready(run)
        if how == "beside another":
            both = self.overlap(lambda go_on: Process(self.here, go_on).write(first), lambda: self.there.write(second))
            self._taken([*both], ready)
        else:
            self._taken([self.write(first)], ready)
        if how == "and sleeps through it":
            self.clock.advance(LEASE + 1)
            ready = self.is_ready(run)
            self._taken([self.write(second)], ready)

    @precondition(lambda self: self.at_work())
    @rule(pick=PICKS, among=st.booleans())
    def take_over_in_the_middle(self, pick: int, among: bool) -> None:
        """A worker wakes too late: another takes the run over as it has just begun to write, or among its writes."""
        lease = self.a_lease(pick)
        beside = [one for one in self.at_work() if one.run != lease.run][:1]
        if not beside:
            self.submit(None)
            self.take(-1, "alone")
            beside = self.leases[-1:]
        self.clock.advance(LEASE + 1)
        ready, take = self.is_ready(lease.run), self._taking(lease.run)

        def slow(tx: Transaction, go_on: Callable[[], None]) -> None:
            go_on()
            _note(tx, lease)

        async def slowly(go_on: Callable[[], None]) -> None:
            write = Hold(self.here, lease).write(partial(slow, go_on=go_on))
            await asyncio.gather(write, *(self._noting(one)() for one in beside))

        if among:
            first, taken, last = self.at_once(self._noting(lease), lambda: self.here.write(take), self._noting(lease))
            refused = [one for one in (first, last) if one is not None]
            assert all(isinstance(one, Superseded) for one in refused) and (taken or not refused)
            self.known[lease.run].notes += [lease.epoch] * (2 - len(refused))
        else:
            done, taken = self.overlap(slowly, lambda: self.there.write(take))
            assert done is None
            for one in (lease, *beside):
                self.known[one.run].notes.append(one.epoch)
        self._taken([taken], ready)

    @precondition(lambda self: any(known.until is not None for known in self.known.values()))
    @rule()
    def dispatch_anew(self) -> None:
        """The process that alone dispatches begins, and knows that nobody else can be at work."""
        held = [known for known in self.known.values() if known.until is not None]
        assert self.write(leases.free_all) == len(held)
        for known in held:
            known.takeovers += known.owner is not None
            known.owner = known.until = None

    @precondition(lambda self: len(self.leases) > len(self.at_work()))
    @rule(pick=PICKS)
    def wake_too_late(self, pick: int) -> None:
        """A worker that was taken over does what it had in mind: it is refused, and takes nobody along."""
        late = [one for one in self.leases if one not in self.at_work()]
        lease = late[pick % len(late)]
        for does in self._all_that_is_done(lease):
            with pytest.raises(Superseded):
                self.do(does)
        some = [lease, *self.at_work()[:2]]
        *written, killed = self.at_once(
            *map(self._noting, some), lambda: self.dying.write(lambda tx: runs.wake(tx, lease.run))
        )
        assert isinstance(killed, Killed)
        for one, done in zip(some, written, strict=True):
            assert isinstance(done, Superseded) if one is lease else done is None
            self.known[one.run].notes += [] if one is lease else [one.epoch]

    def _all_that_is_done(self, lease: Lease) -> list[Callable[[Ledger], Any]]:
        key = ActionId(f"{lease.run}/a")
        known = self.read(lambda tx: runs.get(tx, lease.run))
        by: Any = {"run": lease.run, "epoch": lease.epoch, "key": key}
        works: list[Work[Any]] = [
            partial(effects.claim, tool="pay", arguments=None, **by),
            partial(effects.settle, state=EffectState.DONE, result="paid", **by),
            partial(effects.postpone, why="no answer", seconds=1.0, happened=False, **by),
            *self._ways(lease).values(),
        ]
        fenced: list[Work[Any]] = [
            lambda tx: _note(tx, lease),
            lambda tx: end(tx, known, 2**53, DONE, Label(Trust.USER)),
        ]
        return [
            *(partial(_write, work) for work in works),
            *(partial(_write_held, lease, work) for work in fenced),
            partial(_read_mail, lease),
        ]

    @staticmethod
    def _ways(lease: Lease) -> dict[str, Work[None]]:
        """What becomes of a lease."""
        return {
            "park": lambda tx: leases.park(tx, lease),
            "pause": lambda tx: leases.pause(tx, lease, "trouble", 5.0),
            "hand back": lambda tx: leases.hand_back(tx, lease),
            "renew": lambda tx: leases.renew(tx, lease, LEASE),
        }

    @precondition(lambda self: self.at_work())
    @rule(pick=PICKS)
    def read_mail(self, pick: int) -> None:
        """How far was read stands in the state, with what came of it."""
        lease = self.a_lease(pick)
        known = self.known[lease.run]
        known.read += self.act(partial(_read_mail, lease))
        assert known.read == known.mail, "read once, in order, and none left out"

    @precondition(lambda self: self.at_work())
    @rule(pick=PICKS, name=st.sampled_from("ab"), until=st.sampled_from(["claim", "call", "end"]))
    def carry_out(self, pick: int, name: str, until: str) -> None:
        """Claim, call a target that can be asked, confirm; the worker may die in between."""
        lease = self.a_lease(pick)
        known, key = self.known[lease.run], ActionId(f"{lease.run}/{name}")
        if known.effects.get(key, ("", ""))[0] == "done":
            return
        by: Any = {"run": lease.run, "epoch": lease.epoch, "key": key}
        self.write(partial(effects.claim, tool="pay", arguments=None, **by))
        known.effects[key] = ("claimed", "")
        if until == "claim":
            return
        self.world.add(key)  # it asks first whether it has happened
        if until == "end":
            said = f"paid by {lease.epoch}"
            self.write(partial(effects.settle, state=EffectState.DONE, result=said, **by))
            known.effects[key] = ("done", said)

    @precondition(lambda self: any(not self.known[one.run].ended for one in self.at_work()))
    @rule(pick=PICKS, seconds=st.sampled_from([0.0, 20.0]))
    def ask_and_set_a_timer(self, pick: int, seconds: float) -> None:
        lease = self.a_lease(pick)
        if self.known[lease.run].ended:
            return
        review, due = ReviewId(f"rev_{next(self.number)}"), self.clock.now() + seconds

        def ask(tx: Transaction) -> None:
            question = {"summary": "?"}
            opened = partial(reviews.open_, tx, lease.run, ReviewKind.QUESTION, id=review, action=None, agent="clerk")
            opened(tool="ask", question=question, verdict=ASK, requester=None)
            timers.start(tx, lease.run, due, "wait")

        self.act(partial(_write_held, lease, ask))
        self.open_reviews[review] = lease.run
        self.timers.append((due, lease.run))

    @precondition(lambda self: self.at_work())
    @rule(pick=PICKS, how=st.sampled_from(["park", "pause", "hand back", "renew"]), at_tool=st.booleans())
    def give_back(self, pick: int, how: str, at_tool: bool) -> None:
        lease = self.a_lease(pick)
        if at_tool:
            self.carry_out(pick, "b", "claim")
        known, now, ways = self.known[lease.run], self.clock.now(), self._ways(lease)
        self.write(ways[how])
        if how == "renew":
            known.until = now + LEASE if known.owner == lease.owner else known.until
            return
        self.leases.remove(lease)
        if how == "hand back":
            known.owner = None
            if lease.epoch not in self._claims(lease.run):  # else a tool may be at work: the lease runs out
                known.until = None
        else:
            known.owner, known.until, known.takeovers = None, None, 0
        if how == "pause":
            known.not_before = now + 5.0
            if at_tool:  # a cancel waits for nothing
                self.message([*self.known].index(lease.run), again=False, kind="cancel")
        if how == "park":
            known.seen = lease.wake
            known.status = known.status if known.ended else "waiting"
        self.write(ways["renew"])  # a heartbeat that was on its way

    @precondition(lambda self: any(not self.known[one.run].ended for one in self.at_work()))
    @rule(pick=PICKS, reads=st.booleans())
    def end(self, pick: int, reads: bool) -> None:
        """A run ends, and somebody writes to it just before that is committed."""
        lease = self.a_lease(pick)
        known = self.known[lease.run]
        if known.ended:
            return
        if reads:
            self.read_mail(pick)
        row, (_, cursor) = self.read(lambda tx: runs.get(tx, lease.run)), self.do(partial(_state, lease.run))
        work: Work[None] = lambda tx: end(tx, row, cursor, DONE, Label(Trust.USER))  # noqa: E731
        id = MessageId(f"msg_{next(self.number)}")
        post = partial(mail.post, run=lease.run, kind="timer", sender="baton", text="x", id=id)
        ended, posted = self.overlap(
            lambda go_on: _write_held(lease, work, Process(self.here, go_on)), lambda: self.there.write(post)
        )
        if known.mail != known.read:
            assert isinstance(ended, MailArrived)
            assert posted == id
            self._posted(lease.run, id)
            return
        assert ended is None
        assert isinstance(posted, Conflict)
        known.status = "done"
        for review, run in list(self.open_reviews.items()):
            if run == lease.run:
                del self.open_reviews[review]
                self.decided[review] = "baton"

    # What must be so at every moment.

    @invariant()
    def the_record_is_as_it_must_be(self) -> None:
        found, ready = self.read(lambda tx: ({run: _row(tx, run) for run in self.known}, leases.ready(tx, 1000)))
        assert found == {run: _as_row(known) for run, known in self.known.items()}
        assert sorted(ready.get("local", [])) == sorted(run for run in self.known if self.is_ready(run))

    @invariant()
    def effects_are_never_forgotten(self) -> None:
        for known in self.known.values():
            assert all(key in self.world for key, (state, _) in known.effects.items() if state == "done")

    def _posted(self, run: RunId, id: str | None = None) -> None:
        known = self.known[run]
        known.wake += 1
        known.mail.append(id or self.read(lambda tx: mail.unread(tx, run, 0)[len(known.mail)].id))

    def _taking(self, run: RunId) -> Work[Lease | None]:
        """A worker takes a run, and writes that down."""
        owner = f"worker {next(self.number) % 2}"  # who may have lost it, and does not know

        def take(tx: Transaction) -> Lease | None:
            lease = leases.take(tx, run, owner, LEASE)
            if lease is not None:
                _note(tx, lease)
            return lease

        return take

    def _taken(self, taken: list[Any], ready: bool) -> None:
        found = [lease for lease in taken if lease is not None]
        assert len(found) == ready, "one has it, if anybody may"
        for lease in found:
            known = self.known[lease.run]
            known.epoch += 1
            known.takeovers += known.owner not in (None, lease.owner)
            known.owner, known.until = lease.owner, self.clock.now() + LEASE
            known.status = known.status if known.ended else "ready"
            known.notes.append(known.epoch)
            assert (lease.epoch, lease.wake) == (known.epoch, known.wake)
            self.leases.append(lease)

    def _noting(self, lease: Lease) -> Callable[[], Any]:
        return lambda: _write_held(lease, lambda tx: _note(tx, lease), self.here)

    def _claims(self, run: RunId) -> set[int]:
        return {one.epoch for one in self.read(lambda tx: effects.of_run(tx, run)) if one.state is EffectState.CLAIMED}


def _note(tx: Transaction, lease: Lease) -> None:
    events.emit(tx, lease.run, "test.note", epoch=lease.epoch)


async def _write(work: Work[T], ledger: Ledger) -> T:
    return await ledger.write(work)


async def _write_held(lease: Lease, work: Work[T], ledger: Ledger) -> T:
    return await Hold(ledger, lease).write(work)


async def _state(run: RunId, ledger: Ledger) -> tuple[int, int]:
    """The turn that a run is in, and how far it has read."""
    found = await LedgerSaver(ledger).aget_tuple({"configurable": {"thread_id": run, "checkpoint_ns": ""}})
    at = found.checkpoint["channel_values"]["at"] if found is not None else {"turn": 0, "cursor": 0}
    return at["turn"], at["cursor"]


async def _read_mail(lease: Lease, ledger: Ledger) -> list[str]:
    """Read what is behind the cursor, and store that this was done: the messages' ids."""
    saver, hold = LedgerSaver(ledger), Hold(ledger, lease)
    place: Any = {"configurable": {"thread_id": lease.run, "checkpoint_ns": "", HOLD: hold}}
    turn, cursor = await _state(lease.run, ledger)
    unread = await ledger.read(lambda tx: mail.unread(tx, lease.run, cursor))
    at = {"turn": turn + 1, "cursor": max([cursor, *(one.seq for one in unread)])}
    await saver.aput(place, empty_checkpoint() | {"id": f"{turn:08d}", "channel_values": {"at": at}}, {}, {})
    return [one.id for one in unread]


def _as_row(known: Known) -> tuple[Any, ...]:
    row = (known.status, known.wake, known.seen, known.epoch, known.owner, known.until, known.not_before)
    return (*row, known.takeovers, known.mail, sorted(known.notes), known.effects)


def _row(tx: Transaction, run: RunId) -> tuple[Any, ...]:
    row = tx.row(select(runs_table).where(runs_table.c.id == run))
    kept = events.of_run(tx, run, limit=100_000)
    assert [event.seq for event in kept] == list(range(1, len(kept) + 1))
    posted = [one.id for one in mail.unread(tx, run, 0)]
    notes = [event.data["epoch"] for event in kept if event.kind == "test.note"]  # who was taken over writes no more
    states = {one.key: (one.state.value, one.result) for one in effects.of_run(tx, run)}
    found = (row.status, row.wake, row.seen, row.epoch, row.lease_owner, row.lease_until, row.not_before)
    return (*found, row.takeovers, posted, notes, states)


def test_any_order_of_events_keeps_the_invariants(
    new_record: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "MOST_UNREAD", MOST_UNREAD)
    play(LedgerMachine, new_record, examples=16, steps=40)
