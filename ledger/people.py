"""The people who answer questions, as the people's file said last, and their absences, which anybody may enter."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, insert, or_, select, update

from baton.core import Absence, Calendar, Hours, InvalidValue, NotFound, Person, Roster, dump, format_time, random_id
from baton.ledger.locks import lock_name
from baton.ledger.schema_people import absences
from baton.ledger.schema_people import roster as rosters
from baton.ledger.transaction import Transaction

KEPT = 90 * 86400.0
"""Seconds after which an absence that is over is of no interest any more."""


@dataclass(frozen=True, kw_only=True)
class Entered:
    """An absence that somebody has entered.

    Attributes:
        by: Who entered it.
    """

    id: str
    person: str
    absence: Absence
    by: str
    at: float


def keep(tx: Transaction, people: Sequence[Person]) -> bool:
    """Have these people answer questions from now on, instead of those before; whether that changes anything."""
    lock_name(tx, "roster")
    said = dump([_written(person) for person in people])
    known = tx.value(_PEOPLE)
    if known == said:
        return False
    if known is None:
        tx.execute(insert(rosters).values(id=1, people=said, at=tx.now))
    else:
        tx.execute(update(rosters).values(people=said, at=tx.now))
    return True


def roster(tx: Transaction) -> Roster | None:
    """Who answers questions, with all absences; None where nobody is named."""
    said = tx.value(_PEOPLE)
    known = _read(said) if said is not None else None
    if known is None or not known.people:
        return None
    found: dict[str, list[Absence]] = {}
    for row in tx.rows(_ABSENCES, since=tx.now - KEPT):
        found.setdefault(row.person, []).append(_absence(row))
    return known.with_absences(found)


def away(
    tx: Transaction, person: str, start: float, end: float | None, *, stand_in: str | None = None, by: str
) -> Entered:
    """Enter that somebody is away.

    Args:
        tx: The transaction.
        person: Who.
        start: Seconds since 1970.
        end: Seconds since 1970; None is until further notice.
        stand_in: Who has their name and roles meanwhile; None is nobody.
        by: Who says so.

    Raises:
        NotFound: if nobody who answers questions has that name; or the stand-in's.
        InvalidValue: if it ends before it starts, or they stand in for themselves.
    """
    known = _need(tx, person)
    if stand_in is not None and known.person(stand_in) is None:
        raise NotFound("stand-in", stand_in, (other.name for other in known.people))
    if stand_in == person:
        raise InvalidValue("stand-in", person, "another person")
    if end is not None and end <= start:
        raise InvalidValue("end of the absence", format_time(end), f"a time after its start, {format_time(start)}")
    id = random_id("away")
    row = {"id": id, "person": person, "starts": start, "ends": end, "stand_in": stand_in, "by": by, "at": tx.now}
    tx.execute(insert(absences).values(row))
    absence = Absence(start=start, end=math.inf if end is None else end, stand_in=stand_in)
    return Entered(id=id, person=person, absence=absence, by=by, at=tx.now)


def back(tx: Transaction, person: str, *, by: str) -> list[Entered]:
    """Take back the absences of somebody that were entered and are not over: those under way end, later ones never are.

    Raises:
        NotFound: if nobody who answers questions has that name.
    """
    _need(tx, person)
    open_ = (absences.c.person == person, absences.c.taken_back.is_(None), _not_over(tx.now))
    found = [_entered(row) for row in tx.rows(select(absences).where(*open_).order_by(absences.c.starts))]
    tx.changed(update(absences).where(*open_).values(taken_back=tx.now, taken_back_by=by))
    return found


def entered(tx: Transaction) -> list[Entered]:
    """The absences that were entered and are not over, the earliest first."""
    query = select(absences).where(absences.c.taken_back.is_(None), _not_over(tx.now)).order_by(absences.c.starts)
    return [_entered(row) for row in tx.rows(query)]


def _need(tx: Transaction, person: str) -> Roster:
    known = roster(tx)
    if known is None:
        raise NotFound("person", person, hint="`people.yaml` beside the project file names those who answer questions.")
    if known.person(person) is None:
        raise NotFound("person", person, (other.name for other in known.people))
    return known


def _not_over(now: float) -> Any:
    return or_(absences.c.ends.is_(None), absences.c.ends > now)


_PEOPLE = select(rosters.c.people)
_ABSENCES = select(absences).where(
    or_(absences.c.ends.is_(None), absences.c.ends > bindparam("since")),
    or_(absences.c.taken_back.is_(None), absences.c.taken_back > absences.c.starts),
)


def _entered(row: Any) -> Entered:
    return Entered(id=row.id, person=row.person, absence=_absence(row), by=row.by, at=row.at)


def _absence(row: Any) -> Absence:
    ends = [end for end in (row.ends, row.taken_back) if end is not None]
    return Absence(start=row.starts, end=min(ends, default=math.inf), stand_in=row.stand_in)


@lru_cache(maxsize=16)
def _read(said: str) -> Roster:
    return Roster(people=tuple(_person(one) for one in json.loads(said)))


def _written(person: Person) -> dict[str, Any]:
    calendar = person.calendar
    return {
        "name": person.name,
        "roles": sorted(person.roles),
        "skills": sorted(person.skills),
        "calendar": None
        if calendar is None
        else {
            "zone": calendar.zone,
            "hours": [[each.weekday, each.start.isoformat(), each.end.isoformat()] for each in calendar.hours],
            "holidays": calendar.holidays,
        },
        "away": [[each.start, None if math.isinf(each.end) else each.end, each.stand_in] for each in person.absences],
    }


def _person(said: Mapping[str, Any]) -> Person:
    return Person(
        name=said["name"],
        roles=frozenset(said["roles"]),
        skills=frozenset(said["skills"]),
        calendar=None if said["calendar"] is None else _calendar(said["calendar"]),
        absences=tuple(_absences(said["away"])),
    )


def _calendar(said: Mapping[str, Any]) -> Calendar:
    hours = (
        Hours(weekday=day, start=time.fromisoformat(start), end=time.fromisoformat(end))
        for day, start, end in said["hours"]
    )
    return Calendar(zone=said["zone"], hours=tuple(hours), holidays=said["holidays"])


def _absences(said: Iterable[Sequence[Any]]) -> Iterable[Absence]:
    for start, end, stand_in in said:
        yield Absence(start=start, end=math.inf if end is None else end, stand_in=stand_in)
