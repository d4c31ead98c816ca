"""Baton as an MCP server, asked by the real client in both generations of the protocol."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from baton import Baton
from baton.core import Role, Trust
from baton.ledger import accounts, credentials, runs
from baton.server import Server, Service
from support.commands import baton as command
from support.commands import environment
from support.office import open_office
from support.serving import HASHED, PAY, clerk

BOTH = pytest.mark.parametrize("mode", ["legacy", "auto"])


@dataclass
class Served:
    """Baton at a socket."""

    baton: Baton
    url: str

    async def key(self, name: str, role: Role, scope: str | None = None) -> str:
        """A key of a new account's."""
        await self.baton.ledger.write(lambda tx: accounts.add(tx, name, role, HASHED, acts_as=(), by="test"))
        made = await self.baton.ledger.write(
            lambda tx: credentials.make(tx, "key", name, seconds=60.0, by="test", scope=scope)
        )
        return made[1]

    @contextlib.asynccontextmanager
    async def client(self, key: str, mode: str) -> AsyncGenerator[Client]:
        """The real client, showing a key."""
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60.0) as http:
            async with Client(streamable_http_client(f"{self.url}/mcp", http_client=http), mode=mode) as client:
                yield client


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with open_office(tmp_path / "b.db", [clerk(tmp_path)], PAY) as baton:
        async with Server(Service(baton=baton, base_path=""), host="127.0.0.1", port=0) as server:
            yield Served(baton, server.url)


async def used(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """What a tool gives, which must be no error."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    found: dict[str, Any] = result.structured_content
    return found


async def refused(client: Client, tool: str, **arguments: Any) -> str:
    """How a tool says that it did not work."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    text: str = result.content[0].text  # type: ignore[union-attr]
    return text


async def tools(client: Client) -> set[str]:
    return {tool.name for tool in (await client.list_tools()).tools}


@BOTH
async def test_a_person_has_an_agent_run_and_answers_what_it_asks(served: Served, mode: str) -> None:
    key = await served.key("ann", Role.REVIEWER)
    async with served.client(key, mode) as client:
        assert "decide_review" in await tools(client)
        made = await used(client, "run_agent", statement="pay", key="once")
        assert (await used(client, "run_agent", statement="pay", key="once"))["run_id"] == made["run_id"]
        waits = await used(client, "wait_run", run=made["run_id"], timeout=20)
        assert waits["status"] == "waiting"
        (listed,) = (await used(client, "list_reviews"))["reviews"]
        assert waits["review_url"] == listed["url"] == f"{served.url}/reviews/{listed['id']}"
        review = await used(client, "get_review", review=listed["id"])
        assert review["arguments"] == {"cents": 500}
        stale = await refused(client, "decide_review", review=review["id"], version=0, decision="approve")
        assert "Conflict" in stale
        said = {"review": review["id"], "version": review["version"], "decision": "approve", "note": "go on"}
        decided = await used(client, "decide_review", **said)
        assert (decided["decision"]["by"], decided["decision"]["channel"]) == ("ann", "mcp")
        await used(client, "wait_run", run=made["run_id"], timeout=20)
        assert (await used(client, "get_run", run=made["run_id"]))["run"]["agent"] == "clerk"
    known = await served.baton.ledger.read(lambda tx: runs.get(tx, made["run_id"]))
    assert (known.requester, known.trust) == ("ann", Trust.AGENT)


@BOTH
@pytest.mark.parametrize("scope", ["agent", "requester"])
async def test_who_may_not_decide_does_not_see_that_anybody_could(served: Served, mode: str, scope: str) -> None:
    key = await served.key("ann", Role.ADMIN, scope)
    async with served.client(key, mode) as client:
        assert await tools(client) == {"run_agent", "get_run", "wait_run", "list_reviews", "get_review"}
        made = await used(client, "run_agent", statement="pay")
        waits = await used(client, "wait_run", run=made["run_id"], timeout=20)
        (review,) = waits["reviews"]
        text = await refused(client, "decide_review", review=review["id"], version=1, decision="approve")
        assert "Forbidden" in text
    assert (await served.baton.reviews.get(review["id"])).open


@BOTH
async def test_a_viewer_looks_and_asks_for_nothing(served: Served, mode: str) -> None:
    key = await served.key("vera", Role.VIEWER)
    async with served.client(key, mode) as client:
        assert await tools(client) == {"get_run", "wait_run", "list_reviews", "get_review"}
        assert "Forbidden" in await refused(client, "run_agent", statement="pay")


@BOTH
async def test_errors_say_what_is_wrong_and_what_to_do(served: Served, mode: str) -> None:
    key = await served.key("ann", Role.REVIEWER)
    async with served.client(key, mode) as client:
        assert "no run 'run_nobody'" in await refused(client, "get_run", run="run_nobody")
        assert "less than or equal to 50" in await refused(client, "wait_run", run="run_x", timeout=51)
        assert "clerk" in await refused(client, "run_agent", statement="pay", agent="nobody")
        assert "Extra inputs" in await refused(client, "run_agent", statement="pay", trust="user")
        assert "2h" in await refused(client, "run_agent", statement="pay", deadline="whenever")
        assert "run_agent" in await refused(client, "no_such_tool")


async def test_who_shows_nothing_or_comes_from_another_site_is_not_let_in(served: Served) -> None:
    key = await served.key("ann", Role.REVIEWER)
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    headers = {"Accept": "application/json, text/event-stream", "Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=served.url) as http:
        assert (await http.post("/mcp", json=asked)).status_code == 401
        forged = await http.post("/mcp", json=asked, headers=headers | {"Authorization": "Bearer baton_forged"})
        assert forged.status_code == 401
        assert forged.headers["www-authenticate"] == "Bearer"
        other = await http.post("/mcp", json=asked, headers=headers | {"Origin": "https://evil.example"})
        assert other.status_code == 403
        assert (await http.get("/mcp", headers=headers)).status_code == 405
        assert (await http.post("/mcp", json=asked, headers=headers)).status_code == 200
        large = await http.post(
            "/mcp", content=b"x" * 2_100_000, headers=headers | {"Content-Type": "application/json"}
        )
        assert large.status_code == 413
        broken = await http.post("/mcp", content=b"{", headers=headers | {"Content-Type": "application/json"})
        assert broken.status_code == 400


async def test_a_revoked_key_is_worth_nothing_from_the_next_message_on(served: Served) -> None:
    key = await served.key("ann", Role.REVIEWER)
    async with served.client(key, "auto") as client:
        await used(client, "list_reviews")
        (known,) = await served.baton.ledger.read(credentials.keys_of)
        await served.baton.ledger.write(lambda tx: credentials.end(tx, known.id, by="test"))
        with pytest.raises(Exception, match=r"error response|401"):
            await client.call_tool("list_reviews", {})


async def test_over_standard_input_a_key_says_who_asks_where_there_are_accounts(tmp_path: Path) -> None:
    (tmp_path / "agents.yaml").write_text(PROJECT)
    async with open_office(tmp_path / ".baton" / "baton.db", [], PAY, dispatch=False) as baton:
        key = await Served(baton, "").key("ann", Role.REVIEWER)
    nobody = await asyncio.to_thread(command, tmp_path, "mcp")
    assert (nobody.code, "BATON_KEY" in nobody.err) == (2, True)
    assert (await asyncio.to_thread(command, tmp_path, "mcp", BATON_KEY="baton_forged")).code == 1
    shown = StdioServerParameters(
        command=sys.executable, args=["-m", "baton.cli", "mcp"], cwd=tmp_path, env=environment(BATON_KEY=key)
    )
    async with Client(stdio_client(shown)) as client:
        assert "decide_review" in await tools(client)


PROJECT = """
agents:
  - name: desk
    instructions: Help.
"""


@BOTH
async def test_a_client_of_this_machine_speaks_over_standard_input_and_output(tmp_path: Path, mode: str) -> None:
    (tmp_path / "agents.yaml").write_text(PROJECT)
    started = StdioServerParameters(
        command=sys.executable, args=["-m", "baton.cli", "mcp"], cwd=tmp_path, env=environment()
    )
    async with Client(stdio_client(started), mode=mode) as client:
        assert await tools(client) == {"run_agent", "get_run", "wait_run", "list_reviews", "get_review"}
        made = await used(client, "run_agent", statement="Say hello")
        ended = await used(client, "wait_run", run=made["run_id"], timeout=20)
        assert ended["status"] == "done", json.dumps(ended)
