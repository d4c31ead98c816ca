"""`baton effects`: actions that may go ahead and are held up; recalled, or let go at once."""

from typing import Any

from cyclopts import App
from rich.table import Table

from baton.cli.opening import find_place, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.cli.tables import cell, table
from baton.core import dump, format_duration, format_time
from baton.core.texts import one_line
from baton.ledger import Stay
from baton.places import home_setting
from baton.review.record import stay_json
from baton.review.taking_back import staged_with_arguments
from baton.sharing import Shared

app = App(name="effects", help="See what has not taken effect yet, recall it, or let it go at once.")


@app.default
@app.command
async def staged(*, common: Common = DEFAULTS) -> None:
    """List actions that may go ahead and are held up, what goes ahead first in front.

    Args:
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        found, now = await ledger.read(staged_with_arguments), ledger.clock.now()
    screen.document({"staged": [stay_json(stay) | {"arguments": arguments} for stay, arguments in found]})
    if not found:
        screen.show("Nothing is held up.")
        return
    screen.show(_listed(found, now))
    screen.show(f"next: {place.command(f'effects recall {found[0][0].action}')}, or effects release")


@app.command
async def recall(action: str, /, *, note: str = "", common: Common = DEFAULTS) -> None:
    """Take an action back for good, before it has happened; its agent is told.

    Args:
        action: Its id, or the beginning of it.
        note: Why, for the agent.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        stay = await Shared(ledger, home_setting().tenant).recall(action, note=note)
    screen.document(stay_json(stay) | {"state": "recalled"})
    screen.show(f"{one_line(stay.tool)} of {stay.run} does not happen.")


@app.command
async def release(action: str, /, *, common: Common = DEFAULTS) -> None:
    """Let an action go ahead at once, also outside its window.

    Args:
        action: Its id, or the beginning of it.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        stay = await Shared(ledger, home_setting().tenant).release(action)
    screen.document(stay_json(stay) | {"state": "over"})
    screen.show(f"{one_line(stay.tool)} of {stay.run} goes ahead, if what it rests on still holds.")


def _listed(found: list[tuple[Stay, dict[str, Any]]], now: float) -> Table:
    shown = table("action", "tool", "with", "why", "in", elastic="with", right=("in",))
    for stay, arguments in found:
        why = "can be recalled" if stay.kind == "recall" else f"window, {format_time(stay.until)}"
        said = dump(arguments)
        shown.add_row(
            cell(stay.action), cell(stay.tool, "bold"), cell(said), why, format_duration(max(0.0, stay.until - now))
        )
    return shown
