"""`baton db`: look after the database."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from cyclopts import App

from baton.cli.opening import find_place, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.cli.tables import cell, table
from baton.core import SystemClock, parse_duration
from baton.ledger import archive as archiving
from baton.ledger import database_of, growth

app = App(name="db", help="Look after the database: its tables, what takes room, vacuum, archive.")


@app.command
async def migrate(*, common: Common = DEFAULTS) -> None:
    """Make the tables in an empty database, or bring those of an older Baton up to date; stop older workers first.

    A file's tables are brought up to date by whatever opens it; a server's by this command alone.

    Args:
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common)
    was, now = await asyncio.to_thread(database_of(place.database).migrate, SystemClock().now())
    screen.document({"from": was, "to": now})
    done = f"The tables are of version {now}, as they were." if was == now else f"Made tables of version {now}"
    screen.show(
        done if was == now else f"{done}, where there were none." if was == 0 else f"{done} from version {was}."
    )


@app.command
async def size(*, common: Common = DEFAULTS) -> None:
    """Say what takes room: rows and bytes by table, the largest first.

    Args:
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common)
    async with to_look(place) as ledger:
        found, total = await ledger.read(growth.sizes), ledger.database.size()
    tables = [{"table": one.name, "rows": one.rows, "bytes": one.bytes} for one in found]
    screen.document({"bytes": total, "tables": tables})
    shown = table("table", "rows", "bytes", elastic="table", right=("rows", "bytes"))
    for one in found:
        shown.add_row(cell(one.name), f"{one.rows:,}", f"{one.bytes:,}" if one.bytes is not None else "?")
    screen.show(shown, f"{total:,} bytes on the disk")


@app.command
async def vacuum(*, events: str = f"{growth.EVENT_DAYS:g}d", common: Common = DEFAULTS) -> None:
    """Delete what nobody needs any more and give the room back to the disk; stop what lets agents work first.

    Args:
        events: How old published events are when they are deleted.
        common: Options of every command.
    """
    days = parse_duration(events).total_seconds() / 86400
    screen, place = Screen(common.json), find_place(common)
    async with to_look(place) as ledger:
        done = await growth.vacuum(ledger, event_days=days)
    swept = done.swept
    screen.document(
        {
            "before": done.before,
            "after": done.after,
            "deleted": {"texts": swept.bodies, "events": swept.events, "checkpoints": swept.checkpoints},
        }
    )
    screen.show(
        f"Deleted {swept.bodies:,} texts that nothing refers to, {swept.events:,} old events, "
        f"{swept.checkpoints:,} checkpoints of ended runs.",
        f"{done.before:,} bytes before, {done.after:,} now.",
    )


@app.command
async def archive(*, before: str, to: Path | None = None, keep: bool = False, common: Common = DEFAULTS) -> None:
    """Write runs that ended long ago to a file of JSON lines, then delete them from the database.

    Args:
        before: How long ago they ended, such as 90d.
        to: A new file (default: archive-TIME.jsonl beside the database's file, else in this folder).
        keep: Only write; delete nothing.
        common: Options of every command.
    """
    age = parse_duration(before).total_seconds()
    screen, place = Screen(common.json), find_place(common)
    async with to_look(place) as ledger:
        now = ledger.clock.now()
        name = f"archive-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}.jsonl"
        done = await archiving.archive(
            ledger, now - age, to or (place.file.parent if place.file else Path()) / name, keep=keep
        )
    file = str(done.file) if done.file else None
    screen.document({"file": file, "runs": done.runs, "deleted": done.deleted, "lines": done.lines})
    if file is None:
        screen.show(f"No run has ended before {before} with nothing of it open.")
        return
    screen.show(f"{done.runs:,} runs are in {file} ({done.lines:,} lines).")
    if not keep:
        again = place.command("db vacuum")
        screen.show(f"{done.deleted:,} of them were deleted here; `{again}` gives the room back to the disk.")
