"""Of what an evaluation speaks: what of the system was played, as hashes. Where one differs, it speaks of another."""

from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path

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
        "mind": digest(repr(mind) if is_dataclass(mind) else type(mind).__qualname__) if endpoint().simulated else "",
        "dataset": suite.digest,
        "people": digest([repr(one) for one in suite.people]),
        "scorers": digest([getattr(scorer, "__qualname__", repr(scorer)) for scorer in suite.scorers]),
        "setting": digest([suite.starts, suite.days, suite.together, [repr(one) for one in suite.conditions]]),
        "suite": _file(suite.source),
    }


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Names of what differs."""
    return [name for name in {**one, **other} if one.get(name) != other.get(name)]


def _file(path: Path | None) -> str:
    return "" if path is None else digest(path.read_text(encoding="utf-8"))
