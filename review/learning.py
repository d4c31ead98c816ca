"""What people correct is learnt from: it is remembered, and where it repeats, somebody is asked to make it a rule.

An action is corrected where a person changes or rejects it, or finds it wrong when looking back. Each correction with a
reason becomes a fact that its agent remembers, with its source. When people have corrected a class of actions a few
times, what they said is proposed as an instruction, which does nothing until an owner accepts it.
"""

from collections.abc import Sequence

from baton.core import Label, ReviewId, Trust
from baton.ledger import Claim, Kind, Transaction, corrections, facts, rule_proposals
from baton.ledger.corrections import Correction

REPEATED = 3
"""Corrections of a class after which an instruction is proposed."""

WITHIN = 30 * 86400.0
"""Seconds in which they have to come."""

_MOST = 10  # reasons in one instruction


def learn_from(tx: Transaction, agent: str, source: str) -> None:
    """Remember a correction that has just been made, and propose an instruction where it is one too many.

    Args:
        tx: The transaction that records it.
        agent: Whose action was corrected.
        source: The review or audit.
    """
    recent = corrections.listed(tx, agent, since=tx.now - WITHIN)
    made = next((one for one in recent if one.source == source), None)
    if made is None or not made.note.strip():
        return
    label = Label(Trust.USER, frozenset({source}), made.confidentiality)
    facts.record(
        tx,
        Claim(
            tenant=made.tenant,
            scope=corrections_of(agent),
            subject=f"{made.tool} corrected",
            text=_told(made),
            label=label,
            valid_from=made.at,
            run=made.run,
        ),
    )
    alike = [one for one in recent if one.kind == made.kind and one.note.strip()]
    if len(alike) >= REPEATED and not _proposed(tx, made, since=tx.now - WITHIN):
        text = _instruction(alike)
        rule_proposals.propose(tx, agent, ReviewId(source), text, [], by="baton", kind="instruction", about=made.kind)


def corrections_of(agent: str) -> str:
    """The scope of memory in which an agent's corrections are."""
    return f"corrections/{agent}"


def instructions_of(agent: str) -> str:
    """The scope of memory in which the instructions are that owners have accepted for an agent."""
    return f"instructions/{agent}"


def accept(tx: Transaction, proposal: rule_proposals.RuleProposal, by: str) -> None:
    """Make a proposed instruction one of the agent's: it is told it at the beginning of each run.

    Raises:
        Conflict: if somebody has decided it already.
    """
    rule_proposals.decide(tx, proposal.id, "accepted", by)
    label = Label(Trust.SYSTEM, frozenset({proposal.id}))
    facts.record(
        tx,
        Claim(
            tenant=corrections.tenant_of(tx, proposal.review),
            scope=instructions_of(proposal.agent),
            kind=Kind.PROCEDURAL,
            subject=proposal.about or "instruction",
            text=proposal.rule,
            label=label,
        ),
    )


def _told(made: Correction) -> str:
    if made.instead is None:
        return f"{made.by}: this call was {made.how}: {made.note}"
    changed = [name for name in made.instead if made.instead[name] != made.arguments.get(name)]
    changed += [name for name in made.arguments if name not in made.instead]
    return f"{made.by} changed {', '.join(changed)}: {made.note}"


def _instruction(alike: Sequence[Correction]) -> str:
    tools = ", ".join(dict.fromkeys(one.tool for one in alike))
    reasons = dict.fromkeys(f"- {one.note.strip()} ({one.by} in {one.source})" for one in alike[-_MOST:])
    return "\n".join([f"Before you call {tools}, heed what people have corrected {len(alike)} times:", *reasons])


def _proposed(tx: Transaction, made: Correction, since: float) -> bool:
    """Whether an instruction for this class waits for its owner, or was decided lately."""
    known = rule_proposals.listed(tx, everything=True)
    alike = [one for one in known if (one.agent, one.about) == (made.agent, made.kind)]
    return any(one.state == "open" or (one.decided_at or 0.0) > since for one in alike)
