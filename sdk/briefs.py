"""A brief as JSON."""

from typing import Any

from baton.graph.briefing import Brief, change_text
from baton.review.record import review_json, run_json, time_json


def brief_json(told: Brief) -> dict[str, Any]:
    """What somebody has to know who comes back to a run."""
    return {
        "run": run_json(told.run),
        "since": time_json(told.since),
        "now": time_json(told.now),
        "plan": list(told.plan),
        "happened": list(told.happened),
        "earlier": told.earlier,
        "waits_for": [review_json(one) for one in told.waiting],
        "changed": [{"fact": one.fact.id, "how": one.how, "says": change_text(one)} for one in told.changed],
        "outdated": [
            {"call": one.name, "read_at": time_json(one.at), "holds_seconds": one.holds} for one in told.outdated
        ],
    }
