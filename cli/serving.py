"""`baton serve`: the server, and the agents at work, in one process."""

import asyncio
import contextlib
import logging
import re
import signal
from collections.abc import AsyncGenerator
from typing import Annotated

from cyclopts import Parameter, validators
from rich.text import Text

from baton.cli.opening import find_place, load, quiet
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import InvalidValue, format_duration
from baton.handles import person
from baton.ledger import accounts

PORT = 8600


async def serve(
    *,
    host: str = "127.0.0.1",
    port: Annotated[int, Parameter(validator=validators.Number(gte=0, lt=65536))] = PORT,
    base_path: str = "",
    grace: Annotated[float, Parameter(validator=validators.Number(gte=0))] = 60.0,
    common: Common = DEFAULTS,
) -> None:
    """Serve the API, and let the agents work, until SIGTERM or Ctrl-C.

    Until somebody has an account it serves whoever is at this machine alone, and prints a link that signs in once.

    Args:
        host: The address to listen at; one that others reach takes accounts. TLS is a proxy's (default: 127.0.0.1).
        port: The port; 0 takes a free one (default: 8600).
        base_path: What addresses begin with behind a proxy, such as /baton (default: nothing).
        grace: Seconds that a tool or model call may still take when the server is to end (default: 60).
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    path = _base(base_path)
    quiet(logging.WARNING)
    project = load(place)
    from baton.app import Baton
    from baton.server import Server, Service, link_for
    from baton.telemetry import observer_of
    from baton.telemetry.metrics import Metrics

    metrics = Metrics()
    async with (
        _ending() as ending,
        Baton(
            agents=project.agents,
            database=place.database,
            mind=project.mind,
            notices=project.notices,
            alarms=project.alarms,
            people=project.people,
            observer=observer_of(metrics),
        ) as baton,
    ):
        alone = not await baton.ledger.read(accounts.there_are)
        hooks = {hook.name: hook for hook in project.hooks}
        service = Service(baton=baton, alone=alone, base_path=path, metrics=metrics, hooks=hooks)
        async with Server(service, host=host, port=port) as server:
            screen.note(Text(f"model: {baton.endpoint.describe()}", style="dim"))
            link = f"{server.url}/sign-in?token={await link_for(baton.ledger, person())}" if alone else None
            screen.line({"state": "serving", "url": server.url, "link": link})
            screen.show(f"Serving at {server.url}, on {baton.ledger.database.name}.")
            if link is not None:
                screen.show("sign in, once:")
                screen.whole(Text(link, style="bold cyan"))
            await ending.wait()
            screen.note(f"ending; what is at work has {format_duration(grace)} to come to the end of its step", "dim")
        await baton.leave(grace)
    screen.line({"state": "ended"})
    screen.show("Ended. What was open goes on when Baton works again.")


@contextlib.asynccontextmanager
async def _ending() -> AsyncGenerator[asyncio.Event]:
    """Set when the process is told to end."""
    ending, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    try:
        yield ending
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _base(path: str) -> str:
    cut = path.rstrip("/")
    if cut and not re.fullmatch(r"(/[\w-]+)+", cut, re.ASCII):
        raise InvalidValue("--base-path", path, "a path such as /baton")
    return cut
