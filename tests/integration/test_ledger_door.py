"""The write door: what is acknowledged is there, what failed undid only itself, in the order it was handed over."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest
from sqlalchemy import Connection, insert, select, text

from baton.core import BodyId, Goal, LedgerReadOnly, MessageId, RunId, Superseded
from baton.ledger import Ledger, Transaction, Work, bodies, events, leases, mail, runs
from baton.ledger.schema import bodies as bodies_table
from support import text_rows


@pytest.fixture
async def ledger(record_url: str) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(record_url)
    yield opened
    await opened.close()


def _storing(body: str) -> Work[BodyId]:
    return lambda tx: bodies.store(tx, body)


def _fail(tx: Transaction) -> None:
    bodies.store(tx, "of the one that fails")
    raise ValueError("no")


async def _texts(ledger: Ledger) -> list[str]:
    return [row[0] for row in await text_rows(ledger, "SELECT text FROM bodies ORDER BY id")]


async def test_a_failure_undoes_only_itself_and_the_others_of_its_batch_commit(ledger: Ledger) -> None:
    before = ledger.post(lambda tx: bodies.store(tx, "before"), order="one")
    failing = ledger.post(_fail, order="one")
    after = ledger.post(lambda tx: bodies.store(tx, "after"), order="one")

    done = await asyncio.gather(before, failing, after, return_exceptions=True)

    assert isinstance(done[1], ValueError)
    assert await _texts(ledger) == ["before", "after"]


async def test_a_failure_that_is_alone_undoes_itself(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="no"):
        await ledger.write(_fail)
    assert await _texts(ledger) == []


async def test_what_one_turn_of_the_loop_hands_over_under_one_name_is_one_commit(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits, writing = 0, ledger.database.writing

    @contextlib.contextmanager
    def counted() -> Iterator[Connection]:
        nonlocal commits
        with writing() as connection:
            yield connection
        commits += 1

    monkeypatch.setattr(ledger.database, "writing", counted)
    await asyncio.gather(*(ledger.post(_storing(str(n)), order="one") for n in range(50)))

    assert commits == 1
    assert await _texts(ledger) == [str(number) for number in range(50)]


async def test_posts_under_one_name_keep_their_order(ledger: Ledger) -> None:
    waiting = []
    for number in range(600):  # more than two batches
        waiting.append(ledger.post(_storing(str(number)), order="one"))
        if number % 7 == 0:
            await asyncio.sleep(0)
    await asyncio.gather(*waiting)

    assert await _texts(ledger) == [str(number) for number in range(600)]


async def test_a_cancelled_writer_leaves_its_work_committed(ledger: Ledger) -> None:
    task = asyncio.create_task(_write(ledger, "kept"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await ledger.write(lambda tx: None, order="one")
    assert await _texts(ledger) == ["kept"]


async def _write(ledger: Ledger, what: str) -> None:
    await ledger.write(_storing(what), order="one")


async def test_closing_commits_what_was_handed_over(record_url: str) -> None:
    ledger = await Ledger.open(record_url)
    futures = [ledger.post(_storing(str(n)), order=str(n % 3)) for n in range(20)]
    await ledger.close()
    assert [future.done() for future in futures] == [True] * 20

    again = await Ledger.open(record_url)
    assert len(await _texts(again)) == 20
    await again.close()


async def test_a_reader_keeps_the_snapshot_it_began_with(ledger: Ledger) -> None:
    await ledger.write(lambda tx: bodies.store(tx, "first"))
    begun, written = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def look_twice(tx: Transaction) -> tuple[int, int]:
        count = text("SELECT count(*) FROM bodies")
        first = tx.value(count)
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(written.wait(), loop).result()
        return first, tx.value(count)

    looking = asyncio.create_task(ledger.read(look_twice))
    await begun.wait()
    await ledger.write(lambda tx: bodies.store(tx, "second"))
    written.set()

    assert await looking == (1, 1)
    assert await _texts(ledger) == ["first", "second"]


async def test_questions_of_one_turn_share_snapshots_and_one_that_fails_is_alone(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ledger.write(_storing("here"))
    snapshots, reading = 0, ledger.database.reading

    @contextlib.contextmanager
    def counted() -> Iterator[Connection]:
        nonlocal snapshots
        snapshots += 1
        with reading() as connection:
            yield connection

    monkeypatch.setattr(ledger.database, "reading", counted)

    def ask(tx: Transaction, number: int) -> list[str]:
        table = "nothing_of_that_name" if number == 5 else "bodies"
        return tx.values(text(f"SELECT text FROM {table}"))

    said = await asyncio.gather(
        *(ledger.read(partial(ask, number=number)) for number in range(12)), return_exceptions=True
    )

    assert [isinstance(answer, BaseException) for answer in said] == [number == 5 for number in range(12)]
    assert all(answer == ["here"] for number, answer in enumerate(said) if number != 5)
    assert snapshots == 2, "one, and another behind the one that failed"


async def test_a_question_that_nobody_waits_for_any_more_harms_no_other(ledger: Ledger) -> None:
    await ledger.write(_storing("here"))
    gone = asyncio.ensure_future(ledger.read(lambda tx: tx.value(text("SELECT text FROM bodies"))))
    other = asyncio.ensure_future(ledger.read(lambda tx: tx.value(text("SELECT text FROM bodies"))))
    await asyncio.sleep(0)
    gone.cancel()
    assert await other == "here"


async def test_lists_of_any_length_are_asked_for(ledger: Ledger) -> None:
    ids = [await _submitted(ledger) for _ in range(7)]
    for number in (0, 1, 2, 3, 5, 7, 6, 4, 1, 0) * 2:
        wanted = ids[:number]
        assert set(await ledger.read(partial(runs.marks, wanted=wanted))) == set(wanted)
        await ledger.write(partial(mail.post_all, kind="timer", texts=dict.fromkeys(wanted, "look")))
    mails = [len(await ledger.read(partial(mail.unread, run=run, cursor=0))) for run in ids]
    assert mails == [16, 12, 10, 8, 6, 4, 2]


async def _submitted(ledger: Ledger) -> RunId:
    return (await ledger.write(lambda tx: runs.create(tx, Goal("go"), "clerk")))[0]


async def test_a_reader_cannot_leave_anything_behind(ledger: Ledger) -> None:
    with contextlib.suppress(LedgerReadOnly):  # Postgres says so; SQLite undoes it
        await ledger.read(lambda tx: tx.execute(insert(bodies_table).values(text="by a reader")))
    assert await _texts(ledger) == []


async def test_listeners_hear_after_the_commit_and_only_of_what_stands(ledger: Ledger) -> None:
    heard: list[tuple[frozenset[RunId], frozenset[RunId]]] = []
    run, _ = await ledger.write(lambda tx: runs.create(tx, Goal("g"), "a"))
    unlisten = ledger.listen(lambda news: heard.append((news.woken, news.noted)))

    def wake_and_fail(tx: Transaction) -> None:
        mail.post(tx, run, "user", sender="ann", text="lost")
        raise ValueError("no")

    ledger.post(lambda tx: bodies.store(tx, "quiet"))
    with pytest.raises(ValueError, match="no"):
        await ledger.write(wake_and_fail)
    assert heard == []

    await ledger.write(lambda tx: mail.post(tx, run, "user", sender="ann", text="heard"))
    assert heard == [(frozenset({run}), frozenset({run}))]

    unlisten()
    await ledger.write(lambda tx: runs.wake(tx, run))
    assert len(heard) == 1


async def test_events_of_a_run_are_numbered_without_gaps_even_when_some_were_undone(ledger: Ledger) -> None:
    run, _ = await ledger.write(lambda tx: runs.create(tx, Goal("g"), "a"))

    def emit_and_fail(tx: Transaction) -> None:
        events.emit(tx, run, "lost")
        raise ValueError("no")

    futures = []
    for number in range(30):
        futures.append(ledger.post(partial(events.emit, run=run, kind="kept", number=number), order=run))
        futures.append(ledger.post(emit_and_fail, order=run))
    await asyncio.gather(*futures, return_exceptions=True)

    found = await ledger.read(lambda tx: events.of_run(tx, run, after=1))
    assert [event.seq for event in found] == list(range(2, 32))
    assert [event.data["number"] for event in found] == list(range(30))


async def test_submitting_with_the_same_key_gives_the_same_run(ledger: Ledger) -> None:
    first = await ledger.write(lambda tx: runs.create(tx, Goal("g"), "a", key="k"))
    second = await ledger.write(lambda tx: runs.create(tx, Goal("g"), "a", key="k"))
    assert first[1] is True
    assert second == (first[0], False)


async def test_a_message_with_a_known_id_changes_nothing(ledger: Ledger) -> None:
    run, _ = await ledger.write(lambda tx: runs.create(tx, Goal("g"), "a"))
    for words in ("one", "two"):
        post = partial(mail.post, run=run, kind="user", sender="ann", text=words, id=MessageId("msg_1"))
        await ledger.write(post)
    found = await ledger.read(lambda tx: (mail.unread(tx, run, 0), runs.get(tx, run)))
    assert [message.text for message in found[0]] == ["one"]
    assert found[1].wake == 2  # once for the submission, once for the message


async def test_a_renewal_that_comes_behind_the_park_takes_nothing_back(ledger: Ledger) -> None:
    """The heartbeat's last write may be overtaken by the park: nobody would look at the run until it ran out."""
    run, _ = await ledger.write(lambda tx: runs.create(tx, Goal("go"), "clerk"))
    lease = await ledger.write(lambda tx: leases.take(tx, run, "me", 30))
    assert lease is not None
    await ledger.write(lambda tx: leases.renew(tx, lease, 60))
    assert (await ledger.read(lambda tx: runs.get(tx, run))).working
    await ledger.write(lambda tx: leases.park(tx, lease))
    await ledger.write(lambda tx: leases.renew(tx, lease, 30))
    assert await text_rows(ledger, "SELECT lease_owner, lease_until FROM runs") == [(None, None)]
    await ledger.write(lambda tx: mail.post(tx, run, "user", sender="ann", text="go on"))
    assert await ledger.write(lambda tx: leases.take(tx, run, "another", 30)) is not None
    with pytest.raises(Superseded):
        await ledger.write(lambda tx: leases.renew(tx, lease, 30))


async def test_a_statement_that_another_was_made_of_keeps_its_own_text(ledger: Ledger) -> None:
    whole = select(bodies_table.c.text).order_by(bodies_table.c.id)

    def look(tx: Transaction) -> list[list[str]]:
        return [tx.values(whole), tx.values(whole.where(bodies_table.c.text == "b"))]

    for body in "abc":
        await ledger.write(_storing(body))
    for _ in range(3):  # a statement is made text when it comes again
        assert await ledger.read(look) == [["a", "b", "c"], ["b"]]
