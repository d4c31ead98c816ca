"""Promises and what is asked about them as JSON. Fields are added, never renamed."""

from dataclasses import asdict
from typing import Any

from baton.ledger.audits import Audit
from baton.ledger.promises import CertificateRow, Entry
from baton.policies.promises.figures import BINS, reliability, signals_known, stretches
from baton.policies.promises.looking import Look, Page
from baton.review.record import promise_json, time_json


def look_json(look: Look) -> dict[str, Any]:
    """A promise as it stands."""
    return _certificate_json(look.row) | {
        "used_at": time_json(look.used_at),
        "begins_anew": look.ended or None,
        "standing": None if look.standing is None else asdict(look.standing),
        "last_audit": time_json(look.last_audit),
        "last_alarm": time_json(look.last_alarm),
        "audits": [audit.id for audit in look.waiting],
    }


def page_json(page: Page) -> dict[str, Any]:
    """All there is to say of a promise."""
    decided = [entry for entry in page.entries if entry.kind == "decided"]
    history = stretches(page.entries, BINS)
    return look_json(page.look) | {
        "decided": len(decided),
        "alone": sum(entry.alone for entry in decided),
        "curve": [asdict(point) for point in page.look.curve],
        "reliability": [asdict(row) for row in reliability(page.entries)],
        "history": [
            {
                "began_at": time_json(part.began_at),
                "ended_at": time_json(part.ended_at),
                "decided": part.decided,
                "alone": part.alone,
            }
            for part in history
        ],
        "alarms": [time_json(at) for at in page.alarms],
        "signals": signals_known(page.entries),
        "weights": page.scorer.document() if page.scorer else None,
        "reported": [_entry_json(entry) for entry in page.entries if entry.kind == "reported"],
        "overlooked": next((entry.score for entry in reversed(page.entries) if entry.kind == "overlooked"), None),
        "earlier": [_certificate_json(row) for row in page.earlier],
    }


def audit_json(audit: Audit) -> dict[str, Any]:
    """An action that people are asked to look back at."""
    return {
        "id": audit.id,
        "run": audit.run,
        "action": audit.action,
        "state": audit.state,
        "look": audit.look,
        "agent": audit.agent,
        "tool": audit.tool,
        "class": audit.kind,
        **audit.question,
        "opened_at": time_json(audit.opened_at),
        "wrong": audit.wrong,
        "by": audit.by,
        "note": audit.note or None,
        "at": time_json(audit.at),
    }


def _certificate_json(row: CertificateRow) -> dict[str, Any]:
    return {
        "class": row.kind,
        "agent": row.agent,
        "certificate": row.id,
        "promise": promise_json(row.promise),
        "scorer": row.scorer,
        "basis": row.basis,
        "began_at": time_json(row.began_at),
        "entries": row.entries,
    }


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {"action": entry.action, "by": entry.by, "at": time_json(entry.at)}
