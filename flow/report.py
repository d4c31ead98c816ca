"""All there is to say of how it goes, read at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from baton.core import Roster
from baton.flow.cover import Cover
from baton.flow.life_time import LifeTimes, read_times
from baton.flow.pace import Pace, grid_until, read_pace
from baton.flow.queues import Bottleneck, Station, bottleneck, stations
from baton.flow.saturation import AHEAD, DAY, Saturation, saturation
from baton.flow.staff import staff_of
from baton.ledger import Transaction, alerts, limits, people, rates, reservations
from baton.ledger.alerts import Alert
from baton.ledger.limits import LimitChange
from baton.ledger.rates import Grid
from baton.ledger.reservations import Known

STRETCHES = 48
"""Stretches of time that a window is looked at in."""

DAYS_BACK = 28


@dataclass(frozen=True, kw_only=True)
class Report:
    """How it goes in a window of time.

    Attributes:
        times: Where the time of the runs went that ended.
        pace: What came and went.
        stations: What runs are served by.
        bottleneck: What holds them up most; None where nothing stands out.
        saturation: When people will be asked more than they can answer; None where too little is known.
        alerts: What is wrong now, and what was found in the window.
        limits: How many may be under way at once of what, with how many are.
        changes: What of these limits was changed in the window, the newest first.
    """

    times: LifeTimes
    pace: Pace
    stations: Sequence[Station]
    bottleneck: Bottleneck | None
    saturation: Saturation | None
    alerts: Sequence[Alert]
    limits: Sequence[Known] = ()
    changes: Sequence[LimitChange] = ()


def read_report(tx: Transaction, since: float) -> Report:
    """Read how it has gone since a time, in seconds since 1970."""
    roster = people.roster(tx)
    times = read_times(tx, since, tx.now, staff_of(tx))
    pace = read_pace(tx, Grid(start=since, step=max(1.0, (tx.now - since) / STRETCHES), count=STRETCHES))
    found = stations(
        times,
        pace,
        rates.models(tx, since),
        rates.tools(tx, since),
        on_duty=_on_duty(roster, since, tx.now),
        at_questions=times.all.spent.deciding,
    )
    shown = [one for one in reservations.known(tx) if one.kind != "named" and _is_ours(tx, one)]
    work = times.all.spent.deciding / max(1, sum(pace.answered))
    return Report(
        times=times,
        pace=pace,
        stations=found,
        bottleneck=bottleneck(times, found),
        saturation=_saturation(tx, roster, work),
        alerts=alerts.listed(tx, since),
        limits=shown,
        changes=[one for one in limits.changes(tx) if one.at >= since and one.name in {each.name for each in shown}],
    )


def _is_ours(tx: Transaction, one: Known) -> bool:
    """Whether a limit is of everybody, or of the tenant that looks."""
    return one.kind != "tenant" or tx.sees(one.name.removeprefix("tenant "))


def _saturation(tx: Transaction, roster: Roster | None, work: float) -> Saturation | None:
    if roster is None:
        return None
    today = (tx.now // DAY) * DAY
    back = grid_until(today - 1.0, DAY, DAYS_BACK)
    ahead = [_on_duty(roster, today + day * DAY, today + (day + 1) * DAY) or 0.0 for day in range(AHEAD)]
    return saturation(rates.asked(tx, back), today, work, ahead)


def _on_duty(roster: Roster | None, start: float, end: float) -> float | None:
    """Seconds in which people are on duty between two times, all together; None where nobody has said when they are."""
    if roster is None:
        return None
    return sum(Cover(spans).seconds(start, end) for spans in roster.duty((), (), start, end).values())
