"""The review queue: questions to people, claimed and decided by compare-and-set. The first answer wins."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial

from baton.core import BatonError, Conflict, Forbidden, InvalidValue, ReviewId, RunId, Trust, format_time
from baton.ledger import (
    Decision,
    DecisionKind,
    Ledger,
    Review,
    ReviewKind,
    Transaction,
    events,
    forecasts,
    mail,
    people,
    remarks,
    reviews,
    timers,
    turns,
)
from baton.ledger.locks import lock_name
from baton.ledger.remarks import Remark
from baton.ledger.turns import Candidate
from baton.policies.promises.learning import learn
from baton.review import deciding
from baton.review.deciding import Answer, Recheck, sure
from baton.review.discipline import SOON, WORK, Discipline, Turn, urgent_first
from baton.review.grouping import alike
from baton.review.people import need_person

CLAIM_SECONDS = 900.0
"""How long a claim holds before the question is anybody's again; claiming again begins it anew."""

HOLD_SECONDS = 5.0
"""For how long a decision can be undone where people decide one after the other."""

URGENT_SECONDS = 3600.0
"""What is due within so many seconds is not held."""

MOST_ASKED = 3
"""How often people may ask an agent something about one question of its."""


class ReviewQueue:
    """What waits for people, and what they say."""

    def __init__(self, ledger: Ledger, discipline: Discipline[Turn] = urgent_first) -> None:
        """Over a ledger.

        Args:
            ledger: The ledger.
            discipline: Which question comes next, of the first few that are late, due soon and due later.
        """
        self._ledger, self._discipline = ledger, discipline
        self._taking = asyncio.Lock()  # who asks for the next question waits here, not in the way of who decides

    @property
    def now(self) -> float:
        """The ledger's time, in seconds since 1970."""
        return self._ledger.clock.now()

    async def waiting(self, runs: Sequence[RunId] | None = None, limit: int | None = None) -> list[Review]:
        """Open reviews, the earliest deadline first, then the oldest; of some runs or of all."""
        return await self._ledger.read(lambda tx: reviews.waiting(tx, runs=runs, limit=limit))

    async def get(self, review: str) -> Review:
        """A review by its id or the beginning of it.

        Raises:
            NotFound, Ambiguous: if none or several fit.
        """
        return await self._ledger.read(lambda tx: reviews.get(tx, reviews.find(tx, review)))

    async def remarks(self, review: str) -> list[Remark]:
        """What people and the agent have said about a review without deciding it, oldest first."""
        return await self._ledger.read(lambda tx: remarks.of(tx, reviews.find(tx, review)))

    async def claim(self, review: str, by: str, seconds: float = CLAIM_SECONDS) -> Review:
        """Take a question for oneself for a while, so that others leave it.

        Raises:
            Conflict: if it is answered, or somebody else has it.
        """

        def take(tx: Transaction) -> Review:
            known = deciding.undecided(tx, reviews.find(tx, review), None)
            if known.claimed_by not in (None, by):
                until = format_time(known.claimed_until or 0)
                raise Conflict(f"claim {known.id}", f"{known.claimed_by} has it until {until}")
            sure(reviews.claim(tx, known.id, known.version, by, tx.now + seconds), known.id)
            if known.claimed_by != by:
                forecasts.taken(tx, known.id)
            return reviews.get(tx, known.id)

        return await self._ledger.write(take, alone=True)

    async def release(self, review: str, by: str) -> Review:
        """Give a claimed question back, so that it is anybody's again.

        Raises:
            Conflict: if somebody else has it, or nobody.
        """

        def give_back(tx: Transaction) -> Review:
            known = deciding.undecided(tx, reviews.find(tx, review), None)
            if known.claimed_by != by:
                raise Conflict(f"release {known.id}", f"{known.claimed_by or 'nobody'} has it", "Claim it first.")
            sure(reviews.release(tx, known.id, known.version), known.id)
            events.emit(tx, known.run, "review.released", review=known.id, by=by)
            return reviews.get(tx, known.id)

        return await self._ledger.write(give_back, alone=True)

    async def next(
        self,
        by: str,
        *,
        skills: Collection[str] | None = None,
        roles: Collection[str] | None = None,
        seconds: float = CLAIM_SECONDS,
    ) -> Review | None:
        """Take the question that this person should answer next; None where there is none for them.

        Args:
            by: The person.
            skills: What they know; None is what the people's file says, everything where it does not name them.
            roles: The roles that they have, beside their own name; None is those of the people's file and of whom they
                stand in for now, all where it does not name them.
            seconds: How long it is theirs.

        Raises:
            Forbidden: if an agent asks.
        """
        need_person(by, "take a question")

        def first(tx: Transaction) -> Candidate | None:
            known, acts = _able(tx, by)
            fits = partial(
                _is_for, by=by, skills=known if skills is None else skills, roles=acts if roles is None else roles
            )
            found = {one.id: one for one in turns.candidates(tx, by, fits, in_time=WORK / 2, soon=SOON)}
            open_ = [Turn(id=one.id, due=one.due, cost=one.cost, served=one.served) for one in found.values()]
            return found[ReviewId(self._discipline(tx.now, open_).id)] if open_ else None

        def take(tx: Transaction, chosen: Candidate | None) -> Review | None:
            while chosen is not None:
                if reviews.claim(tx, chosen.id, chosen.version, by, tx.now + seconds):
                    forecasts.taken(tx, chosen.id)
                    return reviews.get(tx, chosen.id)
                lock_name(tx, "next review")  # others take questions at this moment: from here on one after the other
                chosen = first(tx)
            return None

        async with self._taking:
            chosen = await self._ledger.read(first)
            return await self._ledger.write(partial(take, chosen=chosen), alone=True) if chosen is not None else None

    async def delegate(self, review: str, to: str, *, by: str, note: str = "", version: int | None = None) -> Review:
        """Give a question to a person or a role: `next` gives it to nobody else; who may decide stays as it is.

        Raises:
            Conflict: if it is answered, or has changed since `version` was seen.
            InvalidValue: if it is the agent that asks, or nobody.
        """
        need_person(by, f"delegate {review}")

        def assign(tx: Transaction) -> Review:
            known = deciding.undecided(tx, reviews.find(tx, review), version)
            if not to.strip() or to == known.agent:
                raise InvalidValue("delegate to", to, "the name of a person, or a role")
            sure(reviews.assign(tx, known.id, known.version, to), known.id)
            events.emit(tx, known.run, "review.delegated", review=known.id, by=by, to=to)
            if note:
                remarks.add(tx, known.run, known.id, "comment", by, note)
            return reviews.get(tx, known.id)

        return await self._ledger.write(assign, alone=True)

    async def snooze(self, review: str, until: float, *, by: str) -> Review:
        """Put a question off for oneself: `next` does not give it to this person before then, only to others.

        Raises:
            Conflict: if it is answered.
            InvalidValue: if that is not in the future, or so late that it could not be answered in time.
        """

        def put_off(tx: Transaction) -> Review:
            known = deciding.undecided(tx, reviews.find(tx, review), None)
            latest = known.due - WORK
            if until <= tx.now or (known.due > tx.now and until > latest):
                before = f"a time before {format_time(latest)}: it is due at {format_time(known.due)}"
                raise InvalidValue("snooze until", format_time(until), before if latest > tx.now else "its answer now")
            remarks.snooze(tx, known.id, by, until)
            if known.claimed_by == by:
                sure(reviews.release(tx, known.id, known.version), known.id)
            events.emit(tx, known.run, "review.snoozed", review=known.id, by=by, until=until)
            return reviews.get(tx, known.id)

        return await self._ledger.write(put_off, alone=True)

    async def comment(self, review: str, text: str, *, by: str) -> None:
        """Say something about a question to others who look at it; the agent is not told.

        Raises:
            InvalidValue: if it says nothing.
        """
        if not text.strip():
            raise InvalidValue("comment", text, "a text")

        def say(tx: Transaction) -> None:
            known = reviews.get(tx, reviews.find(tx, review))
            remarks.add(tx, known.run, known.id, "comment", by, text)

        await self._ledger.write(say, alone=True)

    async def ask(self, review: str, text: str, *, by: str) -> Review:
        """Ask the agent something before deciding: the question stays open, the agent is told, and can answer.

        Raises:
            Conflict: if it is answered, or the agent was asked three times already.
            InvalidValue: if nothing is asked, or the review is about an agent that cannot go on.
        """
        need_person(by, f"ask about {review}")
        if not text.strip():
            raise InvalidValue("question to the agent", text, "a text")

        def put(tx: Transaction) -> Review:
            known = deciding.undecided(tx, reviews.find(tx, review), None)
            if known.kind is ReviewKind.TROUBLE:
                raise InvalidValue(f"question about {known.id}", text, "an answer: the agent cannot go on without one")
            if remarks.asked(tx, known.id) >= MOST_ASKED:
                told = f"its agent was asked {MOST_ASKED} times"
                raise Conflict(f"ask about {known.id}", told, "Decide it, or delegate it to somebody who can.")
            remarks.add(tx, known.run, known.id, "question", by, text)
            mail.post(tx, known.run, "question", sender=by, text=text, ref=known.id, trust=Trust.USER)
            return reviews.get(tx, known.id)

        return await self._ledger.write(put, alone=True)

    async def decide(self, review: str, answer: Answer, recheck: Recheck | None = None) -> Decision:
        """Answer a review. Its run goes on at once, or once as many people have approved as its policy asks for.

        Where the answer is held, it can be undone for that long, and its run goes on after that. One with a `delivery`
        that has been taken before changes nothing: the decision that stands is returned.

        Args:
            review: The review's id or the beginning of it.
            answer: What the person says.
            recheck: Judges edited arguments; needed for an edit.

        Raises:
            Conflict: if somebody else has answered it, or it has changed since it was seen; says who and when.
            Forbidden: if this person may not, or policy denies the edit.
            InvalidValue: if the answer does not fit the question, or the edit does not fit the tool.
        """
        known = await self.get(review)
        deciding.check(known, answer)
        taken = await self._ledger.read(lambda tx: deciding.taken(tx, known.id, answer)) if answer.delivery else None
        if taken is not None:
            return taken
        verdict = None
        if answer.arguments is not None:
            edited = await self._ledger.read(lambda tx: deciding.edited(tx, known, answer))
            verdict = deciding.rechecked(edited, answer.by, recheck) if edited is not None else None

        def close(tx: Transaction) -> tuple[Decision, str | None]:
            if answer.delivery:
                reviews.lock(tx, known.id)  # of two deliveries at once, the second waits here and finds the first
            taken = deciding.taken(tx, known.id, answer)
            if taken is not None:
                return taken, None
            current = deciding.undecided(tx, known.id, answer.version)
            counted, judged = deciding.beside_others(current, answer, verdict)
            decision = deciding.decision_of(tx, current, counted, judged)
            deciding.note(tx, decision, answer)
            if deciding.needs_more(current, counted):
                sure(reviews.vote(tx, current.run, current.version, decision), current.id)
                return decision, None
            if answer.hold > 0:
                sure(reviews.hold(tx, current.run, current.version, decision, tx.now + answer.hold), current.id)
                timers.start(tx, current.run, tx.now + answer.hold, "decision", current.id)
                return decision, None
            sure(reviews.close(tx, current.run, current.version, decision), current.id)
            return decision, deciding.follow(tx, current, decision)

        decision, certificate = await self._ledger.write(close, alone=True)
        if certificate is not None:
            await learn(self._ledger, certificate)
        return decision

    async def alike(self, review: str, by: str) -> list[Review]:
        """The other questions that may be decided together with one, oldest first; none where it stands alone."""
        return await self._ledger.read(lambda tx: alike(tx, reviews.get(tx, reviews.find(tx, review)), by))

    async def decide_alike(self, seen: Sequence[Review], answer: Answer) -> list[Decision | BatonError]:
        """Give one answer to several questions that are alike, each by itself, as it was seen.

        Args:
            seen: The questions, the first of which the others are like.
            answer: An approval, or a rejection with its reason.

        Returns:
            What became of each, in order: its decision, or why there is none, such as that somebody else was faster.

        Raises:
            InvalidValue: if they are not alike, or the answer is another one.
        """
        first, *others = seen
        known = {one.id for one in await self.alike(first.id, answer.by)}
        apart = [one.id for one in others if one.id not in known]
        if apart:
            raise InvalidValue("questions decided together", ", ".join(apart), f"open ones that are like {first.id}")
        if answer.kind not in (DecisionKind.APPROVE, DecisionKind.REJECT):
            raise InvalidValue("answer to several questions", answer.kind.value, "approve or reject")
        done: list[Decision | BatonError] = []
        for one in seen:
            try:
                done.append(await self.decide(one.id, replace(answer, version=one.version)))
            except BatonError as error:
                done.append(error)
        return done

    async def undo(self, review: str, by: str) -> Decision:
        """Take back what this person has decided, while it is held, or while others have to approve as well.

        Raises:
            Conflict: if it has gone out, or there is nothing of theirs to undo.
            Forbidden: if somebody else has decided it.
        """

        def take_back(tx: Transaction) -> Decision:
            id = reviews.find(tx, review)
            reviews.lock(tx, id)
            known = reviews.get(tx, id)
            mine = known.held or next((vote for vote in reversed(known.votes) if vote.by == by), None)
            if mine is None:
                gone = known.decision and f"{known.decision.by}'s decision went out at {format_time(known.decision.at)}"
                raise Conflict(f"undo {known.id}", gone or f"{by} has not decided it")
            if mine.by != by:
                raise Forbidden(by, f"undo {known.id}", f"{mine.by} decided it")
            timers.stop(tx, known.run, "decision", known.id)
            sure(reviews.undo(tx, known, mine), known.id)
            if known.deadline is not None and known.deadline <= tx.now:  # it came while the decision was held
                timers.start(tx, known.run, tx.now, "review", known.id)
            return mine

        return await self._ledger.write(take_back, alone=True)


def hold_for(review: Review, now: float) -> float:
    """For how many seconds a decision should be held: none where it is urgent."""
    return HOLD_SECONDS if review.due - now > URGENT_SECONDS else 0.0


def _able(tx: Transaction, by: str) -> tuple[Collection[str] | None, Collection[str] | None]:
    """The skills and roles of somebody, as the roster says; None where it does not name them."""
    roster = people.roster(tx)
    known = roster.person(by) if roster is not None else None
    return (None, None) if roster is None or known is None else (known.skills, roster.acts_as(by, tx.now))


def _is_for(one: Candidate, by: str, skills: Collection[str] | None, roles: Collection[str] | None) -> bool:
    """Whether a question is one that this person can and may answer."""
    knows = skills is None or one.skills.issubset(skills)
    named = {by, *(roles or ())}
    may = roles is None or not one.reviewers or not named.isdisjoint(one.reviewers)
    theirs = one.assigned is None or one.assigned in named
    return knows and may and theirs and by != one.agent
