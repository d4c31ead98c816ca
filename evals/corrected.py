"""Evaluation cases from what people have corrected: the same goal again, and whether the agent has learnt."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from baton.core import GOAL, InvalidFile, Ruling, RunId
from baton.evals.suite import Attempt, Case, Score
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


def write_cases(path: Path, cases: Sequence[Case]) -> int:
    """Add cases to a file of JSON lines, those that it has not yet; how many were added."""
    known = {case.id for case in read_cases(path)} if path.exists() else set[str]()
    new = [case for case in cases if case.id not in known]
    with path.open("a", encoding="utf-8") as out:
        for case in new:
            out.write(json.dumps(_document(case), ensure_ascii=False) + "\n")
    return len(new)


def read_cases(path: Path) -> list[Case]:
    """The cases of a file of JSON lines.

    Raises:
        InvalidFile: for a line that is none; names it.
    """
    found: list[Case] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            fields: dict[str, Any] = json.loads(line)
            fields["goal"] = GOAL.validate_python(fields["goal"])
            found.append(Case(**fields))
        except (ValueError, TypeError, KeyError) as error:
            allowed = f"a case as `baton eval cases` writes it ({type(error).__name__}: {error})"
            raise InvalidFile(str(path), number, "case", line[:80], allowed) from error
    return found


def _document(case: Case) -> Mapping[str, Any]:
    return {"id": case.id, "goal": GOAL.dump_python(case.goal, mode="json"), "agent": case.agent} | {
        "expected": dict(case.expected)
    }


def _counts(ruling: Ruling) -> bool:
    """Whether a proposal was one that could have happened."""
    return ruling is not Ruling.DENY
