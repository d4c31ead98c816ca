"""Faults as a dimension of an evaluation: the same cases with a failing model, failing and slow tools, and crashes."""

import asyncio
import hashlib
import inspect
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from baton.agents import BUILTINS, Agent
from baton.agents.simulated import Fault, Faults
from baton.core import Effect, InvalidValue, ToolSpec, TryAgain, dump
from baton.evals.crashes import WHERE, Crashes, Where, drawn

MODEL = (
    Fault.RATE_LIMIT, Fault.SERVER_ERROR, Fault.UNAVAILABLE, Fault.CUT, Fault.NO_DONE, Fault.MALFORMED,
    Fault.DUPLICATE_IDS, Fault.MISSING_IDS, Fault.UNKNOWN_TOOL, Fault.LENGTH, Fault.EMPTY,
)  # fmt: skip
"""Faults of a model that cost no time; hanging and slow ones are for who names them."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What goes wrong on purpose; the same seed, the same faults, in whatever order things happen.

    Attributes:
        name: As results have it.
        model: Share of the requests to the simulated model that meet a fault, once.
        kinds: Faults to draw from.
        failing: Share of the tools' calls that fail for now, once, before anything has happened.
        down: Tools that always fail.
        slow: Share of the tools' calls that take `seconds` longer.
        seconds: How much longer.
        crashes: Share of the steps at which the process is killed with SIGKILL, once each; 1 is every step. Played in
            a process of its own.
        at: Which steps: before and after a `models` or `tools` call, before its result is recorded; after `commits`.
            These have a condition of their own, as a run whose workers die three times within a step is held back.
        seed: Of its chance.
    """

    name: str
    model: float = 0.0
    kinds: Sequence[Fault] = MODEL
    failing: float = 0.0
    down: Sequence[str] = ()
    slow: float = 0.0
    seconds: float = 0.2
    crashes: float = 0.0
    at: Sequence[Where] = ("models", "tools")
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse shares that are none.

        Raises:
            InvalidValue: for one outside 0 to 1, steps that are none, or a name that cannot be part of a file's.
        """
        for where in self.at:
            if where not in WHERE or (where == "commits" and len(self.at) > 1):
                raise InvalidValue(f"at of condition {self.name}", where, "models, tools or both; or commits alone")
        for what in ("model", "failing", "slow", "crashes"):
            if not 0 <= getattr(self, what) <= 1:
                raise InvalidValue(f"{what} of condition {self.name}", getattr(self, what), "a share from 0 to 1")
        if not self.name or not self.name.replace("-", "").isalnum():
            raise InvalidValue("name of a condition", self.name, "letters, digits and hyphens")

    def model_faults(self) -> Faults | None:
        """What the simulated endpoint meets; None where nothing."""
        if not self.model:
            return None
        return Faults(seed=self.seed, rate=self.model, kinds=tuple(self.kinds), retry_after=0)


CALM = Condition(name="none")
"""No faults."""


def disturbed(agent: Agent, condition: Condition, crashes: Crashes | None = None) -> Agent:
    """An agent whose tools meet faults.

    Args:
        agent: The agent.
        condition: Which faults.
        crashes: Where the process is killed; None kills nothing.

    Raises:
        InvalidValue: if a tool that is to be down is none of any agent's: see `check_down`.
    """
    own = [spec for spec in agent.specs.values() if spec.name not in BUILTINS]
    return replace(agent, tools=[_Disturbed(spec, condition, crashes).spec for spec in own])


def check_down(agents: Sequence[Agent], condition: Condition) -> None:
    """Refuse tools that nobody has.

    Raises:
        InvalidValue: names those that there are.
    """
    known = {name for agent in agents for name in agent.specs if name not in BUILTINS}
    for name in condition.down:
        if name not in known:
            raise InvalidValue(f"down of condition {condition.name}", name, f"one of: {', '.join(sorted(known))}")


class _Disturbed:
    """One tool that meets faults."""

    def __init__(self, spec: ToolSpec, condition: Condition, crashes: Crashes | None) -> None:
        self._run, self._name, self._condition, self._crashes = spec.run, spec.name, condition, crashes
        self._writes = spec.effect is Effect.WRITE
        self._seen: Counter[str] = Counter()
        self.spec = replace(spec, run=self.run)

    async def run(self, **arguments: Any) -> Any:
        """Call the tool, with what goes wrong."""
        call = hashlib.sha256(f"{self._name}{dump(arguments)}".encode()).hexdigest()
        self._crash(f"{call} before")
        if self._name in self._condition.down:
            raise TryAgain(f"{self._name} is down (simulated)")
        self._seen[call] += 1
        if self._seen[call] == 1 and drawn(self._condition.seed, "failing", call) < self._condition.failing:
            raise TryAgain(f"{self._name} failed for now (simulated)", after=0.0)
        if drawn(self._condition.seed, "slow", call) < self._condition.slow:
            await asyncio.sleep(self._condition.seconds)
        result = await _called(self._run, arguments)
        self._crash(f"{call} after")
        return result

    def _crash(self, step: str) -> None:
        if self._crashes is not None:
            self._crashes.die("tools", step)


async def _called(run: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    if inspect.iscoroutinefunction(run):
        return await run(**arguments)
    result = await asyncio.to_thread(run, **arguments)
    return await result if inspect.isawaitable(result) else result
