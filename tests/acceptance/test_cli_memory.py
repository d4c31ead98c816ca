"""`baton memory`, as a person at a terminal meets it; and what is left of it after kill -9."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from baton.agents import SimpleMind, SimulatedServer
from baton.core import Label, Trust
from baton.ledger import Claim, Ledger, Passage, fact_vectors, facts
from baton.memory import Memory
from baton.memory.index import KeywordIndex
from support.commands import Done, baton

USER = Label(Trust.USER, frozenset({"message:msg_9"}))


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """A folder whose record holds three facts: one rests on another, a third stands alone."""

    async def fill() -> None:
        ledger = await Ledger.open(str(tmp_path / ".baton" / "baton.db"))
        first = await ledger.write(
            lambda tx: facts.record(tx, Claim(scope="team", subject="anna", text="keeps a xylophone", label=USER))
        )
        rests = (Passage(f"fact:{first}", 0, 5),)
        others = [
            Claim(scope="team", subject="music", text="somebody plays here", label=Label(Trust.USER), passages=rests),
            Claim(scope="team", subject="bob", text="likes\x1b[2J tea", label=Label(Trust.EXTERNAL)),
        ]
        for claim in others:
            await ledger.write(lambda tx, claim=claim: facts.record(tx, claim))  # type: ignore[misc]
        await ledger.close()

    asyncio.run(fill())
    return tmp_path


def test_facts_are_listed_searched_shown_and_explained(known: Path) -> None:
    listed = baton(known, "memory", "list", "--json").json["facts"]
    assert [fact["subject"] for fact in listed] == ["anna", "music", "bob"]
    assert "\x1b" not in baton(known, "memory", "list").out
    assert "keeps a xylophone" in baton(known, "memory", "search", "xylophones").out
    first = listed[0]["id"]
    assert "nobody knows since when" in baton(known, "memory", "show", first[:8]).out
    why = baton(known, "memory", "explain", first, "--json").json
    assert why["bears"] == [listed[1]["id"]] and why["rests_on"][0]["source"] == "message:msg_9"
    assert "characters 0 to 5" in baton(known, "memory", "explain", listed[1]["id"]).out
    assert baton(known, "memory", "show", "zzzz").code == 2
    assert baton(known, "memory", "list", "--tenant", "acme", "--json").json["facts"] == []


def test_forgetting_takes_what_was_derived_and_says_what_it_found(known: Path) -> None:
    assert "a scope, a subject" in baton(known, "memory", "forget", "--yes").err
    assert baton(known, "memory", "forget", "--subject", "anna").code == 2  # nobody can be asked
    said = baton(known, "memory", "forget", "--subject", "anna", "--yes", "--json")
    assert said.code == 0 and len(said.json["facts"]) == 2 and said.json["found"] == []
    held = b"".join(file.read_bytes() for file in (known / ".baton").rglob("*") if file.is_file())
    assert b"xylophone" not in held and b"tea" in held
    assert len(baton(known, "memory", "list", "--json").json["facts"]) == 1


def test_sources_are_revoked_facts_set_apart_and_the_rest_exported(known: Path) -> None:
    ids = [fact["id"] for fact in baton(known, "memory", "list", "--json").json["facts"]]
    assert len(baton(known, "memory", "quarantine", ids[0], "--json").json["quarantined"]) == 2
    assert "Nothing is remembered that fits" in baton(known, "memory", "search", "xylophone").out
    assert baton(known, "memory", "release", ids[0], "--json").json["released"] == [ids[0]]
    assert len(baton(known, "memory", "revoke", "message:msg_9", "--json").json["retired"]) == 2
    assert baton(known, "memory", "export", "facts.jsonl").code == 0
    assert len((known / "facts.jsonl").read_text().splitlines()) == 1
    assert baton(known, "memory", "export", "facts.jsonl").code != 0
    assert baton(known, "memory", "rebuild", "--json").json == {"facts": 1, "vectors": None}
    assert baton(known, "memory", "consolidate").code == 0


async def test_a_rebuild_makes_vectors_too_and_doctor_says_where_they_are(postgres_url: str, tmp_path: Path) -> None:
    ledger = await Ledger.open(postgres_url)
    await Memory(ledger).remember(Claim(scope="team", subject="anna", text="keeps a xylophone", label=USER))
    async with SimulatedServer(SimpleMind()) as server:

        async def asked(*words: str) -> Done:
            named = {"OPENAI_BASE_URL": server.base_url, "BATON_EMBEDDING_MODEL": "small"}
            return await asyncio.to_thread(lambda: baton(tmp_path, *words, "-d", postgres_url, **named))

        assert "which the first recall tries; else in Chroma" in " ".join((await asked("doctor")).out.split())
        done = await asked("memory", "rebuild", "--json")
        assert done.json == {"facts": 1, "vectors": f"small at {server.base_url}/"}
        assert await ledger.read(lambda tx: fact_vectors.lacking(tx, done.json["vectors"])) == 0
        assert await ledger.read(lambda tx: fact_vectors.lacking(tx, "another")) == 1
        assert "in the database, by pgvector" in " ".join((await asked("doctor")).out.split())
    await ledger.close()


REMEMBERS = """
import asyncio, sys
from baton.core import Label, Trust
from baton.ledger import Claim, Ledger
from baton.memory import Memory

async def main():
    ledger = await Ledger.open(sys.argv[1])
    memory = Memory(ledger)
    for number in range(100_000):
        claim = Claim(scope="team", subject=sys.argv[2], text=f"zebra number {number}", label=Label(Trust.USER))
        print(await memory.remember(claim), flush=True)
        if number % 7 == 0:
            await memory.recall("zebra", ["team"], tenant="local")

asyncio.run(main())
"""


def started(database: Path, name: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", REMEMBERS, str(database), name]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def acknowledged(process: "subprocess.Popen[str]", least: int) -> list[str]:
    """What a process said it remembers, up to when it is killed, some while after it has said `least`."""
    assert process.stdout is not None
    lines = [process.stdout.readline().strip() for _ in range(least)]
    time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    lines += process.stdout.read().split("\n")[:-1]  # the last line may be half written
    process.stdout.close()
    process.wait()
    return [line for line in lines if line]


async def agrees(database: Path) -> tuple[set[str], set[str]]:
    """What the ledger believes, and what the index holds after one recall."""
    ledger = await Ledger.open(str(database))
    memory = Memory(ledger)
    await memory.recall("zebra", ["team"], tenant="local")
    believed: set[str] = {fact.id for fact in await memory.believed(tenant="local")}
    memory.close()
    index = KeywordIndex(database.with_suffix(".index.db"))
    held = index.ids()
    index.close()
    await ledger.close()
    return believed, held


def test_what_was_acknowledged_is_there_after_kill_9_and_the_index_agrees(tmp_path: Path) -> None:
    database, told = tmp_path / "baton.db", set[str]()
    for least in (1, 9, 23):
        told |= set(acknowledged(started(database, "one"), least))
        believed, held = asyncio.run(agrees(database))
        assert told <= believed == held


def test_two_processes_remember_and_recall_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    database = tmp_path / "baton.db"
    asyncio.run(agrees(database))
    both = [started(database, name) for name in ("one", "two")]
    told = [acknowledged(process, 20) for process in both]
    believed, held = asyncio.run(agrees(database))
    assert set(told[0]) | set(told[1]) <= believed == held
    assert not set(told[0]) & set(told[1])
