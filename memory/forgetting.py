"""Forgetting as a whole: in the record, in the indexes, on the disk; then looking whether anything is left."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from baton.core import LedgerError, random_id
from baton.ledger import Ledger, forgetting
from baton.ledger.forgetting import Deleted, Wanted
from baton.memory.nearness import vector_folder
from baton.memory.ports import Keywords, Vectors
from baton.memory.vectors import discard


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What was forgotten, and whether it is gone. It does not tell what it was.

    Attributes:
        id: Of this receipt.
        by: Who asked for it.
        at: Seconds since 1970.
        asked: What it was chosen by: scope, subject, source, fact or everything.
        facts: Ids of the facts that were deleted, with those that were derived from them.
        blotted: By table of the record, how many other rows held their words, which were blotted out.
        indexes: What else they were taken out of.
        left: What could not be done, in words; empty if everything was.
        scanned: Files that were read through afterwards, byte for byte.
        found: Files and tables that still hold any of the words; empty if they are gone.
    """

    id: str
    by: str
    at: float
    asked: tuple[str, ...]
    facts: tuple[str, ...]
    blotted: Mapping[str, int]
    indexes: tuple[str, ...]
    left: tuple[str, ...]
    scanned: int
    found: tuple[str, ...]


async def forget(ledger: Ledger, keywords: Keywords, vectors: Vectors | None, wanted: Wanted, by: str) -> Receipt:
    """Forget what is wanted, everywhere that can be reached, and look whether it is gone.

    Raises:
        InvalidValue: if nothing is named.
    """
    deleted = await ledger.write(lambda tx: forgetting.forget(tx, wanted))
    left = [f"texts too short to be looked for outside of the facts: {deleted.short}"] if deleted.short else []
    indexes = await _from_indexes(ledger, keywords, vectors, deleted, left)
    await _from_disk(ledger, left)
    texts = _texts(deleted)
    files = data_files(ledger)
    found = await asyncio.to_thread(holding_files, files, texts)
    found += await _tables(ledger, texts) if ledger.database.path is None else []
    receipt = Receipt(
        id=random_id("fgt"),
        by=by,
        at=ledger.clock.now(),
        asked=_asked(wanted),
        facts=tuple(one.id for one in deleted.facts),
        blotted=deleted.blotted,
        indexes=tuple(indexes),
        left=tuple(left),
        scanned=len(files),
        found=tuple(found),
    )
    await ledger.write(lambda tx: forgetting.keep_receipt(tx, receipt.id, wanted.tenant, by, asdict(receipt)))
    return receipt


def data_files(ledger: Ledger) -> list[Path]:
    """The files of a ledger: its own, those beside it that begin with its name, and all in a folder `.baton`."""
    path = ledger.database.path
    roots = [vector_folder(ledger)]
    if path is not None:
        roots += [path.parent] if path.parent.name == ".baton" else sorted(path.parent.glob(f"{path.stem}*"))
    found = {file for root in roots for file in ([root] if root.is_file() else root.rglob("*")) if file.is_file()}
    return sorted(found)


def holding_files(files: Iterable[Path], texts: Sequence[str]) -> list[str]:
    """The names of those files that hold any of these texts, as they are or as JSON has them."""
    needles = [form.encode(errors="replace") for text in texts for form in forgetting.forms(text)]
    return [file.name for file in files if any(needle in data for data in [file.read_bytes()] for needle in needles)]


async def _from_indexes(
    ledger: Ledger, keywords: Keywords, vectors: Vectors | None, deleted: Deleted, left: list[str]
) -> list[str]:
    done = ["keyword index"]
    try:
        await keywords.scrub()
    except LedgerError as error:
        left.append(f"room that deleted entries took in the keyword index: {error}")
    try:
        if await _from_vectors(ledger, vectors, [one.id for one in deleted.facts]):
            done.append("vectors")
    except LedgerError as error:
        left.append(f"vectors, which hold no words: {error}")
    return done


async def _from_vectors(ledger: Ledger, vectors: Vectors | None, ids: Sequence[str]) -> bool:
    """Delete the vector index if it knows any of these facts; whether it did."""
    if vectors is not None:
        return await vectors.discard(ids)
    return await asyncio.to_thread(discard, vector_folder(ledger), ids)


async def _from_disk(ledger: Ledger, left: list[str]) -> None:
    try:
        await asyncio.to_thread(ledger.database.compact)
    except LedgerError as error:
        left.append(f"room that deleted rows took: {error} `baton db vacuum` frees it later")
    if ledger.database.path is None:
        left.append("what the database server keeps of earlier states: its write-ahead log, replicas and backups")


async def _tables(ledger: Ledger, texts: Sequence[str]) -> list[str]:
    found = await ledger.read(lambda tx: forgetting.holding(tx, texts))
    return [f"table {name}" for name in found]


def _texts(deleted: Deleted) -> list[str]:
    texts = {text for one in deleted.facts for text in (one.text, one.object or "")}
    return sorted(text for text in texts if len(text) >= forgetting.SHORTEST)


def _asked(wanted: Wanted) -> tuple[str, ...]:
    given = ("scope", "subject", "source", "fact", "everything")
    return tuple(name for name in given if getattr(wanted, name))
