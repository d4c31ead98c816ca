"""What starts runs by itself: each time, file and event one run, across restarts and workers."""

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton import Agent, load_project
from baton.core import InvalidFile, InvalidValue, ManualClock, Trust
from baton.graph.hooks import Start
from baton.graph.triggers import Cron, Events, Files, Trigger, Watchman
from baton.graph.triggers.firing import next_time
from baton.graph.triggers.folding import fold
from baton.ledger import Ledger, triggers, waits
from baton.ledger.triggers import Happened
from support import on_both, open_office, script, soon, until

DO = Start(agent="clerk", statement="see to it", requester="ann")
MORNING = datetime(2026, 3, 2, 7, 0, tzinfo=UTC).timestamp()


def clerk() -> list[Agent]:
    return [Agent("clerk", policy="allow-all")]


def on(*names: str, **more: Any) -> Trigger:
    return Trigger(name="t", when=Events(names=names, **more), start=DO)


async def publish(ledger: Ledger, name: str, key: str = "", data: Any = None) -> None:
    await ledger.write(lambda tx: waits.publish(tx, name, key, data, trust=Trust.EXTERNAL, sender="test"))


async def look(ledger: Ledger, *watched: Trigger) -> int:
    """How many runs a fresh process starts, looking once."""
    return len(await Watchman(ledger, watched, "local").look())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(MORNING)


@on_both
async def test_each_time_starts_one_run_whoever_looks_and_however_often(database: str, clock: ManualClock) -> None:
    daily = Trigger(name="daily", when=Cron(times="0 8 * * *", zone="Europe/Berlin", missed="all"), start=DO)
    async with open_office(database, clerk(), script(), clock=clock, dispatch=False) as baton:
        assert await look(baton.ledger, daily) == 0  # what was before it was there is not its business
        clock.advance(3600.0)
        crowd = [Watchman(baton.ledger, [daily], "local") for _ in range(5)]
        assert sum(map(len, await asyncio.gather(*(one.look() for one in crowd)))) == 0  # 08:00 in Berlin was at 07:00
        clock.advance(2 * 86400.0)
        assert sum(map(len, await asyncio.gather(*(one.look() for one in crowd)))) == 2
        assert await look(baton.ledger, daily) == 0
        keys = [one.key for one in await baton.ledger.read(lambda tx: triggers.listed(tx, 10))]
    assert sorted(keys) == ["time 2026-03-03 07:00 UTC", "time 2026-03-04 07:00 UTC"]


@pytest.mark.parametrize(("missed", "runs"), [("one", 1), ("all", 3), ("none", 0)])
async def test_times_that_were_missed_are_made_up_for_as_is_said(
    tmp_path: Path, clock: ManualClock, missed: str, runs: int
) -> None:
    hourly = Trigger(name="hourly", when=Cron(times="0 * * * *", missed=missed), start=DO)
    async with open_office(tmp_path / "b.db", clerk(), script(), clock=clock, dispatch=False) as baton:
        await look(baton.ledger, hourly)
        clock.advance(3.5 * 3600)
        assert await look(baton.ledger, hourly) == runs
        clock.advance(0.5 * 3600 + 5)
        assert await look(baton.ledger, hourly) == 1  # it is on time again


def test_times_are_of_their_zone_also_where_clocks_change() -> None:
    night = Cron(times="30 2 * * *", zone="Europe/Berlin")
    before = datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp()
    first = next_time(night, before)
    assert datetime.fromtimestamp(first, UTC) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)  # 02:30 is left out that night
    assert datetime.fromtimestamp(next_time(night, first), UTC) == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)
    back = datetime(2026, 10, 24, 12, tzinfo=UTC).timestamp()
    once = next_time(night, back)
    assert datetime.fromtimestamp(next_time(night, once), UTC) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
    often = Cron(times="*/30 * * * *", zone="Europe/Berlin")
    at = datetime(2026, 10, 24, 23, 45, tzinfo=UTC).timestamp()
    for _ in range(6):  # an hour that comes twice has its half hours twice
        assert next_time(often, at) - at <= 1800
        at = next_time(often, at)


@on_both
async def test_each_content_of_a_file_starts_one_run(database: str, tmp_path: Path, clock: ManualClock) -> None:
    inbox = tmp_path / "inbox"
    mails = Trigger(name="mails", when=Files(folder=inbox, pattern="*.eml", settle=0), start=DO)
    async with open_office(database, clerk(), script(), clock=clock, dispatch=False) as baton:
        assert await look(baton.ledger, mails) == 0  # the folder may come later
        inbox.mkdir()
        (inbox / "one.eml").write_text("pay \x00 me")
        (inbox / "other.txt").write_text("not this")
        watchman = Watchman(baton.ledger, [mails], "local")
        (run,) = await watchman.look()
        assert await watchman.look() == []
        assert await look(baton.ledger, mails) == 0  # another process
        (inbox / "one.eml").write_text("pay me now")
        assert len(await watchman.look()) == 1
        os.utime(inbox / "one.eml")
        assert await watchman.look() == []  # the same again
        goal = (await (await baton.open(run)).status()).goal
    assert (goal.statement, goal.requester) == ("see to it", "ann")
    assert (goal.attachments[0].name, goal.attachments[0].text, goal.attachments[0].trust) == (
        "one.eml",
        "pay   me",
        Trust.EXTERNAL,
    )


@on_both
async def test_events_that_fit_start_one_run_each(database: str, clock: ManualClock) -> None:
    shipped = on("order.shipped", where={"order.state": "late", "order.cents": 5})
    async with open_office(database, clerk(), script(), clock=clock, dispatch=False) as baton:
        await look(baton.ledger, shipped)
        clock.advance(1)
        for data in ({"order": {"state": "late", "cents": 5}}, {"order": {"state": "fine", "cents": 5}}, "late", None):
            await publish(baton.ledger, "order.shipped", "7", data)
        await publish(baton.ledger, "other", "7", {"order": {"state": "late", "cents": 5}})
        crowd = [Watchman(baton.ledger, [shipped], "local") for _ in range(5)]
        assert sum(map(len, await asyncio.gather(*(one.look() for one in crowd)))) == 1
        (run,) = await baton.runs()
    assert run.goal.attachments[0].text == '[event order.shipped 7] {"order":{"state":"late","cents":5}}'


@on_both
async def test_windows_close_by_time_alone(database: str, clock: ManualClock) -> None:
    quiet = on("mail", together="settled", seconds=60.0)
    async with open_office(database, clerk(), script(), clock=clock, dispatch=False) as baton:
        watchman = Watchman(baton.ledger, [quiet], "local")
        await watchman.look()
        for _ in range(3):
            clock.advance(30)
            await publish(baton.ledger, "mail", "ann")
            await publish(baton.ledger, "mail", "bob")
            assert await watchman.look() == []
        clock.advance(61)
        assert len(await watchman.look()) == 2  # one for each key
        assert [len(one.goal.attachments) for one in await baton.runs()] == [3, 3]


def happened(*events: tuple[str, str, float]) -> list[Happened]:
    return [
        Happened(number=number, name=name, key=key, data=None, text=f"{name} {key}", trust=Trust.EXTERNAL, at=at)
        for number, (name, key, at) in enumerate(events, 1)
    ]


@pytest.mark.parametrize(
    ("when", "events", "now", "groups", "due"),
    [
        (Events(names=["a"], together="batch", count=2), [("a", "", 0), ("a", "", 1), ("a", "", 2)], 3, [(1, 2)], 62),
        (Events(names=["a"], together="batch", count=2), [("a", "", 0)], 60, [(1,)], None),
        (Events(names=["a", "b"], together="all"), [("a", "x", 0), ("b", "y", 1), ("b", "x", 9)], 9, [(1, 3)], None),
        (Events(names=["a", "b"], together="all"), [("a", "x", 0), ("b", "x", 61)], 61, [], None),
        (Events(names=["a", "b"], together="absent"), [("a", "x", 0), ("b", "x", 60), ("a", "y", 0)], 60, [(3,)], None),
        (Events(names=["a", "b"], together="absent"), [("a", "x", 0), ("b", "x", 61)], 59, [], 60),
        (Events(names=["a", "b"], together="absent"), [("b", "x", 0), ("a", "x", 1)], 61, [(2,)], None),
    ],
)
def test_events_come_together(
    when: Events, events: Sequence[tuple[str, str, float]], now: float, groups: list[tuple[int, ...]], due: float | None
) -> None:
    made = fold(when, {}, happened(*events), now)
    assert ([group.numbers for group in made.groups], made.due) == (groups, due)


@given(
    events=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.integers(0, 300)), max_size=30),
    cuts=st.sets(st.integers(0, 30)),
    together=st.sampled_from(["each", "settled", "batch", "all", "absent"]),
)
def test_it_does_not_matter_how_often_somebody_looks(
    events: list[tuple[str, str, int]], cuts: set[int], together: str
) -> None:
    """Looking after any of the events, or only in the end, makes the same runs; no event makes two."""
    when = Events(names=["a", "b"], together=together, seconds=50, count=3)
    told = happened(*sorted(((name, key, float(at)) for name, key, at in events), key=lambda one: one[2]))
    told = [one for one in told if one.name in when.names]
    whole: list[tuple[int, ...]] = []
    state: dict[str, Any] = {}
    for one in told:
        made = fold(when, state, [one], one.at)
        whole, state = whole + [group.numbers for group in made.groups], made.state
    whole += [group.numbers for group in fold(when, state, [], 1000.0).groups]
    used = [number for group in whole for number in group]
    assert len(used) == len(set(used))
    if together == "each":
        assert sorted(used) == [one.number for one in told]
    if together in ("absent", "all"):
        parts: list[tuple[int, ...]] = []
        state, waiting = {}, []
        for position, one in enumerate(told):
            waiting.append(one)
            if position in cuts:
                made = fold(when, state, waiting, one.at)
                parts, state, waiting = parts + [group.numbers for group in made.groups], made.state, []
        parts += [group.numbers for group in fold(when, state, waiting, 1000.0).groups]
        assert sorted(parts) == sorted(whole)


async def test_an_office_fires_by_itself_and_again_after_a_restart(tmp_path: Path) -> None:
    watched = [on("paid")]
    for number in (1, 2):
        async with open_office(tmp_path / "b.db", clerk(), script(), triggers=watched) as baton:
            await until(baton.ledger, lambda tx: triggers.begun(tx, "t") or None)
            await publish(baton.ledger, "paid")
            await until(baton.ledger, lambda tx: len(triggers.listed(tx, 9)) == number or None)  # noqa: B023
            for run in await baton.runs():
                await soon((await baton.open(run.id)).result())


FILE = """
agents:
  - {name: clerk, instructions: See to it.}
triggers:
  - name: mornings
    cron: "0 8 * * mon-fri"
    zone: Europe/Berlin
    start: {agent: clerk, statement: Look at what is open}
  - name: mails
    files: {folder: inbox, pattern: "*.eml"}
    start: {agent: clerk, statement: Answer the mail, deadline: 2h}
  - name: late
    events: [order.paid, order.shipped]
    together: absent
    within: 2d
    start: {agent: clerk, statement: Ask where it is}
"""


def test_a_project_names_triggers(tmp_path: Path) -> None:
    file = tmp_path / "agents.yaml"
    file.write_text(FILE)
    mornings, mails, late = load_project(file).triggers
    assert mornings.when == Cron(times="0 8 * * mon-fri", zone="Europe/Berlin")
    assert mails.when == Files(folder=tmp_path / "inbox", pattern="*.eml")
    assert late.when == Events(names=("order.paid", "order.shipped"), together="absent", seconds=172800.0)


@pytest.mark.parametrize(
    ("said", "instead", "named"),
    [
        ('"0 8 * * mon-fri"', '"8 o clock"', "cron of trigger mornings '8 o clock'"),
        ('"0 8 * * mon-fri"', '"99 8 * * *"', "five fields"),
        ("Europe/Berlin", "Europe/Atlantis", "Atlantis"),
        ("agent: clerk, statement: Look", "agent: nobody, statement: Look", "start.agent 'nobody'"),
        ("deadline: 2h", "deadline: soon", "deadline"),
        ("together: absent", "together: never", "one of: each, settled, batch, all, absent"),
        ("[order.paid, order.shipped]", "[order.paid]", "2 names or more"),
        ("name: mails", "name: late", "given once"),
        ("    within: 2d\n", "    within: 2d\n    cron: '* * * * *'\n", "one of cron, files, events, record and mails"),
    ],
)
def test_what_can_be_no_trigger_is_refused_with_its_place(tmp_path: Path, said: str, instead: str, named: str) -> None:
    file = tmp_path / "agents.yaml"
    file.write_text(FILE.replace(said, instead))
    with pytest.raises((InvalidFile, InvalidValue), match=named):
        load_project(file)
