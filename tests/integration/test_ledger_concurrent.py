"""Transactions that run at the same moment on Postgres: what one writer never met, and what must hold all the same."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from baton.core import Conflict, Goal, Label, MailArrived, ManualClock, Ruling, RunId, Superseded, Trust, Verdict
from baton.core import ReviewId as Id
from baton.graph import Hold
from baton.graph.alarms import fire_due
from baton.graph.ending import end
from baton.graph.outcome import End
from baton.ledger import (
    DecisionKind,
    Event,
    Ledger,
    ReviewKind,
    Run,
    Transaction,
    Work,
    events,
    leases,
    mail,
    reviews,
    runs,
)
from baton.ledger import timers as ledger_timers
from baton.review import Answer, ReviewQueue
from support import soon, text_rows

ALLOW = Verdict(ruling=Ruling.ASK, reason="", policy="", kind="a/b")


@pytest.fixture
async def pair(postgres_url: str) -> AsyncIterator[tuple[Ledger, Ledger]]:
    """Two processes' ledgers on one database."""
    async with contextlib.AsyncExitStack() as stack:
        opened: list[Ledger] = []
        for _ in range(2):
            opened.append(await Ledger.open(postgres_url))
            stack.push_async_callback(opened[-1].close)
        yield opened[0], opened[1]


async def _run(ledger: Ledger, **more: Any) -> RunId:
    return (await ledger.write(lambda tx: runs.create(tx, Goal("g"), "a", **more)))[0]


async def _hold(ledger: Ledger, run: RunId) -> Hold:
    lease = await ledger.write(lambda tx: leases.take(tx, run, "me", 300))
    assert lease is not None
    return Hold(ledger, lease)


async def _get(ledger: Ledger, run: RunId) -> Run:
    return await ledger.read(lambda tx: runs.get(tx, run))


async def _at_once(*work: Awaitable[Any]) -> list[Any]:
    return await soon(asyncio.gather(*work, return_exceptions=True))


DONE = End(outcome="done", summary="")


async def test_a_message_and_the_end_of_its_run_never_pass_each_other_by(pair: tuple[Ledger, Ledger]) -> None:
    """Either the message is refused because the run has ended, or the run does not end because there is a message."""
    here, there = pair
    came: list[str] = []
    for number in range(200):
        run = await _run(here)
        hold, known = await _hold(here, run), await _get(here, run)
        post = partial(mail.post, run=run, kind="user", sender="ann", text="wait!")
        ending = hold.write(partial(end, run=known, cursor=0, how=DONE, label=Label(Trust.USER)))
        both = (ending, there.write(post)) if number % 2 else (there.write(post), ending)
        done = await _at_once(*both)
        ended, posted = done if number % 2 else reversed(done)
        if isinstance(posted, Conflict):
            came.append("ended")
            assert ended is None
            assert await here.read(partial(mail.unread, run=run, cursor=0)) == []
        else:
            came.append("message")
            assert isinstance(ended, MailArrived)
            assert (await _get(here, run)).status == "ready"
    assert set(came) == {"ended", "message"}


async def _review(ledger: Ledger, run: RunId, number: int) -> Id:
    review = Id(f"rev_{number}_{run}")
    ask = partial(reviews.open_, run=run, kind=ReviewKind.QUESTION, id=review, action=None, agent="a", tool="ask")
    await ledger.write(partial(ask, question={"summary": "?"}, verdict=ALLOW, requester=None))
    return review


async def test_of_two_who_decide_at_once_one_wins_and_the_other_is_told(pair: tuple[Ledger, Ledger]) -> None:
    queues = [ReviewQueue(ledger) for ledger in pair]
    run = await _run(pair[0])
    for number in range(50):
        review = await _review(pair[0], run, number)
        answers = [Answer(kind=DecisionKind.RESPOND, by=by, note="yes") for by in ("ann", "bob")]
        done = await _at_once(*(queue.decide(review, answer) for queue, answer in zip(queues, answers, strict=True)))
        (refused,) = [one for one in done if isinstance(one, Conflict)]
        decision = (await queues[0].get(review)).decision
        assert decision in done
        assert decision is not None
        assert f"{decision.by} decided it at" in str(refused)
    assert await text_rows(pair[0], "SELECT count(*) FROM decisions") == [(50,)]
    assert await text_rows(pair[0], "SELECT count(*) FROM messages") == [(50,)]


async def test_of_two_who_claim_at_once_one_has_it(pair: tuple[Ledger, Ledger]) -> None:
    queues = [ReviewQueue(ledger) for ledger in pair]
    run = await _run(pair[0])
    for number in range(30):
        review = await _review(pair[0], run, number)
        done = await _at_once(*(queue.claim(review, by) for queue, by in zip(queues, ("ann", "bob"), strict=True)))
        assert len([one for one in done if isinstance(one, Conflict)]) == 1


async def test_timers_that_several_fire_are_fired_once_each(postgres_url: str) -> None:
    clock = ManualClock()
    here, there = await Ledger.open(postgres_url, clock), await Ledger.open(postgres_url, clock)
    try:
        run = await _run(here)

        def start(tx: Transaction) -> None:
            for number in range(500):
                ledger_timers.start(tx, run, clock.now() + 1 + number / 1000, "wait")

        await here.write(start)
        clock.advance(10)

        async def fire(ledger: Ledger) -> None:
            while await fire_due(ledger):
                pass

        async with asyncio.timeout(60):
            await asyncio.gather(fire(here), fire(there))
        assert await text_rows(here, "SELECT count(*) FROM messages WHERE kind = 'timer'") == [(500,)]
        assert await text_rows(here, "SELECT count(*) FROM timers") == [(0,)]
    finally:
        await here.close()
        await there.close()


async def test_of_two_who_take_a_lease_at_once_one_gets_it(pair: tuple[Ledger, Ledger]) -> None:
    for _ in range(50):
        run = await _run(pair[0])
        done = await _at_once(
            *(ledger.write(partial(leases.take, run=run, owner="me", seconds=300)) for ledger in pair)
        )
        assert len([lease for lease in done if lease is None]) == 1
        assert (await _get(pair[0], run)).epoch == 1


async def test_a_stale_write_in_the_very_transaction_of_its_successor_is_refused(postgres_url: str) -> None:
    """Many writes share a transaction, and ask for their epochs once: also where that rises in it."""
    clock = ManualClock()
    ledger = await Ledger.open(postgres_url, clock)
    try:
        run = await _run(ledger)
        stale = await _hold(ledger, run)
        clock.advance(301)
        taking = ledger.post(partial(leases.take, run=run, owner="other", seconds=300))
        park = stale.guarded(lambda tx: leases.park(tx, stale.lease))
        parking = ledger.post(park, order=run, fenced=True)  # in the same turn: it shares the transaction
        done = await _at_once(taking, parking)
        row = await _get(ledger, run)
        assert done[0] is not None
        assert isinstance(done[1], Superseded)
        assert (row.epoch, row.working, row.seen) == (2, True, 0)
    finally:
        await ledger.close()


async def test_submitting_with_one_key_twenty_times_at_once_makes_one_run(pair: tuple[Ledger, Ledger]) -> None:
    submit: Work[tuple[RunId, bool]] = partial(runs.create, goal=Goal("g"), agent="a", key="k")

    def slowly(tx: Transaction) -> tuple[RunId, bool]:
        """If it is the first, it ends only once another waits for it."""
        made = submit(tx)
        while made[1] and not tx.value(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
            pass
        return made

    done = await _at_once(*(ledger.write(slowly if n == 0 else submit) for n, ledger in enumerate(pair * 10)))
    assert len({run for run, _ in done}) == 1
    assert sorted(new for _, new in done) == [False] * 19 + [True]
    assert await text_rows(pair[0], "SELECT count(*) FROM runs") == [(1,)]


class Meeting:
    """Two transactions, each held up until the other has come as far."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.there = [asyncio.Event(), asyncio.Event()]
        self.tries = 0

    def finish(self, tx: Transaction, me: int, run: Run) -> None:
        """End a run while the other is in the middle of its end as well."""
        runs.lock(tx, run.id)
        self.tries += 1
        self.loop.call_soon_threadsafe(self.there[me].set)
        asyncio.run_coroutine_threadsafe(self.there[1 - me].wait(), self.loop).result(10)
        end(tx, run, 0, DONE, Label(Trust.AGENT))


async def test_of_a_parent_and_a_child_that_end_at_once_one_reads_what_the_other_says(
    pair: tuple[Ledger, Ledger],
) -> None:
    """Each holds its own row and then wants the other's: one gives way, and is run again."""
    for _ in range(3):
        parent = await _run(pair[0])
        child = await _run(pair[0], parent=parent)
        family, meeting = (parent, child), Meeting()
        work: list[Awaitable[Any]] = []
        for me, run in enumerate(family):
            hold, known = await _hold(pair[me], run), await _get(pair[me], run)
            work.append(hold.write(partial(meeting.finish, me=me, run=known)))
        done = await _at_once(*work)
        assert meeting.tries >= 3, "they never were in each other's way"
        assert [type(one) for one in done if one is not None] == [MailArrived]
        ended = [(await _get(pair[0], run)).status for run in family]
        assert sorted(ended) == ["done", "ready"]


async def test_who_follows_all_events_misses_none(pair: tuple[Ledger, Ledger]) -> None:
    """Numbers are given before the commit: what is told must not skip what commits later under a lower one."""
    writers, seen, over = 6, list[Event](), asyncio.Event()
    all_runs = [await _run(pair[number % 2]) for number in range(writers)]
    begin = await pair[0].read(events.last)

    async def write(ledger: Ledger, run: RunId, number: int) -> None:
        for count in range(40):
            note: Callable[[Transaction], None] = partial(_noted, run=run, count=count, seconds=(number % 3) / 200)
            await ledger.write(note)

    async def follow() -> None:
        mark = begin
        while True:
            last = over.is_set()
            news = await pair[1].read(partial(events.of_all, after=mark, limit=7))
            seen.extend(news)
            mark = news[-1].mark if news else mark
            if last and not news:
                return

    following = asyncio.create_task(follow())
    await asyncio.gather(*(write(pair[n % 2], run, n) for n, run in enumerate(all_runs)))
    over.set()
    await soon(following)
    counts = {run: [event.data["count"] for event in seen if event.run == run] for run in all_runs}
    assert counts == {run: list(range(40)) for run in all_runs}
    assert [one.mark for one in seen] == sorted(one.mark for one in seen)
    ids: Sequence[int] = [event.id for event in seen]
    assert any(later < earlier for earlier, later in itertools.pairwise(ids)), "no two ever overlapped"


def _noted(tx: Transaction, run: RunId, count: int, seconds: float) -> None:
    events.emit(tx, run, "test.counted", count=count)
    tx.flush()  # it has its number now
    tx.connection.exec_driver_sql(f"SELECT pg_sleep({seconds})")
