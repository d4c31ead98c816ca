"""What a failed request to a model endpoint means: worth another try, or refused for good."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import cast

import httpx2
import openai

from baton.core import ModelError, ModelRefused, redact

_BROKEN_CONNECTION = (
    openai.APIConnectionError,
    openai.WebSocketConnectionClosedError,
    openai.WebSocketQueueFullError,
    httpx2.TransportError,
)
_TRANSIENT_STATUS = frozenset({408, 409, 429})
_FOR_GOOD = frozenset(
    {
        "insufficient_quota",
        "invalid_api_key",
        "invalid_request_error",
        "model_not_found",
        "context_length_exceeded",
        "content_filter",
        "content_policy_violation",
    }
)


class Transient(Exception):
    """Control flow: this try failed, another may not; it never leaves the client."""

    def __init__(self, problem: str, retry_after: float | None = None) -> None:
        """`retry_after` is in seconds; None where the endpoint did not say."""
        self.problem, self.retry_after = problem, retry_after
        super().__init__(problem)


@dataclass(frozen=True, kw_only=True)
class Target:
    """What was asked, as errors name it.

    Attributes:
        model: Name of the model.
        endpoint: Address of the endpoint, without credentials.
        key: The key, so that it can be kept out of what is said.
        key_variable: Environment variable that the key comes from.
    """

    model: str
    endpoint: str
    key: str
    key_variable: str

    def __repr__(self) -> str:
        """Without the key."""
        return f"Target(model={self.model!r}, endpoint={self.endpoint!r})"

    def redact(self, text: str) -> str:
        """The text without the key, which some endpoints repeat, and without any other secret."""
        return redact(text.replace(self.key, "***") if len(self.key) >= 4 else text)


def translate(error: Exception, target: Target, now: float) -> Transient | ModelError:
    """Say what an error of the OpenAI client, or of reading its answer, means.

    Args:
        error: What was raised; httpx2's own where it came while a body was read.
        target: What was asked.
        now: Seconds since 1970, for a `Retry-After` that is a date.

    Returns:
        Transient for what may go away (connection, time-out, 408, 409, 429, 5xx, an unreadable answer); ModelRefused
        for what will not.
    """
    if isinstance(error, openai.APIStatusError):
        problem = target.redact(f"HTTP {error.status_code}: {_message(error)}")
        if _passes(error):
            return Transient(problem, retry_after(error.response.headers, now))
        return ModelRefused(target.model, problem, _hint(error, target))
    if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException):
        return Transient(f"no answer from {target.endpoint} in time")
    if isinstance(error, _BROKEN_CONNECTION):
        return Transient(target.redact(f"no connection to {target.endpoint} ({_cause(error)})"))
    if isinstance(error, UnicodeEncodeError):
        problem = f"the request holds text that cannot be sent ({error.reason})"
        return ModelRefused(target.model, problem, "Half of a surrogate pair is the usual cause: clean the text")
    if isinstance(error, openai.APIResponseValidationError | ValueError) and not isinstance(
        error, openai.InvalidWebhookSignatureError
    ):
        return Transient(target.redact(f"the answer of {target.endpoint} cannot be read: {error}"))
    problem = target.redact(str(error) or type(error).__name__)
    if isinstance(error, openai.APIError) and not _is_for_good(error):
        return Transient(problem)
    return ModelRefused(target.model, problem, _hint(error, target))


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the endpoint asks to wait: from `retry-after-ms`, or `Retry-After` in seconds or as an HTTP date.

    None where it does not say, or says what cannot be read.
    """
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        given = headers.get(name)
        if given is None:
            continue
        try:
            seconds = float(given) * scale
        except ValueError:
            continue
        if not math.isnan(seconds):
            return max(0.0, seconds)
    try:
        return max(0.0, parsedate_to_datetime(headers.get("retry-after") or "").timestamp() - now)
    except ValueError:
        return None


def names_parameter(error: openai.APIStatusError, word: str) -> bool:
    """Whether the endpoint refuses a request because of the parameter that a word names."""
    return not _passes(error) and word in f"{error.param or ''} {_message(error)}".lower()


def _passes(error: openai.APIStatusError) -> bool:
    if error.status_code == 429 and _is_for_good(error):
        return False
    return error.status_code in _TRANSIENT_STATUS or error.status_code >= 500


def _is_for_good(error: openai.APIError) -> bool:
    return error.code in _FOR_GOOD or error.type in _FOR_GOOD


def _message(error: openai.APIStatusError) -> str:
    body: object = error.body
    said = cast(Mapping[str, object], body).get("message") if isinstance(body, Mapping) else None
    return str(said or error.message).rstrip(".")


def _cause(error: Exception) -> str:
    cause = error.__cause__ or error
    return f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__


def _hint(error: Exception, target: Target) -> str:
    """What a newcomer can do about it."""
    code = getattr(error, "code", None)
    if code == "insufficient_quota":
        return f"The account behind {target.key_variable} has no credit left: add credit, or give another key"
    if code == "context_length_exceeded":
        return f"The conversation is too long for {target.model}: lower the token budget, or name a larger model"
    match getattr(error, "status_code", None):
        case 401:
            return f"Check the key in {target.key_variable}: it must be one for {target.endpoint}"
        case 403:
            return f"The key in {target.key_variable} may not use {target.model}: give another key or another model"
        case 404:
            return (
                f"Check the model name {target.model!r} in the agents file, and that the base URL {target.endpoint} is "
                "right (it mostly ends in /v1)"
            )
        case 400 | 422:
            return f"{target.endpoint} does not accept this request for {target.model}: does that model take tools?"
        case 402:
            return f"The account behind {target.key_variable} must be paid for"
        case _:
            return f"Check {target.key_variable}, the model name {target.model!r} and the base URL {target.endpoint}"
