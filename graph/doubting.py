"""Nobody knows whether a write happened: a person is asked, with everything that is known."""

from baton.core import ReviewId, Ruling, Verdict, format_time, random_id
from baton.graph.hold import Hold
from baton.graph.job import Job
from baton.graph.outcome import Outcome
from baton.graph.scene import Scene
from baton.graph.trouble import open_review
from baton.ledger import EffectRecord, EffectState, ReviewKind, Transaction, effects, events, journal

ANSWERS = (
    "approve: it did not happen, run it. respond TEXT: it did, this is its result. "
    "reject: stop, it is not run and nobody knows whether it happened."
)


def ask_whether(hold: Hold, scene: Scene, job: Job, why: str) -> Outcome:
    """Open the review "did this happen?"; its rows ride with the step."""
    action, run = job.action, scene.run
    review = ReviewId(random_id("rev"))
    verdict = Verdict(ruling=Ruling.ASK, reason=why, policy=job.verdict.policy, kind=job.verdict.kind)

    def doubt(tx: Transaction) -> None:
        effect = effects.get(tx, action.id)
        question = {
            "summary": f"Did {action.tool} happen? {why[:1].upper()}{why[1:]}.",
            "arguments": action.arguments,
            "version": action.version,  # so that these very arguments run, which may be edited ones
            "known": _known(tx, hold, effect) if effect else {},
            "answers": ANSWERS,
        }
        effects.settle(tx, run.id, hold.lease.epoch, action.id, EffectState.DOUBT, "")
        open_review(tx, run, review, ReviewKind.DOUBT, question, verdict, action=action.id, tool=action.tool)
        journal.set_review(tx, action.id, review)

    return Outcome(text=f"pending: review {review}: did this happen?", pending=True, review=review, riders=[doubt])


def left_in_doubt(hold: Hold, job: Job, why: str) -> Outcome:
    """The same in a run that is called off: it is recorded, and nobody is asked."""

    def settle(tx: Transaction) -> None:
        effects.settle(tx, hold.run, hold.lease.epoch, job.action.id, EffectState.DOUBT, "")

    return Outcome(text=f"error: {why}; nobody knows whether it happened", riders=[settle])


def _known(tx: Transaction, hold: Hold, effect: EffectRecord) -> dict[str, str]:
    """What is known beside the call itself, by name, for people."""
    return {
        "key": effect.key,
        "first begun": format_time(effect.claimed_at),
        "tries": str(effect.attempts),
        "last tried by": f"{_worker(tx, hold, effect.epoch)} (epoch {effect.epoch})",
    }


def _worker(tx: Transaction, hold: Hold, epoch: int) -> str:
    if epoch == hold.lease.epoch:
        return hold.lease.owner
    lost = events.latest(tx, hold.run, "run.taken_over", 100)
    return next((str(event.data["owner"]) for event in lost if event.data["epoch"] == epoch), "a worker that stopped")
