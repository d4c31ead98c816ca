"""Evaluation cases from what people have corrected: the same goal again, and whether the agent has learnt."""

from typing import Any

from baton.core import Ruling, RunId
from baton.evals.attempt import Attempt, Score
from baton.evals.cases import Case
from baton.ledger import Transaction, corrections, runs

NAME = "heeds corrections"


def cases_of(tx: Transaction, agent: str) -> list[Case]:
    """A case for each correction of an agent, the oldest first; several of one run are one case."""
    found: dict[RunId, list[dict[str, Any]]] = {}
    for one in corrections.listed(tx, agent):
        said = {"tool": one.tool, "not": dict(one.arguments), "instead": one.instead, "by": one.by, "why": one.note}
        found.setdefault(one.run, []).append(said)
    return [
        Case(id=f"corrected-{run}", goal=runs.get(tx, run).goal, agent=agent, expected={"corrections": said})
        for run, said in found.items()
    ]


def heeds_corrections(attempt: Attempt) -> Score:
    """The agent has proposed nothing that was corrected, and has proposed what it was changed to."""
    proposed = [(one.action.tool, one.action.arguments) for one in attempt.proposals if _counts(one.verdict.ruling)]
    wrong: list[str] = []
    for said in attempt.case.expected.get("corrections", ()):
        if (said["tool"], said["not"]) in proposed:
            wrong.append(f"{said['tool']} as {said['by']} has corrected it: {said['why'] or 'no reason given'}")
        elif said["instead"] is not None and (said["tool"], said["instead"]) not in proposed:
            wrong.append(f"no {said['tool']} as {said['by']} has changed it")
    return Score(NAME, not wrong, "; ".join(wrong))


def _counts(ruling: Ruling) -> bool:
    """Whether a proposal was one that could have happened."""
    return ruling is not Ruling.DENY
