"""`baton notes`: the notes that agents and people share who work on one goal, in the record or in a file."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from cyclopts import App
from rich.text import Text

from baton.cli.opening import find_place, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import Draft, Note, Notes, format_time, standing
from baton.core.texts import one_line, safe
from baton.handles import person
from baton.ledger import Ledger, runs
from baton.noting import RunNotes, note_json, notes_json, notes_of, open_copy, write_offline

app = App(name="notes", help="Read and write what everybody shares who works on a goal, offline too.")


@app.command
async def show(where: str, /, *, version: int | None = None, common: Common = DEFAULTS) -> None:
    """Show what stands in the notes of a run's goal.

    Args:
        where: The run, or the beginning of its id; or a file that `pull` wrote.
        version: As they stood at this version (default: now).
        common: Options of every command.
    """
    screen, file = Screen(common.json), _file(where)
    if file is not None:
        copy = open_copy(file)
        newest = copy.version + bool(copy.added)
        found = standing(copy.run, newest if version is None else version, notes_of(copy))
    else:
        async with to_look(find_place(common)) as ledger:
            found = await (await _of(ledger, where)).show(version)
    screen.document(notes_json(found))
    _show(screen, found)


@app.command
async def history(where: str, /, *, common: Common = DEFAULTS) -> None:
    """Show all that was ever written, oldest first, with the version that it came with.

    Args:
        where: The run; or a file.
        common: Options of every command.
    """
    screen, file = Screen(common.json), _file(where)
    if file is not None:
        found: Sequence[Note] = notes_of(open_copy(file))
    else:
        async with to_look(find_place(common)) as ledger:
            found = await (await _of(ledger, where)).history()
    screen.document({"notes": [note_json(one) for one in found]})
    if not found:
        screen.show("Nothing was written yet.")
    for one in found:
        what = f"{one.field} = " if one.field else ""
        screen.show(Text.assemble((f"{one.version:>4}  ", "dim"), safe(f"{what}{one.text}"), _whose(one)))


@app.command(name="set")
async def set_(where: str, field: str, value: str, /, *, seen: int | None = None, common: Common = DEFAULTS) -> None:
    """Give a field a value, in place of all that stand there; that settles a conflict.

    Args:
        where: The run; or a file.
        field: Its name.
        value: Its value from now on.
        seen: The version that you have seen: values that came later are not replaced.
        common: Options of every command.
    """
    await _write(where, Draft(text=value, field=field), seen, common)


@app.command
async def add(where: str, text: str, /, *, common: Common = DEFAULTS) -> None:
    """Write an entry.

    Args:
        where: The run; or a file.
        text: What it says.
        common: Options of every command.
    """
    await _write(where, Draft(text=text), None, common)


@app.command
async def pull(run: str, file: Path, /, *, common: Common = DEFAULTS) -> None:
    """Write the notes of a run into a file, to be taken along; what was written into the file stays in it.

    Args:
        run: The run.
        file: The file; a new one, or one of this run's notes.
        common: Options of every command.
    """
    screen = Screen(common.json)
    async with to_look(find_place(common)) as ledger:
        copy = await (await _of(ledger, run)).pull(file)
    screen.document({"file": str(file), "run": copy.run, "version": copy.version, "not_pushed": sorted(copy.added)})
    more = f", and {len(copy.added)} that {file} alone has" if copy.added else ""
    screen.show(f"{file} has version {copy.version}{more}. `baton notes set {file} …` writes into it, offline too.")


@app.command
async def push(file: Path, /, *, common: Common = DEFAULTS) -> None:
    """Take what was written into a file into the record; it counts as said by you. Nothing is written over.

    Args:
        file: A file that `pull` wrote.
        common: Options of every command.
    """
    screen, copy = Screen(common.json), open_copy(file)
    async with to_look(find_place(common)) as ledger:
        shared = await _of(ledger, copy.run)
        made = await shared.push(file)
        found = await shared.show()
    screen.document({"written": [note_json(one) for one in made], "disputed": list(found.disputed)})
    screen.show(f"{len(made)} written; the notes are at version {found.version}.")
    if found.disputed:
        screen.show(f"In conflict: {', '.join(found.disputed)}. `baton notes set {copy.run} FIELD VALUE` settles one.")


@app.command
async def merge(file: Path, other: Path, /, *, common: Common = DEFAULTS) -> None:
    """Bring what somebody else has written into their file into yours, without the record.

    Args:
        file: Yours.
        other: Theirs, of the same run.
        common: Options of every command.
    """
    screen, copy, theirs = Screen(common.json), open_copy(file), open_copy(other)
    before = len(copy.drafts)
    copy.merge_copy(theirs)
    await asyncio.to_thread(file.write_bytes, copy.content)
    screen.document({"file": str(file), "added": len(copy.drafts) - before})
    screen.show(f"{len(copy.drafts) - before} came from {other}.")


async def _write(where: str, draft: Draft, seen: int | None, common: Common) -> None:
    screen, file = Screen(common.json), _file(where)
    if file is not None:
        id = write_offline(open_copy(file), draft, file)
        screen.document({"id": id, "file": str(file)})
        screen.show(f"Written into {file}. `baton notes push {file}` takes it into the record.")
        return
    async with to_look(find_place(common)) as ledger:
        shared = await _of(ledger, where)
        made = await (shared.set(draft.field, draft.text, seen=seen) if draft.field else shared.add(draft.text))
        found = await shared.show()
    screen.document(note_json(made))
    screen.show(f"Written, as version {made.version}.")
    if made.field in found.disputed:
        others = ", ".join(one.by for one in found.fields[made.field] if one.id != made.id)
        screen.show(f"{made.field} is in conflict: {others} has written another value.")


async def _of(ledger: Ledger, run: str) -> RunNotes:
    return RunNotes(await ledger.read(lambda tx: runs.find(tx, run)), ledger, person())


def _file(where: str) -> Path | None:
    """The file that is meant; None where it is a run."""
    return Path(where) if Path(where).is_file() else None


def _show(screen: Screen, found: Notes) -> None:
    if not found.version:
        screen.show("Nothing was written yet.")
    for name, values in found.fields.items():
        for one in values:
            mark = ("  in conflict", "red") if len(values) > 1 else ("", "")
            screen.show(Text.assemble((f"{name} = ", "bold"), safe(one.text), _whose(one), mark))
    for one in found.entries:
        screen.show(Text.assemble(("· ", "dim"), safe(one.text), _whose(one)))


def _whose(one: Note) -> tuple[str, str]:
    when = f", {format_time(one.at)}" if one.at else ""
    return f"  {one_line(one.by)}{when}, {one.label.trust.name.lower()}", "dim"
