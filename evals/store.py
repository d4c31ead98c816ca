"""Results as tables that people browse with SQL: made with sqlite-utils, opened by Datasette or any SQLite tool."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import sqlite_utils

from baton.core import InvalidFile, NotFound, Ruling, dump, random_id
from baton.evals.attempt import Attempt, Graded
from baton.evals.cases import Case
from baton.evals.knowing import NOTHING
from baton.flow.parts import Parts
from baton.ledger import DecisionKind, Review, ReviewKind, Source
from baton.ledger.lives import PARTS

Row = Mapping[str, Any]

_INDEXES = {
    "attempts": (["evaluation", "case"],),
    "actions": (["attempt"], ["rules"]),
    "reviews": (["attempt"], ["rule"]),
    "scores": (["attempt"],),
}


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What is played, or was.

    Attributes:
        identity: What of the system it speaks of, by name: hashes of prompts, policies, dataset and so on.
        about: What figures rest on: prices, and the simulated people with what was assumed of them.
        expected: Attempts that it has once it is finished.
        finished_at: Seconds since 1970; None while it is not.
    """

    id: str
    suite: str
    identity: Mapping[str, str]
    about: Mapping[str, Any]
    repeats: int
    seed: int
    expected: int
    at: float
    finished_at: float | None


class Store:
    """One file of results: `evaluations`, `cases`, `attempts`, `scores`, `actions`, `reviews`, `gates`."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._db: Any = sqlite_utils.Database(path)
        self._db.enable_wal()
        self._prepare()

    def unfinished(self, suite: str, identity: Mapping[str, str], repeats: int, seed: int) -> Evaluation | None:
        """The latest evaluation of exactly this that was not finished; None if there is none."""
        wanted = (suite, dump(dict(sorted(identity.items()))), repeats, seed)
        query = """SELECT id FROM evaluations WHERE suite = ? AND identity = ? AND repeats = ? AND seed = ?
            AND finished_at IS NULL ORDER BY at DESC, rowid DESC LIMIT 1"""
        found = self._db.execute(query, wanted).fetchone()
        return None if found is None else self.get(found[0])

    def begin(
        self,
        suite: str,
        identity: Mapping[str, str],
        cases: Sequence[Case],
        *,
        repeats: int,
        seed: int,
        expected: int,
        about: Mapping[str, Any] | None = None,
    ) -> Evaluation:
        """Note that something is about to be played."""
        id = random_id("evl")
        row: dict[str, object] = {
            "id": id,
            "suite": suite,
            "identity": dump(dict(sorted(identity.items()))),
            "about": dump(dict(about or {})),
            "repeats": repeats,
            "seed": seed,
            "expected": expected,
            "at": time.time(),
            "finished_at": None,
            "seconds": 0.0,
        }
        with self._db.atomic():
            self._db["evaluations"].insert(row)
            self._db["cases"].insert_all([_case_row(id, case) for case in cases])
        return self.get(id)

    def finish(self, evaluation: str) -> None:
        """Note that all of it was played."""
        with self._db.atomic():
            self._db["evaluations"].update(evaluation, {"finished_at": time.time()})

    def spend(self, evaluation: str, seconds: float) -> None:
        """Add time of the machine that playing took."""
        with self._db.atomic():
            self._db.execute("UPDATE evaluations SET seconds = seconds + ? WHERE id = ?", (seconds, evaluation))

    def get(self, evaluation: str) -> Evaluation:
        """An evaluation by its id, the beginning of it, or `latest`.

        Raises:
            NotFound: if there is none, or several fit.
        """
        query = "SELECT * FROM evaluations WHERE substr(id, 1, length(?)) = ? ORDER BY at DESC, rowid DESC LIMIT 2"
        if evaluation == "latest":
            rows = self._rows("SELECT * FROM evaluations ORDER BY at DESC, rowid DESC LIMIT 1", ())
        else:
            rows = self._rows(query, (evaluation, evaluation))
        if len(rows) != 1:
            raise NotFound("evaluation", evaluation, self._known(), "`baton eval run` makes one; give more of its id.")
        row = rows[0]
        kept = {name: row[name] for name in ("id", "suite", "repeats", "seed", "expected", "at", "finished_at")}
        return Evaluation(identity=json.loads(row["identity"]), about=json.loads(row["about"]), **kept)

    def played(self, suite: str) -> list[str]:
        """Ids of the evaluations of a suite that were finished, the oldest first."""
        query = "SELECT id FROM evaluations WHERE suite = ? AND finished_at IS NOT NULL ORDER BY at, rowid"
        return [row["id"] for row in self._rows(query, (suite,))]

    def recorded(self, evaluation: str) -> frozenset[str]:
        """The keys of the attempts that are on record; see `attempt_key`."""
        return frozenset(row["id"] for row in self._rows("SELECT id FROM attempts WHERE evaluation = ?", (evaluation,)))

    def record(self, evaluation: str, graded: Graded) -> None:
        """Keep one attempt with all that belongs to it, in one transaction; kept again, it replaces itself."""
        attempt = graded.attempt
        key = attempt_key(evaluation, attempt.condition, attempt.repeat, attempt.case.id)
        with self._db.atomic():
            self._put("attempts", [_attempt_row(key, evaluation, graded)])
            self._put("scores", _score_rows(key, graded))
            self._put("actions", _action_rows(key, attempt))
            self._put("reviews", _review_rows(key, attempt))

    def rows(self, table: str, evaluation: str) -> list[dict[str, Any]]:
        """All rows of a table that belong to an evaluation, in the order in which they were kept."""
        if table in ("attempts", "cases"):
            return self._rows(f"SELECT * FROM {table} WHERE evaluation = ? ORDER BY rowid", (evaluation,))
        query = f"""SELECT t.*, a."case", a.repeat, a.condition FROM {table} t JOIN attempts a ON a.id = t.attempt
            WHERE a.evaluation = ? ORDER BY t.rowid"""
        return self._rows(query, (evaluation,))

    def seconds(self, evaluation: str) -> float:
        """Time of the machine that playing it took."""
        return float(self._rows("SELECT seconds FROM evaluations WHERE id = ?", (evaluation,))[0]["seconds"])

    def keep_gate(self, row: Row) -> None:
        """Keep what a gate has said."""
        with self._db.atomic():
            self._db["gates"].insert(dict(row))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _put(self, table: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Keep rows in place of those with the same key; sqlite-utils itself asks for a table's shape each time."""
        columns = _TABLES[table][0]
        names, places = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
        values = [[row[name] for name in columns] for row in rows]
        self._db.conn.executemany(f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({places})", values)

    def _rows(self, query: str, values: Sequence[object]) -> list[dict[str, Any]]:
        return list(self._db.query(query, list(values)))

    def _known(self) -> list[str]:
        return [row["id"] for row in self._rows("SELECT id FROM evaluations ORDER BY at DESC LIMIT 5", ())]

    def _prepare(self) -> None:
        known = set(self._db.table_names())
        for table, (columns, _) in _TABLES.items():
            if table in known and set(columns) - {column.name for column in self._db[table].columns}:
                self._db.close()
                allowed = "results of this Baton: move the file away, or name another with --store"
                raise InvalidFile(str(self.path), None, f"table {table}", "one of another version", allowed)
        if known.issuperset(_TABLES):
            return
        with self._db.atomic():
            for table, (columns, pk) in _TABLES.items():
                self._db[table].create(columns, pk=pk, if_not_exists=True)
            for table, indexes in _INDEXES.items():
                for index in indexes:
                    self._db[table].create_index(index, if_not_exists=True)


_PARTS = {f"{part.name}_seconds": float for part in fields(Parts)}
_SPENT = {f"{part}_seconds": float for part in PARTS}
_TABLES: Mapping[str, tuple[Mapping[str, type], str | tuple[str, ...]]] = {
    "evaluations": (
        {
            "id": str, "suite": str, "identity": str, "about": str, "repeats": int, "seed": int, "expected": int,
            "at": float, "finished_at": float, "seconds": float,
        },
        "id",
    ),
    "cases": (
        {"evaluation": str, "case": str, "cluster": str, "risk": str, "cost": float, "agent": str, "goal": str,
         "provenance": str},
        ("evaluation", "case"),
    ),
    "attempts": (
        {
            "id": str, "evaluation": str, "condition": str, "case": str, "repeat": int, "outcome": str, "status": str,
            "summary": str, "error": str, "turns": int, "prompt_tokens": int, "completion_tokens": int,
            "model_seconds": float, "questions": int, "retries": int, "deaths": int, "began_at": float,
            "ended_at": float, "seconds": float, "human_seconds": float, **_SPENT,
        },
        "id",
    ),
    "scores": (
        {"attempt": str, "scorer": str, "passed": int, "hard": int, "opinion": int, "value": float, "detail": str},
        ("attempt", "scorer"),
    ),
    "actions": (
        {
            "attempt": str, "action": str, "agent": str, "tool": str, "class": str, "arguments": str,
            "confidence": float, "ruling": str, "rules": str, "reason": str, "threshold": float, "effect": str,
            "right": int, "alone": int, "writes": int,
        },
        ("attempt", "action"),
    ),
    "reviews": (
        {
            "attempt": str, "review": str, "kind": str, "agent": str, "tool": str, "class": str, "rule": str,
            "confidence": float, "opened_at": float, "decided_at": float, "by": str, "decision": str, "agreed": int,
            "right": int, **_PARTS,
        },
        ("attempt", "review"),
    ),
    "gates": (
        {"id": str, "evaluation": str, "baseline": str, "gate": str, "at": float, "verdict": str, "says": str},
        "id",
    ),
}  # fmt: skip


def open_store(path: Path) -> Store:
    """A file of results that is there already.

    Raises:
        NotFound: if it is not.
    """
    if not path.exists():
        raise NotFound("file of results", str(path), hint="`baton eval run` makes one; --store names another.")
    return Store(path)


def attempt_key(evaluation: str, condition: str, repeat: int, case: str) -> str:
    """What an attempt is called, the same whenever it is played."""
    return f"{evaluation}/{condition}/{repeat}/{case}"


def _case_row(evaluation: str, case: Case) -> dict[str, object]:
    return {
        "evaluation": evaluation,
        "case": case.id,
        "cluster": case.group,
        "risk": case.risk,
        "cost": case.cost,
        "agent": case.agent,
        "goal": case.goal.statement,
        "provenance": case.provenance,
    }


def _attempt_row(key: str, evaluation: str, graded: Graded) -> dict[str, object]:
    attempt = graded.attempt
    run = attempt.run
    answered = [event for event in attempt.events if event.kind == "model.answered"]
    return {
        "id": key,
        "evaluation": evaluation,
        "condition": attempt.condition,
        "case": attempt.case.id,
        "repeat": attempt.repeat,
        "outcome": graded.outcome.value,
        "status": run.status,
        "summary": run.summary,
        "error": attempt.error,
        "turns": sum(member.turns for member in attempt.family),
        "prompt_tokens": sum(member.prompt_tokens for member in attempt.family),
        "completion_tokens": sum(member.completion_tokens for member in attempt.family),
        "model_seconds": sum(float(event.data["seconds"]) for event in answered),
        "questions": len(attempt.reviews),
        "retries": sum(max(0, effect.attempts - 1) for effect in attempt.effects),
        "deaths": sum(event.kind == "run.taken_over" for event in attempt.events),
        "began_at": attempt.began,
        "ended_at": attempt.ended,
        "seconds": attempt.ended - attempt.began,
        "human_seconds": sum(parts.thinking for parts in attempt.waits.values()),
        **{f"{part}_seconds": getattr(attempt.spent, part, None) for part in PARTS},
    }


def _score_rows(key: str, graded: Graded) -> list[dict[str, object]]:
    return [
        {
            "attempt": key,
            "scorer": score.name,
            "passed": score.passed,
            "hard": score.hard,
            "opinion": score.opinion,
            "value": score.value,
            "detail": score.detail,
        }
        for score in graded.scores
    ]


def _action_rows(key: str, attempt: Attempt) -> list[dict[str, object]]:
    states = {effect.key: effect.state.value for effect in attempt.effects}
    return [
        {
            "attempt": key,
            "action": proposal.action.id,
            "agent": proposal.action.agent,
            "tool": proposal.action.tool,
            "class": proposal.verdict.kind,
            "arguments": json.dumps(proposal.action.arguments, ensure_ascii=False),
            "confidence": proposal.action.confidence,
            "ruling": proposal.verdict.ruling.value,
            "rules": ", ".join(proposal.verdict.rules),
            "reason": proposal.verdict.reason,
            "threshold": proposal.verdict.threshold,
            "effect": states.get(proposal.action.id),
            "right": attempt.known.get(proposal.action.id, NOTHING).right,
            "alone": proposal.verdict.ruling is Ruling.ALLOW,
            "writes": proposal.action.tool in attempt.writes,
        }
        for proposal in attempt.proposals
    ]


def _review_rows(key: str, attempt: Attempt) -> list[dict[str, object]]:
    return [
        {
            "attempt": key,
            "review": review.id,
            "kind": review.kind.value,
            "agent": review.agent,
            "tool": review.tool,
            "class": review.verdict.kind,
            "rule": ", ".join(review.verdict.rules) or review.kind.value,
            "confidence": review.question.get("confidence"),
            "opened_at": review.opened_at,
            **_decision_columns(review),
            "right": None if review.action is None else attempt.known.get(review.action, NOTHING).right,
            **{
                f"{part.name}_seconds": getattr(attempt.waits.get(review.id, Parts()), part.name)
                for part in fields(Parts)
            },
        }
        for review in attempt.reviews
    ]


def _decision_columns(review: Review) -> dict[str, object]:
    """Who answered what, and whether that was as the agent had proposed; nothing where nobody has."""
    decision = review.decision
    if decision is None or decision.source is not Source.PERSON:
        kind = None if decision is None else decision.kind.value
        return {"decided_at": None, "by": None, "decision": kind, "agreed": None}
    agreed = decision.kind is DecisionKind.APPROVE if review.kind is ReviewKind.ACTION else None
    return {"decided_at": decision.at, "by": decision.by, "decision": decision.kind.value, "agreed": agreed}
