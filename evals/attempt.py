"""What came of a case: the run as it stands in the record, and what scorers say of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from baton.core import ActionId, Fault, RunId
from baton.evals.cases import Case
from baton.evals.knowing import Known
from baton.flow.parts import Parts
from baton.ledger import (
    EffectRecord,
    Event,
    Proposal,
    Review,
    ReviewKind,
    Run,
    Transaction,
    effects,
    events,
    families,
    journal,
    reviews,
)
from baton.ledger.lives import Spent

INFRASTRUCTURE = frozenset({Fault.TRANSIENT, Fault.LASTING})
"""Faults that say nothing about the agent: the endpoint is away, or its key is wrong."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One case, played.

    Attributes:
        folder: The world it played in.
        run: The run as it stood in the end; its children follow in `family`.
        family: The run and all that it handed work to.
        repeat: Which time it was played, from 0.
        condition: Under which faults it was; empty is none.
        known: What the suite knows of each call as it was proposed, by the action's id.
        done: The same of each call as it was carried out, where a person has changed it.
        writes: Names of the tools that change something.
        waits: What each question's wait consisted of, by the review's id.
        spent: What the run's time went on; None where it has not ended.
        error: Why it says nothing about the agent; empty where it does.
        seconds: Of the machine that playing it took, with what played beside it.
    """

    case: Case
    folder: Path
    run: Run
    family: tuple[Run, ...]
    proposals: tuple[Proposal, ...]
    effects: tuple[EffectRecord, ...]
    reviews: tuple[Review, ...]
    events: tuple[Event, ...]
    repeat: int = 0
    condition: str = ""
    known: Mapping[str, Known] = field(default_factory=dict[str, Known])
    done: Mapping[str, Known] = field(default_factory=dict[str, Known])
    writes: frozenset[str] = frozenset()
    waits: Mapping[str, Parts] = field(default_factory=dict[str, Parts])
    spent: Spent | None = None
    error: str = ""
    seconds: float = 0.0

    @property
    def began(self) -> float:
        """When the goal came in, in seconds since 1970."""
        return self.run.created_at

    @property
    def ended(self) -> float:
        """When the run ended, or the last thing happened in it."""
        return self.run.ended_at or max(event.at for event in self.events)

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens of the whole family."""
        return sum(member.prompt_tokens + member.completion_tokens for member in self.family)

    def effect(self, action: ActionId) -> EffectRecord | None:
        """How far carrying an action out is; None where it was not begun."""
        return next((one for one in self.effects if one.key == action), None)


@dataclass(frozen=True)
class Score:
    """What a scorer says of an attempt.

    Attributes:
        name: The scorer's.
        passed: Whether it is as expected.
        detail: What is not; empty where all is.
        hard: Whether a failure fails every gate, however rare it is: policy was overstepped, or something done twice.
        value: A figure, where the scorer has one.
        opinion: Whether a model says so. A gate never rests on opinions alone.
    """

    name: str
    passed: bool
    detail: str = ""
    hard: bool = False
    value: float | None = None
    opinion: bool = False


Scorer = Callable[[Attempt], Score]
"""Looks at one attempt."""


class Outcome(StrEnum):
    """What an attempt says about the agent."""

    PASS = "pass"
    FAIL = "fail"
    ERROR = "error"  # nothing: the infrastructure failed


@dataclass(frozen=True, kw_only=True)
class Graded:
    """An attempt with its scores."""

    attempt: Attempt
    scores: tuple[Score, ...]

    @property
    def passed(self) -> bool:
        """Whether every scorer is content, models' opinions aside."""
        return self.outcome is Outcome.PASS

    @property
    def outcome(self) -> Outcome:
        """Pass or fail; an error where the infrastructure failed."""
        if self.attempt.error:
            return Outcome.ERROR
        fine = all(score.passed for score in self.scores if not score.opinion)
        return Outcome.PASS if fine else Outcome.FAIL


def read_attempt(
    tx: Transaction, case: Case, id: RunId, folder: Path, *, repeat: int = 0, condition: str = "", seconds: float = 0.0
) -> Attempt:
    """What the record has of a case's run and of those it handed work to."""
    family = families.read(tx, id)
    asked = tuple(r for member in family for r in reviews.of_run(tx, member.id))
    return Attempt(
        case=case,
        folder=folder,
        run=family[0],
        family=tuple(family),
        proposals=tuple(p for member in family for p in journal.proposals(tx, member.id)),
        effects=tuple(e for member in family for e in effects.of_run(tx, member.id)),
        reviews=asked,
        events=tuple(e for member in family for e in events.of_run(tx, member.id, limit=100_000)),
        repeat=repeat,
        condition=condition,
        error=infrastructure(family, asked),
        seconds=seconds,
    )


def infrastructure(family: Sequence[Run], asked: Sequence[Review]) -> str:
    """What failed that is not the agent's fault; empty where nothing did."""
    troubled = {review.run for review in asked if review.kind is ReviewKind.TROUBLE}
    for run in family:
        if run.fault in INFRASTRUCTURE and (run.id in troubled or not run.ended):
            return f"{run.id}: {run.fault}: {run.trouble}"
    return ""
