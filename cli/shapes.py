"""Dead letters and facts as JSON, for `--json`. Fields are added, never renamed."""

from typing import Any

from baton.ledger import Fact
from baton.review import DeadLetter
from baton.review.record import time_json


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
