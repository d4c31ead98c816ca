"""Learning a score from labels: when there are enough, and while nothing runs alone that a new beginning would stop."""

from baton.core import ActionId
from baton.ledger import Ledger, Transaction, promises
from baton.ledger.promises import Entry
from baton.policies.promises.keeping import Certificates
from baton.policies.promises.scoring import ENOUGH, RULE, Fitted, Labelled, fit


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
    return await refit(ledger, row.agent, row.kind, certificate)


async def refit(ledger: Ledger, agent: str, kind: str, certificate: str) -> Fitted | None:
    """Fit a score to a class now, whatever scores it; None where the rule ranks as well."""
    found = fit(await ledger.read(lambda tx: labels_of(tx, certificate)))
    if found is not None:
        await ledger.write(lambda tx: promises.record_scorer(tx, found.id, agent, kind, found.document()))
    return found
