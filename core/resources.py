"""Things that not everybody may use at once, and limits on how much is under way."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from baton.core.clock import parse_duration
from baton.core.errors import InvalidValue

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_MOST = 100_000

ResourceKind = Literal["named", "tool", "agent", "tenant"]
"""What a resource is: a thing with a name, or the places of a tool's calls, of an agent's runs, of a tenant's runs."""


@dataclass(frozen=True, kw_only=True)
class Adaptive:
    """A limit that follows how it goes: it rises by one while all goes well, and falls where calls fail or slow down.

    Additive increase and multiplicative decrease (Chiu and Jain 1989): see `flow.adapting`.

    Attributes:
        least: What it never falls below.
        most: What it never rises above.
    """

    least: int = 1
    most: int = 64

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            InvalidValue: if the bounds are not 1 or more and in order.
        """
        if not 1 <= self.least <= self.most <= _MOST:
            raise InvalidValue("bounds of a limit", f"{self.least} to {self.most}", f"1 to {_MOST}, the lower first")


def places_in_words(names: Iterable[str]) -> str:
    """What is waited for: a place among a tool's calls, `tool NAME`, is no name that anybody knows."""
    return " and ".join(
        f"a place among the calls of {name.removeprefix('tool ')}" if name.startswith("tool ") else name
        for name in names
    )


AtOnce = int | Adaptive | None
"""How many at once: a number, a limit that follows how it goes, or None for any number."""


@dataclass(frozen=True)
class Resource:
    """A thing that so many may use at once: a warehouse, a machine, a mailbox of a partner.

    Attributes:
        name: A letter, then letters, digits, `_`, `.` or `-`.
        capacity: How many may hold it at once.
        lease: How long somebody keeps it who does not say that they go on: seconds, or a text such as `10m`. Then the
            next one has it, with a higher token. None is until it is given back or the run ends.
    """

    name: str
    capacity: int = 1
    lease: float | str | None = "10m"

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            InvalidValue: for a bad name, less than one place, or a lease that is no length of time.
        """
        if not _NAME.fullmatch(self.name):
            raise InvalidValue("name of a resource", self.name, "a letter, then letters, digits, _, . or -, 64 at most")
        if not 1 <= self.capacity <= _MOST:
            raise InvalidValue(f"capacity of resource {self.name}", self.capacity, f"a number from 1 to {_MOST}")
        if self.seconds is not None and not self.seconds > 0:
            raise InvalidValue(f"lease of resource {self.name}", self.lease, "seconds above 0, or None")

    @property
    def seconds(self) -> float | None:
        """The lease in seconds.

        Raises:
            InvalidValue: if it is a text that says no length of time.
        """
        return parse_duration(self.lease).total_seconds() if isinstance(self.lease, str) else self.lease


def read_at_once(what: str, said: object) -> AtOnce:
    """A limit as it is written: a number, `auto`, or a `Adaptive`.

    Raises:
        InvalidValue: if it is something else.
    """
    if said is None or isinstance(said, Adaptive):
        return said
    if said == "auto":
        return Adaptive()
    if isinstance(said, int) and not isinstance(said, bool) and 1 <= said <= _MOST:
        return said
    raise InvalidValue(what, said, f"a number from 1 to {_MOST}, or auto")
