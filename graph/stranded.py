"""Actions that were begun by code that is gone: whether they happened is asked of a person, never of other code."""

from baton.core import Action, ToolSpec
from baton.ledger import EffectRecord, EffectState


def stand_in(action: Action, problem: str | None, known: EffectRecord | None, spec: ToolSpec | None) -> ToolSpec | None:
    """What carries an action out: its tool, or for one that other code has begun, a tool that calls nothing.

    Args:
        action: The action, in the form that was asked about.
        problem: Why it can no longer be carried out; None where it can.
        known: What the effect ledger says of it; None where it was not begun.
        spec: The tool of that name at hand; None where it is gone.
    """
    if known is None or known.state not in (EffectState.CLAIMED, EffectState.DOUBT):
        return spec
    if spec is not None and problem is None and spec.version == action.version:
        return spec

    def refuse(**_arguments: object) -> None:
        raise LookupError("not called: its code has changed since it was begun; propose it anew")

    return ToolSpec(name=action.tool, description="", parameters={}, run=refuse)
