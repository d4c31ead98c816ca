"""What rules see of a call's circumstances: `context`, declared and filled in one place."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from baton.core import Confidentiality, InvalidValue, Question, Trust

_TEXT, _NUMBER, _FLAG = {"type": "String"}, {"type": "Long"}, {"type": "Boolean"}
_TEXTS = {"type": "Set", "element": _TEXT}

CONTEXT: Mapping[str, Mapping[str, Any]] = {
    "now": _NUMBER,
    "date": _TEXT,
    "clock": _NUMBER,
    "hour": _NUMBER,
    "weekday": _NUMBER,
    "workday": _FLAG,
    "environment": _TEXT,
    "tenant": _TEXT,
    "requester": _TEXT,
    "goal": _TEXT,
    "goal_trust": _NUMBER,
    "confidence": _NUMBER,
    "count": _NUMBER,
    "called": _TEXTS,
    "planned": _FLAG,
    "read_trust": _NUMBER,
    "read_secrecy": _NUMBER,
    "rejected": _NUMBER,
    "waiting": _NUMBER,
}
"""By name, the Cedar type; docs/policy.md says what each means."""

OPTIONAL = frozenset({"requester", "confidence"})
"""What is not always there."""


def declare() -> dict[str, Any]:
    """The record as Cedar's JSON schema writes it."""
    attributes = {name: {**kind, "required": name not in OPTIONAL} for name, kind in CONTEXT.items()}
    return {"type": "Record", "attributes": attributes}


class Read(Protocol):
    """All that a run has read, taken together.

    Attributes:
        lowest: The lowest trust of it.
        highest: The highest confidentiality of it.
    """

    @property
    def lowest(self) -> Trust: ...
    @property
    def highest(self) -> Confidentiality: ...


def context_of(question: Question, read: Read) -> dict[str, Any]:
    """The circumstances of one call.

    Raises:
        InvalidValue: if the confidence is none.
    """
    action, setting = question.action, question.setting
    local = datetime.fromtimestamp(question.now, UTC).astimezone(ZoneInfo(setting.zone))
    count = question.counts.get(action.tool, 0)
    off = local.isoweekday() > 5 or (setting.holiday is not None and setting.holiday(local.date()))
    found: dict[str, Any] = {
        "now": int(question.now),
        "date": local.date().isoformat(),
        "clock": local.hour * 100 + local.minute,
        "hour": local.hour,
        "weekday": local.isoweekday(),
        "workday": not off,
        "environment": setting.environment,
        "tenant": setting.tenant,
        "goal": question.goal,
        "goal_trust": int(question.goal_trust),
        "count": count,
        "called": sorted(question.counts),
        "planned": count < question.plan.count(action.tool),
        "read_trust": int(read.lowest),
        "read_secrecy": int(read.highest),
        "rejected": question.rejected,
        "waiting": question.waiting,
    }
    if question.requester is not None:
        found["requester"] = question.requester
    if action.confidence is not None:
        if not 0 <= action.confidence <= 1:
            raise InvalidValue("confidence", action.confidence, "a number from 0 to 1")
        found["confidence"] = int(Decimal(repr(action.confidence)) * 100)  # down: 0.799 is not 80 percent
    return found


def complete(recorded: Mapping[str, Any]) -> bool:
    """Whether what is on record holds all that rules may ask today."""
    return CONTEXT.keys() - OPTIONAL - {"goal"} <= recorded.keys()


def shown(context: Mapping[str, Any]) -> dict[str, Any]:
    """What of it is recorded with a verdict: the goal stands with its run already."""
    return {name: value for name, value in context.items() if name != "goal"}
