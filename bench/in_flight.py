"""A thousand runs in flight with a model that takes two seconds: Baton beside bare LangGraph with the openai client.

Both send the same requests to the same simulated endpoint, which runs in a process of its own: a call of a tool, then
the answer in words. The bare graph keeps no record at all. Each is measured in a process of its own, in turns.
"""

import asyncio
import contextlib
import gc
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, TypedDict

import openai
from langgraph.graph import END, START, StateGraph
from report import Figure, median, report

from baton.agents import Agent, OpenAIModel, offer, tool
from baton.agents.simulated import Answer, Conversation, SimulatedCall
from baton.app import Baton
from baton.core import Goal

RUNS = 1000
SECONDS = 2.0
ROUNDS = 2


@tool(effect="write")
async def ping(text: str) -> str:
    """Answer."""
    return text


class Plan:
    """What the simulated model does: call the tool once, then say so."""

    name = "bench"

    def answer(self, conversation: Conversation) -> Answer:
        if list(conversation.results()):
            return Answer(text="done")
        return Answer(calls=(SimulatedCall(name="ping", arguments={"text": "hello"}),))


MIND = Plan()
AGENT = Agent("bench", tools=[ping], policy="allow-all")


class Talk(TypedDict):
    messages: list[Any]


def bare_graph(client: openai.AsyncOpenAI) -> Any:
    """think → act → think, with nothing recorded."""
    tools: Any = [offer(spec) for spec in AGENT.specs.values()]

    async def think(state: Talk) -> Talk:
        reply: Any = await client.chat.completions.create(model=AGENT.model, messages=state["messages"], tools=tools)
        return {"messages": [*state["messages"], reply.choices[0].message.model_dump(exclude_none=True)]}

    async def act(state: Talk) -> Talk:
        call = state["messages"][-1]["tool_calls"][0]
        said = await ping(**{"text": json.loads(call["function"]["arguments"])["text"]})
        return {"messages": [*state["messages"], {"role": "tool", "tool_call_id": call["id"], "content": said}]}

    graph: Any = StateGraph(Talk)
    graph.add_node("think", think)
    graph.add_node("act", act)
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", lambda state: "act" if state["messages"][-1].get("tool_calls") else END)
    graph.add_edge("act", "think")
    return graph.compile()


async def bare(url: str, count: int) -> None:
    async with openai.AsyncOpenAI(base_url=url, api_key="simulated", max_retries=0, timeout=120) as client:
        graph = bare_graph(client)
        opening = [{"role": "system", "content": "You are an agent. " * 60}, {"role": "user", "content": "# Goal\ngo"}]
        results = await asyncio.gather(*(graph.ainvoke({"messages": opening}) for _ in range(count)))
        assert all(result["messages"][-1]["content"] == "done" for result in results)


async def whole(url: str, count: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="baton-bench-"))
    try:
        async with (
            OpenAIModel(base_url=url, api_key="simulated", stream=False, timeout=120) as model,
            Baton(agents=[AGENT], database=folder / "baton.db", model=model, concurrency=count) as baton,
        ):
            handles = await asyncio.gather(*(baton.submit(Goal("go")) for _ in range(count)))
            results = await asyncio.gather(*(handle.result() for handle in handles))
            assert all(result.summary == "done" for result in results)
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def endpoint() -> Generator[str]:
    """The simulated model in a process of its own; its address."""
    command = [sys.executable, "-m", "baton.agents.simulated", "--mind", "in_flight:MIND", "--port", "0"]
    server = subprocess.Popen([*command, "--latency", str(SECONDS)], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield server.stdout.readline().split()[-1]
    finally:
        server.terminate()
        server.wait()


def measured(kind: str, url: str, count: int) -> tuple[float, float, float]:
    """Seconds, processor seconds and megabytes that one kind took, in a process of its own."""
    said = subprocess.run([sys.executable, __file__, kind, url, str(count)], capture_output=True, text=True, check=True)
    seconds, processor, memory = map(float, said.stdout.split())
    return seconds, processor, memory


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    with endpoint() as url:
        found = [(measured("whole", url, count), measured("bare", url, count)) for _ in range(ROUNDS)]
    seconds, rival = median([ours[0] for ours, _ in found]), median([theirs[0] for _, theirs in found])
    name = "bare LangGraph and openai, no saver"
    per_run = [1000 * median([one[at][1] for one in found]) / count for at in (0, 1)]
    report(
        "in_flight",
        [
            Figure(
                metric=f"{count} runs, a {SECONDS:g} s model, 2 calls each",
                value=seconds,
                unit="s",
                rival=name,
                rival_value=rival,
            ),
            Figure(metric="ratio of times", value=seconds / rival, unit="x", goal="<= 1.3"),
            Figure(metric="processor time a run", value=per_run[0], unit="ms", rival=name, rival_value=per_run[1]),
            Figure(metric="peak memory", value=max(ours[2] for ours, _ in found), unit="MB", goal="<= 1500"),
        ],
    )


if __name__ == "__main__":
    if len(sys.argv) == 4:
        gc.collect(), gc.freeze(), gc.set_threshold(50_000)  # as `baton worker` does
        started = time.perf_counter()
        asyncio.run((whole if sys.argv[1] == "whole" else bare)(sys.argv[2], int(sys.argv[3])))
        used = resource.getrusage(resource.RUSAGE_SELF)
        print(time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
    else:
        main()
