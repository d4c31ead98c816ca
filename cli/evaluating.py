"""`baton eval`: play cases and score what came of them."""

from pathlib import Path

from cyclopts import App
from rich.table import Table
from rich.text import Text

from baton.cli.opening import find_place, to_look
from baton.cli.options import DEFAULTS, Common, Exit
from baton.cli.output import Screen
from baton.core.texts import one_line
from baton.evals import Graded, Store, cases_of, load_suite, play, write_cases
from baton.ledger import Transaction, runs

app = App(name="eval", help="Play cases and score what came of them.")


@app.command
async def run(
    suite: Path, /, *, repeats: int = 1, store: Path = Path(".baton/evals.db"), common: Common = DEFAULTS
) -> int:
    """Play a suite in fresh worlds of its own; exits with 5 if a case did not end as expected.

    Args:
        suite: A Python file with a SUITE.
        repeats: How often each case is played.
        store: The SQLite file that keeps every attempt, score and action, for you to browse.
        common: Options of every command.
    """
    screen = Screen(common.json)
    cases = load_suite(suite)
    results = Store(store)
    try:
        graded = await play(cases, results, repeats=repeats, progress=lambda at, one: _tell(screen, at, one))
    finally:
        results.close()
    passed = sum(one.passed for one in graded)
    screen.document(
        {"suite": cases.name, "digest": cases.digest, "attempts": [_json(one) for one in graded], "passed": passed}
    )
    screen.show(_table(graded))
    screen.show(f"{passed} of {len(graded)} as expected; every attempt is in {store}")
    return Exit.OK if passed == len(graded) else Exit.REGRESSION


@app.command
async def cases(file: Path, /, *, agent: str | None = None, common: Common = DEFAULTS) -> None:
    """Make cases of what people have corrected, for a suite to read with `read_cases`; those in the file stay.

    Args:
        file: A file of JSON lines; cases that it has not are added.
        agent: Whose corrections (default: those of every agent on record).
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        found = await ledger.read(lambda tx: [c for name in _agents(tx, agent) for c in cases_of(tx, name)])
    added = write_cases(file, found)
    screen.document({"file": str(file), "corrections": len(found), "added": added})
    screen.show(f"{len(found)} runs were corrected; {added} new cases in {file}.")


def _agents(tx: Transaction, agent: str | None) -> list[str]:
    return [agent] if agent is not None else sorted({run.agent for run in runs.listed(tx)})


def _tell(screen: Screen, repeat: int, graded: Graded) -> None:
    wrong = ", ".join(score.name for score in graded.scores if not score.passed)
    screen.note(f"{repeat + 1}  {graded.attempt.case.id:28} {wrong or 'ok'}")


def _table(graded: list[Graded]) -> Table | Text:
    """What went wrong, a row a score; nothing where all is well."""
    table = Table("case", "scorer", "what is not as expected", box=None, pad_edge=False, header_style="bold")
    wrong = [(one.attempt.case.id, score) for one in graded for score in one.scores if not score.passed]
    for case, score in wrong:
        table.add_row(case, score.name, one_line(score.detail))
    return table if wrong else Text("every case ended as expected")


def _json(graded: Graded) -> dict[str, object]:
    attempt = graded.attempt
    return {
        "case": attempt.case.id,
        "status": attempt.run.status,
        "passed": graded.passed,
        "scores": [{"name": s.name, "passed": s.passed, "detail": s.detail} for s in graded.scores],
    }
