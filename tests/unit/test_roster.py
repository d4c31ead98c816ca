"""Who may answer what, and when: roles, skills, absences, stand-ins."""

from datetime import datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.core import Absence, Calendar, Hours, Person, Roster

HOUR, DAY = 3600.0, 86400.0
MONDAY = datetime.fromisoformat("2026-11-23T00:00Z").timestamp()
NAMES = ("ann", "bob", "cid", "dan")


def hours(start: int, end: int, *days: int) -> Calendar:
    week = days or range(5)
    return Calendar(hours=tuple(Hours(weekday=day, start=time(start), end=time(end)) for day in week))


ANN = Person(name="ann", roles=frozenset({"lead"}), skills=frozenset({"refunds"}), calendar=hours(8, 16))
BOB = Person(name="bob", skills=frozenset({"refunds", "french"}), calendar=hours(14, 22))
CID = Person(name="cid")
OFFICE = Roster(people=(ANN, BOB, CID))


def away(person: Person, start: float, end: float, stand_in: str | None = None) -> dict[str, list[Absence]]:
    return {person.name: [Absence(start=MONDAY + start * HOUR, end=MONDAY + end * HOUR, stand_in=stand_in)]}


def when(roster: Roster, reviewers: tuple[str, ...], skills: tuple[str, ...] = ()) -> list[tuple[float, float]]:
    """On this Monday, in hours."""
    spans = roster.spans(reviewers, skills, MONDAY, MONDAY + DAY)
    return [((start - MONDAY) / HOUR, (end - MONDAY) / HOUR) for start, end in spans]


@pytest.mark.parametrize(
    ("reviewers", "skills", "expected"),
    [
        ((), ("refunds",), [(8, 22)]),
        ((), ("french",), [(14, 22)]),
        (("lead",), (), [(8, 16)]),
        (("lead", "bob"), ("refunds",), [(8, 22)]),
        (("lead",), ("french",), []),
        ((), ("sewing",), []),
        ((), (), [(0, 24)]),  # of cid nothing is said: always there
        (("zoe",), ("sewing",), [(0, 24)]),  # nor of zoe
    ],
)
def test_who_may_answer_is_there_in_their_hours(
    reviewers: tuple[str, ...], skills: tuple[str, ...], expected: list[tuple[float, float]]
) -> None:
    assert when(OFFICE, reviewers, skills) == expected


def test_who_is_away_is_not_there_and_the_stand_in_has_their_roles_and_name() -> None:
    assert when(OFFICE.with_absences(away(ANN, 0, 12)), ("lead",)) == [(12, 16)]
    covered = OFFICE.with_absences(away(ANN, 0, 15, "bob"))
    assert when(covered, ("lead",)) == when(covered, ("ann",)) == [(14, 16)]
    assert when(covered, ("lead",), ("french",)) == [(14, 15)]
    assert covered.acts_as("bob", MONDAY + 10 * HOUR) == frozenset({"bob", "ann", "lead"})
    assert covered.acts_as("bob", MONDAY + 15 * HOUR) == frozenset({"bob"})
    assert covered.acts_as("ann", MONDAY) == frozenset({"ann", "lead"})
    assert covered.acts_as("zoe", MONDAY) is None


def test_a_stand_in_who_is_away_has_their_own() -> None:
    both = OFFICE.with_absences(away(ANN, 0, 24, "bob") | away(BOB, 0, 15, "cid"))
    assert when(both, ("lead",)) == [(0, 22)] and when(both, ("lead",), ("refunds",)) == [(15, 22)]
    assert both.acts_as("cid", MONDAY) == frozenset({"cid", "bob", "ann", "lead"})
    round_about = OFFICE.with_absences(away(ANN, 0, 24, "bob") | away(BOB, 0, 24, "ann"))
    assert when(round_about, ("lead",)) == []
    gone = OFFICE.with_absences({"ann": [Absence(start=MONDAY, stand_in="zoe")]})
    assert when(gone, ("lead",)) == [(0, 24)]  # until further notice, and of zoe nothing is said


def test_when_the_next_one_is_there() -> None:
    assert OFFICE.next_on_duty((), ("refunds",), MONDAY + 22 * HOUR) == MONDAY + 32 * HOUR
    assert OFFICE.next_on_duty((), ("refunds",), MONDAY + 5 * DAY) == MONDAY + 7 * DAY + 8 * HOUR
    assert OFFICE.next_on_duty(("lead",), ("french",), MONDAY) is None
    assert OFFICE.staffed((), ("refunds",), MONDAY, MONDAY + 7 * DAY) == 5 * 14 * HOUR


ABSENCES = st.dictionaries(
    st.sampled_from(NAMES),
    st.lists(
        st.builds(
            lambda start, length, other: Absence(
                start=MONDAY + start * HOUR, end=MONDAY + (start + length) * HOUR, stand_in=other
            ),
            st.integers(0, 40),
            st.integers(1, 40),
            st.sampled_from((None, *NAMES)),
        ),
        max_size=2,
    ),
)
ROSTERS = st.builds(
    lambda people, absences: Roster(people=people).with_absences(absences),
    st.tuples(
        *(
            st.builds(
                Person,
                name=st.just(name),
                roles=st.frozensets(st.sampled_from(("lead", "clerk"))),
                skills=st.frozensets(st.sampled_from(("refunds",))),
                calendar=st.sampled_from((None, hours(8, 16), hours(20, 4, 0, 1, 2))),
            )
            for name in NAMES
        )
    ),
    ABSENCES,
)


@given(ROSTERS, st.sampled_from(((), ("lead",), ("ann", "clerk"))), st.sampled_from(((), ("refunds",))))
def test_a_person_is_there_for_a_question_just_when_they_act_as_one_it_names(
    roster: Roster, reviewers: tuple[str, ...], skills: tuple[str, ...]
) -> None:
    duty = roster.duty(reviewers, skills, MONDAY, MONDAY + 3 * DAY)
    assert roster.spans(reviewers, skills, MONDAY, MONDAY + 3 * DAY) == sorted(
        roster.spans(reviewers, skills, MONDAY, MONDAY + 3 * DAY)
    )
    for person in roster.people:
        for moment in (MONDAY + (step + 0.5) * HOUR for step in range(72)):
            on = any(start <= moment < end for start, end in duty.get(person.name, ()))
            there = bool(person.spans(moment, moment + 0.01))
            acts = roster.acts_as(person.name, moment)
            assert acts is not None
            assert on == (there and person.name in roster.able(reviewers, skills, moment))
            assert on == (there and person.skills >= set(skills) and (not reviewers or not acts.isdisjoint(reviewers)))
