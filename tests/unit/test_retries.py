"""Retries, classes of failure and breakers: tables without a clock or a loop."""

from typing import Any

import pytest

from baton import Retries, TryAgain, core
from baton.agents import Breaker
from baton.agents.breakers import COOL_DOWN, FAILURES, LONGEST_COOL_DOWN, PROBE_SECONDS, RESERVE, SHARE
from baton.core import BatonError, Fault, InvalidValue, fault_of

PLAIN = Retries(attempts=9, first_wait=1, longest_wait=5, jitter=False)


@pytest.mark.parametrize(("tries", "seconds"), [(1, 1), (2, 2), (3, 4), (4, 5), (5, 5), (5_000, 5)])
def test_waits_double_up_to_the_longest(tries: int, seconds: float) -> None:
    assert PLAIN.wait(tries) == seconds


def test_jitter_draws_from_nothing_to_the_whole_wait() -> None:
    drawn = [Retries(first_wait=1, longest_wait=5).wait(3) for _ in range(2_000)]
    assert 0 <= min(drawn) < 0.5
    assert 3.5 < max(drawn) <= 4


def test_what_the_tool_asks_for_is_kept_even_where_it_is_longer() -> None:
    assert PLAIN.wait(1, asked=3600) == 3600
    assert 60 <= Retries(first_wait=1).wait(1, asked=60) <= 61


@pytest.mark.parametrize(
    ("policy", "tries", "since", "allowed"),
    [
        (Retries(attempts=3), 2, 1e9, True),
        (Retries(attempts=3), 3, 0, False),
        (Retries(attempts=1), 1, 0, False),
        (Retries(attempts=9, deadline=10), 1, 10, True),
        (Retries(attempts=9, deadline=10), 1, 10.1, False),
    ],
)
def test_attempts_and_deadline_both_bound(policy: Retries, tries: int, since: float, allowed: bool) -> None:
    assert policy.allows(tries, since) is allowed


@pytest.mark.parametrize(
    "settings",
    [
        {"attempts": 0},
        {"first_wait": -1},
        {"first_wait": 9, "longest_wait": 8},
        {"deadline": 0},
        {"first_wait": float("nan")},
    ],
)
def test_retries_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue, match="of Retries"):
        Retries(**settings)


CLASSES = {
    "Conflict": Fault.TRANSIENT,
    "LedgerError": Fault.TRANSIENT,
    "LedgerFull": Fault.TRANSIENT,
    "LedgerLocked": Fault.TRANSIENT,
    "LedgerReadOnly": Fault.TRANSIENT,
    "LedgerUnreachable": Fault.TRANSIENT,
    "ModelUnavailable": Fault.TRANSIENT,
    "ToolUnavailable": Fault.TRANSIENT,
    "TryAgain": Fault.TRANSIENT,
    "TooManyRequests": Fault.TRANSIENT,
    "MailboxFull": Fault.TRANSIENT,
    "Busy": Fault.TRANSIENT,
    "TooManyTries": Fault.TRANSIENT,
}


def test_every_error_of_batons_own_says_its_class() -> None:
    errors = {
        name: thing for name, thing in vars(core).items() if isinstance(thing, type) and issubclass(thing, BatonError)
    }
    assert set(CLASSES) <= set(errors)
    assert {name: error.fault for name, error in errors.items()} == {
        name: CLASSES.get(name, Fault.LASTING) for name in errors
    }


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (TryAgain("busy"), Fault.TRANSIENT),
        (ConnectionResetError("reset"), Fault.TRANSIENT),
        (TimeoutError(), Fault.TRANSIENT),
        (ValueError("no"), Fault.LASTING),
        (KeyboardInterrupt(), Fault.LASTING),
    ],
)
def test_the_class_of_an_error(error: BaseException, fault: Fault) -> None:
    assert fault_of(error) is fault


def opened(now: float = 100.0) -> Breaker:
    breaker = Breaker("post")
    for number in range(FAILURES):
        assert breaker.refuses(now) is None
        assert breaker.failed(now) is (number == FAILURES - 1)
    return breaker


def test_a_breaker_opens_after_failures_in_a_row_only() -> None:
    breaker = Breaker("post")
    for _ in range(3 * FAILURES):
        for _ in range(FAILURES - 1):
            assert not breaker.failed(1.0)
        assert not breaker.answered()
    assert breaker.refuses(1.0) is None


def test_an_open_breaker_lets_one_through_when_it_has_cooled_down() -> None:
    breaker = opened(100.0)
    assert breaker.refuses(101.0) == COOL_DOWN - 1
    assert breaker.refuses(100.0 + COOL_DOWN) is None  # this one goes to see
    assert breaker.refuses(100.0 + COOL_DOWN) == PROBE_SECONDS  # that one does not
    assert breaker.answered()
    assert breaker.refuses(100.0 + COOL_DOWN) is None
    assert not breaker.answered()


def test_a_probe_that_fails_doubles_the_rest_and_one_that_vanishes_is_followed_by_another() -> None:
    breaker, now = opened(0.0), COOL_DOWN
    assert breaker.refuses(now) is None
    assert breaker.refuses(now + COOL_DOWN) is None  # the first never came back
    assert not breaker.failed(now)
    assert breaker.refuses(now) == 2 * COOL_DOWN
    for _ in range(20):
        breaker.failed(now)
    assert breaker.refuses(now) == LONGEST_COOL_DOWN


def test_retries_are_a_share_of_the_calls_and_a_reserve() -> None:
    breaker = Breaker("post")
    assert sum(breaker.may_retry() for _ in range(1_000)) == RESERVE
    retried = 0
    for _ in range(1_000):
        breaker.began()
        retried += breaker.may_retry()
    assert retried == pytest.approx(1_000 * SHARE, abs=2)
