"""Resources: first come first served, several all at once, tokens that rise, leases, what waits and holds no worker."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from baton import Adaptive, Agent, Baton, Resource, RunHandle, load_project, tool
from baton.agents.simulated import Answer, Conversation
from baton.core import ActionId, Conflict, Goal, InvalidFile, InvalidValue, ManualClock, NotFound, RunId
from baton.graph.alarms import fire_due
from baton.ledger import Ledger, Transaction, reservations, runs, transcript
from baton.ledger.reservations import Reservation
from support import Says, call, calls, on_both, open_office, run_row, script, soon, tool_lines, until

NOW = 1_800_000_000.0
A, B = Resource("a", lease=None), Resource("b", lease=60.0)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def ledger(record_url: str, clock: ManualClock) -> AsyncIterator[Ledger]:
    opened = await Ledger.open(record_url, clock)
    await opened.write(lambda tx: reservations.declare(tx, [A, B, Resource("pair", capacity=2, lease=None)]))
    yield opened
    await opened.close()


async def ask(ledger: Ledger, by: str, *names: str, **more: Any) -> Reservation:
    return await ledger.write(lambda tx: reservations.ask(tx, names, by=by, tenant="local", scope="person", **more))


async def back(ledger: Ledger, one: Reservation) -> None:
    await ledger.write(lambda tx: reservations.give_back(tx, one.number))


async def having(ledger: Ledger) -> dict[str, list[str]]:
    """By resource, who has it."""
    found: dict[str, list[str]] = {}
    for one in await ledger.read(reservations.listed):
        for name in () if one.waits else one.tokens:
            found.setdefault(name, []).append(one.by)
    return found


async def test_who_comes_first_is_served_first_and_tokens_only_rise(ledger: Ledger) -> None:
    first, second, third = [await ask(ledger, by, "a") for by in ("ann", "bob", "cem")]
    assert first.tokens == {"a": 1} and second.waits and third.waits
    await back(ledger, first)
    assert await having(ledger) == {"a": ["bob"]}
    await back(ledger, second)
    (left,) = await ledger.read(reservations.listed)
    assert left.by == "cem" and left.tokens == {"a": 3}


async def test_what_is_asked_for_together_is_had_together_and_nobody_passes(ledger: Ledger) -> None:
    has_b = await ask(ledger, "ann", "b")
    both, later = await ask(ledger, "bob", "a", "b"), await ask(ledger, "cem", "a")
    assert both.waits and later.waits  # a is free, but bob, who came first, needs it with b
    assert await having(ledger) == {"b": ["ann"]}
    await back(ledger, has_b)
    assert await having(ledger) == {"a": ["bob"], "b": ["bob"]}
    await back(ledger, both)
    assert await having(ledger) == {"a": ["cem"]}


async def test_nobody_passes_in_any_of_the_queues_either(ledger: Ledger) -> None:
    await ask(ledger, "ann", "b")
    first, later = await ask(ledger, "bob", "b", "pair"), await ask(ledger, "cem", "a", "pair")
    assert first.waits and later.waits  # there is room in a and in pair, but bob comes first in pair
    await back(ledger, first)
    assert await having(ledger) == {"a": ["cem"], "b": ["ann"], "pair": ["cem"]}


async def test_a_call_with_a_lease_that_has_run_out_asks_anew(ledger: Ledger, clock: ManualClock) -> None:
    run = (await ledger.write(lambda tx: runs.create(tx, Goal("x"), "clerk")))[0]
    mine: dict[str, Any] = {"by": "clerk", "tenant": "local", "run": run}
    await ledger.write(lambda tx: reservations.ask(tx, ["b"], scope="run", key=ActionId("k1"), **mine))

    def claim(tx: Transaction) -> object:
        return reservations.claim(tx, ["b"], key=ActionId("k2"), at_least=5.0, **mine)

    clock.advance(30.0)
    assert await ledger.write(claim) == {"b": 1}
    (kept,) = await ledger.read(lambda tx: reservations.of_run(tx, run))
    assert kept.until == clock.now() + 60.0  # it goes on: each call that needs it keeps it for another lease
    clock.advance(60.0)  # and nobody has looked at the clock since
    assert await ledger.write(claim) == {"b": 2}


async def test_as_many_have_it_as_there_is_room_for(ledger: Ledger) -> None:
    made = [await ask(ledger, by, "pair") for by in ("ann", "bob", "cem")]
    assert [one.waits for one in made] == [False, False, True]
    await ledger.write(
        lambda tx: reservations.declare(tx, [Resource("pair", capacity=3, lease=None)])  # more room: cem is served
    )
    assert await having(ledger) == {"pair": ["ann", "bob", "cem"]}


async def test_who_takes_a_waiting_request_back_frees_those_behind(ledger: Ledger) -> None:
    await ask(ledger, "ann", "b")
    both = await ask(ledger, "bob", "a", "b")
    assert (await ask(ledger, "cem", "a")).waits
    await back(ledger, both)
    assert await having(ledger) == {"b": ["ann"], "a": ["cem"]}


async def test_a_lease_that_runs_out_passes_on_with_a_higher_token(ledger: Ledger, clock: ManualClock) -> None:
    first, second = await ask(ledger, "ann", "b"), await ask(ledger, "bob", "b")
    assert first.until == NOW + 60 and second.waits
    clock.advance(59.0)
    await fire_due(ledger)
    assert await having(ledger) == {"b": ["ann"]}
    clock.advance(1.0)
    await fire_due(ledger)
    (left,) = await ledger.read(reservations.listed)
    assert (left.by, left.tokens, left.until) == ("bob", {"b": 2}, NOW + 120)


async def test_what_is_not_known_is_refused_with_what_there_is(ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="'c'; there is: a, b, pair"):
        await ask(ledger, "ann", "a", "c")
    assert await ledger.read(reservations.listed) == []


async def test_many_who_ask_at_once_get_it_one_after_the_other(ledger: Ledger) -> None:
    order: list[str] = []
    asked = await asyncio.gather(*(ask(ledger, f"p{number}", "a") for number in range(20)))
    assert sum(not one.waits for one in asked) == 1
    for _ in asked:
        (by,) = (await having(ledger))["a"]
        order.append(by)
        mine = next(one for one in await ledger.read(reservations.listed) if not one.waits)
        await back(ledger, mine)
    assert order == [one.by for one in sorted(asked, key=lambda one: one.number)]


class Hall:
    """A thing that only so many may be in; knows how many were at most. The first stay until as many are in."""

    def __init__(self, room: int = 1) -> None:
        self.now, self.most, self.tokens, self._room = 0, 0, list[int](), room
        self._full = asyncio.Event()

    def tool(self, **settings: Any) -> Any:
        @tool(name="enter", **settings)
        async def enter(who: str, *, tokens: dict[str, int]) -> str:
            """Be in it for a while."""
            self.now += 1
            self.most = max(self.most, self.now)
            self.tokens += tokens.values()
            if self.now == self._room:
                self._full.set()
            await self._full.wait()
            await asyncio.sleep(0.02)
            self.now -= 1
            return f"{who} was there"

        return enter


@on_both
async def test_calls_that_need_a_resource_never_overlap_and_all_come_to_pass(database: str) -> None:
    hall = Hall()
    agent = Agent("clerk", tools=[hall.tool(needs=["hall"])], policy="allow-all")
    async with open_office(database, [agent], _patient(), resources=[Resource("hall")]) as baton:
        begun = [await baton.submit(f"go {number}") for number in range(8)]
        for run in begun:
            assert (await soon(run.result())).summary.endswith("was there")
        assert hall.most == 1
        assert sorted(hall.tokens) == hall.tokens and len(set(hall.tokens)) == 8
        assert await baton.shared.reservations() == []


def _patient() -> Says:
    """Enters, says nothing while that waits, and finishes with what came of it."""

    def answer(conversation: Conversation) -> Answer:
        there = [str(m["content"]) for m in conversation.messages if "was there" in str(m.get("content"))]
        if there:
            return calls(call("finish", summary=there[-1]))
        if not any(message.get("tool_calls") for message in conversation.messages):
            return calls(call("enter", who="x"))
        return Answer(text="I wait.")

    return Says(answer)


@on_both
async def test_only_so_many_calls_of_a_tool_are_under_way(database: str) -> None:
    hall = Hall(3)
    agent = Agent("clerk", tools=[hall.tool(at_once=3)], policy="allow-all")
    async with open_office(database, [agent], _patient()) as baton:
        begun = [await baton.submit(f"go {number}") for number in range(9)]
        for run in begun:
            await soon(run.result())
    assert hall.most == 3


async def test_a_run_that_waits_parks_and_cannot_finish(tmp_path: Path) -> None:
    agent = Agent("clerk", tools=[Hall().tool(needs=["hall"])], policy="allow-all")
    mind = script([call("enter", who="x")], [call("finish", summary="early")])
    async with open_office(tmp_path / "b.db", [agent], mind, resources=[Resource("hall", lease=None)]) as baton:
        mine = await baton.shared.reserve("hall", by="ann")
        run = await baton.submit("go")
        assert (await soon(run.settled())).status == "waiting"
        assert await tool_lines(run) == ["pending: it waits for hall, behind 1; it is carried out when its turn comes"]
        await baton.ledger.write(lambda tx: None)
        assert (await run_row(baton, run.id)).status == "waiting"
        await baton.shared.give_back(mine.number)
        assert (await soon(run.result())).summary == "early"
        assert any("was there" in line for line in await tool_lines(run))


def holder(*rounds: Any) -> Says:
    """Plays rounds, each once it was told that what it waits for is there; then says that it waits."""

    def answer(conversation: Conversation) -> Answer:
        played = sum(bool(message.get("tool_calls")) for message in conversation.messages)
        return calls(*rounds[played]) if played < len(rounds) else Answer(text="I wait.")

    return Says(answer)


async def test_what_a_call_needed_is_free_once_it_is_over(tmp_path: Path) -> None:
    agent = Agent("clerk", tools=[Hall().tool(needs=["hall"], at_once=1)], policy="allow-all")
    mind = holder([call("enter", who="x")], [call("wait_for", event="evening")])
    async with open_office(tmp_path / "b.db", [agent], mind, resources=[Resource("hall", lease=None)]) as baton:
        run = await baton.submit("go")
        assert (await soon(run.settled())).status == "waiting"
        assert await baton.shared.reservations() == []


async def test_an_agent_reserves_over_turns_and_its_end_gives_back(tmp_path: Path) -> None:
    agent = Agent("clerk", resources=["hall", "yard"], policy="allow-all")
    mind = holder([call("reserve_resources", resources=["hall", "yard"])], [call("finish", summary="done")])
    shared = [Resource("hall", lease=None), Resource("yard", lease="1h")]
    async with open_office(tmp_path / "b.db", [agent], mind, resources=shared) as baton:
        run = await baton.submit("go")
        await soon(run.result())
        (line, _) = await tool_lines(run)
        assert line.startswith("reserved: hall (token 1), yard (token 1) until ")
        assert await baton.shared.reservations() == []


async def test_an_agent_waits_is_told_and_gives_back(tmp_path: Path) -> None:
    agent = Agent("clerk", resources=["hall"], policy="allow-all")
    mind = holder([call("reserve_resources", resources=["hall"])], [call("release_resources", resources=["hall"])])
    async with open_office(tmp_path / "b.db", [agent], mind, resources=[Resource("hall", lease=None)]) as baton:
        mine = await baton.shared.reserve("hall", by="ann")
        run = await baton.submit("go")
        await soon(run.settled())
        assert "hall is not free, 1 before you" in (await tool_lines(run))[0]
        await baton.shared.give_back(mine.number)
        lines = await until_lines(run, baton, 3)
    assert lines[1] == "[reserved] You have hall (token 2) until you release it."
    assert lines[2] == "released: hall"


async def until_lines(run: RunHandle, baton: Baton, many: int) -> list[str]:
    def told(tx: Transaction) -> list[str] | None:
        lines = [line.text for line in transcript.read(tx, run.id, 100) if line.role in ("tool", "notice")]
        return lines if len(lines) >= many else None

    return await until(baton.ledger, told)


async def test_who_waits_no_longer_than_it_says_is_told_so(tmp_path: Path, clock: ManualClock) -> None:
    agent = Agent("clerk", resources=["hall"], policy="allow-all")
    mind = holder([call("reserve_resources", resources=["hall"], within="5m")])
    async with open_office(
        tmp_path / "b.db", [agent], mind, resources=[Resource("hall", lease=None)], clock=clock
    ) as baton:
        await baton.shared.reserve("hall", by="ann")
        run = await baton.submit("go")
        await soon(run.settled())
        clock.advance(301.0)
        lines = await until_lines(run, baton, 2)
        assert lines[1] == "[not reserved] hall was not free in the time given."
        assert [one.by for one in await baton.shared.reservations()] == ["ann"]


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (lambda: Agent("clerk", resources=["hall"]), "resources of agent clerk 'hall'"),
        (lambda: Agent("clerk", tools=[Hall().tool(needs=["hall"])]), "needs of tool enter 'hall'"),
        (lambda: Agent("clerk", tools=[Hall().tool(window="night")]), "window of tool enter 'night'"),
        (lambda: Agent("clerk", records={"a": "sometimes"}), "records of agent clerk: a 'sometimes'"),
        (lambda: Agent("clerk", at_once=0), "at_once of agent clerk 0"),
        (lambda: Agent("clerk", tools=[Hall().tool(needs=["a", "a"])]), "needs of tool enter"),
        (lambda: Resource("hall", capacity=0), "capacity of resource hall"),
        (lambda: Resource("the hall"), "name of a resource"),
        (lambda: Resource("hall", lease=0), "lease of resource hall"),
    ],
)
def test_what_cannot_be_is_refused_where_it_is_said(made: Callable[[], Any], told: str) -> None:
    with pytest.raises(InvalidValue) as error:
        Baton(agents=[made()])
    assert told in str(error.value)


async def test_an_agent_that_is_taken_on_brings_no_limit_along_that_the_record_does_not_know(tmp_path: Path) -> None:
    agent = Agent("clerk", tools=[Hall().tool(needs=["hall"], at_once=2)], at_once=3)
    async with open_office(tmp_path / "b.db", [agent], script(), resources=[Resource("hall")]) as baton:
        baton.employ(replace(agent, instructions="Be quick."))
        with pytest.raises(InvalidValue, match="at_once of agent clerk"):
            baton.employ(replace(agent, at_once=4))
        with pytest.raises(InvalidValue, match="needs of tool enter"):
            baton.employ(replace(agent, tools=[Hall().tool(needs=["yard"], at_once=2)]))
        assert baton.agents["clerk"].instructions == "Be quick."


async def test_a_run_that_has_ended_reserves_nothing(ledger: Ledger) -> None:
    run = (await ledger.write(lambda tx: runs.create(tx, Goal("x"), "clerk")))[0]
    await ledger.write(lambda tx: runs.end(tx, run, "done", ""))
    with pytest.raises(Conflict, match="has ended"):
        await ledger.write(
            lambda tx: reservations.ask(
                tx, ["a"], by="clerk", tenant="local", scope="run", run=RunId(run), key=ActionId("k")
            )
        )


@on_both
async def test_only_so_many_runs_of_an_agent_are_at_work(database: str) -> None:
    hall = Hall(2)
    agents = [Agent("clerk", tools=[hall.tool()], policy="allow-all", at_once=2)]
    async with open_office(database, agents, _patient()) as baton:
        begun = [await baton.submit(f"go {number}") for number in range(7)]
        for run in begun:
            await soon(run.result())
    assert hall.most == 2


@on_both
async def test_only_so_many_runs_of_a_tenant_are_at_work_and_others_pass(database: str) -> None:
    halls = Hall()
    agents = [Agent("clerk", tools=[halls.tool()], policy="allow-all")]
    async with open_office(database, agents, _patient(), limits={"local": 1}) as baton:
        begun = [await baton.submit(f"go {number}") for number in range(4)]
        for run in begun:
            await soon(run.result())
    assert halls.most == 1


PROJECT = """
agents:
  - name: clerk
    instructions: Be quick.
    tools: ["tools.py:send"]
    resources: [press]
    records: {"stock.*": merge, prices: ask}
    at_once: {least: 2, most: 8}
resources:
  - {name: press, capacity: 2, lease: 1h}
windows:
  business hours: {zone: Europe/Berlin, hours: {mon-fri: "08:00-17:00"}, holidays: DE}
limits:
  tenants: {acme: 4}
"""

TOOLS = '''
from baton import tool

@tool(needs=["press"], window="business hours", recall="10m", at_once="auto")
def send(to: str) -> str:
    """Send."""
    return to
'''


def test_a_project_file_says_what_is_shared(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text(TOOLS)
    (tmp_path / "baton.yaml").write_text(PROJECT)
    project = load_project(tmp_path / "baton.yaml")
    (agent,) = project.agents
    assert project.resources == (Resource("press", capacity=2, lease="1h"),)
    assert project.windows["business hours"].zone == "Europe/Berlin"
    assert project.limits == {"acme": 4}
    assert agent.at_once == Adaptive(least=2, most=8) and agent.specs["send"].at_once == Adaptive()
    assert {"reserve_resources", "release_resources", "recall_action", "read_record"} <= agent.specs.keys()
    Baton(**project.settings)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("resources: [press]", "resources: [oven]", "baton.yaml:3: agents.0: resources of agent clerk 'oven'"),
        ("business hours: {zone", "nights: {zone", "window of tool send 'business hours'"),
        ("Europe/Berlin", "Europe/Nowhere", "windows.business hours.zone"),
        ('"08:00-17:00"', '"8 to 5"', "windows.business hours.hours.mon-fri"),
        ("capacity: 2", "capacity: 0", "baton.yaml:10: resources.0: capacity of resource press"),
        ("acme: 4", "acme: 0", "limits.tenants.acme"),
        ("prices: ask", "prices: sometimes", "records of agent clerk: prices"),
    ],
)
def test_a_project_file_that_cannot_be_is_refused_with_its_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    (tmp_path / "tools.py").write_text(TOOLS)
    (tmp_path / "baton.yaml").write_text(PROJECT.replace(old, new))
    with pytest.raises(InvalidFile) as error:
        load_project(tmp_path / "baton.yaml")
    assert told in str(error.value)
