"""The sections `resources`, `windows` and `limits` of a project file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from baton.core import Adaptive, AtOnce, Calendar, InvalidFile, InvalidValue, Resource, read_at_once
from baton.core.yaml_file import Place, line_of
from baton.people import calendar_at
from baton.places import home_setting


class ResourceEntry(BaseModel):
    """A resource; see `Resource`."""

    model_config = ConfigDict(extra="forbid")

    name: str
    capacity: int = 1
    lease: float | str | None = "10m"


class WindowEntry(BaseModel):
    """When actions may take effect: hours by days, in a time zone, but for the public holidays of a country."""

    model_config = ConfigDict(extra="forbid")

    zone: str | None = None
    hours: dict[str, str | list[str]] = Field(min_length=1)
    holidays: str | None = None


class AdaptiveEntry(BaseModel):
    """A limit that follows how it goes; see `Adaptive`."""

    model_config = ConfigDict(extra="forbid")

    least: int = 1
    most: int = 64


Limit = int | Literal["auto"] | AdaptiveEntry
"""How many at once, as a file says it."""


class LimitsEntry(BaseModel):
    """How many runs of each tenant are advanced at once."""

    model_config = ConfigDict(extra="forbid")

    tenants: dict[str, int] = {}


def at_once_of(what: str, said: Limit | None) -> AtOnce:
    """A limit as a file says it.

    Raises:
        InvalidValue: if it cannot be one.
    """
    return Adaptive(least=said.least, most=said.most) if isinstance(said, AdaptiveEntry) else read_at_once(what, said)


def resources_of(file: Path, said: list[ResourceEntry], tree: yaml.Node | None) -> tuple[Resource, ...]:
    """The resources that a file names.

    Raises:
        InvalidFile: if one cannot be, or a name is given twice.
    """
    found: list[Resource] = []
    for number, one in enumerate(said):
        try:
            made = Resource(one.name, capacity=one.capacity, lease=one.lease)
            if made.name in (other.name for other in found):
                raise InvalidValue("name", made.name, "names that are given once")
        except InvalidValue as error:
            raise _refused(file, tree, ("resources", number), error) from error
        found.append(made)
    return tuple(found)


def windows_of(file: Path, said: Mapping[str, WindowEntry], tree: yaml.Node | None) -> dict[str, Calendar]:
    """The windows that a file names.

    Raises:
        InvalidFile: if the hours of one cannot be read.
    """
    home = home_setting().zone
    return {
        name: calendar_at(file, tree, ("windows", name), one.zone or home, one.hours, one.holidays)
        for name, one in said.items()
    }


def limits_of(file: Path, said: LimitsEntry | None, tree: yaml.Node | None) -> dict[str, int]:
    """By tenant, how many of its runs are advanced at once.

    Raises:
        InvalidFile: if that cannot be.
    """
    found: dict[str, int] = {}
    for name, limit in (said.tenants if said is not None else {}).items():
        try:
            read_at_once(f"limit of tenant {name}", limit)
        except InvalidValue as error:
            raise _refused(file, tree, ("limits", "tenants", name), error) from error
        found[name] = limit
    return found


def _refused(file: Path, tree: yaml.Node | None, place: Place, error: InvalidValue) -> InvalidFile:
    where = f"{'.'.join(map(str, place))}: {error.what}"
    return InvalidFile(str(file), line_of(tree, place), where, error.value, error.allowed)
