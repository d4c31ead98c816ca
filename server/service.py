"""What every request is answered with: Baton, and how it is served."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from starlette.requests import HTTPConnection

from baton.app import Baton
from baton.graph.hooks import Hook
from baton.server.changes import Changes
from baton.server.pacing import Pace
from baton.telemetry.metrics import Metrics


@dataclass(frozen=True, kw_only=True)
class Service:
    """Baton as it is served.

    Attributes:
        baton: Entered already; who serves it leaves it.
        alone: Whether one person works here, without accounts: then only requests to a name of this machine are taken.
        base_path: What the addresses begin with behind a proxy, such as `/baton`; empty is nothing.
        closing: Set when the server is to end: streams end then.
        changes: Tells open pages what changes in the record.
        metrics: What this process has done is counted in.
        hooks: Where signed events come in, by name.
        pace: How often each account may ask.
        hashing: How many passwords are looked at at once: each takes memory.
    """

    baton: Baton
    alone: bool = False
    base_path: str = ""
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    changes: Changes = field(init=False)
    metrics: Metrics = field(default_factory=Metrics)
    hooks: Mapping[str, Hook] = field(default_factory=dict[str, Hook])
    pace: Pace = field(default_factory=Pace)
    hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    def __post_init__(self) -> None:
        object.__setattr__(self, "changes", Changes(self.baton))


def service_of(connection: HTTPConnection) -> Service:
    """The service that a request has come to."""
    return cast("Service", connection.app.state.service)
