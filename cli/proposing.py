"""`baton policy propose`, `proposals`, `accept`, `decline`: a rule from a decision, which its owner accepts."""

from rich.text import Text

from baton.cli.opening import find_place, load, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import format_time, parse_duration
from baton.core.texts import one_line
from baton.handles import person
from baton.ledger import rule_proposals
from baton.project import Project
from baton.proposing import Agents, proposal_json
from baton.proposing import accept as accept_proposal
from baton.proposing import decline as decline_proposal
from baton.proposing import propose as propose_rule


async def propose(review: str, /, *, lasts: str = "30d", common: Common = DEFAULTS) -> None:
    """Propose that what was approved in a review goes ahead alone from now on; nothing changes until it is accepted.

    The rule is as narrow as the decision: up to that number, from that field, to that recipient, for a while.

    Args:
        review: The id, or the beginning of one.
        lasts: How long the rule is to hold, such as 30d.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    agents, seconds = _agents(load(place)), parse_duration(lasts).total_seconds()
    async with to_look(place) as ledger:
        made = await propose_rule(ledger, agents, review, lasts=seconds, by=person())
    screen.document(proposal_json(made))
    screen.show(Text.assemble((made.id, "bold cyan"), f"  for the policy of {one_line(made.agent)}"), Text(made.rule))
    for test in made.tests:
        screen.show(Text(f"  {test['expect']:9} {one_line(str(test['arguments']), 100)}  {test['at']}", style="dim"))
    screen.show(Text.assemble("its owner: ", (place.command(f"policy accept {made.id}"), "bold cyan")))


async def proposals(*, everything: bool = False, common: Common = DEFAULTS) -> None:
    """List rules and instructions that are proposed.

    Args:
        everything: Also those that were accepted or declined.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        found = await ledger.read(lambda tx: rule_proposals.listed(tx, everything=everything))
    screen.document({"proposals": [proposal_json(each) for each in found]})
    if not found:
        screen.show("Nothing is proposed: `baton policy propose REVIEW` makes a rule of a decision.")
    for each in found:
        head = Text.assemble((each.id, "bold cyan"), f"  {one_line(each.agent)}, by {one_line(each.by)} ")
        head.append(f"at {format_time(each.at)} from {each.review}: {each.kind}, {each.state}", style="dim")
        screen.show(head, Text(each.rule))


async def accept(proposal: str, /, *, common: Common = DEFAULTS) -> None:
    """Add a proposed rule to the policy of its agent, and its tests to those beside it; or have it told an instruction.

    Args:
        proposal: The id, or the beginning of one.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        known = await ledger.read(lambda tx: rule_proposals.get(tx, proposal))
        project = load(place) if known.kind == "rule" else None
        agents: Agents = {} if project is None else _agents(project)
        asks = None if project is None else project.promotion
        made = await accept_proposal(ledger, agents, known.id, by=person(), promotion=asks)
    if made.policy is None:
        screen.document(proposal_json(made.proposal))
        screen.show(f"{made.proposal.agent} is told so at the beginning of each run from now on.")
        return
    screen.document({**proposal_json(made.proposal), "policy": str(made.policy), "tests": str(made.tests)})
    said = f"{known.id} stands in {made.policy} now, its tests in {made.tests}."
    screen.show(f"{said} Agents at work read it when they are started.")


async def decline(proposal: str, /, *, note: str = "", common: Common = DEFAULTS) -> None:
    """Decline a proposed rule or instruction.

    Args:
        proposal: The id, or the beginning of one.
        note: Why.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        known = await decline_proposal(ledger, proposal, by=person(), note=note)
    screen.document(proposal_json(known))
    screen.show(f"{known.id} is declined; nothing changes.")


def _agents(project: Project) -> Agents:
    return {agent.name: agent for agent in project.agents}
