"""Resources against a model of a few lines: nobody has too much, nobody is passed, and tokens only rise.

Who asks again, for want of an answer, has asked once. Two ask, or one asks and its run ends, at the same moment.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from baton.core import ActionId, Conflict, Goal, Label, Resource, RunId, Trust
from baton.graph.alarms import fire_due
from baton.graph.ending import end
from baton.graph.outcome import End
from baton.ledger import Transaction, Work, mail, reservations, runs
from baton.ledger.reservations import Reservation
from support.modelling import PICKS, Process, RecordMachine, play

LEASES = {"one": None, "two": None, "leased": 60.0}
NAMES = st.lists(st.sampled_from([*LEASES]), min_size=1, max_size=2, unique=True)


@dataclass
class Known:
    """What a request must be.

    Attributes:
        patience: When its run waits no more; None is never.
        has: Whether it was granted.
        until: When it runs out; None while it waits, and where it does not.
        tells: Whether its run, which had to wait, is still to be told that it was granted.
    """

    run: RunId
    names: tuple[str, ...]
    patience: float | None
    has: bool = False
    until: float | None = None
    tells: bool = False


class ReservationMachine(RecordMachine):
    """Some runs, and what they share."""

    @initialize()
    def begin(self) -> None:
        self.known: dict[int, Known] = {}  # by its number
        self.keys: dict[int, ActionId] = {}
        self.tokens: dict[str, dict[int, int]] = {name: {} for name in LEASES}  # by the request that got it
        self.room = {"one": 1, "two": 2, "leased": 1}
        self.told: Counter[RunId] = Counter()
        self.ended: set[RunId] = set()
        self.runs = [self.write(lambda tx: runs.create(tx, Goal("g"), "a"))[0] for _ in range(3)]
        self.declare(2)

    def asking(self, run: RunId, key: ActionId, names: list[str], within: float | None) -> Work[Reservation]:
        asked = partial(reservations.ask, by="a", tenant="local", scope="run")
        return lambda tx: asked(tx, names, run=run, key=key, within=within)

    def ending(self, run: RunId) -> Work[None]:
        known, how = self.read(lambda tx: runs.get(tx, run)), End(outcome="done", summary="")
        return lambda tx: end(tx, known, 2**53, how, Label(Trust.USER))

    def serve(self, at_once: int | None = None) -> None:
        """Who is first for all that it waits for has it, if there is room; who asks `at_once` hears of it at once."""
        waited: set[str] = set()
        for number, one in sorted(self.known.items()):
            free = all(self.having(name) < self.room[name] for name in one.names)
            if not one.has and free and waited.isdisjoint(one.names):
                lease = min(LEASES[name] or 1e9 for name in one.names)
                one.has, one.tells = True, number != at_once
                one.until = self.clock.now() + lease if lease < 1e9 else None
            waited |= set() if one.has else set(one.names)

    def having(self, name: str) -> int:
        return sum(name in one.names for one in self.known.values() if one.has)

    def asked(self, made: Reservation, within: float | None) -> None:
        assert made.run is not None and made.key is not None
        if made.number not in self.known:
            patience = None if within is None else self.clock.now() + within
            self.known[made.number] = Known(made.run, tuple(made.tokens), patience)
            self.keys[made.number] = made.key
            self.serve(made.number)

    def gone(self, *numbers: int) -> None:
        for number in numbers:
            del self.known[number]
            self.serve()

    @rule(two=st.integers(1, 3))
    def declare(self, two: int) -> None:
        """What there is becomes known anew, as with each process that begins; of one there may be more, or less."""
        self.room["two"] = two
        there_is = [Resource(name, capacity=self.room[name], lease=lease) for name, lease in LEASES.items()]
        self.write(lambda tx: reservations.declare(tx, there_is))
        self.serve()

    @rule(all_=st.lists(st.tuples(PICKS, NAMES, st.booleans(), st.booleans()), min_size=1, max_size=3))
    def ask(self, all_: list[tuple[int, list[str], bool, bool]]) -> None:
        for pick, names, waits, again in all_:
            run = self.runs[pick % len(self.runs)]
            mine = [number for number, one in self.known.items() if one.run == run]
            within = None if waits else 30.0 + next(self.number) / 1000
            key = self.keys[mine[-1]] if again and mine else ActionId(f"{run}.{next(self.number)}")
            if run in self.ended:
                with pytest.raises(Conflict, match="has ended"):
                    self.write(self.asking(run, key, names, within))
            else:
                self.asked(self.write(self.asking(run, key, names, within)), within)

    @precondition(lambda self: any(one.until for one in self.known.values()))
    @rule(pick=PICKS)
    def use(self, pick: int) -> None:
        """A call that needs what its run has keeps it for another lease."""
        leased = [one for one in self.known.values() if one.until]
        one = leased[pick % len(leased)]
        claim = partial(reservations.claim, by="a", tenant="local", at_least=5.0)
        tokens = self.write(
            lambda tx: claim(
                tx,
                one.names,
                run=one.run,
                key=ActionId("a call"),
            )
        )
        assert not isinstance(tokens, Reservation) and tokens.keys() == set(one.names)
        for other in leased:
            if other.run == one.run and set(other.names) & set(one.names):
                other.until = self.clock.now() + 60.0

    @rule(picks=st.tuples(PICKS, PICKS), names=st.tuples(NAMES, NAMES), same=st.booleans())
    def ask_at_once(self, picks: tuple[int, int], names: tuple[list[str], list[str]], same: bool) -> None:
        """Two processes do; or one does twice, as it does not know that it has."""
        left = [run for run in self.runs if run not in self.ended]
        if not left:
            return
        wanted = [
            self.asking(left[pick % len(left)], ActionId(f"{next(self.number)}"), n, None)
            for pick, n in zip(picks, names, strict=True)
        ]
        first, second = (wanted[0], wanted[0]) if same else wanted
        made = self.overlap(lambda go_on: Process(self.here, go_on).write(first), lambda: self.there.write(second))
        for one in made:
            assert isinstance(one, Reservation)
            self.asked(one, None)

    @precondition(lambda self: self.known)
    @rule(pick=PICKS)
    def give_back(self, pick: int) -> None:
        """What somebody has, or waits for; and once more by who does not know of it."""
        number = [*self.known][pick % len(self.known)]
        for _ in range(2):
            self.write(lambda tx: reservations.give_back(tx, number))
        self.gone(number)

    @precondition(lambda self: len(self.ended) < 2)
    @rule(pick=PICKS, names=NAMES, asks_first=st.booleans())
    def end(self, pick: int, names: list[str], asks_first: bool) -> None:
        """A run ends, and a worker that has lost it asks for something at this moment."""
        run = self.runs[pick % len(self.runs)]
        if run in self.ended:
            return
        ends, asks = self.ending(run), self.asking(run, ActionId(f"{next(self.number)}"), names, None)
        one, other = (asks, ends) if asks_first else (ends, asks)
        done = self.overlap(lambda go_on: Process(self.here, go_on).write(one), lambda: self.there.write(other))
        made, ended = done if asks_first else reversed(done)
        assert ended is None
        if asks_first:
            assert isinstance(made, Reservation)
            self.asked(made, None)
        else:
            assert isinstance(made, Conflict)
        self.ended.add(run)
        self.gone(*(number for number, known in self.known.copy().items() if known.run == run))

    @rule(seconds=st.sampled_from([5.0, 31.0, 45.0, 200.0]))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        while self.act(fire_due):
            pass
        now = self.clock.now()
        self.tell()
        due = {number: one.until if one.has else one.patience for number, one in self.known.items()}
        for number, at in sorted(due.items(), key=lambda one: one[1] or 0.0):
            one = self.known[number]
            if at is not None and at <= now and at == (one.until if one.has else one.patience):
                self.gone(number)
        self.tell()

    def tell(self) -> None:
        """Runs hear of what they had to wait for, and still have."""
        for one in self.known.values():
            if one.tells:
                one.tells = False
                self.told[one.run] += 1

    @invariant()
    def each_has_what_it_must_have(self) -> None:
        listed, letters = self.read(self._look)
        found = {one.number: (one.run, tuple(one.tokens), not one.waits, one.until) for one in listed}
        assert found == {n: (one.run, one.names, one.has, one.until) for n, one in self.known.items()}
        assert letters == {run: self.told[run] for run in self.runs}, "who had to wait is told once"
        for one in listed:
            for name, token in one.tokens.items():
                assert (token is not None) == self.known[one.number].has
                if token is not None:
                    assert self.tokens[name].setdefault(one.number, token) == token

    def _look(self, tx: Transaction) -> tuple[list[Reservation], dict[RunId, int]]:
        """Who has what, and how often each run was told that its turn has come."""
        told = {run: [one.text.startswith("[reserved]") for one in mail.unread(tx, run, 0)] for run in self.runs}
        return reservations.listed(tx), {run: sum(of_run) for run, of_run in told.items()}

    @invariant()
    def tokens_only_rise(self) -> None:
        """In the order in which they are seen to be given, and each is somebody's alone."""
        for given in self.tokens.values():
            seen = [*given.values()]
            assert seen == sorted(set(seen))


def test_in_any_order_nobody_has_too_much_and_nobody_is_passed(new_record: Callable[[], str]) -> None:
    play(ReservationMachine, new_record, examples=15, steps=30)
