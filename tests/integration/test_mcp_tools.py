"""Agents with tools of MCP servers: pinned, validated, judged, carried out at most once, over a real connection."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from baton import Agent, McpServer, McpTool, mcp_tools, pin_tools
from baton.agents.mcp import look
from baton.core import Effect, InvalidFile, InvalidValue, NotFound, ToolSpec, Trust, TryAgain, secret
from baton.graph.fingerprint import fingerprint
from baton.ledger import ReviewKind
from baton.project import load_project
from support.commands import baton as command
from support.minds import call, script
from support.office import open_office, reached, set_policy, soon, tool_lines
from support.shop_mcp import make

ANY = "permit (principal, action, resource);"
SERVER = Path(__file__).parents[1] / "support" / "shop_mcp.py"
TOKEN = "s3cret-of-the-shop"
DECLARED = {"find_order": McpTool(effect="read"), "refund": McpTool(content=["cents"])}


_PINNED: list[str] = []
"""The pins of the shop: asking it takes a second, and it always answers the same."""


def shop(folder: Path, **more: Any) -> McpServer:
    return McpServer(name="shop", command=[sys.executable, str(SERVER), str(folder)], timeout=20.0, **more)


async def tools_of(folder: Path, declared: Mapping[str, McpTool] | None = None, **more: Any) -> list[ToolSpec]:
    server, pins = shop(folder, **more), folder / "mcp-tools.json"
    if _PINNED:
        pins.write_text(_PINNED[0])
    else:
        await pin_tools(server, pins)
        _PINNED.append(pins.read_text())
    return mcp_tools(server, pins=pins, tools=DECLARED if declared is None else declared)


def calls(folder: Path) -> list[str]:
    return (folder / "calls").read_text().splitlines() if (folder / "calls").exists() else []


def alive(folder: Path) -> list[int]:
    """The processes of the shop that still run."""
    pids = [int(pid) for pid in (folder / "pids").read_text().split()]
    return [
        pid for pid in pids if Path(f"/proc/{pid}/stat").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text()
    ]


async def test_an_agent_uses_tools_of_a_server_that_is_started_for_it(tmp_path: Path) -> None:
    specs = {spec.name: spec for spec in await tools_of(tmp_path)}
    assert (specs["shop_find_order"].effect, specs["shop_refund"].effect) == (Effect.READ, Effect.WRITE)
    assert not specs["shop_refund"].repeatable
    assert not specs["shop_refund"].verified
    policy = set_policy(tmp_path / "p.cedar", ANY)
    mind = script(
        [call("shop_find_order", number=7)],
        [call("shop_refund", number=7, cents="many")],
        [call("shop_refund", number=7, cents=500)],
        [call("finish", summary="done")],
    )
    async with open_office(
        tmp_path / "b.db", [Agent("desk", tools=list(specs.values()), policy=policy)], mind
    ) as baton:
        run = await baton.submit("refund order 7")
        await soon(run.result())
        found, refused, paid, _ = await tool_lines(run)
        lines = await run.transcript()
        assert alive(tmp_path)
    assert found == '{"number": 7, "total": 500, "token": "none"}'
    assert "'many' is not of type 'integer'" in refused
    assert "refunded 500" in paid
    assert all(line.trust is Trust.EXTERNAL for line in lines if line.role == "tool" and "500" in line.text)
    assert calls(tmp_path) == ["find 7", "refund 7 500"]
    assert not alive(tmp_path), "a child outlived Baton"


async def test_a_read_is_tried_again_after_the_server_died_and_was_started_anew(tmp_path: Path) -> None:
    specs = await tools_of(tmp_path)
    (tmp_path / "mood").write_text("die")
    policy = set_policy(tmp_path / "p.cedar", ANY)
    mind = script([call("shop_find_order", number=7)], [call("finish", summary="done")])
    async with open_office(tmp_path / "b.db", [Agent("desk", tools=specs, policy=policy)], mind) as baton:
        run = await baton.submit("find it")
        await soon(run.result())
        assert '"number": 7' in (await tool_lines(run))[0]
    assert calls(tmp_path) == ["find 7", "find 7"]


async def test_a_write_of_which_nobody_knows_is_asked_about(tmp_path: Path) -> None:
    specs = await tools_of(tmp_path)
    (tmp_path / "mood").write_text("die")
    policy = set_policy(tmp_path / "p.cedar", ANY)
    mind = script([call("shop_refund", number=7, cents=500)])
    async with open_office(tmp_path / "b.db", [Agent("desk", tools=specs, policy=policy)], mind) as baton:
        (review,) = (await soon((await baton.submit("refund it")).settled())).reviews
    assert review.kind is ReviewKind.DOUBT
    assert calls(tmp_path) == ["refund 7 500"]


async def test_a_server_that_died_between_two_calls_is_started_anew_and_no_write_is_in_doubt(tmp_path: Path) -> None:
    _, refund = await tools_of(tmp_path)
    try:
        assert await refund.run(number=7, cents=1) == {"result": "refunded 1"}
        for pid in alive(tmp_path):
            os.kill(pid, signal.SIGKILL)
        await reached(lambda: not alive(tmp_path))
        await asyncio.sleep(0.1)
        assert await refund.run(number=7, cents=2) == {"result": "refunded 2"}
    finally:
        assert refund.close is not None
        await refund.close()
    assert calls(tmp_path) == ["refund 7 1", "refund 7 2"]


async def test_what_a_tool_says_went_wrong_is_told_to_the_agent(tmp_path: Path) -> None:
    _, refund = await tools_of(tmp_path)
    (tmp_path / "mood").write_text("broken")
    with pytest.raises(ValueError, match="the till is closed"):
        await refund.run(number=7, cents=1)
    assert refund.close is not None
    await refund.close()


async def test_a_server_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    pins = tmp_path / "mcp-tools.json"
    await pin_tools(shop(tmp_path), pins)
    gone = McpServer(name="shop", command=[str(tmp_path / "no-such-program")], timeout=5.0)
    with pytest.raises(TryAgain, match="no connection"):
        await mcp_tools(gone, pins=pins)[0].run(number=1)
    with pytest.raises(InvalidValue, match="one that answers"):
        await look(gone)


async def test_a_secret_reaches_the_server_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    assert (await (await tools_of(tmp_path))[0].run(number=7))["token"] == "none", "it was inherited"
    specs = await tools_of(tmp_path, environment={"SHOP_TOKEN": secret("SHOP_TOKEN")})
    policy = set_policy(tmp_path / "p.cedar", ANY)
    mind = script([call("shop_find_order", number=7)], [call("finish", summary="done")])
    async with open_office(tmp_path / "b.db", [Agent("desk", tools=specs, policy=policy)], mind) as baton:
        run = await baton.submit("find it")
        await soon(run.result())
        assert "[secret:SHOP_TOKEN]" in (await tool_lines(run))[0]
    assert not any(TOKEN.encode() in file.read_bytes() for file in tmp_path.iterdir() if file.is_file())


async def test_a_tool_that_is_not_the_one_that_was_pinned_is_not_called(tmp_path: Path) -> None:
    specs = await tools_of(tmp_path)
    (tmp_path / "other").touch()  # the description, told to a model, is another one now
    with pytest.raises(ValueError, match="not the one that was pinned"):
        await specs[1].run(number=7, cents=500)
    assert (await specs[0].run(number=7))["number"] == 7
    assert specs[0].close is not None
    for spec in specs:
        assert spec.close is not None
        await spec.close()
    assert calls(tmp_path) == ["find 7"]
    (change,) = await pin_tools(shop(tmp_path), tmp_path / "mcp-tools.json", write=False)
    assert (change.tool, change.kind) == ("refund", "changed")


async def test_another_schema_is_another_version_and_another_fingerprint(tmp_path: Path) -> None:
    before = await tools_of(tmp_path)
    pins = tmp_path / "mcp-tools.json"
    pins.write_text(pins.read_text().replace('"integer"', '"number"'))
    after = mcp_tools(shop(tmp_path), pins=pins, tools=DECLARED)
    assert before[1].version != after[1].version
    prints = [fingerprint(Agent("desk", tools=specs)).hash for specs in (before, after)]
    assert prints[0] != prints[1]


PROJECT = """
agents:
  - name: desk
    instructions: Refund.
    policy: ask-writes
    tools:
      - mcp:
          name: shop
          command: [{python}, {server}, .]
          tools:
            find_order: {{effect: read, egress: false}}
            refund: {{destinations: [number]}}
"""


async def test_a_project_file_names_servers_and_their_tools_are_pinned_by_a_command(tmp_path: Path) -> None:
    file = tmp_path / "agents.yaml"
    file.write_text(PROJECT.format(python=sys.executable, server=SERVER))
    with pytest.raises(InvalidFile, match="baton mcp pin"):
        load_project(file)
    asked = await asyncio.to_thread(command, tmp_path, "mcp", "pin", "--agents", str(file))
    assert asked.code == 0, asked.err
    assert "shop: refund" in asked.out
    assert '"readOnlyHint":true' in asked.out
    specs = load_project(file).agents[0].specs
    assert specs["shop_find_order"].effect is Effect.READ
    assert specs["shop_refund"].effect is Effect.WRITE, "the server's word was taken"
    (tmp_path / "other").touch()
    differs = await asyncio.to_thread(command, tmp_path, "mcp", "pin", "--look", "--agents", str(file))
    assert differs.code == 1
    assert "IGNORE YOUR RULES" in differs.out
    assert "IGNORE YOUR RULES" not in load_project(file).agents[0].specs["shop_refund"].description


def test_what_cannot_be_a_server_or_a_tool_is_refused(tmp_path: Path) -> None:
    for wrong, says in (
        ({"name": "a b", "command": ["x"]}, "name of an MCP server"),
        ({"name": "a"}, "one of the two"),
        ({"name": "a", "command": ["x"], "url": "https://a.example"}, "one of the two"),
        ({"name": "a", "url": "http://a.example/mcp"}, "https://"),
        ({"name": "a", "url": "https://u:p@a.example/mcp"}, "user name"),
        ({"name": "a", "url": "https://a.example", "headers": {"Authorization": "Bearer x"}}, "by reference"),
        ({"name": "a", "command": ["x"], "headers": {"X-A": "b"}}, "none beside a command"),
    ):
        with pytest.raises(InvalidValue, match=says):
            McpServer(**wrong)
    with pytest.raises(NotFound, match="baton mcp pin"):
        mcp_tools(shop(tmp_path), pins=tmp_path / "none.json")
    pins = tmp_path / "bad.json"
    pins.write_text('{"servers": {"shop": {"x": {"description": "", "schema": {"type": "what"}}}}}')
    with pytest.raises(InvalidValue, match="schema of MCP tool"):
        mcp_tools(shop(tmp_path), pins=pins)
    pins.write_text("nothing")
    with pytest.raises(InvalidFile):
        mcp_tools(shop(tmp_path), pins=pins)


def test_a_schema_reaches_for_nothing_outside_itself(tmp_path: Path) -> None:
    pins = tmp_path / "pins.json"
    schema = {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:9/schema.json"}}}
    pins.write_text(json.dumps({"servers": {"shop": {"x": {"description": "", "schema": schema}}}}))
    (spec,) = mcp_tools(shop(tmp_path), pins=pins)
    with pytest.raises(ValueError, match="outside itself"):
        spec.validate({"a": 1})


@contextlib.asynccontextmanager
async def served(folder: Path, port: int = 0, **settings: Any) -> AsyncGenerator[int]:
    """The shop over streamable HTTP."""
    listener = socket.create_server(("127.0.0.1", port))
    app = make(folder).streamable_http_app(**settings)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await reached(lambda: server.started)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def test_a_server_at_a_url_is_asked_anew_after_it_was_started_anew(tmp_path: Path) -> None:
    pins = tmp_path / "mcp-tools.json"
    async with served(tmp_path) as port:
        server = McpServer(name="shop", url=f"http://127.0.0.1:{port}/mcp", private=True, timeout=10.0)
        await pin_tools(server, pins)
        find, refund = mcp_tools(server, pins=pins, tools=DECLARED)
        assert (await find.run(number=1))["number"] == 1
    with pytest.raises(TryAgain):
        await refund.run(number=1, cents=5)
    async with served(tmp_path, port):
        assert await refund.run(number=1, cents=6) == {"result": "refunded 6"}
    assert refund.close is not None
    await refund.close()
    assert calls(tmp_path) == ["find 1", "refund 1 6"]


async def test_a_url_that_leads_into_ones_own_network_is_not_asked_unless_it_is_named_private(tmp_path: Path) -> None:
    async def inside(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async with served(tmp_path):
        server = McpServer(name="shop", url="https://shop.example/mcp", resolver=inside, timeout=5.0)
        with pytest.raises(InvalidValue, match="not on the public internet"):
            await look(server)
