"""The server over a small office, asked over HTTP as a client asks it, without a socket."""

import contextlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from baton import Agent, Baton, RunHandle, tool
from baton.core import Role
from baton.graph.hooks import Hook
from baton.ledger import accounts, credentials
from baton.server import Service, hash_password, make_app
from baton.telemetry.metrics import Metrics
from support.minds import call, script
from support.office import open_office, set_policy, soon

ASK = '@id("ask") permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'
LEADS = (
    '@id("leads") @reviewers("lead") permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'
)
PAY = script([call("pay", cents=500)])

PASSWORD = "correct horse battery"
HASHED = hash_password(PASSWORD)

HOST = "http://127.0.0.1:8600"
"""What the server is called in requests."""


def clerk(folder: Path, *rules: str) -> Agent:
    """An agent that pays, when people say so."""

    @tool
    async def pay(cents: int) -> str:
        """Pay."""
        return f"paid {cents}"

    return Agent("clerk", tools=[pay], policy=set_policy(folder / "till.cedar", *(rules or (ASK,))))


@dataclass
class Office:
    """A server with a clerk behind it.

    Attributes:
        http: A client that shows nothing.
    """

    baton: Baton
    http: httpx.AsyncClient
    service: Service

    async def account(self, name: str, role: Role, *acts_as: str, tenant: str | None = None) -> None:
        """Give somebody an account; without a tenant they see everybody's."""
        await self.baton.ledger.write(
            lambda tx: accounts.add(tx, name, role, HASHED, acts_as=acts_as, tenant=tenant, by="test")
        )

    async def key(self, name: str, scope: str | None = None, seconds: float = 3600.0) -> dict[str, str]:
        """The header of a new key of somebody's."""
        made = await self.baton.ledger.write(
            lambda tx: credentials.make(tx, "key", name, seconds=seconds, by="test", scope=scope)
        )
        return {"Authorization": f"Bearer {made[1]}"}

    async def person(self, name: str, role: Role, *acts_as: str, tenant: str | None = None) -> dict[str, str]:
        """The header of a key of a new account's."""
        await self.account(name, role, *acts_as, tenant=tenant)
        return await self.key(name)

    async def asked(self, requester: dict[str, str]) -> dict[str, Any]:
        """A question that the clerk asks because somebody has asked for a run."""
        made = await self.http.post("/api/v1/runs", json={"statement": "pay"}, headers=requester)
        assert made.status_code == 201, made.text
        run: RunHandle = await self.baton.open(made.json()["id"])
        await soon(run.settled())
        (review,) = (await self.http.get(f"/api/v1/runs/{run.id}/reviews", headers=requester)).json()["reviews"]
        found: dict[str, Any] = review
        return found


@contextlib.asynccontextmanager
async def serve_office(
    database: str,
    agent: Agent,
    *,
    alone: bool = False,
    base_path: str = "",
    mind: Any = PAY,
    metrics: Metrics | None = None,
    hooks: Mapping[str, Hook] | None = None,
    **more: Any,
) -> AsyncGenerator[Office]:
    """A server of an office."""
    async with open_office(database, [agent], mind, **more) as baton:
        service = Service(
            baton=baton, alone=alone, base_path=base_path, metrics=metrics or Metrics(), hooks=hooks or {}
        )
        transport = httpx.ASGITransport(make_app(service))
        async with httpx.AsyncClient(transport=transport, base_url=HOST) as http:
            yield Office(baton=baton, http=http, service=service)


def kind_of(answer: httpx.Response) -> tuple[int, str]:
    """How an answer says that it is no success."""
    said = answer.json()
    assert set(said) == {"error"}
    assert set(said["error"]) == {"kind", "message"}
    return answer.status_code, said["error"]["kind"]
