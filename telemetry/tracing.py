"""Traces by OpenTelemetry, after its conventions for generative AI (semantic-conventions-genai, in development).

One trace a run. Its id and that of its first span come from the run's id, so that what several processes tell of a run
at different times is one trace, though nobody has handed anything on.
"""

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Generator, Mapping
from contextvars import ContextVar
from typing import Any

from opentelemetry import context, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import Attributes

from baton.core import Course, ModelReply, ModelRequest, RunId, Waited, redact

CLOSING_SECONDS = 3.0
"""How long what is still to be sent is waited for."""

MOST_CONTENT = 8000
"""Characters of content in one attribute."""

_course: ContextVar[Course | None] = ContextVar("baton_course", default=None)
_given: ContextVar[tuple[int, int] | None] = ContextVar("baton_span_ids", default=None)


def exporting() -> TracerProvider:
    """A provider that sends by OTLP over HTTP to where OTEL_EXPORTER_OTLP_ENDPOINT says, in a thread of its own."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": "baton"}), id_generator=GivenIds())
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


class GivenIds(RandomIdGenerator):
    """Ids as a run's or a question's id gives them, where a span is begun so; else random ones."""

    def generate_trace_id(self) -> int:
        """Of the trace."""
        given = _given.get()
        return given[0] if given else super().generate_trace_id()

    def generate_span_id(self) -> int:
        """Of the span."""
        given = _given.get()
        return given[1] if given else super().generate_span_id()


def trace_id(run: RunId) -> int:
    """The id of a run's trace."""
    return _number(f"trace of {run}", 16)


def root_of(run: RunId) -> SpanContext:
    """The first span of a run's trace, whoever tells of it."""
    return SpanContext(trace_id(run), _number(f"span of {run}", 8), is_remote=True, trace_flags=TraceFlags(1))


class Tracing:
    """Makes spans of what it is told.

    `ours` says that the provider is closed with it; content is taken up only where `content` says so, without secrets.
    """

    def __init__(self, provider: trace.TracerProvider, *, content: bool, ours: bool = False) -> None:
        self._provider, self._content, self._ours = provider, content, ours
        self._tracer = provider.get_tracer("baton")

    @contextlib.contextmanager
    def advancing(self, course: Course) -> Generator[None]:
        """`invoke_agent`: a worker advances the run until it parks or ends."""
        told = _course.set(course)
        parent = trace.set_span_in_context(NonRecordingSpan(root_of(course.run)), context.Context())
        try:
            with self._span("invoke_agent", course.agent, parent=parent):
                yield
        finally:
            _course.reset(told)

    @contextlib.contextmanager
    def calling(self, tool: str, action: str, arguments: Mapping[str, Any]) -> Generator[Callable[[str], None]]:
        """`execute_tool`, or `plan` where the agent says what it intends."""
        operation = "plan" if tool == "plan" else "execute_tool"
        named = {"gen_ai.tool.name": tool, "gen_ai.tool.call.id": action, "gen_ai.tool.type": "function"}
        with self._span(operation, tool, named) as span:
            self._note(span, "gen_ai.tool.call.arguments", arguments)

            def came(text: str) -> None:
                self._note(span, "gen_ai.tool.call.result", text)
                if text.startswith("error: "):
                    span.set_attribute("error.type", "tool_error")
                    span.set_status(Status(StatusCode.ERROR))

            yield came

    @contextlib.contextmanager
    def asking(self, request: ModelRequest) -> Generator[Callable[[ModelReply], None]]:
        """`chat`: a question to a model."""
        named = {"gen_ai.provider.name": "openai", "gen_ai.request.model": request.model}
        with self._span("chat", request.model, named, kind=SpanKind.CLIENT) as span:
            self._note(span, "gen_ai.input.messages", request.messages)

            def came(reply: ModelReply) -> None:
                span.set_attribute("gen_ai.usage.input_tokens", reply.usage.prompt)
                span.set_attribute("gen_ai.usage.output_tokens", reply.usage.completion)
                span.set_attribute("gen_ai.response.finish_reasons", [reply.finish])
                calls = [{"name": call.name, "arguments": call.arguments} for call in reply.calls]
                self._note(span, "gen_ai.output.messages", {"text": reply.text, "calls": calls})

            yield came

    def waited(self, wait: Waited) -> None:
        """`review.wait`: from when a question was asked until it was decided, by whichever processes."""
        said: Attributes = {
            "baton.review.id": wait.review,
            "baton.review.kind": wait.kind,
            "baton.review.decision": wait.decision,
            "baton.review.source": wait.source,
            "baton.run.id": wait.run,
        } | ({"gen_ai.tool.name": wait.tool} if wait.tool else {})
        ids = (trace_id(wait.run), _number(f"span of {wait.review}", 8))
        parent = trace.set_span_in_context(NonRecordingSpan(root_of(wait.run)), context.Context())
        with _these(ids):
            span = self._tracer.start_span("review.wait", parent, attributes=said, start_time=_nanos(wait.opened))
        span.end(_nanos(wait.closed))

    def ended(self, course: Course) -> None:
        """`invoke_workflow`: the run as a whole, from when it was asked for; linked to the one that handed it on."""
        root = root_of(course.run)
        links = [Link(root_of(course.parent))] if course.parent is not None else []
        with _these((root.trace_id, root.span_id)):
            span = self._tracer.start_span(
                f"invoke_workflow {course.agent}",
                context.Context(),
                attributes={
                    "gen_ai.operation.name": "invoke_workflow",
                    "gen_ai.workflow.name": course.agent,
                    "gen_ai.conversation.id": course.conversation,
                    "baton.run.id": course.run,
                    "baton.run.status": course.status,
                },
                links=links,
                start_time=_nanos(course.began),
            )
        if course.status == "failed":
            span.set_status(Status(StatusCode.ERROR))
        span.end(_nanos(course.ended if course.ended is not None else course.began))

    def lived(self, run: RunId, began: float, ended: float, parts: Mapping[str, float]) -> None:
        """`baton.run.time`: what the run's time went on, as attributes."""
        said: dict[str, str | float] = {f"baton.time.{name}": seconds for name, seconds in parts.items() if seconds}
        parent = trace.set_span_in_context(NonRecordingSpan(root_of(run)), context.Context())
        with _these((trace_id(run), _number(f"time of {run}", 8))):
            span = self._tracer.start_span(
                "baton.run.time", parent, attributes={"baton.run.id": run, **said}, start_time=_nanos(began)
            )
        span.end(_nanos(ended))

    def close(self) -> None:
        """Send what is still to be sent where the provider is ours; who does not answer is not waited for."""
        if self._ours and isinstance(self._provider, TracerProvider):
            ending = threading.Thread(target=self._provider.shutdown, name="baton-traces", daemon=True)
            ending.start()
            ending.join(CLOSING_SECONDS)

    @contextlib.contextmanager
    def _span(
        self,
        operation: str,
        name: str,
        named: Mapping[str, str] | None = None,
        *,
        parent: context.Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> Generator[Span]:
        """A span as the current one; what fails in it is named by its kind alone, for what it says is content."""
        said: dict[str, str] = {"gen_ai.operation.name": operation, **(named or {})}
        if (course := _course.get()) is not None:
            said |= {
                "gen_ai.conversation.id": course.conversation,
                "gen_ai.agent.name": course.agent,
                "baton.run.id": course.run,
            }
        span = self._tracer.start_span(f"{operation} {name}", parent, kind=kind, attributes=said)
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield span
            except Exception as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(Status(StatusCode.ERROR))
                raise

    def _note(self, span: Span, name: str, content: object) -> None:
        if self._content:
            text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, default=str)
            span.set_attribute(name, redact(text)[:MOST_CONTENT])


@contextlib.contextmanager
def _these(ids: tuple[int, int]) -> Generator[None]:
    """The next span gets these ids, where the provider is ours."""
    given = _given.set(ids)
    try:
        yield
    finally:
        _given.reset(given)


def _number(text: str, length: int) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:length]) or 1


def _nanos(seconds: float) -> int:
    return int(seconds * 1_000_000_000)
