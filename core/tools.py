"""What a tool is: its signature for the model, and how it may be recovered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

JsonSchema = dict[str, Any]

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes the arguments of one version of a tool those of the next."""


class Effect(StrEnum):
    """What a tool does to the world."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, kw_only=True)
class ToolSpec:
    """A tool as Baton knows it.

    Attributes:
        name: Unique within an agent; letters, digits, `_` and `-`.
        description: Told to the model.
        parameters: JSON schema of the arguments, an object.
        run: The function; gets the validated arguments by name, and the idempotency key where `wants_key`.
            May be sync (run in a thread) or async. Its result must be representable in JSON.
        validate: Turns raw arguments into those `run` takes; raises ValueError with a sentence for the model.
        effect: `read` may be repeated freely; `write` is carried out at most once.
        repeatable: A write that is safe to repeat with the same key.
        wants_key: Whether `run` takes the idempotency key as `key`.
        reconcile: Asks the world whether the effect with this key happened: the result, or None if it did not.
        undo: Name of the tool that undoes this one; None if it cannot be undone.
        timeout: Seconds until a call is given up.
        verified: Whether its results are trusted as the operator's own records.
        version: Changes when the meaning of a call does.
        upcasters: By an older version, what makes its arguments those of the next; in order, the last leads to
            `version`.
    """

    name: str
    description: str
    parameters: JsonSchema
    run: Callable[..., Any]
    validate: Callable[[dict[str, Any]], dict[str, Any]] = field(default=dict)
    effect: Effect = Effect.WRITE
    repeatable: bool = False
    wants_key: bool = False
    reconcile: Callable[[str], Any] | None = None
    undo: str | None = None
    timeout: float = 60.0
    verified: bool = False
    version: str = "1"
    upcasters: Mapping[str, Upcaster] = field(default_factory=dict[str, Upcaster])
