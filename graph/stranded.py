"""Actions that were begun by code that is gone: whether they happened is asked of a person, never of other code."""

from baton.core import ToolSpec
from baton.ledger import EffectRecord, EffectState, Proposal


def stand_in(proposal: Proposal, known: EffectRecord | None, spec: ToolSpec | None) -> ToolSpec | None:
    """What carries an action out: its tool, or for one that other code has begun, a tool that calls nothing.

    Args:
        proposal: The recorded action.
        known: What the effect ledger says of it; None where it was not begun.
        spec: The tool of that name at hand; None where it is gone.
    """
    if known is None or known.state not in (EffectState.CLAIMED, EffectState.DOUBT):
        return spec
    if spec is not None and proposal.problem is None and spec.version == proposal.action.version:
        return spec

    def refuse(**_arguments: object) -> None:
        raise LookupError("not called: its code has changed since it was begun; propose it anew")

    return ToolSpec(name=proposal.action.tool, description="", parameters={}, run=refuse)
