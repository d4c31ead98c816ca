"""What went wrong, as every answer says it: `{"error": {"kind", "message"}}`, as `--json` does."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from baton.core import (
    Ambiguous,
    BadLink,
    BadSignature,
    BatonError,
    Busy,
    Conflict,
    Forbidden,
    InvalidFile,
    InvalidValue,
    LedgerError,
    LinkForged,
    MailboxFull,
    NotFound,
    PolicyError,
    SignInNeeded,
    TooManyRequests,
    TooManyTries,
    redact,
)

_STATUS: Sequence[tuple[type[BatonError], int]] = (
    (SignInNeeded, 401),
    (BadSignature, 401),
    (Forbidden, 403),
    (LinkForged, 403),
    (NotFound, 404),
    (Ambiguous, 409),
    (Conflict, 409),
    (BadLink, 409),
    (PolicyError, 409),
    (InvalidFile, 409),
    (InvalidValue, 422),
    (TooManyTries, 429),
    (TooManyRequests, 429),
    (MailboxFull, 429),
    (Busy, 409),
    (LedgerError, 503),
)

_LATER = (TooManyTries, TooManyRequests, MailboxFull, Busy)

_KINDS = {404: "NotFound", 405: "MethodNotAllowed", 413: "TooLarge"}

_log = logging.getLogger(__name__)


class Problem(BaseModel):
    """What went wrong.

    Attributes:
        kind: The name of the error.
        message: What is wrong, what is allowed, what to do.
    """

    kind: str
    message: str


class Failure(BaseModel):
    """The body of every answer that is no success."""

    error: Problem


FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": Failure, "description": says}
    for status, says in {
        400: "No JSON.",
        401: "Nobody knows who asks.",
        403: "They may not.",
        404: "There is no such thing.",
        409: "Somebody was first; the message says who did what and when.",
        413: "The body is too large.",
        422: "Something is not allowed.",
        429: "Too often.",
        503: "The record cannot be used now.",
    }.items()
}


def failure(status: int, kind: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An answer that says what went wrong."""
    return JSONResponse({"error": {"kind": kind, "message": message}}, status, headers)


@dataclass(frozen=True)
class Failed:
    """An answer that is no success, before it has a form."""

    status: int
    kind: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


Show = Callable[[Request, Failed], Response | None]
"""How somebody is shown it who looks at a page; None where another form is meant."""


def status_of(error: BatonError) -> int:
    """The status for an error of ours."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def headers_of(error: BatonError) -> dict[str, str] | None:
    """What the answer for an error of ours says beside its body."""
    if isinstance(error, SignInNeeded):
        return {"WWW-Authenticate": "Bearer"}
    return {"Retry-After": f"{error.after:.0f}"} if isinstance(error, _LATER) else None


def failed(error: BatonError) -> Failed:
    """What an error of ours is answered with."""
    return Failed(status_of(error), type(error).__name__, redact(str(error)), headers_of(error) or {})


def handle_failures(app: FastAPI, show: Show) -> None:
    """Have an application answer so."""

    def handler(read: Callable[[Request, Any], Failed]) -> Callable[[Request, Exception], Awaitable[Response]]:
        async def answer(request: Request, error: Exception) -> Response:
            said = read(request, error)
            return show(request, said) or failure(said.status, said.kind, said.message, said.headers)

        return answer

    app.add_exception_handler(BatonError, handler(lambda _, error: failed(error)))
    app.add_exception_handler(RequestValidationError, handler(_invalid))
    app.add_exception_handler(HTTPException, handler(_http))
    app.add_exception_handler(Exception, handler(_unexpected))


def _invalid(_request: Request, error: RequestValidationError) -> Failed:
    said = (f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()[:10])
    return Failed(422, "InvalidValue", redact("; ".join(said)))


def _http(_request: Request, error: HTTPException) -> Failed:
    kind = _KINDS.get(error.status_code, "InvalidValue")
    return Failed(error.status_code, kind, str(error.detail), error.headers or {})


def _unexpected(request: Request, error: Exception) -> Failed:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return Failed(500, "unexpected", "Sorry, this should not happen. What was recorded is safe; the log says more.")
