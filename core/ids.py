"""Identifiers: one NewType each, so that a run id never stands where a review id should."""

import secrets
from typing import NewType

RunId = NewType("RunId", str)
MessageId = NewType("MessageId", str)
ActionId = NewType("ActionId", str)
CallId = NewType("CallId", str)
ReviewId = NewType("ReviewId", str)
DecisionId = NewType("DecisionId", str)
FactId = NewType("FactId", str)
BodyId = NewType("BodyId", int)

LOCAL_TENANT = "local"
"""The tenant of whoever has been given none."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: nothing that reads as another letter


def random_id(prefix: str) -> str:
    """A new id such as `run_7k2m9x4tqp`: 50 random bits that a person can read out and type."""
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(10))


def call_id(run: RunId, turn: int) -> CallId:
    """The journal's id of the model call that run `run` makes in turn `turn` (from 1)."""
    return CallId(f"{run}.{turn}")


def action_id(call: CallId, position: int) -> ActionId:
    """The id of the action at `position` (from 0) in a journaled model call; also its idempotency key.

    The provider's own call ids are not used: they may be missing, doubled or reused.
    """
    return ActionId(f"{call}.{position}")
