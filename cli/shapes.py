"""Runs, reviews and events as JSON, for `--json`. Fields are added, never renamed."""

from typing import Any

from baton.ledger import Fact
from baton.review import DeadLetter
from baton.review.outlook import Outlook
from baton.review.record import time_json
from baton.story import Moment


def outlook_json(outlook: Outlook | None) -> dict[str, Any]:
    """When an answer to a review is expected, and whether anybody is there in time to give it."""
    forecast, gap = (outlook.forecast, outlook.gap) if outlook is not None else (None, None)
    return {
        "half_by": time_json(forecast.half_by if forecast else None),
        "most_by": time_json(forecast.most_by if forecast else None),
        "staffed": gap is None,
        "next_on_duty": time_json(gap.next if gap else None),
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
