"""What a decision is made of, whether somebody may take it, and what follows once it cannot be undone any more."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from baton.core import Action, Conflict, Forbidden, InvalidValue, ReviewId, Ruling, Verdict, format_time
from baton.ledger import (
    Decision,
    DecisionKind,
    HandoffState,
    Review,
    ReviewKind,
    Source,
    Transaction,
    decisions,
    handoffs,
    journal,
    mail,
    promises,
    reviews,
    runs,
    timers,
    trail,
)
from baton.policies import approval_digest, asked_form
from baton.review import expecting
from baton.review.learning import learn_from
from baton.review.people import need_person
from baton.review.typed import read_typed, shape_told

APPROVAL_SECONDS = 7 * 86400.0
"""How long an approval may wait for its action to be carried out, where no rule says otherwise."""

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
_APPROVING = (DecisionKind.APPROVE, DecisionKind.EDIT)


@dataclass(frozen=True, kw_only=True)
class Identity:
    """By what a server knows who decides.

    Attributes:
        credential: The session, key or link they showed; it is noted with the decision.
        acts_as: Their name and roles, among which a reviewer of the question has to be; None lets anybody decide.
        address: Where they are.
    """

    credential: str
    acts_as: frozenset[str] | None
    address: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a person says to a review.

    Attributes:
        by: Who decides.
        note: A reason, a note, or the answer itself.
        arguments: The arguments as edited; None keeps them.
        version: The version of the review that the person saw; None decides whatever it is now.
        channel: Where the answer came from.
        hold: Seconds in which it can be undone; the run is told of it after them.
        delivery: What the sender calls this answer. The same answer of the same person then counts once, however often
            it comes. None says nothing: the same answer again is a Conflict.
        identity: By what they are known; None takes `by` as it is given, and shows reviewers without enforcing them.
    """

    kind: DecisionKind
    by: str
    note: str = ""
    arguments: dict[str, Any] | None = None
    version: int | None = None
    channel: str = "sdk"
    hold: float = 0.0
    delivery: str | None = None
    identity: Identity | None = None


def answers_to(kind: ReviewKind) -> tuple[DecisionKind, ...]:
    """What people may answer to a question of this kind."""
    return _ANSWERS[kind]


def check(review: Review, answer: Answer) -> None:
    """Whether this person may give this kind of answer to this kind of question.

    Raises:
        Forbidden: if they may not.
        InvalidValue: if the answer does not fit the question.
    """
    need_person(answer.by, f"decide {review.id}", review.agent)
    if answer.identity is not None:
        need_reviewer(review, answer.by, answer.identity.acts_as)
    allowed = _ANSWERS[review.kind]
    if answer.kind not in allowed:
        raise InvalidValue(f"answer to {review.id}", answer.kind.value, " or ".join(kind.value for kind in allowed))
    if review.verdict.four_eyes and answer.by == review.requester and answer.kind in _APPROVING:
        raise Forbidden(answer.by, f"approve {review.id}", "four eyes are asked for, and they asked for the goal")
    if answer.kind is DecisionKind.RESPOND and not answer.note.strip():
        raise InvalidValue(f"answer to {review.id}", answer.note, "a text")
    if answer.kind is DecisionKind.EDIT and answer.arguments is None:
        raise InvalidValue(f"edit of {review.id}", None, "the arguments as they should be")
    _check_typed(review, answer)


def _check_typed(review: Review, answer: Answer) -> None:
    schema = review.question.get("answer")
    if answer.kind is not DecisionKind.RESPOND or schema is None:
        return
    wrong = read_typed(answer.note, schema)[1]
    if wrong is not None:
        raise InvalidValue(f"answer to {review.id}", answer.note, f"{shape_told(schema)} as JSON ({wrong})")


def need_reviewer(review: Review, by: str, acts_as: frozenset[str] | None) -> None:
    """Refuse whom the rules that ask do not name.

    Raises:
        Forbidden: if they name others; `acts_as` None is anybody.
    """
    if acts_as is not None and review.reviewers and acts_as.isdisjoint(review.reviewers):
        raise Forbidden(by, f"answer {review.id}", f"it is for {' or '.join(review.reviewers)}")


def undecided(tx: Transaction, review: ReviewId, version: int | None) -> Review:
    """A review that nobody has decided, held with its run: until this is done nobody else does, nor does the run end.

    Raises:
        Conflict: if it is decided, has changed since `version` was seen, or its run has ended; says who and when.
    """
    reviews.lock(tx, review)
    known = reviews.get(tx, review)
    taken = known.decision or known.held
    if taken is not None:
        raise Conflict(f"review {review}", f"{taken.by} decided it at {format_time(taken.at)}: {taken.kind}")
    if version is not None and known.version != version:
        raise Conflict(f"review {review}", "it has changed since you looked", "Look at it again.")
    if runs.get(tx, known.run).ended:
        raise Conflict(f"review {review}", f"its run {known.run} has ended")
    return known


def taken(tx: Transaction, id: ReviewId, answer: Answer) -> Decision | None:
    """The decision that this very answer has led to already; None where it is new, or has no delivery's name.

    Raises:
        Conflict: if the delivery of that name brought another answer.
    """
    if not answer.delivery:
        return None
    before = decisions.delivered(tx, id, answer.delivery)
    if before is not None and not _same(before, answer):
        told = f"it brought another answer to {id}: {before.by} at {format_time(before.at)}: {before.kind}"
        raise Conflict(f"delivery {answer.delivery}", told, "Give each answer a name of its own.")
    if before is None:
        known = reviews.get(tx, id)
        alike = [one for one in (*known.votes, known.held, known.decision) if one is not None and _same(one, answer)]
        before = alike[0] if alike else None
    return before


def _same(decision: Decision, answer: Answer) -> bool:
    said = (decision.kind, decision.by, decision.note) == (answer.kind, answer.by, answer.note)
    return said and (answer.kind is not DecisionKind.EDIT or decision.arguments == answer.arguments)


def sure(changed: bool, review: ReviewId) -> None:
    """Go on only where a change by compare-and-set was made.

    Raises:
        Conflict: if it was not.
    """
    if not changed:
        raise Conflict(f"review {review}", "it has changed at this very moment", "Look at it again.")


def edited(tx: Transaction, review: Review, answer: Answer) -> Action | None:
    """The action as an answer has edited it; None without an edit, and where the review is about none."""
    if answer.arguments is None or review.action is None:
        return None
    return asked_form(journal.proposal(tx, review.action).action, review.question).edit(answer.arguments, answer.by)


def rechecked(action: Action, by: str, recheck: Recheck | None) -> Verdict:
    """What policy says of an edited action.

    Raises:
        Forbidden: if policy denies it.
        InvalidValue: if it does not fit the tool, or nothing is at hand that could say so.
    """
    if recheck is None:
        raise InvalidValue("edit", action.arguments, "an edit where the agent's tools and policy are at hand")
    verdict = recheck(action)
    if verdict.ruling is Ruling.DENY:
        raise Forbidden(by, f"edit {action.tool} to {action.arguments}", verdict.reason)
    return verdict


def beside_others(review: Review, answer: Answer, verdict: Verdict | None) -> tuple[Answer, Verdict | None]:
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


def needs_more(review: Review, answer: Answer) -> bool:
    """Whether others have to approve as well; an edit begins anew, with its editor as the first."""
    if answer.kind is DecisionKind.EDIT:
        return review.verdict.quorum > 1
    return answer.kind is DecisionKind.APPROVE and review.missing > 1


def decision_of(
    tx: Transaction,
    review: Review,
    answer: Answer,
    verdict: Verdict | None,
    source: Source = Source.PERSON,
) -> Decision:
    """The decision that an answer comes to, with the digest of exactly what it approves."""
    digest = expires = None
    if answer.kind in _APPROVING and review.kind is ReviewKind.ACTION and review.action is not None:
        action = asked_form(journal.proposal(tx, review.action).action, review.question)
        if answer.arguments is not None:
            action = replace(action, arguments=answer.arguments)
        rules, valid = (verdict or review.verdict).rules, (verdict or review.verdict).valid
        expires = tx.now + (APPROVAL_SECONDS if valid is None else valid)
        digest = approval_digest(tenant=review.tenant, action=action, rule=rules, expires=expires)
    return Decision(
        id=decisions.new_id(),
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
        source=source,
        delivery=answer.delivery,
    )


def note(tx: Transaction, decision: Decision, answer: Answer) -> None:
    """Put on record by what somebody was known who decides; nothing where nobody has looked."""
    known = answer.identity
    if known is not None:
        said = {"about": decision.review, "says": decision.kind.value}
        trail.note(tx, "review.decided", decision.by, credential=known.credential, address=known.address, **said)


def follow(tx: Transaction, review: Review, decision: Decision) -> str | None:
    """What follows from a decision that stands: it is learnt from, and its run is told.

    Returns the certificate that it was told to as a label; None where no promise speaks of the action.
    """
    told = None
    if decision.source is Source.PERSON:
        expecting.answered(tx, review)
    if decision.source is Source.PERSON and review.kind is ReviewKind.ACTION and review.action is not None:
        changed = decision.arguments is not None and decision.arguments != review.question.get("arguments")
        wrong = changed or decision.kind is DecisionKind.REJECT
        told = promises.labelled(tx, review.action, wrong=wrong, source="review", by=decision.by)
        if decision.kind in (DecisionKind.EDIT, DecisionKind.REJECT):
            learn_from(tx, review.agent, review.id)
    if review.tool == SETTLES and decision.kind is DecisionKind.RESPOND:
        timers.start(tx, review.run, 0.0, "settle", review.id)
    if _handed_back(tx, review, decision):
        mail.post(tx, review.run, "decision", sender=decision.by, ref=review.id)
    return told


SETTLES = "settle_claims"
"""The tool whose question is which of several claims holds."""

_ENDS = {DecisionKind.RESPOND: HandoffState.RETURNED, DecisionKind.REJECT: HandoffState.REFUSED}


def _handed_back(tx: Transaction, review: Review, decision: Decision) -> bool:
    """Where the question was a piece of work for a person, give it back; whether its giver is told of the decision.

    Of a bid the call for proposals takes note, and the giver of what comes of that.
    """
    handoff = handoffs.of_review(tx, review.id) if review.tool == "hand_off" else None
    if handoff is not None:
        typed = handoff.answers is not None and decision.kind is DecisionKind.RESPOND
        answer = read_typed(decision.note, handoff.answers or {})[0] if typed else None
        handoffs.end(tx, handoff, _ENDS.get(decision.kind, HandoffState.EXPIRED), decision.note, answer)
    return handoff is None or handoff.bid_of is None


def send(tx: Transaction, review: ReviewId) -> str | None:
    """Let a decision go out whose hold is over; nothing happens where it was undone.

    Returns the certificate that it was told to; None where there is none.
    """
    known = reviews.get(tx, review)
    decision = reviews.send(tx, known)
    return None if decision is None else follow(tx, known, decision)


def by_deadline(tx: Transaction, review: Review) -> None:
    """What its rules have a question come to that nobody has answered in time: a no, or a yes.

    It says nothing of whether the action was right, so nothing is learnt from it.
    """
    if review.on_deadline == "approve":
        note = "nobody answered in time, and its rules approve it then"
        answer = Answer(kind=DecisionKind.APPROVE, by="baton", note=note, channel="baton")
        decision = decision_of(tx, review, answer, None, Source.TIMEOUT)
        closed = reviews.close(tx, review.run, review.version, decision)
    else:
        closed = reviews.close_unanswered(tx, review, DecisionKind.EXPIRED, "nobody answered in time")
    if closed:
        known = reviews.get(tx, review.id)
        if known.decision is None or _handed_back(tx, known, known.decision):
            mail.post(tx, review.run, "decision", sender="baton", ref=review.id)
