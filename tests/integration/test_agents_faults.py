"""A model that fails: what passes is tried again, what does not is asked of people, and nothing is lost."""

from collections.abc import Callable
from pathlib import Path

import pytest

from baton import Agent, Baton, Budget, Goal, tool
from baton.agents import OpenAIModel, SimulatedServer
from baton.agents.simulated import Answer, Conversation, Fault, Faults, SimulatedCall
from baton.core import ManualClock
from baton.ledger import ReviewKind, runs
from support import (
    SERIAL,
    CountingMind,
    Says,
    call,
    calls,
    open_office,
    run_row,
    script,
    soon,
    text_rows,
    tool_lines,
    until,
)


class Notes:
    """What was noted."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def agent(self) -> Agent:
        @tool
        async def note(what: str) -> str:
            """Note."""
            self.made.append(what)
            return "noted"

        return Agent("clerk", tools=[note], policy="allow-all")


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "baton.db"


NOTE = script([call("note", what="a")])


@pytest.mark.parametrize("fault", list(Fault))
async def test_a_fault_costs_nothing_but_tries_and_turns(database: Path, notes: Notes, fault: Fault) -> None:
    """A fault of the transport is gone when the same request comes again; of the content, half of all answers fail."""
    lost = {Fault.RATE_LIMIT, Fault.RATE_LIMIT_DATE, Fault.SERVER_ERROR, Fault.UNAVAILABLE, Fault.CUT, Fault.HANG}
    once = Faults(schedule=(fault,), hang=0.01, retry_after=0)
    often = Faults(seed=5, rate=0.5, kinds=(fault,), pause=0.0)

    def persist(conversation: Conversation) -> Answer:
        noted = any(result == "noted" for _, _, result in conversation.results())
        return Answer(text="done") if noted else calls(call("note", what="a"))

    faults = once if fault in lost else often
    async with open_office(database, [notes.agent()], Says(persist), faults=faults) as baton:
        run = await baton.submit("go")
        result = await soon(run.settled())
        while result.status == "waiting":
            (review,) = result.reviews
            assert review.kind is ReviewKind.TROUBLE
            await baton.approve(review.id)
            result = await soon(run.settled())
        tries = await text_rows(baton.ledger, "SELECT max(attempts) FROM model_calls")
    assert result.status == "done"
    assert notes.made == ["a"]
    assert tries == [(2 if fault in lost else 1,)]


BAD: dict[str, Callable[[], Answer]] = {
    "malformed": lambda: calls(SimulatedCall(name="note", arguments='{"what": ')),
    "no object": lambda: calls(SimulatedCall(name="note", arguments="[1]")),
    "no number": lambda: calls(SimulatedCall(name="note", arguments='{"what": NaN}')),
    "wrong type": lambda: calls(call("note", what=["a"])),
    "too deep": lambda: calls(SimulatedCall(name="note", arguments='{"what": ' + "[" * 5_000)),
    "half a pair": lambda: calls(SimulatedCall(name="note", arguments='{"what": "\\ud83d"}')),
    "unknown tool": lambda: calls(call("nota", what="a")),
    "empty": Answer,
    "blank": lambda: Answer(text="  \n"),
    "length": lambda: Answer(text="so I", finish="length"),
    "filtered": lambda: Answer(text="x", finish="content_filter"),
    "refusal": lambda: Answer(refusal="I will not."),
}


def _three_times(bad: Callable[[], Answer]) -> Says:
    """A mind that fails until a person has had a word, then behaves."""

    def answer(conversation: Conversation) -> Answer:
        if not any(said.startswith("[review ") for said in conversation.user_texts()):
            return bad()
        good = [result for name, _, result in conversation.results() if result == "noted"]
        heard = [said for said in conversation.user_texts() if said.startswith("[review ")][-1]
        return Answer(text=heard) if good else calls(call("note", what="a"))

    return Says(answer)


@pytest.mark.parametrize("name", list(BAD))
async def test_three_answers_in_a_row_that_cannot_be_used_are_one_question(
    database: Path, notes: Notes, name: str
) -> None:
    async with open_office(database, [notes.agent()], _three_times(BAD[name])) as baton:
        run = await baton.submit("go")
        assert (await soon(run.settled())).status == "waiting"
        (review,) = await baton.reviews.waiting()
        assert review.kind is ReviewKind.TROUBLE
        assert "3 answers of its model in a row could not be used" in review.question["summary"]
        assert (await run_row(baton, run.id)).turns == 3
        assert len(await tool_lines(run)) == 3
        await baton.ledger.write(lambda tx: runs.wake(tx, run.id))
        await soon(run.settled())
        assert [one.id for one in await baton.reviews.waiting()] == [review.id]

        await baton.respond(review.id, "write it down", by="ann")
        result = await soon(run.result())
        assert "answered by ann] write it down" in result.summary
    assert notes.made == ["a"]


async def test_trouble_that_is_approved_goes_on_and_trouble_that_is_rejected_ends(database: Path, notes: Notes) -> None:
    async with open_office(database, [notes.agent()], _three_times(BAD["empty"])) as baton:
        first, second = await baton.submit("one"), await baton.submit("two")
        await soon(first.settled())
        await soon(second.settled())
        for run, yes in ((first, True), (second, False)):
            (review,) = await baton.reviews.waiting([run.id])
            await (baton.approve(review.id) if yes else baton.reject(review.id, "leave it", by="ann"))
        assert (await soon(first.settled())).status == "done"
        stopped = await soon(second.settled())
        assert (stopped.status, stopped.summary) == ("failed", "stopped by ann: leave it")
    assert notes.made == ["a"]


async def test_one_usable_answer_starts_the_count_anew(database: Path, notes: Notes) -> None:
    def answer(conversation: Conversation) -> Answer:
        said = [m for m in conversation.messages if m["role"] == "assistant"]
        bad = len(said) % 3 != 2
        if len(said) >= 9:
            return Answer(text="end")
        return calls(call("nota")) if bad else calls(call("note", what=str(len(said))))

    async with open_office(database, [notes.agent()], Says(answer)) as baton:
        assert (await soon((await baton.submit("go")).settled())).status == "done"
    assert notes.made == ["2", "5", "8"]


async def test_text_that_no_database_keeps_is_kept_readable(database: Path, notes: Notes) -> None:
    async with open_office(database, [notes.agent()], Says(lambda _: Answer(text="half \ud83d a pair"))) as baton:
        assert (await soon((await baton.submit("go")).result())).summary == "half ? a pair"


async def test_a_refusal_for_good_is_asked_at_once_and_once(database: Path, notes: Notes) -> None:
    def unknown(_: Conversation) -> Answer:
        raise AssertionError("never asked")

    minds = {"another-model": Says(unknown)}
    async with (
        SimulatedServer(minds) as server,
        OpenAIModel(base_url=server.base_url, api_key="simulated", stream=False, retries=SERIAL) as model,
        Baton(agents=[notes.agent()], database=database, model=model) as baton,
    ):
        run = await baton.submit("go")
        await soon(run.settled())
        (review,) = await baton.reviews.waiting()
        assert review.kind is ReviewKind.TROUBLE
        assert "does not exist" in review.question["summary"]
        assert await text_rows(baton.ledger, "SELECT * FROM events WHERE kind = 'run.troubled'") == []  # not retried
        await run.message("are you there?")
        await soon(run.settled())
        assert len(await baton.reviews.waiting()) == 1  # asked once, however often it fails meanwhile
        minds["gpt-5-mini"] = Says(lambda _: Answer(text="here"))
        await baton.approve(review.id)
        assert (await soon(run.result())).summary == "here"
        lines = [line.text for line in await run.transcript() if line.role == "user"]
    assert lines == ["are you there?"]


async def test_an_endpoint_that_is_gone_pauses_the_run_then_asks_and_loses_nothing(
    database: Path, notes: Notes
) -> None:
    clock = ManualClock()
    mind = CountingMind(NOTE)
    async with SimulatedServer(mind) as server:
        url, port = server.base_url, int(server.base_url.split(":")[2].split("/")[0])
    async with (
        OpenAIModel(base_url=url, api_key="simulated", stream=False, retries=SERIAL) as model,
        Baton(agents=[notes.agent()], database=database, model=model, clock=clock) as baton,
    ):
        run = await baton.submit("go")
        for tries in (1, 2, 3):
            await until(baton.ledger, lambda tx, n=tries: runs.get(tx, run.id).attempts == n)  # type: ignore[misc]
            row = await run_row(baton, run.id)
            assert row.status == "ready"
            assert row.trouble is not None
            assert "no connection to" in row.trouble
            assert await baton.reviews.waiting() == []
            clock.advance(61)
        assert (await soon(run.settled())).status == "waiting"
        (review,) = await baton.reviews.waiting()
        assert review.kind is ReviewKind.TROUBLE
        async with SimulatedServer(mind, port=port):
            await baton.approve(review.id)
            assert (await soon(run.result())).status == "done"
        row = await run_row(baton, run.id)
        assert (row.trouble, row.attempts) == (None, 0)
    assert notes.made == ["a"]


async def test_a_budget_of_turns_asks_and_more_can_be_granted(database: Path, notes: Notes) -> None:
    def answer(conversation: Conversation) -> Answer:
        return calls(call("note", what=str(len(list(conversation.results())))))

    async with open_office(database, [notes.agent()], Says(answer)) as baton:
        run = await baton.submit(Goal("go", budget=Budget(turns=3)))
        for spent in (3, 6):
            await soon(run.settled())
            (review,) = await baton.reviews.waiting()
            assert f"has used its budget of {spent} model calls" in review.question["summary"]
            assert (await run_row(baton, run.id)).turns == spent
            await baton.approve(review.id)
        await soon(run.settled())
        (review,) = await baton.reviews.waiting()
        await baton.reject(review.id, "enough")
        assert (await soon(run.settled())).status == "failed"
    assert len(notes.made) == 9


async def test_a_budget_of_tokens_asks(database: Path, notes: Notes) -> None:
    mind = Says(lambda c: calls(call("note", what=str(len(c.messages)))))
    async with open_office(database, [notes.agent()], mind) as baton:
        run = await baton.submit(Goal("go", budget=Budget(tokens=10)))
        await soon(run.settled())
        (review,) = await baton.reviews.waiting()
        assert "of its budget of 10 tokens" in review.question["summary"]
        assert (await run_row(baton, run.id)).turns == 1
