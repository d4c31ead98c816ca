"""Asking a person at the terminal, where they sit."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from baton.cli.editing import edited
from baton.cli.output import Screen
from baton.cli.review_page import change
from baton.core import InvalidValue
from baton.handles import person
from baton.ledger import DecisionKind, Review, ReviewKind
from baton.review import Answer
from baton.telling import proposed

if TYPE_CHECKING:
    from baton.app import Baton

Read = Callable[[str], Awaitable[str | None]]
"""Shows a prompt and reads a line; None at the end of input."""


async def ask(review: Review, baton: "Baton", screen: Screen, read: Read) -> Answer | None:
    """What the person says to a question that is shown already; None leaves it for later.

    The answer holds only for the version of the question that was shown.
    """
    action, question = review.kind is ReviewKind.ACTION, review.kind is ReviewKind.QUESTION
    choices = "approve, edit, reject or later? " if action else "reject, later, or your answer: "
    while True:
        line = await read(choices)
        if line is None:
            return None
        match line.strip():
            case "later" | "l":
                return None
            case "approve" | "a" if not question:
                return _decided(review, DecisionKind.APPROVE)
            case "reject" | "r":
                return _decided(review, DecisionKind.REJECT, await read("why? ") or "no reason given")
            case "edit" | "e" if action:
                answer = await ask_edit(review, baton, screen, read)
                if answer is not None:
                    return answer
            case words if words and not action:
                return _decided(review, DecisionKind.RESPOND, words)
            case _:
                screen.note("Type one of these words, or its first letter.", "dim")


async def ask_edit(review: Review, baton: "Baton", screen: Screen, read: Read) -> Answer | None:
    """An edit, a change a line; None if nothing was changed."""
    before = proposed(review)
    after, agent = before, baton.agents.get(review.agent)
    tool = agent.specs.get(review.tool) if agent else None
    while line := (await read("name=value, or nothing when it is right: ") or "").strip():
        try:
            after = edited(after, [line], None, tool)
        except InvalidValue as error:
            screen.note(str(error), "red")
            continue
        screen.show(change(before, after))
    return _decided(review, DecisionKind.EDIT, arguments=after) if after != before else None


def _decided(review: Review, kind: DecisionKind, note: str = "", arguments: dict[str, Any] | None = None) -> Answer:
    return Answer(kind=kind, by=person(), note=note, arguments=arguments, version=review.version, channel="chat")
