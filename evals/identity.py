"""Of what an evaluation speaks: what of the system was played, as hashes. Where one differs, it speaks of another."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, cast

from baton.agents import endpoint
from baton.autonomy import hashes
from baton.core import digest
from baton.evals.suite import Suite


def identity(suite: Suite) -> Mapping[str, str]:
    """Hashes of prompts, models, tools, policies and thresholds, of the dataset, the people and the scorers."""
    project = suite.load()
    mind = suite.mind or project.mind
    return {
        **hashes(project.agents, endpoint()),
        "mind": digest(_told(mind)) if endpoint().simulated else "",
        "dataset": suite.digest,
        "people": digest([_told(one) for one in suite.people]),
        "scorers": digest([_told(scorer) for scorer in suite.scorers]),
        "setting": digest([suite.starts, suite.days, suite.together, [_told(one) for one in suite.conditions]]),
        "suite": _file(suite.source),
    }


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Names of what differs."""
    return [name for name in {**one, **other} if one.get(name) != other.get(name)]


def _told(value: Any) -> Any:
    """A value as JSON that is the same in every process: what a class holds, and the names of what is code."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {str(name): _told(part) for name, part in sorted(cast("Mapping[str, Any]", value).items())}
        case frozenset() | set():
            return sorted(str(part) for part in cast("set[Any]", value))
        case list() | tuple():
            return [_told(part) for part in cast("list[Any]", value)]
        case _ if is_dataclass(value):
            return [type(value).__qualname__, {one.name: _told(getattr(value, one.name)) for one in fields(value)}]
        case _:
            return getattr(value, "__qualname__", type(value).__qualname__)


def _file(path: Path | None) -> str:
    return "" if path is None else digest(path.read_text(encoding="utf-8"))
