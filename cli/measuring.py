"""`baton review measures`: how reviews go, by class and by person."""

from collections.abc import Iterable, Iterator

from rich.text import Text

from baton.cli.opening import find_place, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import format_duration, parse_duration
from baton.core.texts import one_line
from baton.flow import Figures, read_measures, staff_of
from baton.flow.record import measures_json
from baton.measuring import MANY, counts, judged, law, shares


async def measures(*, since: str = "30d", common: Common = DEFAULTS) -> None:
    """Say what waiting for people consists of, what was missed, how far people agree, and what came of it.

    Args:
        since: How far back, such as 7d: reviews that were closed since then count, and those that are open.
        common: Options of every command.
    """
    back = parse_duration(since).total_seconds()
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        found = await ledger.read(lambda tx: read_measures(tx, tx.now - back, staff_of(tx)))
    screen.document(measures_json(found))
    if not found.classes and not found.people:
        screen.show(f"No review was open or closed in the last {format_duration(back)}.")
        return
    for about, figures in (("class", found.classes), ("person", found.people)):
        for number, one in enumerate(figures):
            if not number:
                screen.show(Text(f"by {about}", style="bold"))
            screen.show(*_lines(one), "")
    if sum(one.closed for one in found.classes) >= MANY:
        screen.show(Text(law(found.law), style="dim"))


def _lines(one: Figures) -> Iterator[Text]:
    """A class, or a person, on a few lines."""
    yield Text.assemble((one_line(one.name), "bold cyan"), f"  {_joined(counts(one))}")
    if one.parts.whole:
        yield Text(f"    {_joined(shares(one.parts))}")
    if said := _joined(judged(one)):
        yield Text(f"    {said}")


def _joined(said: Iterable[str]) -> str:
    return ", ".join(said)
