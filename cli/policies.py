"""`baton policy`: check the agents' policies."""

from dataclasses import dataclass
from typing import Any

from cyclopts import App
from rich.text import Text

from baton.agents import Agent
from baton.cli.opening import find_place, load
from baton.cli.options import DEFAULTS, Common, Exit
from baton.cli.output import Screen, one_line
from baton.core import PolicyError
from baton.policies import load_policy

app = App(name="policy", help="Check the agents' policies.")


@dataclass(frozen=True)
class PolicyReport:
    """What there is to say of an agent's policy.

    Attributes:
        version: Name and content hash; empty where it cannot be read.
        uncovered: Tools that no rule permits: every call of them is denied.
        problem: Why it cannot be read; empty where it can.
    """

    agent: str
    version: str = ""
    rules: int = 0
    uncovered: tuple[str, ...] = ()
    problem: str = ""


def report(agent: Agent) -> PolicyReport:
    """Read an agent's policy and hold it against its tools."""
    specs = tuple(agent.specs.values())
    try:
        policy = load_policy(agent.policy, specs, agent.name)
    except PolicyError as error:
        return PolicyReport(agent.name, problem=str(error))
    return PolicyReport(agent.name, policy.version, len(policy.rules), policy.uncovered)


@app.command
def check(*, common: Common = DEFAULTS) -> int:
    """Read each agent's policy, hold it against the tools, and name tools that no rule permits.

    Args:
        common: Options of every command.
    """
    screen = Screen(common.json)
    reports = [report(agent) for agent in load(find_place(common)).agents]
    screen.document({"policies": [_json(each) for each in reports]})
    for each in reports:
        if each.problem:
            screen.show(Text.assemble(("✗ ", "red"), (each.agent, "bold"), f"  {one_line(each.problem)}"))
            continue
        line = Text.assemble(("✓ ", "green"), (each.agent, "bold"), f"  {each.version}, {each.rules} rules")
        if each.uncovered:
            line.append(f"; no rule permits: {', '.join(each.uncovered)}", style="yellow")
        screen.show(line)
    return Exit.FAILED if any(each.problem for each in reports) else Exit.OK


def _json(each: PolicyReport) -> dict[str, Any]:
    return {
        "agent": each.agent,
        "policy": each.version or None,
        "rules": each.rules,
        "uncovered": list(each.uncovered),
        "problem": each.problem or None,
    }
