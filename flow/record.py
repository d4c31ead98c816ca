"""What is stuck, and how reviews go, as JSON. Fields are added, never renamed."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from baton.flow.answers import Share
from baton.flow.figures import Figures, Measures
from baton.flow.forecasts import End, PlanTimes, WhatIf, at_most
from baton.flow.life_time import Times
from baton.flow.parts import Parts
from baton.flow.report import Report
from baton.flow.saturation import Saturation
from baton.flow.stuck import Stuck
from baton.flow.whatif import Played
from baton.ledger.alerts import Alert
from baton.ledger.lives import PARTS
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


def report_json(found: Report) -> dict[str, Any]:
    """How it goes, times in seconds; see `Report`."""
    times, held = found.times, found.bottleneck
    return {
        "since": time_json(times.since),
        "until": time_json(times.until),
        "all": _times_json(times.all),
        "agents": [_times_json(one) for one in times.agents],
        "stations": [asdict(one) for one in found.stations],
        "bottleneck": None if held is None else asdict(held),
        "saturation": None if found.saturation is None else _saturation_json(found.saturation),
        "alerts": [alert_json(one) for one in found.alerts],
        "limits": [asdict(one) for one in found.limits],
        "limit_changes": [asdict(one) | {"at": time_json(one.at)} for one in found.changes],
    }


def alert_json(one: Alert) -> dict[str, Any]:
    """Something that is wrong."""
    return asdict(one) | {name: time_json(getattr(one, name)) for name in ("began", "found", "ended", "told")}


def _times_json(one: Times) -> dict[str, Any]:
    return {
        "name": one.name,
        "runs": one.runs,
        "took": {"median": one.took(0.5), "p90": one.took(0.9), "p99": one.took(0.99), "jitter": one.jitter},
        "spent": {name: getattr(one.spent, name) for name in PARTS},
        "before": one.before,
        "changed": {
            name: None if change is None else {"low": change.low, "high": change.high, "sure": change.sure}
            for name, change in ({"whole": one.whole} | one.changed).items()
        },
    }


def _saturation_json(one: Saturation) -> dict[str, Any]:
    return asdict(one) | {name: time_json(getattr(one, name)) for name in ("day", "earliest", "latest")}


def what_if_json(found: WhatIf) -> dict[str, Any]:
    """What came of questions, and what would have come of them."""
    return {
        "asked": found.asked,
        "missed": found.missed,
        "wait": {"p90": found.wait},
        "played": _played_json(found.played),
        "changed": _played_json(found.changed),
        "runs": _lengths_json(found.runs),
        "runs_changed": _lengths_json(found.runs_changed),
        "enough": [{"added": list(names), **_played_json(one)} for names, one in found.enough],
    }


def _lengths_json(found: Sequence[float]) -> dict[str, Any]:
    """How many there are, and what half and nine in ten of them are at most, in seconds."""
    half, most = at_most(found, 0.5), at_most(found, 0.9)
    return {"count": len(found), "p50": half, "p90": most}


def end_json(one: End) -> dict[str, Any]:
    """When an open run ends."""
    told = one.range
    return {
        "run": one.run,
        "agent": one.agent,
        "began": time_json(one.began),
        "low": None if told is None else time_json(one.began + told.low),
        "middle": None if told is None else time_json(one.began + told.middle),
        "high": None if told is None else time_json(one.began + told.high),
    }


def plan_json(found: PlanTimes) -> dict[str, Any]:
    """A plan with its times, in seconds from its beginning."""
    return {
        "length": found.schedule.length,
        "critical": list(found.schedule.critical),
        "range": None if found.range is None else asdict(found.range),
        "in_time": found.in_time,
        "steps": {name: asdict(one) for name, one in found.schedule.steps.items()},
    }


def _played_json(one: Played) -> dict[str, Any]:
    waits = {"median": one.wait(0.5), "p90": one.wait(0.9)}
    return {"asked": one.asked, "missed": one.missed, "left": one.left, "wait": waits, "busy": dict(one.busy)}
