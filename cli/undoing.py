"""`baton runs compensate`: undo what a run did."""

from rich.text import Text

from baton.cli.opening import find_place, load, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import RunId
from baton.core.texts import call
from baton.handles import person
from baton.ledger import Run, Transaction, runs


async def compensate(run: str, /, *, by: str | None = None, common: Common = DEFAULTS) -> None:
    """Start the run that undoes what another one did: last things first, each call judged by policy.

    Args:
        run: The id of the run to undo, or the beginning of one.
        by: Who asks for it (default: you).
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common)
    agents = {agent.name: agent for agent in load(place).agents}
    from baton.graph import compensate
    from baton.graph.undoing import plan_of

    def start(tx: Transaction) -> tuple[RunId, Run]:
        origin = runs.find(tx, run)
        return origin, runs.get(tx, compensate(tx, origin, agents, by or person()))

    async with to_look(place) as ledger:
        origin, made = await ledger.write(start)
    plan = plan_of(made)
    assert plan is not None
    screen.document(
        {
            "run": made.id,
            "compensates": origin,
            "undo": [{"of": one.of, "tool": one.tool, "arguments": one.arguments} for one in plan.undo],
            "left": [{"of": key, "why": why} for key, why in plan.left],
        }
    )
    screen.show(Text.assemble((made.id, "bold"), f"  is to undo what {origin} did:"))
    for one in plan.undo:
        screen.show(Text.assemble("  ↶ ", call(one.tool, one.arguments, 200), (f"  {one.was}, {one.of}", "dim")))
    for key, why in plan.left:
        screen.show(Text.assemble("  ! ", (f"not undone: {why}  {key}", "red")))
    screen.show(Text.assemble("  next: ", (place.command(f"run --resume {made.id}"), "bold cyan")))
