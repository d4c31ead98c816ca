"""The life of questions against a model of a few lines: nothing is decided twice, or decided and expired, or lost."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from baton.core import (
    Conflict,
    Forbidden,
    Goal,
    InvalidValue,
    Label,
    ManualClock,
    ReviewId,
    Ruling,
    RunId,
    Trust,
    Verdict,
)
from baton.graph.alarms import fire_due
from baton.graph.ending import end
from baton.graph.outcome import End
from baton.graph.trouble import open_review
from baton.ledger import (
    DecisionKind,
    Ledger,
    Review,
    ReviewKind,
    Source,
    Transaction,
    bodies,
    mail,
    remarks,
    reviews,
    runs,
)
from baton.ledger.schema_people import decisions as taken
from baton.review import Answer, ReviewQueue
from support.postgres import PostgresServer

T = TypeVar("T")

PEOPLE = st.sampled_from(["ann", "bob", "eve"])
PICK = st.integers(0, 10_000)
HOUR = 3600.0
HOURS = st.sampled_from([1.0, None, 0.5])
THEN = st.sampled_from(["deny", "approve", "park", "escalate"])
QUORUM = st.sampled_from([1, 1, 2])


@dataclass
class Known:
    """What must be so of a question.

    Attributes:
        sent: How often its run must have been told of a decision.
        said: The remarks, in order.
        notes: Of all decisions that were ever taken, taken back ones too.
    """

    run: RunId
    deadline: float | None
    then: str
    quorum: int
    final: tuple[str, Source] | None = None
    held: tuple[str, float] | None = None
    votes: list[str] = field(default_factory=list[str])
    claim: tuple[str, float] | None = None
    sent: int = 0
    said: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])


class ReviewMachine(RuleBasedStateMachine):
    """People, deadlines and a run's end, on some questions."""

    new_record: Callable[[], str]

    @initialize(asked=st.lists(st.tuples(HOURS, THEN, QUORUM), min_size=2, max_size=4))
    def open(self, asked: list[tuple[float | None, str, int]]) -> None:
        self.clock = ManualClock()
        self.runner = asyncio.Runner()
        self.ledger = self.runner.run(Ledger.open(type(self).new_record(), self.clock))
        self.queue = ReviewQueue(self.ledger)
        self.known: dict[ReviewId, Known] = {}
        self.number = itertools.count()
        for hours, then, quorum in asked:
            self.ask(hours, then, quorum)

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(self.ledger.close())
            self.runner.close()

    def a_review(self, pick: int) -> tuple[ReviewId, Known]:
        return list(self.known.items())[pick % len(self.known)]

    def tried(self, work: Awaitable[T]) -> T | None:
        """What work gives; None where it is refused."""

        async def awaited() -> T:
            return await work

        try:
            return self.runner.run(awaited())
        except (Conflict, Forbidden, InvalidValue):
            return None

    def write(self, work: Callable[[Transaction], T]) -> T:
        async def written() -> T:
            return await self.ledger.write(work)

        return self.runner.run(written())

    def ask(self, hours: float | None, then: str, quorum: int) -> None:
        quorum = 1 if then == "approve" else quorum
        review = ReviewId(f"rev_{next(self.number)}")
        deadline = None if hours is None else hours * HOUR
        verdict = Verdict(
            ruling=Ruling.ASK, reason="", policy="", kind="a/b", deadline=deadline, on_deadline=then, quorum=quorum
        )

        def put(tx: Transaction) -> RunId:
            run, _ = runs.create(tx, Goal("g"), "clerk")
            open_review(tx, runs.get(tx, run), review, ReviewKind.DOUBT, {"summary": "?"}, verdict)
            return run

        run = self.write(put)
        due = None if deadline is None else self.clock.now() + deadline
        self.known[review] = Known(run=run, deadline=due, then=then, quorum=quorum)

    @rule(pick=PICK, by=PEOPLE, approve=st.booleans(), hold=st.sampled_from([5.0, 2 * HOUR, 0.0]))
    def decide(self, pick: int, by: str, approve: bool, hold: float) -> None:
        id, known = self.a_review(pick)
        kind, note = (DecisionKind.APPROVE if approve else DecisionKind.REJECT), f"note {next(self.number):03}"
        decision = self.tried(self.queue.decide(id, Answer(kind=kind, by=by, note=note, hold=hold)))
        may = known.final is None and known.held is None and not (approve and by in known.votes)
        assert (decision is not None) == may
        if decision is None:
            return
        known.notes.append(note)
        known.claim = None
        if approve and len(known.votes) + 1 < known.quorum:
            known.votes.append(by)
        elif hold:
            known.held = by, self.clock.now() + hold
        else:
            known.final, known.sent = (by, Source.PERSON), 1

    @rule(pick=PICK, by=PEOPLE)
    def undo(self, pick: int, by: str) -> None:
        id, known = self.a_review(pick)
        undone = self.tried(self.queue.undo(id, by))
        if known.held is not None:
            assert (undone is not None) == (known.held[0] == by)
            if undone is not None:
                known.held = None
        else:
            assert (undone is not None) == (known.final is None and by in known.votes)
            if undone is not None:
                known.votes.remove(by)
        if undone is not None:
            known.claim = None

    @rule(pick=PICK, by=PEOPLE, how=st.sampled_from(["claim", "release", "delegate", "snooze"]))
    def handle(self, pick: int, by: str, how: str) -> None:
        id, known = self.a_review(pick)
        holder = known.claim[0] if known.claim and known.claim[1] > self.clock.now() else None
        free = known.final is None and known.held is None
        now = self.clock.now()
        match how:
            case "claim":
                done = self.tried(self.queue.claim(id, by, 600))
                assert (done is not None) == (free and holder in (None, by))
                known.claim = (by, now + 600) if done else known.claim
            case "release":
                done = self.tried(self.queue.release(id, by))
                assert (done is not None) == (free and holder == by)
                known.claim = None if done else known.claim
            case "delegate":
                done = self.tried(self.queue.delegate(id, "joe", by=by))
                assert (done is not None) == free
                known.claim = None if done else known.claim
            case _:
                done = self.tried(self.queue.snooze(id, now + 600, by=by))
                known.claim = None if done and holder == by else known.claim

    @rule(pick=PICK, by=PEOPLE)
    def comment(self, pick: int, by: str) -> None:
        id, known = self.a_review(pick)
        text = f"comment {next(self.number)}"
        self.runner.run(self.queue.comment(id, text, by=by))
        known.said.append(text)

    @rule(by=PEOPLE)
    def next(self, by: str) -> None:
        taken = self.runner.run(self.queue.next(by))
        if taken is None:
            return
        known, now = self.known[taken.id], self.clock.now()
        assert known.final is None and known.held is None
        assert known.claim is None or known.claim[0] == by or known.claim[1] <= now
        known.claim = by, taken.claimed_until or 0

    @rule(seconds=st.sampled_from([HOUR, 6.0, 700.0]))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        while self.runner.run(fire_due(self.ledger)):
            pass
        now = self.clock.now()
        for known in self.known.values():
            if known.held is not None and known.held[1] <= now:
                known.final, known.held, known.sent = (known.held[0], Source.PERSON), None, 1
            late = known.deadline is not None and known.deadline <= now
            if late and known.final is None and known.held is None and known.then in ("deny", "approve"):
                known.final, known.sent = ("baton", Source.TIMEOUT), 1

    @rule(pick=PICK)
    def end(self, pick: int) -> None:
        _, known = self.a_review(pick)

        def stop(tx: Transaction) -> None:
            run = runs.get(tx, known.run)
            if not run.ended:
                end(tx, run, 2**53, End(outcome="cancelled", summary=""), Label(Trust.SYSTEM))

        self.write(stop)
        if known.final is None:
            known.final, known.held = ("baton", Source.POLICY), None

    @invariant()
    def every_question_is_as_it_must_be(self) -> None:
        """Also: no note is lost, and of all decisions that were taken one stands."""
        if not hasattr(self, "ledger"):
            return
        every = {id: known.run for id, known in self.known.items()}
        looks = self.runner.run(self.ledger.read(lambda tx: {id: _look(tx, id, run) for id, run in every.items()}))
        for id, known in self.known.items():
            review, said, told, notes, standing = looks[id]
            assert (review.decision and (review.decision.by, review.decision.source)) == known.final
            assert (review.held and (review.held.by, review.held_until)) == known.held
            assert review.open == (known.final is None)
            assert (said, told, notes) == (known.said, known.sent, known.notes)
            if known.final is None and known.held is None:
                assert [vote.by for vote in review.votes] == known.votes
            if known.final is not None and known.quorum == 1:
                assert standing == 1


Look = tuple[Review, list[str], int, list[str], int]


def _look(tx: Transaction, id: ReviewId, run: RunId) -> Look:
    """A question, its remarks, how often its run was told, all notes of decisions, and how many decisions stand."""
    told = [one for one in mail.unread(tx, run, 0) if one.kind == "decision"]
    rows = tx.rows(select(taken).where(taken.c.review == id).order_by(taken.c.at, taken.c.id))
    texts = bodies.load(tx, [row.note for row in rows if row.note])
    notes = [texts[row.note] for row in rows if row.note and row.source == "person"]
    said = [one.text for one in remarks.of(tx, id)]
    return reviews.get(tx, id), said, len(told), sorted(notes), sum(row.undone_at is None for row in rows)


_QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


def _try(new_record: Callable[[], str], examples: int) -> None:
    machine = type("Machine", (ReviewMachine,), {"new_record": staticmethod(new_record)})
    limits = settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        derandomize=True,
        phases=(Phase.explicit, Phase.generate),  # making an example smaller takes minutes
        suppress_health_check=_QUIET,
    )
    run_state_machine_as_test(machine, settings=limits)


def test_any_order_of_events_keeps_every_question_whole_in_a_file(tmp_path: Path) -> None:
    files: Iterator[str] = (str(tmp_path / f"{number}.db") for number in itertools.count())
    _try(files.__next__, 50)


def test_any_order_of_events_keeps_every_question_whole_on_postgres(postgres: PostgresServer) -> None:
    _try(postgres.record, 8)
