"""The desk earns a promise, end to end: it begins with nothing, is killed on the way, and the world changes.

A looser promise and a harsher change than in the play that docs/promises.md shows, so that a few hundred mails suffice.
"""

import asyncio
import contextlib
import importlib
import signal
import sqlite3
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from baton import Baton
from baton.core import Promise
from baton.ledger import Transaction, promises
from baton.places import NAME
from baton.policies.promises import Certificates, Kept
from support import PATIENCE, text_rows

ROOT = Path(__file__).parents[2]
DESK = ROOT / "examples" / "desk"
PROMISE = Promise(most_wrong=0.25, certainty=0.8)
MAILS, DRIFT, LATELY = 440, 240, 60
TERMS: dict[str, Any] = {"mails": MAILS, "drift": DRIFT, "sale": 0.9, "seed": 8, "agent": "billing", "at_once": 20}
PEOPLE: dict[str, Any] = {"slow": 0, "careless": 0.005}


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(DESK)
    monkeypatch.setenv("DESK_WORLD", "")  # which the play sets: so it is put back
    return importlib.import_module("promise")


async def test_what_runs_alone_rises_with_decisions_and_falls_when_the_world_changes(
    play: ModuleType, tmp_path: Path
) -> None:
    await killed_on_the_way(tmp_path, entries=200)
    before = await kept_by(tmp_path)
    assert before.folded >= 200
    people = play.People(**PEOPLE, seed=TERMS["seed"])
    steps = await play.run(play.Play(**TERMS, folder=tmp_path, taught=None, promise=PROMISE, people=people))

    early, late = ([step for step in steps if (step.mail < DRIFT) is early] for early in (True, False))
    assert not any(step.alone for step in steps[:80])
    assert alone(early[-LATELY:]) > 0.6
    assert alone(late[-LATELY:]) < 0.2
    wrong = [step.wrong for step in early if step.alone]  # of the rest, chance says more than the promise in so few
    assert sum(wrong) / len(wrong) <= PROMISE.most_wrong
    await assert_the_kill_changed_nothing(tmp_path, before)


def alone(steps: list[Any]) -> float:
    """The share that ran alone."""
    ran: list[bool] = [step.alone for step in steps]
    return sum(ran) / len(ran)


async def killed_on_the_way(folder: Path, entries: int) -> None:
    """Let a process of its own play, and kill it once a certificate has taken in so many entries."""
    settings = {**TERMS, **PEOPLE, "at_most": PROMISE.most_wrong, "certainty": PROMISE.certainty, "folder": folder}
    options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    command = [sys.executable, str(DESK / "promise.py"), *options]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(5 * PATIENCE):
            while counted(folder) < entries and process.returncode is None:  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(0.05)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    assert await process.wait() == -signal.SIGKILL


def counted(folder: Path) -> int:
    """How many entries there are, as somebody outside sees them."""
    with contextlib.suppress(sqlite3.OperationalError):  # nobody has made it yet
        with contextlib.closing(sqlite3.connect(f"file:{folder / NAME}?mode=ro", uri=True)) as record:
            return int(record.execute("SELECT count(*) FROM certificate_entries").fetchone()[0])
    return 0


async def kept_by(folder: Path) -> Kept:
    """The certificate folded from its first entry on; its state is left in the ledger, for whoever goes on."""
    async with Baton(database=folder / NAME, dispatch=False) as baton:
        kept = await baton.ledger.read(lambda tx: folded(tx, promises.listed(tx)[-1].id))
        await baton.ledger.write(lambda tx: promises.keep(tx, kept.id, kept.folded, kept.state()))
    return kept


def folded(tx: Transaction, certificate: str, entries: int | None = None) -> Kept:
    """A certificate with its first entries taken in, or all of them."""
    row = promises.get(tx, certificate)
    assert row is not None
    kept = Kept(row.id, row.kind, row.promise, row.scorer, lambda _: 0.0, row.basis)
    kept.fold(promises.since(tx, row.id, 0)[:entries])
    return kept


async def assert_the_kill_changed_nothing(folder: Path, before: Kept) -> None:
    """What was taken in stays as it was, what follows continues it, and nothing was paid twice."""
    promised = {before.kind: PROMISE}
    async with Baton(database=folder / NAME, dispatch=False) as baton:
        again = await baton.ledger.read(lambda tx: folded(tx, before.id, before.folded))
        known = (await baton.ledger.read(lambda tx: Certificates().kept(tx, "billing", promised, before.basis)))[
            before.kind
        ]
        whole = await baton.ledger.read(lambda tx: folded(tx, known.id))
        done = await text_rows(baton.ledger, "SELECT count(*) FROM effects WHERE tool = 'refund' AND state = 'done'")
    assert again.state() == before.state()
    assert known.state() == whole.state()
    assert known.folded == whole.folded > 0
    with contextlib.closing(sqlite3.connect(folder / "orders.db")) as world:
        paid = world.execute("SELECT count(*) FROM refunds WHERE key LIKE 'run%'").fetchall()
    assert paid == done
