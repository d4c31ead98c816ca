"""`baton messages`: say something to a run, and list what could not be delivered."""

from typing import Any

from cyclopts import App
from rich.text import Text

from baton.cli.opening import find_place, to_look, watch
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import format_time
from baton.core.texts import one_line
from baton.handles import RunHandle
from baton.ledger import at_work, runs, texting
from baton.ledger.texting import Undelivered
from baton.review.record import time_json

app = App(name="messages", help="Say something to a run, and list what reached nobody.")


@app.command
async def say(
    run: str, text: str, /, *, by: str | None = None, urgent: bool = False, common: Common = DEFAULTS
) -> None:
    """Say something to a run's agent.

    Args:
        run: The run, or the beginning of its id.
        text: What.
        by: Who says it (default: you).
        urgent: Have the turn that is under way abandoned between two actions, so that this is read at once.
        common: Options of every command.
    """
    screen = Screen(common.json)
    async with to_look(find_place(common)) as ledger:
        id = await ledger.read(lambda tx: runs.find(tx, run))
        await RunHandle(id, ledger, watch(ledger)).message(text, sender=by, urgent=urgent)
        worker = await at_work(ledger)
    screen.document({"run": id, "worker": worker})
    screen.show("Said." if worker else "Said; it is read as soon as agents work here again.")


@app.command
async def dead(*, limit: int = 50, common: Common = DEFAULTS) -> None:
    """List what could not be delivered, as the run that it was for had ended; the newest first.

    Runs in trouble, whose mail waits for a person, are listed by `baton runs dead`.

    Args:
        limit: How many at most.
        common: Options of every command.
    """
    screen = Screen(common.json)
    async with to_look(find_place(common)) as ledger:
        found = await ledger.read(lambda tx: texting.listed(tx, limit))
    screen.document({"undelivered": [_json(one) for one in found]})
    if not found:
        screen.show("Everything was delivered.")
    for one in found:
        head = f"{format_time(one.at)}  {one.sender} to {one.run}, which {one.why}"
        screen.show(Text.assemble((one_line(head), "bold"), f"\n  {one_line(one.text, 400)}"))


def _json(one: Undelivered) -> dict[str, Any]:
    return {
        "id": one.id,
        "run": one.run,
        "kind": one.kind,
        "sender": one.sender,
        "ref": one.ref,
        "text": one.text,
        "trust": one.trust.name.lower(),
        "why": one.why,
        "at": time_json(one.at),
    }
