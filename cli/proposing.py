"""`baton policy propose`, `proposals`, `accept`, `decline`: a rule from a decision, which its owner accepts."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from rich.text import Text

from baton.agents import Agent
from baton.cli.opening import find_place, load, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import Conflict, format_time, parse_duration
from baton.core.texts import one_line
from baton.handles import person
from baton.ledger import DecisionKind, Proposal, Review, Transaction, journal, reviews, rule_proposals
from baton.ledger.rule_proposals import RuleProposal
from baton.policies import policy_texts
from baton.policies.proposing import check_proposal, rule_for
from baton.policies.trials import trial_file
from baton.review import learning


async def propose(review: str, /, *, lasts: str = "30d", common: Common = DEFAULTS) -> None:
    """Propose that what was approved in a review goes ahead alone from now on; nothing changes until it is accepted.

    The rule is as narrow as the decision: up to that number, from that field, to that recipient, for a while.

    Args:
        review: The id, or the beginning of one.
        lasts: How long the rule is to hold, such as 30d.
        common: Options of every command.
    """
    from baton.cli.policies import chosen

    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    project = load(place)
    async with to_look(place) as ledger:
        known, proposal = await ledger.read(lambda tx: _approved(tx, review))
        agent = chosen(project.agents, known.agent)[0]
        until = ledger.clock.now() + parse_duration(lasts).total_seconds()
        rule, tests = _rule(agent, known, proposal, until)
        made = await ledger.write(lambda tx: rule_proposals.propose(tx, agent.name, known.id, rule, tests, person()))
    screen.document(_json(made))
    screen.show(Text.assemble((made.id, "bold cyan"), f"  for the policy of {one_line(agent.name)}"), Text(rule))
    for test in tests:
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
    screen.document({"proposals": [_json(each) for each in found]})
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
    from baton.cli.policies import chosen

    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        known = await ledger.read(lambda tx: rule_proposals.get(tx, proposal))
        if known.kind == "instruction":
            await ledger.write(lambda tx: learning.accept(tx, known, person()))
            screen.document({**_json(known), "state": "accepted"})
            screen.show(f"{known.agent} is told so at the beginning of each run from now on.")
            return
        project = load(place)
        agent = chosen(project.agents, known.agent)[0]
        file = _file(agent, known)
        specs = tuple(agent.specs.values())
        check_proposal(known.rule, known.tests, policy_texts(file, specs), agent.name, specs)
        tests = _add(file, known)  # before it is recorded: a crash in between is mended by accepting it again
        await ledger.write(lambda tx: rule_proposals.decide(tx, known.id, "accepted", person()))
    screen.document({**_json(known), "state": "accepted", "policy": str(file), "tests": str(tests)})
    screen.show(f"{known.id} stands in {file} now, its tests in {tests}. Agents at work read it when they are started.")


async def decline(proposal: str, /, *, note: str = "", common: Common = DEFAULTS) -> None:
    """Decline a proposed rule or instruction.

    Args:
        proposal: The id, or the beginning of one.
        note: Why.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)

    def refuse(tx: Transaction) -> RuleProposal:
        known = rule_proposals.get(tx, proposal)
        rule_proposals.decide(tx, known.id, "declined", person(), note)
        return rule_proposals.get(tx, known.id)

    async with to_look(place) as ledger:
        known = await ledger.write(refuse)
    screen.document(_json(known))
    screen.show(f"{known.id} is declined; nothing changes.")


def _approved(tx: Transaction, review: str) -> tuple[Review, Proposal]:
    known = reviews.get(tx, reviews.find(tx, review))
    approved = known.decision is not None and known.decision.kind in (DecisionKind.APPROVE, DecisionKind.EDIT)
    if known.action is None or not approved:
        raise Conflict(known.id, "no action was approved in it", "A rule is made of an action that a person approved.")
    return known, journal.proposal(tx, known.action)


def _rule(agent: Agent, review: Review, proposal: Proposal, until: float) -> tuple[str, list[dict[str, Any]]]:
    decision, action = review.decision, proposal.action
    assert decision is not None
    verdict = decision.verdict or review.verdict
    if decision.arguments is not None:
        action = replace(action, arguments=decision.arguments)
    specs = tuple(agent.specs.values())
    id = f"as-approved-{review.id.removeprefix('rev_')}"
    spec = agent.specs.get(action.tool)
    if spec is None:
        raise Conflict(review.id, f"agent {agent.name} has no tool {action.tool} any more")
    rule, tests = rule_for(action, verdict.evidence, spec, id=id, until=until, by=decision.by)
    check_proposal(rule, tests, policy_texts(agent.policy, specs), agent.name, specs)
    return rule, tests


def _file(agent: Agent, proposal: RuleProposal) -> Path:
    if proposal.state != "open":
        raise Conflict(proposal.id, f"{proposal.decided_by} {proposal.state} it already")
    file = Path(agent.policy or "")
    if file.suffix != ".cedar":
        what = f"the policy of {agent.name} is {agent.policy or 'none'}, no file of Cedar"
        raise Conflict(proposal.id, what, "Copy the rule from `baton policy proposals`.")
    return file


def _add(file: Path, proposal: RuleProposal) -> Path:
    """Write the rule behind the policy, and its tests behind those beside it; each file whole or not at all."""
    beside = trial_file(file)
    head = f"\n// {proposal.id}, proposed by {proposal.by} from {proposal.review}; accepted by {person()}.\n"
    _append(file, head + proposal.rule)
    _append(beside, _indented(proposal.tests), "tests:")
    return beside


def _append(file: Path, text: str, top: str = "") -> None:
    """Add a text to a file, unless it stands there already."""
    known = file.read_text(encoding="utf-8") if file.is_file() else top
    if text not in known:
        _replace(file, f"{known.rstrip()}\n{text}")


def _indented(tests: Sequence[dict[str, Any]]) -> str:
    said = [{name: value for name, value in test.items() if value is not None} for test in tests]
    written = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=120)
    return "".join(f"  {line}" for line in written.splitlines(keepends=True))


def _replace(file: Path, text: str) -> None:
    new = file.with_name(f".{file.name}.new")
    with new.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    new.replace(file)


def _json(proposal: RuleProposal) -> dict[str, Any]:
    return {**vars(proposal), "tests": list(proposal.tests)}
