"""Baton's policy layer over the tools of AgentDojo, as a process that answers questions: see agentdojo_plugin.py.

One agent has the tools of every domain, declared in agentdojo_tools.py, and the rules in agentdojo/*.cedar, one file a
domain. Nothing here knows which suite, task or attack is at work: a call is judged by its tool, the labels of its
values, and the plan where there is one. Each line of standard input is a question, each line of standard output a word.
"""

import json
import re
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from agentdojo_tools import TOOLS

from baton.core import Action, ActionId, Effect, Label, Question, Reading, RunId, Trust
from baton.policies import CedarPolicy, PolicyText

HERE = Path(__file__).parent
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_ERROR = re.compile(r"[A-Z]\w*(Error|Exception)\b")
POLICY = CedarPolicy.compile(
    [PolicyText(file.name, file.read_text("utf-8")) for file in sorted((HERE / "agentdojo").glob("*.cedar"))],
    TOOLS.values(),
    agent="assistant",
    name="agentdojo",
)


class Judge:
    """Answers questions about the calls of many runs; what each run has read is kept."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[Reading, ...]] = {}
        self._counts: dict[str, Counter[str]] = {}

    def answer(self, asked: dict[str, Any]) -> str:
        """What policy says of a call: allow, ask or deny.

        Args:
            asked: `run`, `prompt`, the `results` that are new since the last question, `plan`, and the call: its
                `number`, `tool` and `args`.
        """
        tool, run = asked["tool"], RunId(asked["run"])
        read = self._read.get(run) or (Reading(source="goal", content=asked["prompt"], label=Label(Trust.USER)),)
        counts = self._counts.setdefault(run, Counter())
        self._read[run] = read = read + tuple(map(reading, asked["results"]))
        counts.update(result["tool"] for result in asked["results"])
        if tool not in TOOLS:
            return "deny"
        action = Action(
            id=ActionId(f"{run}.{asked['number']}"),
            run=run,
            agent="assistant",
            tool=tool,
            version="1",
            arguments={name: value for name, value in asked["args"].items() if value is not None},
        )
        plan = tuple(asked["plan"] or ())
        question = Question(action=action, tool=TOOLS[tool], readings=read, counts=counts, plan=plan)
        return POLICY.judge(question).ruling.value


def reading(result: dict[str, Any]) -> Reading:
    """A tool's result with the labels that the tool declares."""
    spec = TOOLS[result["tool"]]
    failed = bool(_ERROR.match(result["text"]))
    trust = Trust.VERIFIED_TOOL if spec.verified else Trust.EXTERNAL
    return Reading(
        source=result["tool"],
        content=result["text"] if failed else content(result["text"]),
        label=Label(min(trust, Trust.AGENT) if failed else trust, confidentiality=spec.confidentiality),
        marks=spec.marks,
        given=result["args"] if failed or spec.effect is Effect.WRITE else None,
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


def main() -> None:
    judge = Judge()
    for line in sys.stdin:
        print(judge.answer(json.loads(line)), flush=True)


if __name__ == "__main__":
    main()
