"""Writing promotion records: what a gate has passed, tied to what was played, and signed."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from baton.core import Conflict, InvalidFile, random_id
from baton.core.promoting import new_key, public_key, sign
from baton.core.texts import one_line
from baton.evals.comparing import Comparison
from baton.evals.gate import Gate, Verdict, Word
from baton.evals.results import Results
from baton.evals.store import Store


def keep(
    store: Store, gate: Gate, verdict: Verdict, results: Results, comparison: Comparison | None
) -> Mapping[str, Any]:
    """Note in the results what a gate has said; the row."""
    row = {
        "id": random_id("gat"),
        "evaluation": results.evaluation.id,
        "baseline": None if comparison is None else comparison.before.evaluation.id,
        "gate": f"{gate.asks.name} {gate.digest}",
        "at": time.time(),
        "verdict": verdict.word.value,
        "says": "\n".join(verdict.reasons),
    }
    store.keep_gate(row)
    return row


def promote(
    path: Path, gate: Gate, verdict: Verdict, results: Results, *, comparison: Comparison | None, by: str, pem: str
) -> Mapping[str, Any]:
    """Write a signed promotion record, whole or not at all.

    Args:
        path: The file; one that is there is replaced.
        gate: What was asked.
        verdict: What it said.
        results: The evaluation.
        comparison: It against its baseline; None where there was none.
        by: Who promotes.
        pem: The private key that signs.

    Raises:
        Conflict: if the gate did not pass.
        InvalidValue: if the key cannot be read.
        InvalidFile: if the file cannot be written.
    """
    if verdict.word is not Word.PASS:
        raise Conflict("promotion", f"the gate says {verdict.word}", "Only what passes is promoted.")
    record = {
        "version": 1,
        "suite": results.evaluation.suite,
        "evaluation": results.evaluation.id,
        "baseline": None if comparison is None else comparison.before.evaluation.id,
        "gate": {"name": gate.asks.name, "digest": gate.digest},
        "verdict": verdict.word.value,
        "reasons": [one_line(reason) for reason in verdict.reasons],
        "hashes": dict(results.evaluation.identity),
        "by": by,
        "at": int(time.time()),
    }
    signed = sign(record, pem)
    _write(path, json.dumps(signed, indent=2, ensure_ascii=False) + "\n")
    return signed


def make_key(path: Path) -> str:
    """Write a private key that only its owner may read; the public key that belongs to it.

    Raises:
        Conflict: if there is a file of that name.
    """
    pem = new_key()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Conflict(f"key {path}", "there is such a file already", "Name another one.") from error
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(pem)
    return public_key(pem)


def read_key(path: Path) -> str:
    """A private key from its file.

    Raises:
        InvalidFile: if it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise InvalidFile(str(path), None, "signing key", str(error), "a file that `baton eval key` made") from error


def _write(path: Path, text: str) -> None:
    making = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        making.write_text(text, encoding="utf-8")
        making.replace(path)
    except OSError as error:
        making.unlink(missing_ok=True)
        raise InvalidFile(str(path), None, "file", error.strerror, "one that can be written") from error
