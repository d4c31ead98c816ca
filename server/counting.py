"""Around every request: its id, its line in the log, and its count by the template of its address."""

import re
import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from baton.core import logger, random_id
from baton.telemetry.metrics import Metrics

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})

_log = logger()


class Counting:
    """Counts what is asked."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        """Before `app`, in `metrics`."""
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        id, began, status, stream = random_id("req"), time.monotonic(), 500, False
        # Not taken away again: each request has a task of its own, and what handles its errors stands further out.
        bind_contextvars(request=id)

        async def counted(message: Message) -> None:
            nonlocal status, stream
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = id
                status = message["status"]
                if headers.get("content-type", "").startswith("text/event-stream"):
                    stream = True
                    self._metrics.streams.inc()
            await send(message)

        try:
            await self._app(scope, receive, counted)
        finally:
            if stream:
                self._metrics.streams.dec()
            self._done(scope, status, None if stream else time.monotonic() - began)

    def _done(self, scope: Scope, status: int, seconds: float | None) -> None:
        route = _template(scope)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.requested(method, route, status, seconds)
        _log.info("request", method=method, route=route, status=status, seconds=seconds and round(seconds, 4))


def _template(scope: Scope) -> str:
    """The template of the address that was asked, such as `/api/v1/runs/{run}`; `none` where none fits.

    A route knows its own part: what its routers have put before it is what stands before that in the address.
    """
    own: str | None = getattr(scope.get("route"), "path", None)
    if own is None:
        return "none"
    given = scope.get("path_params", {})
    filled = _PARAMETER.sub(lambda found: str(given.get(found[1], "")), own)
    asked: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return asked.removesuffix(filled) + own if asked.endswith(filled) else own


_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")
