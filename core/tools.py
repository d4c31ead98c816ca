"""What a tool is: its signature for the model, and how it may be recovered."""

import random
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from baton.core.calendars import Calendar
from baton.core.errors import InvalidValue
from baton.core.labels import Confidentiality, Marks
from baton.core.resources import AtOnce

JsonSchema = dict[str, Any]

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes the arguments of one version of a tool those of the next."""


class Effect(StrEnum):
    """What a tool does to the world."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How a call that fails for now is tried again.

    Waits double from `first_wait` to `longest_wait`. With jitter each is drawn from 0 to that (Brooker, "Exponential
    Backoff And Jitter", 2015), so that those who failed together do not come back together.

    Attributes:
        attempts: Most tries, the first included; 1 is never again.
        first_wait: Most seconds before the second try.
        longest_wait: Most seconds between two tries, where the tool itself does not say how long.
        jitter: Whether waits are drawn at random; without, each is as long as it may be.
        deadline: Seconds from the first try within which another may begin; None for no limit.
    """

    attempts: int = 3
    first_wait: float = 0.5
    longest_wait: float = 30.0
    jitter: bool = True
    deadline: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            InvalidValue: for less than one attempt, a negative wait, a deadline that leaves no time.
        """
        if self.attempts < 1:
            raise InvalidValue("attempts of Retries", self.attempts, "1 or more")
        if not 0 <= self.first_wait <= self.longest_wait:
            raise InvalidValue("first_wait of Retries", self.first_wait, f"seconds from 0 to {self.longest_wait:g}")
        if self.deadline is not None and not self.deadline > 0:
            raise InvalidValue("deadline of Retries", self.deadline, "seconds above 0, or None")

    def wait(self, tries: int, asked: float | None = None) -> float:
        """Seconds to wait before the next try.

        Args:
            tries: How many have been made, from 1.
            asked: How many seconds the tool asked for; None where it did not say.
        """
        if asked is not None:
            return asked + (random.uniform(0, self.first_wait) if self.jitter else 0.0)
        most = min(self.longest_wait, self.first_wait * 2.0 ** min(tries - 1, 64))
        return random.uniform(0, most) if self.jitter else most

    def allows(self, tries: int, since_first: float) -> bool:
        """Whether another try may be made after `tries`, if it begins `since_first` seconds after the first."""
        return tries < self.attempts and (self.deadline is None or since_first <= self.deadline)


@dataclass(frozen=True)
class Rest:
    """Something that a call rests on: what a read says, and has to say still when the call is carried out.

    Attributes:
        tool: The tool that reads it, of the same agent.
        arguments: By the reading tool's parameter, the parameter of the call that gives its value; None takes those of
            the same name.
        fields: The fields of what is read that matter, as paths of names from the result down; empty is all of it.
    """

    tool: str
    arguments: Mapping[str, str] | None = None
    fields: tuple[str, ...] = ()


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
        check: Says, without changing anything, whether a call with these arguments would do what it is to: takes the
            arguments as `run` does, and gives true or false. None where nothing can tell.
        preview: Says, without changing anything, what a call with these arguments would change: takes the arguments as
            `run` does, and gives by name how it is and how it would be. None where nothing can tell.
        undo: Name of the tool that undoes this one; None if it cannot be undone.
        timeout: Seconds until one try is given up.
        retries: How a call that fails for now is tried again; None is `Retries()`, for what surely may be repeated.
        verified: Whether its results are trusted as the operator's own records.
        destinations: Parameters that say where something goes: a recipient, an account, a URL, a path.
        content: Parameters that say what goes there: a body, a subject.
        egress: Whether a read sends something out too, as fetching a URL does. Writes always may.
        confidentiality: Of its results.
        marks: Fields of its results with a label of their own.
        version: Changes when the meaning of a call does.
        secrets: By parameter, the names of secrets that the model may refer to in it, as `{{secret:NAME}}`; their
            values are filled in for the call alone.
        upcasters: By an older version, what makes its arguments those of the next; in order, the last leads to
            `version`.
        close: Ends what calls have opened, such as a connection, when Baton is left; None where there is nothing.
        valid_for: Seconds for which what a read says may be relied on; None where nobody says.
        rests_on: What a write rests on, looked at again before it is carried out.
        needs: Names of resources that are held while it is carried out.
        wants_tokens: Whether `run` takes the fencing tokens of what it needs, by name, as `tokens`.
        at_once: How many calls of it may be under way at once, over all workers; None is any number.
        window: When it may take effect: a calendar, or the name of one of the project; None is always.
        recall: Seconds for which what may go ahead waits, so that it can be recalled; None waits for nothing.
        prefetch: What is read ahead while people are asked about it; the action does not change it.
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
    check: Callable[..., Any] | None = None
    preview: Callable[..., Any] | None = None
    undo: str | None = None
    timeout: float = 60.0
    retries: Retries | None = None
    verified: bool = False
    destinations: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    egress: bool = False
    confidentiality: Confidentiality = Confidentiality.INTERNAL
    marks: Marks = field(default_factory=Marks)
    version: str = "1"
    secrets: Mapping[str, Collection[str]] = field(default_factory=dict[str, Collection[str]])
    upcasters: Mapping[str, Upcaster] = field(default_factory=dict[str, Upcaster])
    close: Callable[[], Awaitable[None]] | None = None
    valid_for: float | None = None
    rests_on: tuple[Rest, ...] = ()
    needs: tuple[str, ...] = ()
    wants_tokens: bool = False
    at_once: AtOnce = None
    window: Calendar | str | None = None
    recall: float | None = None
    prefetch: tuple[Rest, ...] = ()

    @property
    def places(self) -> tuple[str, ...]:
        """The names of all that is held while it is carried out, a place among its calls included."""
        return (*self.needs, *((f"tool {self.name}",) if self.at_once is not None else ()))

    def __post_init__(self) -> None:
        """Refuse what speaks of parameters that the tool does not have, and of validity where nothing is read.

        Raises:
            InvalidValue: for such a name; says which there are. For a write that is valid for a while, or a read that
                rests on something; for a read that can be recalled, and a need that is named twice.
        """
        known = self.parameters.get("properties", {})
        if self.valid_for is not None and (self.effect is Effect.WRITE or not self.valid_for > 0):
            raise InvalidValue(
                f"valid_for of tool {self.name}", self.valid_for, "seconds above 0, for a tool that reads"
            )
        if self.rests_on and self.effect is Effect.READ:
            raise InvalidValue(f"rests_on of tool {self.name}", self.rests_on[0].tool, "tools that write alone")
        if self.recall is not None and (self.effect is Effect.READ or not self.recall > 0):
            raise InvalidValue(f"recall of tool {self.name}", self.recall, "seconds above 0, for a tool that writes")
        if len(set(self.needs)) < len(self.needs):
            raise InvalidValue(f"needs of tool {self.name}", ", ".join(self.needs), "names that are given once")
        given = [name for rest in (*self.rests_on, *self.prefetch) for name in (rest.arguments or {}).values()]
        for kind, names in (("destinations", self.destinations), ("content", self.content), ("rests_on", given)):
            for name in names:
                if name not in known:
                    allowed = f"its parameters: {', '.join(known) or 'it has none'}"
                    raise InvalidValue(f"{kind} of tool {self.name}", name, allowed)
