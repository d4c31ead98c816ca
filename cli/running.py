"""`baton run`: work on one goal, with everything that happens told on stderr."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from baton.cli.attaching import read_attachment
from baton.cli.opening import Place, at_work, find_place
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.cli.progress import show_progress, show_result
from baton.core import Goal, InvalidValue, NotFound, parse_deadline
from baton.handles import RunHandle
from baton.review.record import review_json, run_json

if TYPE_CHECKING:
    from baton.app import Baton


async def run(
    goal: str | None = None,
    /,
    *,
    agent: str | None = None,
    attach: Annotated[tuple[Path, ...], Parameter(consume_multiple=False)] = (),
    criterion: Annotated[tuple[str, ...], Parameter(consume_multiple=False)] = (),
    deadline: str | None = None,
    key: str | None = None,
    resume: str | None = None,
    common: Common = DEFAULTS,
) -> int:
    """Work on one goal until it is reached, refused, or waits for somebody.

    Exits 0 when done, 3 when it waits for a person, 4 when refused, 1 when failed.

    Args:
        goal: What is wanted, in words.
        agent: Who works on it (default: the first agent of the project).
        attach: A text or an e-mail that the goal is about; may be given several times.
        criterion: A success criterion; may be given several times.
        deadline: When it should be reached: 2h, 1d, or 2026-11-23T08:00+01:00.
        key: Running again with the same key goes on with the same run.
        resume: Go on with this run instead of beginning one.
        common: Options of every command.
    """
    wanted = None if resume else _goal(goal, attach, criterion, deadline)
    screen, place = Screen(common.json), find_place(common)
    async with at_work(place, screen) as baton:
        if wanted is None:
            handle = await baton.open(resume or "")
            await _refuse_homeless(baton, handle)
        else:
            handle = await baton.submit(wanted, agent=agent, key=key)
        return await _watched(screen, baton, place, handle)


async def _refuse_homeless(baton: "Baton", run: RunHandle) -> None:
    """Nobody would ever go on with a run whose agent is not here, unless another process does.

    Raises:
        NotFound: if that is so.
    """
    known = await run.status()
    if not known.ended and known.agent not in baton.agents and await baton.at_work() is None:
        hint = f"{known.id} goes on where its agent is at work; --agents FILE names another project."
        raise NotFound("agent", known.agent, baton.agents, hint)


async def _watched(screen: Screen, baton: "Baton", place: Place, handle: RunHandle) -> int:
    """Tell what a run does until it has settled, then how it stands."""
    try:
        await show_progress(screen, handle)
        result = await handle.settled()
    except asyncio.CancelledError:
        again = place.command(f"run --resume {handle.id}")
        screen.note(f"\nStopped. Nothing is lost: {handle.id} goes on where it was with\n  {again}")
        raise
    stands = run_json(await handle.status())
    screen.document(
        stands
        | {
            "turns": result.turns,
            "tokens": result.tokens,
            "waits_for": [review_json(review) for review in result.reviews],
            "next": [place.command(f"review show {review.id}") for review in result.reviews],
        }
    )
    return await show_result(screen, baton.ledger, result, place)


def _goal(goal: str | None, files: tuple[Path, ...], criteria: tuple[str, ...], deadline: str | None) -> Goal:
    if not goal or not goal.strip():
        raise InvalidValue("goal", goal or "", "what is wanted, in words", 'As in: baton run "Order more tea"')
    return Goal(
        goal.strip(),
        criteria=criteria,
        attachments=tuple(read_attachment(path) for path in files),
        deadline=parse_deadline(deadline) if deadline else None,
    )
