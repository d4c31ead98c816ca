"""`baton stuck`: what can never move by itself, the chain that says why, and the ways out."""

from collections.abc import Iterator, Sequence

from rich.text import Text

from baton.cli.opening import find_place, to_look
from baton.cli.options import DEFAULTS, Common, Exit
from baton.cli.output import Screen
from baton.core.texts import one_line
from baton.flow import Stuck, heads, staff_of, stuck_work
from baton.flow.record import stuck_json
from baton.ledger import waits

SHOWN = 50
"""Chains that are shown; all are in the JSON."""


async def stuck(*, common: Common = DEFAULTS) -> int:
    """Say what can never move by itself, why, and what would free it. Exits 3 if there is something.

    Args:
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        found, endless = await ledger.read(lambda tx: (stuck_work(tx, staff_of(tx)), waits.endless(tx)))
    endless_json = [{"run": wait.run, "event": wait.event} for wait in endless]
    screen.document({"stuck": [stuck_json(one) for one in found], "endless": endless_json})
    if not found:
        screen.show("Nothing is stuck.")
    else:
        _show(screen, found)
    if endless:
        events = ", ".join(dict.fromkeys(wait.event for wait in endless[:SHOWN]))
        runs = "1 run waits" if len(endless) == 1 else f"{len(endless)} runs wait"
        screen.show(Text(f"{runs} without limit for what has to be published: {one_line(events)}.", style="dim"))
    return Exit.WAITING if found else Exit.OK


def _show(screen: Screen, found: Sequence[Stuck]) -> None:
    shown = list(heads(found))
    for one in shown[:SHOWN]:
        screen.show(*_lines(one), "")
    more = f", {len(shown) - SHOWN} more than are shown here" if len(shown) > SHOWN else ""
    chains = "one chain" if len(shown) == 1 else f"{len(shown)} chains"
    screen.show(f"{len(found)} stuck, in {chains}{more}.")


def _lines(one: Stuck) -> Iterator[Text]:
    for depth, node in enumerate(one.chain):
        lead = "    for " if depth else ""
        style = "bold cyan" if node.kind != "person" else "bold"
        yield Text.assemble(lead, (one_line(node.says), style), f" {node.because}")
    if one.circle is not None:
        yield Text(f"    for {one_line(one.circle)} again: they wait for one another", style="yellow")
    yield Text(f"  way out: {one_line('; or '.join(one.ways_out))}", style="green")
