"""What is kept how long: checkpoints, texts, events; vacuum, and the archive of finished runs."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import BigInteger, text

from baton import Agent, Baton, RunHandle, tool
from baton.agents.simulated import Answer, Conversation
from baton.core import ActionId, Conflict, Goal, ManualClock, NotFound, RunId, Trust
from baton.ledger import DispatchLock, Ledger, Transaction, archive, bodies, checkpoints, growth, runs, waits
from baton.ledger.schema import metadata
from support import Says, call, calls, open_office, script, soon, text_rows

DAY = 86400.0


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "baton.db"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@tool
async def note(what: str) -> str:
    """Note something."""
    return f"noted {what}"


CLERK = Agent("clerk", tools=[note], policy="allow-all")
NOTES = script([call("note", what="a")], [call("note", what="b")], [call("note", what="c")])
TABLES = (
    *("runs", "messages", "transcript", "model_calls", "actions", "effects", "reviews", "decisions", "events"),
    *("timers", "waits", "checkpoints", "checkpoint_writes", "bodies"),
)


async def counts(ledger: Ledger) -> dict[str, int]:
    return {table: (await text_rows(ledger, f"SELECT count(*) FROM {table}"))[0][0] for table in TABLES}


async def test_an_open_run_keeps_its_last_states_and_an_ended_one_its_last(database: Path) -> None:
    async with open_office(database, [CLERK], Says(lambda _: Answer(text="ok"))) as baton:
        chat = await baton.converse()
        newest = ""
        for number in range(8):
            await soon(chat.say(f"{number}"))
            rows = await text_rows(baton.ledger, "SELECT id FROM checkpoints ORDER BY id")
            assert len(rows) == min(number + 2, checkpoints.KEPT)  # with the empty state before the first turn
            assert rows[-1][0] > newest
            newest = rows[-1][0]
            pending = await text_rows(baton.ledger, "SELECT DISTINCT checkpoint FROM checkpoint_writes")
            assert pending == [(newest,)]  # the park: what the next message goes on from
        await chat.cancel()
        async for _ in chat.events():
            pass
        await soon(chat.settled())
    async with open_office(database, [CLERK], NOTES) as baton:
        await soon((await baton.submit("go")).result())
        left = await text_rows(baton.ledger, "SELECT thread, count(*) FROM checkpoints GROUP BY thread")
    assert [count for _, count in left] == [1, 1]


async def test_states_that_an_older_baton_left_are_swept_and_an_open_runs_stay(database: Path) -> None:
    async with open_office(database, [CLERK], Says(lambda _: Answer(text="ok"))) as baton:
        chat = await baton.converse()
        for number in range(3):
            await soon(chat.say(f"{number}"))
        await soon((run := await baton.submit("go")).result())
        await soon(_given_back(baton, run.id))

        def more(tx: Transaction) -> None:
            (last,) = checkpoints.listed(tx, thread=run.id)
            for number in range(5):
                checkpoints.put(tx, checkpoints.StoredCheckpoint(**vars(last) | {"id": f"0{number}"}))

        await baton.ledger.write(more)
        before = await text_rows(baton.ledger, "SELECT id FROM checkpoints WHERE thread = :chat", chat=chat.id)
        newest = await text_rows(baton.ledger, "SELECT max(id) FROM checkpoints WHERE thread = :run", run=run.id)
        assert (await growth.sweep(baton.ledger)).checkpoints == 5
        assert await text_rows(baton.ledger, "SELECT id FROM checkpoints WHERE thread = :run", run=run.id) == newest
        after = await text_rows(baton.ledger, "SELECT id FROM checkpoints WHERE thread = :chat", chat=chat.id)
        assert before == after
        assert await soon(chat.say("still there?")) == ["ok"]


async def _given_back(baton: Baton, run: RunId) -> None:
    await baton.until(lambda tx: None if runs.get(tx, run).working else True)


async def test_a_sweep_deletes_texts_that_nothing_refers_to_and_no_other(database: Path) -> None:
    async with open_office(database, [CLERK], NOTES) as baton:
        await soon((run := await baton.submit("go")).result())
        await baton.publish("x", data="kept")
        before = await run.transcript()
        lost = await baton.ledger.write(lambda tx: [bodies.store(tx, "lost") for _ in range(3)])
        assert (await growth.sweep(baton.ledger)).bodies == 3
        assert (await growth.sweep(baton.ledger)).bodies == 0
        assert await baton.ledger.read(lambda tx: bodies.load(tx, lost)) == {}
        assert await run.transcript() == before
        assert (await run.status()).summary == "done"


def test_every_column_that_refers_to_a_text_is_known() -> None:
    """A reference that is not on the list would have its texts swept away."""
    large = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, BigInteger) and not column.primary_key
    }
    known = {(column.table.name, column.name) for column in growth.REFERENCES}
    marks = {("notice_marks", "xact"), ("notice_marks", "event")}
    others = {("waits", "signal"), ("events", "xact"), ("fact_changes", "xact"), ("spending", "amount")}
    others |= {("resources", "token"), ("reservation_items", "token")}
    assert large == known | marks | others


async def test_old_events_are_forgotten_unless_they_are_on_their_way(database: Path, clock: ManualClock) -> None:
    ledger = await Ledger.open(str(database), clock)
    try:
        run, _ = await ledger.write(lambda tx: runs.create(tx, Goal("go"), "clerk"))

        def prepare(tx: Transaction) -> None:
            for name in ("given", "coming", "unasked"):
                waits.publish(tx, name, "", 1, trust=Trust.EXTERNAL, sender="ann")
            for name in ("given", "coming"):
                waits.begin(tx, run, ActionId(name), name, "", None)

        await ledger.write(prepare)
        assert await ledger.write(lambda tx: waits.settle(tx, ActionId("given"))) is not None
        clock.advance(29 * DAY)
        assert (await growth.sweep(ledger)).events == 0
        clock.advance(2 * DAY)
        swept = await growth.sweep(ledger)
        assert (swept.events, swept.bodies) == (2, 2)
        _, signal = (await ledger.write(lambda tx: waits.settle(tx, ActionId("coming")))) or (None, None)
        assert signal is not None
    finally:
        await ledger.close()


async def test_a_vacuum_gives_room_back_and_changes_nothing_else(database: Path) -> None:
    async with open_office(database, [CLERK], NOTES) as baton:
        await soon((run := await baton.submit("go")).result())
        await baton.ledger.write(lambda tx: [bodies.store(tx, "x" * 1000) for _ in range(2000)])
        with pytest.raises(Conflict, match=r"vacuum: process \d+ on .* lets agents work on .*baton.db\. Stop it first"):
            await growth.vacuum(baton.ledger)
    ledger = await Ledger.open(str(database))
    try:
        before = await ledger.read(lambda tx: runs.get(tx, run.id))
        done = await growth.vacuum(ledger)
        assert done.swept.bodies == 2000
        assert done.before - done.after > 1_900_000
        assert await ledger.read(lambda tx: runs.get(tx, run.id)) == before
        assert DispatchLock(database).holder() is None
        sizes = {one.name: one for one in await ledger.read(growth.sizes)}
        assert sizes["runs"].rows == 1
    finally:
        await ledger.close()


async def _finished(baton: Baton, number: int) -> list[RunHandle]:
    made = [await baton.submit(f"go {n}") for n in range(number)]
    await soon(asyncio.gather(*(run.result() for run in made)))
    for run in made:
        await soon(_given_back(baton, run.id))
    return made


async def test_finished_runs_go_into_the_archive_whole_and_out_of_the_record(
    database: Path, tmp_path: Path, clock: ManualClock
) -> None:
    file = tmp_path / "old.jsonl"
    async with open_office(database, [CLERK], NOTES, clock=clock) as baton:
        old = await _finished(baton, 45)
        full = await counts(baton.ledger)
        clock.advance(91 * DAY)
        (young,) = await _finished(baton, 1)
        both = await counts(baton.ledger)
        told = await text_rows(baton.ledger, "SELECT count(*) FROM transcript WHERE run = :run", run=old[0].id)

        done = await archive.archive(baton.ledger, clock.now() - 90 * DAY, file)
        assert (done.runs, done.deleted, done.file) == (45, 45, file)
        left = await counts(baton.ledger)
        assert left == {name: both[name] - full[name] for name in both}
        assert await soon(young.transcript())
        with pytest.raises(NotFound):
            await old[0].status()

        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        assert len(lines) == done.lines
        assert {line["run"] for line in lines} == {run.id for run in old}
        first = [line for line in lines if line["run"] == old[0].id]
        kinds = [line["kind"] for line in first]
        assert kinds[0] == "run"
        assert first[0]["row"]["goal"]["statement"] == "go 0"
        assert first[0]["row"]["summary"] == "done"
        assert kinds.count("line") == told[0][0]
        assert [line["row"]["result"] for line in first if line["kind"] == "effect"] == [
            "noted a",
            "noted b",
            "noted c",
        ]
        assert {"model_call", "action", "event"} <= set(kinds)
        assert not file.with_name("old.jsonl.part").exists()


async def test_what_was_said_of_questions_goes_into_the_archive_and_out_of_the_record(
    database: Path, tmp_path: Path, clock: ManualClock
) -> None:
    file = tmp_path / "old.jsonl"
    asks = script([call("ask_person", question="which?")])
    async with open_office(database, [Agent("clerk")], asks, clock=clock) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
        (review,) = await baton.reviews.waiting([run.id])
        await baton.reviews.comment(review.id, "the red one, I think", by="ann")
        await baton.reviews.snooze(review.id, clock.now() + 3600, by="ann")
        assert (await growth.sweep(baton.ledger)).bodies == 0  # what was said is referred to
        await baton.respond(review.id, "red", by="bob")
        await soon(run.result())
        clock.advance(91 * DAY)
        await (await baton.submit("later")).message("hello")  # a run with the newest event or message stays
        assert (await archive.archive(baton.ledger, clock.now() - 90 * DAY, file)).deleted == 1
        for table in ("remarks", "snoozes", "forecasts", "decisions"):
            about = "SELECT count(*) FROM {} WHERE review = :review"
            assert await text_rows(baton.ledger, about.format(table), review=review.id) == [(0,)], table
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [line["row"]["body"] for line in lines if line["kind"] == "remark"] == ["the red one, I think"]


async def test_a_run_with_something_open_in_its_family_stays(
    database: Path, tmp_path: Path, clock: ManualClock
) -> None:
    def answer(conversation: Conversation) -> Answer:
        said = conversation.user_texts()[0]
        results = list(conversation.results())
        if "boss" in said:
            return Answer(text="…") if results else calls(call("hand_off", to="helper", task="help"))
        return Answer(text="…") if results else calls(call("wait", duration="1h"))

    team = [Agent("boss", hands_off_to=["helper"]), Agent("helper")]
    file = tmp_path / "old.jsonl"
    async with open_office(database, team, Says(answer), clock=clock) as baton:
        boss = await baton.submit("boss")
        await soon(boss.settled())
        await baton.ledger.write(lambda tx: runs.end(tx, boss.id, "done", "x"))  # as if its child had outlived it
        clock.advance(91 * DAY)
        assert (await archive.archive(baton.ledger, clock.now(), file)).runs == 0
        assert not file.exists()
        assert not list(tmp_path.glob("*.part"))


async def test_who_acted_last_stays_so_that_no_number_is_given_twice(
    database: Path, tmp_path: Path, clock: ManualClock
) -> None:
    async with open_office(database, [CLERK], NOTES, clock=clock) as baton:
        await _finished(baton, 3)
        newest = (await text_rows(baton.ledger, "SELECT max(id) FROM events"))[0][0]
        clock.advance(DAY)
        done = await archive.archive(baton.ledger, clock.now(), tmp_path / "a.jsonl")
        assert done.deleted == 2
        (fresh,) = await _finished(baton, 1)
        events = [event async for event in fresh.events()]
    assert min(event.id for event in events) > newest


async def test_keep_writes_and_deletes_nothing_and_no_file_is_overwritten(
    database: Path, tmp_path: Path, clock: ManualClock
) -> None:
    file = tmp_path / "old.jsonl"
    async with open_office(database, [CLERK], NOTES, clock=clock) as baton:
        await _finished(baton, 3)
        clock.advance(DAY)
        before = await counts(baton.ledger)
        done = await archive.archive(baton.ledger, clock.now(), file, keep=True)
        assert (done.runs, done.deleted) == (2, 0)
        assert await counts(baton.ledger) == before
        kept = file.read_text()
        with pytest.raises(Conflict, match=r"is there already\. Name another with --to"):
            await archive.archive(baton.ledger, clock.now(), file)
        assert file.read_text() == kept


async def test_a_run_that_comes_to_life_between_writing_and_deleting_stays(
    database: Path, tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_office(database, [CLERK], NOTES, clock=clock) as baton:
        first, *_others = [(await _finished(baton, 1))[0] for _ in range(3)]
        clock.advance(DAY)
        finish = archive._Writing.finish

        def meddle(part: Any, *, whole: bool) -> None:
            finish(part, whole=whole)
            asyncio.run_coroutine_threadsafe(_touch(baton, first.id), baton.ledger._loop).result()

        monkeypatch.setattr(archive._Writing, "finish", meddle)
        done = await soon(archive.archive(baton.ledger, clock.now(), tmp_path / "a.jsonl"))
        assert (done.runs, done.deleted) == (2, 1)
        assert (await first.status()).status == "done"


async def _touch(baton: Baton, run: RunId) -> None:
    await baton.ledger.write(
        lambda tx: tx.execute(text("UPDATE runs SET epoch = epoch + 1 WHERE id = :run"), {"run": run})
    )


_DIE = """
import asyncio, os, signal, sys
from pathlib import Path
from baton.ledger import Ledger, archive
path, file, place = sys.argv[1:]
def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)
async def main():
    ledger = await Ledger.open(path)
    if place == "before the file":
        archive.os.fsync = die
    if place == "before the rows":
        archive._forget = die
    if place == "among the rows":
        archive.BATCH, forget, seen = 1, archive._forget, []
        def second(before, families, tx):
            seen.append(1)
            return die() if len(seen) > 1 else forget(before, families, tx)
        archive._forget = second
    await archive.archive(ledger, 2e10, Path(file))
asyncio.run(main())
"""


@pytest.mark.parametrize("place", ["before the file", "before the rows", "among the rows"])
async def test_a_crash_loses_neither_rows_nor_file(database: Path, tmp_path: Path, place: str) -> None:
    file = tmp_path / "old.jsonl"
    async with open_office(database, [CLERK], NOTES) as baton:
        made = {run.id for run in await _finished(baton, 4)}
    died = await asyncio.create_subprocess_exec(sys.executable, "-c", _DIE, str(database), str(file), place)
    assert await soon(died.wait()) == -9
    ledger = await Ledger.open(str(database))
    try:
        rows = {run.id for run in await ledger.read(lambda tx: runs.listed(tx))}
        kept = {json.loads(line)["run"] for line in file.read_text().splitlines()} if file.exists() else set[str]()
        assert rows | kept == made
        assert len(rows) == {"before the file": 4, "before the rows": 4, "among the rows": 3}[place]
        assert file.exists() == (place != "before the file")
        again = await archive.archive(ledger, 2e10, tmp_path / "again.jsonl")
        assert again.deleted == len(rows) - 1
    finally:
        await ledger.close()


def test_the_command_line_looks_after_the_database(database: Path, tmp_path: Path) -> None:
    async def work() -> None:
        async with open_office(database, [CLERK], NOTES) as baton:
            await _finished(baton, 3)

    def baton(*words: str) -> Any:
        line = [sys.executable, "-m", "baton.cli", "db", *words, "-d", str(database), "--json"]
        return json.loads(subprocess.run(line, capture_output=True, text=True, check=True).stdout)

    asyncio.run(work())
    assert next(one["rows"] for one in baton("size")["tables"] if one["table"] == "runs") == 3
    assert baton("archive", "--before", "90d") == {"file": None, "runs": 0, "deleted": 0, "lines": 0}
    done = baton("archive", "--before", "0s")
    assert (done["runs"], done["deleted"]) == (2, 2)
    assert Path(done["file"]).parent == tmp_path
    assert baton("vacuum")["after"] <= baton("size")["bytes"] + 1
