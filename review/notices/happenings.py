"""What is told of what happened: events of the record as CloudEvents 1.0, in their JSON format.

The id of each is that of what it tells of, so that whoever gets it twice can tell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from baton.core import ReviewId, dump, redact, storable
from baton.ledger import Event, Review, Run, Transaction, reviews, runs
from baton.ledger.alerts import Alert
from baton.review.notices.channels import Kind
from baton.review.record import review_json, run_json

TELLING: Mapping[str, Kind] = {
    "review.opened": "review.requested",
    "review.escalated": "review.requested",
    "review.delegated": "review.requested",
    "review.closed": "review.decided",
    "review.late": "review.late",
    "run.ended": "run.finished",
}
"""Which events of the record are told, and as what."""


@dataclass(frozen=True, kw_only=True)
class Happening:
    """Something to tell.

    Attributes:
        id: What it is known by, in this deployment for ever.
        at: When it happened, in seconds since 1970.
        review: What it is about; None where it is about a run.
        body: The CloudEvent as JSON, without any known secret.
        to: Who is asked beside those who were asked first, as roles or names; empty is nobody.
    """

    id: str
    kind: Kind
    at: float
    run: Run
    review: Review | None
    body: str
    to: tuple[str, ...] = ()


def happening(tx: Transaction, event: Event, base_url: str | None) -> Happening:
    """An event of the record that is told, with what it is about as that stands now.

    Args:
        tx: The transaction.
        event: One of those in `TELLING`.
        base_url: Where the pages of this deployment are; None for none.
    """
    kind = TELLING[event.kind]
    run = runs.get(tx, event.run)
    review = reviews.get(tx, ReviewId(event.data["review"])) if "review" in event.data else None
    more: dict[str, Any] = {"late": "over"} if kind == "review.late" else {}
    to = tuple([event.data["to"]] if isinstance(event.data.get("to"), str) else event.data.get("to") or ())
    if to and kind == "review.requested":
        more = {"how": event.kind.removeprefix("review."), "to": list(to)}
    return replace(_made(f"{event.run}.{event.seq}", kind, event.at, run, review, base_url, more), to=to)


def soon_late(asked: Happening, at: float, base_url: str | None) -> Happening:
    """The word that a question that has just been asked will soon be late, told at `at` if it is still open then."""
    assert asked.review is not None
    id = f"{asked.review.id}.soon"
    return _made(id, "review.late", at, asked.run, asked.review, base_url, {"late": "soon"})


def source_of(tenant: str) -> str:
    """Who says so: a URI that is the same for all events of a deployment's tenant."""
    return f"urn:baton:{quote(tenant, safe='')}"


def page_of(base_url: str | None, review: ReviewId) -> str | None:
    """The page of a review, which names it and lets nobody in; None without a base URL."""
    return f"{base_url.rstrip('/')}/reviews/{review}" if base_url else None


def _made(
    id: str,
    kind: Kind,
    at: float,
    run: Run,
    review: Review | None,
    base_url: str | None,
    more: Mapping[str, Any],
) -> Happening:
    about: dict[str, Any] = {"run": run_json(run)}
    if review is not None:
        about = {"review": review_json(review), "url": page_of(base_url, review.id)}
    event = {
        "specversion": "1.0",
        "id": id,
        "source": source_of(run.tenant),
        "type": kind,
        "subject": review.id if review else run.id,
        "time": _time(at),
        "datacontenttype": "application/json",
        "data": {**about, **more},
    }
    return Happening(id=id, kind=kind, at=at, run=run, review=review, body=storable(redact(dump(event))))


ALERT: Kind = "flow.alert"
"""Something is wrong with how it goes; it is about no run."""


def alert_body(found: Sequence[Alert], at: float, source: str, base_url: str | None) -> tuple[str, str]:
    """Alerts as one event: what it is known by, and its text."""
    id = f"{found[0].id}.{len(found)}"
    event = {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": ALERT,
        "subject": found[0].about or found[0].name,
        "time": _time(at),
        "datacontenttype": "application/json",
        "data": {
            "alerts": [
                {
                    "id": one.id,
                    "name": one.name,
                    "about": one.about,
                    "severity": one.severity,
                    "says": one.says,
                    "cause": one.cause,
                    "evidence": one.evidence,
                    "way_out": one.way_out,
                    "began": _time(one.began),
                    "found": _time(one.found),
                }
                for one in found
            ],
            "url": f"{base_url.rstrip('/')}/flow" if base_url else None,
        },
    }
    return id, storable(redact(dump(event)))


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
