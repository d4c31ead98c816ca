"""`baton people`: who answers questions, who is there, and who is away."""

import contextlib
import math
from collections.abc import AsyncGenerator
from typing import Annotated

from cyclopts import App, Parameter
from rich.text import Text

from baton.cli.opening import Place, find_place, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import Absence, NotFound, Person, Roster, read_moment
from baton.core.texts import one_line
from baton.handles import person as whoever
from baton.ledger import Ledger, Transaction
from baton.ledger import people as record
from baton.ledger.people import Entered
from baton.people import people_of
from baton.review.outlook import day_time
from baton.review.record import absence_json, person_json

app = App(name="people", help="See who answers questions, and enter who is away.")

NOBODY = "Nobody is named: everybody is always there. `people.yaml` beside the project file names people."


@app.default
@app.command(name="list")
async def list_(*, common: Common = DEFAULTS) -> None:
    """List who answers questions: their roles and skills, whether they are there now, when they are away.

    Args:
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with _opened(place) as ledger:
        roster, now = await ledger.read(record.roster), ledger.clock.now()
    people = roster.people if roster is not None else ()
    screen.document({"people": [person_json(person, now) for person in people]})
    if not people:
        screen.show(NOBODY)
    for person in people:
        head = Text.assemble((one_line(person.name), "bold"), f"  {_state(person, now)}")
        known = [", ".join(sorted(person.roles)), *(f"knows {skill}" for skill in sorted(person.skills))]
        screen.show(head, *(Text(f"    {one_line(words)}", style="dim") for words in known if words))
        for absence in person.absent(now):
            screen.show(Text(f"    away {_told(absence)}", style="dim"))


@app.command
async def away(
    name: str,
    /,
    *,
    since: Annotated[str | None, Parameter(name="--from")] = None,
    to: str | None = None,
    stand_in: str | None = None,
    common: Common = DEFAULTS,
) -> None:
    """Enter that somebody is away, at once and for every process; whoever stands in has their name and roles meanwhile.

    Args:
        name: Who, as `people.yaml` names them.
        since: The first day, or a date and time, in their time zone (default: now).
        to: The last day, or a date and time (default: until `baton people back`).
        stand_in: Who stands in for them (default: nobody).
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)

    def enter(tx: Transaction) -> Entered:
        zone = _zone(record.roster(tx), name)
        start = tx.now if since is None else read_moment(since, zone)
        end = None if to is None else read_moment(to, zone, through=True)
        return record.away(tx, name, start, end, stand_in=stand_in, by=whoever())

    async with _opened(place) as ledger:
        entered = await ledger.write(enter)
    screen.document(absence_json(entered.absence) | {"person": name})
    screen.show(f"{one_line(name)} is away {_told(entered.absence)}.")


@app.command
async def back(name: str, /, *, common: Common = DEFAULTS) -> None:
    """Take back what was entered of somebody's absence: what is under way ends now, what is to come never is.

    Args:
        name: Who, as `people.yaml` names them.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with _opened(place) as ledger:
        taken = await ledger.write(lambda tx: record.back(tx, name, by=whoever()))
    screen.document({"person": name, "taken_back": [absence_json(one.absence) for one in taken]})
    if not taken:
        screen.show(f"No absence of {one_line(name)} was entered that is not over; those of people.yaml stand there.")
    for one in taken:
        screen.show(f"{one_line(name)} is no longer away {_told(one.absence)}.")


@contextlib.asynccontextmanager
async def _opened(place: Place) -> AsyncGenerator[Ledger]:
    """The record, with the people as the file beside the project file says now."""
    named = people_of(place.project) if place.project is not None else None
    async with to_look(place) as ledger:
        if named is not None:
            await ledger.write(lambda tx: record.keep(tx, named))
        yield ledger


def _zone(roster: Roster | None, name: str) -> str:
    """The time zone in which somebody's days are."""
    person = roster.person(name) if roster is not None else None
    if person is None:
        known = [each.name for each in roster.people] if roster is not None else ()
        raise NotFound("person", name, known, hint="" if known else NOBODY)
    return person.calendar.zone if person.calendar is not None else "UTC"


def _state(person: Person, now: float) -> Text:
    """Whether somebody is there, and until when or from when."""
    if person.away(now):
        return Text("away", style="magenta")
    if person.calendar is None:
        return Text("always on duty", style="green")
    spans = person.calendar.spans(now, now + 86400)
    if spans and spans[0][0] <= now:
        return Text(f"on duty until {day_time(spans[0][1])}", style="green")
    following = person.calendar.next_on_duty(now)
    return Text("never on duty" if following is None else f"on duty from {day_time(following)}", style="yellow")


def _told(absence: Absence) -> str:
    until = "until further notice" if math.isinf(absence.end) else f"to {day_time(absence.end)}"
    stands_in = f", {one_line(absence.stand_in)} stands in" if absence.stand_in else ""
    return f"from {day_time(absence.start)} {until}{stands_in}"
