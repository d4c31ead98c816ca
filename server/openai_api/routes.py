"""OpenAI's API: a model is an agent, a conversation is a run."""

import contextlib
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, Header
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from baton.core import BatonError, NotFound
from baton.server.beating import beating
from baton.server.callers import Requester, Viewer, baton_of
from baton.server.openai_api.answering import Exchange, begin
from baton.server.openai_api.asked import Chat
from baton.server.openai_api.route import OpenAIRoute, error_json
from baton.server.openai_api.speaking import Delta
from baton.server.openai_api.wire import chunk, completion_json, event, model_json, usage_chunk
from baton.server.protocols import describe, trouble_of

router = APIRouter(prefix="/v1", tags=["openai"], route_class=OpenAIRoute)

RUN = "X-Baton-Run"
"""The header that names the run of a conversation, in answers and in requests that go on with it."""

description = describe("Baton for clients of OpenAI", "/v1/openapi.json", router)
"""The description of these routes, in OpenAPI; it is OpenAI's API and not ours, so ours does not have them."""

Key = Annotated[str | None, Header(min_length=1, max_length=200)]


@router.get("/models")
async def models(request: Request, caller: Viewer) -> dict[str, Any]:
    """The agents of the project."""
    return {"object": "list", "data": [model_json(name) for name in baton_of(request).agents]}


@router.get("/models/{model:path}")
async def model(model: str, request: Request, caller: Viewer) -> dict[str, Any]:
    """One agent."""
    agents = baton_of(request).agents
    if model not in agents:
        raise NotFound("model", model, agents)
    return model_json(model)


@router.post("/chat/completions", response_model=None)
async def complete(
    said: Chat,
    request: Request,
    caller: Requester,
    x_baton_run: Annotated[str | None, Header(min_length=1, max_length=100)] = None,
    idempotency_key: Key = None,
) -> Response:
    """Have an agent answer; back once it has answered, or waits for a person, an event or a time.

    The header `X-Baton-Run`, or `metadata.run`, names the run that goes on; without it a new one begins. With an
    `Idempotency-Key` the same request sent again is not a second one.
    """
    exchange = await begin(request, said, caller, x_baton_run, idempotency_key)
    headers = {RUN: exchange.head.run, "X-Accel-Buffering": "no"}
    if said.without_effect:
        headers["X-Baton-No-Effect"] = ", ".join(said.without_effect)
    if said.stream:
        usage = said.stream_options is not None and bool(said.stream_options.include_usage)
        return StreamingResponse(_stream(exchange, usage), media_type="text/event-stream", headers=headers)
    texts: dict[str, str] = {}
    async with contextlib.aclosing(beating(exchange.service, caller, exchange.deltas())) as deltas:
        async for delta in deltas:
            if delta is not None:
                texts[delta.field] = texts.get(delta.field, "") + delta.text
    return JSONResponse(completion_json(exchange.head, texts, exchange.speaking.tokens), headers=headers)


async def _stream(exchange: Exchange, usage: bool) -> AsyncGenerator[str]:
    head = exchange.head
    yield chunk(head, {"role": "assistant", "content": ""})
    source: AsyncGenerator[Delta | None] = beating(exchange.service, exchange.caller, exchange.deltas())
    try:
        async with contextlib.aclosing(source) as deltas:
            async for delta in deltas:
                yield ": here\n\n" if delta is None else chunk(head, {delta.field: delta.text})
    except BatonError as error:
        yield event(error_json(trouble_of(error)))
        return
    yield chunk(head, {}, "stop")
    if usage:
        yield usage_chunk(head, exchange.speaking.tokens)
    yield "data: [DONE]\n\n"
