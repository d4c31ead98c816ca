"""The plot: one run that does everything there is to do, and a mind that knows it by heart.

Reads, a write that honours keys, one that can be asked about, a dumb one, one that a person must approve, a fact, a
hand-off to another agent, a wait.
"""

import asyncio
import contextlib
import random
import re
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from baton import Agent, tool
from baton.agents import Tool
from baton.agents.simulated import Answer, Conversation
from support.chaos.places import Fuse, Kind
from support.chaos.world import World
from support.minds import call, calls

WRITES = {"stamp": "keyed", "ship": "asked", "ring": "dumb", "pay": "asked", "post": "keyed", "store": "asked"}
"""The steps of a case that change the world, each with its target."""

TOOL_SECONDS = 4.0
"""Time-out of the tools: a call is given up after it, and its fate is asked of nobody before it has passed."""

POLICY = """
@id("all")
permit (principal, action == Action::"call", resource);
@id("pay-alone")
forbid (principal, action == Action::"call", resource is Tool::pay);
@id("pay")
permit (principal, action == Action::"call_with_approval", resource is Tool::pay);
"""


def goal(case: str) -> str:
    return f"Settle case {case}."


def summary(case: str) -> str:
    return f"case {case} is settled"


def cast(
    world: World, folder: Path, pause: float = 0.0, *, fuse: Fuse | None = None, keeps_facts: bool = True
) -> list[Agent]:
    """The agents.

    Args:
        world: What their tools change.
        folder: Where their policy may be written.
        pause: Seconds that a tool takes at most before what it does happens, and as long again afterwards.
        fuse: What the tools pass; None for nothing.
        keeps_facts: Whether the plot has a fact remembered.
    """
    policy = folder / "chaos.cedar"
    policy.write_text(POLICY, encoding="utf-8")

    def passing(kind: Kind) -> contextlib.AbstractContextManager[None]:
        return fuse.passing(kind) if fuse else contextlib.nullcontext()

    async def reach(at: str) -> str:
        with passing("tool"):
            await asyncio.sleep(random.uniform(0, pause))
        return at

    def write(name: str) -> Tool[..., Any]:
        async def act(case: str, *, key: str) -> str:
            """Change the world."""
            with passing("tool"):
                await asyncio.sleep(random.uniform(0, pause))
                world.do(WRITES[name], case, name, key)
                await asyncio.sleep(random.uniform(0, pause))
            return f"{name}: done"

        def asked(key: str) -> str | None:
            with passing("question"):
                return "done, says the target" if world.happened(key) else None

        target = WRITES[name]
        reconcile = asked if target == "asked" else None
        return tool(name=name, repeatable=target == "keyed", reconcile=reconcile, timeout=TOOL_SECONDS)(act)

    @tool(effect="read")
    async def look(case: str, at: str) -> str:
        """Look."""
        return f"{await reach(at)} of {case} is as it should be"

    leads = (look, *map(write, ("stamp", "ship", "ring", "pay")))
    helps = tuple(map(write, ("post", "store")))
    model = "lead" if keeps_facts else "lead-without-facts"
    return [
        Agent("lead", tools=leads, model=model, policy=policy, hands_off_to=["helper"], context_tokens=1_000_000),
        Agent("helper", tools=helps, model="helper", memory="helper", policy="allow-all"),
    ]


class Prompter:
    """The mind of both agents: where it is in the plot it reads off the conversation. Notes what it was asked.

    Attributes:
        asked: Case, agent and turn of every question, in order.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, int]] = []
        self._lock = threading.Lock()

    def repeated(self, since: int = 0) -> int:
        """How many questions were asked again."""
        return sum(count - 1 for count in Counter(self.asked[since:]).values())

    def answer(self, conversation: Conversation) -> Answer:
        found = re.search(r"case (\S+)\.", conversation.user_texts()[0])
        assert found is not None
        case, model = found[1], str(conversation.body["model"])
        turn = sum(1 for message in conversation.messages if message["role"] == "assistant")
        with self._lock:
            self.asked.append((case, model.partition("-")[0], turn + 1))
        if model == "helper":
            return _helper(case, turn)
        return _lead(case, turn, keeps_facts=model == "lead")


def _lead(case: str, turn: int, *, keeps_facts: bool) -> Answer:
    stamp = call("stamp", case=case)
    fact = [call("remember", subject=case, text=f"{case} was stamped")] if keeps_facts else []
    script = [
        calls(call("look", case=case, at="front"), call("look", case=case, at="back"), call("plan", steps=["do it"])),
        calls(stamp, *fact),
        calls(call("ship", case=case)),
        calls(call("ring", case=case)),
        calls(call("pay", case=case)),
        calls(call("hand_off", to="helper", task=f"Put away case {case}.")),
        calls(call("wait", duration="0.1s")),
    ]
    if turn < len(script):
        return script[turn]
    if (turn - len(script)) % 2 == 0:
        return calls(call("finish", outcome="done", summary=summary(case)))
    return Answer(text=summary(case))  # `finish` was refused, something is open: wait for it


def _helper(case: str, turn: int) -> Answer:
    script = [calls(call("post", case=case)), calls(call("store", case=case))]
    return script[turn] if turn < len(script) else Answer(text=f"case {case} is put away")
