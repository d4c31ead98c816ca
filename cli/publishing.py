"""`baton publish`: say that something has happened."""

import json
from typing import Any, Literal

from baton.cli.opening import find_place, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import InvalidValue, Trust
from baton.handles import person
from baton.ledger import at_work, waits

Trusted = Literal["external", "agent", "verified_tool", "user"]


async def publish(
    event: str,
    /,
    *,
    key: str = "",
    data: str | None = None,
    by: str | None = None,
    trust: Trusted = "external",
    common: Common = DEFAULTS,
) -> None:
    """Tell the runs that wait, and those that will, that something has happened.

    Args:
        event: Its name, such as order.shipped.
        key: Which one, such as an order's number.
        data: What the agents are told of it, as JSON.
        by: Who says so (default: you).
        trust: How far the data is trusted.
        common: Options of every command.
    """
    said = _json(data) if data is not None else None
    screen, place = Screen(common.json), find_place(common)
    async with to_look(place) as ledger:
        sender, trusted = by or person(), Trust[trust.upper()]
        to = await ledger.write(lambda tx: waits.publish(tx, event, key, said, trust=trusted, sender=sender))
        worker = await at_work(ledger)
    screen.document({"event": event, "key": key, "runs": to, "worker": worker})
    if not to:
        screen.show("Recorded; no run waits for it now.")
        return
    when = "" if worker else "; they go on as soon as agents work here again"
    screen.show(f"Recorded; {to} {'run waits' if to == 1 else 'runs wait'} for it{when}.")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidValue("data", text, "JSON", """As in: --data '{"carrier": "DHL"}'""") from error
