"""`baton notices`: what waits to be told, what was given up, and sending it again."""

from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.table import Table

from baton.cli.opening import Place, find_place, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.cli.tables import cell, table
from baton.core import Conflict, InvalidValue, format_duration, format_time
from baton.ledger import Transaction, notices
from baton.ledger.notices import Notice, State
from baton.review.record import time_json

app = App(name="notices", help="See what is told by webhook and mail, and tell again what was given up.")

_SHOWN = 200

_STYLES = {"sent": "green", "waiting": "yellow", "dead": "red", "dropped": "dim"}


@app.default
@app.command(name="list")
async def list_(*, all: bool = False, common: Common = DEFAULTS) -> None:
    """List notices that wait or were given up, the oldest first, and channels whose receivers are gone.

    Args:
        all: Also those that were sent, or dropped because they were decided meanwhile, within the last week.
        common: Options of every command.
    """
    states: list[State] = ["waiting", "dead", "sent", "dropped"] if all else ["waiting", "dead"]
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        found, gone = await ledger.read(lambda tx: (notices.listed(tx, states), notices.gone(tx)))
        now = ledger.clock.now()
    closed = [{"channel": name, "said": said, "at": time_json(at)} for name, (said, at) in gone.items()]
    screen.document({"notices": [notice_json(one) for one in found], "gone": closed})
    if not found and not gone:
        screen.show("Nothing waits to be told, and nothing was given up.")
    if found:
        screen.show(_listed(found[:_SHOWN], now))
    if len(found) > _SHOWN:
        screen.show(f"… and {len(found) - _SHOWN} later ones")
    for name, (said, at) in gone.items():
        screen.show(f"{name} is told nothing since {format_time(at)}: {said}. {place.command(f'notices open {name}')}")
    if any(one.state == "dead" for one in found):
        screen.show(f"next: {place.command('notices replay ID')}, or --dead for all that were given up")


@app.command
async def replay(
    notice: Annotated[tuple[str, ...], Parameter(consume_multiple=True)] = (),
    /,
    *,
    dead: bool = False,
    common: Common = DEFAULTS,
) -> None:
    """Send notices again, under the ids that they had: whoever got one already can tell.

    Args:
        notice: Their ids, or the beginnings of them.
        dead: All that were given up.
        common: Options of every command.
    """
    if dead == bool(notice):
        raise InvalidValue("notices replay", " ".join(notice), "ids of notices, or --dead for all that were given up")
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)

    def again(tx: Transaction) -> list[str]:
        wanted = notices.listed(tx, ["dead"], 10_000) if dead else [notices.find(tx, one) for one in notice]
        waiting = [one.id for one in wanted if one.state == "waiting"]
        if waiting:
            raise Conflict(f"replay of {waiting[0]}", "it waits to be sent anyway")
        notices.again(tx, [one.id for one in wanted])
        return [one.id for one in wanted]

    async with to_look(place) as ledger:
        sent = await ledger.write(again)
    screen.document({"replayed": sent})
    what = f"{sent[0]} is sent again" if len(sent) == 1 else f"{len(sent)} notices are sent again"
    screen.show(_goes_on(place, what))


@app.command(name="open")
async def open_(channel: str, /, *, common: Common = DEFAULTS) -> None:
    """Tell a receiver again that had said that it is gone (410), from now on.

    Args:
        channel: The name of its webhook.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        opened = await ledger.write(lambda tx: notices.open_channel(tx, channel))
        gone = list(await ledger.read(notices.gone))
    if not opened:
        raise InvalidValue("channel", channel, f"one that is gone: {', '.join(gone) or 'there is none'}")
    screen.document({"opened": channel})
    screen.show(_goes_on(place, f"{channel} is told what happens from now on"))


def notice_json(notice: Notice) -> dict[str, Any]:
    """A notice."""
    return {
        "id": notice.id,
        "channel": notice.channel,
        "recipient": notice.recipient or None,
        "event": notice.event,
        "kind": notice.kind,
        "run": notice.run,
        "review": notice.review,
        "state": notice.state,
        "at": time_json(notice.at),
        "due": time_json(notice.due if notice.state == "waiting" else None),
        "attempts": notice.attempts,
        "said": notice.said or None,
        "ended_at": time_json(notice.ended_at),
    }


def _goes_on(place: Place, what: str) -> str:
    return f"{what}, by whoever lets the agents work: {place.command('worker')}."


def _listed(found: Sequence[Notice], now: float) -> Table:
    shown = table("notice", "to", "what", "state", "tries", "said", elastic="said", right=("tries",))
    for one in found:
        state = one.state if one.state != "waiting" or one.due <= now else f"in {format_duration(one.due - now)}"
        shown.add_row(
            cell(one.id),
            cell(f"{one.channel} {one.recipient}"),
            cell(f"{one.kind} {one.review or one.run}"),
            cell(state, _STYLES[one.state]),
            str(one.attempts),
            cell(one.said),
        )
    return shown
