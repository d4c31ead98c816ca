"""Alerts as rows: what was found to be wrong, since when, and until when. Of each there is one open at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from sqlalchemy import bindparam, insert, or_, select, update

from baton.core import random_id
from baton.ledger.locks import lock_name
from baton.ledger.schema_flow import alerts
from baton.ledger.transaction import Transaction


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is wrong.

    Attributes:
        name: Of the rule, or of the kind of trouble.
        about: What it is about; with the name, one is open at a time.
        severity: `notice`, `warning` or `urgent`.
        says: It, in a sentence.
        cause: Why; empty where nothing says so.
        evidence: The figures that show it.
        way_out: What people can do.
        began: When it is taken to have begun, in seconds since 1970.
    """

    name: str
    about: str
    severity: str
    says: str
    cause: str
    evidence: str
    way_out: str
    began: float

    @property
    def key(self) -> tuple[str, str]:
        """What there is only one of at a time."""
        return self.name, self.about


@dataclass(frozen=True, kw_only=True)
class Alert(Finding):
    """A finding as it is kept.

    Attributes:
        found: When it was found.
        ended: When it was found to be over; None while it is not.
        told: When people were told; None while they are not.
    """

    id: str
    found: float
    ended: float | None = None
    told: float | None = None


def settle(tx: Transaction, found: Sequence[Finding]) -> tuple[list[Alert], list[Alert]]:
    """Have exactly these open: new ones are begun, those that are open and not found any more are over.

    Returns:
        What was begun, and what is over.
    """
    lock_name(tx, "alerts")
    known = {one.key: one for one in open_(tx)}
    wanted = {one.key: one for one in found}
    begun = [_made(one, tx.now) for key, one in wanted.items() if key not in known]
    tx.execute(_BEGIN, [_row(one) for one in begun])
    over = [one for key, one in known.items() if key not in wanted]
    for one in over:
        tx.changed(_END, alert=one.id, now=tx.now)
    for key, now in wanted.items():
        if key in known and (now.says, now.evidence) != (known[key].says, known[key].evidence):
            tx.changed(_RENEW, alert=known[key].id, what=now.says, shows=now.evidence)
    return begun, over


def open_(tx: Transaction) -> list[Alert]:
    """What is wrong now, the earliest first."""
    return [Alert(**row._asdict()) for row in tx.rows(_OPEN)]


def any_open(tx: Transaction) -> bool:
    """Whether anything is wrong now."""
    return bool(tx.rows(_OPEN))


def listed(tx: Transaction, since: float, most: int = 200) -> list[Alert]:
    """What is wrong now or was found since a time, the newest first."""
    return [Alert(**row._asdict()) for row in tx.rows(_LISTED, since=since, most=most)]


def untold(tx: Transaction) -> list[Alert]:
    """What is wrong now and was not told, the earliest first."""
    return [one for one in open_(tx) if one.told is None]


def last_told(tx: Transaction) -> float | None:
    """When people were told of any last; None if they never were."""
    at: float | None = tx.value(_LAST_TOLD)
    return at


def tell(tx: Transaction, found: Sequence[Alert]) -> list[Alert]:
    """Note that these are told now; those that others have told already are left out."""
    return [one for one in found if tx.changed(_TELL, alert=one.id, now=tx.now)]


def _made(one: Finding, now: float) -> Alert:
    return Alert(**{field.name: getattr(one, field.name) for field in fields(Finding)}, id=random_id("alr"), found=now)


def _row(one: Alert) -> dict[str, object]:
    return {field.name: getattr(one, field.name) for field in fields(one)}


_BEGIN = insert(alerts)
_ONE = alerts.c.id == bindparam("alert")
_END = update(alerts).where(_ONE, alerts.c.ended.is_(None)).values(ended=bindparam("now"))
_RENEW = update(alerts).where(_ONE).values(says=bindparam("what"), evidence=bindparam("shows"))
_TELL = update(alerts).where(_ONE, alerts.c.told.is_(None)).values(told=bindparam("now"))
_OPEN = select(alerts).where(alerts.c.ended.is_(None)).order_by(alerts.c.began, alerts.c.id)
_LISTED = (
    select(alerts)
    .where(or_(alerts.c.ended.is_(None), alerts.c.found >= bindparam("since")))
    .order_by(alerts.c.found.desc(), alerts.c.id)
    .limit(bindparam("most"))
)
_LAST_TOLD = select(alerts.c.told).where(alerts.c.told.is_not(None)).order_by(alerts.c.told.desc()).limit(1)
