"""What happened, as lines for people."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from baton.core import Ruling, format_duration, format_time
from baton.core.resources import places_in_words
from baton.core.texts import call, one_line
from baton.graph.planning import steps_told
from baton.ledger import Decision, DecisionKind, Review, ReviewKind, Source
from baton.review.outlook import gap_text
from baton.review.staffing import Gap
from baton.story import Moment

Tone = Literal["", "strong", "said", "quiet", "good", "bad", "asks", "person", "ready"]
"""What a text means: plain, stressed, somebody's words, beside the point, went well, went wrong, asks for people, said
by people, about to go on.
"""

STATUS_TONE: Mapping[str, Tone] = {
    "done": "good",
    "waiting": "asks",
    "refused": "bad",
    "failed": "bad",
    "cancelled": "person",
    "ready": "ready",
}

_SILENT = frozenset({"plan", "finish", "remember", "hand_off"})
"""Built-in tools whose own event says more than the call."""


@dataclass(frozen=True)
class Told:
    """One line.

    Attributes:
        mark: One character that shows at a glance what kind of line it is.
        text: The line, harmless already.
        tone: What it means, for whoever gives it a colour.
    """

    mark: str
    text: str
    tone: Tone = ""


def tell(moment: Moment) -> Told | None:
    """A moment as a line; None for what people need not see."""
    kind = moment.event.kind
    if kind.startswith("review.") and moment.review is not None:
        return _tell_review(moment, moment.review)
    of_its_family = _FAMILIES.get(kind.partition(".")[0])
    if of_its_family is not None:
        return of_its_family(moment)
    match kind:
        case "action.judged":
            return _tell_action(moment)
        case "action.queued" | "action.postponed" | "action.recalled":
            return _tell_later(kind, moment.event.data)
        case "model.answered":
            return Told("“", one_line(moment.text), "said") if moment.text.strip() else None
        case "run.submitted":
            return Told("▸", one_line(f"{moment.run.id}: {moment.run.goal.statement}"), "strong")
        case "run.troubled" | "run.taken_over" | "breaker.opened" | "breaker.closed":
            return _tell_fault(kind, moment.event.data)
        case "run.ended":
            outcome: str = moment.event.data["outcome"]
            return Told("■", one_line(f"{outcome}: {moment.text}"), STATUS_TONE.get(outcome, ""))
        case _:
            return _tell_builtin(moment)


def _tell_later(kind: str, said: Mapping[str, Any]) -> Told:
    match kind:
        case "action.queued":
            return Told(
                "‖",
                one_line(f"{said['tool']} waits for {places_in_words(said['of'])}, behind {said['ahead']}"),
                "quiet",
            )
        case "action.postponed":
            return Told("‖", one_line(f"{said['tool']} takes effect at {format_time(said['until'])}"), "quiet")
        case _:
            return Told("↩", one_line(f"{said['by']} has recalled it: it does not happen"), "quiet")


def _tell_fault(kind: str, said: Mapping[str, Any]) -> Told:
    match kind:
        case "run.troubled":
            again = format_duration(said["again_in"])
            return Told("!", one_line(f"{said['trouble']} (tried again in {again})"), "bad")
        case "run.taken_over":
            return Told("!", one_line(f"{said['owner']} died while it held the run"), "bad")
        case "breaker.opened":
            until = format_time(said["until"])
            return Told("!", one_line(f"{said['tool']} keeps failing: not called until {until}"), "bad")
        case _:
            return Told("!", one_line(f"{said['tool']} answers again"), "good")


def _tell_builtin(moment: Moment) -> Told | None:
    given = moment.proposal.action.arguments if moment.proposal else {}
    match moment.event.kind:
        case "plan.made":
            steps = " ".join(f"{number}. {step}" for number, step in enumerate(steps_told(moment.event.data), 1))
            return Told("≡", one_line(f"plan: {steps}"), "quiet")
        case "fact.recorded":
            return Told("✎", one_line(f"remembers of {given.get('subject')}: {given.get('text')}"), "quiet")
        case "action.checked":
            return _tell_checked(moment)
        case "handoff.offered":
            task = f": {given['task']}" if given.get("task") else ""  # a piece of what is spread has none
            return Told("⇢", one_line(f"hands off to {moment.event.data['to']}{task}"))
        case "handoff.routed":
            data = moment.event.data
            ranked = "; ".join(
                f"{one['name']} {one['estimate']:.0f} s, {one['success']:.0%} sure" for one in data["candidates"]
            )
            return Told("⇢", one_line(f"{data['skill']} goes to {data['to']}: {ranked}", 400), "quiet")
        case "handoff.rerouted":
            data = moment.event.data
            return Told("⇢", one_line(f"{data['handoff']} {data['why']}: offered to {data['to']}"))
        case "speculation.used":
            return Told("⟳", f"{moment.event.data['tool']} had been read ahead", "quiet")
        case "notes.written":
            data = moment.event.data
            what = f"the value of {data['field']}" if data["field"] else "an entry"
            return Told(
                "✎", one_line(f"{data['by']} writes {what} into the notes (version {data['version']})"), "quiet"
            )
        case _:
            return _tell_past(moment)


def _tell_past(moment: Moment) -> Told | None:
    """What a run shares with another, or with other code."""
    match moment.event.kind:
        case "call.recorded":
            return Told("←", f"answered from the record of {moment.event.data['origin']}", "quiet")
        case "run.compensated":
            return Told("↶", f"{moment.event.data['child']} undoes {moment.event.data['effects']} effects", "quiet")
        case "run.forked":
            return Told("⑂", f"goes on from turn {moment.event.data['turn']} of {moment.event.data['origin']}", "quiet")
        case "run.code_changed":
            differs = ", ".join(moment.event.data["differs"]) or "nothing that is told apart"
            return Told("~", one_line(f"goes on with changed code: {differs}"), "quiet")
        case _:
            return None


def _tell_action(moment: Moment) -> Told | None:
    proposal = moment.proposal
    if proposal is None:
        return None
    if proposal.problem is not None:
        return Told("!", one_line(f"unusable call of {proposal.action.tool}: {proposal.problem}"), "bad")
    what, verdict = call(proposal.action.tool, proposal.action.arguments, 200), proposal.verdict
    rules = f" [{', '.join(verdict.rules)}]" if verdict.rules else ""
    match verdict.ruling:
        case Ruling.ALLOW:
            return None if proposal.action.tool in _SILENT else Told("→", what)
        case Ruling.ASK:
            return Told("?", one_line(f"{what}: {verdict.reason}{rules}"), "asks")
        case Ruling.DENY:
            return Told("✗", one_line(f"{what}: {verdict.reason}{rules}"), "bad")


def _tell_hindsight(moment: Moment) -> Told:
    """That people look back at an action, and what they or others say of it."""
    data, note = moment.event.data, f": {moment.text}" if moment.text else ""
    if moment.event.kind == "audit.opened":
        again = "another person looks" if data["look"] == 2 else "people look"
        return Told("◁", one_line(f"{again} back at {data['tool']}, which ran alone: {data['audit']}"), "quiet")
    tool = moment.proposal.action.tool if moment.proposal else data["action"]
    said = "was wrong" if data["wrong"] else "was right"
    how = "looked back at it" if moment.event.kind == "audit.closed" else "reports"
    return Told("◁", one_line(f"{data['by']} {how}: {tool} {said}{note}"), "bad" if data["wrong"] else "good")


def _tell_checked(moment: Moment) -> Told:
    """That what an action rests on was looked at again, and what came of it."""
    data = moment.event.data
    tool = moment.proposal.action.tool if moment.proposal else data["action"]
    drift = cast("Sequence[Mapping[str, Any]]", data["drift"])
    if not drift:
        looked = ", ".join(one["what"] for one in data["looked"])
        return Told("⟳", one_line(f"looked again before {tool}: {looked} as it was", 400), "quiet")
    found = "; ".join(f"{one['name']} {one['why'] or _change_words(one)}" for one in drift)
    return Told("⟳", one_line(f"what {tool} rests on has changed: {found}", 400), "bad")


def _change_words(one: Mapping[str, Any]) -> str:
    return f"was {one['before']}, is {one['after']}"


def _tell_effect(moment: Moment) -> Told | None:
    if moment.effect is None:
        return None
    match moment.event.kind:
        case "effect.done":
            return Told("←", one_line(moment.effect.result, 400), "quiet")
        case "effect.failed":
            return Told("←", one_line(moment.effect.result, 400), "bad")
        case "effect.postponed":
            why, again = moment.event.data["why"], format_duration(moment.event.data["again_in"])
            return Told("←", one_line(f"{why} (tried again in {again})", 400), "bad")
        case "effect.doubt":
            return Told("!", one_line(f"nobody knows whether {moment.effect.tool} happened"), "bad")
        case _:
            return None


def _tell_message(moment: Moment) -> Told | None:
    sender = moment.event.data["sender"]
    match moment.event.kind:
        case "message.user":
            return Told("<", one_line(f"{sender}: {moment.text}"))
        case "message.cancel":
            return Told("<", one_line(f"{sender} cancels the run"), "person")
        case "message.handoff" | "message.timer" | "message.event":
            return Told("⇠", one_line(moment.text), "quiet")
        case _:
            return None


def _tell_review(moment: Moment, review: Review) -> Told | None:
    match moment.event.kind:
        case "review.opened":
            asks = "" if review.kind is ReviewKind.ACTION else f": {review.question['summary']}"
            return Told("‖", one_line(f"{review.id} waits for {reviewers(review)}{asks}"), "asks")
        case "review.claimed" if not moment.event.data["renewed"]:
            return Told("‖", one_line(f"{moment.event.data['by']} has taken {review.id}"), "quiet")
        case "review.late":
            return Told("‖", f"{review.id} is late", "bad")
        case "review.expected":
            return _tell_expected(moment, review)
        case "review.escalated":
            return Told("‖", one_line(f"{review.id} is put to {' or '.join(moment.event.data['to'])} as well"), "asks")
        case "review.delegated":
            return Told("<", one_line(f"{moment.event.data['by']} gave {review.id} to {moment.event.data['to']}"))
        case "review.undone":
            return Told("<", one_line(f"{moment.event.data['by']} took the decision on {review.id} back"), "person")
        case "review.comment" | "review.question" | "review.answer":
            says = {"review.comment": "says of", "review.question": "asks about", "review.answer": "answers about"}
            return Told(
                "“", one_line(f"{moment.event.data['by']} {says[moment.event.kind]} {review.id}: {moment.text}")
            )
        case "review.closed" | "review.approved" if review.decision is not None:
            note = f": {review.decision.note}" if review.decision.note else ""
            return Told("<", one_line(f"{decided(review.decision, review.id)}{note}"), "person")
        case _:
            return None


def decided(decision: Decision, what: str) -> str:
    """Who decided a question and how, in words; what no person decided says so."""
    match decision.source:
        case Source.TIMEOUT:
            counts = "yes" if decision.kind is DecisionKind.APPROVE else "no"
            return f"{what} counts as {counts}: nobody answered in time"
        case Source.POLICY:
            return f"{what} was withdrawn"
        case Source.PERSON:
            changed = " with changes" if decision.kind is DecisionKind.EDIT else ""
            return f"{decision.by} {DECIDED[decision.kind].removesuffix(changed)} {what}{changed}"


def _tell_expected(moment: Moment, review: Review) -> Told | None:
    """That a question was asked when nobody was there to answer it in time; when an answer comes is told elsewhere."""
    said = moment.event.data
    if said["staffed"]:
        return None
    return Told("‖", one_line(gap_text(review, Gap(review.deadline, said["next"]))), "bad")


DECIDED = {
    DecisionKind.APPROVE: "approved",
    DecisionKind.EDIT: "approved with changes",
    DecisionKind.REJECT: "rejected",
    DecisionKind.RESPOND: "answered",
}


def proposed(review: Review) -> dict[str, Any]:
    """The arguments of the call that a question is about; empty where it is about none."""
    if review.votes and review.votes[0].arguments is not None:
        return review.votes[0].arguments  # as the first of several who have to approve has changed it
    return dict(cast(Mapping[str, Any], review.question.get("arguments") or {}))


def asked(review: Review, width: int = 300) -> str:
    """What is asked, on one line: the call where it is about one, else the question."""
    if review.kind is ReviewKind.ACTION:
        return call(review.tool, proposed(review), width)
    return one_line(str(review.question.get("summary", "")), width)


def reviewers(review: Review) -> str:
    """Who may decide, in words."""
    who = one_line(" or ".join(review.reviewers)) or "anybody"
    if review.verdict.quorum == 1:
        return who
    voted = f", {', '.join(vote.by for vote in review.votes)} already" if review.votes else ""
    return one_line(f"{review.verdict.quorum} of {who}{voted}")


def until(review: Review, now: float) -> str:
    """Until when an answer is wanted, and what happens then; empty without a deadline."""
    if review.deadline is None:
        return ""
    left = review.deadline - now
    then = _THEN[review.on_deadline]
    due = f"due in {format_duration(left)}" if left > 0 else f"late by {format_duration(-left)}"
    return f"{due} ({format_time(review.deadline)}), then it {then}"


_THEN = {
    "deny": "counts as no",
    "approve": "counts as yes",
    "park": "stays open",
    "escalate": "stays open; others are asked before",
}


def due(review: Review, now: float) -> str:
    """The deadline in few words."""
    if review.deadline is None:
        return "no deadline"
    left = review.deadline - now
    return f"{format_duration(left)} left" if left > 0 else f"late by {format_duration(-left)}"


def asks(review: Review) -> str:
    """What an agent does by asking this."""
    match review.kind:
        case ReviewKind.ACTION:
            return f"wants to call {one_line(review.tool)}"
        case ReviewKind.QUESTION:
            return "asks"
        case ReviewKind.DOUBT:
            return f"does not know whether {one_line(review.tool)} happened"
        case ReviewKind.TROUBLE:
            return "cannot go on"


_FAMILIES: Mapping[str, Callable[[Moment], Told | None]] = {
    "effect": _tell_effect,
    "message": _tell_message,
    "audit": _tell_hindsight,
    "outcome": _tell_hindsight,
}
