"""What was asked of models, tools, people and workers, one row each time, in the order in which it ended. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Submitted(NamedTuple):
    """A run was handed in."""

    at: float
    run: str
    agent: str
    tenant: str
    requester: str | None


class Ended(NamedTuple):
    """A run ended, after so many seconds."""

    at: float
    run: str
    agent: str
    seconds: float


class Called(NamedTuple):
    """A model answered after so many seconds and tries; the name is empty where the record does not say it.

    `instead` is the endpoint that answered as the first did not; empty where that did.
    """

    at: float
    seconds: float
    model: str
    agent: str
    tries: int
    instead: str


class Used(NamedTuple):
    """A tool answered after so many seconds; `done` is whether it did what it was to do."""

    at: float
    seconds: float
    tool: str
    done: bool


class Worked(NamedTuple):
    """A worker took up a run that had had something to do for so many seconds."""

    at: float
    seconds: float
    agent: str


class Failed(NamedTuple):
    """Something failed: an `agent` could not go on, or a `worker` died."""

    at: float
    what: str
    name: str
    said: str


class Asked(NamedTuple):
    """People were asked."""

    at: float
    review: str
    kind: str
    whom: tuple[tuple[str, ...], tuple[str, ...]]
    agent: str


class Closed(NamedTuple):
    """A question was closed, by a person or by `baton`."""

    at: float
    review: str
    by: str
    decision: str


class Claimed(NamedTuple):
    """Somebody had a question to themselves, and has it no more."""

    by: str
    start: float
    end: float
    review: str

    @property
    def at(self) -> float:
        """When they had it no more."""
        return self.end


class Stream(list[T]):
    """Rows in the order in which they came; the oldest are let go of, and the others keep their numbers."""

    dropped = 0

    def since(self, number: int) -> list[T]:
        """The rows from a number on, counted from the first that ever came."""
        return self[max(0, number - self.dropped) :]

    @property
    def came(self) -> int:
        """How many have ever come."""
        return self.dropped + len(self)

    def drop(self, many: int) -> None:
        """Let go of the oldest."""
        del self[:many]
        self.dropped += many


@dataclass
class Traffic:
    """All of it, each in the order of its end."""

    submitted: Stream[Submitted] = field(default_factory=Stream[Submitted])
    ended: Stream[Ended] = field(default_factory=Stream[Ended])
    called: Stream[Called] = field(default_factory=Stream[Called])
    used: Stream[Used] = field(default_factory=Stream[Used])
    worked: Stream[Worked] = field(default_factory=Stream[Worked])
    failed: Stream[Failed] = field(default_factory=Stream[Failed])
    asked: Stream[Asked] = field(default_factory=Stream[Asked])
    closed: Stream[Closed] = field(default_factory=Stream[Closed])
    claimed: Stream[Claimed] = field(default_factory=Stream[Claimed])

    @property
    def streams(self) -> Sequence[Stream[Any]]:
        """Each of them."""
        return list(vars(self).values())
