"""Figures of the record for Prometheus: how the work stands, whichever server is asked."""

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
        states = ("waiting", "dead")
        yield from _by("baton_notices", "Notices that are not sent.", "state", found.notices, states)


def _by(name: str, says: str, label: str, counts: Mapping[str, int], known: Iterable[str]) -> Iterator[Metric]:
    """A figure by a label; what is known and has none is 0, so that a rule on it never finds nothing."""
    family = GaugeMetricFamily(name, says, labels=[label])
    for value in dict.fromkeys((*known, *counts)):
        family.add_metric([value], counts.get(value, 0))
    yield family
