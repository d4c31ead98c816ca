"""What this process has done, counted for Prometheus in a registry of its own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from baton.core import ModelReply

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class Metrics:
    """Counts requests, calls of models and tools, and open streams, since the process began."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "baton_http_requests", "Requests answered.", ("method", "route", "status"), registry=registry
        )
        self._request_seconds = Histogram(
            "baton_http_request_seconds",
            "Until the last byte of an answer.",
            ("route",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.streams = Gauge("baton_sse_clients", "Streams of events that are open.", registry=registry)
        self._model_calls = Counter(
            "baton_model_calls", "Questions to models.", ("model", "outcome"), registry=registry
        )
        self._model_seconds = Histogram(
            "baton_model_call_seconds", "Until a model had answered.", ("model",), buckets=_SECONDS, registry=registry
        )
        self._tokens = Counter("baton_model_tokens", "Tokens of models.", ("model", "kind"), registry=registry)
        self._tool_calls = Counter("baton_tool_calls", "Calls of tools.", ("tool", "outcome"), registry=registry)
        self._tool_seconds = Histogram(
            "baton_tool_call_seconds", "Until a tool had answered.", ("tool",), buckets=_SECONDS, registry=registry
        )

    def requested(self, method: str, route: str, status: int, seconds: float | None) -> None:
        """Count a request; `route` is the template of its address, `seconds` None for a stream."""
        self._requests.labels(method, route, str(status)).inc()
        if seconds is not None:
            self._request_seconds.labels(route).observe(seconds)

    def asked(self, model: str, reply: ModelReply | None, seconds: float) -> None:
        """Count a question to a model; `reply` is None where there was none."""
        self._model_calls.labels(model, "answered" if reply else "failed").inc()
        self._model_seconds.labels(model).observe(seconds)
        if reply is not None:
            self._tokens.labels(model, "prompt").inc(reply.usage.prompt)
            self._tokens.labels(model, "completion").inc(reply.usage.completion)

    def called(self, tool: str, outcome: str, seconds: float) -> None:
        """Count a call of a tool: `done`, `error`, or `unknown` where it is to be tried again or nobody knows."""
        self._tool_calls.labels(tool, outcome).inc()
        self._tool_seconds.labels(tool).observe(seconds)

    def text(self) -> bytes:
        """All of it as Prometheus reads it."""
        return generate_latest(self._registry)
