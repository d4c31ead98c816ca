"""Learning a score from labels: when there are enough, and while nothing runs alone that a new beginning would stop."""

from baton.ledger import Ledger, Transaction, promises
from baton.ledger.promises import CertificateRow
from baton.policies.promises.figures import labelled, stands_for
from baton.policies.promises.keeping import ALL, Certificates
from baton.policies.promises.scoring import ENOUGH, RULE, Comparison, Fitted, Labelled, compare, ruled


def labels_of(tx: Transaction, certificate: str) -> list[Labelled]:
    """Every labelled decision of a certificate, in order."""
    found = labelled(promises.since(tx, certificate, 0))
    return [Labelled(decision.details["signals"], label.wrong, stands_for(decision)) for decision, label in found]


async def learn(ledger: Ledger, certificate: str) -> None:
    """Fit a score to a class that is scored by the rule, and to its agent's classes together, as labels come in.

    That a class is scored anew begins its certificate anew, so it happens only while nothing of it runs alone.
    """
    row = await ledger.read(lambda tx: promises.head(tx, certificate))
    if row is None or row.scorer != RULE:
        return
    labels = await ledger.read(lambda tx: promises.counted(tx, certificate, "labelled"))
    if _is_due(labels, ENOUGH) and await ledger.read(lambda tx: _waits(tx, row)):
        found = await trial(ledger, row)
        if found is not None and found.better:
            await record(ledger, row, found.fitted)
    if _is_due(labels, ENOUGH // 4):
        await _learn_for_all(ledger, row)


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


async def _learn_for_all(ledger: Ledger, row: CertificateRow) -> None:
    """Fit one score to all classes of an agent, once."""

    def look(tx: Transaction) -> list[Labelled]:
        if any(one.kind == ALL for one in promises.scorers_of(tx, row.agent)):
            return []
        alike = [one for one in promises.of_agent(tx, row.agent) if one.basis == row.basis]
        return [label for one in alike for label in labels_of(tx, one.id)]

    found = compare(await ledger.read(look), ruled)
    if found is not None and found.better:
        weights = found.fitted.document()
        await ledger.write(lambda tx: promises.record_scorer(tx, found.fitted.id, row.agent, ALL, weights))


def _is_due(labels: int, first: int) -> bool:
    """Whether it is time to try: with the first labels, and whenever they have doubled, as each try reads them all."""
    return labels % first == 0 and (labels // first).bit_count() == 1


def _waits(tx: Transaction, row: CertificateRow) -> bool:
    """Whether a class is scored by the rule, and nothing of it runs alone."""
    kept = Certificates().kept(tx, row.agent, {row.kind: row.promise}, row.basis)[row.kind]
    return kept.scorer == RULE and kept.standing().threshold is None
