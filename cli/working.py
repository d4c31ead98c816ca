"""`baton worker`: let the agents work until somebody stops it."""

import asyncio
import contextlib
import logging
import signal
from typing import Annotated

from cyclopts import Parameter, validators
from rich.text import Text

from baton.cli.opening import find_place, load, note_held, quiet
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import format_duration
from baton.core.collecting import seldom_collected


async def worker(
    *,
    concurrency: Annotated[int, Parameter(validator=validators.Number(gte=1))] = 32,
    grace: Annotated[float, Parameter(validator=validators.Number(gte=0))] = 60.0,
    common: Common = DEFAULTS,
) -> None:
    """Let the agents work until SIGTERM or Ctrl-C.

    On Postgres any number of workers share the runs; on a file one at a time works and the others stand by. At the end
    runs are given back between two steps, so that another worker goes on with them.

    Args:
        concurrency: Runs that are advanced at once.
        grace: Seconds that a tool or model call may still take when the worker is to end.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    quiet(logging.WARNING)
    project = load(place)
    from baton.app import Baton

    ending = asyncio.Event()
    with contextlib.ExitStack() as stack:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ending.set)
            stack.callback(asyncio.get_running_loop().remove_signal_handler, number)
        async with Baton(
            database=place.database,
            concurrency=concurrency,
            **project.settings,
        ) as baton:
            names = ", ".join(agent.name for agent in project.agents)
            other = await baton.at_work()
            state = "standing by" if other else "working"
            screen.line({"state": state, "database": baton.ledger.database.name, "agents": names.split(", ")})
            screen.note(Text(f"model: {baton.endpoint.describe()}", style="dim"))
            note_held(screen, baton)
            screen.show(f"{names} on {baton.ledger.database.name}, up to {concurrency} runs at once.")
            if other:
                screen.show(f"{other} works on it already; this one stands by.")
            with seldom_collected():
                await ending.wait()
            screen.note(f"ending; what is at work has {format_duration(grace)} to come to the end of its step", "dim")
            await baton.leave(grace)
    screen.line({"state": "ended"})
    screen.show("Ended. What was open goes on with the next worker.")
