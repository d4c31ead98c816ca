"""Chroma against exact search with numpy; what is audited, and what happens when it is interrupted or thrown away."""

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import numpy as np
import pytest

from baton.core import Label, ModelUnavailable, Trust
from baton.ledger import Claim, Ledger
from baton.memory import Memory, VectorIndex

USER = Label(Trust.USER)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncGenerator[Ledger]:
    ledger = await Ledger.open(str(tmp_path / "baton.db"))
    yield ledger
    await ledger.close()


class Numbered:
    """Gives each text the vector of its last word, a number; counts what it was asked."""

    name = "numbered"

    def __init__(self) -> None:
        self.rng = np.random.default_rng(5)
        self.made = self.rng.normal(size=(400, 16))
        self.asked = 0
        self.broken = False

    async def embed(self, texts: Sequence[str]) -> list[Sequence[float]]:
        if self.broken:
            raise ModelUnavailable("numbered", "is away")
        self.asked += len(texts)
        return [self.made[int(text.split()[-1])].tolist() for text in texts]


def test_chroma_finds_what_exact_search_finds(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(600, 24))
    places = ["even" if number % 2 == 0 else "odd" for number in range(600)]
    index = VectorIndex(tmp_path / "v", "random")
    index.add(places, [str(number) for number in range(600)], vectors.tolist())
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    agreed = 0
    for query in rng.normal(size=(40, 24)):
        for asked in (["even"], ["even", "odd"]):
            near = [str(n) for n in np.argsort(-(unit @ query)) if places[n] in asked][:10]
            agreed += len(set(near) & set(index.search(query.tolist(), asked, 10)))
    assert agreed >= 0.97 * 800
    assert index.audit() == []
    index.close()


async def test_each_change_is_embedded_once_whoever_opens_it_next(ledger: Ledger) -> None:
    maker = Numbered()
    memory = Memory(ledger, embedder=maker)
    first = await memory.remember(Claim(scope="team", subject="s", text="note 1", label=USER))
    await memory.recall("about 1", ["team"], tenant="local")
    await memory.remember(Claim(scope="team", subject="s", text="note 2", label=USER))
    await memory.recall("about 2", ["team"], tenant="local")
    memory.close()
    again = Memory(ledger, embedder=maker)
    found = await again.recall("about 1", ["team"], tenant="local")
    assert found[0].fact.id == first and maker.asked == 2 + 3  # two facts, three queries
    await again.rebuild()
    assert maker.asked == 2 + 3 + 2
    again.close()


async def test_a_vector_that_got_lost_is_noticed_and_put_back(ledger: Ledger, tmp_path: Path) -> None:
    memory = Memory(ledger, embedder=Numbered())
    for number in range(5):
        await memory.remember(Claim(scope="team", subject="s", text=f"note {number}", label=USER))
    await memory.recall("about 1", ["team"], tenant="local")
    assert await memory.audit() == []
    memory.close()
    index = VectorIndex(tmp_path / "baton.vectors", "numbered")
    index._known.execute("INSERT INTO entry SELECT embedder, 'fct_lost', place FROM entry LIMIT 1")
    assert "holds 5 vectors where it should hold 6" in index.audit()[0]
    index.close()
    again = Memory(ledger, embedder=Numbered())
    await again.rebuild()
    assert await again.audit() == []
    again.close()


async def test_without_an_answer_of_the_embedder_words_are_searched_alone(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    maker = Numbered()
    memory = Memory(ledger, embedder=maker)
    await memory.remember(Claim(scope="team", subject="s", text="lamp 1", label=USER))
    maker.broken = True
    assert [one.fact.text for one in await memory.recall("lamp 3", ["team"], tenant="local")] == ["lamp 1"]
    maker.broken = False
    assert await memory.recall("about 1", ["team"], tenant="local")
    memory.close()
