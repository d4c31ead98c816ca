"""Where a value came from: trust that only ever falls, confidentiality that only ever rises, and the sources."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum


class Trust(IntEnum):
    """How far a source is trusted; a derived value takes the lowest trust of its sources."""

    EXTERNAL = 0
    AGENT = 1
    VERIFIED_TOOL = 2
    USER = 3
    SYSTEM = 4


class Confidentiality(IntEnum):
    """Who may see a value; a derived value takes the highest confidentiality of its sources."""

    PUBLIC = 0
    INTERNAL = 1
    CONFIDENTIAL = 2
    SECRET = 3


@dataclass(frozen=True)
class Label:
    """Trust, sources and confidentiality of a value.

    Attributes:
        trust: The lowest trust among the sources.
        sources: Ids of what it rests on, such as `message:msg_…` or `tool:find_order`.
        confidentiality: The highest among the sources; what nobody has declared is internal.
    """

    trust: Trust
    sources: frozenset[str] = frozenset()
    confidentiality: Confidentiality = Confidentiality.INTERNAL

    def __and__(self, other: "Label") -> "Label":
        """The label of a value that rests on both."""
        return Label(
            min(self.trust, other.trust),
            self.sources | other.sources,
            max(self.confidentiality, other.confidentiality),
        )


@dataclass(frozen=True, kw_only=True)
class Marks:
    """What a tool declares of fields in its results, as paths of names without list positions, such as `lines.note`.

    A path speaks of all that lies beneath it too.

    Attributes:
        untrusted: Fields of a verified tool's result that hold words of strangers.
        secret: Fields of the highest confidentiality.
        named_by: Fields by which people call a record, such as a file's name or an event's title.
    """

    untrusted: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    named_by: tuple[str, ...] = ()

    def over(self, label: Label) -> Label:
        """The label of a whole with such fields, itself labelled `label`: that of the worst of them."""
        trust = Trust.EXTERNAL if self.untrusted else label.trust
        confidentiality = Confidentiality.SECRET if self.secret else label.confidentiality
        return replace(label, trust=trust, confidentiality=confidentiality)


def derived(labels: Iterable[Label]) -> Label:
    """The label of a value that rests on all of `labels`; with none, it is the agent's own."""
    result = Label(Trust.SYSTEM, confidentiality=Confidentiality.PUBLIC)
    empty = True
    for label in labels:
        result, empty = result & label, False
    return Label(Trust.AGENT) if empty else result
