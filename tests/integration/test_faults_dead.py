"""Runs in trouble: their class, what counts as a worker's death, and how they are let go on."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from baton import Agent, Baton, Budget, Fault, Goal, tool
from baton.agents import OpenAIModel, SimulatedServer
from baton.agents.simulated import Answer, Conversation
from baton.core import Delta, ModelRefused, ModelReply, ModelRequest, ModelUnavailable
from baton.graph import Advancer, Dispatcher, Office
from baton.ledger import Lease, leases, runs
from support import SERIAL, Says, call, calls, commands, open_office, run_row, script, soon, text_rows, until


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "baton.db"


class Broken:
    """A model that raises, until it is mended."""

    def __init__(self, error: Exception) -> None:
        self.error: Exception | None = error

    async def complete(self, request: ModelRequest, on_delta: Delta | None = None) -> ModelReply:
        if self.error is not None:
            raise self.error
        return ModelReply(text="well again")


@pytest.mark.parametrize(
    ("error", "fault", "tries"),
    [
        (ModelRefused("m", "wrong key"), Fault.LASTING, 1),
        (ModelUnavailable("m", "down"), Fault.TRANSIENT, 2),
        (ZeroDivisionError("a bug"), Fault.LASTING, 2),
    ],
)
async def test_a_dead_letter_says_its_class_and_is_let_go_on(
    database: Path, error: Exception, fault: Fault, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baton.graph.advance.TRIES", tries)
    monkeypatch.setattr(leases, "pause", _at_once(leases.pause))
    model = Broken(error)
    async with Baton(agents=[Agent("clerk"), Agent("other")], database=database, model=model) as baton:
        run = await baton.submit("go")
        assert (await soon(run.settled())).status == "waiting"
        (letter,) = await baton.dead()
        assert (letter.run.id, letter.fault, letter.tries) == (run.id, fault, tries)
        assert str(error) in letter.said
        row = await run_row(baton, run.id)
        assert (row.fault, row.trouble) == (fault, letter.said)
        assert await baton.dead(fault=fault, agent="clerk") == [letter]
        assert await baton.dead(fault=Fault.POISONED) == await baton.dead(agent="other") == []

        model.error = None
        (done,) = await baton.retry(run.id, by="ann")
        assert (done.run, done.error) == (run.id, None)
        assert (await soon(run.result())).summary == "well again"
        assert await baton.dead() == []
        row = await run_row(baton, run.id)
        assert (row.fault, row.trouble) == (None, None)
        decided = await text_rows(baton.ledger, 'SELECT kind, "by" FROM decisions')
        assert decided == [("approve", "ann")]


def _at_once(pause: Callable[..., None]) -> Callable[..., None]:
    return lambda tx, lease, said, _seconds, **more: pause(tx, lease, said, 0.0, **more)


async def test_a_budget_that_is_used_up_is_its_own_class(database: Path) -> None:
    mind = Says(lambda conversation: calls(call("plan", steps=[str(len(conversation.messages))])))
    async with open_office(database, [Agent("clerk")], mind) as baton:
        run = await baton.submit(Goal("go", budget=Budget(turns=2)))
        await soon(run.settled())
        (letter,) = await baton.dead(fault=Fault.EXHAUSTED)
        assert letter.run.fault is Fault.EXHAUSTED
        await run.message("hurry")  # it is looked at, and still in trouble
        await soon(run.settled())
        assert [one.review for one in await baton.dead(fault=Fault.EXHAUSTED)] == [letter.review]


async def test_what_cannot_be_retried_is_told_beside_what_can(database: Path) -> None:
    async with Baton(agents=[Agent("clerk")], database=database, model=Broken(ModelRefused("m", "no"))) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
        done = await baton.retry("run_nothing", run.id, run.id)
    told = [str(one.error) if one.error else None for one in done]
    assert told[0] is not None and "there is no run 'run_nothing'" in told[0]
    assert told[1] is None
    assert told[2] is not None and "it is not in trouble" in told[2]


async def test_the_commands_list_and_retry(tmp_path: Path) -> None:
    database = tmp_path / "baton.db"
    async with Baton(
        agents=[Agent("clerk"), Agent("desk")], database=database, model=Broken(ModelRefused("m", "no"))
    ) as baton:
        for agent in ("clerk", "clerk", "desk"):
            run = await baton.submit("go", agent=agent)
            await soon(run.settled())

    def say(*words: str) -> commands.Done:
        return commands.baton(tmp_path, "runs", *words, "-d", str(database))

    listed = say("dead", "--json").json["dead"]
    assert [(one["agent"], one["fault"]) for one in listed] == [
        ("clerk", "lasting"),
        ("clerk", "lasting"),
        ("desk", "lasting"),
    ]
    assert say("dead", "--fault", "poisoned").out.strip() == "No run is in trouble."
    shown = say("dead").out
    assert all(one["run"] in shown for one in listed)
    assert {one["fault"] for one in say("list", "--json").json["runs"]} == {"lasting"}
    assert say("show", listed[0]["run"], "--json").json["fault"] == "lasting"

    assert (
        say("retry").code == say("retry", "--all", listed[0]["run"]).code == say("retry", "--fault", "code").code == 2
    )
    bulk = say("retry", "--all", "--agent", "clerk", "--json")
    assert (bulk.code, [one["error"] for one in bulk.json["retried"]]) == (0, [None, None])
    mixed = say("retry", listed[2]["run"], listed[0]["run"], "--note", "now", "--json")
    assert mixed.code == 1
    assert mixed.json["retried"][0] == {"run": listed[2]["run"], "error": None}
    assert "it is not in trouble" in mixed.json["retried"][1]["error"]
    assert say("dead", "--json").json == {"dead": []}


LOOK = script([call("look")])


class Looker:
    """An agent whose tool waits for ever, the first time."""

    def __init__(self) -> None:
        self.begun, self.released = asyncio.Event(), asyncio.Event()

        @tool(effect="read")
        async def look() -> str:
            self.begun.set()
            await self.released.wait()
            return "seen"

        self.agent = Agent("clerk", tools=[look], policy="allow-all")


async def test_a_worker_that_stops_gives_its_run_back_and_that_is_no_death(database: Path) -> None:
    looker = Looker()
    for _ in range(4):
        async with open_office(database, [looker.agent], LOOK) as baton:
            run = await baton.submit("go", key="one")
            await soon(looker.begun.wait())
        looker.begun.clear()
    looker.released.set()
    async with open_office(database, [looker.agent], LOOK) as baton:
        assert (await soon((await baton.open(run.id)).result())).status == "done"
        assert await text_rows(baton.ledger, "SELECT * FROM events WHERE kind = 'run.taken_over'") == []


async def test_deaths_since_the_last_step_count_and_a_step_forgives_them(database: Path) -> None:
    looker = Looker()
    looker.released.set()
    async with open_office(database, [looker.agent], LOOK, dispatch=False) as baton:
        run = (await baton.submit("go")).id
        for number in range(3):
            lease = await _lease(baton, run, f"w{number}")
            assert (lease.takeovers, lease.epoch) == (number, number + 1)
            await _expire(baton)
        lost = await text_rows(baton.ledger, "SELECT data FROM events WHERE kind = 'run.taken_over' ORDER BY id")
        assert [json.loads(data)["owner"] for (data,) in lost] == ["w0", "w1"]
        assert (await _lease(baton, run, "w2")).takeovers == 2  # it comes back to its own: nobody died
        await _expire(baton)
        await baton.ledger.write(leases.free_all)
        row = await run_row(baton, run)
        assert (row.takeovers, row.working) == (3, False)
        await baton.ledger.write(lambda tx: tx.connection.exec_driver_sql("UPDATE runs SET takeovers = 2"))

        assert await Advancer(_office(baton), "last").advance(run)
        row = await run_row(baton, run)
        assert (row.status, row.takeovers) == ("done", 0)


async def test_a_step_forgives_deaths_before_the_run_is_parked(database: Path) -> None:
    looker = Looker()
    async with open_office(database, [looker.agent], LOOK, dispatch=False) as baton:
        run = (await baton.submit("go")).id
        await baton.ledger.write(lambda tx: tx.connection.exec_driver_sql("UPDATE runs SET takeovers = 2"))
        working = asyncio.create_task(Advancer(_office(baton), "w").advance(run))
        await soon(looker.begun.wait())  # the model's answer is on record
        row = await run_row(baton, run)
        assert (row.working, row.takeovers) == (True, 0)
        looker.released.set()
        assert await soon(working)


async def test_suspects_go_one_at_a_time_and_the_others_beside_them(database: Path) -> None:
    looker = Looker()
    async with open_office(database, [looker.agent], LOOK, dispatch=False) as baton:
        ids = [(await baton.submit(str(number))).id for number in range(4)]
        mark = f"UPDATE runs SET takeovers = 1 WHERE id <> '{ids[3]}'"
        await baton.ledger.write(lambda tx: tx.connection.exec_driver_sql(mark))
        assert len((await baton.ledger.read(lambda tx: leases.ready(tx, 9)))["local"]) == 4
        first = await _lease(baton, ids[0], "w")
        assert await baton.ledger.read(lambda tx: leases.ready(tx, 9)) == {"local": [ids[3]]}
        assert await baton.ledger.write(lambda tx: leases.take(tx, ids[1], "w", 30)) is None
        await baton.ledger.write(lambda tx: leases.park(tx, first))
        assert await baton.ledger.write(lambda tx: leases.take(tx, ids[1], "w", 30))


async def test_suspects_are_taken_up_as_soon_as_the_one_before_has_moved(database: Path) -> None:
    looker = Looker()
    looker.released.set()
    async with open_office(database, [looker.agent], LOOK, dispatch=False) as baton:
        made = [await baton.submit(str(number)) for number in range(5)]
        await baton.ledger.write(lambda tx: tx.connection.exec_driver_sql("UPDATE runs SET takeovers = 2"))
        dispatcher = Dispatcher(_office(baton))
        await dispatcher.start()
        try:
            for run in made:
                assert (await soon(run.result())).status == "done"
        finally:
            await dispatcher.stop()


async def test_an_endpoint_that_keeps_failing_is_left_alone_for_a_while(database: Path) -> None:
    asked: list[int] = []

    def never(_: Conversation) -> Answer:
        asked.append(1)
        return Answer(text="")

    async with SimulatedServer(Says(never)) as server:
        url = server.base_url
    async with OpenAIModel(base_url=url, api_key="simulated", retries=SERIAL) as model:
        request = ModelRequest(model="m", messages=({"role": "user", "content": "hi"},))
        for _ in range(5):
            with pytest.raises(ModelUnavailable, match="no connection") as told:
                await model.complete(request)
            assert told.value.after is None
        with pytest.raises(ModelUnavailable, match=r"not called: .* has failed 5 times in a row") as told:
            await model.complete(request)
        assert told.value.after is not None
        assert 0 < told.value.after <= 30


async def test_a_run_waits_as_long_as_its_endpoint_is_left_alone_and_that_is_no_failure(database: Path) -> None:
    model = Broken(ModelUnavailable("m", "not called", after=3600.0))
    async with Baton(agents=[Agent("clerk")], database=database, model=model) as baton:
        run = await baton.submit("go")
        await until(baton.ledger, lambda tx: runs.get(tx, run.id).trouble)
        row = await run_row(baton, run.id)
        assert (row.attempts, row.fault, row.status) == (0, Fault.TRANSIENT, "ready")
        (pause,) = await text_rows(baton.ledger, "SELECT data FROM events WHERE kind = 'run.troubled'")
        assert json.loads(pause[0])["again_in"] == 3600


async def _lease(baton: Baton, run: str, owner: str) -> Lease:
    lease = await baton.ledger.write(lambda tx: leases.take(tx, run, owner, 30))  # type: ignore[arg-type]
    assert lease is not None
    return lease


async def _expire(baton: Baton) -> None:
    await baton.ledger.write(lambda tx: tx.connection.exec_driver_sql("UPDATE runs SET lease_until = 0"))


def _office(baton: Baton) -> Office:
    return Office(ledger=baton.ledger, team=baton._team, live=lambda _run, _turn: None)
