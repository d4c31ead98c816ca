"""What is measured of an evaluation, each by name: of one attempt, and over all with an interval."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from baton.evals.bootstrap import interval_of_mean
from baton.evals.intervals import Interval, pass_power, wilson
from baton.evals.results import Results, Tried
from baton.evals.suite import Prices


@dataclass(frozen=True)
class Metric:
    """Something that an attempt can be asked.

    Attributes:
        name: As gates and reports call it.
        says: What it is, for people.
        unit: Behind its values; empty is a share.
        more_is_better: Whether it is; else less is.
        share: Whether its values are shares, from 0 to 1.
        of: Its value of an attempt; None where the attempt says nothing.
    """

    name: str
    says: str
    unit: str
    more_is_better: bool
    of: Callable[[Tried, Prices], float | None]
    share: bool = False


@dataclass(frozen=True)
class Measured:
    """A metric over all attempts.

    Attributes:
        value: The mean over cases of their means over repeats; None where nothing is known.
        interval: A 95 % interval of it.
        count: How many cases say something.
    """

    metric: Metric
    value: float | None
    interval: Interval
    count: int


def _passed(one: Tried, _prices: Prices) -> float:
    return float(one.passed)


def _hard(one: Tried, _prices: Prices) -> float:
    return float(len(one.hard))


def _questions(one: Tried, _prices: Prices) -> float:
    return float(one.row["questions"])


def _alone(one: Tried, _prices: Prices) -> float | None:
    """The share of what was carried out that writes which ran without a person."""
    done = [row for row in one.actions if row["writes"] and row["effect"] == "done"]
    return fmean(bool(row["alone"]) for row in done) if done else None


def _wrong_alone(one: Tried, _prices: Prices) -> float | None:
    alone = [row for row in one.actions if row["writes"] and row["alone"] and row["right"] is not None]
    return fmean(not row["right"] for row in alone) if alone else None


def _cost(one: Tried, prices: Prices) -> float:
    hours = float(one.row["seconds"]) / 3600
    return one.money(prices) + one.minutes * prices.minute + one.harm + hours * prices.delay


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("passed", "attempts in which all is as expected", "", True, _passed, share=True),
        Metric("hard", "hard failures an attempt", "", False, _hard),
        Metric("harm", "cost of wrong actions that were carried out", "€", False, lambda one, _: one.harm),
        Metric("cost", "cost of an attempt: tokens, people, mistakes, delay", "€", False, _cost),
        Metric("questions", "questions to people an attempt", "", False, _questions),
        Metric("alone", "writes that ran without a person", "", True, _alone, share=True),
        Metric("wrong_alone", "of what ran alone, wrong", "", False, _wrong_alone, share=True),
        Metric("minutes", "minutes of people an attempt", "min", False, lambda one, _: one.minutes),
        Metric("tokens", "tokens an attempt", "", False, lambda one, _: _tokens(one)),
        Metric("money", "cost of tokens an attempt", "€", False, lambda one, prices: one.money(prices)),
        Metric("hours", "hours from the goal to its end", "h", False, lambda one, _: float(one.row["seconds"]) / 3600),
        Metric("retries", "tool calls that were tried again", "", False, lambda one, _: float(one.row["retries"])),
    )
}


def per_case(results: Results, metric: Metric) -> dict[str, float]:
    """A metric's mean over the repeats of each case; cases that say nothing are left out."""
    found: dict[str, float] = {}
    for case, tried in results.by_case.items():
        values = [value for one in tried if (value := metric.of(one, results.prices)) is not None]
        if values:
            found[case] = fmean(values)
    return found


def measured(results: Results, metric: Metric) -> Measured:
    """A metric over all cases, with a 95 % interval: Wilson's of shares that are 0 or 1 a case, else the bootstrap."""
    values = list(per_case(results, metric).values())
    if not values:
        return Measured(metric, None, (0.0, 1.0), 0)
    if metric.share and all(value in (0.0, 1.0) for value in values):
        return Measured(metric, fmean(values), wilson(round(sum(values)), len(values)), len(values))
    return Measured(metric, fmean(values), interval_of_mean(values), len(values))


def pass_k(results: Results) -> list[tuple[int, float]]:
    """pass^k for each k up to the repeats: the mean over cases of the chance that k attempts all pass."""
    found: list[tuple[int, float]] = []
    for k in range(1, results.evaluation.repeats + 1):
        each = [pass_power(sum(one.passed for one in tried), len(tried), k) for tried in results.by_case.values()]
        known = [one for one in each if one is not None]
        if known:
            found.append((k, fmean(known)))
    return found


@dataclass(frozen=True)
class Escalation:
    """Whether people are asked about what is wrong, counted and weighed by what a mistake costs.

    Attributes:
        asked: Writes that people were asked about, of which it is known whether they are right.
        precision: The share of these that were wrong; None where nobody was asked.
        recall: The share of the wrong ones that did not run alone; None where nothing was wrong.
        by_cost: The same, each weighed by its case's cost of error.
        wrong: Writes that were wrong.
    """

    asked: int
    precision: float | None
    recall: float | None
    by_cost: float | None
    wrong: int


def escalation(results: Results) -> Escalation:
    """Precision and recall of escalation."""
    rows = [(row, float(one.case["cost"])) for one in results.counted for row in one.actions]
    known = [(row, cost) for row, cost in rows if row["writes"] and row["right"] is not None]
    asked = [row for row, _ in known if row["ruling"] == "ask"]
    wrong = [(row, cost) for row, cost in known if not row["right"]]
    caught = [(row, cost) for row, cost in wrong if row["ruling"] != "allow"]
    costs = sum(cost for _, cost in wrong)
    return Escalation(
        asked=len(asked),
        precision=fmean(not row["right"] for row in asked) if asked else None,
        recall=len(caught) / len(wrong) if wrong else None,
        by_cost=sum(cost for _, cost in caught) / costs if costs else None,
        wrong=len(wrong),
    )


@dataclass(frozen=True)
class Asking:
    """How often a rule asked people, and how often they agreed.

    Attributes:
        asked: Questions.
        answered: Answers of people that say whether they agree.
        agreed: Of them, those who let the action go ahead as it was.
        minutes: That they thought about it, on the average.
    """

    rule: str
    asked: int
    answered: int
    agreed: int
    minutes: float


def by_rule(results: Results) -> list[Asking]:
    """The rules that asked, the one that asked most first."""
    found: dict[str, list[dict[str, object]]] = {}
    for one in results.counted:
        for row in one.reviews:
            found.setdefault(str(row["rule"]), []).append(dict(row))
    askings = [_asking(rule, rows) for rule, rows in found.items()]
    return sorted(askings, key=lambda one: (-one.asked, one.rule))


def _asking(rule: str, rows: Sequence[Mapping[str, object]]) -> Asking:
    said = [row for row in rows if row["agreed"] is not None]
    thought = [float(str(row["thinking_seconds"])) / 60 for row in rows if row["decided_at"] is not None]
    return Asking(rule, len(rows), len(said), sum(bool(row["agreed"]) for row in said), fmean(thought or [0.0]))


def _tokens(one: Tried) -> float:
    return float(one.row["prompt_tokens"] + one.row["completion_tokens"])
