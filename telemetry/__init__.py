"""Who watches how runs go: traces by OpenTelemetry, figures of this process for Prometheus, log lines as JSON."""

from baton.telemetry.choosing import observer_of
from baton.telemetry.logs import JsonFormatter, log_format, log_level

__all__ = ["JsonFormatter", "log_format", "log_level", "observer_of"]
