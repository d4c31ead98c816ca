"""`baton triggers`: what starts runs by itself, what it has started, and what was set aside."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cyclopts import App
from rich.text import Text

from baton.cli.opening import find_place, load, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.cli.tables import cell, table
from baton.core import NotFound, format_duration, format_time
from baton.core.texts import one_line
from baton.graph.triggers import Cron, Events, Files, Imap, Mails, Recorded, Trigger
from baton.graph.triggers.firing import next_time
from baton.ledger import triggers
from baton.ledger.triggers import Count

app = App(name="triggers", help="See what starts runs by itself, and what it has started.")

SHOWN = 20
"""Runs, and things that were set aside, that are shown of one trigger; `--json` gives as many."""


@app.default
@app.command(name="list")
async def list_(*, common: Common = DEFAULTS) -> None:
    """List the project's triggers: what each waits for, when it looks next, how much it has started.

    Args:
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    watched = load(place).triggers if place.project is not None else ()
    async with to_look(place) as ledger:
        known, now = await ledger.read(triggers.counted), ledger.clock.now()
    rows = [_json(one, known.get(one.name), now) for one in watched]
    gone = [name for name in known if name not in {one.name for one in watched}]
    screen.document({"triggers": rows, "no longer in the project": gone})
    if not watched:
        screen.show("The project has no triggers.")
        return
    shown = table("trigger", "when", "next", "runs", "last", "set aside", elastic="when", right=("runs", "set aside"))
    for row in rows:
        last = "" if row["last"] is None else f"{format_duration(max(0.0, now - row['last']))} ago"
        counts = (str(row["started"]), last, str(row["set_aside"] or ""))
        shown.add_row(cell(row["name"], "bold"), cell(row["when"]), _next(row), *counts)
    screen.show(shown)


@app.command
async def show(name: str, /, *, common: Common = DEFAULTS) -> None:
    """Show what a trigger has started, the newest first, and what it has set aside, with the reason.

    Args:
        name: The trigger's name.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    watched = load(place).triggers if place.project is not None else ()
    async with to_look(place) as ledger:
        known = await ledger.read(triggers.counted)
        if name not in known and name not in (one.name for one in watched):
            raise NotFound("trigger", name, [*(one.name for one in watched), *known])
        started = await ledger.read(lambda tx: triggers.listed(tx, SHOWN, name))
        aside = await ledger.read(lambda tx: triggers.aside(tx, name, SHOWN))
    state = known[name].state if name in known else dict[str, Any]()
    document = {"started": [vars(one) for one in started], "set_aside": [vars(one) for one in aside], "state": state}
    screen.document({"name": name, **document})
    for one in started:
        screen.show(Text.assemble((one.run, "cyan"), f"  {format_time(one.at)}  {one_line(one.key)}"))
    if not started:
        screen.show("It has started nothing yet.")
    for left in aside:
        screen.show(
            Text(f"set aside {format_time(left.at)}  {one_line(left.key)}: {one_line(left.why)}", style="yellow")
        )


def _json(trigger: Trigger, count: Count | None, now: float) -> dict[str, Any]:
    when = trigger.when
    due = next_time(when, max(now, count.since if count else now)) if isinstance(when, Cron) else None
    return {
        "name": trigger.name,
        "when": in_words(when),
        "agent": trigger.start.agent,
        "next": due,
        "started": count.started if count else 0,
        "last": count.last if count else None,
        "set_aside": count.aside if count else 0,
        "watched_since": count.since if count else None,
    }


def _next(row: dict[str, Any]) -> str:
    if row["next"] is not None:
        return format_time(row["next"])
    return "as it comes" if row["watched_since"] is not None else "not watched yet"


def in_words(when: Cron | Files | Events | Recorded | Mails) -> str:
    """What a trigger waits for."""
    match when:
        case Cron():
            return f"{when.times} ({when.zone})"
        case Files():
            return f"files {when.pattern} in {when.folder.name}"
        case Events():
            return _with(f"{when.together} of {', '.join(when.names)}", when.where, when.filter)
        case Recorded():
            return _with(f"the record: {', '.join(when.kinds)}", when.where, when.filter)
        case Mails(box=Imap() as box):
            return f"mails in {box.folder} of {box.user}"
        case Mails():
            return f"mails in {when.box.name if isinstance(when.box, Path) else when.box.host}"


def _with(what: str, where: Any, condition: Any) -> str:
    parts: Sequence[str] = [f"{name} = {value}" for name, value in where.items()]
    if condition is not None:
        parts = [*parts, condition.text]
    return f"{what}, where {' and '.join(parts)}" if parts else what
