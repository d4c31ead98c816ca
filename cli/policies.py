"""`baton policy`: check, show, explain and test policies; the rest stands in hindsight.py and proposing.py."""

from collections.abc import Sequence
from typing import Any

from cyclopts import App
from rich.text import Text

from baton.agents import Agent
from baton.cli.explaining import explain
from baton.cli.opening import find_place, load
from baton.cli.options import DEFAULTS, Common, Exit
from baton.cli.output import Screen
from baton.core import NotFound
from baton.core.texts import one_line
from baton.examining import PolicyReport, report, try_policy
from baton.policies import policy_texts
from baton.policies.trials import Tried

app = App(name="policy", help="Check, explain, test and change the agents' policies.")
app.command(explain)
app.command("baton.cli.hindsight:replay", name="replay", help="Hold another policy against the actions on record.")
app.command("baton.cli.hindsight:shadow", name="shadow", help="Compare the shadow policies with the live ones.")
app.command("baton.cli.hindsight:diff", name="diff", help="Compare two policies, rule by rule and on the record.")
app.command("baton.cli.proposing:propose", name="propose", help="Make a rule of a decision, for the owner to accept.")
app.command("baton.cli.proposing:proposals", name="proposals", help="List rules that are proposed.")
app.command("baton.cli.proposing:accept", name="accept", help="Add a proposed rule to its policy.")
app.command("baton.cli.proposing:decline", name="decline", help="Decline a proposed rule.")


def chosen(agents: Sequence[Agent], name: str | None) -> list[Agent]:
    """The agents of a project, or the one with this name.

    Raises:
        NotFound: if there is none; says which there are.
    """
    found = [agent for agent in agents if name in (None, agent.name)]
    if not found:
        raise NotFound("agent", name or "", [agent.name for agent in agents])
    return found


@app.command
def check(*, common: Common = DEFAULTS) -> int:
    """Read each agent's policy and hold it against the tools.

    Names tools that no rule permits, rules whose conditions never hold together, and rules that change nothing beside
    another. Exits with 1 if a policy cannot be read.

    Args:
        common: Options of every command.
    """
    screen = Screen(common.json)
    project = load(find_place(common))
    reports = [report(agent, project.windows) for agent in project.agents]
    screen.document({"policies": [_json(each) for each in reports]})
    for each in reports:
        if each.problem:
            screen.show(Text.assemble(("✗ ", "red"), (each.agent, "bold"), f"  {one_line(each.problem)}"))
            continue
        line = Text.assemble(("✓ ", "green"), (each.agent, "bold"), f"  {each.version}, {each.rules} rules")
        if each.uncovered:
            line.append(f"; no rule permits: {', '.join(each.uncovered)}", style="yellow")
        screen.show(line)
        for one in each.findings:
            screen.show(Text.assemble(("  ! ", "yellow"), one_line(f"{one.where}  {one.rule}: {one.told}")))
    return Exit.FAILED if any(each.problem for each in reports) else Exit.OK


@app.command
def show(agent: str | None = None, /, *, common: Common = DEFAULTS) -> None:
    """Print the rules that hold for an agent, as Cedar: those beneath every policy, then its own.

    Args:
        agent: Its name (default: the first).
        common: Options of every command.
    """
    screen = Screen(common.json)
    wanted = chosen(load(find_place(common)).agents, agent)[0]
    texts = policy_texts(wanted.policy, wanted.specs.values())
    screen.document({"agent": wanted.name, "texts": [{"name": text.name, "cedar": text.text} for text in texts]})
    for text in texts:
        screen.show(Text(f"// {one_line(text.name)}", style="bold"), Text(text.text))


@app.command
def test(agent: str | None = None, /, *, common: Common = DEFAULTS) -> int:
    """Run the tests beside the policies: NAME.test.yaml beside NAME.cedar or NAME.yaml. Exits with 1 if one fails.

    Args:
        agent: Only this agent's (default: every agent's).
        common: Options of every command.
    """
    screen = Screen(common.json)
    tried: list[tuple[str, Tried]] = []
    for each in chosen(load(find_place(common)).agents, agent):
        tried += [(each.name, one) for one in try_policy(each)]
    wrong = sum(bool(one.wrong) for _, one in tried)
    screen.document({"tests": [_tried_json(name, one) for name, one in tried], "failed": wrong})
    for name, one in tried:
        mark = ("✗ ", "red") if one.wrong else ("✓ ", "green")
        screen.show(Text.assemble(mark, (name, "bold"), f"  {one_line(one.trial.name)}"))
        screen.show(*(Text(f"    {one_line(said)}", style="red") for said in one.wrong))
    if not tried:
        screen.show("There are no tests: write NAME.test.yaml beside a policy; docs/policy.md says how.")
    elif not screen.json:
        screen.show(f"{len(tried) - wrong} of {len(tried)} as expected")
    return Exit.FAILED if wrong else Exit.OK


def _tried_json(agent: str, tried: Tried) -> dict[str, Any]:
    verdict = tried.verdict
    said = {"ruling": verdict.ruling, "rules": list(verdict.rules), "reason": verdict.reason}
    return {
        "agent": agent,
        "name": tried.trial.name,
        "expected": tried.trial.expect,
        **said,
        "wrong": list(tried.wrong),
    }


def _json(each: PolicyReport) -> dict[str, Any]:
    return {
        "agent": each.agent,
        "policy": each.version or None,
        "rules": each.rules,
        "uncovered": list(each.uncovered),
        "findings": [vars(one) for one in each.findings],
        "problem": each.problem or None,
    }
