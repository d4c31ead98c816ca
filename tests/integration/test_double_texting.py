"""Messages that come while a run is at work: together, one by one, at once, or refused; never lost, never twice."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from baton import Agent, Attachment, Baton, load_project, tool
from baton.agents.simulated import Answer, Conversation
from baton.core import Busy, Delta, InvalidValue, ModelReply, ModelRequest, Role, ToolCall
from baton.ledger import events, growth, mail, runs, texting
from support import Says, call, calls, on_both, open_office, reached, script, soon, text_rows
from support.commands import baton as typed
from support.serving import serve_office


class Slow:
    """A model that answers its first request once it is let, and keeps what it was asked."""

    def __init__(self, *rounds: ModelReply) -> None:
        self.asked: list[list[str]] = []
        self.rounds = list(rounds)
        self.go = asyncio.Event()

    async def complete(self, request: ModelRequest, on_delta: Delta | None = None) -> ModelReply:
        self.asked.append([str(one["content"]) for one in request.messages if one["role"] == "user"])
        at = len(self.asked)
        if at == 1:
            await self.go.wait()
        return self.rounds[at - 1] if at <= len(self.rounds) else ModelReply(text=f"answer {at}")


def does(*made: tuple[str, dict[str, Any]]) -> ModelReply:
    return ModelReply(calls=tuple(ToolCall(name=name, arguments=json.dumps(given)) for name, given in made))


def office(database: str | Path, agents: list[Agent], model: Slow, **more: Any) -> Baton:
    return Baton(agents=agents, database=database, model=model, **more)


def clerk(how: str, *tools: Any) -> Agent:
    return Agent("clerk", tools=list(tools), policy="allow-all", double_texting=how)  # type: ignore[arg-type]


async def played(database: str, how: str) -> list[list[str]]:
    """What the model was asked where two people write three messages while it answers the first one."""
    mind = Slow()
    async with office(database, [clerk(how)], mind) as baton:
        run = await baton.submit("talk")
        await reached(lambda: mind.asked)
        for sender, text in (("ann", "one"), ("bob", "two"), ("ann", "three")):
            await run.message(text, sender=sender)
        mind.go.set()
        await soon(run.result())
    return [asked[1:] for asked in mind.asked]


@on_both
async def test_merged_all_that_is_unread_is_read_together(database: str) -> None:
    assert await played(database, "merge") == [[], ["one", "two", "three"]]


@on_both
async def test_queued_each_message_has_its_own_turn_in_order(database: str) -> None:
    assert await played(database, "queue") == [[], ["one"], ["one", "two"], ["one", "two", "three"]]


@on_both
async def test_interrupting_the_call_in_flight_is_abandoned_and_the_message_read_at_once(database: str) -> None:
    mind = Slow()
    async with office(database, [clerk("interrupt")], mind) as baton:
        run = await baton.submit("talk")
        await reached(lambda: mind.asked)
        await run.message("one", sender="ann")
        await soon(run.result())  # though the first call is never let go
        mind.go.set()
        lines = await run.transcript()
        known = await run.status()
        stopped = await baton.ledger.read(lambda tx: events.latest(tx, run.id, "turn.interrupted"))
    assert [asked[1:] for asked in mind.asked] == [[], ["one"]]
    assert [line.text for line in lines if line.role == "assistant"] == ["answer 2"]
    assert (known.turns, len(stopped)) == (1, 1)


@on_both
async def test_interrupting_a_write_under_way_is_confirmed_and_the_next_is_left(database: str, tmp_path: Path) -> None:
    began, go, done = asyncio.Event(), asyncio.Event(), list[int]()

    @tool
    async def pay(cents: int) -> str:
        """Pay."""
        began.set()
        await go.wait()
        done.append(cents)
        return f"paid {cents}"

    rounds = [does(("pay", {"cents": 1}), ("pay", {"cents": 2})), ModelReply(text="stopped")]
    mind = Slow(*rounds)
    mind.go.set()
    async with office(database, [clerk("interrupt", pay)], mind) as baton:
        run = await baton.submit("pay")
        await soon(began.wait())
        await run.message("stop", sender="ann")
        go.set()
        await soon(run.result())
        told = [line.text for line in await run.transcript() if line.role == "tool"]
        effects = await text_rows(baton.ledger, "SELECT state FROM effects")
    assert done == [1]
    assert told[0] == "paid 1" and "a new message came first" in told[1]
    assert effects == [("done",)]
    assert mind.asked[1][1:] == ["stop"]


@on_both
async def test_one_look_serves_all_runs_whose_model_is_asked(database: str) -> None:
    from baton.graph.interrupting import Doorbell

    async with Baton(agents=[clerk("merge")], database=database, model=Slow(), dispatch=False) as baton:
        doorbell = Doorbell(baton.ledger)
        opened = [await baton.submit("talk") for _ in range(3)]
        ids = [run.id for run in opened]
        waits = {
            (id, how): asyncio.ensure_future(doorbell.rings(id, 0, any_message=how))
            for id in ids
            for how in (True, False)
        }
        await asyncio.sleep(0.5)
        assert not any(one.done() for one in waits.values())
        await opened[0].message("at once", sender="ann", urgent=True)
        await opened[1].message("when you can", sender="ann")
        rung = {(ids[0], True), (ids[0], False), (ids[1], True)}
        await asyncio.wait_for(asyncio.gather(*(waits[one] for one in rung)), 10)
        await asyncio.sleep(0.5)
        assert {one for one, wait in waits.items() if wait.done()} == rung
        for wait in waits.values():
            wait.cancel()


@on_both
async def test_a_message_that_is_urgent_itself_interrupts_any_agent(database: str) -> None:
    mind = Slow()
    async with office(database, [clerk("merge")], mind) as baton:
        run = await baton.submit("talk")
        await reached(lambda: mind.asked)
        await run.message("not this", sender="ann")
        await run.message("this", sender="ann", urgent=True)
        await soon(run.result())
        mind.go.set()
    assert [asked[1:] for asked in mind.asked] == [[], ["not this", "this"]]


@on_both
async def test_rejecting_a_message_is_refused_while_it_works_by_whichever_process(database: str) -> None:
    mind = Slow(does(("wait", {"duration": "1h"})))
    async with office(database, [clerk("reject")], mind) as baton:
        run = await baton.submit("talk")
        await reached(lambda: mind.asked)
        async with office(database, [], mind, dispatch=False) as other:
            with pytest.raises(Busy, match=r"clerk takes no message meanwhile: say it again in 5 s"):
                await (await other.open(run.id)).message("one", sender="ann")
        mind.go.set()
        await soon(run.settled())
        await run.message("two", sender="ann", attachments=[Attachment("mail", "x")])
        assert await text_rows(baton.ledger, "SELECT count(*) FROM messages WHERE kind = 'user'") == [(2,)]
    async with office(database, [clerk("merge")], mind) as baton:
        assert await baton.ledger.read(texting.known) == {"clerk": "merge"}


@on_both
async def test_over_http_a_refused_message_says_when_to_come_again(database: str) -> None:
    began, go = asyncio.Event(), asyncio.Event()

    @tool
    async def look() -> str:
        """Look."""
        began.set()
        await go.wait()
        return "seen"

    async with serve_office(database, clerk("reject", look), mind=script([call("look")])) as served:
        ann = await served.person("ann", Role.REQUESTER)
        made = await served.http.post("/api/v1/runs", json={"statement": "talk"}, headers=ann)
        where = f"/api/v1/runs/{made.json()['id']}/messages"
        await soon(began.wait())
        refused = await served.http.post(where, json={"text": "one"}, headers=ann)
        assert (refused.status_code, refused.json()["error"]["kind"]) == (409, "Busy")
        assert refused.headers["retry-after"] == "5"
        go.set()


@on_both
async def test_a_cancel_is_not_kept_waiting_behind_queued_messages(database: str) -> None:
    mind = Slow(does(("plan", {"steps": ["go"]})))
    async with office(database, [clerk("queue")], mind) as baton:
        run = await baton.submit("talk")
        await reached(lambda: mind.asked)
        for text in ("one", "two"):
            await run.message(text, sender="ann")
        await run.cancel(by="ann")
        mind.go.set()
        assert (await soon(run.settled())).status == "cancelled"
    assert len(mind.asked) == 1


@on_both
async def test_queued_finishing_leaves_no_message_unread(database: str) -> None:
    mind = Slow(does(("finish", {"summary": "first"})), does(("finish", {"summary": "second"})))
    async with office(database, [clerk("queue")], mind) as baton:
        run = await baton.submit("talk")
        await reached(lambda: mind.asked)
        await run.message("one", sender="ann")
        mind.go.set()
        assert (await soon(run.result())).summary == "second"
    assert [asked[1:] for asked in mind.asked] == [[], ["one"]]


@on_both
async def test_an_answer_that_comes_when_its_giver_has_ended_is_listed_and_kept(database: str) -> None:
    began, go = asyncio.Event(), asyncio.Event()

    @tool
    async def look() -> str:
        """Look."""
        began.set()
        await go.wait()
        return "seen"

    def answer(conversation: Conversation) -> Answer:
        done = list(conversation.results())
        if "# Goal\nhelp" in conversation.user_texts()[0]:
            return calls(call("finish", summary="what was found")) if done else calls(call("look"))
        return Answer(text="waiting") if done else calls(call("hand_off", to="b", task="help"))

    agents = [Agent("a", policy="allow-all", hands_off_to=["b"]), Agent("b", tools=[look], policy="allow-all")]
    async with open_office(database, agents, Says(answer)) as baton:
        run = await baton.submit("go")
        await soon(began.wait())
        (child,) = await baton.ledger.read(lambda tx: runs.children(tx, run.id))
        await baton.ledger.write(lambda tx: runs.end(tx, run.id, "failed", "as if by an older Baton"))
        go.set()
        await soon((await baton.open(child.id)).settled())
        (kept,) = await baton.ledger.read(texting.listed)
        await growth.sweep(baton.ledger)
        (still,) = await baton.ledger.read(texting.listed)
    assert (kept.run, kept.sender, kept.ref) == (run.id, "b", child.id)
    assert "what was found" in kept.text and "ended" in kept.why
    assert still == kept


async def test_at_a_terminal_something_is_said_and_what_reached_nobody_is_listed(tmp_path: Path) -> None:
    async with office(tmp_path / ".baton" / "baton.db", [clerk("merge")], Slow(), dispatch=False) as baton:
        run = await baton.submit("talk")
    assert "as soon as agents work" in typed(tmp_path, "messages", "say", run.id, "hello", "--urgent").out
    assert typed(tmp_path, "messages", "dead").out == "Everything was delivered.\n"
    assert typed(tmp_path, "messages", "dead", "--json").json == {"undelivered": []}
    async with office(tmp_path / ".baton" / "baton.db", [], Slow(), dispatch=False) as baton:
        (one,) = await baton.ledger.read(lambda tx: mail.unread(tx, run.id, 0))
        assert one.text == "hello"


def test_what_it_may_be_is_checked(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="merge or queue or interrupt or reject"):
        clerk("drop")
    file = tmp_path / "agents.yaml"
    file.write_text("agents: [{name: a, instructions: x, double_texting: queue}]")
    assert load_project(file).agents[0].double_texting == "queue"
