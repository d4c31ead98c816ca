"""Tests of a policy in YAML beside it: calls, what the run has read, and what the policy has to say of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from baton.core import (
    UNIT,
    Action,
    ActionId,
    Confidentiality,
    InvalidFile,
    Label,
    Marks,
    Policy,
    Question,
    Reading,
    RunId,
    Setting,
    Spent,
    ToolSpec,
    Trust,
    Verdict,
    time_zone,
)
from baton.core.yaml_file import line_of, read_yaml

_STRICT = ConfigDict(extra="forbid")


class _Read(BaseModel):
    """One thing the run has read: a tool's result, or text from elsewhere."""

    model_config = _STRICT

    source: str
    content: Any
    trust: Literal["external", "agent", "verified_tool", "user", "system"] | None = None


class Trial(BaseModel):
    """One test.

    Attributes:
        call: The tool.
        read: What the run has read; the trust of a tool's result is as the tool says, of anything else a user's.
        at: When; local to `zone` where it has no offset. None is a Wednesday at noon.
        spent: What every limit has been charged before, by the limit's measure.
    """

    model_config = _STRICT

    name: str
    call: str
    arguments: dict[str, Any] = {}
    confidence: float | None = None
    read: list[_Read] = []
    requester: str | None = "ann"
    goal: str = ""
    goal_trust: Literal["external", "agent", "verified_tool", "user", "system"] = "user"
    at: datetime = datetime(2026, 7, 1, 12)
    zone: str = "UTC"
    environment: str = "production"
    tenant: str = "local"
    called: dict[str, int] = {}
    plan: list[str] = []
    rejected: int = 0
    waiting: int = 0
    spent: dict[str, float] = {}
    expect: Literal["allow", "ask", "deny", "not allow"]
    rules: list[str] | None = None
    reason: str | None = None


class _Trials(BaseModel):
    model_config = _STRICT

    tests: list[Trial] = Field(min_length=1)


@dataclass(frozen=True)
class Tried:
    """What came of a test.

    Attributes:
        wrong: What is not as expected, a sentence each; empty where it passed.
    """

    trial: Trial
    verdict: Verdict
    wrong: tuple[str, ...]


def trial_file(policy: str | Path) -> Path:
    """Where the tests of a policy stand: `refunds.test.yaml` beside `refunds.cedar`."""
    path = Path(policy)
    return path.with_name(f"{path.stem}.test.yaml")


def read_trials(file: str | Path, tools: Mapping[str, ToolSpec]) -> list[Trial]:
    """The tests in a file.

    Raises:
        InvalidFile: if it says something that is not allowed, such as a tool that is not there.
    """
    found, tree = read_yaml(file, _Trials)
    for number, trial in enumerate(found.tests):
        if trial.call not in tools:
            line = line_of(tree, ("tests", number, "call"))
            raise InvalidFile(str(file), line, f"tests.{number}.call", trial.call, f"one of: {', '.join(tools)}")
    return found.tests


def run_trial(trial: Trial, policy: Policy, agent: str, tools: Mapping[str, ToolSpec]) -> Tried:
    """Ask a policy what a test asks."""
    verdict = policy.judge(_question(trial, policy, agent, tools))
    wrong: list[str] = []
    fits = verdict.ruling != "allow" if trial.expect == "not allow" else verdict.ruling == trial.expect
    if not fits:
        wrong.append(f"expected {trial.expect}, got {verdict.ruling} ({verdict.reason})")
    if trial.rules is not None and set(trial.rules) != set(verdict.rules):
        wrong.append(f"expected the rules {', '.join(trial.rules)}, got {', '.join(verdict.rules) or 'none'}")
    if trial.reason is not None and trial.reason not in verdict.reason:
        wrong.append(f"expected a reason with {trial.reason!r}, got {verdict.reason!r}")
    return Tried(trial, verdict, tuple(wrong))


def _question(trial: Trial, policy: Policy, agent: str, tools: Mapping[str, ToolSpec]) -> Question:
    run = RunId("run_test")
    spec = tools[trial.call]
    action = Action(
        id=ActionId(f"{run}.1.0"),
        run=run,
        agent=agent,
        tool=trial.call,
        version=spec.version,
        arguments=trial.arguments,
        confidence=trial.confidence,
    )
    at = trial.at if trial.at.tzinfo else trial.at.replace(tzinfo=time_zone(trial.zone))
    asked = Question(
        action=action,
        tool=spec,
        readings=tuple(_reading(read, tools) for read in trial.read),
        requester=trial.requester,
        goal=trial.goal,
        goal_trust=Trust[trial.goal_trust.upper()],
        now=at.timestamp(),
        counts=trial.called,
        plan=tuple(trial.plan),
        rejected=trial.rejected,
        waiting=trial.waiting,
        setting=Setting(tenant=trial.tenant, environment=trial.environment, zone=trial.zone),
    )
    spent = {
        window: Spent(int(trial.spent.get(window.account.split("/")[1], 0) * UNIT))
        for window in policy.windows(asked.scopes)
    }
    return replace(asked, spent=spent)


def _reading(read: _Read, tools: Mapping[str, ToolSpec]) -> Reading:
    spec = tools.get(read.source)
    trust = Trust.USER if spec is None else Trust.VERIFIED_TOOL if spec.verified else Trust.EXTERNAL
    label = Label(
        Trust[read.trust.upper()] if read.trust else trust,
        confidentiality=spec.confidentiality if spec else Confidentiality.INTERNAL,
    )
    return Reading(source=read.source, content=read.content, label=label, marks=spec.marks if spec else Marks())
