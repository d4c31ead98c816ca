"""How a promise fared: every action of its class, from the record, with how the promise stood and what was true."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from complaints import Complaint

from baton.core import ActionId, RunId
from baton.ledger import Transaction, journal, promises, runs
from baton.policies.promises import Kept


@dataclass(frozen=True, kw_only=True)
class Step:
    """One action of the class.

    Attributes:
        mail: Number of the mail that it is about.
        alone: Whether it ran without a person.
        audited: Whether a person looks at it afterwards.
        wrong: Whether another refund, or none, was due. Nobody but this report knows.
        threshold: The score from which actions ran alone just before it; None where none did.
        alarms: How often the certificate had been revoked by then.
    """

    mail: int
    alone: bool
    audited: bool
    wrong: bool
    threshold: float | None
    alarms: int


def read_course(tx: Transaction, complaints: Mapping[RunId, Complaint]) -> list[Step]:
    """Every action that a certificate speaks of, in order; what is in the record is folded anew, entry by entry."""
    steps: list[Step] = []
    for row in reversed(promises.listed(tx)):
        kept = Kept(row.id, row.kind, row.promise, row.scorer, lambda _: 0.0, row.basis)
        before = steps[-1].alarms if steps else 0
        for entry in promises.since(tx, row.id, 0):
            if entry.kind == "decided" and entry.action is not None:
                standing = kept.standing()
                complaint, wrong = _judged(tx, entry.action, complaints)
                steps.append(
                    Step(
                        mail=complaint.number,
                        alone=entry.alone,
                        audited=entry.audited,
                        wrong=wrong,
                        threshold=standing.threshold,
                        alarms=before + standing.alarms,
                    )
                )
            kept.fold([entry])
    return steps


def share(flags: Sequence[bool]) -> float | None:
    """The share that is true; None of none."""
    return sum(flags) / len(flags) if flags else None


def wrong_alone(steps: Sequence[Step]) -> float | None:
    """The share that was wrong of the actions that ran alone; None where none did."""
    return share([step.wrong for step in steps if step.alone])


def rolling(steps: Sequence[Step], last: int) -> list[float | None]:
    """At each action, the share that was wrong of the latest ones that ran alone.

    None until half as many have, and where none of as many latest actions has run alone.
    """
    alone, counts = [step.wrong for step in steps if step.alone], _alone_by_then(steps)
    before = [0] * last + counts
    return [
        share(alone[max(0, count - last) : count]) if count >= last // 2 and count > earlier else None
        for count, earlier in zip(counts, before, strict=False)
    ]


def so_far(steps: Sequence[Step], least: int) -> list[float | None]:
    """At each action, the share that was wrong of all that ran alone so far; None until there are so many."""
    alone = [step.wrong for step in steps if step.alone]
    return [share(alone[:count]) if count >= least else None for count in _alone_by_then(steps)]


def _alone_by_then(steps: Sequence[Step]) -> list[int]:
    """At each action, how many have run alone with it."""
    return list(accumulate(int(step.alone) for step in steps))


def _judged(tx: Transaction, action: ActionId, complaints: Mapping[RunId, Complaint]) -> tuple[Complaint, bool]:
    """The complaint that an action is about, and whether the action was wrong."""
    proposed = journal.proposal(tx, action).action
    complaint = complaints[RunId(runs.get(tx, proposed.run).conversation)]
    return complaint, not complaint.is_due(proposed.arguments)
