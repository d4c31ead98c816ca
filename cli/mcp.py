"""`baton mcp`: the tools of other MCP servers, and Baton as one over standard input and output."""

import logging

from cyclopts import App
from rich.text import Text

from baton.cli.opening import find_place, load, quiet
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import NotFound, dump
from baton.core.texts import one_line
from baton.places import find_project

app = App(name="mcp", help="Use tools of MCP servers, and be one.")


@app.default
async def speak(*, decide: bool = False, common: Common = DEFAULTS) -> None:
    """Be an MCP server over standard input and output, for a client of this machine, and let the agents work.

    Where there are accounts, the environment variable BATON_KEY has the key that says who asks. Elsewhere it is an
    agent that asks in your name, which never decides.

    Args:
        decide: Let the client answer reviews in your name, where there are no accounts. It is to ask you each time.
        common: Options of every command.
    """
    place = find_place(common, prefer_origin=True)
    quiet(logging.WARNING)
    project = load(place)
    from baton.app import Baton
    from baton.server.mcp_serving import speak
    from baton.server.service import Service
    from baton.telemetry import observer_of

    async with Baton(
        agents=project.agents,
        database=place.database,
        mind=project.mind,
        notices=project.notices,
        alarms=project.alarms,
        people=project.people,
        observer=observer_of(),
    ) as baton:
        await speak(Service(baton=baton), decide=decide)


@app.command
async def pin(*, look: bool = False, common: Common = DEFAULTS) -> int:
    """Ask the MCP servers of the project for their tools, show what has changed, and pin it for the agents.

    Agents get tools as they are pinned, and a server that offers something else is not called. So read what is new:
    descriptions are told to a model.

    Args:
        look: Only show; exits with 1 where something differs from the pins.
        common: Options of every command.
    """
    from baton.agents.mcp import pin_tools
    from baton.project import mcp_servers

    screen = Screen(common.json)
    project = find_place(common, prefer_origin=True).project or find_project()
    servers = mcp_servers(project)
    if not servers:
        raise NotFound("MCP server", str(project), hint="Name one under an agent's `tools`: docs/mcp.md shows how.")
    changes = [change for server, pins in servers for change in await pin_tools(server, pins, write=not look)]
    told = [{"server": one.server, "tool": one.tool, "change": one.kind} for one in changes]
    screen.document({"changes": told, "pinned": not look})
    for one in changes:
        screen.show(Text.assemble((f"{one.server}: {one_line(one.tool)}", "bold"), f"  {one.kind}"))
        for label, pin in (("was", one.before), ("is", one.now)):
            if pin is not None and (label == "is" or one.kind == "changed"):
                screen.show(f"  {label}: {one_line(pin.description)}")
                screen.show(f"      takes {one_line(dump(pin.schema))}")
                if pin.hints:
                    screen.show(f"      says of itself {one_line(dump(pin.hints))}")
    screen.show("Nothing has changed." if not changes else "Not pinned." if look else "Pinned.")
    return 1 if look and changes else 0
