"""`baton eval`: play cases, score, compare and report what came of them, and say whether it is good enough."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from cyclopts import App
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from baton.cli.eval_cases import app as case_app
from baton.cli.eval_cases import cases
from baton.cli.eval_staff import staff
from baton.cli.eval_whatif import whatif
from baton.cli.opening import find_place, to_look
from baton.cli.options import DEFAULTS, Common, Exit
from baton.cli.output import Screen
from baton.core.texts import one_line, percent
from baton.evals import Graded, Store, Suite, load_suite, play
from baton.evals.comparing import Comparison, compare
from baton.evals.gate import Gate, Verdict, Word, gate_json, judge, load_gate
from baton.evals.promotion import keep, make_key, promote, read_key
from baton.evals.report import html, junit, markdown, shown, subtitle
from baton.evals.results import Results, read_results
from baton.evals.runner import with_agents
from baton.evals.store import open_store
from baton.handles import person
from baton.ledger import rule_proposals
from baton.proposing import with_proposal

app = App(name="eval", help="Play cases and score what came of them.")
app.command(case_app)
app.command(cases)
app.command(whatif)
app.command(staff)

STORE = Path(".baton/evals.db")

_EXITS = {
    Word.PASS: Exit.OK,
    Word.FAIL: Exit.REGRESSION,
    Word.INCONCLUSIVE: Exit.INCONCLUSIVE,
    Word.INVALID: Exit.INVALID,
}


@app.command
async def run(
    suite: Path,
    /,
    *,
    repeats: int = 1,
    seed: int = 0,
    fresh: bool = False,
    proposal: str | None = None,
    store: Path = STORE,
    common: Common = DEFAULTS,
) -> int:
    """Play a suite in worlds of its own. Stopped or killed, the same command goes on where it was.

    Exits with 5 if an attempt was not as expected, with 7 if none says anything.

    Args:
        suite: A Python file with a SUITE.
        repeats: How often each case is played.
        seed: Of all chance.
        fresh: Begin anew, even where something unfinished is on record.
        proposal: Play it as if this proposed rule were accepted.
        store: The SQLite file that keeps every attempt, score, action and question, for you to browse.
        common: Options of every command.
    """
    screen, wanted = Screen(common.json), load_suite(suite)
    with ExitStack() as stack:
        if proposal is not None:
            wanted = await _with_proposal(wanted, proposal, common, stack)
        results = stack.enter_context(closing(Store(store)))
        total = len(wanted.cases) * repeats * (1 + len(wanted.conditions))
        tell = _progress(screen, total, stack)
        played = await play(wanted, results, repeats=repeats, seed=seed, fresh=fresh, progress=tell)
        found = read_results(results, played.evaluation.id)
    passed = sum(one.passed for one in found.tried)
    screen.document({**_summary(found), "before": played.before, "attempts": [_json(one) for one in played.graded]})
    screen.show(_table(played.graded))
    earlier = f" ({played.before} of them by an earlier start)" if played.before else ""
    screen.show(f"{passed} of {len(found.tried)} as expected{earlier}; {found.evaluation.id} in {store}")
    if not found.counted:
        return Exit.INVALID
    return Exit.OK if passed == len(found.counted) else Exit.REGRESSION


@app.command(name="compare")
def compare_(before: str, now: str = "latest", /, *, store: Path = STORE, common: Common = DEFAULTS) -> None:
    """Hold two evaluations of the same cases against each other.

    Args:
        before: The id of the first, or the beginning of it.
        now: The id of the second (default: the latest).
        store: Where they are kept.
        common: Options of every command.
    """
    screen = Screen(common.json)
    with closing(open_store(store)) as results:
        found = compare(read_results(results, before), read_results(results, now))
    screen.document(_comparison_json(found))
    screen.show(_comparison_table(found))
    for flip in found.flips:
        screen.show(Text(f"{flip.case} {'passes now' if flip.now else 'fails now'}", "green" if flip.now else "red"))
    screen.show(f"what differs: {', '.join(found.changed) or 'nothing that is hashed'}")


@app.command
def report(
    evaluation: str = "latest",
    /,
    *,
    against: str | None = None,
    gate: Path | None = None,
    to: Path = Path("evaluation.html"),
    also_markdown: Path | None = None,
    also_junit: Path | None = None,
    store: Path = STORE,
    common: Common = DEFAULTS,
) -> None:
    """Write the report of an evaluation: one HTML file that needs nothing beside it.

    Args:
        evaluation: Its id, or the beginning of it (default: the latest).
        against: The evaluation that it is held against.
        gate: A gate whose verdict stands at its top.
        to: The file.
        also_markdown: A file for a summary in Markdown, as for a pull request.
        also_junit: A file for JUnit XML, as for CI.
        store: Where it is kept.
        common: Options of every command.
    """
    screen = Screen(common.json)
    asked = None if gate is None else load_gate(gate)
    with closing(open_store(store)) as kept:
        results, comparison = _read(kept, evaluation, against)
    verdict = None if asked is None else judge(asked, results, comparison)
    promised = asked.asks.threshold.most_wrong if asked is not None and asked.asks.threshold is not None else 0.05
    written = {to: html(results, comparison=comparison, verdict=verdict, promised=promised)}
    if also_markdown is not None:
        written[also_markdown] = markdown(results, comparison=comparison, verdict=verdict)
    if also_junit is not None:
        written[also_junit] = junit(results)
    for path, text in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    screen.document({**_summary(results), "files": [str(path) for path in written]})
    screen.show(f"{subtitle(results)}\nwritten: {', '.join(map(str, written))}")


@app.command(name="gate")
def gate_(
    gate: Path,
    evaluation: str = "latest",
    /,
    *,
    against: str | None = None,
    promotion: Path | None = None,
    key: Path | None = None,
    store: Path = STORE,
    common: Common = DEFAULTS,
) -> int:
    """Say whether an evaluation is good enough. Exits with 0 pass, 5 fail, 6 inconclusive, 7 invalid.

    Args:
        gate: What is asked, as YAML.
        evaluation: Its id, or the beginning of it (default: the latest).
        against: The evaluation that it is held against.
        promotion: Where to write a signed promotion record if it passes.
        key: The private key that signs it.
        store: Where evaluations are kept.
        common: Options of every command.
    """
    screen, asked = Screen(common.json), load_gate(gate)
    with closing(open_store(store)) as kept:
        results, comparison = _read(kept, evaluation, against)
        verdict = judge(asked, results, comparison)
        keep(kept, asked, verdict, results, comparison)
    if promotion is not None and verdict.word is Word.PASS:
        pem = read_key(key or Path("promotion.key"))
        promote(promotion, asked, verdict, results, comparison=comparison, by=person(), pem=pem)
    _show_verdict(screen, asked, verdict, results, promotion)
    return _EXITS[verdict.word]


@app.command(name="key")
def key_(path: Path = Path("promotion.key"), /, *, common: Common = DEFAULTS) -> None:
    """Make the key that signs promotion records, and print the public one for the project file.

    Args:
        path: The file of the private key; nobody else may read it.
        common: Options of every command.
    """
    screen, public = Screen(common.json), make_key(path)
    screen.document({"file": str(path), "key": public})
    screen.show(f"{path} signs promotions; keep it where only the gate runs. In the project file:\n")
    screen.show(f"promotion:\n  record: promotion.json\n  key: {public}")


def _read(kept: Store, evaluation: str, against: str | None) -> tuple[Results, Comparison | None]:
    results = read_results(kept, evaluation)
    return results, None if against is None else compare(read_results(kept, against), results)


async def _with_proposal(suite: Suite, proposal: str, common: Common, stack: ExitStack) -> Suite:
    async with to_look(find_place(common)) as ledger:
        known = await ledger.read(lambda tx: rule_proposals.get(tx, proposal))
    agents = {agent.name: agent for agent in suite.load().agents}
    return with_agents(suite, stack.enter_context(with_proposal(agents, known, person())))


def _progress(screen: Screen, total: int, stack: ExitStack) -> Callable[[Graded], None]:
    """Tells each attempt: a bar on a terminal, else a line for each that is not as expected."""
    import sys

    if screen.json or not sys.stderr.isatty():
        return lambda one: _tell(screen, one)
    from rich.console import Console

    bar = stack.enter_context(Progress(console=Console(stderr=True), transient=True))
    task = bar.add_task("attempts", total=total)
    return lambda _one: bar.advance(task)


def _tell(screen: Screen, graded: Graded) -> None:
    wrong = ", ".join(score.name for score in graded.scores if not score.passed and not score.opinion)
    attempt = graded.attempt
    under = f" under {attempt.condition}" if attempt.condition else ""
    screen.note(f"{attempt.repeat + 1}  {attempt.case.id:28} {attempt.error or wrong or 'ok'}{under}")


def _table(graded: tuple[Graded, ...]) -> Table | Text:
    """What went wrong, a row a score; nothing where all is well."""
    table = Table("case", "scorer", "what is not as expected", box=None, pad_edge=False, header_style="bold")
    rows: dict[tuple[str, str, str], int] = {}
    for one in graded:
        for score in one.scores:
            if not score.passed and not one.attempt.error:
                key = (one.attempt.case.id, score.name, one_line(score.detail, 160))
                rows[key] = rows.get(key, 0) + 1
        if one.attempt.error:
            rows[(one.attempt.case.id, "error", one_line(one.attempt.error, 160))] = 1
    for (case, scorer, says), count in sorted(rows.items()):
        table.add_row(case, scorer, f"{says} ({count} times)" if count > 1 else says)
    return table if rows else Text("every attempt of this start was as expected")


def _comparison_table(found: Comparison) -> Table:
    table = Table("metric", "before", "now", "difference, 95 %", "p (Holm)", box=None, pad_edge=False)
    for one in found.metrics.values():
        difference = one.difference
        between = f"{difference.mean:+.4g} [{difference.low:+.4g}, {difference.high:+.4g}]"
        _, low, high = one.gain
        style = "green" if low > 0 else "red" if high < 0 else ""
        p = f"{one.adjusted:.3g}" if difference.deviation else ""
        table.add_row(one.metric.says, shown(one, one.before), shown(one, one.now), Text(between, style), p)
    return table


def _show_verdict(screen: Screen, gate: Gate, verdict: Verdict, results: Results, promotion: Path | None) -> None:
    promoted = promotion if verdict.word is Word.PASS else None
    document = {**gate_json(gate, verdict), "evaluation": results.evaluation.id}
    screen.document({**document, "promotion": None if promoted is None else str(promoted)})
    style = {Word.PASS: "bold green", Word.FAIL: "bold red"}.get(verdict.word, "bold yellow")
    screen.show(Text.assemble((verdict.word.value, style), f"  {results.evaluation.id} at gate {gate.asks.name}"))
    for reason in verdict.reasons:
        screen.show(f"  {one_line(reason, 400)}")
    if promoted is not None:
        screen.show(f"promoted: {promoted}")


def _summary(results: Results) -> dict[str, object]:
    evaluation, counted = results.evaluation, results.counted
    return {
        "evaluation": evaluation.id,
        "suite": evaluation.suite,
        "digest": evaluation.identity.get("dataset", ""),
        "finished": evaluation.finished_at is not None,
        "passed": sum(one.passed for one in counted),
        "counted": len(counted),
        "errors": results.errors,
        "rate": percent(sum(one.passed for one in counted) / len(counted), 1) if counted else None,
    }


def _comparison_json(found: Comparison) -> dict[str, object]:
    metrics = {
        name: {
            "before": one.before,
            "now": one.now,
            "difference": one.difference.mean,
            "interval": [one.difference.low, one.difference.high],
            "p": one.difference.p,
            "p_holm": one.adjusted,
            "detectable": one.difference.detectable,
            "clusters": one.difference.clusters,
        }
        for name, one in found.metrics.items()
    }
    flips = [{"case": flip.case, "before": flip.before, "now": flip.now} for flip in found.flips]
    return {"metrics": metrics, "flips": flips, "mcnemar_p": found.p, "changed": list(found.changed)}


def _json(graded: Graded) -> dict[str, object]:
    attempt = graded.attempt
    return {
        "case": attempt.case.id,
        "repeat": attempt.repeat,
        "condition": attempt.condition,
        "status": attempt.run.status,
        "outcome": graded.outcome,
        "passed": graded.passed,
        "scores": [{"name": s.name, "passed": s.passed, "detail": s.detail} for s in graded.scores],
    }
