"""A rule made of a decision, or an instruction made of corrections: proposed, and accepted or declined by an owner."""

import asyncio
import contextlib
import tempfile
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from baton.agents import Agent, endpoint
from baton.autonomy import hashes
from baton.core import Conflict, InvalidValue, NotFound, Promotion, format_time
from baton.ledger import (
    DecisionKind,
    Ledger,
    Proposal,
    Review,
    Source,
    Transaction,
    journal,
    reviews,
    rule_proposals,
    trail,
)
from baton.ledger.locks import lock_name
from baton.ledger.rule_proposals import RuleProposal
from baton.policies import policy_texts
from baton.policies.proposing import check_proposal, rule_for
from baton.policy_files import Change, changes_of, policy_file, write
from baton.review import Identity, learning
from baton.review.record import time_json

LASTS = 30 * 86400.0
"""Seconds that a proposed rule holds, if nobody says otherwise."""

_LEAST, _MOST = 60.0, 5 * 366 * 86400.0

Agents = Mapping[str, Agent]
"""The agents of a project, by name."""


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A proposal that was accepted.

    Attributes:
        policy: The file that the rule stands in now; None for an instruction.
        tests: The file that its tests stand in.
    """

    proposal: RuleProposal
    policy: Path | None = None
    tests: Path | None = None


async def propose(ledger: Ledger, agents: Agents, review: str, *, lasts: float = LASTS, by: str) -> RuleProposal:
    """Propose that what was approved in a review goes ahead alone from now on; nothing changes until it is accepted.

    Args:
        ledger: The record.
        agents: Those of the project.
        review: The id of the review, or the beginning of one.
        lasts: Seconds that the rule is to hold.
        by: Who proposes it.

    Raises:
        NotFound, Ambiguous: if none or several reviews fit, or the agent is not there.
        Conflict: if nobody has approved an action in it, a rule was made of it already, or none can be; says why.
        InvalidValue: if it would hold for less than a minute, or more than five years.
    """
    if not _LEAST <= lasts <= _MOST:
        raise InvalidValue("how long the rule holds", f"{lasts:g} s", "a minute to five years, such as '30d'")
    known, proposal = await ledger.read(lambda tx: _approved(tx, review))
    agent = _agent(agents, known.agent)
    until = ledger.clock.now() + lasts
    rule, tests = await asyncio.to_thread(_rule, agent, known, proposal, until)

    def record(tx: Transaction) -> RuleProposal:
        lock_name(tx, f"proposals of {known.id}")
        _refuse_twice(tx, known)
        return rule_proposals.propose(tx, agent.name, known.id, rule, tests, by)

    return await ledger.write(record)


async def accept(
    ledger: Ledger,
    agents: Agents,
    proposal: str,
    *,
    by: str,
    identity: Identity | None = None,
    promotion: Promotion | None = None,
) -> Accepted:
    """Add a proposed rule to the policy of its agent and its tests to those beside it; or have it told an instruction.

    The files are written in the transaction that records it, as its last step: where they cannot be, nothing is done.
    A crash in between is mended by accepting it again.

    Args:
        ledger: The record.
        agents: Those of the project.
        proposal: Its id, or the beginning of one.
        by: Who accepts it.
        identity: By what they are known; None at a terminal.
        promotion: What has to hold before agents write alone: the policy with the rule must have passed its gate. None
            asks for nothing.

    Raises:
        NotFound, Ambiguous: if none or several fit, or the agent is not there.
        Conflict: if somebody has decided it already, its tests do not pass any more, the policy with it was not
            promoted, or the files cannot be written.
        PolicyError, InvalidFile: if the policy or its tests cannot be read.
    """
    known = await ledger.read(lambda tx: rule_proposals.get(tx, proposal))
    _refuse_decided(known)
    if known.kind == "instruction":
        return Accepted(proposal=await ledger.write(lambda tx: _accept(tx, known, by, identity, ())))
    agent = _agent(agents, known.agent)
    changes = await asyncio.to_thread(_tried, agent, known, by)
    if promotion is not None:
        await asyncio.to_thread(_need_promotion, promotion, agents, known, by)
    made = await ledger.write(lambda tx: _accept(tx, known, by, identity, changes))
    policy, tests = changes
    return Accepted(proposal=made, policy=policy.file, tests=tests.file)


async def decline(
    ledger: Ledger, proposal: str, *, by: str, note: str = "", identity: Identity | None = None
) -> RuleProposal:
    """Decline a proposal; nothing changes.

    Raises:
        NotFound, Ambiguous: if none or several fit.
        Conflict: if somebody has decided it already.
    """

    def refuse(tx: Transaction) -> RuleProposal:
        known = rule_proposals.get(tx, proposal)
        rule_proposals.decide(tx, known.id, "declined", by, note)
        return _noted(tx, known, by, identity)

    return await ledger.write(refuse)


def proposal_json(proposal: RuleProposal) -> dict[str, Any]:
    """A proposal as JSON. Fields are added, never renamed."""
    times = {"at": time_json(proposal.at), "decided_at": time_json(proposal.decided_at)}
    return {**vars(proposal), "tests": list(proposal.tests), **times}


def _accept(
    tx: Transaction, known: RuleProposal, by: str, identity: Identity | None, changes: tuple[Change, ...]
) -> RuleProposal:
    if known.kind == "instruction":
        learning.accept(tx, known, by)
        return _noted(tx, known, by, identity)
    lock_name(tx, f"policy {changes[0].file}")
    rule_proposals.decide(tx, known.id, "accepted", by)
    decided = _noted(tx, known, by, identity)
    write(changes, known)
    return decided


def _noted(tx: Transaction, known: RuleProposal, by: str, identity: Identity | None) -> RuleProposal:
    decided = rule_proposals.get(tx, known.id)
    shown = {} if identity is None else {"credential": identity.credential, "address": identity.address}
    trail.note(tx, f"proposal.{decided.state}", by, about=known.id, says=known.agent, **shown)
    return decided


def _tried(agent: Agent, known: RuleProposal, by: str) -> tuple[Change, Change]:
    """What is to be written, once the policy has been read with it and its tests have passed."""
    specs = tuple(agent.specs.values())
    changes = changes_of(agent, known, by)
    if known.rule not in (changes[0].before or ""):  # else it was written before a crash
        check_proposal(known.rule, known.tests, policy_texts(policy_file(agent, known), specs), agent.name, specs)
    return changes


@contextlib.contextmanager
def with_proposal(agents: Agents, known: RuleProposal, by: str) -> Generator[list[Agent]]:
    """The agents as they would be if a proposed rule were accepted; its policy is a file that is gone afterwards.

    Raises:
        NotFound, Conflict, PolicyError: if the rule cannot be added.
    """
    agent = _agent(agents, known.agent)
    policy = changes_of(agent, known, by)[0]
    with tempfile.TemporaryDirectory(prefix="baton-candidate-") as folder:
        file = Path(folder) / policy.file.name
        file.write_text(policy.after, encoding="utf-8")
        yield [replace(one, policy=file) if one.name == agent.name else one for one in agents.values()]


def _need_promotion(promotion: Promotion, agents: Agents, known: RuleProposal, by: str) -> None:
    with with_proposal(agents, known, by) as candidates:
        lacks = promotion.lacks(hashes(candidates, endpoint()))
    if lacks:
        hint = f"`baton eval run SUITE --proposal {known.id}` plays it so, and `baton eval gate` promotes what passes."
        raise Conflict(known.id, f"it would let more run alone, and {lacks}", hint)


def _agent(agents: Agents, name: str) -> Agent:
    if name not in agents:
        raise NotFound("agent", name, agents)
    return agents[name]


def _refuse_decided(known: RuleProposal) -> None:
    if known.state != "open":
        raise Conflict(known.id, f"{known.decided_by} {known.state} it at {format_time(known.decided_at or 0)}")


def _refuse_twice(tx: Transaction, review: Review) -> None:
    for known in rule_proposals.of_review(tx, review.id):
        if known.kind == "rule" and known.state != "declined":
            by = known.by if known.state == "open" else known.decided_by
            did = "proposed" if known.state == "open" else "accepted"
            raise Conflict(review.id, f"{by} has {did} the rule {known.id} that is made of it")


def _approved(tx: Transaction, review: str) -> tuple[Review, Proposal]:
    known = reviews.get(tx, reviews.find(tx, review))
    decision = known.decision
    approved = decision is not None and decision.kind in (DecisionKind.APPROVE, DecisionKind.EDIT)
    if known.action is None or decision is None or not approved or decision.source is not Source.PERSON:
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
    rule, tests = rule_for(action, verdict, spec, id=id, until=until, by=decision.by)
    check_proposal(rule, tests, policy_texts(agent.policy, specs), agent.name, specs)
    return rule, tests
