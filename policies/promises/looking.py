"""How promises stand, read from the ledger alone: for people who look, not for deciding."""

from collections.abc import Sequence
from dataclasses import dataclass

from baton.core import InvalidValue, NotFound
from baton.ledger import Transaction, audits, promises
from baton.ledger.audits import Audit
from baton.ledger.promises import CertificateRow, Entry
from baton.policies.promises.keeping import ALL, Kept, certificate_id
from baton.policies.promises.learning import scorer_of
from baton.policies.promises.scoring import RULE, Fitted, ruled
from baton.policies.promises.standing import Point, Standing

_STEP = 100  # entries: fewer than there are labels between two alarms


@dataclass(frozen=True, kw_only=True)
class Look:
    """An agent's promise about a class, by the certificate that was used last.

    Attributes:
        row: The certificate.
        used_at: When it last took something in, in seconds since 1970.
        standing: How it stands; None where another method made it, so that it cannot be read any more.
        curve: Every threshold that might be acted on, strict to loose; empty until they are laid out.
        last_audit: When somebody last answered an audit; None for never.
        last_alarm: When a change last revoked it; None for never.
        waiting: The audits that nobody has answered yet.
        ended: Why the next action begins another certificate; empty where it goes on with this one.
    """

    row: CertificateRow
    used_at: float
    standing: Standing | None
    curve: tuple[Point, ...]
    last_audit: float | None
    last_alarm: float | None
    waiting: tuple[Audit, ...]
    ended: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """All there is to say of it.

    Attributes:
        entries: What the certificate has taken in; of a long one perhaps only the latest.
        left_out: How many there are before these.
        alarms: When a change has revoked it, in seconds since 1970.
        scorer: What scores the class; None for the fixed rule.
        earlier: Its certificates before this one, the newest first.
    """

    look: Look
    entries: list[Entry]
    left_out: int
    alarms: list[float]
    scorer: Fitted | None
    earlier: list[CertificateRow]


def looks(tx: Transaction) -> list[Look]:
    """Of each agent and class, the certificate that was used last; by class, then by agent."""
    waiting = audits.waiting(tx)
    return [_look(tx, rows[0], at, waiting) for rows, at in _by_class(tx)]


def look(tx: Transaction, kind: str, agent: str | None = None) -> Look:
    """The promise about one class.

    Raises:
        NotFound: if nothing of such a class was decided yet.
        InvalidValue: if several agents have it and none is named.
    """
    rows, at = _found(tx, kind, agent)
    return _look(tx, rows[0], at, audits.waiting(tx))


def page(tx: Transaction, kind: str, agent: str | None = None, latest: int | None = None) -> Page:
    """Everything about one class.

    Args:
        tx: The transaction.
        kind: The class.
        agent: Whose, where several agents have it.
        latest: How many entries are read, the latest; of alarms only the last is known then. None reads all.

    Raises:
        NotFound, InvalidValue: as `look`.
    """
    rows, at = _found(tx, kind, agent)
    row, *earlier = rows
    seen = _look(tx, row, at, audits.waiting(tx))
    left_out = 0 if latest is None else max(0, row.entries - latest)
    entries = promises.since(tx, row.id, left_out)
    if left_out:
        alarms = [] if seen.last_alarm is None else [seen.last_alarm]
    else:
        alarms = _alarms(row, entries) if seen.standing and seen.standing.alarms else []
    return Page(
        look=seen, entries=entries, left_out=left_out, alarms=alarms, scorer=scorer_of(tx, row), earlier=earlier
    )


def _by_class(tx: Transaction) -> list[tuple[list[CertificateRow], float]]:
    """The certificates of each class and agent, the last used first, and when that was."""
    used, found = promises.used(tx), dict[tuple[str, str], list[CertificateRow]]()
    for row in sorted(promises.listed(tx), key=lambda row: used.get(row.id, row.began_at), reverse=True):
        found.setdefault((row.kind, row.agent), []).append(row)
    return [(rows, used.get(rows[0].id, rows[0].began_at)) for _, rows in sorted(found.items())]


def _found(tx: Transaction, kind: str, agent: str | None) -> tuple[list[CertificateRow], float]:
    known = _by_class(tx)
    fits = [(rows, at) for rows, at in known if rows[0].kind == kind and agent in (None, rows[0].agent)]
    if not fits:
        names = [f"{rows[0].kind} of {rows[0].agent}" for rows, _ in known]
        raise NotFound("class with a promise", kind if agent is None else f"{kind} of {agent}", names)
    if len(fits) > 1:
        agents = ", ".join(rows[0].agent for rows, _ in fits)
        raise InvalidValue("class", kind, f"its agent too, with --agent: {agents}")
    return fits[0]


def _look(tx: Transaction, row: CertificateRow, used_at: float, waiting: Sequence[Audit]) -> Look:
    kept = _kept(tx, row)
    standing = kept.standing() if kept else None
    alarm = standing.last_alarm if standing else None
    return Look(
        row=row,
        used_at=used_at,
        standing=standing,
        curve=kept.curve() if kept else (),
        last_audit=audits.last_answer(tx, row.agent, row.kind),
        last_alarm=None if alarm is None else promises.decided_at(tx, row.id, alarm),
        waiting=tuple(one for one in waiting if (one.agent, one.kind) == (row.agent, row.kind)),
        ended=_ended(tx, row),
    )


def _kept(tx: Transaction, row: CertificateRow) -> Kept | None:
    """The certificate as far as the ledger goes; None where another method made it."""
    whole = promises.get(tx, row.id)
    if whole is None or not _readable(row):
        return None
    kept = _new(row)
    kept.restore(whole)
    kept.fold(promises.since(tx, row.id, kept.folded))
    return kept


def _new(row: CertificateRow) -> Kept:
    return Kept(row.id, row.kind, row.promise, row.scorer, ruled, row.basis)  # nothing is scored by whoever only looks


def _readable(row: CertificateRow) -> bool:
    return row.id == certificate_id(row.agent, row.kind, row.promise, row.scorer, row.basis)


def _ended(tx: Transaction, row: CertificateRow) -> str:
    if not _readable(row):
        return "the method has changed"
    known = promises.scorers_of(tx, row.agent)
    borrowed = [one for one in known if one.kind == ALL and one.id == row.scorer]
    fitted = [*borrowed, *(one for one in known if one.kind == row.kind)]
    scorer = Fitted.read(fitted[-1].weights) if fitted else None
    now = scorer.id if scorer else RULE
    return "" if now == row.scorer else "another score has been fitted" if scorer else "the rule scores again"


def _alarms(row: CertificateRow, entries: Sequence[Entry]) -> list[float]:
    """When changes have revoked it: it is folded once more, from its beginning."""
    times = [entry.at for entry in entries if entry.kind == "decided"]
    kept, found = _new(row), list[int]()
    for first in range(0, len(entries), _STEP):
        kept.fold(entries[first : first + _STEP])
        last = kept.standing().last_alarm
        if last is not None and last not in found:
            found.append(last)
    return [times[number - 1] for number in found]
