"""`people.yaml`: what it says becomes people with hours; what it may not say is refused with file, line and field."""

from datetime import datetime
from pathlib import Path

import pytest

from baton import load_people, load_project
from baton.core import Absence, InvalidFile, NotFound
from support import set_policy

WEEK = """\
people:
  - name: ann
    roles: [lead]
    skills: [refunds]
    zone: Europe/Berlin
    hours: {mon-fri: 09:00-17:00}
    holidays: DE-BE
    away:
      - {from: 2026-12-21, to: 2027-01-03, stand_in: bob}
      - {from: 2026-11-30T12:00, to: "2026-11-30T15:00+01:00"}
      - {from: 2027-06-01}
  - name: bob
    zone: Asia/Singapore
    hours:
      mon-thu: [09:00-12:00, 13:00-24:00]
      sat-sun: 22:00-06:00
  - name: cid
"""


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def test_a_file_names_people_with_their_hours_and_absences(tmp_path: Path) -> None:
    file = tmp_path / "people.yaml"
    file.write_text(WEEK)
    ann, bob, cid = load_people(file)
    assert (ann.name, ann.roles, ann.skills) == ("ann", frozenset({"lead"}), frozenset({"refunds"}))
    assert ann.absences[:2] == (
        Absence(start=at("2026-12-21T00:00+01:00"), end=at("2027-01-04T00:00+01:00"), stand_in="bob"),
        Absence(start=at("2026-11-30T12:00+01:00"), end=at("2026-11-30T15:00+01:00")),
    )
    assert ann.spans(at("2027-06-01T00:00+02:00"), at("2027-07-01T00:00+02:00")) == []
    assert ann.spans(at("2026-11-30T00:00Z"), at("2026-12-01T00:00Z")) == [
        (at("2026-11-30T08:00Z"), at("2026-11-30T11:00Z")),
        (at("2026-11-30T14:00Z"), at("2026-11-30T16:00Z")),
    ]
    assert bob.calendar is not None and cid.calendar is None
    assert bob.calendar.spans(at("2026-11-26T00:00+08:00"), at("2026-12-01T00:00+08:00")) == [
        (at("2026-11-26T09:00+08:00"), at("2026-11-26T12:00+08:00")),
        (at("2026-11-26T13:00+08:00"), at("2026-11-27T00:00+08:00")),
        (at("2026-11-28T22:00+08:00"), at("2026-11-29T06:00+08:00")),
        (at("2026-11-29T22:00+08:00"), at("2026-11-30T06:00+08:00")),
        (at("2026-11-30T09:00+08:00"), at("2026-11-30T12:00+08:00")),
        (at("2026-11-30T13:00+08:00"), at("2026-12-01T00:00+08:00")),
    ]


def test_hours_without_a_zone_are_those_of_the_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "people.yaml"
    file.write_text("people: [{name: ann, hours: {fri-mon: 09:00-17:00}}]")
    monkeypatch.setenv("BATON_TIMEZONE", "America/New_York")
    (ann,) = load_people(file)
    assert ann.calendar is not None and ann.calendar.zone == "America/New_York"
    assert [hours.weekday for hours in ann.calendar.hours] == [4, 5, 6, 0]


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("{name: ann, hour: {}}", "people.0.hour .* one of: name, roles, skills, zone, hours, holidays, away"),
        ("{name: ann}, {name: ann}", "people.0.name 'ann' .* given once"),
        ("{name: ann, zone: Europe/Atlantis}", "people.0.zone 'Europe/Atlantis' .* an IANA name"),
        ("{name: ann, hours: {monday: 09:00-17:00}}", "hours.monday 'monday' .* such as mon or mon-fri"),
        ("{name: ann, hours: {mon: 9-17}}", "hours.mon '9-17' .* hours such as 09:00-17:00"),
        ("{name: ann, hours: {mon: [09:00-25:00]}}", "hours.mon '09:00-25:00' .* hours such as"),
        ("{name: ann, holidays: DE}", "people.0.holidays 'DE' .* `hours` as well"),
        ("{name: ann, hours: {}, holidays: XX}", "people.0.holidays 'XX' .* a country by its ISO code"),
        ("{name: ann, away: [{from: soon}]}", "away.0.from 'soon' .* a date such as"),
        ("{name: ann, away: [{from: 2026-12-21, to: 2026-12-20}]}", "away.0.to '2026-12-20' .* a time after `from`"),
        ("{name: ann, away: [{from: 2026-12-21, stand_in: bob}]}", "away.0.stand_in 'bob'"),
        ("{name: ann, away: [{from: 2026-12-21, stand_in: ann}]}", "away.0.stand_in 'ann'"),
        ("{name: ''}", "people.0.name"),
    ],
)
def test_what_a_file_may_not_say_is_refused(tmp_path: Path, said: str, problem: str) -> None:
    file = tmp_path / "people.yaml"
    file.write_text(f"# who answers\npeople: [{said}]")
    with pytest.raises(InvalidFile, match=rf"people\.yaml:2: .*{problem}"):
        load_people(file)


def test_a_project_has_the_people_of_the_file_beside_it(tmp_path: Path) -> None:
    project = tmp_path / "agents.yaml"
    project.write_text("agents: [{name: desk, instructions: help}]")
    assert load_project(project).people is None
    (tmp_path / "people.yaml").write_text("people: []")
    assert load_project(project).people == ()
    with pytest.raises(NotFound, match="file of people"):
        load_people(set_policy(tmp_path / "x.cedar").parent / "nobody.yaml")
