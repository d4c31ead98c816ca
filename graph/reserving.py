"""What a call needs is reserved before people are asked about it, where the rule that asks says so.

It stands in its turn as any call does, and its run parks; the question is put once all of it is there. From then on it
is kept until the call is over or is not to be: no lease ends, no other call comes between the answer and what follows.
"""

from baton.core import Queued, Ruling, ToolSpec, Verdict
from baton.core.resources import places_in_words
from baton.graph.hold import Hold
from baton.graph.job import Job
from baton.graph.outcome import Outcome
from baton.graph.scene import Scene
from baton.graph.team import Member
from baton.ledger import Proposal, Transaction, events, reservations


def reserves(member: Member, proposal: Proposal) -> bool:
    """Whether people are asked about an action only once what it needs is reserved."""
    return _needed(member, proposal.action.tool, proposal.verdict) is not None


def _needed(member: Member, tool: str, verdict: Verdict) -> ToolSpec | None:
    """The tool whose needs are reserved first; None where nothing is."""
    spec = member.agent.specs.get(tool)
    return spec if verdict.reserve and verdict.ruling is Ruling.ASK and spec is not None and spec.needs else None


async def reserved_first(hold: Hold, scene: Scene, job: Job, verdict: Verdict) -> Outcome | None:
    """What is told of an action that waits for what it needs; None where people may be asked about it now."""
    action, run = job.action, scene.run
    spec = _needed(scene.member, action.tool, verdict)
    if spec is None:
        return None

    def ask(tx: Transaction) -> Queued | None:
        waits = reservations.keep_for_question(
            tx, spec.places, run=run.id, key=action.id, by=run.agent, tenant=run.tenant
        )
        if waits is None:
            return None
        ahead = reservations.ahead(tx, waits)
        said = {"action": action.id, "tool": spec.name, "of": list(waits.tokens), "ahead": ahead}
        events.emit(tx, run.id, "action.queued", **said)
        return Queued(action.id, places_in_words(waits.tokens), ahead)

    queued = await hold.write(ask)
    if queued is None:
        return None
    text = f"pending: people are asked once it has {queued.waits_for}, behind {queued.ahead}"
    return Outcome(text=text, pending=True)


async def settled(hold: Hold, scene: Scene, job: Job, outcome: Outcome) -> Outcome:
    """An outcome, once what it asks about is reserved; what is over, or asked without, gives back what it had."""
    if outcome.asks is not None:
        waits = await reserved_first(hold, scene, job, outcome.asks)
        if waits is not None:
            return waits
    keeps = outcome.pending and (outcome.asks is None or outcome.asks.reserve)
    asked = job.decision is not None or job.proposal.verdict.ruling is Ruling.ASK
    if asked and not keeps:
        run, action = hold.run, job.action.id
        outcome.riders.append(lambda tx: reservations.let_go(tx, run, action))
    return outcome
