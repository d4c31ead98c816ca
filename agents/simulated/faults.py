"""What goes wrong with endpoints, on purpose and repeatably."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum

from baton.agents.simulated.wire import Utterance


class Fault(StrEnum):
    """One way to fail. The first eight are faults of the transport, the rest of the content."""

    RATE_LIMIT = "rate_limit"
    """429 with `Retry-After` in seconds."""
    RATE_LIMIT_DATE = "rate_limit_date"
    """429 with `Retry-After` as an HTTP date."""
    SERVER_ERROR = "server_error"
    """500."""
    UNAVAILABLE = "unavailable"
    """503."""
    HANG = "hang"
    """Nothing comes until the client gives up."""
    SLOW = "slow"
    """The whole answer, with a pause before each piece."""
    CUT = "cut"
    """The connection breaks half-way."""
    NO_DONE = "no_done"
    """A stream without its `[DONE]`."""
    MALFORMED = "malformed"
    """The first call's arguments are not JSON."""
    DUPLICATE_IDS = "duplicate_ids"
    """All calls, in every answer, have the same id."""
    MISSING_IDS = "missing_ids"
    """No call has an id."""
    UNKNOWN_TOOL = "unknown_tool"
    """The first call names a tool that was not offered."""
    LENGTH = "length"
    """The answer stops in the middle, with finish reason `length`."""
    REFUSAL = "refusal"
    """A refusal instead of the answer."""
    EMPTY = "empty"
    """Neither text nor calls."""


TRANSPORT = frozenset(list(Fault)[:8])
CONTENT = frozenset(Fault) - TRANSPORT


class Faults:
    """Which fault a request meets: decided by the seed, the request and how often it was seen, never by timing.

    A fault of the transport is gone when the same request comes again, as a retry does.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        rate: float = 0.0,
        schedule: Sequence[Fault | None] = (),
        kinds: Sequence[Fault] = tuple(Fault),
        persistent: bool = False,
        retry_after: int = 1,
        hang: float = 30.0,
        pause: float = 0.05,
    ) -> None:
        """Draw faults at a `rate`, or follow a `schedule`.

        Args:
            seed: Another seed, other requests that fail.
            rate: Share of different requests that meet a fault, 0 to 1.
            schedule: What each request meets the first, second, … time it is seen; None is no fault. Where it ends,
                there are no more. Goes before `rate`.
            kinds: Faults to draw from.
            persistent: Whether a fault of the content stays with its request each time; else it comes once.
            retry_after: Seconds that the two 429 ask for.
            hang: Most seconds that a hang lasts; then comes 503.
            pause: Seconds before each piece of a slow answer.
        """
        self._seed, self._rate, self._schedule = seed, rate, tuple(schedule)
        self._kinds, self._persistent = tuple(kinds), persistent
        self.retry_after, self.hang, self.pause = retry_after, hang, pause
        self._seen: Counter[str] = Counter()

    def meet(self, digest: str) -> Fault | None:
        """The fault of a request that is seen now, and counts it as seen; None lets it pass."""
        seen = self._seen[digest]
        self._seen[digest] += 1
        if self._schedule:
            return self._schedule[seen] if seen < len(self._schedule) else None
        fault = self._draw(digest)
        stays = self._persistent and fault in CONTENT
        return fault if seen == 0 or stays else None

    def reset(self) -> None:
        """Forget what was seen."""
        self._seen.clear()

    def _draw(self, digest: str) -> Fault | None:
        value = hashlib.sha256(f"{self._seed}:{digest}".encode()).digest()
        if int.from_bytes(value[:8], "big") >= self._rate * 2**64 or not self._kinds:
            return None
        return self._kinds[int.from_bytes(value[8:16], "big") % len(self._kinds)]


def spoil(utterance: Utterance, fault: Fault) -> Utterance:
    """The utterance with a fault of the content; unchanged where the fault needs calls and there are none."""
    calls = utterance.calls
    match fault:
        case Fault.MALFORMED if calls:
            broken = replace(calls[0], arguments=calls[0].arguments[:-1] + ",")
            return replace(utterance, calls=(broken, *calls[1:]))
        case Fault.UNKNOWN_TOOL if calls:
            return replace(utterance, calls=(replace(calls[0], name=f"{calls[0].name}_unknown"), *calls[1:]))
        case Fault.DUPLICATE_IDS:
            return replace(utterance, calls=tuple(replace(call, id="call_duplicate") for call in calls))
        case Fault.MISSING_IDS:
            return replace(utterance, calls=tuple(replace(call, id=None) for call in calls))
        case Fault.LENGTH:
            return _shortened(utterance)
        case Fault.REFUSAL:
            return replace(utterance, text="", calls=(), finish="stop", refusal="I cannot help with that (simulated).")
        case Fault.EMPTY:
            return replace(utterance, text="", calls=(), finish="stop", refusal=None)
        case _:
            return utterance


def _shortened(utterance: Utterance) -> Utterance:
    text, calls = utterance.text, utterance.calls
    if calls:
        calls = (*calls[:-1], replace(calls[-1], arguments=calls[-1].arguments[: len(calls[-1].arguments) // 2]))
    else:
        text = text[: len(text) // 2]
    return replace(utterance, text=text, calls=calls, finish="length")
