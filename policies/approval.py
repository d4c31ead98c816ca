"""What was approved, as one short text that changes with anything that matters."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from baton.core import Action, digest


def asked_form(action: Action, question: Mapping[str, Any]) -> Action:
    """An action in the form that a question asks about: its own, or that of a newer version of its tool."""
    if "version" not in question:
        return action
    return replace(action, version=question["version"], arguments=dict(question["arguments"]))


def approval_digest(*, tenant: str, action: Action, rule: Sequence[str], expires: float | None) -> str:
    """SHA-256 in hex of exactly what will run; taken when deciding and again right before acting.

    Confidence and the agent's reason are left out: they are about the action and not what it does.

    Args:
        tenant: Whose run it is.
        action: The action with its effective arguments, after any edit.
        rule: `@id`s of the rules that asked; their order does not matter.
        expires: Seconds since 1970 until which the approval holds; None is for ever.
    """
    # Text rather than nested values: RFC 8785 refuses whole numbers beyond 53 bits, which policies allow.
    arguments = json.dumps(action.arguments, sort_keys=True)
    return digest(
        {
            "tenant": tenant,
            "run": action.run,
            "action": action.id,
            "tool": action.tool,
            "version": action.version,
            "arguments": arguments,
            "rules": sorted(rule),
            "expires": expires,
        }
    )
