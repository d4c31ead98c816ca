"""Runs, reviews and events as JSON, for `--json`. Fields are added, never renamed."""

from datetime import UTC, datetime
from typing import Any

from baton.core import Assessed, Promise
from baton.ledger import Fact, Review, Run
from baton.review import DeadLetter
from baton.review.outlook import Outlook
from baton.story import Moment


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
        "kind": review.kind.value,
        "agent": review.agent,
        "tool": review.tool,
        "summary": review.question.get("summary"),
        "arguments": review.question.get("arguments"),
        "confidence": review.question.get("confidence"),
        "reason": review.question.get("reason"),
        "known": review.question.get("known"),
        "why": {
            "reason": verdict.reason,
            "rules": list(verdict.rules),
            "class": verdict.kind,
            "threshold": verdict.threshold,
            "value": verdict.value,
            "assessed": assessed_json(verdict.assessed),
            "policy": verdict.policy,
            "evidence": verdict.evidence,
        },
        "reviewers": list(review.reviewers),
        "quorum": verdict.quorum,
        "approved_by": [vote.by for vote in review.votes],
        "opened_at": time_json(review.opened_at),
        "deadline": time_json(review.deadline),
        "on_deadline": review.on_deadline,
        "claimed_by": review.claimed_by,
        "claimed_until": time_json(review.claimed_until if review.claimed_by else None),
        "decision": decision
        and {
            "kind": decision.kind.value,
            "by": decision.by,
            "channel": decision.channel,
            "note": decision.note,
            "arguments": decision.arguments,
            "at": time_json(decision.at),
        },
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


def letter_json(letter: DeadLetter) -> dict[str, Any]:
    """A dead letter."""
    return {
        "run": letter.run.id,
        "agent": letter.run.agent,
        "goal": letter.run.goal.statement,
        "fault": letter.fault.value,
        "said": letter.said,
        "tries": letter.tries,
        "since": time_json(letter.since),
        "review": letter.review,
    }


def moment_json(moment: Moment) -> dict[str, Any]:
    """An event with what belongs to it."""
    event, proposal, effect = moment.event, moment.proposal, moment.effect
    return {
        "at": time_json(event.at),
        "run": event.run,
        "agent": moment.run.agent,
        "seq": event.seq,
        "kind": event.kind,
        "data": dict(event.data),
        "text": moment.text or None,
        "tool": proposal.action.tool if proposal else None,
        "arguments": proposal.action.arguments if proposal else None,
        "confidence": proposal.action.confidence if proposal else None,
        "effect": effect.state.value if effect else None,
        "result": effect.result if effect and event.kind.startswith("effect.") else None,
    }


def fact_json(fact: Fact) -> dict[str, Any]:
    """A fact."""
    return {
        "id": fact.id,
        "scope": fact.scope,
        "subject": fact.subject,
        "text": fact.text,
        "trust": fact.label.trust.name.lower(),
        "sources": sorted(fact.label.sources),
        "run": fact.run,
        "recorded_at": time_json(fact.recorded_at),
    }
