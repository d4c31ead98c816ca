"""How a thread stands, as LangGraph's clients read it: status, interrupts, state. A projection; none of it is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from baton.agents import Agent
from baton.core import JsonSchema, NotFound, RunId
from baton.ledger import Review, Run, Transaction, families, runs, threads, transcript
from baton.ledger.threads import Exchange, Thread
from baton.review.record import time_json
from baton.review.wire import encode
from baton.server.langgraph_api.messages import Message, told
from baton.story import waiting

Agents = dict[str, Agent]
Status = Literal["idle", "busy", "interrupted", "error"]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A thread as it stands.

    Attributes:
        run: The run that has it; None before anything was said.
        asked: Questions that wait for a person, of its run and of those it handed work to.
    """

    thread: Thread
    run: Run | None
    status: Status
    asked: Sequence[Review]


def standing(tx: Transaction, thread: Thread) -> Standing:
    """How a thread stands. A run that waits for a time or an event is idle: it goes on by itself."""
    if thread.run is None:
        return Standing(thread=thread, run=None, status="idle", asked=())
    run = runs.get(tx, thread.run)
    asked = [one for one in waiting(tx, run.id).reviews if one.held is None]
    if run.ended:
        status: Status = "error" if run.status == "failed" else "idle"
    elif not families.settled(tx, run.id):
        status = "busy"
    else:
        status = "interrupted" if asked else "idle"
    return Standing(thread=thread, run=run, status=status, asked=asked)


def metadata_of(how: Standing) -> dict[str, Any]:
    """A thread's metadata, with the agent that is at work in it."""
    named = {"graph_id": how.run.agent, "assistant_id": how.run.agent} if how.run else {}
    return {**how.thread.metadata, **named}


def thread_json(tx: Transaction, how: Standing, agents: Agents) -> dict[str, Any]:
    """A thread."""
    thread = how.thread
    return {
        "thread_id": thread.id,
        "created_at": time_json(thread.created_at),
        "updated_at": time_json(thread.updated_at),
        "metadata": metadata_of(how),
        "status": how.status,
        "config": {},
        "values": {"messages": [one.message for one in told(tx, how.run)]} if how.run else None,
        "interrupts": {task_of(review): [interrupt_json(review, agents)] for review in how.asked},
    }


def interrupt_json(review: Review, agents: Agents) -> dict[str, Any]:
    """A question as an interrupt, under the review's id."""

    def schema(review: Review) -> JsonSchema:
        agent = agents.get(review.agent)
        spec = agent.specs.get(review.tool) if agent else None
        return spec.parameters if spec else {"type": "object"}

    (found,) = encode([review], "per_call", schema)
    made: dict[str, Any] = found
    return made


def task_of(review: Review) -> str:
    """The id of the task that a question stops."""
    return review.action or review.id


def state_json(tx: Transaction, thread: Thread, agents: Agents, checkpoint: str | None = None) -> dict[str, Any]:
    """A thread's state; with the id of a checkpoint, as it was then.

    Raises:
        NotFound: if there is no such checkpoint.
    """
    how = standing(tx, thread)
    if how.run is None:
        if checkpoint is not None:
            raise NotFound("checkpoint", checkpoint)
        return _state(thread, None, 0, [], thread.created_at)
    said = told(tx, how.run)
    newest = last_turn(tx, how.run.id)
    if checkpoint is not None and checkpoint != _checkpoint_id(how.run.id, newest):
        turn = _turn_of(checkpoint, how.run.id, newest)
        return _state(thread, how.run, turn, [one.message for one in said if one.turn <= turn], how.run.created_at)
    state = _state(thread, how.run, newest, [one.message for one in said], thread.updated_at)
    if how.status == "busy":
        return state | {"next": ["think"], "tasks": [_task(f"{how.run.id}.{newest + 1}", "think", [])]}
    if how.asked:
        asks = [_task(task_of(one), "act", [interrupt_json(one, agents)]) for one in how.asked]
        found = [interrupt for task in asks for interrupt in task["interrupts"]]
        return state | {"next": ["act"], "tasks": asks, "interrupts": found}
    return state


def history_json(
    tx: Transaction, thread: Thread, agents: Agents, *, limit: int, before: str | None
) -> list[dict[str, Any]]:
    """A thread's states, one a turn, the newest first."""
    newest = state_json(tx, thread, agents)
    if thread.run is None:
        return [newest]
    run, last = runs.get(tx, thread.run), last_turn(tx, thread.run)
    from_ = last if before is None else _turn_of(before, run.id, last) - 1
    said = told(tx, run)
    turns = range(from_, max(from_ - limit, -1), -1)
    return [
        newest
        if turn == last
        else _state(thread, run, turn, [one.message for one in said if one.turn <= turn], run.created_at)
        for turn in turns
    ]


def exchange_json(tx: Transaction, exchange: Exchange, agent: str) -> dict[str, Any]:
    """A run, as LangGraph has it."""
    return {
        "run_id": exchange.id,
        "thread_id": exchange.thread,
        "assistant_id": agent,
        "created_at": time_json(exchange.created_at),
        "updated_at": time_json(exchange.created_at),
        "status": exchange_status(tx, exchange),
        "metadata": dict(exchange.metadata),
        "kwargs": {},
        "multitask_strategy": "enqueue",
    }


def exchange_status(tx: Transaction, exchange: Exchange) -> str:
    """How a run of LangGraph's stands: what came after it says how an earlier one ended."""
    later = threads.after(tx, exchange)
    if later is not None:
        return "interrupted" if later.kind == "resume" else "success"
    how = standing(tx, threads.get(tx, exchange.thread))
    if how.run is not None and how.run.status == "cancelled":
        return "interrupted"
    return {"busy": "running", "idle": "success", "interrupted": "interrupted", "error": "error"}[how.status]


def find_exchange(tx: Transaction, thread: Thread, id: str) -> Exchange:
    """A run of LangGraph's in a thread; a run of Baton's that nobody began so is one by itself.

    Raises:
        NotFound: if there is none.
    """
    found = next((one for one in all_exchanges(tx, thread) if one.id == id), None)
    if found is None:
        raise NotFound("run", id)
    return found


def all_exchanges(tx: Transaction, thread: Thread) -> list[Exchange]:
    """The runs of LangGraph's in a thread, oldest first."""
    found = threads.exchanges_of(tx, thread.id)
    if found or thread.run is None:
        return found
    return [
        Exchange(
            id=thread.run,
            thread=thread.id,
            number=0,
            run=thread.run,
            after=0,
            kind="input",
            metadata={},
            created_at=thread.created_at,
        )
    ]


def values_json(tx: Transaction, thread: Thread, agents: Agents) -> dict[str, Any]:
    """The values of a thread's state, with what it waits for."""
    how = standing(tx, thread)
    said: list[Message] = [one.message for one in told(tx, how.run)] if how.run else []
    asks = [interrupt_json(one, agents) for one in how.asked] if how.status == "interrupted" else []
    return {"messages": said, **({"__interrupt__": asks} if asks else {})}


def last_turn(tx: Transaction, run: RunId) -> int:
    """The last turn of a run's transcript; 0 before the first."""
    lines = transcript.read(tx, run, transcript.WHOLE)
    return max((line.turn for line in lines if line.role in ("assistant", "tool")), default=0)


def checkpoint_now(tx: Transaction, run: RunId) -> str:
    """The id of a run's newest state."""
    return _checkpoint_id(run, last_turn(tx, run))


def _checkpoint_id(run: RunId, turn: int) -> str:
    return f"{run}.{turn}"


def _turn_of(checkpoint: str, run: RunId, newest: int) -> int:
    found, _, turn = checkpoint.partition(".")
    if found != run or not turn.isdecimal() or not turn.isascii() or len(turn) > 9 or int(turn) > newest:
        raise NotFound("checkpoint", checkpoint)
    return int(turn)


def _state(thread: Thread, run: Run | None, turn: int, said: list[Message], at: float) -> dict[str, Any]:
    id = _checkpoint_id(run.id, turn) if run else None
    before = _checkpoint(thread, _checkpoint_id(run.id, turn - 1)) if run and turn else None
    return {
        "values": {"messages": said} if run else {},
        "next": [],
        "tasks": [],
        "interrupts": [],
        "metadata": {"source": "loop", "step": turn, "parents": {}},
        "created_at": time_json(at),
        "checkpoint": _checkpoint(thread, id),
        "parent_checkpoint": before,
    }


def _checkpoint(thread: Thread, id: str | None) -> dict[str, Any]:
    return {"thread_id": thread.id, "checkpoint_ns": "", "checkpoint_id": id, "checkpoint_map": None}


def _task(id: str, name: str, asks: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": id,
        "name": name,
        "error": None,
        "interrupts": asks,
        "checkpoint": None,
        "state": None,
        "result": None,
    }
