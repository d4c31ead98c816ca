"""The observer: hands on what it is told to the figures and to the traces, whichever there are."""

import contextlib
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager
from typing import Any

from baton.core import Course, ModelReply, ModelRequest, RunId, Waited
from baton.telemetry.metrics import Metrics
from baton.telemetry.tracing import Tracing


class Watching:
    """Watches how runs go; implements `baton.core.Observer`."""

    def __init__(self, metrics: Metrics | None, tracing: Tracing | None) -> None:
        self._metrics, self._tracing = metrics, tracing

    @property
    def follows(self) -> bool:
        """Only traces follow runs; figures are read from the record."""
        return self._tracing is not None

    def advancing(self, course: Course) -> AbstractContextManager[None]:
        """Trace it."""
        return self._tracing.advancing(course) if self._tracing else contextlib.nullcontext()

    @contextlib.contextmanager
    def calling(self, tool: str, action: str, arguments: Mapping[str, Any]) -> Generator[Callable[[str], None]]:
        """Count and trace it."""
        outcome = "unknown"

        def came(text: str) -> None:
            nonlocal outcome
            outcome = "error" if text.startswith("error: ") else "done"
            if span is not None:
                span(text)

        with contextlib.ExitStack() as stack:
            span = stack.enter_context(self._tracing.calling(tool, action, arguments)) if self._tracing else None
            began = time.monotonic()
            try:
                yield came
            finally:
                if self._metrics is not None:
                    self._metrics.called(tool, outcome, time.monotonic() - began)

    @contextlib.contextmanager
    def asking(self, request: ModelRequest) -> Generator[Callable[[ModelReply], None]]:
        """Count and trace it."""
        reply: ModelReply | None = None

        def came(said: ModelReply) -> None:
            nonlocal reply
            reply = said
            if span is not None:
                span(said)

        with contextlib.ExitStack() as stack:
            span = stack.enter_context(self._tracing.asking(request)) if self._tracing else None
            began = time.monotonic()
            try:
                yield came
            finally:
                if self._metrics is not None:
                    self._metrics.asked(request.model, reply, time.monotonic() - began)

    def waited(self, wait: Waited) -> None:
        """Trace it."""
        if self._tracing is not None:
            self._tracing.waited(wait)

    def ended(self, course: Course) -> None:
        """Trace it."""
        if self._tracing is not None:
            self._tracing.ended(course)

    def lived(self, run: RunId, began: float, ended: float, parts: Mapping[str, float]) -> None:
        """Trace it."""
        if self._tracing is not None:
            self._tracing.lived(run, began, ended, parts)

    def close(self) -> None:
        """Send what is still to be sent."""
        if self._tracing is not None:
            self._tracing.close()
