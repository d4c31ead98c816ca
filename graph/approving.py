"""What was approved is what runs: the last check before an approved action is carried out. See invariant 5."""

from baton.core import ReviewId, Ruling, Verdict, format_time, random_id
from baton.graph.builtins import Scene
from baton.graph.carrying import Job
from baton.graph.judging import judge
from baton.graph.outcome import Outcome
from baton.graph.past import Past
from baton.graph.trouble import open_review
from baton.ledger import DecisionKind, ReviewKind, Transaction, journal
from baton.policies import approval_digest


async def still_approved(scene: Scene, past: Past, job: Job) -> Outcome | None:
    """None if the action may run as it was approved, else what becomes of it.

    Refused: another digest than the approved one, or an approval that has lapsed. When the policy has changed since,
    the action is judged again: the same rules, the approval stands; other rules, a person is asked anew; deny, refused.
    """
    decision, action = job.decision, job.action
    if decision is None or decision.kind is DecisionKind.RESPOND or job.known is not None:
        return None  # a doubt was settled, or the action was begun under this approval already
    if decision.expires is not None and past.now > decision.expires:
        return Outcome(text=f"denied: the approval by {decision.by} lapsed at {format_time(decision.expires)}")
    judged = job.verdict
    spec = scene.member.agent.specs.get(action.tool)
    digest = approval_digest(tenant=scene.team.tenant, action=action, rule=judged.rules, expires=decision.expires)
    if digest != decision.digest or spec is None or spec.version != action.version:
        return Outcome(text=f"denied: this is not what {decision.by} approved")
    if judged.policy == scene.member.policy.version:
        return None
    anew = judge(scene.member, past.run, action, past.record([]))
    if anew.ruling is Ruling.ALLOW or (anew.ruling is Ruling.ASK and set(anew.rules) == set(judged.rules)):
        return None
    if anew.ruling is Ruling.DENY:
        return Outcome(text=f"denied: the policy has changed since the approval: {anew.reason}")
    return _ask_anew(past, job, anew)


def _ask_anew(past: Past, job: Job, anew: Verdict) -> Outcome:
    review, action = ReviewId(random_id("rev")), job.action
    question = {
        "summary": f"May {past.run.agent} call {action.tool}? The policy has changed since it was approved.",
        "arguments": action.arguments,
        "confidence": action.confidence,
        "reason": action.reason,
        "before": job.verdict.reason,
        "now": anew.reason,
    }

    def ask(tx: Transaction) -> None:
        open_review(tx, past.run, review, ReviewKind.ACTION, question, anew, action=action.id, tool=action.tool)
        journal.set_review(tx, action.id, review)

    return Outcome(text=f"pending: review {review}: {anew.reason}", pending=True, riders=[ask])
