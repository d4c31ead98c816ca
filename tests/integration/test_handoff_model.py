"""Hand-offs and joins against a model of a few lines: one owner at any time, one end, one word of it, joins fire once.

Givers, takers, timers, people who are late and workers that have lost their runs come in any order. A crash is a step
that is done again by who does not know that it was done, or one that is undone before it was committed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from baton.core import Conflict, Goal, Label, MailArrived, RunId, Trust
from baton.graph import handing, rerouting
from baton.graph.alarms import fire_due
from baton.graph.ending import end
from baton.graph.outcome import End
from baton.ledger import Handoff, HandoffState, Transaction, Work, events, handoffs, joins, mail, runs
from baton.ledger.joins import Join, Missed
from support.modelling import PICKS, Process, RecordMachine, play

OPEN = (HandoffState.OFFERED, HandoffState.TAKEN, HandoffState.ASKED)
BY_TAKER = {"done": HandoffState.RETURNED, "refused": HandoffState.REFUSED, "failed": HandoffState.FAILED}


@dataclass
class Known:
    """What a hand-off must be."""

    giver: RunId
    taker: str
    state: HandoffState = HandoffState.OFFERED
    ends: list[HandoffState] = field(default_factory=list[HandoffState])


@dataclass
class Spread:
    """What a join must be.

    Attributes:
        wakes_at: How many have to have ended before its giver is told, if nothing is decided before.
        listens: Whether its giver waits to be told.
        owed: How often it is still to be told: when somebody looks at the clock.
        told: How often it was.
    """

    total: int
    needed: int
    strict: bool
    wakes_at: int
    ended: int = 0
    returned: int = 0
    listens: bool = True
    owed: int = 0
    told: int = 0

    @property
    def over(self) -> bool:
        lost = self.ended - self.returned
        hopeless = self.strict and self.total - lost < self.needed
        return self.returned >= self.needed or self.ended == self.total or hopeless

    def look(self) -> None:
        if self.listens and (self.over or self.ended >= self.wakes_at):
            self.listens, self.owed = False, self.owed + 1


class HandoffMachine(RecordMachine):
    """Givers and takers on one record."""

    @initialize()
    def begin(self) -> None:
        self.known: dict[str, Known] = {}
        self.spread: dict[RunId, Spread] = {}  # by the run that joins
        self.giver = self.write(lambda tx: runs.create(tx, Goal("give"), "giver")[0])

    def one(self, pick: int, of: Sequence[str] = ()) -> Handoff:
        some = of or [*self.known]
        return self.read(lambda tx: handoffs.get(tx, some[pick % len(some)]))

    @rule(to=st.sampled_from(["ann", "person:eve"]), rest=st.lists(st.sampled_from(["bob", "cat"]), max_size=2))
    def offers(self, to: str, rest: list[str]) -> None:
        if len(self.known) >= 12:  # no precondition: with times that are alike, what happens is not always the same
            return
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

    @rule(
        count=st.integers(1, 4),
        missed=st.integers(0, 1),
        needed=PICKS,
        wakes_at=st.integers(1, 4),
        strict=st.booleans(),
    )
    def spreads(self, count: int, missed: int, needed: int, wakes_at: int, strict: bool) -> None:
        """Work goes to many at once; of some of it nobody could be asked."""
        total = count + missed
        model = Spread(total, 1 + needed % total, strict, min(total, wakes_at), ended=missed)

        def spread(tx: Transaction) -> list[Handoff]:
            run = runs.get(tx, runs.create(tx, Goal("join"), "joiner")[0])
            joins.create(tx, run.id, "all", Join(total=total, needed=model.needed, strict=strict))
            found = []
            for place in range(count):
                id, terms = f"{run.id}.1.0.{place}", handing.Terms()
                made = handing.drafted(run, id, "ann", terms, 1, None, tx.now, joined="all", item=place)
                handing.offer(tx, run, made, "do it", None, Label(Trust.AGENT))
                found.append(made)
            gone = [Missed(item=place, state="denied", said="") for place in range(count, total)]
            joins.spread(tx, run.id, "all", count, model.wakes_at, gone)
            return found

        for made in self.write(spread):
            self.known[made.id] = Known(made.run, "ann")
            self.spread[made.run] = model
        model.look()

    @precondition(lambda self: self.waiting())
    @rule(pick=PICKS, more=st.integers(1, 2))
    def hears(self, pick: int, more: int) -> None:
        """The giver has heard how far it is, and waits for so many more."""
        run, model = self.waiting()[pick % len(self.waiting())]
        at = min(model.total, model.ended + more)
        self.write(lambda tx: joins.spread(tx, run, "all", 0, at))
        model.listens, model.wakes_at = True, at
        model.look()

    def waiting(self) -> list[tuple[RunId, Spread]]:
        """Joins whose giver has been told how far they are, and that are not over."""
        return [(run, one) for run, one in self.spread.items() if not (one.listens or one.owed or one.over)]

    @precondition(lambda self: self.spread)
    @rule(pick=PICKS)
    def takes_all_back(self, pick: int) -> None:
        run, model = [*self.spread.items()][pick % len(self.spread)]
        pieces = self.read(lambda tx: handoffs.open_of_join(tx, run, "all"))
        self.write(lambda tx: handing.withdraw_joined(tx, runs.get(tx, run), "all", "no longer"))
        model.listens = False
        for made in pieces:
            self._ended(made, HandoffState.WITHDRAWN, True)

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
        if self.read(lambda tx: runs.get(tx, child)).ended:
            return self._ended(made, BY_TAKER[how], self.write(partial(self._end_again, made=made, how=how)))
        was_open = self.known[made.id].state in OPEN
        self.write(self._ending(made, how))
        return self._ended(made, BY_TAKER[how], was_open)

    def _ending(self, made: Handoff, how: str) -> Work[None]:
        """The end of the taker's run, by a worker that has read all its mail and holds it."""
        child = made.child
        assert child is not None
        run = self.read(lambda tx: runs.get(tx, child))
        cursor = self.read(lambda tx: max([0, *(one.seq for one in mail.unread(tx, child, 0))]))
        ended = End(outcome=how, summary="so")  # type: ignore[arg-type]

        def work(tx: Transaction) -> None:
            runs.lock(tx, child)
            end(tx, run, cursor, ended, Label(Trust.AGENT))

        return work

    def _withdrawing(self, made: Handoff) -> Work[None]:
        return lambda tx: handing.withdraw(tx, runs.get(tx, made.run), made, "no longer")

    @staticmethod
    def _end_again(tx: Transaction, made: Handoff, how: str) -> bool:
        return handoffs.end(tx, handoffs.get(tx, made.id), BY_TAKER[how], "once more")

    @precondition(lambda self: any(one.ended + 1 < one.total for one in self.spread.values()))
    @rule(pick=PICKS, hows=st.tuples(*[st.sampled_from([*BY_TAKER])] * 2))
    def two_end_at_once(self, pick: int, hows: tuple[str, str]) -> None:
        """Two pieces of one join, in the hands of two workers."""
        joined = [run for run, one in self.spread.items() if one.ended + 1 < one.total]
        run = joined[pick % len(joined)]
        pieces = self.read(lambda tx: handoffs.open_of_join(tx, run, "all"))[:2]
        ends = [self._ending(made, how) for made, how in zip(pieces, hows, strict=True)]
        done = self.overlap(lambda go_on: Process(self.here, go_on).write(ends[0]), lambda: self.there.write(ends[1]))
        assert done == (None, None)
        for made, how in zip(pieces, hows, strict=True):
            self._ended(made, BY_TAKER[how], True)

    @precondition(lambda self: self.known)
    @rule(pick=PICKS, how=st.sampled_from([*BY_TAKER]), end_first=st.booleans())
    def withdraws_as_it_ends(self, pick: int, how: str, end_first: bool) -> None:
        """Of its giver and its taker, at the same moment, one ends it, and the other hears of that."""
        mine = [id for id, one in self.known.items() if one.state in OPEN]
        made = self.one(pick, mine)
        if made.child is None or not mine:
            return
        ends, back = self._ending(made, how), self._withdrawing(made)
        one, other = (ends, back) if end_first else (back, ends)
        done = self.overlap(lambda go_on: Process(self.here, go_on).write(one), lambda: self.there.write(other))
        assert done[0] is None
        assert isinstance(done[1], MailArrived)
        self._ended(made, BY_TAKER[how] if end_first else HandoffState.WITHDRAWN, True)

    @precondition(lambda self: self.known)
    @rule(pick=PICKS)
    def withdraws(self, pick: int) -> None:
        made = self.one(pick)
        try:
            self.write(self._withdrawing(made))
        except MailArrived:
            assert self.known[made.id].state not in OPEN
        else:
            self._ended(made, HandoffState.WITHDRAWN, True)

    @rule(seconds=st.sampled_from([30.0, 90.0, 700.0, 1200.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)
        while self.act(fire_due):
            pass
        for model in self.spread.values():
            model.told, model.owed = model.told + model.owed, 0
        self._see()

    @precondition(lambda self: self.known)
    @rule(pick=PICKS)
    def is_offered_on_twice(self, pick: int) -> None:
        """Two find that somebody has not done it, and offer it to the next one."""
        left = self.read(lambda tx: handoffs.following_of(tx, self.giver))
        if left:
            id, _ = left[pick % len(left)]
            on: Work[None] = partial(rerouting.reroute, id=id)
            done = self.overlap(lambda go_on: Process(self.here, go_on).write(on), lambda: self.there.write(on))
            assert done == (None, None)
            self._see()

    def _see(self) -> None:
        """What was offered to others, what has expired, and what people have taken, as time has passed."""
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
            if made.joined is not None:
                model = self.spread[made.run]
                model.ended, model.returned = model.ended + 1, model.returned + (how is HandoffState.RETURNED)
                model.look()

    @invariant()
    def one_has_it_and_it_has_ended_once(self) -> None:
        made, letters, steps = self.read(self._look)
        assert made.keys() == self.known.keys()
        for id, known in self.known.items():
            found = made[id]
            assert found.state is known.state, id
            assert found.owner == (found.taker if known.state.with_taker else found.giver)
            assert len(known.ends) == (known.state not in OPEN) == steps[known.giver].count(id)
            told = sum("returned]" in one.text and one.ref == found.child for one in letters[known.giver])
            assert told <= 1, f"{id}: its end was told {told} times"
            if known.state in (HandoffState.RETURNED, HandoffState.REFUSED) and found.joined is None:
                assert told == (found.child is not None)
        for run, model in self.spread.items():
            assert sum(one.text.startswith("[join all]") for one in letters[run]) == model.told

    def _look(
        self, tx: Transaction
    ) -> tuple[dict[str, Handoff], dict[RunId, list[mail.Message]], dict[RunId, list[str]]]:
        """The hand-offs, and of each giver its mailbox, and of what hand-offs the end is an event."""
        givers = [self.giver, *self.spread]
        ends = {f"handoff.{state}" for state in set(HandoffState) - set(OPEN)}
        return (
            {one.id: one for run in givers for one in handoffs.of_run(tx, run)},
            {run: mail.unread(tx, run, 0) for run in givers},
            {
                run: [one.data["handoff"] for one in events.of_run(tx, run, limit=100_000) if one.kind in ends]
                for run in givers
            },
        )

    @invariant()
    def at_most_one_of_a_route_is_open(self) -> None:
        chains: dict[str, list[Handoff]] = {}
        for made in self.read(lambda tx: handoffs.of_run(tx, self.giver)):
            chains.setdefault(made.action.partition("~")[0], []).append(made)
        assert all(sum(one.state in OPEN for one in chain) <= 1 for chain in chains.values())

    @invariant()
    def a_join_has_counted_each_piece_once(self) -> None:
        found = self.read(lambda tx: {run: joins.get(tx, run, "all") for run in self.spread})
        for run, model in self.spread.items():
            join = found[run]
            assert join is not None
            assert (join.ended, join.returned) == (model.ended, model.returned)


def test_any_order_of_steps_leaves_work_with_one_owner(new_record: Callable[[], str]) -> None:
    play(HandoffMachine, new_record, examples=15, steps=30)
