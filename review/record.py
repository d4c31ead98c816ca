"""Runs, reviews and people as JSON: the one record that the command line, webhooks and servers give.

Fields are added, never renamed.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from baton.core import Absence, Assessed, Person, Promise
from baton.ledger import Decision, Fact, Review, Run, Stay
from baton.ledger.open_work import holding
from baton.ledger.remarks import Remark
from baton.ledger.reservations import Known, Reservation
from baton.review.outlook import Outlook


def time_json(at: float | None) -> str | None:
    """A time as ISO 8601 in UTC; None where there is none."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def run_json(run: Run) -> dict[str, Any]:
    """A run."""
    return {
        "id": run.id,
        "status": run.status,
        "agent": run.agent,
        "goal": run.goal.statement,
        "key": run.key,
        "parent": run.parent,
        "forked_from": run.forked_from,
        "forked_at": run.forked_at,
        "compensates": run.compensates,
        "pinned": run.pinned,
        "requester": run.requester,
        "tenant": run.tenant,
        "summary": run.summary,
        "evidence": list(run.evidence),
        "turns": run.turns,
        "tokens": run.prompt_tokens + run.completion_tokens,
        "trouble": run.trouble,
        "fault": run.fault.value if run.fault else None,
        "created_at": time_json(run.created_at),
        "ended_at": time_json(run.ended_at),
        "deadline": time_json(run.deadline),
    }


def review_json(review: Review) -> dict[str, Any]:
    """A review, with why it is asked and how it was decided."""
    verdict, decision = review.verdict, review.decision
    return {
        "id": review.id,
        "run": review.run,
        "state": review.state,
        "version": review.version,
        "kind": review.kind.value,
        "tenant": review.tenant,
        "agent": review.agent,
        "tool": review.tool,
        "summary": review.question.get("summary"),
        "arguments": review.question.get("arguments"),
        "confidence": review.question.get("confidence"),
        "reason": review.question.get("reason"),
        "known": review.question.get("known"),
        "changes": review.question.get("changes"),
        "changes_unknown": review.question.get("changes_unknown"),
        "rests_on": review.question.get("rests_on"),
        "facts": review.question.get("facts"),
        "drift": review.question.get("drift"),
        "why": {
            "reason": verdict.reason,
            "rules": list(verdict.rules),
            "class": verdict.kind,
            "threshold": verdict.threshold,
            "value": verdict.value,
            "assessed": assessed_json(verdict.assessed),
            "policy": verdict.policy,
            "windows": list(verdict.windows),
            "recall": verdict.recall,
            "reserve": verdict.reserve,
            "evidence": verdict.evidence,
        },
        "reviewers": list(review.reviewers),
        "quorum": verdict.quorum,
        "approved_by": [vote.by for vote in review.votes],
        "opened_at": time_json(review.opened_at),
        "deadline": time_json(review.deadline),
        "on_deadline": review.on_deadline,
        "escalate_to": list(verdict.escalate_to),
        "escalated_at": time_json(review.escalated_at),
        "four_eyes": verdict.four_eyes,
        "assigned": review.assigned,
        "claimed_by": review.claimed_by,
        "claimed_until": time_json(review.claimed_until if review.claimed_by else None),
        "decision": decision and decision_json(decision),
        "held": review.held and decision_json(review.held) | {"until": time_json(review.held_until)},
    }


def decision_json(decision: Decision) -> dict[str, Any]:
    """What was decided, and whether a person did."""
    return {
        "kind": decision.kind.value,
        "by": decision.by,
        "source": decision.source.value,
        "channel": decision.channel,
        "note": decision.note,
        "arguments": decision.arguments,
        "at": time_json(decision.at),
    }


def remark_json(remark: Remark) -> dict[str, Any]:
    """Something said about a question without deciding it."""
    return {"kind": remark.kind, "by": remark.by, "text": remark.text, "at": time_json(remark.at)}


def promise_json(promise: Promise) -> dict[str, Any]:
    """What is promised."""
    return {"most_wrong": promise.most_wrong, "certainty": promise.certainty}


def assessed_json(assessed: Assessed | None) -> dict[str, Any] | None:
    """What was known of an action of a class with a promise; None where there is none."""
    if assessed is None:
        return None
    return {
        "class": assessed.kind,
        "promise": promise_json(assessed.promise),
        "certificate": assessed.certificate,
        "scorer": assessed.scorer,
        "score": assessed.score,
        "threshold": assessed.threshold,
        "alone": assessed.alone,
        "audit": assessed.audit,
        "audited": assessed.audited,
        "lacks": assessed.lacks or None,
        "signals": assessed.signals,
    }


def outlook_json(outlook: Outlook | None) -> dict[str, Any]:
    """When an answer to a review is expected, and whether anybody is there in time to give it."""
    forecast, gap = (outlook.forecast, outlook.gap) if outlook is not None else (None, None)
    return {
        "half_by": time_json(forecast.half_by if forecast else None),
        "most_by": time_json(forecast.most_by if forecast else None),
        "staffed": gap is None,
        "next_on_duty": time_json(gap.next if gap else None),
    }


def person_json(person: Person, now: float) -> dict[str, Any]:
    """Somebody who answers questions, and whether they are there now."""
    return {
        "name": person.name,
        "roles": sorted(person.roles),
        "skills": sorted(person.skills),
        "on_duty": bool(person.spans(now, now + 1e-3)),
        "away": [absence_json(one) for one in person.absent(now)],
    }


def absence_json(absence: Absence) -> dict[str, Any]:
    """An absence; one until further notice has no end."""
    return {
        "from": time_json(absence.start),
        "to": None if math.isinf(absence.end) else time_json(absence.end),
        "stand_in": absence.stand_in,
    }


def fact_json(fact: Fact) -> dict[str, Any]:
    """A fact that agents remember."""
    return {
        "id": fact.id,
        "tenant": fact.tenant,
        "scope": fact.scope,
        "kind": fact.kind.value,
        "subject": fact.subject,
        "predicate": fact.predicate,
        "object": fact.object,
        "text": fact.text,
        "trust": fact.label.trust.name.lower(),
        "confidentiality": fact.label.confidentiality.name.lower(),
        "sources": sorted(fact.label.sources),
        "run": fact.run,
        "valid_from": time_json(fact.valid_from),
        "valid_to": time_json(fact.valid_to),
        "recorded_at": time_json(fact.recorded_at),
        "retired_at": time_json(fact.retired_at),
        "quarantined_at": time_json(fact.quarantined_at),
        "uses": fact.uses,
        "wrongs": fact.wrongs,
    }


def stay_json(stay: Stay) -> dict[str, Any]:
    """An action that is held up."""
    return {**vars(stay), "since": time_json(stay.since), "until": time_json(stay.until)}


def resource_json(one: Known) -> dict[str, Any]:
    """A resource, or a limit, with how many have it and wait; the lease in seconds."""
    bounds = None if one.bounds is None else {"least": one.bounds.least, "most": one.bounds.most}
    return {**vars(one), "bounds": bounds}


def reservation_json(one: Reservation, asked: Sequence[Review] = ()) -> dict[str, Any]:
    """What somebody has, or waits for; and which of the open questions `asked` holds it, with whom that waits for."""
    times = {name: time_json(getattr(one, name)) for name in ("asked_at", "granted_at", "until")}
    question = holding(asked, one)
    held = None if question is None else {"review": question.id, "waits_for": waited_for(question)}
    more = {"tokens": dict(one.tokens), "kept_for": list(one.kept_for), "waits": one.waits, "question": held}
    return {**vars(one), **more, **times}


def waited_for(review: Review) -> list[str]:
    """Whom a question waits for, by name or role; nobody in particular where anybody may answer it."""
    return [review.assigned] if review.assigned is not None else list(review.reviewers)
