"""Hand-offs and joins against a model of a few lines: one owner at any time, one end, one word of it, joins fire once.

Givers, takers, timers, people who are late and workers that have lost their runs come in any order. A crash is a step
that is done again by who does not know that it was done.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

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

from baton.core import Conflict, Goal, Label, MailArrived, ManualClock, RunId, Trust
from baton.graph import handing, rerouting
from baton.graph.alarms import fire_due
from baton.graph.ending import end
from baton.graph.outcome import End
from baton.ledger import Handoff, HandoffState, Ledger, Transaction, events, handoffs, joins, mail, runs
from baton.ledger.joins import Join
from support.postgres import PostgresServer

T = TypeVar("T")

PICKS = st.integers(0, 10_000)
OPEN = (HandoffState.OFFERED, HandoffState.TAKEN, HandoffState.ASKED)
BY_TAKER = {"done": HandoffState.RETURNED, "refused": HandoffState.REFUSED, "failed": HandoffState.FAILED}


@dataclass
class Known:
    """What a hand-off must be."""

    giver: RunId
    taker: str
    state: HandoffState = HandoffState.OFFERED
    ends: list[HandoffState] = field(default_factory=list[HandoffState])


class HandoffMachine(RuleBasedStateMachine):
    """Givers and takers on one record."""

    new_record: Callable[[], str]

    @initialize()
    def open(self) -> None:
        self.clock = ManualClock()
        self.runner = asyncio.Runner()
        self.ledger = self.runner.run(Ledger.open(type(self).new_record(), self.clock))
        self.number = itertools.count()
        self.known: dict[str, Known] = {}
        self.pieces: dict[str, int] = {}  # how many of a join have ended, by the run that joins
        self.joined: dict[str, str] = {}
        self.giver = self.write(lambda tx: runs.create(tx, Goal("give"), "giver")[0])

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

    def one(self, pick: int) -> Handoff:
        id = list(self.known)[pick % len(self.known)]
        return self.read(lambda tx: handoffs.get(tx, id))

    @rule(to=st.sampled_from(["ann", "person:eve"]), rest=st.lists(st.sampled_from(["bob", "cat"]), max_size=2))
    def offers(self, to: str, rest: list[str]) -> None:
        left = [(name, handing.Terms()) for name in dict.fromkeys(rest)] if to == "ann" else []
        route = rerouting.route_of("do it", None, None, Label(Trust.AGENT), left)

        def offer(tx: Transaction) -> Handoff:
            run, action = runs.get(tx, self.giver), f"{self.giver}.{next(self.number)}.0"
            due = tx.now + 600.0 if len(rest) == 1 else None
            made = handing.drafted(run, action, to, handing.Terms(), 1, due, tx.now, route)
            handing.offer(tx, run, made, "do it", None, Label(Trust.AGENT))
            return made

        made = self.write(offer)
        self.known[made.id] = Known(self.giver, to)

    @rule(count=st.integers(1, 4))
    def spreads(self, count: int) -> None:
        def spread(tx: Transaction) -> list[Handoff]:
            run = runs.get(tx, runs.create(tx, Goal("join"), "joiner")[0])
            joins.create(tx, run.id, "all", Join(total=count, needed=count, strict=False))
            found = []
            for place in range(count):
                id, terms = f"{run.id}.1.0.{place}", handing.Terms()
                made = handing.drafted(run, id, "ann", terms, 1, None, tx.now, joined="all", item=place)
                handing.offer(tx, run, made, "do it", None, Label(Trust.AGENT))
                found.append(made)
            joins.spread(tx, run.id, "all", count, count)
            return found

        for made in self.write(spread):
            self.known[made.id] = Known(made.run, "ann")
            self.joined[made.id] = made.run
            self.pieces.setdefault(made.run, 0)

    @precondition(lambda self: self.known)
    @rule(pick=PICKS)
    def takes(self, pick: int) -> None:
        made = self.one(pick)
        known = self.known[made.id]
        assert self.write(lambda tx: handoffs.take(tx, made)) is (known.state is HandoffState.OFFERED)
        if known.state is HandoffState.OFFERED:
            known.state = HandoffState.TAKEN

    @precondition(lambda self: self.known)
    @rule(pick=PICKS, asks=st.booleans())
    def asks_or_is_told(self, pick: int, asks: bool) -> None:
        made = self.one(pick)
        known, before = self.known[made.id], HandoffState.TAKEN if asks else HandoffState.ASKED
        step = handoffs.ask if asks else handoffs.told
        try:
            self.write(lambda tx: step(tx, made))
        except Conflict:
            assert known.state is not before
        else:
            assert known.state is before
            known.state = HandoffState.ASKED if asks else HandoffState.TAKEN

    @precondition(lambda self: self.known)
    @rule(pick=PICKS, how=st.sampled_from([*BY_TAKER]), again=st.integers(1, 3))
    def ends(self, pick: int, how: str, again: int) -> None:
        """The taker's run ends; by others that do not know of it, once more."""
        made = self.one(pick)
        if made.child is None:
            return
        for _ in range(again):
            self._end_once(made, made.child, how)

    def _end_once(self, made: Handoff, child: RunId, how: str) -> None:
        run = self.read(lambda tx: runs.get(tx, child))
        if run.ended:
            return self._ended(made, BY_TAKER[how], self.write(partial(self._end_again, made=made, how=how)))
        cursor = self.read(lambda tx: max([0, *(one.seq for one in mail.unread(tx, child, 0))]))
        ended = End(outcome=how, summary="so")  # type: ignore[arg-type]
        was_open = self.read(lambda tx: handoffs.get(tx, made.id).state in OPEN)
        self.write(lambda tx: end(tx, run, cursor, ended, Label(Trust.AGENT)))
        return self._ended(made, BY_TAKER[how], was_open)

    @staticmethod
    def _end_again(tx: Transaction, made: Handoff, how: str) -> bool:
        return handoffs.end(tx, handoffs.get(tx, made.id), BY_TAKER[how], "once more")

    @precondition(lambda self: self.known)
    @rule(pick=PICKS)
    def withdraws(self, pick: int) -> None:
        made = self.one(pick)
        try:
            self.write(lambda tx: handing.withdraw(tx, runs.get(tx, made.run), made, "no longer"))
        except MailArrived:
            assert self.known[made.id].state not in OPEN
        else:
            self._ended(made, HandoffState.WITHDRAWN, True)

    @rule(seconds=st.sampled_from([30.0, 90.0, 700.0, 1200.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

        async def fire() -> None:
            while await fire_due(self.ledger):
                pass

        self.runner.run(fire())
        for made in self.read(lambda tx: handoffs.of_run(tx, self.giver)):
            known = self.known.setdefault(made.id, Known(made.run, made.taker))
            if known.state in OPEN and made.state not in OPEN:
                assert made.state is HandoffState.EXPIRED  # late, or moved to who is idle
                self._ended(made, made.state, True)
            elif made.state is HandoffState.TAKEN and known.state is HandoffState.OFFERED:
                known.state = made.state

    def _ended(self, made: Handoff, how: HandoffState, first: bool) -> None:
        known = self.known[made.id]
        assert first is (known.state in OPEN), "the first end counts, and no other"
        if first:
            known.state = how
            known.ends.append(how)
            if made.id in self.joined:
                self.pieces[self.joined[made.id]] += 1

    @invariant()
    def one_has_it_and_it_has_ended_once(self) -> None:
        if not hasattr(self, "known"):
            return
        for id, known in self.known.items():
            found = self.read(lambda tx, id=id: handoffs.get(tx, id))  # type: ignore[misc]
            assert found.state is known.state, id
            assert found.owner == (
                found.taker if known.state in (HandoffState.TAKEN, HandoffState.ASKED) else found.giver
            )
            assert len(known.ends) == (known.state not in OPEN)
            told = self.read(lambda tx, f=found: self._told(tx, f))  # type: ignore[misc]
            assert told <= 1, f"{id}: its end was told {told} times"
            if known.state in (HandoffState.RETURNED, HandoffState.REFUSED) and id not in self.joined:
                assert told == (found.child is not None)

    @staticmethod
    def _told(tx: Transaction, found: Handoff) -> int:
        """How often the giver's mailbox has the end of a piece of work."""
        letters = [one for one in mail.unread(tx, found.run, 0) if one.kind == "handoff" and "returned]" in one.text]
        return sum(one.ref == found.child for one in letters)

    @invariant()
    def at_most_one_of_a_route_is_open(self) -> None:
        if not hasattr(self, "known"):
            return
        chains: dict[str, list[Handoff]] = {}
        for made in self.read(lambda tx: handoffs.of_run(tx, self.giver)):
            chains.setdefault(made.action.partition("~")[0], []).append(made)
        assert all(sum(one.state in OPEN for one in chain) <= 1 for chain in chains.values())

    @invariant()
    def a_join_has_counted_each_piece_once_and_is_told_once(self) -> None:
        if not hasattr(self, "pieces"):
            return
        for run, ended in self.pieces.items():
            found = self.read(lambda tx, run=run: joins.get(tx, RunId(run), "all"))  # type: ignore[misc]
            assert found is not None
            assert found.ended == ended
            letters = self.read(lambda tx, run=run: [one for one in mail.unread(tx, RunId(run), 0)])  # type: ignore[misc]
            fired = sum(one.text.startswith("[join all]") for one in letters)
            assert fired <= (ended == found.total), "told once, and not before all have ended"

    @invariant()
    def each_step_is_an_event_once(self) -> None:
        if not hasattr(self, "known"):
            return
        kept = self.read(lambda tx: events.of_run(tx, self.giver, limit=100_000))
        ends = [
            one.data["handoff"] for one in kept if one.kind.removeprefix("handoff.") in set(HandoffState) - set(OPEN)
        ]
        assert len(ends) == len(set(ends))


_PHASES = (Phase.explicit, Phase.generate)  # making an example smaller takes minutes
_QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


def _played(new_record: Callable[[], str], examples: int) -> None:
    limits = settings(
        max_examples=examples,
        stateful_step_count=30,
        deadline=None,
        derandomize=True,
        phases=_PHASES,
        suppress_health_check=_QUIET,
    )
    machine: Any = type("Machine", (HandoffMachine,), {"new_record": staticmethod(new_record)})
    run_state_machine_as_test(machine, settings=limits)


def test_any_order_of_steps_leaves_work_with_one_owner_in_a_file(tmp_path: Path) -> None:
    files: Iterator[str] = (str(tmp_path / f"{number}.db") for number in itertools.count())
    _played(files.__next__, 30)


def test_any_order_of_steps_leaves_work_with_one_owner_on_postgres(postgres: PostgresServer) -> None:
    _played(postgres.record, 5)
