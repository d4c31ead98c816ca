"""What can be seen from outside: figures for Prometheus, traces of runs over several processes, log lines as JSON."""

import contextlib
import io
import json
import logging
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from baton import Agent, RunHandle, tool
from baton.core import InvalidValue, Role, Unobserved, logger
from baton.flow import Keeper
from baton.server import Server, Service
from baton.telemetry import JsonFormatter, log_format, log_level, observer_of
from baton.telemetry.metrics import Metrics
from baton.telemetry.tracing import GivenIds, root_of, trace_id
from support.minds import call, script
from support.office import on_both, open_office, set_policy, soon
from support.servers import Asked, Says, web_server
from support.serving import clerk, kind_of, serve_office

PAID = script([call("plan", steps=["pay"])], [call("pay", cents=500)])
ANY = "permit (principal, action, resource);"
SECRET = "tr0ub4dor-and-3"


def figures_of(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every figure by its name and the values of its labels, as Prometheus reads them."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class Traces:
    """A provider that keeps spans in memory."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(id_generator=GivenIds())
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self.exporter.get_finished_spans()

    def named(self, start: str) -> ReadableSpan:
        (found,) = (span for span in self.spans if span.name.startswith(start))
        return found


@pytest.fixture
def traces() -> Iterator[Traces]:
    made = Traces()
    yield made
    made.provider.shutdown()


@on_both
async def test_figures_say_how_the_work_stands_and_what_was_done(database: str, tmp_path: Path) -> None:
    metrics = Metrics()
    observer = observer_of(metrics, environment={})
    async with serve_office(database, clerk(tmp_path), mind=PAID, metrics=metrics, observer=observer) as office:
        await office.account("rita", Role.REQUESTER)
        rita, viewer = await office.key("rita"), await office.key("rita", "viewer")
        await office.asked(rita)
        answer = await office.http.get("/metrics", headers=viewer)
        assert answer.headers["content-type"].startswith("text/plain; version=")
        found = figures_of(answer.text)
        assert found["baton_runs", ("waiting",)] == 1
        assert found["baton_runs", ("failed",)] == 0
        assert found["baton_reviews_open", ()] == 1
        assert found["baton_reviews_claimed", ()] == found["baton_reviews_overdue", ()] == 0
        assert found["baton_runs_dead", ("poisoned",)] == found["baton_notices", ("dead",)] == 0
        assert found["baton_oldest_ready_seconds", ()] == 0
        assert found["baton_model_calls_total", ("gpt-5-mini", "answered")] == 2
        assert found["baton_tool_calls_total", ("done", "plan")] == 1
        assert ("baton_tool_calls_total", ("done", "pay")) not in found
        assert found["baton_http_requests_total", ("POST", "/api/v1/runs", "201")] == 1
        assert found["baton_http_requests_total", ("GET", "/api/v1/runs/{run}/reviews", "200")] == 1


async def test_figures_are_shown_to_who_may_see(tmp_path: Path) -> None:
    async with serve_office(str(tmp_path / "b.db"), clerk(tmp_path)) as office:
        assert kind_of(await office.http.get("/metrics")) == (401, "SignInNeeded")
        missing = await office.http.get("/nothing/here")
        assert missing.headers["x-request-id"].startswith("req_")
        viewer = await office.person("vera", Role.VIEWER)
        found = figures_of((await office.http.get("/metrics", headers=viewer)).text)
        assert found["baton_http_requests_total", ("GET", "none", "404")] == 1


async def test_a_run_that_nobody_touches_grows_old(tmp_path: Path) -> None:
    async with serve_office(str(tmp_path / "b.db"), clerk(tmp_path), dispatch=False) as office:
        rita = await office.person("rita", Role.REQUESTER)
        assert (await office.http.post("/api/v1/runs", json={"statement": "pay"}, headers=rita)).status_code == 201
        first = figures_of((await office.http.get("/metrics", headers=rita)).text)["baton_oldest_ready_seconds", ()]
        second = figures_of((await office.http.get("/metrics", headers=rita)).text)["baton_oldest_ready_seconds", ()]
        assert 0 < first < second < 60


async def test_open_streams_are_counted(tmp_path: Path) -> None:
    async with open_office(tmp_path / "b.db", [clerk(tmp_path)], PAID) as baton:
        async with Server(service := Service(baton=baton, alone=True), host="127.0.0.1", port=0) as server:
            from baton.server import link_for

            async with httpx.AsyncClient(base_url=server.url) as http:
                token = await link_for(baton.ledger, "me")
                signed = await http.post("/api/v1/session", json={"token": token})
                http.headers["x-csrf-token"] = signed.json()["csrf"]
                run = (await http.post("/api/v1/runs", json={"statement": "pay"})).json()["id"]
                async with http.stream("GET", f"/api/v1/runs/{run}/events"):
                    assert b"baton_sse_clients 1.0" in service.metrics.text()
                while b"baton_sse_clients 0.0" not in service.metrics.text():
                    await soon(http.get("/healthz"))


@on_both
async def test_one_run_is_one_trace_over_two_processes_with_the_wait_for_a_person(
    database: str, tmp_path: Path, traces: Traces
) -> None:
    agent = clerk(tmp_path)
    first = observer_of(provider=traces.provider, environment={})
    async with open_office(database, [agent], PAID, observer=first) as baton:
        run = await baton.submit("pay")
        await soon(run.settled())
    assert {span.name for span in traces.spans} == {"invoke_agent clerk", "chat gpt-5-mini", "plan plan"}
    traces.exporter.clear()
    second = observer_of(provider=traces.provider, environment={})  # knows nothing of the first
    async with open_office(database, [agent], script([call("finish", summary="paid")]), observer=second) as baton:
        (review,) = (await (await baton.open(run.id)).stands()).reviews
        decided = await baton.approve(review.id, by="ann")
        await soon((await baton.open(run.id)).result())
        await Keeper(baton.ledger, observer=second).look()
    assert {span.context.trace_id for span in traces.spans if span.context} == {trace_id(run.id)}
    waited, whole, paid = (traces.named(name) for name in ("review.wait", "invoke_workflow", "execute_tool pay"))
    assert (waited.start_time, waited.end_time) == (int(review.opened_at * 1e9), int(decided.at * 1e9))
    assert waited.attributes is not None
    assert waited.attributes["baton.review.decision"] == "approve"
    assert whole.context is not None
    assert whole.context.span_id == root_of(run.id).span_id
    assert whole.parent is None
    assert waited.parent is not None
    assert waited.parent.span_id == whole.context.span_id
    agents = [span for span in traces.spans if span.name == "invoke_agent clerk" and span.context]
    assert paid.parent is not None
    assert paid.parent.span_id in {span.context.span_id for span in agents if span.context}
    assert paid.attributes is not None
    assert paid.attributes["gen_ai.operation.name"] == "execute_tool"
    assert paid.attributes["gen_ai.conversation.id"] == run.id
    time_ = traces.named("baton.run.time")
    assert time_.attributes is not None
    assert time_.start_time is not None
    assert time_.end_time is not None
    parts = {name: float(str(value)) for name, value in time_.attributes.items() if name.startswith("baton.time.")}
    assert sum(parts.values()) == pytest.approx((time_.end_time - time_.start_time) / 1e9, abs=1e-4)
    assert parts["baton.time.not_looked_at"] > 0


async def test_what_is_said_is_in_no_span_unless_that_is_asked_for(tmp_path: Path) -> None:
    for asked, shown in (({}, False), ({"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"}, True)):
        traces = Traces()
        observer = observer_of(provider=traces.provider, environment=asked)
        mind = script([call("plan", steps=["the word is xylophone"])], [call("finish", summary="done")])
        async with open_office(tmp_path / f"{shown}.db", [Agent("clerk")], mind, observer=observer) as baton:
            await soon((await baton.submit("a goal about zebras")).result())
        told = " ".join(span.to_json() for span in traces.spans)
        assert ("zebras" in told, "xylophone" in told) == (shown, shown)
        assert '"gen_ai.usage.input_tokens"' in told
        traces.provider.shutdown()


async def test_a_secret_is_in_no_span(tmp_path: Path, traces: Traces, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILL_TOKEN", SECRET)
    monkeypatch.setenv("BATON_SECRETS", "TILL_TOKEN")

    @tool(effect="read")
    def leak() -> str:
        """Leak."""
        return f"it is {SECRET}"

    agent = Agent("clerk", tools=[leak], policy=set_policy(tmp_path / "p.cedar", ANY))
    content = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"}
    observer = observer_of(provider=traces.provider, environment=content)
    mind = script([call("leak")], [call("finish", summary=f"said {SECRET}")])
    async with open_office(tmp_path / "b.db", [agent], mind, observer=observer) as baton:
        await soon((await baton.submit(f"say {SECRET}")).result())
    told = " ".join(span.to_json() for span in traces.spans)
    assert SECRET not in told
    assert "secret:TILL_TOKEN" in told


async def test_a_hand_off_is_linked_to_the_run_that_it_came_from(tmp_path: Path, traces: Traces) -> None:
    mind = script(
        [call("hand_off", to="clerk", task="file it")],
        [call("finish", summary="filed")],
        [call("finish", summary="all done")],
    )
    agents = [Agent("desk", hands_off_to=["clerk"]), Agent("clerk")]
    observer = observer_of(provider=traces.provider, environment={})
    async with open_office(tmp_path / "b.db", agents, mind, observer=observer) as baton:
        run: RunHandle = await baton.submit("do it")
        await soon(run.result())
    child = traces.named("invoke_workflow clerk")
    assert [link.context.trace_id for link in child.links] == [trace_id(run.id)]
    assert child.context is not None
    assert child.context.trace_id != trace_id(run.id)


async def test_spans_go_to_the_endpoint_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(asked: Asked) -> Says:
        return Says(body=b"", headers={"Content-Type": "application/x-protobuf"})

    with web_server(answer) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.port}")
        async with open_office(tmp_path / "b.db", [Agent("clerk")], script([call("finish", summary="done")])) as baton:
            await soon((await baton.submit("do it")).result())
    sent = [asked for asked in collector.asked if asked.path == "/v1/traces"]
    assert sent
    assert any(b"invoke_workflow clerk" in asked.body for asked in sent) or any(
        asked.headers.get("Content-Encoding") for asked in sent
    )


async def test_a_collector_that_does_not_answer_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    async with open_office(tmp_path / "b.db", [Agent("clerk")], script([call("finish", summary="done")])) as baton:
        await soon((await baton.submit("do it")).result())
        began = time.monotonic()
    assert time.monotonic() - began < 5


def test_nobody_watches_where_nobody_has_asked_for_it() -> None:
    assert isinstance(observer_of(environment={}), Unobserved)
    switched_off = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"}
    assert isinstance(observer_of(environment=switched_off), Unobserved)


@contextlib.contextmanager
def lines_of() -> Generator[io.StringIO]:
    """What the house logs meanwhile, as JSON."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    house = logging.getLogger("baton")
    before = house.level
    house.addHandler(handler)
    house.setLevel(logging.INFO)
    try:
        yield stream
    finally:
        house.removeHandler(handler)
        house.setLevel(before)


async def test_log_lines_as_json_name_request_and_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILL_TOKEN", SECRET)
    monkeypatch.setenv("BATON_SECRETS", "TILL_TOKEN")

    @tool(effect="read")
    def note() -> str:
        """Log something."""
        logger().warning("noted", said=SECRET)
        return "noted"

    agent = Agent("clerk", tools=[note], policy=set_policy(tmp_path / "p.cedar", ANY))
    mind = script([call("note")], [call("finish", summary="done")])
    with lines_of() as stream:
        async with serve_office(str(tmp_path / "b.db"), agent, mind=mind) as office:
            rita = await office.person("rita", Role.REQUESTER)
            made = await office.http.post("/api/v1/runs", json={"statement": "note"}, headers=rita)
            await soon((await office.baton.open(made.json()["id"])).result())
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    (request,) = (line for line in lines if line["event"] == "request")
    assert (request["route"], request["status"], request["level"]) == ("/api/v1/runs", 201, "info")
    assert request["request"] == made.headers["x-request-id"]
    (noted,) = (line for line in lines if line["event"] == "noted")
    assert (noted["run"], noted["level"]) == (made.json()["id"], "warning")
    assert noted["said"] == "[secret:TILL_TOKEN]"


def test_a_log_format_that_there_is_not_is_refused() -> None:
    assert log_format({}) == "text"
    assert log_level(logging.WARNING, {"BATON_LOG_LEVEL": "info"}) == logging.INFO
    with pytest.raises(InvalidValue, match="text or json"):
        log_format({"BATON_LOG_FORMAT": "xml"})
    with pytest.raises(InvalidValue, match="debug, info"):
        log_level(logging.WARNING, {"BATON_LOG_LEVEL": "loud"})
