"""What can be done with a question besides deciding it: put it off, hand it over, ask back, talk about it."""

from collections.abc import Awaitable, Callable

from rich.text import Text

from baton.cli.looking_back import need_review
from baton.cli.opening import find_place, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import InvalidValue, ReviewId, format_time, parse_duration, parse_time
from baton.core.texts import one_line
from baton.handles import person
from baton.ledger import Review
from baton.review import ReviewQueue
from baton.review.record import review_json


async def claim(review: str, /, *, common: Common = DEFAULTS) -> None:
    """Take a question for yourself for a quarter of an hour, so that others leave it; again, to have it longer.

    Args:
        review: The id, or the beginning of one.
        common: Options of every command.
    """
    taken = await _change(common, review, lambda queue, id: queue.claim(id, person()))
    Screen(common.json).show(f"{taken.id} is yours until {format_time(taken.claimed_until or 0)}.")


async def release(review: str, /, *, common: Common = DEFAULTS) -> None:
    """Give a question back that you have claimed.

    Args:
        review: The id, or the beginning of one.
        common: Options of every command.
    """
    freed = await _change(common, review, lambda queue, id: queue.release(id, person()))
    Screen(common.json).show(f"{freed.id} is anybody's again.")


async def delegate(review: str, to: str, /, *, note: str = "", common: Common = DEFAULTS) -> None:
    """Give a question to a person or a role: `review next` gives it to nobody else.

    Args:
        review: The id, or the beginning of one.
        to: The person's name, or a role.
        note: A word to them.
        common: Options of every command.
    """
    given = await _change(common, review, lambda queue, id: queue.delegate(id, to, by=person(), note=note))
    Screen(common.json).show(Text.assemble((given.id, "bold"), f" is for {one_line(to)}."))


async def snooze(review: str, until: str, /, *, common: Common = DEFAULTS) -> None:
    """Put a question off: `review next` does not give it to you before then, only to others.

    Args:
        review: The id, or the beginning of one.
        until: For how long (2h), or until when (08:00, 2026-11-27T08:00).
        common: Options of every command.
    """
    slept = await _change(common, review, lambda queue, id: put_off(queue, id, until))
    Screen(common.json).show(f"{slept.id} is not given to you before then.")


async def comment(review: str, text: str, /, *, common: Common = DEFAULTS) -> None:
    """Say something about a question to others who look at it; the agent is not told.

    Args:
        review: The id, or the beginning of one.
        text: What you say.
        common: Options of every command.
    """

    async def say(queue: ReviewQueue, id: ReviewId) -> Review:
        await queue.comment(id, text, by=person())
        return await queue.get(id)

    said = await _change(common, review, say)
    Screen(common.json).show(f"It stands beside {said.id}.")


async def ask(review: str, text: str, /, *, common: Common = DEFAULTS) -> None:
    """Ask the agent something before you decide; the question stays open, and its answer stands beside it.

    Args:
        review: The id, or the beginning of one.
        text: What you want to know.
        common: Options of every command.
    """
    asked = await _change(common, review, lambda queue, id: queue.ask(id, text, by=person()))
    Screen(common.json).show(
        f"{one_line(asked.agent)} is asked; `review show {asked.id}` has its answer once it is there."
    )


async def undo(review: str, /, *, common: Common = DEFAULTS) -> None:
    """Take back what you have decided, while it is held or others have to approve as well.

    Args:
        review: The id, or the beginning of one.
        common: Options of every command.
    """

    async def take_back(queue: ReviewQueue, id: ReviewId) -> Review:
        await queue.undo(id, person())
        return await queue.get(id)

    open_again = await _change(common, review, take_back)
    Screen(common.json).show(f"{open_again.id} is open again.")


async def put_off(queue: ReviewQueue, review: ReviewId, until: str) -> Review:
    """Snooze a question for a while or until a time, as somebody has typed it.

    Raises:
        InvalidValue: if that is neither, or too late for the question.
    """
    now = queue.now
    try:
        at = now + parse_duration(until).total_seconds()
    except InvalidValue:
        at = parse_time(until, now=now)
    return await queue.snooze(review, at, by=person())


async def _change(common: Common, review: str, do: Callable[[ReviewQueue, ReviewId], Awaitable[Review]]) -> Review:
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        known = await ledger.read(lambda tx: need_review(tx, review, place))
        changed = await do(ReviewQueue(ledger), known)
    screen.document(review_json(changed))
    return changed


COMMANDS = (claim, release, delegate, snooze, comment, ask, undo)
