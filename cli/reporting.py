"""`baton runs outcome`: say how an action has come out in the world, for the promise of its class."""

from baton.cli.opening import find_place, to_look, watch
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import InvalidValue
from baton.handles import RunHandle
from baton.ledger import runs


async def outcome(
    run: str,
    /,
    *,
    wrong: bool = False,
    right: bool = False,
    action: str | None = None,
    note: str = "",
    common: Common = DEFAULTS,
) -> None:
    """Say how an action has come out in the world: it is told to the promise of its class.

    Args:
        run: The id, or the beginning of one.
        wrong: It should have been another one, or none.
        right: It was as it should be.
        action: Which action (default: the only one of the run that a promise speaks of).
        note: Why.
        common: Options of every command.
    """
    if wrong is right:
        raise InvalidValue("runs outcome", run, "--wrong or --right, one of them")
    screen, place = Screen(common.json), find_place(common)
    async with to_look(place) as ledger:
        handle = RunHandle(await ledger.read(lambda tx: runs.find(tx, run)), ledger, watch(ledger))
        await handle.outcome(wrong=wrong, action=action, note=note)
    screen.document({"run": handle.id, "action": action, "wrong": wrong})
    screen.show(f"It is on record that {action or 'what ' + handle.id + ' did'} was {'wrong' if wrong else 'right'}.")
