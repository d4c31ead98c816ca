"""Logs: structured, through the standard library's logger `baton`, so that they never reach standard output."""

import logging

import structlog


def logger() -> structlog.stdlib.BoundLogger:
    """The logger of everything here; configure `logging.getLogger("baton")` to send it elsewhere."""
    bound: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger("baton"),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return bound
