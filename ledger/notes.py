"""Shared notes in the record: one document for a goal, which the run at the top and all that it hands work to share.

What was written is in CRDT updates, one a version; who wrote it, when and with which label stands in rows beside them,
and never in the document, where whoever writes could claim it. Updates are folded into one as they become many: rows
and words stay, so that every version can still be shown.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, union_all, update

from baton.core import (
    MOST_NOTES,
    ActionId,
    Confidentiality,
    Conflict,
    Draft,
    Forgotten,
    InvalidValue,
    Label,
    Note,
    Notes,
    RunId,
    Trust,
    in_order,
    random_id,
    standing,
)
from baton.ledger import note_document, tombstones, waits
from baton.ledger.events import emit
from baton.ledger.locks import lock_name
from baton.ledger.runs import Run, get
from baton.ledger.schema import runs
from baton.ledger.schema_notes import note_documents, note_readers, note_updates, notes
from baton.ledger.transaction import Transaction

FOLD = 64
"""Updates that are kept apart before they are folded into one."""

_REMADE = 2**32
"""From where on those are numbered who make a document anew, beside the versions that write into it."""

EVENT = "notes."
"""What the name of an event begins with that tells of a new value; the field's name follows."""


def id_of(tx: Transaction, run: Run) -> str:
    """The id of the notes that a run shares: its conversation's; a fork, and what it hands on, has its own."""
    top = run
    while top.parent is not None:
        top = get(tx, top.parent)
    return top.id if top.forked_from is not None else top.conversation


def written(tx: Transaction, doc: str) -> list[Note]:
    """All that was ever written into notes, in the order in which it was."""
    rows = tx.rows(_ROWS, doc=doc)
    said = note_document.read(_updates(tx, doc)) if rows else {}
    return [_note(row, said[row.id]) for row in rows]


def at_version(tx: Transaction, run: RunId, version: int | None = None) -> Notes:
    """The notes of a run's goal as they stand, or stood at a version.

    Raises:
        NotFound: if there is no such run.
        InvalidValue: if there is no such version.
    """
    doc = id_of(tx, get(tx, run))
    newest = _version(tx, doc)
    if version is not None and not 0 <= version <= newest:
        raise InvalidValue("version", version, f"one from 0 to {newest}")
    return standing(doc, newest if version is None else version, written(tx, doc))


def field_of(tx: Transaction, id: str) -> str:
    """The field that a value of notes is of.

    Raises:
        InvalidValue: if there is no such value.
    """
    docs = tx.values(_DOC_OF, id=id)
    found = next((one.field for doc in docs for one in written(tx, doc) if one.id == id), None)
    if found is None:
        raise InvalidValue("note", id, "the id of a value of a field")
    return found


def history(tx: Transaction, run: RunId) -> list[Note]:
    """All that was ever written into the notes of a run's goal, in the order in which it was."""
    return written(tx, id_of(tx, get(tx, run)))


def seen_by(tx: Transaction, run: RunId) -> int:
    """The version up to which a run has read its notes; 0 for none of it."""
    return tx.value(_READER, run=run) or 0


def awaited(tx: Transaction, run: Run, field: str) -> tuple[str, bool]:
    """The id of a run's notes, and whether a field has a value that others wrote and the run has not read."""
    found, seen = at_version(tx, run.id), seen_by(tx, run.id)
    return found.id, any(one.version > seen and one.run != run.id for one in found.fields.get(field, ()))


def note_read(tx: Transaction, run: RunId, version: int) -> None:
    """Keep up to which version a run has read."""
    if not tx.changed(_READ_ON, reader=run, upto=version):
        tx.execute(_READ, {"run": run, "version": version})


def write(
    tx: Transaction,
    run: RunId,
    drafts: Sequence[Draft],
    *,
    by: str,
    label: Label,
    agent: bool = False,
    seen: int | None = None,
    action: ActionId | None = None,
) -> list[Note]:
    """Write into the notes of a run's goal; what is there already, by its id, is passed over.

    Args:
        tx: The transaction.
        run: Through which it is written.
        drafts: What.
        by: Who writes.
        label: Of what they say.
        agent: Whether an agent writes, which has read what `run` has.
        seen: The version that they have seen: values that came later are not replaced. None is all there is.
        action: The call that writes; None where none does.

    Returns:
        What is new, in order.

    Raises:
        NotFound: if there is no such run.
        InvalidValue: if something cannot be kept.
        Conflict: if something is there already under the same id, and says something else.
        Forgotten: if something was to be forgotten.
    """
    known = get(tx, run)
    doc = id_of(tx, known)
    lock_name(tx, f"notes {doc}")
    there = written(tx, doc)
    fresh = _fresh(there, drafts)
    if not fresh:
        return []
    ids = {one.id: one for one in there}
    if len(ids) + len(fresh) > MOST_NOTES:
        raise InvalidValue("notes", f"{len(ids) + len(fresh)} of them", f"at most {MOST_NOTES} for one goal")
    _check_forgotten(tx, known.tenant, fresh)
    version = _version(tx, doc) + 1
    before = [one for one in there if seen is None or one.version <= seen or (agent and one.run == run)]
    made: list[Note] = []
    for draft in in_order(fresh, ids):
        stands = standing(doc, version, [*before, *made]).fields.get(draft.field or "", ())
        replaces = tuple(one.id for one in stands) if draft.replaces is None and draft.field else draft.replaces or ()
        old = [ids[one] for one in replaces if one in ids]
        _check_fields(draft, old)
        made.append(
            Note(
                id=draft.id or random_id("note"),
                field=draft.field,
                text=draft.text,
                replaces=replaces,
                by=by,
                run=run if agent else None,
                label=_over(label, draft.text, old),
                at=tx.now,
                version=version,
            )
        )
        ids[made[-1].id] = made[-1]
    _keep(tx, doc, known, made, version)
    for one in made:
        emit(tx, run, "notes.written", notes=doc, note=one.id, version=version, by=by, field=one.field, action=action)
        if one.field is not None:  # what waits for it reads it in the notes: the event carries none of its words
            waits.publish(tx, f"{EVENT}{one.field}", doc, {"version": version}, trust=one.label.trust, sender=by)
    return made


def blot(tx: Transaction, tenant: str, texts: Sequence[str], instead: str) -> int:
    """Blot words out of all notes of a tenant; in how many notes they stood.

    Their documents are made anew, so that no update of before is left which holds them.
    """
    count = 0
    for doc in sorted(tx.values(_OF_TENANT, tenant=tenant)):
        lock_name(tx, f"notes {doc}")
        said = note_document.read(_updates(tx, doc))
        clean = {id: replace(draft, text=_without(draft.text, texts, instead)) for id, draft in said.items()}
        blotted = sum(clean[id] != said[id] for id in said)
        if blotted:
            count += blotted
            version = _version(tx, doc)
            _fold(tx, doc, note_document.update_of(clean, version + _REMADE), version)
    return count


def holding(tx: Transaction, needles: Iterable[bytes]) -> int:
    """How many documents of notes hold any of these bytes, whoever's they are."""
    wanted = list(needles)
    held = [(row.doc, row.content) for query in (_CHANGES, _STATES) for row in tx.rows(query)]
    return len({doc for doc, content in held for one in wanted if one in content})


def forget_readers(tx: Transaction, gone: Sequence[str]) -> None:
    """Delete up to where runs have read that are no longer in the record."""
    tx.changed(_FORGET_READERS, gone=list(gone))


def forget_orphans(tx: Transaction) -> None:
    """Delete notes that no run in the record shares."""
    for statement in _FORGET_ORPHANS:
        tx.changed(statement)


def _fresh(there: Sequence[Note], drafts: Sequence[Draft]) -> list[Draft]:
    """Those that are not there already.

    Raises:
        InvalidValue: if one cannot be kept.
        Conflict: if one is there, and says something else.
    """
    known = {one.id: one for one in there}
    for draft in drafts:
        draft.check()
        old = known.get(draft.id or "")
        if old is not None and (old.field, old.text, old.replaces) != (draft.field, draft.text, draft.replaces or ()):
            raise Conflict(f"note {old.id}", f"{old.by} has written it otherwise", "What is written is never changed.")
    return [draft for draft in drafts if draft.id is None or draft.id not in known]


def _check_fields(draft: Draft, old: Sequence[Note]) -> None:
    for one in old:
        if one.field != draft.field:
            raise InvalidValue("replaces", one.id, f"values of the field {draft.field}")


def _check_forgotten(tx: Transaction, tenant: str, drafts: Sequence[Draft]) -> None:
    for draft in drafts:
        if tombstones.buried(tx, tenant, draft.text, ()):
            raise Forgotten("notes", draft.field or "an entry")


def _over(label: Label, text: str, old: Sequence[Note]) -> Label:
    """The label of a value; one that says what another one says stays as confidential."""
    same = [one.label.confidentiality for one in old if one.text == text]
    return replace(label, confidentiality=max([label.confidentiality, *same]))


def _keep(tx: Transaction, doc: str, run: Run, made: Sequence[Note], version: int) -> None:
    drafts = {one.id: Draft(text=one.text, field=one.field, replaces=one.replaces) for one in made}
    if not tx.changed(_RAISE, which=doc, new=version):
        tx.execute(_BEGIN, {"id": doc, "tenant": run.tenant, "version": version, "state": None, "folded": 0})
    tx.execute(_UPDATE, {"doc": doc, "version": version, "change": note_document.update_of(drafts, version)})
    rows = [
        {
            "doc": doc,
            "id": one.id,
            "version": version,
            "position": position,
            "run": run.id,
            "agent": one.run and run.agent,
            "by": one.by,
            "trust": int(one.label.trust),
            "confidentiality": int(one.label.confidentiality),
            "at": one.at,
        }
        for position, one in enumerate(made)
    ]
    tx.execute(_ADD, rows)
    if version - (tx.value(_FOLDED, doc=doc) or 0) >= FOLD:
        whole = note_document.read(_updates(tx, doc))  # made anew by one writer: it is read in a fraction of the time
        _fold(tx, doc, note_document.update_of(whole, version + _REMADE), version)


def _fold(tx: Transaction, doc: str, state: bytes, version: int) -> None:
    """Keep the updates of a document as one."""
    tx.changed(_FOLD, which=doc, whole=state, upto=version)
    tx.changed(_UNFOLD, of=doc)


def _updates(tx: Transaction, doc: str) -> list[bytes]:
    """What the document is made of; whoever reads gets the same in whatever order."""
    state = tx.value(_STATE, doc=doc)
    return ([] if state is None else [bytes(state)]) + [bytes(change) for change in tx.values(_SINCE, doc=doc)]


def _version(tx: Transaction, doc: str) -> int:
    return tx.value(_VERSION, doc=doc) or 0


def _without(text: str, texts: Sequence[str], instead: str) -> str:
    for one in texts:
        text = text.replace(one, instead)
    return text


def _note(row: Any, draft: Draft) -> Note:
    return Note(
        id=row.id,
        field=draft.field,
        text=draft.text,
        replaces=draft.replaces or (),
        by=row.by,
        run=row.run if row.agent else None,
        label=Label(
            Trust(row.trust), frozenset({f"note:{row.id}"}), confidentiality=Confidentiality(row.confidentiality)
        ),
        at=row.at,
        version=row.version,
    )


def drafts_of(known: Sequence[Note]) -> Mapping[str, Draft]:
    """What was written, by its id, as a copy holds it."""
    return {one.id: Draft(id=one.id, text=one.text, field=one.field, replaces=one.replaces) for one in known}


_ROWS = select(notes).where(notes.c.doc == bindparam("doc")).order_by(notes.c.version, notes.c.position)
_ADD = insert(notes)
_DOC_OF = select(notes.c.doc).where(notes.c.id == bindparam("id"))
_VERSION = select(note_documents.c.version).where(note_documents.c.id == bindparam("doc"))
_STATE = select(note_documents.c.state).where(note_documents.c.id == bindparam("doc"))
_FOLDED = select(note_documents.c.folded).where(note_documents.c.id == bindparam("doc"))
_OF_TENANT = select(note_documents.c.id).where(note_documents.c.tenant == bindparam("tenant"))
_BEGIN = insert(note_documents)
_RAISE = update(note_documents).where(note_documents.c.id == bindparam("which")).values(version=bindparam("new"))
_FOLD = (
    update(note_documents)
    .where(note_documents.c.id == bindparam("which"))
    .values(state=bindparam("whole"), folded=bindparam("upto"))
)
_UNFOLD = delete(note_updates).where(note_updates.c.doc == bindparam("of"))
_UPDATE = insert(note_updates)
_SINCE = select(note_updates.c.change).where(note_updates.c.doc == bindparam("doc")).order_by(note_updates.c.version)
_CHANGES = select(note_updates.c.doc, note_updates.c.change.label("content"))
_STATES = select(note_documents.c.id.label("doc"), note_documents.c.state.label("content")).where(
    note_documents.c.state.is_not(None)
)
_SHARED = union_all(select(runs.c.id), select(runs.c.conversation))
_FORGET_ORPHANS = (
    delete(notes).where(notes.c.doc.not_in(_SHARED)),
    delete(note_updates).where(note_updates.c.doc.not_in(_SHARED)),
    delete(note_documents).where(note_documents.c.id.not_in(_SHARED)),
)
_FORGET_READERS = delete(note_readers).where(note_readers.c.run.in_(bindparam("gone", expanding=True)))
_READER = select(note_readers.c.version).where(note_readers.c.run == bindparam("run"))
_READ = insert(note_readers)
_READ_ON = update(note_readers).where(note_readers.c.run == bindparam("reader")).values(version=bindparam("upto"))
