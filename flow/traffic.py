"""What was asked of models, tools, people and workers, one row each time, in the order in which it ended. No I/O."""

from dataclasses import dataclass, field
from typing import NamedTuple


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


@dataclass
class Traffic:
    """All of it, each in the order of its end."""

    submitted: list[Submitted] = field(default_factory=list[Submitted])
    ended: list[Ended] = field(default_factory=list[Ended])
    called: list[Called] = field(default_factory=list[Called])
    used: list[Used] = field(default_factory=list[Used])
    worked: list[Worked] = field(default_factory=list[Worked])
    failed: list[Failed] = field(default_factory=list[Failed])
    asked: list[Asked] = field(default_factory=list[Asked])
    closed: list[Closed] = field(default_factory=list[Closed])
    claimed: list[Claimed] = field(default_factory=list[Claimed])
