"""Evaluation: suites of cases, played through Baton itself, scored, and stored for people to browse."""

from baton.evals.attempt import Attempt, Graded, Outcome, Score, Scorer
from baton.evals.cases import Call, Case, Dataset, Trajectory, Turn, User, read_cases, read_dataset, write_cases
from baton.evals.corrected import cases_of, heeds_corrections
from baton.evals.faults import Condition
from baton.evals.knowing import Asked, Known, Knows
from baton.evals.reviewers import Reviewer, Spread, office_hours
from baton.evals.runner import Played, play
from baton.evals.scorers import (
    ending,
    escalation,
    exactly_once,
    judged_by,
    no_harm,
    no_secrets,
    permitted,
    trajectory,
)
from baton.evals.store import Evaluation, Store
from baton.evals.suite import Prices, Suite, load_suite

__all__ = [
    "Asked",
    "Attempt",
    "Call",
    "Case",
    "Condition",
    "Dataset",
    "Evaluation",
    "Graded",
    "Known",
    "Knows",
    "Outcome",
    "Played",
    "Prices",
    "Reviewer",
    "Score",
    "Scorer",
    "Spread",
    "Store",
    "Suite",
    "Trajectory",
    "Turn",
    "User",
    "cases_of",
    "ending",
    "escalation",
    "exactly_once",
    "heeds_corrections",
    "judged_by",
    "load_suite",
    "no_harm",
    "no_secrets",
    "office_hours",
    "permitted",
    "play",
    "read_cases",
    "read_dataset",
    "trajectory",
    "write_cases",
]
