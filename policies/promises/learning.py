"""Learning a score from labels: when there are enough, and while nothing runs alone that a new beginning would stop."""

from baton.core import ActionId
from baton.ledger import Ledger, Transaction, promises
from baton.ledger.promises import CertificateRow, Entry
from baton.policies.promises.keeping import Certificates
from baton.policies.promises.scoring import ENOUGH, RULE, Fitted, Labelled, fit

ALL = ""
"""What stands for all classes of an agent together: a class that begins later borrows their score."""


def labels_of(tx: Transaction, certificate: str) -> list[Labelled]:
    """Every labelled decision of a certificate, in order."""
    found: list[Labelled] = []
    decided: dict[ActionId | None, Entry] = {}
    for entry in promises.since(tx, certificate, 0):
        if entry.kind == "decided":
            decided[entry.action] = entry
        elif entry.kind == "labelled" and (decision := decided.pop(entry.action, None)) is not None:
            weight = 1 / (decision.audit or 1.0) if decision.alone else 1.0
            found.append(Labelled(decision.details["signals"], entry.wrong, weight))
    return found


async def learn(ledger: Ledger, certificate: str) -> None:
    """Fit a score to a class that is scored by the rule, and to its agent's classes together, as labels come in.

    That a class is scored anew begins its certificate anew, so it happens only while nothing of it runs alone.
    """
    row, labels = await ledger.read(
        lambda tx: (promises.get(tx, certificate), promises.counted(tx, certificate, "labelled"))
    )
    if row is None or row.scorer != RULE:
        return
    if labels >= ENOUGH and labels % ENOUGH == 0 and await ledger.read(lambda tx: _waits(tx, row)):
        await refit(ledger, row.agent, row.kind, certificate)
    if labels % (ENOUGH // 4) == 0:
        await _learn_for_all(ledger, row)


async def refit(ledger: Ledger, agent: str, kind: str, certificate: str) -> Fitted | None:
    """Fit a score to a class now, whatever scores it; None where the rule ranks as well."""
    found = fit(await ledger.read(lambda tx: labels_of(tx, certificate)))
    if found is not None:
        await ledger.write(lambda tx: promises.record_scorer(tx, found.id, agent, kind, found.document()))
    return found


async def _learn_for_all(ledger: Ledger, row: CertificateRow) -> None:
    """Fit one score to all classes of an agent, once."""

    def look(tx: Transaction) -> list[Labelled]:
        if any(one.kind == ALL for one in promises.scorers_of(tx, row.agent)):
            return []
        alike = [one for one in promises.of_agent(tx, row.agent) if one.basis == row.basis]
        return [label for one in alike for label in labels_of(tx, one.id)]

    found = fit(await ledger.read(look))
    if found is not None:
        await ledger.write(lambda tx: promises.record_scorer(tx, found.id, row.agent, ALL, found.document()))


def _waits(tx: Transaction, row: CertificateRow) -> bool:
    """Whether a class is scored by the rule, and nothing of it runs alone."""
    kept = Certificates().kept(tx, row.agent, {row.kind: row.promise}, row.basis)[row.kind]
    return kept.scorer == RULE and kept.standing().threshold is None
