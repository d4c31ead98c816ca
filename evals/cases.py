"""Cases and datasets: goals with the world they play in and what is expected to come of them, as JSON lines."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass as plain
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from baton.core import Goal, InvalidFile, InvalidValue, digest
from baton.core.goal import Duration

_STRICT = ConfigDict(extra="forbid")

Mode = Literal["strict", "unordered", "subset", "superset"]


@dataclass(frozen=True, config=_STRICT, kw_only=True)
class Call:
    """A call that is expected.

    Attributes:
        tool: Its name.
        arguments: Those that matter; others may be anything.
    """

    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict[str, Any])


@dataclass(frozen=True, config=_STRICT, kw_only=True)
class Trajectory:
    """Which calls may be carried out.

    Attributes:
        calls: Those that are spoken of.
        mode: `strict`: these and no others, in this order. `unordered`: these and no others, in any order. `subset`:
            nothing but these, though some may be missing. `superset`: all of these, and others beside them.
        tools: Tools whose calls are looked at; empty is all that write.
    """

    calls: tuple[Call, ...]
    mode: Mode = "strict"
    tools: tuple[str, ...] = ()


@dataclass(frozen=True, config=_STRICT, kw_only=True)
class Turn:
    """Something that a simulated user says.

    Attributes:
        text: What.
        after: Time after the goal came in; None is once the agent has answered and waits for the user.
        share: In what share of the attempts it is said, such as that of users who change their minds.
    """

    text: Annotated[str, Field(min_length=1)]
    after: Duration | None = None
    share: Annotated[float, Field(ge=0, le=1)] = 1.0


@dataclass(frozen=True, config=_STRICT, kw_only=True)
class User:
    """Who asked for the goal, simulated.

    Attributes:
        turns: What they say, in order.
        median: Half of their answers come within this time of being waited for.
        spread: Of the logarithm of that time; 0 is always the median.
        vanishes: Probability that they are never heard of again after any of their turns.
    """

    turns: tuple[Turn, ...] = ()
    median: Duration = Field(default="30m", validate_default=True)
    spread: Annotated[float, Field(ge=0, le=3)] = 1.0
    vanishes: Annotated[float, Field(ge=0, le=1)] = 0.0


@dataclass(frozen=True, config=_STRICT, kw_only=True)
class Case:
    """One goal and what is expected to come of it.

    Attributes:
        id: Names it for ever; results are compared by it.
        agent: Who gets the goal; None is the project's first agent.
        expected: What the suite's scorers compare with, such as the end state; keys are theirs.
        trajectory: Which calls may be carried out; None is whatever leads to the end.
        world: What the suite makes the case's world of; a snapshot's name or its content.
        after: Time after the start of the play at which it comes in.
        user: Who asked for it; None says nothing more.
        risk: How bad it is where it goes wrong.
        cost: What a wrong action costs, in money.
        cluster: Cases that are alike, such as those of one customer: they count as one where uncertainty is
            estimated, and play in one world if theirs is the same. Empty is a cluster of its own.
        policy: Version of the policy that it was made with; empty where it was made with none.
        provenance: Where it comes from, such as a run's id.
    """

    id: Annotated[str, Field(min_length=1, max_length=200)]
    goal: Goal
    agent: str | None = None
    expected: dict[str, Any] = Field(default_factory=dict[str, Any])
    trajectory: Trajectory | None = None
    world: dict[str, Any] = Field(default_factory=dict[str, Any])
    after: Duration = Field(default="0s", validate_default=True)
    user: User | None = None
    risk: Literal["low", "medium", "high"] = "low"
    cost: Annotated[float, Field(ge=0)] = 1.0
    cluster: str = ""
    policy: str = ""
    provenance: str = ""

    @property
    def group(self) -> str:
        """The cluster's name, its own where it has none."""
        return self.cluster or self.id


CASE = TypeAdapter(Case)
"""Reads and writes cases as JSON."""


@plain(frozen=True)
class Dataset:
    """Cases under a name."""

    name: str
    cases: Sequence[Case]
    source: Path | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Refuse what no result could be told of.

        Raises:
            InvalidValue: for no case at all, or two of one id.
        """
        if not self.cases:
            raise InvalidValue(f"dataset {self.name}", "no case", "one case or more")
        known: set[str] = set()
        for case in self.cases:
            if case.id in known:
                raise InvalidValue(f"case of dataset {self.name}", case.id, "ids that are given once")
            known.add(case.id)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all cases in the order of their ids: the same questions and expectations, the same digest."""
        return digest([document(case) for case in sorted(self.cases, key=lambda case: case.id)])


def document(case: Case) -> Mapping[str, Any]:
    """A case as JSON; what is as it is anyway is left out."""
    found: dict[str, Any] = CASE.dump_python(case, mode="json", exclude_defaults=True)
    return found


def read_dataset(path: Path) -> Dataset:
    """The cases of a file of JSON lines, under the file's name.

    Raises:
        InvalidFile: if it cannot be read, for a line that is no case, for an id that is given twice; names the line.
    """
    return Dataset(path.stem, read_cases(path), path)


def read_cases(path: Path) -> list[Case]:
    """The cases of a file of JSON lines.

    Raises:
        InvalidFile: as `read_dataset`.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        raise InvalidFile(str(path), None, "file", str(error), "a file of JSON lines in UTF-8") from error
    found: dict[str, Case] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            case = _case(path, number, line)
            if case.id in found:
                raise InvalidFile(str(path), number, "id", case.id, "ids that are given once")
            found[case.id] = case
    return list(found.values())


def write_cases(path: Path, cases: Sequence[Case]) -> int:
    """Add cases to a file of JSON lines, those that it has not yet; how many were added."""
    known = {case.id for case in read_cases(path)} if path.exists() else set[str]()
    new = [case for case in cases if case.id not in known]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as out:
        for case in new:
            out.write(json.dumps(document(case), ensure_ascii=False) + "\n")
    return len(new)


def _case(path: Path, number: int, line: str) -> Case:
    try:
        return CASE.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "case"
        allowed = f"a case as `baton eval case` writes it ({first['msg']})"
        raise InvalidFile(str(path), number, where, str(first["input"])[:80], allowed) from error
