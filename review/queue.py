"""The review queue: questions to people, claimed and decided by compare-and-set. The first answer wins."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from baton.core import Action, Conflict, Forbidden, InvalidValue, ReviewId, Ruling, RunId, Verdict, format_time
from baton.ledger import (
    Decision,
    DecisionKind,
    Ledger,
    Review,
    ReviewKind,
    Transaction,
    forecasts,
    journal,
    mail,
    people,
    promises,
    reviews,
    runs,
    turns,
)
from baton.ledger.locks import lock_name
from baton.ledger.reviews import new_decision_id
from baton.ledger.turns import Candidate
from baton.policies import approval_digest, asked_form
from baton.policies.promises.learning import learn
from baton.review import expecting
from baton.review.discipline import SOON, WORK, Discipline, Turn, urgent_first
from baton.review.learning import learn_from
from baton.review.people import need_person

CLAIM_SECONDS = 900.0
"""How long a claim holds before the question is anybody's again."""

APPROVAL_SECONDS = 7 * 86400.0
"""How long an approval may wait for its action to be carried out."""

Recheck = Callable[[Action], Verdict]
"""Checks edited arguments against the tool's schema and asks policy about them.

Raises InvalidValue if they do not fit the tool.
"""

_ANSWERS = {
    ReviewKind.ACTION: (DecisionKind.APPROVE, DecisionKind.EDIT, DecisionKind.REJECT),
    ReviewKind.QUESTION: (DecisionKind.RESPOND, DecisionKind.REJECT),
    ReviewKind.DOUBT: (DecisionKind.APPROVE, DecisionKind.RESPOND, DecisionKind.REJECT),
    ReviewKind.TROUBLE: (DecisionKind.APPROVE, DecisionKind.RESPOND, DecisionKind.REJECT),
}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a person says to a review.

    Attributes:
        by: Who decides.
        note: A reason, a note, or the answer itself.
        arguments: The arguments as edited; None keeps them.
        version: The version of the review that the person saw; None decides whatever it is now.
        channel: Where the answer came from.
    """

    kind: DecisionKind
    by: str
    note: str = ""
    arguments: dict[str, Any] | None = None
    version: int | None = None
    channel: str = "sdk"


class ReviewQueue:
    """What waits for people, and what they say."""

    def __init__(self, ledger: Ledger, tenant: str, discipline: Discipline[Turn] = urgent_first) -> None:
        """Over a ledger.

        Args:
            ledger: The ledger.
            tenant: Whose approvals these are.
            discipline: Which question comes next, of the first few that are late, due soon and due later.
        """
        self._ledger, self._tenant, self._discipline = ledger, tenant, discipline

    async def waiting(self, runs: Sequence[RunId] | None = None, limit: int | None = None) -> list[Review]:
        """Open reviews, the earliest deadline first, then the oldest; of some runs or of all."""
        return await self._ledger.read(lambda tx: reviews.waiting(tx, runs=runs, limit=limit))

    async def get(self, review: str) -> Review:
        """A review by its id or the beginning of it.

        Raises:
            NotFound, Ambiguous: if none or several fit.
        """
        return await self._ledger.read(lambda tx: reviews.get(tx, reviews.find(tx, review)))

    async def claim(self, review: str, by: str, seconds: float = CLAIM_SECONDS) -> Review:
        """Take a question for oneself for a while, so that others leave it.

        Raises:
            Conflict: if it is answered, or somebody else has it.
        """

        def take(tx: Transaction) -> Review:
            known = self._held(tx, reviews.find(tx, review), None)
            if known.claimed_by not in (None, by):
                until = format_time(known.claimed_until or 0)
                raise Conflict(f"claim {known.id}", f"{known.claimed_by} has it until {until}")
            return _claimed(tx, known, by, seconds)

        return await self._ledger.write(take)

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

        def take(tx: Transaction) -> Review | None:
            lock_name(tx, "next review")
            known, acts = _able(tx, by)
            fits = partial(
                _is_for, by=by, skills=known if skills is None else skills, roles=acts if roles is None else roles
            )
            found = turns.candidates(tx, by, fits, in_time=WORK / 2, soon=SOON)
            if not found:
                return None
            chosen = self._discipline(tx.now, [Turn(id=one.id, due=one.due, cost=one.cost) for one in found])
            return _claimed(tx, reviews.get(tx, ReviewId(chosen.id)), by, seconds)

        return await self._ledger.write(take)

    async def decide(self, review: str, answer: Answer, recheck: Recheck | None = None) -> Decision:
        """Answer a review. Its run goes on at once, or once as many people have approved as its policy asks for.

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
        _check(known, answer)
        verdict = self._rechecked(await self._action(known, answer), answer, recheck)

        def close(tx: Transaction) -> tuple[Decision, str | None]:
            current = self._held(tx, known.id, answer.version)
            counted, judged = _beside_others(current, answer, verdict)
            decision = self._decision(tx, current, counted, judged)
            if _needs_more(current, counted):
                reviews.vote(tx, current.run, current.version, decision)
                return decision, None
            reviews.close(tx, current.run, current.version, decision)
            expecting.answered(tx, current)
            told = _tell_promise(tx, current, decision)
            if decision.kind in (DecisionKind.EDIT, DecisionKind.REJECT) and current.kind is ReviewKind.ACTION:
                learn_from(tx, current.agent, current.id)
            mail.post(tx, current.run, "decision", sender=answer.by, ref=current.id)
            return decision, told

        decision, certificate = await self._ledger.write(close)
        if certificate is not None:
            await learn(self._ledger, certificate)
        return decision

    async def _action(self, review: Review, answer: Answer) -> Action | None:
        """The action as it would run after this answer; None where the review is about none."""
        if review.action is None:
            return None
        id = review.action
        proposal = await self._ledger.read(lambda tx: journal.proposal(tx, id))
        action = asked_form(proposal.action, review.question)
        if answer.arguments is None:
            return action
        return action.edit(answer.arguments, answer.by)

    @staticmethod
    def _rechecked(action: Action | None, answer: Answer, recheck: Recheck | None) -> Verdict | None:
        if answer.arguments is None or action is None:
            return None
        if recheck is None:
            raise InvalidValue("edit", answer.arguments, "an edit where the agent's tools and policy are at hand")
        verdict = recheck(action)
        if verdict.ruling is Ruling.DENY:
            raise Forbidden(answer.by, f"edit {action.tool} to {answer.arguments}", verdict.reason)
        return verdict

    def _decision(self, tx: Transaction, review: Review, answer: Answer, verdict: Verdict | None) -> Decision:
        approving = answer.kind in (DecisionKind.APPROVE, DecisionKind.EDIT)
        digest = expires = None
        if approving and review.kind is ReviewKind.ACTION and review.action is not None:
            action = asked_form(journal.proposal(tx, review.action).action, review.question)
            if answer.arguments is not None:
                action = replace(action, arguments=answer.arguments)
            expires = tx.now + APPROVAL_SECONDS
            rules = (verdict or review.verdict).rules
            digest = approval_digest(tenant=self._tenant, action=action, rule=rules, expires=expires)
        return Decision(
            id=new_decision_id(),
            review=review.id,
            kind=answer.kind,
            by=answer.by,
            channel=answer.channel,
            note=answer.note,
            arguments=answer.arguments,
            verdict=verdict,
            digest=digest,
            expires=expires,
            at=tx.now,
        )

    @staticmethod
    def _held(tx: Transaction, review: ReviewId, version: int | None) -> Review:
        """An open review, with its run held: nobody else decides it, and the run does not end, until this is done."""
        runs.lock(tx, reviews.get(tx, review).run)
        known = reviews.get(tx, review)
        if known.decision is not None:
            who, when = known.decision.by, format_time(known.decision.at)
            raise Conflict(f"review {review}", f"{who} decided it at {when}: {known.decision.kind}")
        if version is not None and known.version != version:
            raise Conflict(f"review {review}", "it has changed since you looked", "Look at it again.")
        if runs.get(tx, known.run).ended:
            raise Conflict(f"review {review}", f"its run {known.run} has ended")
        return known


def _claimed(tx: Transaction, review: Review, by: str, seconds: float) -> Review:
    """The review, taken for somebody."""
    reviews.claim(tx, review.id, review.version, by, tx.now + seconds)
    if review.claimed_by != by:
        forecasts.taken(tx, review.id)
    return reviews.get(tx, review.id)


def _able(tx: Transaction, by: str) -> tuple[Collection[str] | None, Collection[str] | None]:
    """The skills and roles of somebody, as the roster says; None where it does not name them."""
    roster = people.roster(tx)
    known = roster.person(by) if roster is not None else None
    return (None, None) if roster is None or known is None else (known.skills, roster.acts_as(by, tx.now))


def _is_for(one: Candidate, by: str, skills: Collection[str] | None, roles: Collection[str] | None) -> bool:
    """Whether a question is one that this person can and may answer."""
    knows = skills is None or one.skills.issubset(skills)
    may = roles is None or not one.reviewers or not {by, *roles}.isdisjoint(one.reviewers)
    return knows and may and by != one.agent


def _tell_promise(tx: Transaction, review: Review, decision: Decision) -> str | None:
    """Tell what a decision says of the action: approved as it was is right, changed or rejected is wrong.

    Returns the certificate that it was told to; None where no promise speaks of the action.
    """
    if review.kind is not ReviewKind.ACTION or review.action is None:
        return None
    changed = decision.arguments is not None and decision.arguments != review.question.get("arguments")
    wrong = changed or decision.kind is DecisionKind.REJECT
    return promises.labelled(tx, review.action, wrong=wrong, source="review", by=decision.by)


def _beside_others(review: Review, answer: Answer, verdict: Verdict | None) -> tuple[Answer, Verdict | None]:
    """An answer as it counts beside earlier approvals: what an edit has changed is what is approved from then on.

    Raises:
        Conflict: if this person has approved it already.
    """
    if answer.kind is not DecisionKind.APPROVE or not review.votes:
        return answer, verdict
    if any(vote.by == answer.by for vote in review.votes):
        who = ", ".join(vote.by for vote in review.votes)
        told = f"{answer.by} has approved it already ({who}); {review.missing} more have to"
        raise Conflict(f"review {review.id}", told, "Another person has to approve.")
    first = review.votes[0]
    return replace(answer, arguments=first.arguments), first.verdict


def _needs_more(review: Review, answer: Answer) -> bool:
    """Whether others have to approve as well; an edit begins anew, with its editor as the first."""
    if answer.kind is DecisionKind.EDIT:
        return review.verdict.quorum > 1
    return answer.kind is DecisionKind.APPROVE and review.missing > 1


def _check(review: Review, answer: Answer) -> None:
    """Whether this person may give this kind of answer to this kind of question."""
    need_person(answer.by, f"decide {review.id}", review.agent)
    allowed = _ANSWERS[review.kind]
    if answer.kind not in allowed:
        raise InvalidValue(f"answer to {review.id}", answer.kind.value, " or ".join(kind.value for kind in allowed))
    if answer.kind is DecisionKind.RESPOND and not answer.note.strip():
        raise InvalidValue(f"answer to {review.id}", answer.note, "a text")
    if answer.kind is DecisionKind.EDIT and answer.arguments is None:
        raise InvalidValue(f"edit of {review.id}", None, "the arguments as they should be")
