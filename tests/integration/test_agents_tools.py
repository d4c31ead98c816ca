"""Tools as they misbehave: what they raise, how long they take, how much they return, and what becomes of it."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from baton import Agent, Baton, tool
from baton.agents.simulated import Answer, Conversation
from baton.core import BodyId, InvalidValue
from baton.ledger import DecisionKind, ReviewKind, bodies
from support import Says, call, calls, open_office, run_row, script, soon, text_rows, tool_lines


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "baton.db"


async def _told(database: Path, agent: Agent, *rounds: list[Any]) -> list[str]:
    """What an agent is told as it plays some rounds of calls to the end."""
    async with open_office(database, [agent], script(*rounds)) as baton:
        run = await baton.submit("go")
        await soon(run.result())
        return await tool_lines(run)


def _agent(*tools: Any) -> Agent:
    return Agent("clerk", tools=tools, policy="allow-all")


@pytest.mark.parametrize("effect", ["read", "write"])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("no such order"), "error: no such order"),
        (KeyError("4417"), "error: '4417'"),
        (RuntimeError(), "error: RuntimeError"),
        (StopIteration("x"), "error: "),
    ],
)
async def test_what_a_tool_raises_is_told_and_the_run_goes_on(
    database: Path, effect: Any, error: BaseException, told: str
) -> None:
    times: list[int] = []

    @tool(effect=effect)
    async def break_() -> str:
        times.append(1)
        raise error

    lines = await _told(database, _agent(break_), [call("break_")])
    assert len(lines) == 1
    assert lines[0].startswith(told)
    assert times == [1]


async def test_a_read_that_does_not_answer_is_an_error(database: Path) -> None:
    @tool(effect="read", timeout=0.05, retries=1)
    async def hang() -> str:
        await asyncio.Event().wait()
        return "never"

    assert await _told(database, _agent(hang), [call("hang")]) == ["error: no answer within 0.05 s"]


async def test_a_sync_tool_that_hangs_does_not_hold_up_the_others(database: Path) -> None:
    released = threading.Event()

    @tool(effect="read", timeout=0.1, retries=1)
    def hang() -> str:
        released.wait(20)
        return "late"

    @tool(effect="read")
    def where() -> str:
        return threading.current_thread().name

    try:
        lines = await _told(database, _agent(hang, where), [call("hang"), call("where")])
    finally:
        released.set()
    assert lines[0] == "error: no answer within 0.1 s"
    assert lines[1] != threading.main_thread().name


class Mailer:
    """Sends, and loses the connection in one of several ways."""

    def __init__(self, *, sends: bool, loses: BaseException | None) -> None:
        self.sent: list[str] = []
        self._sends, self._loses = sends, loses

    async def send(self, key: str) -> str:
        if self._sends:
            self.sent.append(key)
        if self._loses is not None:
            loses, self._loses = self._loses, None
            raise loses
        if not self._sends:
            self.sent.append(key)
        return "sent"

    def reconcile(self, key: str) -> str | None:
        return "sent, says the outbox" if key in self.sent else None


LOST = ConnectionResetError("reset")


@pytest.mark.parametrize("sends", [True, False])
@pytest.mark.parametrize("loses", [LOST, TimeoutError(), asyncio.CancelledError("from within")])
async def test_a_write_whose_fate_is_unknown_is_asked_of_the_world(
    database: Path, sends: bool, loses: BaseException
) -> None:
    mailer = Mailer(sends=sends, loses=loses)

    @tool(reconcile=mailer.reconcile)
    async def send(*, key: str) -> str:
        return await mailer.send(key)

    (line,) = await _told(database, _agent(send), [call("send")])
    assert line == "sent, says the outbox" if sends else line.endswith("it did not happen")
    assert len(mailer.sent) == (1 if sends else 0)


@pytest.mark.parametrize(
    ("kind", "sent", "state", "told"),
    [
        (DecisionKind.APPROVE, 2, "done", "[review {} approved by ann] send: sent"),
        (DecisionKind.RESPOND, 1, "done", "[review {} answered by ann] send: it is in the outbox"),
        (
            DecisionKind.REJECT,
            1,
            "doubt",
            "[review {} send stopped by ann] It is not run again; nobody knows whether it happened. "
            "it is in the outbox",
        ),
    ],
)
async def test_a_write_that_nobody_can_tell_of_is_asked_of_a_person(
    database: Path, kind: DecisionKind, sent: int, state: str, told: str
) -> None:
    mailer = Mailer(sends=True, loses=LOST)

    @tool
    async def send(*, key: str) -> str:
        return await mailer.send(key)

    async with open_office(database, [_agent(send)], script([call("send")])) as baton:
        run = await baton.submit("go")
        assert (await soon(run.settled())).status == "waiting"
        (review,) = await baton.reviews.waiting()
        assert review.kind is ReviewKind.DOUBT
        assert review.question["summary"] == "Did send happen? The connection was lost: reset."
        assert mailer.sent == [review.action]
        with pytest.raises(InvalidValue, match="approve or respond or reject"):
            await baton.edit(review.id, {})
        await {
            DecisionKind.APPROVE: lambda: baton.approve(review.id, by="ann"),
            DecisionKind.RESPOND: lambda: baton.respond(review.id, "it is in the outbox", by="ann"),
            DecisionKind.REJECT: lambda: baton.reject(review.id, "it is in the outbox", by="ann"),
        }[kind]()
        await soon(run.result())
        assert (await text_rows(baton.ledger, "SELECT state FROM effects")) == [(state,)]
        assert (await tool_lines(run))[-1] == told.format(review.id)
    assert len(mailer.sent) == sent
    assert set(mailer.sent) == {review.action}


async def test_a_doubt_outlives_a_finish_of_the_same_answer(database: Path) -> None:
    mailer = Mailer(sends=True, loses=LOST)

    @tool
    async def send(*, key: str) -> str:
        return await mailer.send(key)

    mind = script([call("send"), call("finish", summary="all sent")])
    async with open_office(database, [_agent(send)], mind) as baton:
        run = await baton.submit("go")
        assert (await soon(run.settled())).status == "waiting"
        (review,) = await baton.reviews.waiting()
        assert review.kind is ReviewKind.DOUBT
        assert (await tool_lines(run))[-1].startswith("error: not yet")
        await baton.respond(review.id, "it was sent")
        assert (await soon(run.result())).status == "done"


async def test_a_reconcile_that_fails_leaves_it_to_a_person(database: Path) -> None:
    def reconcile(key: str) -> str:
        raise OSError("outbox is closed")

    @tool(reconcile=reconcile)
    async def send() -> str:
        raise LOST

    async with open_office(database, [_agent(send)], script([call("send")])) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
        (review,) = await baton.reviews.waiting()
        assert "cannot tell whether it happened: outbox is closed" in review.question["summary"]


async def test_ten_megabytes_are_stored_once_shown_cut_and_read_on(database: Path) -> None:
    size = 10_000_000
    text = "".join(f"{number:09d}\n" for number in range(size // 10))
    pieces: list[str] = []

    @tool(effect="read")
    async def dump() -> str:
        return text

    def answer(conversation: Conversation) -> Answer:
        results = list(conversation.results())
        if not results:
            return calls(call("dump"))
        handle = int(results[0][2].rpartition("handle=")[2].split(",")[0])
        if len(results) < 4:
            offset = [20_000, 28_000, size - 5][len(results) - 1]
            return calls(call("read_on", handle=handle, offset=offset))
        pieces.extend(result for _, _, result in results)
        return Answer(text=str(handle))

    async with open_office(database, [_agent(dump)], Says(answer)) as baton:
        result = await soon((await baton.submit("go")).result())
        handle = int(result.summary)
        stored = (await text_rows(baton.ledger, "SELECT sum(length(text)) FROM bodies"))[0][0]
        whole = await baton.ledger.read(lambda tx: bodies.load(tx, [BodyId(handle)]))
        assert whole[BodyId(handle)] == text

        refused = script([call("read_on", handle=handle, offset=0)])
    assert pieces[0].startswith(text[:20_000] + "\n[cut after 20000 of 10000000 characters; read_on(")
    assert pieces[1].startswith(text[20_000:28_000] + "\n[characters 20000 to 28000 of 10000000")
    assert pieces[2].startswith(text[28_000:36_000])
    assert pieces[3] == text[-5:]
    assert stored < size + 60_000

    async with open_office(database, [_agent(dump)], refused) as baton:
        stranger = await baton.submit("look at what the other run has read")
        await soon(stranger.result())
        assert await tool_lines(stranger) == [f"error: this run has no result with handle {handle}"]


@pytest.mark.parametrize("arguments", [{"handle": 10**30}, {"handle": 1, "offset": 10**30}, {"handle": -(10**30)}])
async def test_a_handle_beyond_all_numbers_is_an_error_and_not_the_end(
    database: Path, arguments: dict[str, int]
) -> None:
    (line,) = await _told(database, _agent(), [call("read_on", **arguments)])
    assert line.startswith("error: ")


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ({"a": [1, None, 2.5]}, '{"a": [1, null, 2.5]}'),
        (None, "null"),
        ("text as it is", "text as it is"),
        (float("nan"), '"NaN"'),
        ({"far": float("-inf")}, '{"far": "-Infinity"}'),
        ("half a pair \ud83d here", "half a pair ? here"),
        ("before\0after", "before\ufffdafter"),
        ({"deep": "\udc00"}, '{"deep": '),
    ],
)
async def test_every_result_becomes_text_that_can_be_kept(database: Path, result: Any, told: str) -> None:
    @tool(effect="read")
    async def give() -> Any:
        return result

    (line,) = await _told(database, _agent(give), [call("give")])
    assert line.startswith(told)


async def test_what_json_lacks_is_told_by_its_repr(database: Path) -> None:
    class Receipt:
        def __repr__(self) -> str:
            return "Receipt(7)"

    @tool(effect="read")
    async def give() -> Any:
        return Receipt()

    assert await _told(database, _agent(give), [call("give")]) == ['"Receipt(7)"']


async def test_reads_that_stand_together_run_at_once_and_writes_in_order(database: Path) -> None:
    seen: list[str] = []
    both = asyncio.Barrier(2)

    @tool(effect="read")
    async def look(what: str) -> str:
        await both.wait()  # each needs the other to be running
        seen.append(f"look {what}")
        return what

    @tool
    async def put(what: str) -> str:
        seen.append(f"begin {what}")
        await asyncio.sleep(0)
        await asyncio.sleep(0.01 if what == "1" else 0)
        seen.append(f"end {what}")
        return what

    made = [call("put", what="1"), call("look", what="a"), call("look", what="b"), call("put", what="2")]
    lines = await _told(database, _agent(look, put), made)
    assert lines == ["1", "a", "b", "2"]
    assert seen[:2] == ["begin 1", "end 1"]
    assert sorted(seen[2:4]) == ["look a", "look b"]
    assert seen[4:] == ["begin 2", "end 2"]


async def test_a_cancel_is_seen_between_two_actions(database: Path) -> None:
    done: list[str] = []

    @tool
    async def put(what: str) -> str:
        done.append(what)
        if what == "1":
            await run.cancel(by="ann")
        return what

    async with open_office(database, [_agent(put)], script([call("put", what="1"), call("put", what="2")])) as baton:
        run = await baton.submit("go")
        result = await soon(run.settled())
    assert result.status == "cancelled"
    assert done == ["1"]


async def test_a_key_is_the_actions_id_and_never_the_models_business(database: Path) -> None:
    keys: list[str] = []
    offered: list[Any] = []

    @tool
    async def pay(cents: int, *, key: str) -> str:
        keys.append(key)
        return "paid"

    def answer(conversation: Conversation) -> Answer:
        offered.append(conversation.tools["pay"])
        results = list(conversation.results())
        return Answer(text="ok") if results else calls(call("pay", cents=1), call("pay", cents=1, key="mine"))

    async with open_office(database, [_agent(pay)], Says(answer)) as baton:
        run = await baton.submit("go")
        await soon(run.result())
        lines = await tool_lines(run)
    assert keys == [f"{run.id}.1.0"]
    assert lines[1].startswith("error: the arguments do not fit: key")
    assert set(offered[0]["parameters"]["properties"]) == {"cents", "_confidence", "_reason"}


async def test_finish_in_one_answer_with_a_hand_off_or_a_wait_is_refused(database: Path) -> None:
    helper = Agent("helper", policy="allow-all")
    boss = Agent("boss", policy="allow-all", hands_off_to=["helper"])

    def answer(conversation: Conversation) -> Answer:
        texts = conversation.user_texts()
        if "help me" in texts[0]:
            return calls(call("finish", summary="helped"))
        if not list(conversation.results()):
            return calls(call("hand_off", to="helper", task="help me"), call("finish", summary="too early"))
        back = any("returned" in text for text in texts)
        return calls(call("finish", summary="with help")) if back else Answer(text="waiting")

    async with open_office(database, [boss, helper], Says(answer)) as baton:
        run = await baton.submit("go")
        result = await soon(run.result())
        statuses = await text_rows(baton.ledger, "SELECT agent, status FROM runs ORDER BY agent")
    assert result.summary == "with help"
    assert statuses == [("boss", "done"), ("helper", "done")]


async def test_a_policy_that_is_missing_denies_every_tool_but_batons_own(database: Path) -> None:
    done: list[str] = []

    @tool(effect="read")
    async def look() -> str:
        done.append("looked")
        return "seen"

    lines = await _told(database, Agent("clerk", tools=[look]), [call("look"), call("plan", steps=["x"])])
    assert lines[0].startswith("denied: ")
    assert lines[1] == "noted"
    assert done == []


async def test_a_run_whose_agent_is_not_here_is_left_alone_and_can_be_cancelled(database: Path) -> None:
    @tool
    async def put(what: str) -> str:
        return what

    async with Baton(agents=[_agent(put)], database=database, dispatch=False) as baton:
        run = await baton.submit("go")
    async with open_office(database, [Agent("other")], script()) as baton:
        await soon((await baton.submit("something else")).result())  # ready later than the other run, and done
        run = await baton.open(run.id)
        assert ((await run.status()).status, (await run.status()).epoch) == ("ready", 0)
        assert await baton.reviews.waiting() == []
        await run.cancel(by="ann")
        assert (await soon(run.settled())).status == "cancelled"


async def test_a_run_that_the_code_at_hand_does_not_fit_can_be_stopped_by_a_person(database: Path) -> None:
    """The tool goes while an approved action waits: the decision about the trouble must reach the run."""

    @tool
    async def put(what: str) -> str:
        return what

    clerk = Agent("clerk", tools=[put], policy="ask-writes")
    async with open_office(database, [clerk], script([call("put", what="1")])) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
        (review,) = await baton.reviews.waiting()
    async with open_office(database, [Agent("clerk")], script()) as baton:
        run = await baton.open(run.id)
        await soon(run.settled())
        await baton.approve(review.id)
        await soon(run.settled())
        (trouble,) = await baton.reviews.waiting()
        assert trouble.kind is ReviewKind.TROUBLE
        await baton.reject(trouble.id, "the clerk has left", by="ann")
        result = await soon(run.settled())
        assert (result.status, result.summary) == ("failed", "stopped by ann: the clerk has left")
        assert (await run_row(baton, run.id)).ended


def _bad_tools() -> list[tuple[str, Any]]:
    def positional(a: int, /) -> None: ...
    def variadic(*a: int) -> None: ...
    def keywords(**a: int) -> None: ...
    def untyped(a) -> None: ...  # type: ignore[no-untyped-def]
    def reserved(_confidence: float) -> None: ...

    return [(function.__name__, function) for function in (positional, variadic, keywords, untyped, reserved)]


@pytest.mark.parametrize(("name", "function"), _bad_tools())
def test_a_signature_that_cannot_be_called_by_name_is_refused(name: str, function: Any) -> None:
    with pytest.raises(InvalidValue, match=f"parameter of tool {name}"):
        tool(function)


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"name": "1st"}, "tool name"),
        ({"name": "with space"}, "tool name"),
        ({"name": "x" * 65}, "tool name"),
        ({"effect": "maybe"}, "effect of tool"),
        ({"timeout": 0}, "timeout of tool"),
        ({"timeout": -1}, "timeout of tool"),
        ({"timeout": float("nan")}, "timeout of tool"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings: dict[str, Any], what: str) -> None:
    def look(what: str) -> str:
        return what

    with pytest.raises(InvalidValue, match=what):
        tool(**settings)(look)


def test_names_that_are_doubled_or_batons_own_are_refused() -> None:
    @tool
    async def finish(summary: str) -> None: ...

    @tool(name="twice")
    async def one() -> None: ...

    for tools in ([finish], [one, one]):
        with pytest.raises(InvalidValue, match="tool of agent clerk"):
            Agent("clerk", tools=tools)
    with pytest.raises(InvalidValue, match="hands_off_to"):
        Baton(agents=[Agent("boss", hands_off_to=["nobody"])])
    with pytest.raises(InvalidValue, match="given once"):
        Baton(agents=[Agent("a"), Agent("a")])


async def test_a_repeatable_write_without_an_answer_is_called_again_with_its_key(database: Path) -> None:
    keys: list[str] = []

    @tool(repeatable=True)
    async def put(what: str, *, key: str) -> str:
        keys.append(key)
        if len(keys) < 3:
            raise ConnectionError("reset")
        return what

    told = await _told(database, _agent(put), [call("put", what="1")])
    assert told[-1] == "1"
    assert len(keys) == 3 and len(set(keys)) == 1
