"""One action to carry out, with all that is known of it."""

from dataclasses import dataclass

from baton.core import Action, Verdict
from baton.ledger import Decision, EffectRecord, Proposal


@dataclass(frozen=True, kw_only=True)
class Job:
    """One action to carry out.

    Attributes:
        action: With the arguments as they will run, after any edit.
        verdict: What policy said of exactly that.
        decision: The person's, where one was asked; None where policy allows it alone.
        known: What the effect ledger already says of it.
        off: Whether its run is called off: what was begun is confirmed or left in doubt, nothing is called.
        again: Whether its call is answered already, with why it had to wait: what comes of it is told as a notice.
    """

    proposal: Proposal
    action: Action
    verdict: Verdict
    decision: Decision | None
    known: EffectRecord | None
    off: bool = False
    again: bool = False
