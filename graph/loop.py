"""The state graph: think → act → (think | park | end).

The rows of a step ride with LangGraph's own writes of it: they are committed together, or the step runs again.
"""

from typing import Any, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, interrupt

from baton.core import HandedBack
from baton.graph.acting import act
from baton.graph.hold import Hold
from baton.graph.move import Move, Office
from baton.graph.saver import HOLD, LedgerSaver
from baton.graph.state import State, place_of
from baton.graph.thinking import think

Graph = CompiledStateGraph[State, None, State, State]
Step = Command[Literal["think", "act", "__end__"]]


def build(office: Office, saver: LedgerSaver) -> Graph:
    """The graph of a run, ready to be invoked."""

    async def think_node(state: State, config: RunnableConfig) -> Step:
        hold, task = _held(office, config)
        move = await think(office, hold, place_of(state))
        if move is None:
            interrupt("until mail")  # the only one; it carries no question
        assert move is not None
        return _step(hold, task, move)

    async def act_node(state: State, config: RunnableConfig) -> Step:
        hold, task = _held(office, config)
        return _step(hold, task, await act(office, hold, place_of(state)))

    graph: Any = StateGraph(State)  # add_node's overloads are only partly typed
    graph.add_node("think", think_node)
    graph.add_node("act", act_node)
    graph.add_edge(START, "think")
    compiled: Graph = graph.compile(checkpointer=saver)
    return compiled


def _held(office: Office, config: RunnableConfig) -> tuple[Hold, str]:
    """The worker's hold on the run, and the id of the LangGraph task at work.

    Raises:
        HandedBack: if this process is to end.
    """
    place = config.get("configurable", {})
    hold: Hold = place[HOLD]
    if office.leaving.is_set():
        raise HandedBack(hold.run)
    return hold, place["__pregel_task_id"]


def _step(hold: Hold, task: str, move: Move) -> Step:
    for rider in move.riders:
        hold.ride(task, rider)
    goto: Literal["think", "act", "__end__"] = "__end__" if move.goto == "end" else move.goto
    return Command(update=move.place.as_state(), goto=goto)
