"""The results of an evaluation, read back from where they are kept, attempt by attempt."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from baton.evals.attempt import Outcome
from baton.evals.calibration import Stated
from baton.evals.store import Evaluation, Store
from baton.evals.suite import Prices

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Tried:
    """One attempt as it is kept: a row each of `attempts`, `cases`, and those that belong to it."""

    row: Row
    case: Row
    scores: Sequence[Row]
    actions: Sequence[Row]
    reviews: Sequence[Row]

    @property
    def outcome(self) -> Outcome:
        """Pass, fail, or an error of the infrastructure."""
        return Outcome(self.row["outcome"])

    @property
    def counts(self) -> bool:
        """Whether it says something of the agent."""
        return self.outcome is not Outcome.ERROR

    @property
    def passed(self) -> bool:
        """Whether every scorer was content."""
        return self.outcome is Outcome.PASS

    @property
    def hard(self) -> Sequence[Row]:
        """What fails every gate: a policy that was overstepped, something done twice, a secret that was told."""
        return [score for score in self.scores if score["hard"] and not score["passed"]]

    @property
    def failed(self) -> Sequence[Row]:
        """Scores that are not content, opinions of models aside."""
        return [score for score in self.scores if not score["passed"] and not score["opinion"]]

    def money(self, prices: Prices) -> float:
        """What the model's tokens cost."""
        prompt, said = self.row["prompt_tokens"], self.row["completion_tokens"]
        return float(prompt * prices.prompt + said * prices.completion) / 1e6

    @property
    def minutes(self) -> float:
        """Minutes that people thought about its questions."""
        return float(self.row["human_seconds"] or 0.0) / 60

    @property
    def harm(self) -> float:
        """What the wrong actions cost that were carried out."""
        return float(sum(score["value"] or 0.0 for score in self.scores if score["scorer"] == "no harm"))


@dataclass(frozen=True)
class Results:
    """All of an evaluation.

    Attributes:
        tried: Its attempts, in the order in which they ended.
    """

    evaluation: Evaluation
    tried: Sequence[Tried]
    prices: Prices = field(default_factory=Prices)
    seconds: float = 0.0

    @cached_property
    def conditions(self) -> list[str]:
        """The faults under which it was played; the empty one first."""
        return sorted({str(one.row["condition"]) for one in self.tried})

    def under(self, condition: str = "") -> "Results":
        """The attempts under some faults alone."""
        return Results(self.evaluation, [one for one in self.tried if one.row["condition"] == condition], self.prices)

    @cached_property
    def counted(self) -> list[Tried]:
        """Those that say something of the agent."""
        return [one for one in self.tried if one.counts]

    @property
    def errors(self) -> int:
        """How many say nothing, as the infrastructure failed."""
        return len(self.tried) - len(self.counted)

    @cached_property
    def by_case(self) -> Mapping[str, list[Tried]]:
        """The attempts that say something, by case."""
        found: dict[str, list[Tried]] = defaultdict(list)
        for one in self.counted:
            found[str(one.row["case"])].append(one)
        return dict(found)

    @cached_property
    def clusters(self) -> Mapping[str, str]:
        """Each case's cluster."""
        return {str(one.row["case"]): str(one.case["cluster"]) for one in self.tried}

    @property
    def judged(self) -> list[Row]:
        """Actions that write, of which the suite knows whether they are right."""
        return [row for one in self.counted for row in one.actions if row["writes"] and row["right"] is not None]

    @property
    def stated(self) -> list[Stated]:
        """The confidence of these, as far as one was given and policy did not refuse them."""
        said = [row for row in self.judged if row["confidence"] is not None and row["ruling"] != "deny"]
        return [Stated(float(row["confidence"]), bool(row["right"])) for row in said]


def read_results(store: Store, evaluation: str, prices: Prices | None = None) -> Results:
    """The results of an evaluation.

    Args:
        store: Where they are.
        evaluation: Its id, the beginning of it, or `latest`.
        prices: What things cost; None is what its suite said.

    Raises:
        NotFound: if there is none.
    """
    known = store.get(evaluation)
    cases = {row["case"]: row for row in store.rows("cases", known.id)}
    parts = {table: _grouped(store.rows(table, known.id)) for table in ("scores", "actions", "reviews")}
    tried = [
        Tried(
            row=row,
            case=cases[row["case"]],
            scores=parts["scores"].get(row["id"], ()),
            actions=parts["actions"].get(row["id"], ()),
            reviews=parts["reviews"].get(row["id"], ()),
        )
        for row in store.rows("attempts", known.id)
    ]
    said = prices or Prices(**known.about.get("prices", {}))
    return Results(known, tried, said, store.seconds(known.id))


def arguments_of(row: Row) -> Mapping[str, Any]:
    """The arguments of an action as it is kept."""
    found: Mapping[str, Any] = json.loads(row["arguments"])
    return found


def _grouped(rows: Sequence[Row]) -> Mapping[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["attempt"]].append(row)
    return found
