"""What an evaluation runs: cases, the world they play in, and how what came of them is looked at."""

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from baton.core import GOAL, Goal, InvalidFile, digest
from baton.ledger import EffectRecord, Event, Proposal, Review, Run


@dataclass(frozen=True, kw_only=True)
class Case:
    """One goal and what is expected to come of it.

    Attributes:
        expected: What the suite's scorers compare with; keys are theirs.
    """

    id: str
    goal: Goal
    agent: str | None = None
    expected: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One case, played.

    Attributes:
        folder: The world it played in.
        run: The run as it stood in the end; its children follow in `family`.
        family: The run and all that it handed work to.
    """

    case: Case
    folder: Path
    run: Run
    family: tuple[Run, ...]
    proposals: tuple[Proposal, ...]
    effects: tuple[EffectRecord, ...]
    reviews: tuple[Review, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Score:
    """What a scorer says of an attempt.

    Attributes:
        name: The scorer's.
        passed: Whether it is as expected.
        detail: What is not; empty where all is.
    """

    name: str
    passed: bool
    detail: str = ""


Scorer = Callable[[Attempt], Score]
"""Looks at one attempt."""


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Cases that play together in one world.

    Attributes:
        project: The agents file.
        prepare: Makes a fresh world in an empty folder.
        scorers: Look at each attempt.
    """

    name: str
    project: Path
    prepare: Callable[[Path], None]
    cases: Sequence[Case]
    scorers: Sequence[Scorer]

    @property
    def digest(self) -> str:
        """SHA-256 over all cases: the same digest means the same questions and expectations."""
        cases = [
            {"id": c.id, "goal": GOAL.dump_python(c.goal, mode="json"), "expected": c.expected} for c in self.cases
        ]
        return digest(cases)


def load_suite(path: Path) -> Suite:
    """The `SUITE` of a Python file.

    Raises:
        InvalidFile: if the file has none.
    """
    name = f"baton_suite_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise InvalidFile(str(path), None, "suite", str(path), "a Python file with a SUITE")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    suite = getattr(module, "SUITE", None)
    if not isinstance(suite, Suite):
        raise InvalidFile(str(path), None, "SUITE", suite, "a baton.evals.Suite of that name")
    return suite
