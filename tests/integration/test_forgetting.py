"""What is forgotten is nowhere: not in the record, not in an index, not in any byte of any file."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from baton.agents import Agent
from baton.core import FactId, Forgotten, Goal, InvalidValue, Label, Trust
from baton.ledger import Claim, Kind, Ledger, Passage, facts, forgetting, suspicion
from baton.ledger.forgetting import Wanted
from baton.memory import Memory
from support.minds import call, script
from support.office import open_office, soon

SECRET = 'the vault\'s word is "Xylophone Örebro" \\ 42'
USER = Label(Trust.USER)


class Flat:
    """Vectors that say nothing."""

    name = "flat"

    async def embed(self, texts: Sequence[str]) -> list[Sequence[float]]:
        return [[1.0, float(len(text))] for text in texts]


def holds(folder: Path, *words: bytes) -> list[str]:
    """Files that hold any of these words, in any case."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return [file.name for file in files if any(word.lower() in file.read_bytes().lower() for word in words)]


def secret(**more: object) -> Claim:
    return replace(Claim(scope="team", subject="anna", text=SECRET, label=USER), **more)  # type: ignore[arg-type]


async def test_a_forgotten_fact_is_in_no_byte_of_any_file_with_all_that_was_derived(tmp_path: Path) -> None:
    folder = tmp_path / ".baton"
    ledger = await Ledger.open(str(folder / "baton.db"))
    memory = Memory(ledger, embedder=Flat())
    for number in range(50):
        await memory.remember(Claim(scope="team", subject="bob", text=f"harmless note {number}", label=USER))
    fact = await memory.remember(secret())
    derived = await memory.remember(
        Claim(
            scope="team",
            subject="sum",
            text="Xylophone is known",
            label=USER,
            passages=(Passage(f"fact:{fact}", 0, 5),),
        )
    )
    await ledger.write(lambda tx: facts.retire(tx, "local", fact))
    assert await memory.recall("xylophone", ["team"], tenant="local")
    assert {name.removesuffix("-wal") for name in holds(folder, b"xylophone")} == {"baton.db", "baton.index.db"}
    receipt = await memory.forget(Wanted(tenant="local", subject="anna"), by="ann")
    assert set(receipt.facts) == {fact, derived} and receipt.left == () and receipt.found == ()
    assert receipt.indexes == ("keyword index", "vectors") and receipt.scanned > 2
    assert await memory.recall("xylophone", ["team"], 50, tenant="local") != []  # by vectors: others, not these
    assert holds(folder, b"xylophon", "Örebro".encode()) == []
    assert holds(folder, b"harmless")
    with pytest.raises(Forgotten):
        await memory.remember(secret(scope="other"))
    memory.close()
    await ledger.close()
    assert holds(folder, b"xylophon", "Örebro".encode()) == []


async def test_what_a_run_wrote_down_of_it_is_blotted_out(tmp_path: Path) -> None:
    mind = script([call("remember", subject="anna", text=SECRET)])
    folder = tmp_path / ".baton"
    async with open_office(folder, [Agent("clerk", policy="allow-all")], mind) as baton:
        run = await baton.submit(Goal(f"Keep this: {SECRET}"))
        await soon(run.result())
        receipt = await baton.memory.forget(Wanted(tenant="local", subject="anna"), by="ann")
    assert receipt.blotted["bodies"] > 0 and receipt.blotted["actions"] == 1
    assert receipt.found == () and holds(folder, b"xylophone") == []


async def test_nothing_named_is_an_error_and_another_tenant_keeps_its_own(record_url: str) -> None:
    ledger = await Ledger.open(record_url)
    memory = Memory(ledger)
    with pytest.raises(InvalidValue, match="a scope, a subject, a source or a fact"):
        await memory.forget(Wanted(tenant="local"), by="ann")
    mine, theirs = await memory.remember(secret()), await memory.remember(secret(tenant="acme"))
    receipt = await memory.forget(Wanted(tenant="local", everything=True), by="ann")
    assert receipt.facts == (mine,)
    assert receipt.found != ()  # acme's own words are the same, and it says so
    found = await memory.recall("xylophone", ["team"], tenant="acme")
    assert [one.fact.id for one in found] == [theirs]
    assert await ledger.read(lambda tx: len(forgetting.receipts(tx, "local"))) == 1
    memory.close()
    await ledger.close()


async def test_the_neighbours_of_a_forgotten_episode_do_not_hold_its_words(tmp_path: Path) -> None:
    ledger = await Ledger.open(str(tmp_path / "baton.db"))
    memory = Memory(ledger)

    def turn(text: str) -> Claim:
        return Claim(scope="team", kind=Kind.EPISODIC, subject="anna", text=text, label=USER, thread="talk")

    ids = [await memory.remember(turn(text)) for text in ("hello there", SECRET, "goodbye then")]
    assert len(await memory.recall("xylophone", ["team"], tenant="local")) == 3
    await memory.forget(Wanted(tenant="local", fact=ids[1]), by="ann")
    assert await memory.recall("xylophone", ["team"], tenant="local") == []
    assert holds(tmp_path, b"xylophone") == []
    memory.close()
    await ledger.close()


async def test_what_came_from_a_source_is_taken_back_or_set_apart_with_all_that_was_derived(record_url: str) -> None:
    ledger = await Ledger.open(record_url)
    memory = Memory(ledger)

    def heard(text: str, *sources: str) -> Claim:
        return Claim(scope="team", subject="news", text=text, label=Label(Trust.EXTERNAL, frozenset(sources)))

    first = await memory.remember(heard("the harbour is closed", "message:msg_1"))
    second = await memory.remember(heard("ships wait outside the harbour", f"fact:{first}"))
    third = await memory.remember(heard("the harbour has a crane", "message:msg_2"))

    async def told() -> set[FactId]:
        return {one.fact.id for one in await memory.recall("harbour", ["team"], tenant="local")}

    assert await told() == {first, second, third}
    assert await ledger.write(lambda tx: suspicion.quarantine(tx, "acme", [first])) == []
    assert set(await ledger.write(lambda tx: suspicion.quarantine(tx, "local", [first]))) == {first, second}
    assert await told() == {third}
    await ledger.write(lambda tx: suspicion.release(tx, "local", [first, second]))
    assert await told() == {first, second, third}
    assert set(await ledger.write(lambda tx: suspicion.revoke(tx, "local", "message:msg_1"))) == {first, second}
    assert await told() == {third}
    memory.close()
    await ledger.close()
