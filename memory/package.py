"""Packing a context: whole items under a token budget, and an account of what was kept and what was not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from baton.core import ChatMessage, InvalidValue, dump
from baton.memory.tokens import TokenCounter

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Item(Generic[T]):
    """Something that is in a context whole or not at all.

    Attributes:
        id: What the account calls it.
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
        name: What the account calls it.
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
class Manifest:
    """The account of a context.

    Attributes:
        counter: What tokens were counted with.
        budget: Tokens there were.
        total: Tokens taken; never more than the budget.
        kept: Ids of what is in, in order.
        dropped: What is not, in order.
    """

    counter: str
    budget: int
    total: int
    kept: tuple[str, ...]
    dropped: tuple[Dropped, ...]


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
            reasons[place] = "no room"
        else:
            left -= item.tokens
            room[id(section)] = None if quota is None else quota - item.tokens
    if left < 0:
        raise _too_small(budget, sum(item.tokens for _, item in places if item.pinned))
    kept = [item for place, (_, item) in enumerate(places) if place not in reasons]
    dropped = tuple(Dropped(places[place][1].id, reasons[place]) for place in sorted(reasons))
    return Package(
        contents=tuple(item.content for item in kept),
        manifest=Manifest(
            counter=counter, budget=budget, total=budget - left, kept=tuple(item.id for item in kept), dropped=dropped
        ),
    )


def pack_chat(messages: Sequence[ChatMessage], budget: int, counter: TokenCounter) -> Package[ChatMessage]:
    """Fit a conversation under `budget`: the oldest turns go first, whole, and a notice says how many messages went.

    What stays whatever happens: system messages at the beginning, the first message of the user (the goal), and the
    last turn. A turn is one message, or an assistant's message with tool calls together with all answers to them.

    Args:
        messages: The conversation, oldest first.
        budget: Tokens there are.
        counter: Counts them; a message takes what its JSON takes.

    Returns:
        The messages, and an account in which they are called by their position from 0.

    Raises:
        InvalidValue: if what must stay is over the budget.
    """
    costs = [message_tokens(message, counter) for message in messages]
    groups = _turns(messages)
    pinned = _pinned(messages, groups)
    needed = sum(costs[at] for group in pinned for at in group)
    if needed > budget:
        raise _too_small(budget, needed)
    gone: set[int] = set()
    notice: ChatMessage | None = None
    total = left = sum(costs)
    oldest = (group for group in groups if group not in pinned)
    while total > budget and (group := next(oldest, None)):
        gone.update(group)
        left -= sum(costs[at] for at in group)
        notice = _notice(len(gone))
        total = left + message_tokens(notice, counter)
    if total > budget:
        notice, total = None, left
    kept = [at for at in range(len(messages)) if at not in gone]
    contents = [messages[at] for at in kept]
    if notice is not None:
        contents.insert(sum(at < min(gone) for at in kept), notice)
    return Package(
        contents=tuple(contents),
        manifest=Manifest(
            counter=counter.name,
            budget=budget,
            total=total,
            kept=tuple(map(str, kept)),
            dropped=tuple(Dropped(str(at), "older than there is room for") for at in sorted(gone)),
        ),
    )


def message_tokens(message: Mapping[str, Any], counter: TokenCounter) -> int:
    """What a message takes, counted over its JSON, which is more than a chat template makes of it."""
    return counter.count(dump(message))


def _notice(gone: int) -> ChatMessage:
    what = "1 earlier message is" if gone == 1 else f"{gone} earlier messages are"
    return {"role": "system", "content": f"({what} left out here for want of room.)"}


def _turns(messages: Sequence[ChatMessage]) -> list[tuple[int, ...]]:
    """Positions of the messages of each turn, in the order in which turns begin."""
    turns: list[list[int]] = []
    callers: dict[str, list[int]] = {}
    for at, message in enumerate(messages):
        if message["role"] == "tool" and message.get("tool_call_id") in callers:
            callers[message["tool_call_id"]].append(at)
            continue
        turns.append([at])
        callers |= {str(call["id"]): turns[-1] for call in message.get("tool_calls") or ()}
    return [tuple(turn) for turn in turns]


def _pinned(messages: Sequence[ChatMessage], groups: Iterable[tuple[int, ...]]) -> set[tuple[int, ...]]:
    head = next((at for at, message in enumerate(messages) if message["role"] != "system"), len(messages))
    goal = next((at for at, message in enumerate(messages) if message["role"] == "user"), None)
    last = len(messages) - 1
    return {group for group in groups if group[0] < head or goal in group or last in group}


def _too_small(budget: int, needed: int) -> InvalidValue:
    hint = "Give the model a larger context, or shorten instructions, goal or the last result."
    return InvalidValue("token budget", budget, f"at least {needed}: what must stay takes that much", hint)
