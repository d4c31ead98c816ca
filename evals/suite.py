"""What an evaluation runs: cases, the world they play in, who takes part, and how what came of them is looked at."""

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from baton.agents import Mind
from baton.core import InvalidFile, InvalidValue, read_moment
from baton.evals.attempt import Scorer
from baton.evals.cases import Case, Dataset
from baton.evals.faults import Condition
from baton.evals.knowing import Knows, nobody_knows
from baton.evals.reviewers import Reviewer
from baton.project import Project, load_project


@dataclass(frozen=True, kw_only=True)
class Prices:
    """What things cost, in money.

    Attributes:
        prompt: A million prompt tokens.
        completion: A million completion tokens.
        minute: A minute in which a person thinks about a question.
        delay: An hour in which a goal is not reached.
    """

    prompt: float = 0.25
    completion: float = 2.0
    minute: float = 0.8
    delay: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Cases, and the world they play in.

    Attributes:
        project: The agents file.
        prepare: Makes a fresh world in an empty folder; gets the `world` of the cases that play in it.
        cases: What is played.
        scorers: Look at each attempt.
        environment: Variables by which tools find their world, made of its folder. Tools that read them with
            `baton.variable` may work in several worlds at once.
        knows: Knows what is right.
        people: Simulated people who answer questions; without any, questions stay open.
        together: Whether the cases of a repeat share one world and one record, and so load the same people. Else only
            those of one cluster do, where their `world` is the same.
        at_once: Worlds that are played at the same time; 1 sets the process's own environment as well, for tools that
            read nothing else.
        starts: When the play starts: a time with its offset.
        days: Simulated days after which what has not ended is looked at as it is.
        mind: What the simulated model thinks with; None is the project's.
        prices: What things cost.
        conditions: Faults under which the cases are played as well, by name.
        source: The file that it was read from; None for one that was made in a program.
        given: Agents in place of the project file's, such as candidates; None takes the file's.
    """

    name: str
    project: Path
    prepare: Callable[[Path, Mapping[str, object]], None]
    cases: Sequence[Case]
    scorers: Sequence[Scorer]
    environment: Callable[[Path], Mapping[str, str]] = field(default=lambda _folder: {})
    knows: Knows = nobody_knows
    people: Sequence[Reviewer] = ()
    together: bool = True
    at_once: int = 4
    starts: str = "2026-11-16T08:00:00+00:00"
    days: float = 14.0
    mind: Mind | None = None
    prices: Prices = Prices()
    conditions: Sequence[Condition] = ()
    source: Path | None = None
    given: Project | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be played.

        Raises:
            InvalidValue: for no cases, cases of one id, people of one name, no scorer, no time.
        """
        self.dataset.digest  # noqa: B018 - what cannot be hashed is refused here
        names = [one.name for one in self.people]
        for name in names:
            if names.count(name) > 1:
                raise InvalidValue(f"people of suite {self.name}", name, "names that are given once")
        if not self.scorers:
            raise InvalidValue(f"scorers of suite {self.name}", "none", "one or more: nothing is passed unseen")
        if not self.days > 0:
            raise InvalidValue(f"days of suite {self.name}", self.days, "more than 0")
        self.start  # noqa: B018

    @cached_property
    def dataset(self) -> Dataset:
        """The cases under the suite's name."""
        return Dataset(self.name, self.cases)

    @property
    def digest(self) -> str:
        """SHA-256 over all cases: the same digest means the same questions and expectations."""
        return self.dataset.digest

    @cached_property
    def start(self) -> float:
        """When the play starts, in seconds since 1970."""
        return read_moment(self.starts, "UTC")

    @property
    def about(self) -> dict[str, Any]:
        """What its figures rest on, for whoever reads them."""
        return {"prices": asdict(self.prices), "people": [one.told for one in self.people], "starts": self.starts}

    def load(self) -> Project:
        """The project, with its agents.

        Raises:
            NotFound, InvalidFile: as `load_project`.
        """
        return self.given or load_project(self.project)


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
    return replace(suite, source=path)
