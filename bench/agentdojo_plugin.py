"""Baton's policy layer as a plug-in of the AgentDojo replay: `--plugin bench.agentdojo_plugin:decide`.

One agent has the tools of every domain, declared in agentdojo_tools.py, and the rules in agentdojo/*.cedar, one file a
domain. Nothing here knows which suite, task or attack is at work: a call is judged by its tool, the labels of its
values, and the plan where there is one.
"""

import itertools
import re
import sys
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from baton.core import Action, ActionId, Effect, Label, Question, Reading, RunId, Trust
from baton.policies import CedarPolicy, PolicyText

HERE = Path(__file__).parent
sys.path.append(str(HERE))  # the harness may know this module as bench.agentdojo_plugin

from agentdojo_tools import TOOLS  # noqa: E402

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_ERROR = re.compile(r"[A-Z]\w*(Error|Exception)\b")
_RUNS = itertools.count()
POLICY = CedarPolicy.compile(
    [PolicyText(file.name, file.read_text("utf-8")) for file in sorted((HERE / "agentdojo").glob("*.cedar"))],
    TOOLS.values(),
    agent="assistant",
    name="agentdojo",
)


def decide(tool: str, args: dict[str, Any], ctx: Any) -> str:
    """What policy says of a call, as the harness takes it: allow, ask or deny."""
    if tool not in TOOLS:
        return "deny"
    return POLICY.judge(question(tool, args, ctx)).ruling.value


def question(tool: str, args: dict[str, Any], ctx: Any) -> Question:
    """A call with everything the run has read, which is kept in the run's state so that it is read once."""
    run = ctx.state.setdefault("run", RunId(f"run_{next(_RUNS)}"))
    read: tuple[Reading, ...] = ctx.state.get("read") or (
        Reading(source="goal", content=ctx.prompt, label=Label(Trust.USER)),
    )
    read += tuple(map(reading, ctx.results[len(read) - 1 :]))
    ctx.state["read"] = read
    counts: dict[str, int] = {}
    for result in ctx.results:
        counts[result.tool] = counts.get(result.tool, 0) + 1
    action = Action(
        id=ActionId(f"{run}.{len(ctx.decisions)}"),
        run=run,
        agent="assistant",
        tool=tool,
        version="1",
        arguments={name: value for name, value in args.items() if value is not None},
    )
    return Question(action=action, tool=TOOLS[tool], readings=read, counts=counts, plan=tuple(ctx.plan or ()))


def reading(result: Any) -> Reading:
    """A tool's result with the labels that the tool declares."""
    spec = TOOLS[result.tool]
    failed = bool(_ERROR.match(result.text))
    trust = Trust.VERIFIED_TOOL if spec.verified else Trust.EXTERNAL
    return Reading(
        source=result.tool,
        content=result.text if failed else content(result.text),
        label=Label(min(trust, Trust.AGENT) if failed else trust, confidentiality=spec.confidentiality),
        marks=spec.marks,
        given=result.args if failed or spec.effect is Effect.WRITE else None,
    )


def content(text: str) -> Any:
    """A result as the values it was written from; text where it was text."""
    try:
        found = yaml.load(text, Loader=_LOADER)  # a safe loader
    except (yaml.YAMLError, ValueError):
        return text
    return plain(found) if isinstance(found, dict | list) else text


def plain(value: Any) -> Any:
    """YAML's values as JSON's: times as the text they were written as."""
    match value:
        case dict():
            return {str(name): plain(part) for name, part in value.items()}
        case list():
            return [plain(part) for part in value]
        case date():
            return str(value)
        case _:
            return value
