"""Memory searched by Postgres itself, against the index beside a file; what it finds, and what it never does."""

import random
from collections.abc import AsyncGenerator

import pytest

from baton.core import Label, ManualClock, Trust
from baton.ledger import Claim, Kind, Ledger, facts
from baton.memory import Memory

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
async def filed(tmp_path: object) -> AsyncGenerator[Ledger]:
    ledger = await Ledger.open(f"{tmp_path}/baton.db", ManualClock(2_000_000.0))
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
    def work(tx: object) -> None:
        ids = [facts.record(tx, claim) for claim in wanted]  # type: ignore[arg-type]
        for number in sorted(gone):
            facts.retire(tx, wanted[number].tenant, ids[number])  # type: ignore[arg-type]

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
