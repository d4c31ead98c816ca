"""Baton as an MCP server. It loads the protocol's SDK, which takes most of a second: imported where it is used."""

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from starlette.types import Receive, Scope, Send

from baton.core import BatonError, Role, redact, secret
from baton.handles import person
from baton.ledger import Transaction, accounts
from baton.server.callers import Caller, known
from baton.server.door import MOST_BYTES
from baton.server.offers import OFFERS, Desk, Offer, problem_of, use
from baton.server.service import Service

KEY = "BATON_KEY"
"""Environment variable with the key that a client of this machine shows, where there are accounts."""

Find = Callable[[], Awaitable[Desk]]

_log = logging.getLogger(__name__)

_SAYS = (
    "Baton runs agents whose work waits for people. What comes of a run can take days: ask for it, wait a little, tell "
    "the person where a review waits for them, and look again later."
)


async def answer(desk: Desk, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one HTTP request of a client, of either generation of the protocol; nothing is kept between two."""
    manager = StreamableHTTPSessionManager(
        _server(desk.service, desk.known), stateless=True, json_response=True, max_request_body_size=MOST_BYTES
    )
    async with manager.run():
        await manager.handle_request(scope, receive, send)


async def speak(service: Service, *, decide: bool) -> None:
    """Speak with a client of this machine over standard input and output, until it closes them.

    Args:
        service: What it is of.
        decide: Whether it may decide in the name of whoever works alone here.

    Raises:
        SignInNeeded: if there are accounts, and the key does not hold.
        NotFound: if there are accounts, and no key is given.
    """

    async def find() -> Desk:
        caller = await service.baton.ledger.read(lambda tx: _caller(tx, decide=decide))
        return Desk(service=service, caller=caller, url=None)

    await find()  # says at once what is wrong
    server = _server(service, find)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def _caller(tx: Transaction, *, decide: bool) -> Caller:
    """Who asks, each time: of a key, or an agent of whoever works alone here."""
    if accounts.there_are(tx):
        return known(tx, secret(KEY).reveal(), "key", "")
    role = Role.REVIEWER if decide else Role.REQUESTER
    return Caller(person=person(), role=role, agent=not decide, acts_as=None, credential="stdio", address="")


def _server(service: Service, find: Find) -> Server[Any]:
    """The server as one caller sees it: with the tools that they may use."""

    async def list_tools(_context: Any, _params: PaginatedRequestParams | None) -> ListToolsResult:
        caller, agents = (await find()).caller, ", ".join(service.baton.agents)
        return ListToolsResult(tools=[_tool(offer, agents) for offer in OFFERS.values() if offer.may(caller)])

    async def call_tool(_context: Any, params: CallToolRequestParams) -> CallToolResult:
        try:
            return _result(await use(await find(), params.name, params.arguments or {}))
        except BatonError as error:
            return _failed(redact(problem_of(error)))
        except Exception as error:
            _log.error("the MCP tool %s failed", params.name, exc_info=error)
            return _failed("Sorry, this should not happen. What was recorded is safe; the server's log says more.")

    return Server("baton", instructions=_SAYS, on_list_tools=list_tools, on_call_tool=call_tool)


def _tool(offer: Offer, agents: str) -> Tool:
    says = f"{offer.says} Agents: {agents}." if offer.name == "run_agent" else offer.says
    return Tool(
        name=offer.name,
        description=says,
        input_schema=offer.takes.model_json_schema(),
        annotations=ToolAnnotations(read_only_hint=offer.reads),
    )


def _result(found: dict[str, Any]) -> CallToolResult:
    text = redact(json.dumps(found, ensure_ascii=False, default=str))
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=json.loads(text))


def _failed(says: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=says)], is_error=True)
