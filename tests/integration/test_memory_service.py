from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest

from baton.agents import OpenAIEmbedder, SimpleMind, SimulatedServer
from baton.core import Label, LedgerError, Trust
from baton.ledger import Claim, Ledger, facts
from baton.memory import Memory, VectorIndex

USER = Label(Trust.USER)


class Meanings:
    """Knows that a car is an automobile, and nothing else."""

    name = "meanings"

    async def embed(self, texts: Sequence[str]) -> list[Sequence[float]]:
        return [[1.0, 0.0] if {"car", "automobile"} & set(text.lower().split()) else [0.0, 1.0] for text in texts]


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncGenerator[Ledger]:
    ledger = await Ledger.open(str(tmp_path / "baton.db"))
    yield ledger
    await ledger.close()


def claim(scope: str, subject: str, text: str, label: Label) -> Claim:
    return Claim(scope=scope, subject=subject, text=text, label=label)


async def told(memory: Memory, query: str, *scopes: str) -> list[str]:
    return [one.fact.text for one in await memory.recall(query, scopes or ("team",), tenant="local")]


async def test_a_fact_is_found_by_its_words_in_its_scope_only(ledger: Ledger) -> None:
    memory = Memory(ledger)
    await memory.remember(claim("team", "anna", "prefers to be called in the morning", USER))
    await memory.remember(claim("other", "anna", "prefers to be called at night", USER))
    assert await told(memory, "when does Anna like being called?") == ["prefers to be called in the morning"]
    assert await told(memory, "called", "nobody") == []
    memory.close()


async def test_a_fact_keeps_its_label_and_one_that_was_retired_is_not_recalled(ledger: Ledger) -> None:
    memory = Memory(ledger)
    external = Label(Trust.EXTERNAL, frozenset({"attachment:body"}))
    fact = await memory.remember(claim("team", "bob", "moved to Lyon", external))
    assert [found.fact.label for found in await memory.recall("Lyon", ["team"], tenant="local")] == [external]
    await ledger.write(lambda tx: facts.retire(tx, "local", fact))
    assert await memory.recall("Lyon", ["team"], tenant="local") == []
    memory.close()


async def test_the_index_is_made_again_from_the_ledger(ledger: Ledger, tmp_path: Path) -> None:
    memory = Memory(ledger)
    await memory.remember(claim("team", "carl", "pays late", USER))
    assert await told(memory, "late") == ["pays late"]
    memory.close()
    index = tmp_path / "baton.index.db"
    for file in index.parent.glob(f"{index.name}*"):
        file.unlink()
    again = Memory(ledger)
    assert await told(again, "late") == ["pays late"]
    again.close()


async def test_vectors_find_what_words_do_not(ledger: Ledger) -> None:
    memory = Memory(ledger, embedder=Meanings())
    await memory.remember(claim("team", "dora", "sold her automobile", USER))
    await memory.remember(claim("team", "emil", "likes tea", USER))
    assert (await told(memory, "who has a car"))[0] == "sold her automobile"
    memory.close()
    words = Memory(ledger)
    assert await told(words, "who has a car") == []
    words.close()


async def test_vectors_follow_the_ledger(ledger: Ledger) -> None:
    memory = Memory(ledger, embedder=Meanings())
    fact = await memory.remember(claim("team", "dora", "sold her automobile", USER))
    assert await told(memory, "car") == ["sold her automobile"]
    await ledger.write(lambda tx: facts.retire(tx, "local", fact))
    await memory.remember(claim("team", "emil", "likes tea", USER))
    assert await told(memory, "car") == ["likes tea"]
    memory.close()


async def test_a_second_process_searches_by_keywords_alone(ledger: Ledger) -> None:
    first, second = Memory(ledger, embedder=Meanings()), Memory(ledger, embedder=Meanings())
    await first.remember(claim("team", "dora", "sold her automobile", USER))
    assert await told(first, "car") == ["sold her automobile"]
    assert await told(second, "car") == []
    assert await told(second, "automobile") == ["sold her automobile"]
    first.close()
    assert await told(second, "car") == ["sold her automobile"]
    second.close()


def test_two_processes_never_share_a_vector_index(tmp_path: Path) -> None:
    index = VectorIndex(tmp_path, "meanings")
    with pytest.raises(LedgerError, match="another process uses this vector index"):
        VectorIndex(tmp_path, "meanings")
    index.close()


async def test_an_endpoint_makes_the_vectors(ledger: Ledger) -> None:
    async with SimulatedServer(SimpleMind()) as server:
        embedder = OpenAIEmbedder(base_url=server.base_url, api_key="simulated", model="text-embedding-3-small")
        memory = Memory(ledger, embedder=embedder)
        await memory.remember(claim("team", "fay", "lives in Oslo", USER))
        assert await told(memory, "who lives in Oslo") == ["lives in Oslo"]
        memory.close()
        await embedder.aclose()
