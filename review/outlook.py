"""What is said of when an answer comes, and of nobody being there to give it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from baton.core import ReviewId, format_time
from baton.ledger import Review, Transaction, forecasts, people
from baton.ledger.forecasts import Forecast
from baton.review.expecting import gap_of
from baton.review.staffing import Gap


@dataclass(frozen=True)
class Outlook:
    """What there is to say of when an open question is answered.

    Attributes:
        gap: Where nobody is there in time; None where somebody is.
        forecast: As it was when it was asked; None where nothing was known, or it was asked before there were any.
    """

    gap: Gap | None = None
    forecast: Forecast | None = None


NOTHING = Outlook()


def outlooks(tx: Transaction, reviews: Sequence[Review]) -> dict[ReviewId, Outlook]:
    """What there is to say of some questions, by id; of those that are answered nothing."""
    roster, known = people.roster(tx), forecasts.of(tx, [review.id for review in reviews if review.open])
    return {
        review.id: Outlook(gap_of(review, roster, tx.now), known.get(review.id)) for review in reviews if review.open
    }


def outlook_text(tx: Transaction, review: Review) -> str:
    """What an agent is told beside `pending`; empty where there is nothing to say."""
    found = outlooks(tx, [review]).get(review.id, NOTHING)
    said = [gap_text(review, found.gap) if found.gap else "", expected_text(found.forecast, tx.now)]
    return "; ".join(part for part in said if part)


def gap_text(review: Review, gap: Gap) -> str:
    """That nobody is there who may answer a question in time, and when somebody is after all."""
    nobody = f"nobody{_named(review)}"
    if gap.next is None:
        return f"{nobody} is ever on duty"
    return f"{nobody} is on duty before the deadline; the next is on duty {day_time(gap.next)}"


def expected_text(forecast: Forecast | None, now: float) -> str:
    """By when an answer is expected; empty where that is not known, or has passed."""
    if forecast is None:
        return ""
    half, most = forecast.half_by, forecast.most_by
    if most is not None and most > now:
        return f"an answer is expected by {day_time(most)}" + (
            f" (half of such questions are answered by {_short(half, most)})" if half is not None and half > now else ""
        )
    if most is None and half is not None and half > now:
        return f"half of such questions are answered by {day_time(half)}, and more than one in ten never"
    return ""


def day_time(at: float) -> str:
    """A time with its day of the week: `Mon 2026-11-30 01:00 UTC`."""
    return f"{datetime.fromtimestamp(at, UTC):%a} {format_time(at)}"


def _short(at: float, beside: float) -> str:
    """A time, without its day where that is the other's."""
    one, other = datetime.fromtimestamp(at, UTC), datetime.fromtimestamp(beside, UTC)
    return f"{one:%H:%M}" if one.date() == other.date() else f"{one:%a %Y-%m-%d %H:%M}"


def _named(review: Review) -> str:
    """Whom a question asks for."""
    skills = " and ".join(review.skills)
    able = f" with the skill{'s' if len(review.skills) > 1 else ''} {skills}" if skills else ""
    return able + (f" who is {' or '.join(review.reviewers)}" if review.reviewers else "")
