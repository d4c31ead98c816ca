"""Results as tables that people browse with SQL: made with sqlite-utils, opened by any SQLite tool."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlite_utils

from baton.core import random_id
from baton.evals.suite import Attempt, Score, Suite


class Store:
    """One file of evaluation results: `evaluations`, `attempts`, `scores`, `actions`."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._db: Any = sqlite_utils.Database(path)
        self._db.enable_wal()

    def begin(self, suite: Suite) -> str:
        """Note that a suite is about to be played; its id."""
        evaluation = random_id("evl")
        row = {"id": evaluation, "suite": suite.name, "cases": len(suite.cases), "digest": suite.digest}
        self._db["evaluations"].insert(row | {"at": time.time()}, pk="id")
        return evaluation

    def record(self, evaluation: str, repeat: int, attempt: Attempt, scores: Sequence[Score]) -> None:
        """Keep one attempt with its scores and actions, in one transaction."""
        with self._db.atomic():
            key = f"{evaluation}/{repeat}/{attempt.case.id}"
            self._db["attempts"].upsert(_attempt_row(key, evaluation, repeat, attempt, scores), pk="id")
            rows = [{"attempt": key, "scorer": s.name, "passed": s.passed, "detail": s.detail} for s in scores]
            self._db["scores"].upsert_all(rows, pk=("attempt", "scorer"))
            self._db["actions"].upsert_all(_action_rows(key, attempt), pk=("attempt", "action"))

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _attempt_row(
    key: str, evaluation: str, repeat: int, attempt: Attempt, scores: Sequence[Score]
) -> dict[str, object]:
    run = attempt.run
    return {
        "id": key,
        "evaluation": evaluation,
        "case": attempt.case.id,
        "repeat": repeat,
        "passed": all(score.passed for score in scores),
        "status": run.status,
        "summary": run.summary,
        "turns": sum(member.turns for member in attempt.family),
        "tokens": sum(member.prompt_tokens + member.completion_tokens for member in attempt.family),
        "questions": len(attempt.reviews),
        "seconds": (run.ended_at or attempt.events[-1].at) - run.created_at,
    }


def _action_rows(key: str, attempt: Attempt) -> list[dict[str, object]]:
    states = {effect.key: effect.state.value for effect in attempt.effects}
    return [
        {
            "attempt": key,
            "action": proposal.action.id,
            "agent": proposal.action.agent,
            "tool": proposal.action.tool,
            "arguments": json.dumps(proposal.action.arguments, ensure_ascii=False),
            "confidence": proposal.action.confidence,
            "ruling": proposal.verdict.ruling.value,
            "rules": ", ".join(proposal.verdict.rules),
            "effect": states.get(proposal.action.id),
        }
        for proposal in attempt.proposals
    ]
