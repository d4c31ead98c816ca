"""Joins in the record: pieces end in any order, twice and at the same time, and their giver is told once."""

import asyncio
import random
from dataclasses import replace
from functools import partial

import pytest

from baton.core import Goal, Label, RunId, Trust
from baton.graph import handing
from baton.ledger import Ledger, Run, Transaction, handoffs, joins, runs
from baton.ledger.handoffs import HandoffState
from baton.ledger.joins import Join, Missed
from support import text_rows

PIECES = 40


def spread(tx: Transaction, run: Run, count: int, first: int, wakes_at: int) -> None:
    """Hand so many pieces on."""
    for place in range(first, first + count):
        id, terms = f"{run.id}.1.0.{place}", handing.Terms()
        made = handing.drafted(run, id, "worker", terms, 1, None, tx.now, joined="all", item=place)
        handing.offer(tx, run, made, "x", None, Label(Trust.AGENT))
    joins.spread(tx, run.id, "all", count, wakes_at)


async def begun(ledger: Ledger, join: Join) -> Run:
    def begin(tx: Transaction) -> Run:
        run, _ = runs.create(tx, Goal("g"), "flow")
        joins.create(tx, run, "all", join)
        return runs.get(tx, run)

    return await ledger.write(begin)


async def told(ledger: Ledger, run: RunId) -> int:
    """How often the giver is told of it: by timers that are on their way."""
    found = await text_rows(ledger, "SELECT count(*) FROM timers WHERE run = :run AND kind = 'join'", run=run)
    return int(found[0][0])


@pytest.mark.parametrize("seed", range(3))
async def test_pieces_end_in_any_order_twice_and_at_once_and_it_is_told_once(record_url: str, seed: int) -> None:
    chance = random.Random(seed)
    ledgers = [await Ledger.open(record_url) for _ in range(3)]
    try:
        run = await begun(ledgers[0], Join(total=PIECES, needed=PIECES, strict=False))
        await ledgers[0].write(lambda tx: spread(tx, run, PIECES, 0, PIECES))
        pieces = await ledgers[0].read(lambda tx: handoffs.of_join(tx, run.id, "all"))
        good = {piece.id: chance.random() < 0.7 for piece in pieces}
        trust = {piece.id: chance.choice([Trust.AGENT, Trust.EXTERNAL]) for piece in pieces}

        def end(tx: Transaction, id: str) -> bool:
            state = HandoffState.RETURNED if good[id] else HandoffState.FAILED
            return handoffs.end(tx, handoffs.get(tx, id), state, "said", label=Label(trust[id]))

        ends = [piece.id for piece in pieces] * 2
        chance.shuffle(ends)
        first = await asyncio.gather(*(chance.choice(ledgers).write(partial(end, id=id)) for id in ends))
        found = await ledgers[0].read(lambda tx: joins.get(tx, run.id, "all"))
        assert sum(first) == PIECES
        assert await told(ledgers[1], run.id) == 1
    finally:
        for ledger in ledgers:
            await ledger.close()
    assert found is not None
    assert (found.ended, found.returned, found.trust) == (PIECES, sum(good.values()), min(trust.values()))


async def test_it_tells_when_there_is_room_and_not_again_before_it_has_been_heard(record_url: str) -> None:
    ledger = await Ledger.open(record_url)
    try:
        run = await begun(ledger, Join(total=10, needed=10, strict=True))
        await ledger.write(lambda tx: spread(tx, run, 6, 0, 3))
        pieces = await ledger.read(lambda tx: handoffs.of_join(tx, run.id, "all"))
        heard = []
        for piece in pieces[:5]:
            await ledger.write(lambda tx, one=piece: handoffs.end(tx, one, HandoffState.RETURNED, "x"))  # type: ignore[misc]
            heard.append(await told(ledger, run.id))
        assert heard == [0, 0, 1, 1, 1]
        await ledger.write(lambda tx: spread(tx, run, 4, 6, 8))
        assert await told(ledger, run.id) == 1  # five have ended, and eight are waited for
        last = (await ledger.read(lambda tx: handoffs.of_join(tx, run.id, "all")))[5]
        await ledger.write(lambda tx: handoffs.end(tx, last, HandoffState.FAILED, "x"))
        assert await told(ledger, run.id) == 2  # fewer can return than have to
    finally:
        await ledger.close()


async def test_what_could_not_be_handed_on_counts_as_ended(record_url: str) -> None:
    ledger = await Ledger.open(record_url)
    try:
        run = await begun(ledger, Join(total=3, needed=1, strict=False))
        missed = [Missed(item=place, state="denied", said="no") for place in range(3)]
        await ledger.write(lambda tx: joins.spread(tx, run.id, "all", 0, 3, missed[:2]))
        assert await told(ledger, run.id) == 0
        await ledger.write(lambda tx: joins.spread(tx, run.id, "all", 0, 3, missed[2:]))
        found = await ledger.read(lambda tx: joins.get(tx, run.id, "all"))
        assert await told(ledger, run.id) == 1
    finally:
        await ledger.close()
    assert found is not None
    assert (found.ended, found.missed) == (3, tuple(missed))
    assert replace(found, total=4).over is False
