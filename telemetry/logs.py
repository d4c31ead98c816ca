"""Log lines as JSON, one object a line, for programs that collect them."""

import json
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from structlog.contextvars import get_contextvars

from baton.core import InvalidValue, redact

VARIABLE = "BATON_LOG_FORMAT"
"""Environment variable that says how log lines are written: `text`, or `json`."""

LEVEL = "BATON_LOG_LEVEL"
"""Environment variable with the level from which on log lines are written."""

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

LogFormat = Literal["text", "json"]


def log_format(environment: Mapping[str, str] | None = None) -> LogFormat:
    """How log lines are written.

    Raises:
        InvalidValue: if BATON_LOG_FORMAT says neither.
    """
    said = (os.environ if environment is None else environment).get(VARIABLE, "").strip() or "text"
    if said != "text" and said != "json":
        raise InvalidValue(VARIABLE, said, "text or json")
    return "json" if said == "json" else "text"


def log_level(otherwise: int, environment: Mapping[str, str] | None = None) -> int:
    """From which level on log lines are written; `otherwise` where BATON_LOG_LEVEL does not say.

    Raises:
        InvalidValue: if it says what is no level.
    """
    said = (os.environ if environment is None else environment).get(LEVEL, "").strip().upper()
    if said and said not in _LEVELS:
        raise InvalidValue(LEVEL, said.lower(), ", ".join(_LEVELS).lower())
    return logging.getLevelNamesMapping()[said] if said else otherwise


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `at`, `level`, `logger`, `event`, and what the line names, such as `run`; no secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        fields: Mapping[str, Any] = getattr(record, "fields", {"event": record.getMessage()})
        said: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            **get_contextvars(),
            **fields,
        }
        if record.exc_info and "exception" not in said:
            said["exception"] = self.formatException(record.exc_info)
        return redact(json.dumps(said, ensure_ascii=False, default=str))
