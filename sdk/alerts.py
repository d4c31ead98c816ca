"""What is told of how it goes, as a file: rules of alerts, quiet hours, and who is told."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import time
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field

from baton.core import Duration, InvalidFile, InvalidValue, NotFound
from baton.core.yaml_file import Place, line_of, read_yaml
from baton.flow.rules import Alarms, Quiet, Rule, Severity

T = TypeVar("T")

NAME = "alerts.yaml"
"""What the file is called, beside the project file."""

_SPAN = re.compile(r"(\d{2}):(\d{2})-(\d{2}):(\d{2})")


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=60)
    figure: str
    above: float | None = None
    below: float | None = None
    absent: bool = False
    rises: float | None = Field(default=None, gt=0)
    reaches: float | None = None
    within: Duration | None = None
    lasting: Duration | None = Field(default=None, alias="for")
    severity: Severity = "warning"
    do: str = ""
    tell: list[str] = []


class _Quiet(BaseModel):
    model_config = ConfigDict(extra="forbid")

    hours: str
    zone: str = "UTC"


class _AlertsFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    alerts: list[_Rule] = []
    troubles: bool = True
    quiet: _Quiet | None = None
    group: Duration | None = None
    tell: list[str] = []


def load_alarms(path: str | Path) -> Alarms:
    """Read a file of what is told.

    Raises:
        NotFound: if it is not there.
        InvalidFile: if it says something that is not allowed: names file, line, field, value and what is allowed.
    """
    file = Path(path)
    if not file.exists():
        raise NotFound("file of alerts", str(file), hint="docs/flow.md, Alerts, shows one.")
    said, tree = read_yaml(file, _AlertsFile)
    rules: dict[str, Rule] = {}
    for number, entry in enumerate(said.alerts):
        rule = _made(file, tree, ("alerts", number), partial(_rule, entry))
        if rule.name in rules:
            line = line_of(tree, ("alerts", number, "name"))
            raise InvalidFile(str(file), line, f"alerts.{number}.name", rule.name, "a name that no other has")
        rules[rule.name] = rule
    quiet = said.quiet
    alarms = Alarms(
        rules=tuple(rules.values()),
        troubles=said.troubles,
        quiet=None if quiet is None else _made(file, tree, ("quiet",), partial(_quiet, quiet)),
        tell=tuple(said.tell),
    )
    return alarms if said.group is None else replace(alarms, group=said.group.total_seconds())


def alarms_of(project: str | Path) -> Alarms | None:
    """What the file beside a project file says; None where there is none.

    Raises:
        InvalidFile: if it says something that is not allowed.
    """
    file = Path(project).parent / NAME
    return load_alarms(file) if file.is_file() else None


def _rule(entry: _Rule) -> Rule:
    said: dict[str, Any] = entry.model_dump(exclude={"within", "lasting", "tell"})
    for name, length in (("within", entry.within), ("lasting", entry.lasting)):
        if length is not None:
            said[name] = length.total_seconds()
    return Rule(**said, tell=tuple(entry.tell))


def _quiet(entry: _Quiet) -> Quiet:
    found = _SPAN.fullmatch(entry.hours)
    try:
        if found is None:
            raise ValueError
        first, last = (time(int(found[at]), int(found[at + 1])) for at in (1, 3))
    except ValueError:
        raise InvalidValue("hours", entry.hours, "two times such as 22:00-06:00") from None
    return Quiet(start=first, end=last, zone=entry.zone)


def _made(file: Path, tree: yaml.Node | None, place: Place, make: Callable[[], T]) -> T:
    """What is made of an entry; what cannot be is told with its place in the file."""
    try:
        return make()
    except InvalidValue as error:
        field = ".".join(str(part) for part in place)
        raise InvalidFile(
            str(file), line_of(tree, place), f"{field}: {error.what}", error.value, error.allowed
        ) from error
