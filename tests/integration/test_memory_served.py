"""Memory searched by Postgres itself, against the index beside a file; what it finds, and what it never does."""

import asyncio
import random
import threading
import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import numpy as np
import psycopg
import pytest

from baton.core import Label, ManualClock, Trust
from baton.ledger import Claim, Kind, Ledger, Transaction, facts, forgetting, suspicion
from baton.ledger.forgetting import Wanted
from baton.ledger.migrations import HEAD
from baton.ledger.postgres import PostgresDatabase
from baton.memory import Memory
from support.postgres import PostgresServer

USER = Label(Trust.USER)
WORDS = """order refund invoice customer address parcel broken lamp brass kettle window garden letter morning evening
    Oslo Lyon Paris running walked talks meetings budget price discount supplier warehouse pallet truck driver delay
    weather snow café naïve 2024 4417 e-mail anna@example.org it's the of and to for with""".split()
SUBJECTS = ["anna", "bob", "carl", "order 4417", "the warehouse"]


@pytest.fixture
async def served(postgres_url: str) -> AsyncGenerator[Ledger]:
    ledger = await Ledger.open(postgres_url, ManualClock(2_000_000.0))
    yield ledger
    await ledger.close()


@pytest.fixture
async def filed(tmp_path: Path) -> AsyncGenerator[Ledger]:
    ledger = await Ledger.open(str(tmp_path / "baton.db"), ManualClock(2_000_000.0))
    yield ledger
    await ledger.close()


def sentence(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(3, 14))) + rng.choice(["", ".", "?"])


def claims(rng: random.Random, count: int) -> list[Claim]:
    """Facts of two tenants in three scopes, some of them episodes, some true or told for a time only."""
    made: list[Claim] = []
    for number in range(count):
        begins = rng.choice([None, None, rng.uniform(0, 3_000_000)])
        tenant = rng.choice(["local", "local", "acme"])
        episode = rng.random() < 0.4
        made.append(
            Claim(
                tenant=tenant,
                scope=rng.choice(["team", "other", "third"]),
                subject=rng.choice(SUBJECTS),
                text=f"{sentence(rng)} n{number}",
                label=USER,
                kind=Kind.EPISODIC if episode else Kind.SEMANTIC,
                thread=f"talk {rng.randint(1, 4)}" if episode else None,
                valid_from=begins,
                valid_to=None if begins is None or rng.random() < 0.5 else begins + rng.uniform(1, 2_000_000),
                expires_at=rng.choice([None, None, None, 1_000_000.0, 3_000_000.0]),
            )
        )
    return made


async def keep(ledger: Ledger, wanted: list[Claim], gone: set[int]) -> None:
    def work(tx: Transaction) -> None:
        ids = [facts.record(tx, claim) for claim in wanted]
        for number in sorted(gone):
            facts.retire(tx, wanted[number].tenant, ids[number])

    await ledger.write(work)


async def test_postgres_finds_what_the_file_finds_and_nothing_of_others(served: Ledger, filed: Ledger) -> None:
    rng = random.Random(8)
    wanted = claims(rng, 600)
    gone = set(rng.sample(range(600), 60))
    for ledger in (served, filed):
        await keep(ledger, wanted, gone)
    by_text = {claim.text: claim for number, claim in enumerate(wanted) if number not in gone}
    ours, theirs = Memory(served), Memory(filed)
    first = shared = asked = told = 0
    for _ in range(80):
        query, at = " ".join(rng.choices(WORDS, k=rng.randint(1, 6))), rng.uniform(0, 3_000_000)
        tenant, scopes = rng.choice(["local", "acme"]), rng.sample(["team", "other", "third"], rng.randint(1, 2))
        here = [one.fact.text for one in await ours.recall(query, scopes, 10, tenant=tenant, at=at)]
        there = [one.fact.text for one in await theirs.recall(query, scopes, 10, tenant=tenant, at=at)]
        for text in here:
            claim = by_text[text]
            assert claim.tenant == tenant and claim.scope in scopes
            assert (claim.valid_from or 0) <= at and (claim.valid_to is None or at < claim.valid_to)
            assert claim.expires_at is None or claim.expires_at > served.clock.now()
        asked += 1
        first += here[:1] == there[:1]
        shared += len(set(here) & set(there))
        told += len(there)
    assert first >= 0.95 * asked and shared >= 0.97 * told and told > 300
    ours.close()
    theirs.close()


async def test_postgres_finds_nearly_the_same_where_it_chooses_what_is_weighed(served: Ledger, filed: Ledger) -> None:
    rng = random.Random(9)
    wanted = [said(f"{sentence(rng)} n{number}", subject=rng.choice(SUBJECTS)) for number in range(1000)]
    for ledger in (served, filed):
        await keep(ledger, wanted, set())
    ours, theirs = Memory(served), Memory(filed)
    asked = [" ".join(rng.sample(WORDS, 6)) for _ in range(30)]
    pairs = [(await told(ours, query), await told(theirs, query)) for query in asked]
    assert all(sum(not set(query.split()).isdisjoint(c.text.split()) for c in wanted) > 400 for query in asked)
    assert sum(a[:1] == b[:1] for a, b in pairs) >= 27
    assert sum(len(set(a[:10]) & set(b[:10])) for a, b in pairs) >= 270
    ours.close()
    theirs.close()


def said(text: str, **more: str) -> Claim:
    return Claim(scope="team", subject=more.get("subject", "anna"), text=text, label=USER)


def turn(text: str) -> Claim:
    return Claim(scope="team", subject="anna", text=text, label=USER, kind=Kind.EPISODIC, thread="talk")


async def told(memory: Memory, query: str) -> list[str]:
    return [one.fact.text for one in await memory.recall(query, ["team"], 20, tenant="local")]


def everything(url: str) -> str:
    """All rows of all tables, as text."""
    with psycopg.connect(url) as raw:
        names = [name for (name,) in raw.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        rows = [row for name in names for (row,) in raw.execute(f"SELECT t::text FROM {name} t".encode())]
    return "\n".join(rows).lower()


async def test_a_fact_is_found_from_its_commit_on_and_not_before(postgres_url: str, served: Ledger) -> None:
    memory, entered, go = Memory(served), threading.Event(), threading.Event()

    def slow(tx: Transaction) -> None:
        facts.record(tx, said("has a brass lamp"))
        entered.set()
        go.wait(5)

    with psycopg.connect(postgres_url) as older:  # one that began before, and goes on
        older.execute("SELECT pg_current_xact_id()")
        writing = asyncio.ensure_future(served.write(slow))
        await asyncio.to_thread(entered.wait, 5)
        assert await told(memory, "lamp") == []
        go.set()
        await writing
        assert await told(memory, "lamps") == ["has a brass lamp"]
    memory.close()


async def test_what_is_set_apart_is_not_found_until_it_is_released(served: Ledger) -> None:
    memory = Memory(served)
    ids = [await memory.remember(turn(text)) for text in ("hello", "the brass lamp", "goodbye")]
    assert len(await told(memory, "lamp")) == 3
    await served.write(lambda tx: suspicion.quarantine(tx, "local", [ids[1]]))
    assert await told(memory, "lamp") == []
    await served.write(lambda tx: suspicion.release(tx, "local", [ids[1]]))
    assert len(await told(memory, "lamp")) == 3
    memory.close()


@pytest.mark.parametrize(
    "query", ["'", "\\", "a:* & !b", "@0011223344556677", "<->", "\0", "\ud800", "👩\u200d🚀", "%s :x"]
)
async def test_no_query_and_no_text_is_a_syntax_error(served: Ledger, query: str) -> None:
    memory = Memory(served)
    await memory.remember(said("lamp"))
    assert await told(memory, query) == []
    assert await told(memory, f"{query} lamp") == ["lamp"]
    memory.close()


async def test_long_and_strange_texts_are_kept_and_common_words_can_be_asked_for(served: Ledger) -> None:
    memory, rng = Memory(served), random.Random(3)
    long = " ".join("".join(chr(rng.randint(0x20000, 0x2A000)) for _ in range(2)) for _ in range(100_000))
    for text in (long, "x" * 300_000, "\\ ' \" %s :colon", "who is it that was there"):
        await memory.remember(said(text))
    assert await told(memory, "who was that") == ["who is it that was there"]
    assert await told(memory, "colon") == ["\\ ' \" %s :colon"]
    assert await told(memory, long[:2]) == [long]
    memory.close()


async def test_what_is_forgotten_is_in_no_table_nor_beside_its_neighbours(postgres_url: str, served: Ledger) -> None:
    memory = Memory(served, embedder=Numbered())
    texts = ("hello 1", "the xylophone zithers 2", "goodbye 3", "farther off 4")
    ids = [await memory.remember(turn(text)) for text in texts]
    assert len(await memory.recall("xylophones 2", ["team"], tenant="local")) == 4
    assert "xylophon" in everything(postgres_url) and everything(postgres_url).count(ids[1]) > 3
    receipt = await memory.forget(Wanted(tenant="local", fact=ids[1]), by="ann")
    assert receipt.found == () and receipt.indexes == ("keyword index", "vectors")
    left = everything(postgres_url)
    assert "xylophon" not in left and "zither" not in left and "farther" in left
    with psycopg.connect(postgres_url) as raw:
        for table in ("fact_words", "fact_vectors"):
            assert ids[1] not in [id for (id,) in raw.execute(f"SELECT fact FROM {table}".encode())]
    memory.close()


async def test_one_that_is_added_while_its_neighbour_is_forgotten_does_not_keep_its_words(
    postgres_url: str, served: Ledger
) -> None:
    other = await Ledger.open(postgres_url)
    first = await served.write(lambda tx: facts.record(tx, turn("the xylophone zithers")))
    entered, go = threading.Event(), threading.Event()

    def slow(tx: Transaction) -> None:
        facts.record(tx, turn("goodbye"))
        entered.set()
        go.wait(5)

    adding = asyncio.ensure_future(served.write(slow))
    await asyncio.to_thread(entered.wait, 5)
    gone = asyncio.ensure_future(other.write(lambda tx: forgetting.forget(tx, Wanted(tenant="local", fact=first))))
    await asyncio.to_thread(time.sleep, 0.3)
    go.set()
    await adding
    await gone
    assert "goodby" in everything(postgres_url) and "xylophon" not in everything(postgres_url)
    await other.close()


LATER = (("handoffs", "joined"), ("handoffs", "item"), ("handoffs", "route"), ("messages", "urgent"))
"""Columns that a record of version 8 has not."""


@pytest.mark.parametrize(
    "missing",
    [
        ("TABLE fact_words",),
        ("TABLE fact_words", "TEXT SEARCH CONFIGURATION baton_words", "TEXT SEARCH DICTIONARY baton_stem"),
    ],
)
async def test_an_older_record_gets_its_words_when_it_is_brought_up_to_date(
    postgres: PostgresServer, postgres_url: str, missing: Sequence[str]
) -> None:
    ledger = await Ledger.open(postgres_url)
    for text in ("hello", "the brass lamp", "goodbye"):
        await ledger.write(lambda tx, text=text: facts.record(tx, turn(text)))  # type: ignore[misc]
    await ledger.close()
    for piece in missing:
        postgres.execute(f"DROP {piece}", postgres_url)
    for table, column in LATER:
        postgres.execute(f"ALTER TABLE {table} DROP COLUMN {column}", postgres_url)
    postgres.execute("UPDATE migrations SET version = 8", postgres_url)
    assert PostgresDatabase(postgres_url).migrate(1.0) == (8, HEAD)
    again = await Ledger.open(postgres_url)
    memory = Memory(again)
    assert len(await told(memory, "lamps")) == 3
    memory.close()
    await again.close()


async def test_words_that_went_wrong_are_put_right_by_a_rebuild(postgres: PostgresServer, postgres_url: str) -> None:
    ledger = await Ledger.open(postgres_url)
    memory = Memory(ledger, embedder=Numbered())
    one, two = [await memory.remember(said(f"lamp {number}")) for number in (1, 2)]
    assert len(await told(memory, "lamp 1")) == 2
    postgres.execute("DELETE FROM fact_words", postgres_url)
    postgres.execute(f"DELETE FROM fact_vectors WHERE fact = '{one}'", postgres_url)
    assert await memory.audit() == ["1 facts have no vector"]
    assert await memory.rebuild() == 2 and await memory.audit() == []
    assert {found.fact.id for found in await memory.recall("lamp 1", ["team"], tenant="local")} == {one, two}
    memory.close()
    await ledger.close()


class Numbered:
    """Gives each text the vector of its last word, a number; counts what it was asked."""

    name = "numbered"

    def __init__(self) -> None:
        self.made = np.random.default_rng(5).normal(size=(400, 16))
        self.asked = 0

    async def embed(self, texts: Sequence[str]) -> list[Sequence[float]]:
        self.asked += len(texts)
        return [self.made[int(text.split()[-1])].tolist() for text in texts]


async def test_pgvector_finds_what_exact_search_finds_for_two_at_once(postgres_url: str, served: Ledger) -> None:
    maker = Numbered()
    scopes = ["team" if number % 3 else "other" for number in range(200)]
    wanted = [Claim(scope=scopes[n], subject="s", text=f"note {n}", label=USER) for n in range(200)]
    await served.write(lambda tx: [facts.record(tx, claim) for claim in wanted])
    other = await Ledger.open(postgres_url)
    both = [Memory(served, embedder=maker), Memory(other, embedder=maker)]
    unit = maker.made / np.linalg.norm(maker.made, axis=1, keepdims=True)
    for number in (250, 251, 252):
        near = [n for n in np.argsort(-(unit[:200] @ unit[number])) if scopes[n] == "team"][:10]
        answers = await asyncio.gather(*(one.recall(f"unsaid {number}", ["team"], 10, tenant="local") for one in both))
        for found in answers:
            assert [one.fact.text for one in found] == [f"note {n}" for n in near]
    before = maker.asked
    assert await both[0].recall("unsaid 253", ["team"], tenant="acme") == []
    gone = await served.write(lambda tx: [facts.retire(tx, "local", one.fact.id) for one in answers[0][:1]])
    assert gone == [True]
    assert answers[0][0].fact.text not in await told(both[1], "unsaid 252")
    assert maker.asked == before + 2  # the questions alone
    for one in both:
        assert await one.audit() == []
        one.close()
    await other.close()


async def test_a_user_who_may_not_have_pgvector_has_chroma(
    postgres: PostgresServer, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for right in (
        "USAGE ON SCHEMA public",
        "ALL ON ALL TABLES IN SCHEMA public",
        "ALL ON ALL SEQUENCES IN SCHEMA public",
    ):
        postgres.execute(
            "DO $$ BEGIN CREATE ROLE clerk LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$", postgres_url
        )
        postgres.execute(f"GRANT {right} TO clerk", postgres_url)
    parts = urlsplit(postgres_url)
    url = urlunsplit(parts._replace(netloc=f"clerk@{parts.netloc.rpartition('@')[2]}"))
    ledger = await Ledger.open(url)
    memory = Memory(ledger, embedder=Numbered())
    await memory.remember(said("lamp 1"))
    assert await told(memory, "unsaid 1") == ["lamp 1"]
    assert list((tmp_path / ".baton").glob("*.vectors/chroma.sqlite3"))
    memory.close()
    await ledger.close()
