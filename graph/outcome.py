"""What carrying out one action came to."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from baton.core import BodyId, Confidentiality, ReviewId, Trust, Verdict
from baton.ledger import Transaction
from baton.ledger.runs import Outcome as RunOutcome

Rider = Callable[[Transaction], object]


@dataclass(frozen=True, kw_only=True)
class End:
    """How a run is to end.

    Attributes:
        answer: What work that was handed on is answered with; None where its summary says all.
    """

    outcome: RunOutcome
    summary: str
    evidence: tuple[str, ...] = ()
    answer: Mapping[str, Any] | None = None


@dataclass(kw_only=True)
class Outcome:
    """What became of one action in this step.

    Attributes:
        text: What the model is told.
        trust: Of that text.
        confidentiality: Of that text.
        body: Where the text stands already; set when its transaction has run, None stores it with the line.
        pending: Whether the true answer comes later, as a message.
        review: The question to people that it waits for; when their answer is expected is told behind the text.
        asks: The verdict by which the riders ask people; None where they ask nobody.
        riders: Rows to commit with the step.
        end: Set by an accepted `finish`.
    """

    text: str
    trust: Trust = Trust.SYSTEM
    confidentiality: Confidentiality = Confidentiality.INTERNAL
    body: BodyId | None = None
    pending: bool = False
    review: ReviewId | None = None
    asks: Verdict | None = None
    riders: list[Rider] = field(default_factory=list[Rider])
    end: End | None = None


def denial(reason: str, rules: Sequence[str] = ()) -> Outcome:
    """Told to the model when policy or a person says no; names the rules that said it."""
    return Outcome(text=f"denied: {reason}" + (f" [{', '.join(rules)}]" if rules else ""))


def refusal(why: str) -> Outcome:
    """Told to the model when a call cannot be carried out."""
    return Outcome(text=f"error: {why}")


_PENDING = re.compile(r"(\[[^\]]*\] (\S+?: )?)?pending: ")


def is_pending(line: str) -> bool:
    """Whether a line of the transcript tells of an action that what comes of it is still to come."""
    return _PENDING.match(line) is not None
