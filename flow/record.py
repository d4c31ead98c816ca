"""What is stuck, and how reviews go, as JSON. Fields are added, never renamed."""

from dataclasses import fields
from typing import Any

from baton.flow.answers import Share
from baton.flow.figures import Figures, Measures
from baton.flow.parts import Parts
from baton.flow.stuck import Stuck
from baton.review.record import time_json


def stuck_json(one: Stuck) -> dict[str, Any]:
    """What is stuck, with its chain and the ways out."""
    return {
        "id": one.node.id,
        "kind": one.node.kind,
        "chain": [{"id": node.id, "says": node.says, "because": node.because} for node in one.chain],
        "circle": one.circle,
        "ways_out": list(one.ways_out),
        "awaited": one.awaited,
    }


def measures_json(found: Measures) -> dict[str, Any]:
    """How reviews go, times in seconds."""
    law = found.law
    return {
        "since": time_json(found.since),
        "until": time_json(found.until),
        "classes": [_figures_json(one) for one in found.classes],
        "people": [_figures_json(one) for one in found.people],
        "littles_law": {
            "open": law.open,
            "arrivals_per_hour": law.arrivals * 3600.0,
            "wait": law.wait,
            "gap": law.gap,
        },
    }


def _figures_json(one: Figures) -> dict[str, Any]:
    return {
        "name": one.name,
        "answered": one.answered,
        "waiting": one.waiting,
        "expired": one.expired,
        "withdrawn": one.withdrawn,
        "wait": {"median": one.wait(0.5), "p90": one.wait(0.9), "all": one.parts.whole},
        "parts": {field.name: getattr(one.parts, field.name) for field in fields(Parts)},
        "missed": {"avoidable": one.avoidable, "unavoidable": one.unavoidable},
        "agreed": _share_json(one.agreed),
        "as_proposed": _share_json(one.as_proposed),
        "too_fast": _share_json(one.too_fast),
        "effects": dict(one.effects),
    }


def _share_json(share: Share) -> dict[str, int]:
    return {"count": share.count, "of": share.of}
