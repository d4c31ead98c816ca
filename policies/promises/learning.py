"""Learning a score from labels: when there are enough, and while nothing runs alone that a new beginning would stop."""

from baton.ledger import Ledger, Transaction, promises
from baton.ledger.promises import CertificateRow
from baton.policies.promises.figures import labelled, stands_for
from baton.policies.promises.keeping import Certificates
from baton.policies.promises.scoring import ENOUGH, RULE, Comparison, Fitted, Labelled, compare, ruled


def labels_of(tx: Transaction, certificate: str) -> list[Labelled]:
    """Every labelled decision of a certificate, in order."""
    found = labelled(promises.since(tx, certificate, 0))
    return [Labelled(decision.details["signals"], label.wrong, stands_for(decision)) for decision, label in found]


async def learn(ledger: Ledger, certificate: str) -> Fitted | None:
    """Fit a score to a class that is scored by the rule, each time that so many further labels are there.

    Returns:
        What scores the class from now on, where that has changed; its certificate begins anew.
    """
    row, labels = await ledger.read(
        lambda tx: (promises.get(tx, certificate), promises.counted(tx, certificate, "labelled"))
    )
    if row is None or row.scorer != RULE or labels < ENOUGH or labels % ENOUGH:
        return None
    kept = await ledger.read(lambda tx: Certificates().kept(tx, row.agent, {row.kind: row.promise})[row.kind])
    if kept.scorer != RULE or kept.standing().threshold is not None:
        return None
    found = await trial(ledger, row)
    if found is None or not found.better:
        return None
    await record(ledger, row, found.fitted)
    return found.fitted


async def trial(ledger: Ledger, row: CertificateRow) -> Comparison | None:
    """Fit a score to the labels of a certificate, and compare it with its own; None where there are too few."""

    def read(tx: Transaction) -> tuple[list[Labelled], Fitted | None]:
        return labels_of(tx, row.id), scorer_of(tx, row)

    labels, used = await ledger.read(read)
    return compare(labels, used.score if used else ruled)


async def record(ledger: Ledger, row: CertificateRow, fitted: Fitted) -> None:
    """Let a fitted score the class from its next action on; its certificate begins anew."""
    await ledger.write(lambda tx: promises.record_scorer(tx, fitted.id, row.agent, row.kind, fitted.document()))


def scorer_of(tx: Transaction, row: CertificateRow) -> Fitted | None:
    """What scored the actions of a certificate; None for the rule, and for what cannot be read any more."""
    found = [one for one in promises.scorers_of(tx, row.agent) if one.id == row.scorer]
    return Fitted.read(found[0].weights) if found else None
