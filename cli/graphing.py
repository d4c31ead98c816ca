"""`baton graph`: who hands work to whom, and how a workflow goes."""

import json
from pathlib import Path
from typing import Literal

from cyclopts import App
from rich.text import Text

from baton.agents import Agent
from baton.cli.opening import find_place, load, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import InvalidValue, NotFound
from baton.core.texts import safe
from baton.ledger import Ledger, Run, runs, workflow_steps
from baton.ledger.workflow_steps import StepRow

app = App(name="graph", help="Draw who hands work to whom, and how a workflow goes.")


@app.command
async def show(
    name: str | None = None,
    /,
    *,
    format: Literal["text", "mermaid", "json"] = "text",
    run: str | None = None,
    to: Path | None = None,
    common: Common = DEFAULTS,
) -> None:
    """Draw the team, or one agent or workflow of it; with --run, where that run stands.

    Args:
        name: The agent or workflow; without it the whole team is drawn.
        format: `text`, `mermaid`, or `json`.
        run: The id of a run, or the beginning of one: what its steps have come to is said with each.
        to: A file that the drawing is written to, in place of the terminal.
        common: Options of every command.
    """
    from baton.graph import drawing

    screen, place = Screen(common.json), find_place(common)
    project = load(place)
    agents, states = {agent.name: agent for agent in project.agents}, None
    if run is not None:
        async with to_look(place) as ledger:
            known, steps = await _standing(ledger, run)
        name, states = name or known.agent, drawing.states_of(steps)
        if name != known.agent:
            raise InvalidValue("name", name, f"the agent of {known.id}, {known.agent}, or none")
    if name is not None and name not in agents:
        raise NotFound("agent or workflow", name, agents)
    if name is None:
        document = drawing.team_document(project.agents, project.triggers)
        text, mermaid = drawing.team_text(project.agents, project.triggers), drawing.team_mermaid
        drawn = mermaid(project.agents, project.triggers) if format == "mermaid" else "\n".join(text) + "\n"
    else:
        document = drawing.agent_document(agents[name], states)
        drawn = _drawn(agents[name], format, states)
    if to is not None:
        _write(to, _json(document) if format == "json" else drawn)
        screen.note(f"{to} has the drawing.")
        return
    screen.document(document)
    if format == "json" and not common.json:
        Screen(json=True).document(document)
    elif format != "json":
        screen.whole(Text(safe(drawn.rstrip("\n"))))


def _drawn(agent: Agent, format: str, states: dict[str, str] | None) -> str:
    from baton.graph import drawing

    return drawing.agent_mermaid(agent) if format == "mermaid" else "\n".join(drawing.agent_text(agent, states)) + "\n"


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


def _json(document: object) -> str:
    return json.dumps(document, indent=2) + "\n"


async def _standing(ledger: Ledger, named: str) -> tuple[Run, list[StepRow]]:
    """A run, and what its steps have come to."""
    run = await ledger.read(lambda tx: runs.get(tx, runs.find(tx, named)))
    return run, await ledger.read(lambda tx: workflow_steps.of_run(tx, run.id))
