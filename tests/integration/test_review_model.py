"""The life of questions against a model of a few lines: nothing is decided twice, or decided and expired, or lost.

People decide at the same moment, or as the run ends that asks; what they see may have changed, and what they send may
come twice.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from sqlalchemy import select

from baton.core import (
    Conflict,
    DecisionId,
    Forbidden,
    Goal,
    InvalidValue,
    Label,
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
from support.modelling import PICKS, Process, RecordMachine, play

T = TypeVar("T")

PEOPLE = st.sampled_from(["ann", "bob", "eve"])
HOUR = 3600.0
HOURS = st.sampled_from([1.0, None, 0.5])
THEN = st.sampled_from(["deny", "approve", "park", "escalate"])
QUORUM = st.sampled_from([1, 1, 2])
HOLD = st.sampled_from([5.0, 2 * HOUR, 0.0])
REFUSALS = (Conflict, Forbidden, InvalidValue)


@dataclass
class Known:
    """What must be so of a question.

    Attributes:
        sent: How often its run must have been told of a decision.
        said: The remarks, in order.
        notes: Of all decisions that were ever taken, taken back ones too.
        version: Rises with each change.
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
    version: int = 1

    @property
    def free(self) -> bool:
        return self.final is None and self.held is None

    def holder(self, now: float) -> str | None:
        return self.claim[0] if self.claim and self.claim[1] > now else None

    def changed(self, claim: tuple[str, float] | None = None) -> None:
        self.claim, self.version = claim, self.version + 1


class ReviewMachine(RecordMachine):
    """People, deadlines and a run's end, on some questions."""

    @initialize(asked=st.lists(st.tuples(HOURS, THEN, QUORUM), min_size=2, max_size=3))
    def begin(self, asked: list[tuple[float | None, str, int]]) -> None:
        self.known: dict[ReviewId, Known] = {}
        self.sent: list[tuple[ReviewId, Answer, DecisionId]] = []
        for hours, then, quorum in asked:
            self.ask(hours, then, quorum)

    def a_review(self, pick: int, *, undo: bool = False) -> tuple[ReviewId, Known]:
        """One in four times any; else an open one, new where there is none, or for `undo` one that is not free."""
        if all(one.final is not None for one in self.known.values()):
            self.ask(1.0, "deny", 1 + pick % 2)
        every = list(self.known.items())
        open_ = [(id, one) for id, one in every if one.final is None]
        decided = [(id, one) for id, one in open_ if one.held is not None or one.votes]
        some = every if pick % 4 == 0 else decided if undo and decided else open_
        return some[pick % len(some)]

    def tried(self, does: Callable[[ReviewQueue], Awaitable[T]]) -> T | None:
        """What somebody does with the queue comes to; None where it is refused."""
        try:
            return self.act(lambda ledger: does(ReviewQueue(ledger)))
        except REFUSALS:
            return None

    def both(self, first: Callable[[Ledger], Awaitable[Any]], second: Callable[[Ledger], Awaitable[Any]]) -> list[Any]:
        """What two come to who do something at the same moment; None of one who is refused."""
        done = self.overlap(lambda go_on: first(Process(self.here, go_on)), lambda: second(self.there))
        assert all(isinstance(one, REFUSALS) or not isinstance(one, BaseException) for one in done), done
        return [None if isinstance(one, BaseException) else one for one in done]

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

    @rule(pick=PICKS, by=PEOPLE, approve=st.booleans(), hold=HOLD, saw=st.sampled_from(["no matter", "now", "before"]))
    def decide(self, pick: int, by: str, approve: bool, hold: float, saw: str) -> None:
        id, known = self.a_review(pick)
        version = {"no matter": None, "now": known.version, "before": known.version - 1}[saw]
        answer = self.answer(by, approve, hold, version=version)
        done = self.tried(lambda queue: queue.decide(id, answer))
        self.decided(known, answer, done is not None, may=saw != "before")

    @rule(pick=PICKS, by=st.tuples(PEOPLE, PEOPLE), approve=st.tuples(st.booleans(), st.booleans()))
    def two_decide_at_once(self, pick: int, by: tuple[str, str], approve: tuple[bool, bool]) -> None:
        """Two people, or one who has pressed the button twice."""
        id, known = self.a_review(pick)
        one, other = (self.answer(by[n], approve[n], 0.0) for n in range(2))
        done = self.both(lambda here: ReviewQueue(here).decide(id, one), lambda it: ReviewQueue(it).decide(id, other))
        self.decided(known, one, done[0] is not None)
        self.decided(known, other, done[1] is not None)

    @rule(pick=PICKS, by=PEOPLE, approve=st.booleans(), hold=HOLD)
    def send_twice(self, pick: int, by: str, approve: bool, hold: float) -> None:
        """A program sends an answer, and as it hears nothing once more."""
        id, known = self.a_review(pick)
        answer = self.answer(by, approve, hold, delivery=f"delivery {next(self.number)}")
        done = self.both(
            lambda here: ReviewQueue(here).decide(id, answer), lambda it: ReviewQueue(it).decide(id, answer)
        )
        assert done[0] == done[1]
        self.decided(known, answer, done[0] is not None)
        self.sent += [(id, answer, done[0].id)] if done[0] is not None else []

    @precondition(lambda self: self.sent)
    @rule(pick=PICKS)
    def send_again(self, pick: int) -> None:
        """It was away, and sends what it had sent long ago."""
        id, answer, decision = self.sent[pick % len(self.sent)]
        done = self.tried(lambda queue: queue.decide(id, answer))
        assert done is not None and done.id == decision

    def answer(self, by: str, approve: bool, hold: float, **more: Any) -> Answer:
        kind = DecisionKind.APPROVE if approve else DecisionKind.REJECT
        return Answer(kind=kind, by=by, note=f"note {next(self.number):03}", hold=hold, **more)

    def decided(self, known: Known, answer: Answer, done: bool, *, may: bool = True) -> None:
        by, approve = answer.by, answer.kind is DecisionKind.APPROVE
        assert done == (may and known.free and not (approve and by in known.votes))
        if not done:
            return
        known.notes = sorted([*known.notes, answer.note])
        known.changed()
        if approve and len(known.votes) + 1 < known.quorum:
            known.votes.append(by)
        elif answer.hold:
            known.held = by, self.clock.now() + answer.hold
        else:
            known.final, known.sent = (by, Source.PERSON), 1

    @rule(pick=PICKS, by=PEOPLE)
    def undo(self, pick: int, by: str) -> None:
        id, known = self.a_review(pick, undo=True)
        by = known.held[0] if known.held is not None and pick % 2 else by
        undone = self.tried(lambda queue: queue.undo(id, by))
        if known.held is not None:
            assert (undone is not None) == (known.held[0] == by)
            known.held = None if undone is not None else known.held
        else:
            assert (undone is not None) == (known.final is None and by in known.votes)
            if undone is not None:
                known.votes.remove(by)
        if undone is not None:
            known.changed()

    @rule(pick=PICKS, by=PEOPLE, how=st.sampled_from(["claim", "release", "delegate", "snooze"]))
    def handle(self, pick: int, by: str, how: str) -> None:
        id, known = self.a_review(pick)
        now = self.clock.now()
        holder = known.holder(now)
        match how:
            case "claim":
                done = self.tried(lambda queue: queue.claim(id, by, 600))
                assert (done is not None) == (known.free and holder in (None, by))
            case "release":
                done = self.tried(lambda queue: queue.release(id, by))
                assert (done is not None) == (known.free and holder == by)
            case "delegate":
                done = self.tried(lambda queue: queue.delegate(id, "joe", by=by))
                assert (done is not None) == known.free
            case _:
                done = self.tried(lambda queue: queue.snooze(id, now + 600, by=by))
                done = done if holder == by else None
        if done is not None:
            known.changed((by, now + 600) if how == "claim" else None)

    @rule(pick=PICKS, by=PEOPLE)
    def comment(self, pick: int, by: str) -> None:
        id, known = self.a_review(pick)
        text = f"comment {next(self.number)}"
        self.act(lambda ledger: ReviewQueue(ledger).comment(id, text, by=by))
        known.said.append(text)

    @rule(by=PEOPLE, other=PEOPLE)
    def take_the_next(self, by: str, other: str) -> None:
        """Two people do, at the same moment: each has one of their own."""
        done = self.both(lambda here: ReviewQueue(here).next(by), lambda there: ReviewQueue(there).next(other))
        assert by == other or done[0] is None or done[1] is None or done[0].id != done[1].id
        for review, who in zip(done, (by, other), strict=True):
            if review is not None:
                known = self.known[review.id]
                assert known.free and known.holder(self.clock.now()) in (None, who)
                known.changed((who, review.claimed_until or 0))

    @rule(seconds=st.sampled_from([HOUR, 6.0, 700.0]))
    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        while self.act(fire_due):
            pass
        now = self.clock.now()
        for known in self.known.values():
            if known.held is not None and known.held[1] <= now:
                known.final, known.held, known.sent = (known.held[0], Source.PERSON), None, 1
                known.changed()
            late = known.deadline is not None and known.deadline <= now
            if late and known.free and known.then in ("deny", "approve"):
                known.final, known.sent = ("baton", Source.TIMEOUT), 1
                known.changed()

    @rule(pick=PICKS, by=PEOPLE, decides_first=st.booleans())
    def end(self, pick: int, by: str, decides_first: bool) -> None:
        """The run ends, and somebody decides at this moment."""
        id, known = self.a_review(pick)

        def stop(tx: Transaction) -> None:
            runs.lock(tx, known.run)
            run = runs.get(tx, known.run)
            if not run.ended:
                end(tx, run, 2**53, End(outcome="cancelled", summary=""), Label(Trust.SYSTEM))

        answer = self.answer(by, True, 0.0)

        async def stops(ledger: Ledger) -> bool:
            await ledger.write(stop)
            return True

        def decides(ledger: Ledger) -> Awaitable[object]:
            return ReviewQueue(ledger).decide(id, answer)

        if decides_first:
            decision, stopped = self.both(decides, stops)
            self.decided(known, answer, decision is not None)
        else:
            stopped, decision = self.both(stops, decides)
            assert decision is None
        assert stopped
        if known.final is None:
            known.final, known.held = ("baton", Source.POLICY), None
            known.changed()

    @invariant()
    def every_question_is_as_it_must_be(self) -> None:
        """Also: no note is lost, and of all decisions that were taken one stands."""
        every = {id: known.run for id, known in self.known.items()}
        looks = self.read(lambda tx: {id: _look(tx, id, run) for id, run in every.items()})
        for id, known in self.known.items():
            review, said, told, notes, standing = looks[id]
            assert (review.decision and (review.decision.by, review.decision.source)) == known.final
            assert (review.held and (review.held.by, review.held_until)) == known.held
            assert review.open == (known.final is None)
            assert review.version == known.version
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


def test_any_order_of_events_keeps_every_question_whole(new_record: Callable[[], str]) -> None:
    play(ReviewMachine, new_record, examples=13, steps=35)
