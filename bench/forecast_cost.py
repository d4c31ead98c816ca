"""What a forecast takes, with many questions open: time in the transaction that opens one more."""

import time
from datetime import time as clock_time
from pathlib import Path

from baton.core import Calendar, Goal, Hours, Person, ReviewId, Ruling, Verdict, random_id
from baton.ledger import Ledger, Review, ReviewKind, Transaction, forecasts, people, reviews, runs
from baton.ledger.forecasts import Forecast
from baton.review.expecting import expect

KIND = "clerk/refund"
SKILLS = (("refunds",), (), ("refunds", "french"))


async def forecast_seconds(database: Path, *, open_: int, past: int, rounds: int = 50) -> list[float]:
    """Seconds for each of some forecasts, beside so many open questions and so many that were answered."""
    ledger = await Ledger.open(str(database))
    try:
        await ledger.write(lambda tx: _fill(tx, open_, past))
        return [await ledger.write(_measured) for _ in range(rounds)]
    finally:
        await ledger.close()


def _fill(tx: Transaction, open_: int, past: int) -> None:
    people.keep(tx, [_person(number) for number in range(10)])
    for number in range(past):
        made = Forecast(review=ReviewId(f"rev_{number}"), kind=KIND, at=tx.now, work=600.0, ahead=600.0 * (number % 9))
        forecasts.record(tx, made)
        forecasts.answered(tx, made.review, 900.0 * (number % 13))
    for number in range(open_):
        review = _open(tx, number)
        forecasts.record(tx, Forecast(review=review.id, kind=KIND, at=tx.now, work=600.0, ahead=600.0))


def _measured(tx: Transaction) -> float:
    review = _open(tx, 0)
    begun = time.thread_time()
    expect(tx, review)
    return time.thread_time() - begun


def _open(tx: Transaction, number: int) -> Review:
    run, _ = runs.create(tx, Goal(f"Refund order {number}"), "clerk")
    id, skills = ReviewId(random_id("rev")), SKILLS[number % len(SKILLS)]
    verdict = Verdict(
        ruling=Ruling.ASK, reason="it writes", policy="", kind=KIND, deadline=600.0 * (number % 300 + 1), skills=skills
    )
    reviews.open_(
        tx, run, ReviewKind.ACTION, id=id, action=None, agent="clerk", tool="refund", question={}, verdict=verdict,
        requester=None,
    )  # fmt: skip
    return reviews.get(tx, id)


def _person(number: int) -> Person:
    hours = tuple(
        Hours(weekday=day, start=clock_time(8 + number % 8), end=clock_time((16 + number) % 24)) for day in range(5)
    )
    zone = ("Europe/Berlin", "Asia/Singapore", "America/New_York")[number % 3]
    return Person(
        name=f"person {number}", skills=frozenset({"refunds", "french"}), calendar=Calendar(zone=zone, hours=hours)
    )
