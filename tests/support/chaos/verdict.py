"""What came of it: the record, read in plain SQL, held against the world and against what people said."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from support.chaos.plot import WRITES, summary
from support.chaos.world import Deed

_STEP = ["assistant", "tool"]
_LOOK = [*_STEP, "tool", "tool"]
_LATER = [*_STEP, "notice"]
LEAD_ROLES = [*_LOOK, *_STEP * 3, *_LATER * 3, *_STEP]
HELPER_ROLES = [*_STEP * 2, "assistant"]
"""The roles in the transcripts of an undisturbed case; a fact adds a tool line, a doubt a notice."""

Row = Mapping[str, Any]


@dataclass
class Verdict:
    """What is wrong, in sentences; and how much there was.

    Attributes:
        lost: Runs that have not ended although nobody is asked, writes that were to happen and did not, lines missing.
        doubled: Writes that happened twice without a person having said that they had not happened.
        forked: Two rows where one must be.
        asked_and_doubled: Dumb writes that happened again after a person had said that they had not.
        doubts: How often a person was asked whether something happened.
        told_not: Writes that gave no answer and of which the target said that they had not happened.
    """

    cases: int = 0
    finished: int = 0
    lost: list[str] = field(default_factory=list[str])
    doubled: list[str] = field(default_factory=list[str])
    forked: list[str] = field(default_factory=list[str])
    asked_and_doubled: list[str] = field(default_factory=list[str])
    doubts: int = 0
    told_not: int = 0
    writes: Counter[str] = field(default_factory=Counter[str])
    calls: Counter[str] = field(default_factory=Counter[str])
    doubled_at: Counter[str] = field(default_factory=Counter[str])

    @property
    def problems(self) -> list[str]:
        return [
            f"{kind}: {what}"
            for kind, found in (("lost", self.lost), ("doubled", self.doubled), ("forked", self.forked))
            for what in found
        ]

    def add(self, other: "Verdict") -> None:
        self.cases += other.cases
        self.finished += other.finished
        self.doubts += other.doubts
        self.told_not += other.told_not
        for name in ("lost", "doubled", "forked", "asked_and_doubled"):
            getattr(self, name).extend(getattr(other, name))
        for name in ("writes", "calls", "doubled_at"):
            getattr(self, name).update(getattr(other, name))


@dataclass(frozen=True)
class Record:
    """The rows of a record that matter here, by table."""

    tables: Mapping[str, Sequence[Row]]

    def of(self, table: str, **values: Any) -> list[Row]:
        return [row for row in self.tables[table] if all(row[name] == value for name, value in values.items())]


_QUERIES = {
    "runs": "SELECT r.id, r.agent, r.key, r.parent, r.status, b.text AS summary, r.epoch, r.trouble,"
    " r.wake, r.seen, r.attempts FROM runs r"
    " LEFT JOIN bodies b ON b.id = r.summary",
    "transcript": "SELECT run, seq, role, turn, ref FROM transcript ORDER BY run, seq",
    "handoffs": "SELECT id, run, child, state, owner, giver, taker FROM handoffs",
    "model_calls": "SELECT run, turn FROM model_calls ORDER BY run, turn",
    "actions": "SELECT id, run, tool FROM actions",
    "effects": "SELECT key, run, tool, state FROM effects",
    "reviews": "SELECT id, run, action, kind, state, tool, decision FROM reviews",
    "decisions": 'SELECT id, review, kind, "by" FROM decisions',
    "checkpoints": "SELECT thread, parent, id FROM checkpoints",
    "messages": "SELECT run, kind, ref FROM messages",
    "facts": "SELECT subject FROM facts",
    "timers": "SELECT run, kind FROM timers",
}


def read(url: str) -> Record:
    """The record of a database, a file's path or a server's URL."""
    address = url.replace("postgresql://", "postgresql+psycopg://") if "://" in url else f"sqlite:///{url}"
    engine = create_engine(address, poolclass=NullPool)
    with engine.connect() as connection:
        tables = {
            name: [dict(row) for row in connection.execute(text(query)).mappings()] for name, query in _QUERIES.items()
        }
    engine.dispose()
    return Record(tables)


def recorded_turns(record: Record) -> set[tuple[str, str, int]]:
    """Case, agent and turn of every model call that stands in the record."""
    found: set[tuple[str, str, int]] = set()
    keys = {run["id"]: run["key"] for run in record.tables["runs"]}
    for run in record.tables["runs"]:
        case = str(run["key"] or keys.get(run["parent"]))
        found |= {(case, run["agent"], row["turn"]) for row in record.of("model_calls", run=run["id"])}
    return found


def judge(record: Record, deeds: Sequence[Deed], cases: Sequence[str], *, facts: bool = True) -> Verdict:
    """Hold the record against the world."""
    verdict = Verdict(cases=len(cases))
    by_case: dict[str, list[Deed]] = defaultdict(list)
    for deed in deeds:
        by_case[deed.case].append(deed)
    for case in cases:
        leads = record.of("runs", key=case)
        if len(leads) != 1:
            verdict.lost.append(f"{case}: {len(leads)} runs")
            continue
        verdict.finished += leads[0]["status"] == "done"
        _judge_runs(verdict, record, case, leads[0], [*_LOOK, *_STEP, "tool", *LEAD_ROLES[6:]] if facts else LEAD_ROLES)
        _judge_world(verdict, record, case, leads[0], by_case[case])
        if facts and len(record.of("facts", subject=case)) != 1:
            verdict.forked.append(f"{case}: {len(record.of('facts', subject=case))} facts")
    verdict.forked += _forks(record)
    return verdict


def _judge_runs(verdict: Verdict, record: Record, case: str, lead: Row, roles: Sequence[str]) -> None:
    helpers = record.of("runs", parent=lead["id"])
    if len(helpers) != 1:
        kind = verdict.forked if len(helpers) > 1 else verdict.lost
        kind.append(f"{case}: {len(helpers)} hand-offs")
    for row in record.of("handoffs", run=lead["id"]):
        if lead["status"] == "done" and (row["state"], row["owner"]) != ("returned", row["giver"]):
            verdict.lost.append(f"{case}: hand-off {row['id']} is {row['state']}, and {row['owner']} has it")
    expected = {"lead": (summary(case), roles), "helper": (f"case {case} is put away", HELPER_ROLES)}
    for run in (lead, *helpers):
        said, story = expected[run["agent"]]
        if run["status"] != "done" or run["summary"] != said:
            verdict.lost.append(f"{case}: {run['agent']} {run['id']} is {run['status']}: {_state(record, run)}")
        elif problem := _transcript_problem(record, run, story):
            verdict.lost.append(f"{case}: {run['agent']} {run['id']}: {problem}")
        settled = ("done", "failed")
        unsettled = [row["tool"] for row in record.of("effects", run=run["id"]) if row["state"] not in settled]
        if unsettled and run["status"] == "done":
            verdict.lost.append(f"{case}: {run['agent']} ended with effects unsettled: {unsettled}")


def _state(record: Record, run: Row) -> str:
    """What a run that has not ended as it should looks like."""
    open_reviews = [(row["kind"], row["tool"]) for row in record.of("reviews", run=run["id"], state="open")]
    roles = " ".join(row["role"] for row in record.of("transcript", run=run["id"]))
    shown = {name: run[name] for name in ("summary", "trouble", "wake", "seen", "attempts", "epoch")}
    return f"{shown}, asked {open_reviews}, {roles}"


def _transcript_problem(record: Record, run: Row, roles: Sequence[str]) -> str:
    """How a transcript differs from the undisturbed one; without facts and notices of doubts, trouble and hand-offs."""
    extra = {row["action"] for row in record.of("reviews", run=run["id"], kind="doubt")}
    troubles = {row["id"] for row in record.of("reviews", run=run["id"], kind="trouble")}
    lines = record.of("transcript", run=run["id"])
    given = {row["id"] for row in record.of("handoffs")}
    aside = extra | troubles | given
    told = [row for row in lines if row["role"] != "fact" and not (row["role"] == "notice" and row["ref"] in aside)]
    kept = [row["role"] for row in told]
    plain = [role for role in roles if role != "notice"]
    if not troubles and kept != list(roles):
        return f"its transcript reads {' '.join(kept)}"
    if [role for role in kept if role == "tool"][: plain.count("tool")] != ["tool"] * plain.count("tool"):
        return f"its transcript reads {' '.join(kept)}"
    return ""


def _judge_world(verdict: Verdict, record: Record, case: str, lead: Row, deeds: Sequence[Deed]) -> None:
    for step, target in WRITES.items():
        done = [deed for deed in deeds if deed.step == step]
        doubts = [row for row in record.of("reviews", kind="doubt", tool=step)]
        doubts = [row for row in doubts if row["run"] in _family(record, lead)]
        said = [decision["kind"] for row in doubts for decision in record.of("decisions", review=row["id"])]
        wanted = 1
        if step == "pay":
            (wanted,) = [
                int(decision["kind"] == "approve")
                for row in record.of("reviews", run=lead["id"], tool="pay", kind="action")
                for decision in record.of("decisions", review=row["id"])
            ] or [0]
        told_not = [
            row for row in record.of("effects", tool=step, state="failed") if row["run"] in _family(record, lead)
        ]
        if told_not and wanted:  # it gave no answer in time, its target said that it had not happened: the agent knows
            verdict.told_not += 1
            wanted = 0
        happened = len({deed.key for deed in done}) if target == "keyed" else len(done)
        verdict.writes[target] += wanted
        verdict.calls[target] += len(done)
        verdict.doubts += len(doubts)
        if happened < wanted:
            verdict.lost.append(f"{case}: {step} ({target}) did not happen")
        elif happened and told_not:
            verdict.lost.append(f"{case}: {step} ({target}) happened, and the record says that it did not")
        elif happened > wanted + said.count("approve"):
            verdict.doubled.append(f"{case}: {step} ({target}) happened {happened} times: {_told(done)}")
            verdict.doubled_at[target] += 1
        elif happened > wanted:
            verdict.asked_and_doubled.append(f"{case}: {step} ({target}) happened {happened} times, a person asked")


def _family(record: Record, lead: Row) -> set[str]:
    return {lead["id"], *(row["id"] for row in record.of("runs", parent=lead["id"]))}


def _told(deeds: Sequence[Deed]) -> str:
    first = deeds[0].at
    return json.dumps([{"pid": deed.pid, "after": round(deed.at - first, 2)} for deed in deeds])


def _forks(record: Record) -> Iterator[str]:
    """Two rows where one must be."""
    yield from _more_than_one("states after one", ((r["thread"], r["parent"]) for r in record.tables["checkpoints"]))
    yield from _more_than_one("decisions on", (row["review"] for row in record.tables["decisions"]))
    mail = [row for row in record.tables["messages"] if row["kind"] in ("decision", "handoff")]
    yield from _more_than_one("messages about", (row["ref"] for row in mail))
    answers = [row for row in record.tables["transcript"] if row["role"] == "tool"]
    yield from _more_than_one("answers to", (row["ref"] for row in answers))
    spoken = [row for row in record.tables["transcript"] if row["role"] == "assistant"]
    yield from _more_than_one("answers of the model in turn", ((row["run"], row["turn"]) for row in spoken))
    lines: dict[str, list[int]] = defaultdict(list)
    for row in record.tables["transcript"]:
        lines[row["run"]].append(row["seq"])
    for run, numbers in lines.items():
        if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            yield f"{run}: its transcript has gaps: {numbers}"
    taken = {row["id"]: row["review"] for row in record.tables["decisions"]}
    for row in record.tables["reviews"]:
        if row["state"] == "closed" and taken.get(row["decision"]) != row["id"]:
            yield f"{row['id']}: closed by a decision that is not its own"


def _more_than_one(what: str, keys: Iterator[Any]) -> Iterator[str]:
    yield from (f"{count} {what} {key}" for key, count in Counter(keys).items() if count > 1)


def table(title: str, rows: Sequence[Sequence[object]]) -> str:
    """Rows under a title, the first of them the head, as text."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in texts) for column in range(len(texts[0]))]
    lines = [
        "  ".join(cell.ljust(width) if not place else cell.rjust(width) for place, (cell, width) in enumerate(cells))
        for cells in ([*zip(row, widths, strict=True)] for row in texts)
    ]
    return "\n".join(["", title, *(f"  {line}" for line in lines)])
