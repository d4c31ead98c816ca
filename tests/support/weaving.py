"""A shop for workflows: tools that keep count of what they did, and workers that answer as they are told."""

import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from baton import Agent, Baton, RunHandle, tool
from baton.agents.simulated import Answer, Conversation
from baton.core import Clock
from baton.graph.patterns import Pattern, Workflow
from baton.ledger import workflow_steps
from baton.ledger.workflow_steps import StepRow
from support.minds import Says, call, calls
from support.office import open_office


@dataclass
class Shop:
    """What was done, in order."""

    done: list[str] = field(default_factory=list[str])
    broken: set[str] = field(default_factory=set[str])

    def tools(self) -> list[Any]:
        """Tools that do something and what undoes it."""

        @tool(effect="write")
        def do(what: str, cents: int = 0) -> dict[str, Any]:
            """Do something."""
            if what in self.broken:
                raise ValueError(f"{what} is broken")
            self.done.append(what)
            return {"what": what, "cents": cents, "paid": cents > 0}

        @tool(effect="write")
        def undo(what: str) -> str:
            """Undo it."""
            if f"undo {what}" in self.broken:
                raise ValueError(f"{what} stays")
            self.done.append(f"undo {what}")
            return "undone"

        return [do, undo]

    def flow(self, body: Pattern, name: str = "flow", **more: Any) -> Workflow:
        """A workflow with these tools, that may do all."""
        return Workflow(name, body, tools=self.tools(), **({"policy": "allow-all"} | more))


def worker(name: str = "worker", **more: Any) -> Agent:
    """An agent whose simulated model does what its goal says: `say X`, `refuse X`, `fail X` or `wait`."""
    return Agent(name, policy="allow-all", **more)


def obey(conversation: Conversation) -> Answer:
    """The mind of the workers."""
    said = conversation.user_texts()[0].partition("# Goal\n")[2].splitlines()[0]
    word, _, rest = said.partition(" ")
    if word == "wait":
        return Answer(text="waiting") if list(conversation.results()) else calls(call("wait", duration="9d"))
    outcomes = {"refuse": "refused", "fail": "failed"}
    return calls(call("finish", summary=rest or said, outcome=outcomes.get(word, "done")))


@contextlib.asynccontextmanager
async def open_flows(
    database: Path | str, flows: Sequence[Workflow], others: Sequence[Agent] = (), clock: Clock | None = None
) -> AsyncGenerator[Baton]:
    """Baton with workflows, the first of them asked first, and workers."""
    agents = [*(flow.agent for flow in flows), *(others or [worker()])]
    async with open_office(database, agents, Says(obey), clock=clock) as baton:
        yield baton


async def steps_of(baton: Baton, run: RunHandle) -> dict[str, StepRow]:
    """The steps of a run by their keys, decisions left out."""
    rows = await baton.ledger.read(lambda tx: workflow_steps.of_run(tx, run.id))
    return {row.key: row for row in rows if "?" not in row.key}


async def states(baton: Baton, run: RunHandle) -> dict[str, str | None]:
    """What the steps of a run have come to, by their keys; None is open."""
    return {key: row.state for key, row in (await steps_of(baton, run)).items()}
