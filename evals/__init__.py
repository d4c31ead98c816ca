"""Evaluation: suites of cases, played through Baton itself, scored, and stored for people to browse."""

from baton.evals.corrected import cases_of, heeds_corrections, read_cases, write_cases
from baton.evals.runner import Graded, play
from baton.evals.scorers import ending, exactly_once, permitted
from baton.evals.store import Store
from baton.evals.suite import Attempt, Case, Score, Scorer, Suite, load_suite

__all__ = [
    "Attempt",
    "Case",
    "Graded",
    "Score",
    "Scorer",
    "Store",
    "Suite",
    "cases_of",
    "ending",
    "exactly_once",
    "heeds_corrections",
    "load_suite",
    "permitted",
    "play",
    "read_cases",
    "write_cases",
]
