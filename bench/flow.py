"""Days of the desk in simulated time, with Flow looking on: what it finds, and when.

2,000 goals a day, three shifts of people, 16 runs at once: a calm day, then one on which an endpoint slows down, a
person is ill, mail floods in and a tool fails. Each minute Flow looks at the record, and at nothing else. Counted are
troubles that it names with what they are about and a beginning at most 5 minutes off, and alarms for nothing. Then
parts are held against wholes, and forecasts of ends against the ends. Writes bench/results/flow.json.
Arguments: `--seed N`, `--goals N` (default 2000), `--keep FILE`.
"""

import argparse
import asyncio
import math
import statistics
import tempfile
import time
from dataclasses import dataclass, field, replace
from datetime import time as clock_time
from functools import partial
from pathlib import Path

from days.day import DAY, Day, Effort, Shop, Trouble
from report import Figure, report
from sqlalchemy import text

from baton.core import ManualClock, Person
from baton.core.calendars import Calendar, Hours
from baton.flow import Keeper, LittlesLaw, littles_law
from baton.flow.ends import learn
from baton.ledger import Ledger, Transaction, alerts, lives, people
from baton.ledger.alerts import Alert
from baton.ledger.courses import courses

START = 1_767_571_200.0  # Monday 2026-01-05 00:00 UTC
OFF = 300.0

BAD = (
    Trouble(kind="slow model", about="deep", start=9.5 * 3600, end=11 * 3600, by=4.0),
    Trouble(kind="absent", about="cem", start=15 * 3600, end=22 * 3600),
    Trouble(kind="flood", about="desk", start=18 * 3600, end=18.75 * 3600, by=9.0),
    Trouble(kind="failing tool", about="find_customer", start=12.5 * 3600, end=13.25 * 3600, by=0.7),
)


@dataclass
class Played:
    """What came of playing days.

    Attributes:
        found: Troubles by what there is only one of at a time and their beginning, as they were first told.
        looks: Seconds that each look took.
    """

    found: list[Alert] = field(default_factory=list[Alert])
    looks: list[float] = field(default_factory=list[float])
    events: int = 0
    seconds: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--goals", type=int, default=2000)
    parser.add_argument("--keep", metavar="FILE", help="leave a record of the last days there, to look at")
    options = parser.parse_args()
    if options.keep:
        asyncio.run(until_now(options.keep, options.seed, options.goals))
        return
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(bench(str(Path(folder) / "day.db"), options.seed, options.goals))
    report("flow", found)


async def until_now(database: str, seed: int, goals: int) -> None:
    """Play yesterday and today, up to now, with what goes wrong in the last hours: something to look at."""
    now, shop = time.time(), replace(Shop(), goals=goals)
    start = now // DAY * DAY - DAY
    there = next(name for name, first, last in shop.people if first <= now % DAY / 3600 < last or last < first)
    ago = [
        Trouble(kind="slow model", about="deep", start=170.0, end=20.0, by=4.0),
        Trouble(kind="failing tool", about="find_customer", start=110.0, end=65.0, by=0.7),
        Trouble(kind="absent", about=there, start=60.0, end=0.0),
        Trouble(kind="flood", about="desk", start=16.0, end=0.0, by=9.0),
    ]
    troubles = [replace(one, start=now - start - one.start * 60, end=now - start - one.end * 60) for one in ago]
    clock = ManualClock(start)
    ledger = await Ledger.open(database, clock)
    await ledger.write(lambda tx: people.keep(tx, roster(shop)))
    played = await play(ledger, clock, Day(shop, troubles, seed=seed, start=start, days=2), until=now)
    for one in played.found:
        print(told(one, start))
    await ledger.close()


async def bench(database: str, seed: int, goals: int, start: float = START) -> list[Figure]:
    shop = replace(Shop(), goals=goals)
    clock = ManualClock(start)
    ledger = await Ledger.open(database, clock)
    await ledger.write(lambda tx: people.keep(tx, roster(shop)))
    later = [replace(one, start=one.start + DAY, end=one.end + DAY) for one in BAD]
    began = time.perf_counter()
    played = await play(ledger, clock, Day(shop, later, seed=seed, start=start, days=2))
    took = time.perf_counter() - began
    calm = [one for one in played.found if one.found < start + DAY]
    bad = [one for one in played.found if one.found >= start + DAY]
    named = [named_for(one, bad, start) for one in later]
    false = [one for one in bad if one not in named]
    for trouble, one in zip(later, named, strict=True):
        print(f"  {trouble.kind} of {trouble.about}, from {day_time(trouble.start)}:")
        print(f"    {'NOT FOUND' if one is None else told(one, start)}")
    for one in (*calm, *false):
        print(f"  ALARM FOR NOTHING: {told(one, start)}")
    lived = await ledger.read(lambda tx: lives.between(tx, start, start + 2 * DAY))
    exact = sum(math.fsum(row[5:]) == row[4] - row[3] for row in lived)
    learnt = [learn([(row[3], row[4]) for row in lived if row[0] == agent]) for agent in shop.agents]
    kept = 100 * sum(one.kept for one in learnt) / max(1, sum(one.told for one in learnt))
    law = await ledger.read(lambda tx: law_of(tx, start, start + DAY))
    await ledger.close()
    delays = [(one.found - start - trouble.start) / 60 for one, trouble in zip(named, later, strict=True) if one]
    looks = sorted(look * 1000 for look in played.looks)
    right, all_ = len(delays), len(later)
    return [
        Figure(metric="named, begun within 5 min", value=right, unit=f"of {all_}", goal=f">= {all_}"),
        Figure(metric="found after, slowest", value=max(delays, default=0.0), unit="min"),
        Figure(metric="alarms for nothing, calm day", value=len(calm), unit="", goal="<= 0"),
        Figure(metric="alarms for nothing, bad day", value=len(false), unit="", goal="<= 0"),
        Figure(metric="a minute's look, median", value=statistics.median(looks), unit="ms", goal="<= 50"),
        Figure(metric="a minute's look, 99 %", value=looks[int(len(looks) * 0.99)], unit="ms"),
        Figure(metric="lives whose parts add up exactly", value=100 * exact / len(lived), unit="%", goal=">= 100"),
        Figure(metric="ends within the range told at 90 %", value=kept, unit="%", goal="87 to 93"),
        Figure(metric="Little's law: the sides apart", value=100 * law.gap, unit="%", goal="<= 5"),
        Figure(metric="events", value=played.events, unit=""),
        Figure(metric="a day played and looked at", value=took / 2, unit="s", goal="<= 120"),
    ]


def told(one: Alert, start: float) -> str:
    began, found = day_time(one.began - start), day_time(one.found - start)
    return f"{found}  {one.says}\n      cause: {one.cause}\n      began {began}; {one.evidence}"


def law_of(tx: Transaction, start: float, end: float) -> LittlesLaw:
    """Little's law on the calm day, of what was asked in it."""
    found = [one for one in courses(tx, start) if one.opened is not None]
    logged = [(one.opened or 0.0, one.closed or math.inf) for one in found]
    decided = [(one.review.decision.at, one.review.opened_at) for one in found if one.review.decision]
    return littles_law(logged, [at - opened for at, opened in decided if at < end], start, end)


async def play(ledger: Ledger, clock: ManualClock, day: Day, until: float = math.inf) -> Played:
    """Record each minute, and have the keeper look as it does beside a worker."""
    played, keeper = Played(), Keeper(ledger)
    open_ = set[str]()
    for end, written in day.minutes():
        if end > until:
            break
        if written:
            await ledger.write(partial(perform, written=written))
        clock.advance(end - clock.now())
        began = time.perf_counter()
        await keeper.look()
        played.looks.append(time.perf_counter() - began)
        seen = await ledger.read(alerts.open_)
        played.found += [one for one in seen if one.id not in open_]
        open_ = {one.id for one in seen}
    played.events = await ledger.read(lambda tx: tx.value(text("SELECT count(*) FROM events")))
    return played


def perform(tx: Transaction, written: list[tuple[float, Effort]]) -> None:
    now = tx.now
    for at, work in written:
        tx.now = at
        work(tx)
    tx.now = now


def named_for(trouble: Trouble, found: list[Alert], begun: float) -> Alert | None:
    """What was told of a trouble: the right thing, with a beginning that is right, while it lasted."""
    start, end = begun + trouble.start, begun + trouble.end
    fits = [one for one in found if (one.name, one.about) == (trouble.kind, trouble.about)]
    return next((one for one in fits if abs(one.began - start) <= OFF and one.found <= end), None)


def roster(shop: Shop) -> list[Person]:
    made: list[Person] = []
    for name, first, last in shop.people:
        hours = [Hours(weekday=day, start=clock_time(int(first)), end=clock_time(int(last))) for day in range(7)]
        made.append(Person(name=name, calendar=Calendar(hours=tuple(hours))))
    return made


def day_time(at: float) -> str:
    return f"day {int(at // DAY) + 1} {int(at % DAY // 3600):02}:{int(at % 3600 // 60):02}"


if __name__ == "__main__":
    main()
