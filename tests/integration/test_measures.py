"""How reviews go, from the record of real runs: parts of waiting, misses, agreement, effects, Little's law."""

import random
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from baton import Agent, Answer, Baton, Goal, RunHandle, story, tool
from baton.core import ManualClock, ReviewId, Ruling, RunId, Verdict
from baton.flow import Anybody, Figures, Measures, Share, read_measures
from baton.ledger import Decision, DecisionKind, Ledger, ReviewKind, Transaction, audits, reviews, runs
from baton.ledger.courses import courses
from baton.ledger.decisions import new_id
from baton.telling import tell
from support import SmallStaff, call, on_both, open_office, script, set_policy, soon

HOUR = 3600.0
FREE = '@id("free") permit (principal, action, resource) unless { resource is Tool::pay };'


def clerk(folder: Path, terms: str = "") -> Agent:
    @tool
    async def pay(cents: int) -> str:
        """Pay."""
        if cents == 13:
            raise ValueError("no luck")
        return f"paid {cents}"

    asks = f'@id("asks") {terms} permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'
    return Agent("clerk", tools=[pay], policy=set_policy(folder / "till.cedar", asks, FREE))


PAY = script([call("pay", cents=500)])


async def asked(baton: Baton) -> tuple[RunHandle, ReviewId]:
    run = await baton.submit("go")
    return run, (await soon(run.settled())).reviews[0].id


def only(found: Sequence[Figures], name: str) -> Figures:
    (one,) = [one for one in found if one.name == name]
    return one


@on_both
async def test_a_wait_is_split_by_what_kept_it(database: str, tmp_path: Path) -> None:
    clock = ManualClock()
    start = clock.now()
    staff = SmallStaff({"ann": [(start + HOUR, start + 9 * HOUR)]})
    async with open_office(database, [clerk(tmp_path)], PAY, clock=clock) as baton:
        _, other = await asked(baton)
        run, review = await asked(baton)
        clock.advance(2 * HOUR)  # an hour nobody is there, an hour nobody looks
        await baton.reviews.claim(other, "ann")
        clock.advance(900.0)  # she is at the other one
        await baton.reviews.claim(review, "ann")
        clock.advance(600.0)
        await baton.approve(review, by="ann")
        await soon(run.result())
        (one,) = (await baton.measures(staff=staff)).classes
        assert (one.name, one.answered, one.waiting) == ("clerk/pay", 1, 1)
        parts = one.parts
        assert (parts.off_duty, parts.not_looked_at, parts.queueing) == (HOUR, HOUR, 900.0)
        assert (parts.thinking, parts.delivery) == (600.0, 0.0)
        assert one.waits == (parts.whole,) == (2 * HOUR + 1500.0,)
        assert (one.wait(0.5), one.wait(0.9)) == (parts.whole, parts.whole)
        person = only((await baton.measures(staff=staff)).people, "ann")
        assert (person.parts, person.answered, person.waiting) == (parts, 1, 0)
        unknown = (await baton.measures()).classes[0].parts
        assert (unknown.off_duty, unknown.not_looked_at) == (0.0, 2 * HOUR)


@on_both
async def test_delivery_is_the_time_until_the_run_goes_on(database: str, tmp_path: Path) -> None:
    clock = ManualClock()
    agent = clerk(tmp_path)
    async with open_office(database, [agent], PAY, clock=clock) as baton:
        run, review = await asked(baton)
    async with open_office(database, [agent], PAY, clock=clock, dispatch=False) as baton:
        await baton.approve(review, by="ann")
        assert (await baton.measures()).classes[0].waits == ()  # its run has not gone on yet
    clock.advance(300.0)
    async with open_office(database, [agent], PAY, clock=clock) as baton:
        await soon((await baton.open(run.id)).result())
        (one,) = (await baton.measures()).classes
        assert (one.parts.delivery, one.parts.whole) == (300.0, 300.0)
        assert one.effects == {"done": 1}


async def test_a_claim_ends_when_it_runs_out_or_another_counts(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_office(tmp_path, [clerk(tmp_path, '@quorum("2")')], PAY, clock=clock) as baton:
        run, review = await asked(baton)
        await baton.reviews.claim(review, "ann", 60.0)
        clock.advance(100.0)
        await baton.reviews.claim(review, "bob")
        clock.advance(10.0)
        await baton.approve(review, by="bob")
        clock.advance(5.0)
        await baton.approve(review, by="ann")
        await soon(run.result())
        (course,) = await baton.ledger.read(lambda tx: courses(tx, 0.0))
        opened = course.review.opened_at
        assert [(one.by, one.start - opened, one.end - opened) for one in course.claims] == [
            ("ann", 0.0, 60.0),
            ("bob", 100.0, 110.0),
        ]
        found = await baton.measures()
        assert found.classes[0].parts.thinking == 70.0
        assert [only(found.people, name).agreed for name in ("ann", "bob")] == [Share(1, 1), Share(1, 1)]


async def test_a_claim_ends_when_it_is_given_back_passed_on_or_put_off(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_office(tmp_path, [clerk(tmp_path)], PAY, clock=clock) as baton:
        run, review = await asked(baton)
        queue = baton.reviews

        async def claim_for(seconds: float, by: str = "ann") -> None:
            await queue.claim(review, by)
            clock.advance(seconds)

        await claim_for(4.0)
        await claim_for(6.0)  # renewed
        await queue.release(review, "ann")
        clock.advance(1.0)
        await claim_for(20.0)
        await queue.delegate(review, "bob", by="ann")
        clock.advance(1.0)
        await claim_for(30.0, "bob")
        await queue.snooze(review, clock.now() + 60.0, by="eve")  # which is no matter of his
        clock.advance(5.0)
        await queue.snooze(review, clock.now() + 60.0, by="bob")
        clock.advance(1.0)
        await claim_for(40.0)
        await baton.decide(review, Answer(kind=DecisionKind.REJECT, by="ann", note="no", hold=60.0))
        clock.advance(2.0)
        await queue.undo(review, "ann")
        clock.advance(1.0)
        await baton.approve(review, by="ann")
        await soon(run.result())
        (course,) = await baton.ledger.read(lambda tx: courses(tx, 0.0))
        assert [(one.by, one.end - one.start) for one in course.claims] == [
            ("ann", 4.0),
            ("ann", 6.0),
            ("ann", 20.0),
            ("bob", 35.0),
            ("ann", 40.0),
        ]
        assert [one.kind for one in course.said] == [DecisionKind.APPROVE]  # what was undone was not said
        assert (await baton.measures()).classes[0].parts.thinking == 105.0
        told = [
            line.text for moment in await baton.ledger.read(partial(story.told, run=run.id)) if (line := tell(moment))
        ]
        assert [text.split(" has taken ")[0] for text in told if " has taken " in text] == ["ann", "ann", "bob", "ann"]


async def test_a_decision_that_is_held_back_is_delivered_later(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_office(tmp_path, [clerk(tmp_path)], PAY, clock=clock) as baton:
        run, review = await asked(baton)
        await baton.decide(review, Answer(kind=DecisionKind.APPROVE, by="ann", hold=60.0))
        assert (await baton.measures()).classes[0].waiting == 1
        clock.advance(61.0)
        await soon(run.result())
        assert (await baton.measures()).classes[0].parts.delivery == 61.0


async def test_a_miss_is_avoidable_if_somebody_was_there(tmp_path: Path) -> None:
    clock = ManualClock()
    now = clock.now()
    there = SmallStaff({"ann": [(now, now + 2 * HOUR)]})
    later = SmallStaff({"ann": [(now + 2 * HOUR, now + 5 * HOUR)]})
    for deadline in ("deny", "park", "approve"):
        agent = clerk(tmp_path, f'@deadline("1h") @on_deadline("{deadline}")')
        async with open_office(tmp_path / deadline, [agent], PAY, clock=clock) as baton:
            await asked(baton)
            clock.advance(HOUR + 1)
            expected = (1, 0) if deadline == "park" else (0, 1)
            await soon(gone(baton, expired=deadline != "park"))
            for staff, missed in ((there, (1, 0)), (later, (0, 1))):
                (one,) = (await baton.measures(staff=staff)).classes
                assert (one.avoidable, one.unavoidable) == missed
                assert (one.waiting, one.expired) == expected
        clock.advance(-HOUR - 1)


async def gone(baton: Baton, *, expired: bool) -> None:
    while expired and await baton.reviews.waiting():
        await baton.until(lambda tx: None if reviews.waiting(tx) else True)


async def test_answers_are_held_against_what_the_agent_proposed_and_what_others_said(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_office(tmp_path, [clerk(tmp_path)], PAY, clock=clock) as baton:
        for answer in (
            Answer(kind=DecisionKind.APPROVE, by="ann"),
            Answer(kind=DecisionKind.EDIT, by="ann", arguments={"cents": 13}),
            Answer(kind=DecisionKind.EDIT, by="ann", arguments={"cents": 500}),
            Answer(kind=DecisionKind.REJECT, by="bob", note="no"),
        ):
            run, review = await asked(baton)
            clock.advance(60.0)
            await baton.decide(review, answer)
            await soon(run.settled())
        found = await baton.measures()
        assert found.classes[0].as_proposed == Share(2, 4)
        assert only(found.people, "ann").as_proposed == Share(2, 3)
        assert only(found.people, "bob").as_proposed == Share(0, 1)
        assert found.classes[0].effects == {"done": 2, "failed": 1}
        assert found.classes[0].too_fast == Share(0, 1)


async def test_who_approves_faster_than_anybody_reads_is_told(tmp_path: Path) -> None:
    clock = ManualClock()
    async with open_office(tmp_path, [clerk(tmp_path)], PAY, clock=clock) as baton:
        made = [await asked(baton) for _ in range(4)]
        clock.advance(60.0)
        for (_, review), by in zip(made, ("ann", "ann", "bob", "bob"), strict=True):
            await baton.approve(review, by=by)
            clock.advance(10.0 if by == "bob" else 0.2)
        for run, _ in made:
            await soon(run.result())
        found = await baton.measures()
        assert only(found.people, "ann").too_fast == Share(1, 2)
        assert only(found.people, "bob").too_fast == Share(0, 2)


async def test_looks_back_at_one_action_are_held_against_one_another(tmp_path: Path) -> None:
    ledger = await Ledger.open(str(tmp_path / "baton.db"), ManualClock())

    def look(tx: Transaction) -> Measures:
        run, _ = runs.create(tx, Goal("go"), "clerk")
        for number, (action, by, wrong) in enumerate(
            (("a", "ann", True), ("a", "bob", True), ("b", "ann", True), ("b", "bob", False), ("b", "cid", False))
        ):
            asks = {"run": run, "agent": "clerk", "tool": "pay", "kind": "clerk/pay"}
            id = audits.open_(tx, action, look=number + 1, question={}, **asks)  # type: ignore[arg-type]
            audits.answer(tx, audits.get(tx, str(id)), wrong=wrong, by=by, note="")
        return read_measures(tx, 0.0, Anybody())

    try:
        found = await ledger.write(look)
    finally:
        await ledger.close()
    assert only(found.classes, "clerk/pay").agreed == Share(2, 4)
    assert {one.name: one.agreed for one in found.people} == {
        "ann": Share(1, 3),
        "bob": Share(2, 3),
        "cid": Share(1, 2),
    }


ASKS = Verdict(ruling=Ruling.ASK, reason="", policy="", kind="clerk/pay")


class Desk:
    """People who claim and decide what comes at random, on a clock of their own; only the record is real."""

    def __init__(self, ledger: Ledger, clock: ManualClock, seed: int) -> None:
        self.ledger, self.clock, self.random = ledger, clock, random.Random(seed)
        self.made = 0

    async def play(self, run: RunId, people: int, count: int) -> None:
        """`count` questions come, each taken by whoever is free, the oldest first."""
        queue: list[ReviewId] = []
        busy: list[tuple[float, ReviewId]] = []
        comes = self.clock.now()
        while self.made < count or queue or busy:
            done, review = min(busy, default=(float("inf"), ReviewId("")))
            if self.made < count and comes <= done:
                self.clock.advance(comes - self.clock.now())
                queue.append(await self.ledger.write(lambda tx: self._ask(tx, run)))
                comes += self.random.expovariate(1 / 300.0)
            else:
                self.clock.advance(done - self.clock.now())
                busy.remove((done, review))
                await self.ledger.write(partial(self._decide, review=review))
            while queue and len(busy) < people:
                taken = queue.pop(0)
                await self.ledger.write(partial(self._claim, review=taken, person=len(busy)))
                busy.append((self.clock.now() + self.random.expovariate(1 / 500.0), taken))

    def _ask(self, tx: Transaction, run: RunId) -> ReviewId:
        self.made += 1
        id, asks = ReviewId(f"rev_{self.made}"), {"agent": "clerk", "tool": "pay"}
        kind = ReviewKind.ACTION
        reviews.open_(tx, run, kind, id=id, action=None, question={}, verdict=ASKS, requester=None, **asks)
        return id

    def _claim(self, tx: Transaction, review: ReviewId, person: int) -> None:
        assert reviews.claim(tx, review, 1, f"person {person}", tx.now + 1e6)

    def _decide(self, tx: Transaction, review: ReviewId) -> None:
        known = reviews.get(tx, review)
        decision = Decision(
            id=new_id(), review=review, kind=DecisionKind.APPROVE, by=known.claimed_by or "", channel="test", at=tx.now
        )
        assert reviews.close(tx, known.run, known.version, decision)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[tuple[Ledger, ManualClock]]:
    clock = ManualClock()
    opened = await Ledger.open(str(tmp_path / "baton.db"), clock)
    yield opened, clock
    await opened.close()


async def test_littles_law_holds_on_the_log_and_shows_where_the_log_is_wrong(
    ledger: tuple[Ledger, ManualClock],
) -> None:
    record, clock = ledger
    run, _ = await record.write(lambda tx: runs.create(tx, Goal("go"), "clerk"))
    begins = clock.now()
    desk = Desk(record, clock, 11)
    await desk.play(run, 2, 500)
    half = (begins + clock.now()) / 2
    for since in (begins, half):  # from an empty queue to an empty one, and out of the midst of it
        law = (await record.read(partial(read_measures, since=since, staff=Anybody()))).law
        assert law.open > 1.5
        assert law.gap < 0.05

    def lose(tx: Transaction) -> None:
        tx.connection.execute(text("DELETE FROM events WHERE kind = 'review.closed' AND id % 10 = 0"))

    await record.write(lose)
    assert (await record.read(lambda tx: read_measures(tx, begins, Anybody()))).law.gap > 0.05
