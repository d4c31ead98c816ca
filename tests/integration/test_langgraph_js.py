"""LangGraph's server API, asked by its JavaScript SDK, which `make contract` gets from npm; without it, skipped."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from baton.core import Role
from baton.server import Server
from support import PATIENCE
from support.minds import Says
from support.serving import clerk, serve_office
from support.talking import TEXT, talker

CONTRACT = Path(__file__).parent.parent / "contract"
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(
    NODE is None or not (CONTRACT / "node_modules").is_dir(),
    reason="no node or no SDK: see `make contract`",
)


async def test_the_javascript_sdk_works_unchanged(tmp_path: Path) -> None:
    async with serve_office(str(tmp_path / "b.db"), clerk(tmp_path), mind=Says(talker), stream=True) as office:
        person = (await office.person("ann", Role.REVIEWER))["Authorization"].removeprefix("Bearer ")
        agent = (await office.key("ann", "agent"))["Authorization"].removeprefix("Bearer ")
        async with Server(office.service, host="127.0.0.1", port=0) as server:
            script = await asyncio.create_subprocess_exec(
                str(NODE), "langgraph.mjs", server.url, person, agent, cwd=CONTRACT, stdout=asyncio.subprocess.PIPE
            )
            async with asyncio.timeout(4 * PATIENCE):
                out, _ = await script.communicate()
    told: dict[str, Any] = {}
    for line in out.decode().splitlines():
        told |= json.loads(line)
    tokens = told.pop("tokens")
    assert tokens["count"] > 5
    assert tokens["text"] == f"{TEXT} You said: hello"
    assert told == {
        "assistants": ["clerk"],
        "events": ["metadata", "messages", "updates", "values", "end"],
        "created": True,
        "resumed": f"{TEXT} You said: hello",
        "waited": [f"{TEXT} You said: hello", f"{TEXT} You said: and now?"],
        "history": [4, 2, 0],
        "asked": {"thread": True, "name": "pay", "next": ["act"]},
        "agent": 403,
        "person": True,
        "ignored": "idle",
        "own": True,
        "refused": 422,
    }
    assert script.returncode == 0
