"""What went wrong, as every answer says it: `{"error": {"kind", "message"}}`, as `--json` does."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from baton.core import (
    Ambiguous,
    BadLink,
    BadSignature,
    BatonError,
    Conflict,
    Forbidden,
    InvalidValue,
    LedgerError,
    LinkForged,
    NotFound,
    SignInNeeded,
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
    (InvalidValue, 422),
    (TooManyTries, 429),
    (LedgerError, 503),
)

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


def failed(error: BatonError) -> JSONResponse:
    """The answer for an error of ours."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    headers = {"Retry-After": f"{error.after:.0f}"} if isinstance(error, TooManyTries) else None
    if isinstance(error, SignInNeeded):
        headers = {"WWW-Authenticate": "Bearer"}
    return failure(status, type(error).__name__, redact(str(error)), headers)


def handle_failures(app: FastAPI) -> None:
    """Have an application answer so."""
    app.add_exception_handler(BatonError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(_request: Request, error: Exception) -> JSONResponse:
    return failed(cast("BatonError", error))


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    found = cast("RequestValidationError", error).errors()
    said = (f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in found[:10])
    return failure(422, "InvalidValue", redact("; ".join(said)))


async def _http(_request: Request, error: Exception) -> JSONResponse:
    raised = cast("HTTPException", error)
    kind = _KINDS.get(raised.status_code, "InvalidValue")
    return failure(raised.status_code, kind, str(raised.detail), raised.headers)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return failure(500, "unexpected", "Sorry, this should not happen. What was recorded is safe; the log says more.")
