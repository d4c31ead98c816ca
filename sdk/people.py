"""The people who answer questions as a file: their roles, skills, working hours, absences and stand-ins."""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, time
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field

from baton.core import (
    Absence,
    Calendar,
    Hours,
    InvalidFile,
    InvalidValue,
    NotFound,
    Person,
    is_holiday,
    read_moment,
    time_zone,
)
from baton.core.yaml_file import Place, line_of, read_yaml
from baton.places import home_setting

T = TypeVar("T")

NAME = "people.yaml"
"""What the file is called, beside the project file."""

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_KEY = re.compile(rf"({'|'.join(_DAYS)})(?:-({'|'.join(_DAYS)}))?")
_SPAN = re.compile(r"(\d{2}):(\d{2})-(\d{2}):(\d{2})")


class _Away(BaseModel):
    model_config = ConfigDict(extra="forbid")

    since: Any = Field(alias="from")
    to: Any = None
    stand_in: str | None = None


class _Person(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    roles: list[str] = []
    skills: list[str] = []
    zone: str | None = None
    hours: dict[str, str | list[str]] | None = None
    holidays: str | None = None
    away: list[_Away] = []


class _PeopleFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    people: list[_Person]


def load_people(path: str | Path) -> tuple[Person, ...]:
    """Read a file of the people who answer questions.

    Raises:
        NotFound: if it is not there.
        InvalidFile: if it says something that is not allowed: names file, line, field, value and what is allowed.
        InvalidValue: if BATON_TIMEZONE, in which hours are where a person has no zone, names no time zone.
    """
    file = Path(path)
    if not file.exists():
        raise NotFound("file of people", str(file), hint="docs/reviews.md, Working hours, shows one.")
    said, tree = read_yaml(file, _PeopleFile)
    reader = _Reader(file, tree, home_setting().zone, [one.name for one in said.people])
    return tuple(reader.person(number, one) for number, one in enumerate(said.people))


def people_of(project: str | Path) -> tuple[Person, ...] | None:
    """The people whom the file beside a project file names; None where there is none.

    Raises:
        InvalidFile: if it says something that is not allowed.
    """
    file = Path(project).parent / NAME
    return load_people(file) if file.is_file() else None


def calendar_at(
    file: Path,
    tree: yaml.Node | None,
    place: Place,
    zone: str,
    hours: Mapping[str, str | list[str]],
    holidays: str | None,
) -> Calendar:
    """The hours that stand at a place of another file, as those of people do.

    Raises:
        InvalidFile: if they say something that is not allowed.
    """
    return _Reader(file, tree, zone, []).calendar(place, hours, holidays, zone)


class _Reader:
    """Makes people of what a file says."""

    def __init__(self, file: Path, tree: yaml.Node | None, zone: str, names: list[str]) -> None:
        self._file, self._tree, self._zone, self._names = file, tree, zone, names

    def person(self, number: int, said: _Person) -> Person:
        place: Place = ("people", number)
        if self._names.count(said.name) > 1:
            raise self._refused((*place, "name"), said.name, "names that are given once")
        zone = said.zone or self._zone
        self._check((*place, "zone"), said.zone, lambda: time_zone(zone))
        return Person(
            name=said.name,
            roles=frozenset(said.roles),
            skills=frozenset(said.skills),
            calendar=self._calendar(place, said, zone),
            absences=tuple(self._absence((*place, "away", at), one, zone, said) for at, one in enumerate(said.away)),
        )

    def _calendar(self, place: Place, said: _Person, zone: str) -> Calendar | None:
        country = said.holidays
        if said.hours is None:
            if country is not None:
                raise self._refused((*place, "holidays"), country, "`hours` as well: who has none is always there")
            return None
        return self.calendar(place, said.hours, country, zone)

    def calendar(self, place: Place, hours: Mapping[str, str | list[str]], country: str | None, zone: str) -> Calendar:
        """The hours that a file says at a place."""
        self._check((*place, "zone"), zone, lambda: time_zone(zone))
        if country is not None:
            self._check((*place, "holidays"), country, lambda: is_holiday(country, date(2000, 1, 1)))
        return Calendar(zone=zone, hours=tuple(self._hours((*place, "hours"), hours)), holidays=country)

    def _hours(self, place: Place, said: Mapping[str, str | list[str]]) -> Iterator[Hours]:
        for key, spans in said.items():
            days = _KEY.fullmatch(key)
            if days is None:
                raise self._refused((*place, key), key, f"a day or days such as mon or mon-fri, of {', '.join(_DAYS)}")
            first, last = _DAYS.index(days[1]), _DAYS.index(days[2] or days[1])
            for span in [spans] if isinstance(spans, str) else spans:
                start, end = self._span((*place, key), span)
                for day in range(first, last + 1 if last >= first else last + 8):
                    yield Hours(weekday=day % 7, start=start, end=end)

    def _span(self, place: Place, said: str) -> tuple[time, time]:
        found = _SPAN.fullmatch(said.replace(" ", ""))
        try:
            if found is None:
                raise ValueError(said)
            until = time() if found[3] == "24" and found[4] == "00" else time(int(found[3]), int(found[4]))
            return time(int(found[1]), int(found[2])), until
        except ValueError as error:
            raise self._refused(place, said, "hours such as 09:00-17:00, or 22:00-06:00 over midnight") from error

    def _absence(self, place: Place, said: _Away, zone: str, person: _Person) -> Absence:
        start = self._check((*place, "from"), said.since, lambda: read_moment(said.since, zone))
        end = math.inf
        if said.to is not None:
            end = self._check((*place, "to"), said.to, lambda: read_moment(said.to, zone, through=True))
        if end <= start:
            raise self._refused((*place, "to"), said.to, "a time after `from`")
        others = [name for name in self._names if name != person.name]
        if said.stand_in is not None and said.stand_in not in others:
            raise self._refused((*place, "stand_in"), said.stand_in, f"one of: {', '.join(others)}")
        return Absence(start=start, end=end, stand_in=said.stand_in)

    def _check(self, place: Place, said: object, read: Callable[[], T]) -> T:
        """What `read` makes of a value."""
        try:
            return read()
        except InvalidValue as error:
            raise self._refused(place, said, error.allowed) from error

    def _refused(self, place: Place, said: object, allowed: str) -> InvalidFile:
        value = said if isinstance(said, str) else str(said)
        return InvalidFile(str(self._file), line_of(self._tree, place), ".".join(map(str, place)), value, allowed)
