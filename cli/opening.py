"""Opening what a command needs: the project, the record to look at, or Baton at work on it."""

import contextlib
import logging
import os
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from baton.cli.options import Common
from baton.cli.output import Screen
from baton.core import NotFound, SafeFormatter
from baton.ledger import Ledger
from baton.places import FILES, Origin, file_of, find_database, find_project, note_origin, origin_of
from baton.telemetry import JsonFormatter, log_format, log_level
from baton.watch import Watch

if TYPE_CHECKING:
    from baton.app import Baton
    from baton.project import Project


@dataclass(frozen=True)
class Place:
    """Where a command works.

    Attributes:
        database: The database of record: a file, or the URL of a server's.
        project: The project file; None if there is none.
        given: What of this was named on the command line, to be repeated in the commands that we suggest.
    """

    database: str
    project: Path | None
    given: str

    @property
    def file(self) -> Path | None:
        """The database's file; None where a server keeps it."""
        return file_of(self.database)

    def require(self) -> None:
        """Raise NotFound if there is no database yet."""
        if self.file is not None and not self.file.exists():
            hint = f"`{program()} run` makes one; --database names another."
            raise NotFound("database", self.database, hint=hint)

    def command(self, words: str) -> str:
        """A command as it must be typed here."""
        return f"{program()} {words}{self.given}"


def find_place(common: Common, *, prefer_origin: bool = False) -> Place:
    """Find database and project: what was named, then the project file of this folder, then what runs started with.

    Args:
        common: What was named.
        prefer_origin: Whether what the runs of the database were started with goes before this folder's project file.
    """
    here = next((Path(name) for name in FILES if Path(name).is_file()), None)
    database = find_database(common.database, common.agents or here).removeprefix("sqlite:///")
    origin = origin_of(database)
    noted = origin.project if origin else None
    project = common.agents or (noted or here if prefer_origin else here or noted)
    given = f" -d {common.database}" if common.database else ""
    if common.agents is not None and common.agents != noted:
        given += f" -a {common.agents}"
    return Place(database, project, given)


def load(place: Place) -> "Project":
    """Read the project, with the variables that its tools were given when the runs were started.

    Raises:
        NotFound: if there is no project file; says how to get one.
        InvalidFile: if it says something that is not allowed.
    """
    from baton.project import load_project

    path = place.project or find_project()
    origin = origin_of(place.database)
    if origin is not None and origin.project == path.resolve():
        for name, said in origin.environment.items():
            os.environ.setdefault(name, said)
    return load_project(path)


@contextlib.asynccontextmanager
async def at_work(place: Place, screen: Screen, *, needs_agents: bool = True) -> "AsyncGenerator[Baton]":
    """Baton with the project's agents, at work while the context lasts; says on stderr which model answers.

    Args:
        place: Where.
        screen: What to say it on.
        needs_agents: Whether it is an error that there is no project file.
    """
    quiet()
    project = load(place) if needs_agents or place.project else None
    from baton.app import Baton

    agents, mind = (project.agents, project.mind) if project else ((), None)
    more: dict[str, Any] = (
        {"notices": project.notices, "alarms": project.alarms, "people": project.people} if project else {}
    )
    async with Baton(agents=agents, database=place.database, mind=mind, standby=True, **more) as baton:
        if project is not None:
            _note(place, project.path)
            screen.note(Text(f"model: {baton.endpoint.describe()}", style="dim"))
        yield baton


def _note(place: Place, project: Path) -> None:
    known = origin_of(place.database)
    if known is None or known.project != project.resolve():
        note_origin(place.database, Origin(project))


@contextlib.asynccontextmanager
async def to_look(place: Place, *, make: bool = False) -> AsyncGenerator[Ledger]:
    """The record, to look at; quick, as nothing is put to work.

    Args:
        place: Where.
        make: Whether to make one where there is none.

    Raises:
        NotFound: if there is none yet.
    """
    quiet()
    if not make:
        place.require()
    ledger = await Ledger.open(place.database)
    try:
        yield ledger
    finally:
        await ledger.close()


def watch(ledger: Ledger) -> Watch:
    """Waits for news in a record that is only looked at."""
    return Watch(ledger)


def program() -> str:
    """How this program was called, for commands that can be typed as they are shown."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return "python -m baton.cli"
    return sys.argv[0] if os.sep in sys.argv[0] and not called.is_absolute() else "baton"


def quiet(level: int = logging.CRITICAL) -> None:
    """Keep logs below `level` off the screen unless somebody debugs: what users must know is said in sentences.

    Raises:
        InvalidValue: if BATON_LOG_FORMAT or BATON_LOG_LEVEL says what is not allowed.
    """
    debugging = os.environ.get("BATON_DEBUG") == "1"
    handler, plain = logging.StreamHandler(), SafeFormatter("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(JsonFormatter() if log_format() == "json" else plain)
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("baton").setLevel(logging.DEBUG if debugging else log_level(level))
