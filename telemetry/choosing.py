"""Who watches, as the environment and the program say. What nobody asks for is not even loaded."""

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from baton.core import Observer, Unobserved

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from baton.telemetry.metrics import Metrics
    from baton.telemetry.tracing import Tracing

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""Environment variables with the address that traces are sent to; without one nothing is sent."""


def observer_of(
    metrics: "Metrics | None" = None,
    *,
    provider: "TracerProvider | None" = None,
    environment: Mapping[str, str] | None = None,
) -> Observer:
    """Who watches.

    Args:
        metrics: What is counted in; None counts nothing.
        provider: What traces go to; None is the provider that the program has set for OpenTelemetry, else one that
            sends to the endpoint that the environment names, else nothing.
        environment: None is the process's own.
    """
    tracing = _tracing(provider, os.environ if environment is None else environment)
    if metrics is None and tracing is None:
        return Unobserved()
    from baton.telemetry.watching import Watching

    return Watching(metrics, tracing)


def _tracing(provider: "TracerProvider | None", environment: Mapping[str, str]) -> "Tracing | None":
    given = provider or _programs()
    wanted = any(environment.get(name, "").strip() for name in ENDPOINTS)
    off = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if off or (given is None and not wanted):
        return None
    from baton.telemetry.tracing import Tracing, exporting

    content = environment.get("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "").strip().lower()
    return Tracing(given or exporting(), content=content == "true", ours=given is None)


def _programs() -> "TracerProvider | None":
    """The provider that the program has set; whoever has set one has loaded the SDK."""
    if "opentelemetry.sdk.trace" not in sys.modules:
        return None
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider

    found = trace.get_tracer_provider()
    return found if isinstance(found, TracerProvider) else None
