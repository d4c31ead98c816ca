"""Making notices of events: for each that is told, one for every receiver that wants it.

The events are the outbox. They are recorded in the transaction of what they tell of, by whoever does it; the notices
are made afterwards, behind a mark that moves in the same transaction. Nothing is lost or doubled by a crash, deciding
and asking cost nothing more, and a process that records an event need not know who is told.
"""

import contextlib
from collections.abc import Mapping, Sequence

from baton.core import NotFound, RunId
from baton.ledger import Transaction, events, notices, reviews
from baton.ledger.alerts import Alert
from baton.ledger.events import Mark
from baton.ledger.locks import lock_name
from baton.review.notices.channels import MAIL, Mailbox, Notices
from baton.review.notices.happenings import ALERT, TELLING, Happening, alert_body, happening, soon_late, source_of

BATCH = 200
"""Events in one transaction."""

STALE = 7 * 86400.0
"""Seconds after which what happened is no news any more, as where nobody was told for weeks."""


def behind(tx: Transaction, config: Notices, since: Mark) -> tuple[Mark, bool]:
    """How far the events go by now, and whether any of them is to be told.

    Args:
        tx: The transaction.
        config: Who is told what.
        since: Up to where there is nothing to tell, as this gave it before.
    """
    until = events.last(tx)
    start = max(notices.mark(tx), since)
    return until, start < until and bool(events.of_kinds(tx, _wanted(config), start, until, 1))


def fan_out(tx: Transaction, config: Notices, since: Mark) -> bool:
    """Make notices of the next events; whether there may be more. Several processes may do so at once."""
    lock_name(tx, "notices")
    until = events.last(tx)
    start = max(notices.mark(tx), since)
    found = events.of_kinds(tx, _wanted(config), start, until, BATCH)
    closed = set(notices.gone(tx))
    for event in found:
        if event.at >= tx.now - STALE:
            with contextlib.suppress(NotFound):  # archived at this moment
                _tell(tx, config, happening(tx, event, config.base_url), closed)
    more = len(found) == BATCH
    notices.move(tx, found[-1].mark if more else max(start, until))
    return more


def tell_alerts(
    tx: Transaction, config: Notices, tenant: str, found: Sequence[Alert], names: Mapping[str, Sequence[str]]
) -> None:
    """Make one notice of what is wrong for every receiver that wants it.

    Args:
        tx: The transaction.
        config: Who is told what.
        tenant: Whose deployment it is.
        found: What is wrong; several are told together.
        names: By the name of an alert the roles or people that are written to; who is not in it, whoever is written
            to about anything.
    """
    closed = set(notices.gone(tx))
    for webhook in config.webhooks:
        if ALERT in webhook.kinds and webhook.name not in closed:
            _add_alerts(tx, webhook.name, "", alert_body(found, tx.now, source_of(tenant), config.base_url))
    if config.mail is None or ALERT not in config.mail.kinds:
        return
    theirs: dict[str, list[Alert]] = {}
    for one in found:
        for person in config.mail.book.reviewers(names.get(one.name, ())):
            theirs.setdefault(person, []).append(one)
    for person, some in theirs.items():
        _add_alerts(tx, MAIL, person, alert_body(some, tx.now, source_of(tenant), config.base_url))


def _add_alerts(tx: Transaction, channel: str, recipient: str, told: tuple[str, str]) -> None:
    id, body = told
    notices.add(
        tx,
        channel,
        recipient=recipient,
        event=id,
        kind=ALERT,
        run=RunId(""),
        review=None,
        body=body,
        at=tx.now,
        due=tx.now,
    )


def _wanted(config: Notices) -> list[str]:
    """The events to look for; a question that is asked may soon be late, too."""
    reminds = "review.late" in config.kinds
    return [kind for kind, told in TELLING.items() if told in config.kinds or (reminds and kind == "review.opened")]


def _tell(tx: Transaction, config: Notices, told: Happening, closed: set[str]) -> None:
    _notify(tx, config, told, closed)
    first = told.kind == "review.requested" and not told.to
    deadline = told.review.deadline if told.review and first else None
    if deadline is not None and deadline - config.soon > tx.now:
        _notify(tx, config, soon_late(told, deadline - config.soon, config.base_url), closed)


def _notify(tx: Transaction, config: Notices, told: Happening, closed: set[str]) -> None:
    for webhook in config.webhooks:
        if told.kind in webhook.kinds and webhook.name not in closed:
            _add(tx, webhook.name, "", told, max(told.at, tx.now))
    if config.mail is not None and told.kind in config.mail.kinds:
        due = max(told.at, tx.now)
        if not _urgent(tx, told, config.soon):
            due += config.mail.digest
        for person in _readers(config.mail, told):
            _add(tx, MAIL, person, told, due)


def _add(tx: Transaction, channel: str, recipient: str, told: Happening, due: float) -> None:
    notices.add(
        tx,
        channel,
        recipient=recipient,
        event=told.id,
        kind=told.kind,
        run=told.run.id,
        review=told.review.id if told.review else None,
        body=told.body,
        at=told.at,
        due=due,
    )


def _urgent(tx: Transaction, told: Happening, soon: float) -> bool:
    """Whether it is worth a mail of its own."""
    if told.kind == "review.requested":
        return bool(told.to) or (told.review is not None and told.review.due - tx.now <= soon)
    return told.kind == "review.late"


def _readers(mail: Mailbox, told: Happening) -> list[str]:
    """Who is written to: whoever may answer; of what is over, whoever wanted it."""
    if told.review is not None and told.kind in ("review.requested", "review.late"):
        return mail.book.reviewers(told.to or told.review.reviewers)
    if told.kind == "run.finished" and told.run.parent is not None:
        return []  # whoever handed the work over is told by its own run
    requester = told.run.requester
    return [requester] if requester is not None and requester in mail.book.people else []


def moot(tx: Transaction, notice: notices.Notice) -> bool:
    """Whether a notice is not worth sending any more: what it asks people to do has been done."""
    asks = notice.kind in ("review.requested", "review.late")
    if notice.review is None or not asks or (notice.channel != MAIL and not notice.event.endswith(".soon")):
        return False
    try:
        return not reviews.get(tx, notice.review).open
    except NotFound:  # archived
        return True
