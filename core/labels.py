"""Where a value came from: trust that only ever falls, and the sources it rests on."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class Trust(IntEnum):
    """How far a source is trusted; a derived value takes the lowest trust of its sources."""

    EXTERNAL = 0
    AGENT = 1
    VERIFIED_TOOL = 2
    USER = 3
    SYSTEM = 4


@dataclass(frozen=True)
class Label:
    """Trust and sources of a value.

    Attributes:
        trust: The lowest trust among the sources.
        sources: Ids of what it rests on, such as `message:msg_…` or `tool:find_order`.
    """

    trust: Trust
    sources: frozenset[str] = frozenset()

    def __and__(self, other: "Label") -> "Label":
        """The label of a value that rests on both."""
        return Label(min(self.trust, other.trust), self.sources | other.sources)


def derived(labels: Iterable[Label]) -> Label:
    """The label of a value that rests on all of `labels`; with none, it is the agent's own."""
    result = Label(Trust.SYSTEM)
    empty = True
    for label in labels:
        result, empty = result & label, False
    return Label(Trust.AGENT) if empty else result
