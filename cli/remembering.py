"""`baton memory`: look at what the agents remember."""

from cyclopts import App
from rich.text import Text

from baton.cli.opening import find_place, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import LOCAL_TENANT
from baton.core.texts import one_line
from baton.ledger import Fact, facts
from baton.review.record import fact_json

app = App(name="memory", help="Look at what the agents remember.")


@app.command(name="list")
async def list_(*, common: Common = DEFAULTS) -> None:
    """List what is believed, oldest first.

    Args:
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        _show(screen, await ledger.read(lambda tx: facts.believed(tx, LOCAL_TENANT)))


@app.command
async def search(query: str, /, *, limit: int = 10, common: Common = DEFAULTS) -> None:
    """Search what is believed, as agents do when they recall: the best fit first.

    Args:
        query: Words to look for.
        limit: How many at most.
        common: Options of every command.
    """
    from baton.memory import Memory

    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        memory = Memory(ledger)
        try:
            scopes = sorted({fact.scope for fact in await memory.believed(tenant=LOCAL_TENANT)})
            found = await memory.recall(query, scopes, limit, tenant=LOCAL_TENANT)
            _show(screen, [one.fact for one in found])
        finally:
            memory.close()


def _show(screen: Screen, found: list[Fact]) -> None:
    screen.document({"facts": [fact_json(fact) for fact in found]})
    if not found:
        screen.show("Nothing is remembered that fits.")
    for fact in found:
        line = Text.assemble((one_line(fact.subject), "bold"), f": {one_line(fact.text)}")
        trust = fact.label.trust.name.lower().replace("_", " ")
        screen.show(line.append(f"  ({trust} trust, {fact.scope}, {fact.id})", style="dim"))
