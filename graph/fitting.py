"""Whether the code at hand may go on with a run: settled once, before anything of the run is touched."""

from functools import partial

from baton.core import Label, ReviewId, Ruling, RunId, Trust, Verdict, logger, random_id
from baton.graph.ending import end
from baton.graph.fingerprint import Fingerprint, read
from baton.graph.hold import Hold
from baton.graph.move import Office
from baton.graph.open_matters import open_matters
from baton.graph.outcome import End
from baton.graph.past import load
from baton.graph.patterns import name_of
from baton.graph.skew import Problem, differences, skew
from baton.graph.team import Member
from baton.graph.trouble import open_review
from baton.graph.upcasting import supersede
from baton.ledger import (
    DecisionKind,
    Lease,
    Review,
    ReviewKind,
    Run,
    Transaction,
    events,
    fingerprints,
    journal,
    leases,
    mail,
    reviews,
    runs,
    transcript,
    workflow_steps,
)

ANEW = "the code has changed: propose it anew if it is still wanted"
"""What an agent is told of an action that no longer fits."""

log = logger()


async def fits(office: Office, hold: Hold) -> bool:
    """Whether to go on with a run. If not, people have been asked, and the run is parked.

    The same fingerprint costs nothing. Another one is compared with what the run has open: if all of that fits, the
    run goes on with it; if not, a person is told what differs, and decides.
    """
    lease, team = hold.lease, office.team
    if lease.agent not in team.members or lease.fingerprint == team.members[lease.agent].fingerprint.hash:
        return True  # an agent that is not here: only a cancelled run is advanced without it
    member = team.members[lease.agent]
    return await hold.write(lambda tx: _settled(tx, lease, member))


def _settled(tx: Transaction, lease: Lease, member: Member) -> bool:
    run, mine = runs.get(tx, lease.run), member.fingerprint
    old, found = stored(tx, run.fingerprint), problems_of(tx, run, mine)
    problems = [problem for problem in found if problem.kind != "asked again"]
    if problems and not _may_drop(tx, run, mine.hash, problems):
        _stop(tx, lease, run, mine.hash, problems)
        return False
    drop(tx, run.id, problems)
    for problem in found:
        if problem.kind == "asked again" and problem.review is not None:
            past = load(tx, run.id, transcript.WHOLE, members={run.agent: member})
            supersede(tx, member, past, reviews.get(tx, problem.review))
    fingerprints.keep(tx, mine.hash, mine.content)
    fingerprints.note(tx, run.id, mine.hash)
    differs = differences(old, mine) if old else []
    events.emit(tx, run.id, "run.code_changed", before=run.fingerprint, now=mine.hash, differs=differs)
    withdraw_trouble(tx, run.id, "the code fits again")
    return True


def _may_drop(tx: Transaction, run: Run, hash: str, problems: list[Problem]) -> bool:
    """Whether a person has let go of what does not fit: by an answer about this very code, or by a cancel.

    A state that cannot be read is never gone on from, whoever says so.
    """
    if any(problem.action is None for problem in problems):
        return False
    asked = _asked(tx, run, hash)
    return mail.cancelled(tx, run.id, 0) or (asked is not None and not asked.open)


def misfits(tx: Transaction, run: Run, code: Fingerprint | None) -> list[Problem]:
    """What of a run the code does not fit; what is only to be asked again is none of it."""
    return [problem for problem in problems_of(tx, run, code) if problem.kind != "asked again"]


def problems_of(tx: Transaction, run: Run, code: Fingerprint | None) -> list[Problem]:
    """What of a run the code does not fit, or would have asked again."""
    return skew(run.agent, stored(tx, run.fingerprint), code, open_matters(tx, run.id), _begun(tx, run))


def _begun(tx: Transaction, run: Run) -> dict[str, str]:
    """What the steps of a workflow's run do that it has begun, by name."""
    return {name_of(row.key): row.what for row in workflow_steps.of_run(tx, run.id) if "?" not in row.key}


def stored(tx: Transaction, hash: str | None) -> Fingerprint | None:
    """A fingerprint by its hash; None where it is not known."""
    content = fingerprints.get(tx, hash) if hash else None
    return read(content) if content else None


def drop(tx: Transaction, run: RunId, found: list[Problem]) -> None:
    """Settle what no longer fits: its questions are withdrawn, and the agent is told to propose it anew.

    What was begun stays open: whether it happened is asked of a person, never of the new code.
    """
    for problem in found:
        if problem.action is None:
            continue
        journal.spoil(tx, problem.action, ANEW)
        if problem.review is not None:
            review = reviews.get(tx, problem.review)
            if review.kind is ReviewKind.ACTION and reviews.close_unanswered(tx, review, DecisionKind.WITHDRAWN, ANEW):
                mail.post(tx, run, "decision", sender="baton", ref=review.id)


def _asked(tx: Transaction, run: Run, hash: str) -> Review | None:
    """The question whether to go on under this very code; None if nobody was asked."""
    for review in reversed(reviews.of_run(tx, run.id)):
        withdrawn = review.decision is not None and review.decision.kind is DecisionKind.WITHDRAWN
        if review.question.get("code") == hash and not withdrawn:
            return review
    return None


def _stop(tx: Transaction, lease: Lease, run: Run, hash: str, problems: list[Problem]) -> None:
    """Park the run until the code fits or a person has decided; asked once."""
    said, asked = told(run, problems), _asked(tx, run, hash)
    readable = all(problem.action is not None for problem in problems)
    if not readable and (mail.cancelled(tx, run.id, 0) or _rejected(asked)):
        how = End(outcome="failed", summary=f"stopped: {said}")
        end(tx, run, 2**53, how, Label(Trust.SYSTEM))
        leases.park(tx, lease)
        return
    if asked is None or not asked.open:
        withdraw_trouble(tx, run.id, "the code has changed once more")
        question = {"summary": said, "code": hash, "answers": _ANSWERS if readable else _ANSWERS_UNREADABLE}
        verdict = Verdict(ruling=Ruling.ASK, reason=said, policy="", kind=f"{run.agent}/code")
        open_review(tx, run, ReviewId(random_id("rev")), ReviewKind.TROUBLE, question, verdict)
    leases.park(tx, lease)
    fingerprints.stop(tx, run.id, said)


def _rejected(asked: Review | None) -> bool:
    return asked is not None and asked.decision is not None and asked.decision.kind is DecisionKind.REJECT


_ANSWERS = (
    "approve: drop what no longer fits, the agent proposes it anew. reject: end the run. "
    "Or bring the old code back, or give the tool upcasters: the run then goes on by itself."
)
_ANSWERS_UNREADABLE = "reject: end the run. Or bring code back that reads its state: the run then goes on by itself."


def told(run: Run, problems: list[Problem]) -> str:
    """What keeps a run from going on, in a sentence."""
    return f"the code of {run.agent} has changed, and {run.id} cannot go on with it: " + "; ".join(
        problem.says for problem in problems
    )


def withdraw_trouble(tx: Transaction, run: RunId, why: str) -> None:
    for review in reviews.waiting(tx, runs=[run]):
        if review.question.get("code"):
            reviews.close_unanswered(tx, review, DecisionKind.WITHDRAWN, why)


async def look_again(office: Office) -> None:
    """Wake the runs that other code had stopped and that the code at hand fits: after a rollback, or an upcaster."""
    members = office.team.members

    def fitting(tx: Transaction) -> list[RunId]:
        stopped = [run for run in fingerprints.stopped(tx) if run.agent in members]
        return [run.id for run in stopped if not misfits(tx, run, members[run.agent].fingerprint)]

    for run in await office.ledger.read(fitting):
        log.info("run goes on: the code fits again", run=run)
        await office.ledger.write(partial(_free, run))


def _free(run: RunId, tx: Transaction) -> None:
    withdraw_trouble(tx, run, "the code fits again")
    fingerprints.stop(tx, run, None)
    runs.wake(tx, run)
