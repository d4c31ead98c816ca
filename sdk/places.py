"""Where things are: the project file of a folder, the database of record, and what belongs to it."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, cast

import yaml

from baton.core import InvalidFile, InvalidValue, NotFound, Setting, is_holiday, time_zone

FILES = ("agents.yaml", "agents.yml", "baton.yaml")
"""Names that a project file is looked for under."""

DEFAULT_DATABASE = Path(".baton/baton.db")

_SETTING = ("tenant", "environment", "timezone", "holidays")

NAME = "baton.db"
"""What the database is called in a folder that is given in its place."""


@dataclass(frozen=True)
class Origin:
    """What the runs of a database were started with, so that any process can let them go on.

    Attributes:
        project: The project file, absolute.
        environment: Variables that its tools need, as the program that started the runs named them. Never secrets.
    """

    project: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


def find_project(start: Path | None = None) -> Path:
    """The project file in a folder.

    Raises:
        NotFound: if there is none; says how to get one.
    """
    folder = start or Path.cwd()
    for name in FILES:
        if (folder / name).is_file():
            return folder / name
    hint = "`baton init` writes a starter project; --agents FILE names another file."
    raise NotFound("project file", str(folder / FILES[0]), hint=hint)


def find_database(given: str | None = None, project: Path | None = None) -> str:
    """The database of record: as given, else BATON_DATABASE_URL, else as the project file says, else the default.

    Args:
        given: A file, a URL, or a folder that holds `baton.db`.
        project: The project file; None for none.

    Raises:
        NotFound, InvalidFile: if the project file is not there, or cannot be read.
    """
    named = given or os.environ.get("BATON_DATABASE_URL")
    if named:
        return str(Path(named) / NAME) if Path(named).is_dir() else named
    said = _database_of(project) if project else None
    if said and file_of(said) is None:
        return said
    return str(project.parent / said) if project and said else str(DEFAULT_DATABASE)


def file_of(database: str) -> Path | None:
    """The file that a path or `sqlite:///path` names; None for a server's URL."""
    path = database.removeprefix("sqlite:///")
    return None if "://" in path else Path(path)


def home_setting() -> Setting:
    """Where agents work, as the environment says: BATON_TENANT, BATON_ENVIRONMENT, BATON_TIMEZONE, BATON_HOLIDAYS.

    Raises:
        InvalidValue: if there is no such time zone, or no such country or region.
    """
    given = {name: os.environ.get(f"BATON_{name.upper()}", "").strip() for name in _SETTING}
    zone = given["timezone"] or "UTC"
    time_zone(zone)
    return Setting(
        tenant=given["tenant"] or "local",
        environment=given["environment"] or "production",
        zone=zone,
        holiday=_holidays(given["holidays"]) if given["holidays"] else None,
    )


def _holidays(place: str) -> Callable[[date], bool]:
    """Whether a date is a public holiday of a country, or of a region of it."""
    try:
        is_holiday(place, date(2000, 1, 1))
    except InvalidValue as error:
        raise InvalidValue("BATON_HOLIDAYS", place, error.allowed) from error
    return partial(is_holiday, place)


def note_origin(database: str | Path, origin: Origin) -> None:
    """Keep beside a database's file what its runs are started with; the newest counts. A server has no such place."""
    beside = _beside(database)
    if beside is None:
        return
    said = {"project": str(origin.project.resolve()), "environment": dict(origin.environment)}
    beside.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


def origin_of(database: str | Path) -> Origin | None:
    """What the runs of a database were started with; None where nobody noted it, or the project file is gone.

    Raises:
        InvalidFile: if the note cannot be read.
    """
    path = _beside(database)
    if path is None or not path.is_file():
        return None
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        origin = Origin(Path(said["project"]), dict(said["environment"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidFile(
            str(path), None, "note", str(error), "as Baton wrote it; delete it, and name --agents"
        ) from error
    return origin if origin.project.is_file() else None


def agent_names(project: Path) -> frozenset[str] | None:
    """The names of the agents of a project file, without loading any tool; None where they cannot be read."""
    try:
        said: Any = yaml.safe_load(project.read_text(encoding="utf-8"))
        return frozenset(str(agent["name"]) for agent in said["agents"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return None


def _beside(database: str | Path) -> Path | None:
    file = file_of(str(database))
    return Path(f"{file}.project") if file is not None else None


def _database_of(project: Path) -> str | None:
    """The `database` of a project file, without reading the rest of it."""
    try:
        said: Any = yaml.safe_load(project.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFound("project file", str(project), hint="`baton init` writes a starter project.") from error
    except (OSError, ValueError) as error:
        raise InvalidFile(str(project), None, "file", str(error), "a readable text file in UTF-8") from error
    except yaml.YAMLError as error:
        raise InvalidFile(str(project), None, "YAML", str(error), "valid YAML") from error
    database = cast(dict[str, Any], said).get("database") if isinstance(said, dict) else None
    return database if isinstance(database, str) else None
