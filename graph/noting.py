"""What the built-in tools of shared notes do: read what stands in them, and write an entry or the value of a field."""

from collections.abc import Sequence
from typing import Any

from baton.core import Action, BatonError, Draft, Label, Note, Notes, Trust, derived, dump, format_time
from baton.graph.outcome import Outcome, refusal
from baton.graph.scene import Scene
from baton.ledger import Transaction, events, notes

MOST_SHOWN = 12_000
"""Characters of entries that are shown at once, the newest of them."""


async def read_notes(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """What stands in the notes, with the label of the least trusted of what is shown."""
    run, wanted = scene.run.id, arguments["fields"]
    found = await scene.ledger.read(lambda tx: notes.at_version(tx, run))
    fields = {name: found.fields[name] for name in found.fields if wanted is None or name in wanted}
    entries, left = _newest(found.entries) if arguments["entries"] else ((), 0)
    told = _told(found, fields, entries, left)
    shown = [one.label for values in fields.values() for one in values] + [one.label for one in entries]
    label = derived(shown) if shown else Label(Trust.SYSTEM)
    return Outcome(
        text=dump(told),
        trust=label.trust,
        confidentiality=label.confidentiality,
        riders=[lambda tx: notes.note_read(tx, run, found.version)],
    )


async def write_note(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Write into the notes, with the label of what the agent has read."""
    text, field, value = arguments["text"], arguments["field"], arguments["value"]
    if (field is None) != (value is None) or (text is None) == (field is None):
        return refusal("give either `text`, for an entry, or `field` and `value`")
    draft = Draft(text=text if field is None else value, field=field, id=f"note_{action.id}")
    run, by, label, settles = scene.run.id, scene.member.agent.name, scene.label, arguments["settles"]
    try:
        draft.check()
    except BatonError as error:
        return refusal(str(error))

    def keep(tx: Transaction) -> None:
        seen = None if settles else notes.seen_by(tx, run)
        try:
            notes.write(tx, run, [draft], by=by, label=label, agent=True, seen=seen, action=action.id)
        except BatonError as error:  # it was to be forgotten, or the notes are full: that is no reason to stop
            events.emit(tx, run, "notes.refused", action=action.id, why=type(error).__name__)

    beside = await scene.ledger.read(lambda tx: _beside(tx, scene, draft)) if field and not settles else []
    return Outcome(text=f"written{_warned(beside)}", riders=[keep])


def _beside(tx: Transaction, scene: Scene, draft: Draft) -> list[Note]:
    """The values that a new one would stand beside: written since the agent has read, or by who is trusted more."""
    run = scene.run.id
    seen, stands = notes.seen_by(tx, run), notes.at_version(tx, run).fields.get(draft.field or "", ())
    return [one for one in stands if (one.version > seen and one.run != run) or one.label.trust > scene.label.trust]


def _warned(beside: Sequence[Note]) -> str:
    if not beside:
        return ""
    who = ", ".join(dict.fromkeys(one.by for one in beside))
    return f", as one of several values: {who} has written another, which yours does not replace; see read_notes"


def _newest(entries: Sequence[Note]) -> tuple[Sequence[Note], int]:
    """The newest entries that fit, and how many are left out."""
    room, kept = MOST_SHOWN, 0
    for one in reversed(entries):
        room -= len(one.text)
        if room < 0 and kept:
            break
        kept += 1
    return entries[len(entries) - kept :], len(entries) - kept


def _told(found: Notes, fields: Any, entries: Sequence[Note], left: int) -> dict[str, Any]:
    said: dict[str, Any] = {"version": found.version}
    said["fields"] = {
        name: _value(values[0]) if len(values) == 1 else {"in_conflict": [_value(one) for one in values]}
        for name, values in fields.items()
    }
    if left:
        said["earlier_entries"] = left
    said["entries"] = [_value(one) for one in entries]
    return said


def _value(one: Note) -> dict[str, Any]:
    trust = one.label.trust.name.lower()
    return {"says": one.text, "by": one.by, "at": format_time(one.at), "trust": trust}
