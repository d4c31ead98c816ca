"""`baton runs dead` and `baton runs retry`: runs in trouble, looked at and let go on, one by one or in bulk."""

from collections.abc import Sequence
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.table import Table

from baton.cli.opening import Place, find_place, to_look
from baton.cli.options import DEFAULTS, Common, Exit
from baton.cli.output import Screen
from baton.cli.shapes import letter_json
from baton.cli.tables import cell, table
from baton.core import InvalidValue, format_duration
from baton.handles import person
from baton.ledger import at_work
from baton.review import DeadLetter, Retried, ReviewQueue, dead_letters
from baton.review import retry as retry_runs

FaultName = Literal["transient", "lasting", "poisoned", "exhausted", "code"]

_WIDE = 100
"""Columns of a terminal that has room for everything."""


async def dead(*, fault: FaultName | None = None, agent: str | None = None, common: Common = DEFAULTS) -> None:
    """List runs in trouble, the oldest first: they go on only when a person says so.

    Args:
        fault: Only those with this class of failure.
        agent: Only runs of this agent.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        letters, now = await dead_letters(ledger, fault=fault, agent=agent), ledger.clock.now()
    screen.document({"dead": [letter_json(letter) for letter in letters]})
    if not letters:
        screen.show("No run is in trouble.")
        return
    screen.show(_listed(letters, now, wide=screen.out.width >= _WIDE))
    screen.show(f"next: {place.command(f'review show {letters[0].review}')}, then {place.command('runs retry RUN')}")


async def retry(
    run: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = (),
    /,
    *,
    all: bool = False,
    fault: FaultName | None = None,
    agent: str | None = None,
    note: str = "",
    common: Common = DEFAULTS,
) -> Exit:
    """Let runs in trouble go on: the same as approving their questions, under your name.

    Args:
        run: Their ids, or the beginnings of them.
        all: All that are in trouble; --fault and --agent narrow it.
        fault: With --all, only those with this class of failure.
        agent: With --all, only runs of this agent.
        note: A word to the agents.
        common: Options of every command.
    """
    if all == bool(run) or ((fault or agent) and not all):
        raise InvalidValue("runs retry", " ".join(run), "ids of runs, or --all with --fault and --agent to narrow it")
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        letters = await dead_letters(ledger, fault=fault, agent=agent) if all else []
        wanted = [letter.run.id for letter in letters] if all else list(run)
        queue = ReviewQueue(ledger)
        done = await retry_runs(ledger, queue, wanted, by=person(), note=note, channel="cli")
        worker = await at_work(ledger)
    _tell(screen, place, done, worker)
    return Exit.FAILED if any(one.error for one in done) else Exit.OK


def _tell(screen: Screen, place: Place, done: Sequence[Retried], worker: str | None) -> None:
    told = [{"run": one.run, "error": str(one.error) if one.error else None} for one in done]
    screen.document({"retried": told, "worker": worker})
    for one in done:
        if one.error is not None:
            screen.note(f"{one.run}: {one.error}", "red")
    good = sum(one.error is None for one in done)
    if not done:
        screen.show("No run is in trouble.")
    elif good:
        what = f"{good} of {len(done)} go on" if len(done) > 1 else f"{done[0].run} goes on"
        screen.show(f"{what} with {worker or place.command('worker')}.")


def _listed(letters: Sequence[DeadLetter], now: float, *, wide: bool) -> Table:
    extra = ("agent", "tries") if wide else ()
    shown = table("run", "fault", *extra, "what it says", "age", elastic="what it says", right=("tries", "age"))
    for letter in letters:
        shown.add_row(
            cell(letter.run.id),
            cell(letter.fault.value, "red"),
            *((cell(letter.run.agent), str(letter.tries)) if wide else ()),
            cell(letter.said),
            format_duration(now - letter.since),
        )
    return shown
