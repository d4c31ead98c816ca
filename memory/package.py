"""Packing what a model is told: whole items under a token budget, and an account of what was kept and what was not.

No I/O, and no chance: the same items in the same order give the same package and the same account, byte for byte.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from baton.core import ChatMessage, InvalidValue, dump
from baton.memory.tokens import TokenCounter

T = TypeVar("T")

OLDER = "older than there is room for"
NO_ROOM = "no room"

_NOTICE = "notice"


@dataclass(frozen=True, kw_only=True)
class Item(Generic[T]):
    """Something that is in a context whole or not at all.

    Attributes:
        id: What the account calls it; no other of its section has it.
        content: A text, a message, a group of messages.
        tokens: What it takes.
        priority: Higher goes in first; among equals the earlier.
        pinned: Whether it must be in.
    """

    id: str
    content: T
    tokens: int
    priority: float = 0.0
    pinned: bool = False


@dataclass(frozen=True, kw_only=True)
class Section(Generic[T]):
    """Items that share a quota.

    Attributes:
        name: What the account calls it; no other has it.
        items: In the order in which they stand in the context.
        quota: Tokens that its items may take, pinned ones included; None is as many as there are.
    """

    name: str
    items: tuple[Item[T], ...]
    quota: int | None = None


@dataclass(frozen=True)
class Dropped:
    """An item that was left out, and why."""

    id: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """The account of one section.

    Attributes:
        tokens: What its kept items take.
        quota: What they may take; None is no limit of its own.
        kept: Ids of what is in, in order.
        dropped: What is not, in order.
    """

    name: str
    tokens: int
    quota: int | None
    kept: tuple[str, ...]
    dropped: tuple[Dropped, ...]


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The account of a context.

    Attributes:
        counter: What tokens were counted with.
        budget: Tokens there were.
        total: Tokens taken; never more than the budget.
        parts: Section by section.
    """

    counter: str
    budget: int
    total: int
    parts: tuple[Part, ...]

    def part(self, name: str) -> Part:
        """The account of a section; an empty one where there is none of that name."""
        none = Part(name=name, tokens=0, quota=None, kept=(), dropped=())
        return next((part for part in self.parts if part.name == name), none)


@dataclass(frozen=True, kw_only=True)
class Package(Generic[T]):
    """A packed context.

    Attributes:
        contents: What is in, in order.
        manifest: The account of it.
    """

    contents: tuple[T, ...]
    manifest: Manifest


def pack(sections: Sequence[Section[T]], budget: int, counter: str) -> Package[T]:
    """Fill `budget` with whole items: pinned ones, then by priority; order in the context is as given.

    Args:
        sections: What there is.
        budget: Tokens there are.
        counter: What the items' tokens were counted with.

    Raises:
        InvalidValue: if the pinned items alone are over the budget.
    """
    places = [(section, item) for section in sections for item in section.items]
    order = sorted(
        range(len(places)), key=lambda place: (not places[place][1].pinned, -places[place][1].priority, place)
    )
    left = budget
    room: dict[int, int | None] = {id(section): section.quota for section in sections}
    reasons: dict[int, str] = {}
    for place in order:
        section, item = places[place]
        quota = room[id(section)]
        if not item.pinned and quota is not None and item.tokens > quota:
            reasons[place] = f"{section.name} is full"
        elif not item.pinned and item.tokens > left:
            reasons[place] = NO_ROOM
        else:
            left -= item.tokens
            room[id(section)] = None if quota is None else quota - item.tokens
    if left < 0:
        raise _too_small(budget, sum(item.tokens for _, item in places if item.pinned))
    gone = {(places[place][0].name, places[place][1].id): reason for place, reason in reasons.items()}
    kept = [item.content for place, (_, item) in enumerate(places) if place not in reasons]
    parts = tuple(_account(section, gone) for section in sections)
    manifest = Manifest(counter=counter, budget=budget, total=budget - left, parts=parts)
    return Package(contents=tuple(kept), manifest=manifest)


def _account(section: Section[Any], gone: Mapping[tuple[str, str], str]) -> Part:
    """A section's account; `gone` says by section and item what was left out, and why."""
    kept = [item for item in section.items if (section.name, item.id) not in gone]
    left = [item.id for item in section.items if (section.name, item.id) in gone]
    return Part(
        name=section.name,
        tokens=sum(item.tokens for item in kept),
        quota=section.quota,
        kept=tuple(item.id for item in kept),
        dropped=tuple(Dropped(id, gone[section.name, id]) for id in left),
    )


Render = Callable[[Mapping[str, Sequence[str]]], ChatMessage]
"""Makes one message of the kept texts of each section."""

Messages = Sequence[ChatMessage]


def pack_request(
    opening: Messages,
    turns: Sequence[Messages],
    beside: Sequence[Section[str]],
    render: Render,
    budget: int,
    counter: TokenCounter,
) -> Package[ChatMessage]:
    """Fit a request under `budget`; a message takes what its JSON takes.

    The opening and the last turn stay whatever happens. Then come the sections that stand beside the conversation,
    each up to its quota, as one message before the last turn. The rest is for the turns before, the newest first: the
    oldest go, whole, and a notice says how many messages went.

    Args:
        opening: Instructions and goal.
        turns: The conversation, oldest first, in groups that are kept together: an assistant's calls with all their
            answers, else one message.
        beside: Texts in sections.
        render: Makes a message of those that are kept; it is not called where none is.
        budget: Tokens there are.
        counter: Counts them.

    Returns:
        The messages, and an account in which the turns are called by their numbers, from 1, as `4-17`.

    Raises:
        InvalidValue: if what must stay is over the budget.
    """
    first, last = _cost(opening, counter), _cost(turns[-1] if turns else (), counter)
    left = budget - first - last
    if left < 0:
        raise _too_small(budget, first + last)
    note, parts, spent = _beside(beside, render, left, counter)
    gone, notice, used = _newest(turns[:-1], left - spent, counter)
    names = tuple(f"{at}:{message['role']}" for at, message in enumerate(opening))
    intent = Part(name="intent", tokens=first, quota=None, kept=names, dropped=())
    told = Part(
        name="turns",
        tokens=used + last,
        quota=None,
        kept=(*((_NOTICE,) if notice else ()), *_range(gone + 1, len(turns))),
        dropped=tuple(Dropped(numbers, OLDER) for numbers in _range(1, gone)),
    )
    total = first + last + spent + used
    return Package(
        contents=arranged(opening, turns, gone, note, notice=notice),
        manifest=Manifest(counter=counter.name, budget=budget, total=total, parts=(intent, told, *parts)),
    )


def arranged(
    opening: Messages, turns: Sequence[Messages], gone: int, note: ChatMessage | None, *, notice: bool
) -> tuple[ChatMessage, ...]:
    """A request's messages in order.

    Args:
        opening: Instructions and goal.
        turns: The conversation.
        gone: How many of its first turns are left out.
        note: What stands beside it, before its last turn; None for nothing.
        notice: Whether it is told how many messages are left out.
    """
    told = [_notice(turns[:gone])] if notice else []
    before = [message for turn in turns[gone:-1] for message in turn]
    return (*opening, *told, *before, *([note] if note is not None else []), *(turns[-1] if turns else ()))


def turns_dropped(manifest: Manifest) -> tuple[int, bool]:
    """How many of the first turns of a request were left out, and whether it says so."""
    part = manifest.part("turns")
    gone = int(part.dropped[0].id.rpartition("-")[2]) if part.dropped else 0
    return gone, _NOTICE in part.kept


def _range(first: int, last: int) -> tuple[str, ...]:
    if first > last:
        return ()
    return (f"{first}-{last}",) if first < last else (str(first),)


def _beside(
    sections: Sequence[Section[str]], render: Render, room: int, counter: TokenCounter
) -> tuple[ChatMessage | None, tuple[Part, ...], int]:
    """What stands beside the conversation, as one message or none, with its account and what it takes.

    Tokens of parts need not add up to those of the whole: the message is counted, and the least of it goes until it
    fits.
    """
    every = [(section.name, item) for section in sections for item in section.items]
    packed = pack(sections, room, counter.name).manifest
    gone = {(part.name, one.id): one.reason for part in packed.parts for one in part.dropped}
    while True:
        kept = [(name, item) for name, item in every if (name, item.id) not in gone]
        message = render(_by_section(kept)) if kept else None
        spent = message_tokens(message, counter) if message is not None else 0
        if spent <= room:
            return message, tuple(_account(section, gone) for section in sections), spent
        name, least = min(reversed(kept), key=lambda one: one[1].priority)
        gone[name, least.id] = NO_ROOM


def _by_section(kept: Sequence[tuple[str, Item[str]]]) -> Mapping[str, Sequence[str]]:
    texts: dict[str, list[str]] = {}
    for name, item in kept:
        texts.setdefault(name, []).append(item.content)
    return texts


def _newest(turns: Sequence[Messages], room: int, counter: TokenCounter) -> tuple[int, bool, int]:
    """How many of the first turns go, whether there is room to say so, and what the others take with that."""
    costs = [_cost(turn, counter) for turn in turns]
    used, gone, told = sum(costs), 0, 0
    while used + told > room and gone < len(turns):
        used -= costs[gone]
        gone += 1
        told = message_tokens(_notice(turns[:gone]), counter)
    notice = gone > 0 and used + told <= room
    return gone, notice, used + (told if notice else 0)


def _cost(messages: Messages, counter: TokenCounter) -> int:
    return sum(message_tokens(message, counter) for message in messages)


def message_tokens(message: Mapping[str, Any], counter: TokenCounter) -> int:
    """What a message takes, counted over its JSON, which is more than a chat template makes of it."""
    return counter.count(dump(message))


def text_tokens(text: str, counter: TokenCounter) -> int:
    """What a text takes inside a message: as JSON writes it, on a line of its own."""
    return counter.count(dump(f"{text}\n"))


def _notice(turns: Sequence[Messages]) -> ChatMessage:
    gone = sum(map(len, turns))
    what = "1 earlier message is" if gone == 1 else f"{gone} earlier messages are"
    return {"role": "system", "content": f"({what} left out here for want of room.)"}


def _too_small(budget: int, needed: int) -> InvalidValue:
    hint = "Give the model a larger context, or shorten instructions, goal or the last result."
    return InvalidValue("token budget", budget, f"at least {needed}: what must stay takes that much", hint)
