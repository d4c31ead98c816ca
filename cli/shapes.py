"""Dead letters and facts as JSON, for `--json`. Fields are added, never renamed."""

from typing import Any

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
