"""Figures of the record for Prometheus: how the work stands, whichever server is asked."""

import math
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from baton.ledger.standing import Standing

_STATUSES = ("ready", "waiting", "done", "refused", "failed", "cancelled")
_FAULTS = ("transient", "lasting", "poisoned", "exhausted", "code")


def figures(standing: Standing) -> bytes:
    """The text that Prometheus reads."""
    registry = CollectorRegistry()
    registry.register(_Figures(standing))
    return generate_latest(registry)


class _Figures:
    """Gives the figures to a registry that is made for one look."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing

    def collect(self) -> Iterable[Metric]:
        """Every figure."""
        found = self._standing
        yield from _by("baton_runs", "Runs by status.", "status", found.runs, _STATUSES)
        yield GaugeMetricFamily("baton_reviews_open", "Questions to people that are open.", found.open_reviews)
        yield GaugeMetricFamily(
            "baton_reviews_overdue", "Open questions that should have been answered.", found.overdue_reviews
        )
        yield GaugeMetricFamily(
            "baton_reviews_claimed", "Open questions that somebody has taken.", found.claimed_reviews
        )
        yield GaugeMetricFamily(
            "baton_oldest_ready_seconds",
            "Since when nothing has happened in the run that has been ready for longest.",
            found.oldest_ready,
        )
        yield from _by(
            "baton_runs_dead", "Runs in trouble that only a person lets go on.", "fault", found.dead, _FAULTS
        )
        yield from self._flow()
        states = ("waiting", "dead")
        yield from _by("baton_notices", "Notices that are not sent.", "state", found.notices, states)

    def _flow(self) -> Iterator[Metric]:
        """Where time goes, what is wrong, and how many workers there should be."""
        found = self._standing
        spent = GaugeMetricFamily(
            "baton_run_time_seconds",
            "What the time of the runs went on that ended in the last hour.",
            labels=["agent", "part"],
        )
        for agent, parts in found.spent.items():
            for part, seconds in parts.items():
                spent.add_metric([agent, part], seconds)
        yield spent
        yield from _by("baton_runs_ended_lately", "Runs that ended in the last hour.", "agent", found.ended, ())
        yield from _by("baton_alerts", "Things that are found to be wrong now.", "name", found.wrong, ())
        yield GaugeMetricFamily(
            "baton_runs_unclaimed", "Runs that have something to do and that nobody is at.", found.ready
        )
        yield GaugeMetricFamily("baton_workers", "Workers that were heard of lately.", len(found.workers))
        yield GaugeMetricFamily(
            "baton_workers_wanted", "Workers that would be enough for what is to be done now.", wanted(found)
        )


def wanted(found: Standing) -> int:
    """How many workers would be enough for what is ready and at work now; one at least while any run is open.

    What is at work and what waits is divided by what a worker advances at once, of which a quarter is left free.
    """
    each = max(1.0, min(found.workers.values(), default=32.0))
    open_ = found.runs.get("ready", 0)
    return max(1 if open_ else 0, math.ceil(max(open_, found.ready) / (0.75 * each)))


def _by(name: str, says: str, label: str, counts: Mapping[str, int], known: Iterable[str]) -> Iterator[Metric]:
    """A figure by a label; what is known and has none is 0, so that a rule on it never finds nothing."""
    family = GaugeMetricFamily(name, says, labels=[label])
    for value in dict.fromkeys((*known, *counts)):
        family.add_metric([value], counts.get(value, 0))
    yield family
