"""A team drawn: who hands work to whom, what starts whom, and how one agent or workflow goes."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from baton.agents import BUILTINS, Agent
from baton.graph.loop import build
from baton.graph.patterns import Workflow
from baton.graph.patterns.drawing import graph, lines, outline
from baton.graph.triggers import Trigger
from baton.ledger.handoffs import PERSON
from baton.ledger.workflow_steps import StepRow


def agent_document(agent: Agent, states: Mapping[str, str] | None = None) -> dict[str, Any]:
    """An agent or workflow as JSON."""
    told: dict[str, Any] = {"name": agent.name, "kind": "agent" if agent.composition is None else "workflow"}
    told |= {"tools": _tools(agent), "hands_off_to": list(agent.hands_off_to)}
    if isinstance(agent.composition, Workflow):
        told["steps"] = outline(agent.composition.body).document(states)
    return told


def agent_text(agent: Agent, states: Mapping[str, str] | None = None) -> list[str]:
    """An agent or workflow as lines."""
    if isinstance(agent.composition, Workflow):
        return [f"workflow {agent.name}", *lines(outline(agent.composition.body), states)]
    said = [f"agent {agent.name}", "└─ think → act → (think | park | end)"]
    named = (("tools", _tools(agent)), ("hands work to", list(agent.hands_off_to)))
    return [*said, *(f"   {what}: {', '.join(names)}" for what, names in named if names)]


def agent_mermaid(agent: Agent) -> str:
    """An agent or workflow in Mermaid: LangGraph's own drawing of the graph."""
    if isinstance(agent.composition, Workflow):
        return graph(agent.composition).get_graph().draw_mermaid()
    nobody = cast("Any", None)  # the graph is only looked at
    return build(nobody, nobody).get_graph().draw_mermaid()


def team_document(agents: Sequence[Agent], triggers: Sequence[Trigger]) -> dict[str, Any]:
    """A team as JSON."""
    starts = [{"name": one.name, "starts": one.start.agent} for one in triggers]
    return {"members": [agent_document(agent) for agent in agents], "triggers": starts}


def team_text(agents: Sequence[Agent], triggers: Sequence[Trigger]) -> list[str]:
    """A team as lines: each member, what starts it, and whom it hands work to."""
    said: list[str] = []
    for agent in agents:
        kind = "workflow" if agent.composition is not None else "agent"
        said.append(f"{kind} {agent.name}" + (f"  {agent.description}" if agent.description else ""))
        inner = [f"← trigger {one.name}" for one in triggers if one.start.agent == agent.name]
        inner += [f"→ {name}" for name in agent.hands_off_to]
        said += [f"{'└─' if number == len(inner) else '├─'} {one}" for number, one in enumerate(inner, 1)]
    return said


def team_mermaid(agents: Sequence[Agent], triggers: Sequence[Trigger]) -> str:
    """A team in Mermaid: members, people and triggers as nodes, with who hands to whom."""
    names = [agent.name for agent in agents]
    others = sorted({name for agent in agents for name in agent.hands_off_to} - set(names))
    ids = {name: f"n{number}" for number, name in enumerate([*names, *others, *(f"!{one.name}" for one in triggers)])}
    said = ["flowchart LR"]
    for agent in agents:
        shape = '[["{}"]]' if agent.composition is not None else '["{}"]'
        said.append(f"  {ids[agent.name]}{shape.format(_plain(agent.name))}")
    said += [f'  {ids[name]}(["{_plain(name.removeprefix(PERSON))}"])' for name in others]
    said += [f'  {ids[f"!{one.name}"]}>"{_plain(one.name)}"]' for one in triggers]
    said += [f"  {ids[agent.name]} --> {ids[name]}" for agent in agents for name in agent.hands_off_to]
    said += [f"  {ids[f'!{one.name}']} -.-> {ids[one.start.agent]}" for one in triggers if one.start.agent in ids]
    return "\n".join(said) + "\n"


def states_of(steps: Sequence[StepRow]) -> dict[str, str]:
    """What steps have come to, by name: of those in rounds and lists, how many came to what."""
    found: dict[str, list[str]] = {}
    for step in steps:
        if "?" not in step.key:
            name = step.key.partition("#")[0].partition("[")[0]
            found.setdefault(name, []).append(step.state or "open")
    return {name: _counted(states) for name, states in found.items()}


def _counted(states: Sequence[str]) -> str:
    if len(states) == 1:
        return states[0]
    return ", ".join(f"{state} {states.count(state)}x" for state in dict.fromkeys(states))


def _tools(agent: Agent) -> list[str]:
    return [name for name in agent.specs if name not in BUILTINS]


def _plain(name: str) -> str:
    return name.replace('"', "'")
