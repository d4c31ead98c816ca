"""How often a request is tried, and how long is waited in between."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_attempt,
    stop_any,
    stop_before_delay,
)
from tenacity.stop import stop_base
from tenacity.wait import wait_random_exponential

from baton.agents.failures import Transient

Sleep = Callable[[float], Awaitable[None]]
"""Waits for some seconds."""


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How long to go on trying.

    Attributes:
        attempts: Most tries of one request, the first included.
        first_wait: Most seconds before the second try; each further wait may be twice as long (full jitter).
        longest_wait: Most seconds between tries where the endpoint does not say how long.
        longest_retry_after: Most seconds that a `Retry-After` is followed.
        deadline: Most seconds for a request with all its tries; None for no limit.
    """

    attempts: int = 5
    first_wait: float = 0.5
    longest_wait: float = 30.0
    longest_retry_after: float = 60.0
    deadline: float | None = 600.0


class _Spent(stop_base):
    """Stops once no more retries are to be had; asked last, because asking takes one."""

    def __init__(self, may_retry: Callable[[], bool]) -> None:
        self._may_retry = may_retry

    def __call__(self, retry_state: RetryCallState) -> bool:
        return not self._may_retry()


def tries(policy: RetryPolicy, sleep: Sleep, failures: list[Transient], may_retry: Callable[[], bool]) -> AsyncRetrying:
    """Repeat what fails with Transient, which `failures` collects, while `may_retry`; the last failure is raised.

    Waits follow the endpoint where it says how long, else exponential back-off with full jitter (Brooker,
    "Exponential Backoff And Jitter", 2015).
    """
    backoff = wait_random_exponential(multiplier=policy.first_wait, max=policy.longest_wait)

    def note(state: RetryCallState) -> None:
        error = state.outcome and state.outcome.exception()
        if isinstance(error, Transient):
            failures.append(error)

    def wait(state: RetryCallState) -> float:
        asked = failures[-1].retry_after
        if asked is None:
            return backoff(state)
        # Spread, because everybody who was refused together was told the same.
        return min(asked, policy.longest_retry_after) + random.uniform(0, policy.first_wait)

    late = () if policy.deadline is None else (stop_before_delay(policy.deadline),)
    return AsyncRetrying(
        stop=stop_any(stop_after_attempt(policy.attempts), *late, _Spent(may_retry)),
        wait=wait,
        retry=retry_if_exception_type(Transient),
        after=note,
        sleep=sleep,
        reraise=True,
    )
