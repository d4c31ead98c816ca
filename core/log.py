"""Logs: structured, through the standard library's logger `baton`, so that they never reach standard output."""

import logging
from collections.abc import MutableMapping
from typing import Any

import structlog

from baton.core.secrets import redact


def logger() -> structlog.stdlib.BoundLogger:
    """The logger of everything here; configure `logging.getLogger("baton")` to send it elsewhere."""
    bound: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger("baton"),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            _Line(key_order=["event"]),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return bound


class _Line:
    """Renders a record as one text, its traceback included, without secrets; a handler may want its fields instead."""

    def __init__(self, key_order: list[str]) -> None:
        self._text = structlog.processors.KeyValueRenderer(key_order=key_order)

    def __call__(self, logger: Any, method: str, record: MutableMapping[str, Any]) -> tuple[tuple[str], dict[str, Any]]:
        fields = dict(record)
        return (redact(self._text(logger, method, record)),), {"extra": {"fields": fields}}


class SafeFormatter(logging.Formatter):
    """Formats any record, whoever wrote it, without secrets; for handlers that get more than Baton's own."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, its traceback included."""
        return redact(super().format(record))
