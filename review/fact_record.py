"""Explanations of facts and receipts of forgetting, as JSON."""

from dataclasses import asdict
from typing import Any

from baton.memory import Explanation, Receipt
from baton.review.record import fact_json, time_json


def explanation_json(why: Explanation) -> dict[str, Any]:
    """A fact, with why it is believed."""
    return {
        **fact_json(why.fact),
        "rests_on": [{"source": one.source, "begins": one.begins, "ends": one.ends} for one in why.passages],
        "bears": list(why.derived),
        "relations": [{"kind": one.kind, "other": one.other, "newer": one.newer} for one in why.relations],
        "feedback": [{"said": one.said, "by": one.by, "ref": one.ref, "at": time_json(one.at)} for one in why.feedback],
    }


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """What was forgotten, what could not be, and whether it is gone."""
    return {**asdict(receipt), "at": time_json(receipt.at)}
