"""Rules of alerts: too high, too low, absent, rising, and soon too high; quiet hours."""

from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from baton.alerts import load_alarms
from baton.core import InvalidFile, InvalidValue
from baton.flow.gauges import GAUGES
from baton.flow.rules import Quiet, Rule, Watching

CALM = dict.fromkeys(GAUGES, 1.0)


def looked(rule: Rule, values: list[float], step: float = 60.0) -> list[bool]:
    """Whether a rule raises an alert at each of some looks."""
    watching = Watching([rule])
    return [
        bool(watching.look(step * number, CALM | {rule.figure: value})) for number, value in enumerate(values, start=1)
    ]


OPEN = Rule(name="many", figure="questions_open", above=40)


def test_a_figure_may_be_too_high_or_too_low() -> None:
    assert looked(OPEN, [40, 41, 3]) == [False, True, False]
    assert looked(Rule(name="few", figure="runs_ended", below=2), [2, 1]) == [False, True]


def test_it_may_have_to_last() -> None:
    assert looked(replace(OPEN, lasting=120.0), [50, 50, 50, 1, 50]) == [False, False, True, False, False]


def test_what_stays_away_is_told() -> None:
    rule = Rule(name="silence", figure="runs_ended", absent=True, lasting=60.0)
    assert looked(rule, [0, 0, 1, 0]) == [False, True, False, False]


def test_what_rises_fast_is_told() -> None:
    rule = Rule(name="rising", figure="questions_open", rises=0.5, within=600.0)
    assert not any(looked(rule, [10.0] * 30))
    assert looked(rule, [10.0] * 11 + [14, 15.5])[-2:] == [False, True]


def test_what_will_be_too_high_is_told_before_it_is() -> None:
    rule = Rule(name="soon", figure="questions_open", reaches=100, within=3600.0)
    rising = looked(rule, [10.0 + number for number in range(60)])
    assert rising.index(True) < 59
    assert not any(looked(rule, [20.0 + number % 3 for number in range(60)]))


def test_a_finding_says_what_is_so_and_what_to_do() -> None:
    (found,) = Watching([replace(OPEN, do="baton review", severity="urgent")]).look(0.0, CALM | {"questions_open": 50})
    assert found.says == "many: questions_open is 50, above 40."
    assert (found.way_out, found.severity) == ("baton review", "urgent")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"figure": "moods"}, "figure of alert x 'moods'"),
        ({"above": 3, "below": 2}, "condition of alert x"),
        ({"above": None}, "condition of alert x"),
        ({"above": None, "absent": True}, "for of alert x"),
        ({"within": 1e9}, "within of alert x"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(said: dict[str, object], told: str) -> None:
    with pytest.raises(InvalidValue, match=told):
        Rule(**({"name": "x", "figure": "runs_open", "above": 1.0} | said))  # type: ignore[arg-type]


def test_quiet_hours_go_over_midnight_by_the_clock_of_their_zone() -> None:
    quiet = Quiet(start=time(22), end=time(6), zone="Europe/Berlin")
    at = datetime(2026, 1, 5, 21, 30, tzinfo=UTC).timestamp()  # 22:30 in Berlin
    assert quiet.holds(at)
    assert not quiet.holds(at - 3600.0)
    assert not quiet.holds(at + 8 * 3600.0)


def test_a_file_says_what_is_told(tmp_path: Path) -> None:
    file = tmp_path / "alerts.yaml"
    file.write_text(
        "alerts:\n"
        "  - {name: queue, figure: questions_open, above: 40, for: 10m, severity: urgent, tell: [lead]}\n"
        "  - {name: soon, figure: questions_open, reaches: 100, within: 2h}\n"
        "quiet: {hours: '22:00-06:00', zone: Europe/Berlin}\n"
        "group: 15m\n"
        "troubles: false\n"
    )
    alarms = load_alarms(file)
    assert [(rule.name, rule.lasting, rule.within) for rule in alarms.rules] == [
        ("queue", 600.0, 3600.0),
        ("soon", 0.0, 7200.0),
    ]
    assert (alarms.group, alarms.troubles, alarms.quiet) == (
        900.0,
        False,
        Quiet(start=time(22), end=time(6), zone="Europe/Berlin"),
    )
    assert alarms.rules[0].tell == ("lead",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("alerts:\n  - {name: a, figure: moods, above: 1}\n", "alerts.yaml:2: alerts.0: figure of alert a 'moods'"),
        ("quiet: {hours: at night}\n", "alerts.yaml:1: quiet: hours 'at night'"),
        (
            "alerts:\n  - {name: a, figure: runs_open, above: 1}\n  - {name: a, figure: runs_open, above: 2}\n",
            "alerts.1.name",
        ),
        ("alarms: []\n", "alarms"),
    ],
)
def test_a_file_that_says_something_else_is_refused_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "alerts.yaml").write_text(text)
    with pytest.raises(InvalidFile, match=told):
        load_alarms(tmp_path / "alerts.yaml")
