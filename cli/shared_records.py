"""`baton records`: what agents and people share as records, in versions."""

import json
from typing import Any

from cyclopts import App
from rich.text import Text

from baton.cli.opening import find_place, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.cli.tables import cell, table
from baton.core import InvalidValue, NotFound, dump, format_time
from baton.ledger.records import Record
from baton.places import home_setting
from baton.sharing import Shared

app = App(name="records", help="See shared records and their versions, and write one.")


@app.default
@app.command(name="list")
async def list_(*, common: Common = DEFAULTS) -> None:
    """List what all shared records say now.

    Args:
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        found = await Shared(ledger, home_setting().tenant).records()
    screen.document({"records": [_json(one) for one in found]})
    if not found:
        screen.show("There are no shared records.")
        return
    shown = table("record", "version", "value", "by", elastic="value", right=("version",))
    for one in found:
        shown.add_row(cell(one.name, "bold"), str(one.version), cell(dump(one.value)), cell(one.by))
    screen.show(shown)


@app.command
async def show(name: str, /, *, common: Common = DEFAULTS) -> None:
    """Show all versions of a record, the newest last.

    Args:
        name: The record's name.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        shared = Shared(ledger, home_setting().tenant)
        found, known = await shared.history(name), await shared.records()
    if not found:
        raise NotFound("record", name, [one.name for one in known])
    screen.document({"versions": [_json(one) for one in found]})
    for one in found:
        over = f", over version {one.over}" if one.over is not None else ""
        trust = one.label.trust.name.lower().replace("_", " ")
        head = f"version {one.version}  {format_time(one.at)} by {one.by}, trust: {trust}{over}"
        screen.show(Text(head, style="dim"), json.dumps(one.value, ensure_ascii=False, indent=2))


@app.command
async def write(name: str, value: str, /, *, read: int = 0, common: Common = DEFAULTS) -> None:
    """Write a record.

    Args:
        name: The record's name.
        value: What it is to say, as JSON.
        read: The version that you have read; 0 where there was none.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    try:
        said: Any = json.loads(value)
    except ValueError as error:
        raise InvalidValue("value", value, f"JSON, such as '{{\"left\": 3}}' ({error})") from error
    async with to_look(place, make=True) as ledger:
        done = await Shared(ledger, home_setting().tenant).write(name, said, read=read)
    screen.document({"name": name, "version": done.version, "value": done.value})
    screen.show(f"{name} is at version {done.version}.")


def _json(one: Record) -> dict[str, Any]:
    label = {"trust": one.label.trust.name.lower(), "sources": sorted(one.label.sources)}
    return {**vars(one), "label": label}
