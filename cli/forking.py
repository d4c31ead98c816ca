"""`baton runs fork`: what might have been."""

from rich.text import Text

from baton.cli.opening import find_place, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import InvalidValue, RunId
from baton.handles import person
from baton.ledger import Transaction, runs


async def fork(
    run: str,
    /,
    *,
    at: int,
    live: bool = False,
    goal: str | None = None,
    say: str | None = None,
    common: Common = DEFAULTS,
) -> None:
    """Start a run that shares another one's transcript up to a turn, and goes on from there by itself.

    What the other run did after that turn is answered from the record; other writes are asked about.

    Args:
        run: The id of the run to fork, or the beginning of one; it stays as it is.
        at: The last turn that is shared; 0 shares the goal alone. `baton replay RUN` shows them.
        live: Let it write as its policy says, and answer nothing from the record.
        goal: What is wanted instead of the goal.
        say: What it is told first.
        common: Options of every command.
    """
    if goal and say:
        raise InvalidValue("--say", say, "either --goal or --say, not both")
    screen, place = Screen(common.json), find_place(common)
    from baton.graph import fork

    def start(tx: Transaction) -> tuple[RunId, RunId]:
        origin = runs.find(tx, run)
        return origin, fork(tx, origin, at, live=live, goal=goal, say=say, by=person())

    async with to_look(place) as ledger:
        origin, id = await ledger.write(start)
    screen.document({"run": id, "forked_from": origin, "forked_at": at, "live": live})
    screen.show(Text.assemble((id, "bold"), f"  goes on from turn {at} of {origin}", "" if not live else ", live"))
    screen.show(Text.assemble("  next: ", (place.command(f"run --resume {id}"), "bold cyan")))
