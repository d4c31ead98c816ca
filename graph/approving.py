"""The last check before an action is carried out: is it what was approved, and does policy still say so?"""

from dataclasses import replace

from baton.core import Assessed, OverLimit, ReviewId, Ruling, Verdict, format_time, random_id
from baton.graph.job import Job
from baton.graph.judging import judge, renewed
from baton.graph.outcome import Outcome, denial
from baton.graph.past import Past, spent_by
from baton.graph.scene import Scene
from baton.graph.trouble import open_review
from baton.ledger import DecisionKind, ReviewKind, Transaction, events, journal
from baton.policies import approval_digest

_CHANGED = "The policy has changed since"


def still_approved(scene: Scene, past: Past, job: Job) -> Job | Outcome:
    """The job if the action may run as it was approved, else what becomes of it.

    Refused: another digest than the approved one, or an approval that has lapsed. When the policy has changed since,
    the action is judged again: the same rules, the approval stands; other rules, a person is asked anew; deny, refused.
    """
    decision, action = job.decision, job.action
    if decision is None or decision.kind is DecisionKind.RESPOND or job.known is not None:
        return job  # a doubt was settled, or the action was begun under this approval already
    if decision.expires is not None and past.now > decision.expires:
        return denial(f"the approval by {decision.by} lapsed at {format_time(decision.expires)}")
    judged = job.verdict
    spec = scene.member.agent.specs.get(action.tool)
    digest = approval_digest(tenant=past.run.tenant, action=action, rule=judged.rules, expires=decision.expires)
    if digest != decision.digest or spec is None or spec.version != action.version:
        return denial(f"this is not what {decision.by} approved")
    return _judged_anew(scene, past, job, f"{_CHANGED} the approval") if _has_changed(scene, job) else job


def still_allowed(scene: Scene, past: Past, job: Job) -> Job | Outcome:
    """The job if what needed nobody still needs nobody.

    A policy may have changed since, where a process died in between, or a certificate may have been revoked.
    """
    if job.known is not None:
        return job
    if _has_changed(scene, job):
        return _judged_anew(scene, past, job, f"{_CHANGED} it was proposed")
    if not _is_certified(past, job.verdict.assessed):
        return _judged_anew(scene, past, job, "Its certificate has been revoked since it was proposed")
    return job


async def over_limit(scene: Scene, past: Past, job: Job, error: OverLimit) -> Job | Outcome:
    """What becomes of an action whose limit others have used up since it was judged: it is judged again."""
    if job.decision is not None:
        return denial(f"{job.decision.by} approved it, but {error.told}")
    spent = await scene.ledger.read(lambda tx: spent_by(tx, past.run, scene.member))
    return _judged_anew(scene, replace(past, spent=spent), job, "Others have used its limit up since it was proposed")


def _has_changed(scene: Scene, job: Job) -> bool:
    """Whether the policy is another one than that which has judged."""
    return job.verdict.policy != scene.member.policy.version


def _is_certified(past: Past, assessed: Assessed | None) -> bool:
    """Whether what ran alone by a certificate still may; what needed none may."""
    if assessed is None:
        return True
    certificate = past.certificates.get(assessed.kind)
    return certificate is not None and certificate.still_allows(assessed)


def _judged_anew(scene: Scene, past: Past, job: Job, since: str) -> Job | Outcome:
    """The job where policy, asked again, lets it go ahead; else what becomes of the action.

    Where the same rules ask as before, an approval stands; what nobody was asked about has none.
    """
    if job.action.tool not in scene.member.agent.specs:
        return job
    anew = judge(scene.member, past.run, job.action, past.record([], scene.member.agent.specs))
    asked = job.decision is not None and anew.ruling is Ruling.ASK and set(anew.rules) == set(job.verdict.rules)
    if anew.ruling is Ruling.ALLOW or asked:
        return replace(job, verdict=renewed(job.verdict, anew))
    return _denied_anew(job, anew, since) if anew.ruling is Ruling.DENY else _ask_anew(past, job, anew, since)


def _denied_anew(job: Job, anew: Verdict, since: str) -> Outcome:
    action = job.action
    outcome = denial(f"{since[0].lower()}{since[1:]}: {anew.reason}", anew.rules)
    said = {"action": action.id, "tool": action.tool, "ruling": anew.ruling, "rules": list(anew.rules)}
    outcome.riders.append(lambda tx: events.emit(tx, action.run, "action.judged", **said, problem=None, review=None))
    return outcome


def _ask_anew(past: Past, job: Job, anew: Verdict, since: str) -> Outcome:
    review, action = ReviewId(random_id("rev")), job.action
    question = {
        "summary": f"May {past.run.agent} call {action.tool}? {since}.",
        "arguments": action.arguments,
        "version": action.version,  # so that these very arguments run, which may be edited ones
        "confidence": action.confidence,
        "reason": action.reason,
        "before": job.verdict.reason,
        "now": anew.reason,
    }

    def ask(tx: Transaction) -> None:
        open_review(tx, past.run, review, ReviewKind.ACTION, question, anew, action=action.id, tool=action.tool)
        journal.set_review(tx, action.id, review)

    return Outcome(
        text=f"pending: review {review}: {anew.reason}", pending=True, review=review, asks=anew, riders=[ask]
    )
