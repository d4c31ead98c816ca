"""Freezing a real run as a case: what it was asked, what its tools gave back, and what it carried out in the end."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from baton.agents import BUILTINS, Agent
from baton.core import ActionId, Effect, Goal, RunId, ToolSpec, redact, variable
from baton.evals.cases import Call, Case, Trajectory
from baton.evals.knowing import nobody_knows
from baton.evals.suite import Suite
from baton.ledger import EffectRecord, EffectState, Proposal, Transaction, effects, families, journal, runs
from baton.project import load_project

VARIABLE = "BATON_FROZEN"
"""By which frozen tools find what they answer."""

FILE = "results.json"

REMOVED = "[removed]"

_SECRETS = re.compile(
    r"\b(?:sk|pk|rk|ghp|gho|glpat|xox[abp])[-_][A-Za-z0-9_-]{12,}"  # keys of services, by their prefix
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+"  # JSON web tokens
    r"|(?i:\bbearer\s+[A-Za-z0-9._~+/-]{12,}=*)"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----",
    re.DOTALL,
)
_DIGITS = re.compile(r"\b(?:\d[ -]?){13,19}\b")


def freeze(tx: Transaction, id: RunId, agents: Mapping[str, Agent]) -> Case:
    """A run as a case, without what looks like a secret.

    What it carried out becomes the trajectory that is expected; how it ended, the end. Look at both before relying on
    them: a case made of a run that went wrong expects what went wrong.

    Args:
        tx: The transaction.
        id: The run; what it handed on is frozen with it.
        agents: Those of the project, whose tools tell what writes.
    """
    run = runs.get(tx, id)
    members = families.ids(tx, id)
    proposed = {p.action.id: p for member in members for p in journal.proposals(tx, member)}
    done = [e for member in members for e in effects.of_run(tx, member) if _frozen(e, proposed, agents)]
    writes = [_call(e, proposed) for e in done if _spec(e, proposed, agents).effect is Effect.WRITE]
    policies = sorted({p.verdict.policy for p in proposed.values() if p.verdict.policy})
    return Case(
        id=f"run-{id}",
        goal=_clean_goal(run.goal),
        agent=run.agent,
        expected={"ends": run.status},
        trajectory=Trajectory(calls=tuple(writes), mode="unordered"),
        world={"results": [_result(e, proposed) for e in done]},
        policy=", ".join(policies),
        provenance=id,
    )


def clean(value: Any) -> Any:
    """A JSON value without what looks like a secret: keys, tokens, numbers of cards."""
    match value:
        case str():
            return _DIGITS.sub(_unless_card, _SECRETS.sub(REMOVED, redact(value)))
        case dict():
            return {name: clean(part) for name, part in value.items()}  # pyright: ignore[reportUnknownVariableType]
        case list():
            return [clean(part) for part in value]  # pyright: ignore[reportUnknownVariableType]
        case _:
            return value


def prepare_frozen(folder: Path, world: Mapping[str, object]) -> None:
    """Make the world of a frozen run: the results that its tools gave."""
    (folder / FILE).write_text(json.dumps(world.get("results", [])), encoding="utf-8")


def frozen_environment(folder: Path) -> dict[str, str]:
    """Where frozen tools find it."""
    return {VARIABLE: str(folder / FILE)}


def frozen(suite: Suite) -> Suite:
    """A suite of frozen runs: its project's agents, with tools that answer from the record and touch nothing.

    Its scorers have to do with what a frozen case says: how the run ended, and the trajectory.
    """
    project = suite.given or load_project(suite.project)
    agents = tuple(replace(agent, tools=[_still(spec) for spec in _own(agent)]) for agent in project.agents)
    return replace(
        suite,
        given=replace(project, agents=agents),
        prepare=prepare_frozen,
        environment=frozen_environment,
        knows=nobody_knows,
        together=False,
    )


def _still(spec: ToolSpec) -> ToolSpec:
    """A tool that gives back what it gave then."""
    nothing: dict[str, Any] = {"reconcile": None, "check": None, "preview": None, "secrets": {}, "close": None}

    def answer(**arguments: Any) -> Any:
        given = {name: value for name, value in arguments.items() if name != "key" or not spec.wants_key}
        for one in _results():
            if one["tool"] == spec.name and one["arguments"] == clean(given):
                return one["result"]
        if spec.effect is Effect.WRITE:
            return "noted; nothing was done, as this is a frozen run"
        raise ValueError(f"what {spec.name} would give for this was never asked: nobody knows")

    return replace(spec, run=answer, **nothing)


def _results() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(Path(variable(VARIABLE) or FILE).read_text(encoding="utf-8"))
    return found


def _own(agent: Agent) -> Sequence[ToolSpec]:
    return [spec for spec in agent.specs.values() if spec.name not in BUILTINS]


def _frozen(effect: EffectRecord, proposed: Mapping[ActionId, Proposal], agents: Mapping[str, Agent]) -> bool:
    known = proposed.get(effect.key)
    agent = None if known is None else agents.get(known.action.agent)
    own = agent is not None and effect.tool in agent.specs and effect.tool not in BUILTINS
    return own and effect.state is EffectState.DONE


def _spec(effect: EffectRecord, proposed: Mapping[ActionId, Proposal], agents: Mapping[str, Agent]) -> ToolSpec:
    return agents[proposed[effect.key].action.agent].specs[effect.tool]


def _arguments(effect: EffectRecord, proposed: Mapping[ActionId, Proposal]) -> dict[str, Any]:
    said = effect.arguments if effect.arguments is not None else proposed[effect.key].action.arguments
    cleaned: dict[str, Any] = clean(said)
    return cleaned


def _call(effect: EffectRecord, proposed: Mapping[ActionId, Proposal]) -> Call:
    return Call(tool=effect.tool, arguments=_arguments(effect, proposed))


def _result(effect: EffectRecord, proposed: Mapping[ActionId, Proposal]) -> dict[str, Any]:
    try:
        value = json.loads(effect.result)
    except ValueError:
        value = effect.result
    return {"tool": effect.tool, "arguments": _arguments(effect, proposed), "result": clean(value)}


def _clean_goal(goal: Goal) -> Goal:
    parts = tuple(replace(part, text=clean(part.text)) for part in goal.attachments)
    return replace(goal, statement=clean(goal.statement), attachments=parts, requester=None)


def _unless_card(found: re.Match[str]) -> str:
    """Removes numbers that a card may have: those whose last digit checks the others (Luhn, 1954)."""
    digits = [int(one) for one in found[0] if one.isdigit()]
    doubled = [sum(divmod(2 * one, 10)) if at % 2 else one for at, one in enumerate(reversed(digits))]
    return found[0] if sum(doubled) % 10 else REMOVED
