"""The short form of `make chaos`: a kill at each kind of place on both databases, and a small storm on Postgres."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from baton.agents import SimulatedServer
from support.chaos import Case, Place, Prompter, Theatre, play_all, storm
from support.postgres import PostgresServer, postgres_server

SEED = 20261122
SHIP, RING, PAY = 4, 5, 6
"""Which of the tool calls of a case these are: one that can be asked about, a dumb one, one that was approved."""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as found:
        yield found


@pytest.fixture
async def mind(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Prompter, str]]:
    prompter = Prompter()
    async with SimulatedServer(prompter) as model:
        yield prompter, model.base_url


def _some(case: Case) -> dict[str, list[Place]]:
    """A few places of each kind, among them the calls that are settled unlike."""
    commits = sum(place.kind == "commit" and place.side == "before" for place in case.passed)
    middle = commits // 2
    places = [
        *(Place("tool", number, "before") for number in (SHIP, RING)),
        *(Place("tool", number, "after") for number in (SHIP, RING, PAY)),
        Place("commit", 3, "after"),
        Place("commit", middle, "before"),
        Place("commit", middle, "after"),
        Place("commit", commits - commits // 4, "before"),  # works that are gathered make fewer commits under load
        Place("model", 3, "after"),
    ]
    double = [Place("commit", middle, "after"), Place("commit", 4, "before")]
    return {str(place).replace(" ", "-"): [place] for place in places} | {"double": double}


async def _assert_all_survive(theatre: Theatre) -> None:
    calm = await theatre.play("calm")
    assert not calm.problems
    cases = await play_all(theatre, _some(calm), at_once=2)
    assert [problem for case in cases for problem in case.problems] == []
    assert [case.name for case in cases if not case.died] == []
    assert sum(case.verdict.doubts for case in cases) >= 1  # the dumb write was asked about, not guessed


async def test_a_kill_at_each_kind_of_place_on_sqlite(tmp_path: Path, mind: tuple[Prompter, str]) -> None:
    await _assert_all_survive(Theatre(tmp_path, mind[1], mind[0]))


async def test_a_kill_at_each_kind_of_place_on_postgres(
    tmp_path: Path, mind: tuple[Prompter, str], server: PostgresServer
) -> None:
    await _assert_all_survive(Theatre(tmp_path, mind[1], mind[0], server))


async def test_a_storm_loses_doubles_and_forks_nothing(
    tmp_path: Path, mind: tuple[Prompter, str], server: PostgresServer
) -> None:
    found = await storm(server, tmp_path, mind[1], runs=12, seed=SEED, minutes=4)
    assert found.verdict.problems == []
    assert found.verdict.finished == 12
    assert found.conflicts > 0  # two deciders answered everything: one of them came second
