"""Asking people about a call: what the question says beside it, and when it is put."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from baton.agents import previewed
from baton.graph.hold import Hold
from baton.graph.holding import bases, facts_in
from baton.graph.job import Job
from baton.graph.judging import Record
from baton.graph.outcome import Outcome
from baton.graph.past import Past
from baton.graph.rereading import read_again
from baton.graph.reserving import reserved_first
from baton.graph.resting import drifts, fresh
from baton.graph.scene import Scene
from baton.graph.team import Member
from baton.graph.trouble import open_for
from baton.ledger import Ledger, Line, Proposal, Transaction


async def known_of(
    ledger: Ledger, member: Member, past: Past, proposal: Proposal, lines: Sequence[Line], record: Record
) -> dict[str, Any]:
    """What a question says beside the call; what it rests on is read where nobody has yet."""
    action = proposal.action
    told = await previewed(member.agent.specs[action.tool], action.arguments)
    found = await bases(ledger, member, proposal, lines, past.proposals)
    clock = ledger.clock
    unread = [one for one in found if not fresh(one, member.agent.specs.get(one.tool), clock.now())]
    now = iter(await read_again(member, past.run, action, unread, record, clock))
    rests = [next(now) if one in unread else one for one in found]
    drift = [asdict(one) for old, new in zip(found, rests, strict=True) if old.mark for one in drifts(old, new)]
    more = {
        "rests_on": [one.document() for one in rests],
        "drift": drift,
        "facts": facts_in(lines, past.proposals, action.arguments),
    }
    return told | {name: said for name, said in more.items() if said}


async def ask_people(hold: Hold, scene: Scene, past: Past, job: Job) -> Outcome:
    """What is told of an action that people are asked about; one that is to have what it needs first is asked here."""
    proposal = job.proposal
    said = f"pending: review {proposal.review}: {proposal.verdict.reason}"
    if past.asked(proposal):
        return Outcome(text=said, pending=True, review=proposal.review)
    first = next((one for one in past.proposals if one.review == proposal.review), proposal)
    if first.action.id != job.action.id:
        return Outcome(text=said, pending=True)  # it has joined one that is not asked about yet
    waits = await reserved_first(hold, scene, job, proposal.verdict)
    if waits is not None:
        return waits
    record = past.record([], scene.member.agent.specs)
    known = await known_of(scene.ledger, scene.member, past, proposal, past.lines, record)

    def ask(tx: Transaction) -> None:
        open_for(tx, past.run, proposal, known)

    return Outcome(text=said, pending=True, review=proposal.review, riders=[ask])
