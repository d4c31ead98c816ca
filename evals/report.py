"""The report of an evaluation: one HTML file that needs nothing beside it, Markdown for pull requests, JUnit for CI."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from baton.core import format_time
from baton.core.texts import one_line, percent
from baton.evals import figures
from baton.evals.calibration import calibration, smallest, threshold_by_test
from baton.evals.comparing import Compared, Comparison, Flip
from baton.evals.gate import Verdict, verdict_tone
from baton.evals.intervals import wilson
from baton.evals.metrics import METRICS, Measured, by_rule, escalation, measured, pass_k
from baton.evals.results import Results, Tried

PROMISED = 0.05
"""The share that may be wrong for which a threshold is looked for, where nothing else is said."""

_NOT_KNOWN = "\N{EN DASH}"

MOST_CASES = 40
"""Cases that are told of one by one."""


def html(
    results: Results,
    *,
    comparison: Comparison | None = None,
    verdict: Verdict | None = None,
    promised: float = PROMISED,
) -> str:
    """The report as one HTML document with its figures inline; no script, nothing loaded.

    Args:
        results: The evaluation.
        comparison: What it is held against; None is nothing.
        verdict: What a gate says of it; None where none was asked.
        promised: The share that may be wrong of what runs alone.
    """
    from jinja2 import Environment, FileSystemLoader

    folder = Path(__file__).with_name("templates")
    page = Environment(loader=FileSystemLoader(folder), autoescape=True).get_template("report.html")
    return page.render(**_page(results, comparison, verdict, promised))


def markdown(results: Results, *, comparison: Comparison | None = None, verdict: Verdict | None = None) -> str:
    """A summary for a pull request."""
    head = f"### Evaluation of {results.evaluation.suite}"
    lines = [head if verdict is None else f"{head}: {verdict.word}", "", subtitle(results), ""]
    if verdict is not None:
        lines += [*(f"- {one_line(reason, 400)}" for reason in verdict.reasons), ""]
    lines += ["| metric | value | 95 % interval |", "|---|---|---|"]
    for metric in METRICS.values():
        found = measured(results.under(), metric)
        if found.value is not None:
            lines.append(f"| {metric.says} | {shown(found, found.value)} | {_interval(found)} |")
    if comparison is not None:
        lines += ["", f"Against `{comparison.before.evaluation.id}`: {_changed(comparison)}", ""]
        lines += ["| metric | before | now | difference | 95 % interval | p (Holm) |", "|---|---|---|---|---|---|"]
        for row in map(_compared_row, comparison.metrics.values()):
            cells = (row[name] for name in ("name", "before", "now", "difference", "interval", "p"))
            lines.append(f"| {' | '.join(cells)} |")
        lines += ["", *(_flip_line(flip) for flip in comparison.flips)]
    failing = _cases(results)["rows"]
    lines += ["", f"{len(failing)} cases did not always pass.", ""] if failing else ["", "Every case passed.", ""]
    lines += [f"- `{row['case']}`: {'; '.join(row['why'])}" for row in failing[:10]]
    return "\n".join(lines).rstrip() + "\n"


def junit(results: Results) -> str:
    """The attempts as JUnit XML: a failure for what is not as expected, an error for what says nothing."""
    failed = sum(one.counts and not one.passed for one in results.tried)
    counts = {"tests": len(results.tried), "failures": failed, "errors": results.errors}
    head = " ".join(f'{name}="{count}"' for name, count in counts.items())
    parts = ['<?xml version="1.0" encoding="UTF-8"?>']
    parts.append(f"<testsuite name={quoteattr(results.evaluation.suite)} {head}>")
    parts += [_testcase(results, one) for one in results.tried]
    return "\n".join([*parts, "</testsuite>", ""])


def subtitle(results: Results) -> str:
    """What was played, in a line."""
    evaluation, cases = results.evaluation, len(results.clusters)
    stopped = (
        "" if evaluation.finished_at else f"; not finished: {len(results.tried)} of {evaluation.expected} attempts"
    )
    repeats = f"{evaluation.repeats} times" if evaluation.repeats > 1 else "once"
    return f"{cases} cases, {repeats}; {evaluation.id}, {format_time(evaluation.at)}, seed {evaluation.seed}{stopped}"


def shown(found: Measured | Compared, value: float) -> str:
    """A value of a metric, for people."""
    unit = found.metric.unit
    if found.metric.share:
        return percent(value, 1)
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}" if abs(value) < 0.1 else f"{value:,.2f}"
    return f"{unit} {text}" if unit == "€" else f"{text} {unit}".strip()


def _page(
    results: Results, comparison: Comparison | None, verdict: Verdict | None, promised: float
) -> Mapping[str, Any]:
    calm = results.under()
    return {
        "title": f"Evaluation of {results.evaluation.suite}",
        "subtitle": subtitle(results),
        "verdict": None
        if verdict is None
        else {"word": verdict.word, "tone": verdict_tone(verdict), "reasons": verdict.reasons},
        "tiles": _tiles(calm),
        "comparison": None if comparison is None else _comparison(comparison),
        "reliability": _reliability(calm),
        "coverage": _coverage(calm, promised),
        "waits": _waits(calm),
        "spent": _spent(calm),
        "costs": _costs(calm),
        "rules": _rules(calm),
        "conditions": _conditions(results),
        "cases": _cases(results),
        "notes": _notes(results),
        "hashes": sorted(results.evaluation.identity.items()),
        "footer": f"Played by Baton in {results.seconds:.0f} s. Simulated people are assumptions, not people.",
    }


def _tiles(results: Results) -> list[Mapping[str, str]]:
    found = {name: measured(results, metric) for name, metric in METRICS.items()}
    hard = sum(len(one.hard) for one in results.counted)
    powers = pass_k(results)
    asked = escalation(results)
    tiles = [_tile(found["passed"], "passed")]
    if len(powers) > 1:
        k, value = powers[-1]
        tiles.append({"name": f"pass^{k}", "value": percent(value, 1), "says": f"all {k} attempts of a case pass"})
    tiles.append(
        {"name": "hard failures", "value": str(hard), "says": "any fails the gate", "tone": "bad" if hard else "good"}
    )
    tiles.append(_tile(found["alone"], "of writes ran alone"))
    tiles.append(_tile(found["wrong_alone"], "of these wrong"))
    recall = "nothing was wrong" if asked.by_cost is None else percent(asked.by_cost, 1)
    precise = _NOT_KNOWN if asked.precision is None else percent(asked.precision)
    says = f"of {asked.wrong} wrong writes; {precise} of what was asked was wrong"
    tiles.append({"name": "of wrong ones caught, by cost", "value": recall, "says": says})
    tiles.append(_tile(found["minutes"], "of people an attempt"))
    tiles.append(_tile(found["cost"], "an attempt, all in"))
    return tiles


def _tile(found: Measured, name: str) -> Mapping[str, str]:
    if found.value is None:
        return {"name": name, "value": _NOT_KNOWN, "says": "not known"}
    return {"name": name, "value": shown(found, found.value), "says": f"95 %: {_interval(found)}"}


def _interval(found: Measured) -> str:
    low, high = found.interval
    return f"{shown(found, low)} to {shown(found, high)}"


def _reliability(results: Results) -> Mapping[str, Any]:
    found = calibration(results.stated)
    if found is None:
        return {"says": "No write has a confidence of which it is known whether it was right.", "figure": ""}
    low, high = found.gap_interval
    leaning = "Overconfident" if low > 0 else "Underconfident" if high < 0 else "Not seen to lean either way"
    says = (
        f"{leaning}: stated less right is {100 * found.gap:+.1f} points [{100 * low:+.1f}, {100 * high:+.1f}]. "
        f"Calibration error {percent(found.error, 1)} [{percent(found.error_interval[0], 1)}, "
        f"{percent(found.error_interval[1], 1)}], Brier {found.brier:.3f}, {found.count} actions."
    )
    return {"says": says, "figure": _svg(figures.reliability(found))}


def _coverage(results: Results, promised: float) -> Mapping[str, Any]:
    said = results.stated
    if not said:
        return {"says": "Not known: see beside.", "figure": ""}
    chosen, found = threshold_by_test(said, promised), calibration(said, resamples=1)
    if chosen.point is None:
        says = _no_threshold(len(said), promised)
    else:
        says = (
            f"From a confidence of {chosen.threshold:.2f} on, {percent(chosen.point.coverage)} of the actions run "
            f"alone with at most {percent(chosen.bound, 1)} wrong (tested with 95 % certainty, not read off the curve)."
        )
    area = "" if found is None else f" Area under the curve {found.area:.3f}."
    return {"says": says + area, "figure": _svg(figures.coverage(said, chosen, promised))}


def _no_threshold(count: int, promised: float) -> str:
    """Why no threshold can be promised."""
    missing = smallest(promised, 0.95) - count
    if missing > 0:
        needs = f"needs about {missing} more right ones at the least"
        return f"Not enough data for at most {promised:.0%} wrong with 95 % certainty: {needs}."
    return f"Nothing is certain to be wrong in at most {promised:.0%}: what it is surest of is wrong too often."


def _waits(results: Results) -> Mapping[str, Any]:
    figure = figures.waits(results)
    if not figure:
        return {"says": "No question was answered by anybody.", "figure": ""}
    bar, parts = figures.parts_of_waits(results)
    asked = sum(len(one.reviews) for one in results.counted)
    open_ = sum(row["decided_at"] is None for one in results.counted for row in one.reviews)
    legend = [(name, f"{value:.1f} h", kind) for name, value, kind in parts if value > 0]
    left = f", {open_} of them not answered by a person" if open_ else ""
    return {"says": f"{asked} questions{left}.", "figure": _svg(figure), "parts": _svg(bar), "legend": legend}


def _spent(results: Results) -> list[tuple[str, str, str, str]]:
    took = figures.time_taken
    return [(name, percent(share, 1), took(mean), took(most)) for name, share, mean, most in figures.spent(results)]


def _costs(results: Results) -> Mapping[str, Any]:
    figure, parts = figures.costs(results)
    prices = results.prices
    says = (
        f"€ {prices.prompt:g} and € {prices.completion:g} a million tokens, € {prices.minute:g} a minute of people, "
        f"€ {prices.delay:g} an hour of delay; mistakes by their case."
    )
    legend = [(name, f"€ {value:.3g}", kind) for name, value, kind in parts]
    return {"says": says, "figure": _svg(figure), "legend": legend}


def _rules(results: Results) -> list[Mapping[str, str]]:
    found: list[Mapping[str, str]] = []
    for one in by_rule(results)[:8]:
        agreed = f"{percent(one.agreed / one.answered)} of {one.answered}" if one.answered else _NOT_KNOWN
        found.append({"rule": one.rule, "asked": str(one.asked), "agreed": agreed, "minutes": f"{one.minutes:.1f}"})
    return found


def _conditions(results: Results) -> list[Mapping[str, str]]:
    if len(results.conditions) < 2:
        return []
    found: list[Mapping[str, str]] = []
    for name in results.conditions:
        part = results.under(name)
        means = {key: measured(part, METRICS[key]).value or 0.0 for key in ("retries", "questions")}
        found.append(
            {
                "name": name or "none",
                "passed": f"{sum(one.passed for one in part.counted)} of {len(part.counted)}",
                "hard": str(sum(len(one.hard) for one in part.counted)),
                "errors": str(part.errors),
                "retries": f"{means['retries'] * len(part.by_case):.0f}",
                "questions": f"{means['questions']:.2f}",
            }
        )
    return found


def _cases(results: Results) -> Mapping[str, Any]:
    rows: list[Mapping[str, Any]] = []
    by_case: dict[str, list[Tried]] = {}
    for one in results.tried:
        by_case.setdefault(str(one.row["case"]), []).append(one)
    for case, tried in sorted(by_case.items()):
        ordered = sorted(tried, key=lambda one: (one.row["condition"], one.row["repeat"]))
        if all(one.passed for one in ordered):
            continue
        passed = sum(one.passed for one in ordered)
        rows.append(
            {
                "case": case,
                "attempts": [one.outcome.value for one in ordered],
                "told": f"{passed} of {len(ordered)} passed",
                "rate": passed / len(ordered),
                "why": _why(ordered),
            }
        )
    rows.sort(key=lambda row: (row["rate"], row["case"]))
    if not rows:
        return {"says": f"Every one of {len(results.tried)} attempts passed.", "rows": []}
    left = f"; the first {MOST_CASES} are shown" if len(rows) > MOST_CASES else ""
    return {"says": f"{len(rows)} of {len(by_case)} cases, the worst first{left}.", "rows": rows[:MOST_CASES]}


def _why(tried: Sequence[Tried]) -> list[str]:
    """What is not as expected, the commonest first; three at most."""
    counts: dict[str, int] = {}
    for one in tried:
        found = [f"error: {one.row['error']}"] if not one.counts else []
        found += [_failed(score) for score in one.failed if one.counts]
        for text in found:
            counts[one_line(text, 150)] = counts.get(one_line(text, 150), 0) + 1
    ordered = sorted(counts.items(), key=lambda one: -one[1])[:3]
    return [f"{text} (×{count})" if count > 1 else text for text, count in ordered]  # noqa: RUF001


def _failed(score: Mapping[str, Any]) -> str:
    """What a scorer says; ids of runs say nothing to whoever reads a report."""
    return str(score["scorer"]) if score["detail"].startswith("run_") else f"{score['scorer']}: {score['detail']}"


def _comparison(found: Comparison) -> Mapping[str, Any]:
    won = sum(flip.now for flip in found.flips)
    tried = {case: one for case, one in found.now.by_case.items()}
    return {
        "id": found.before.evaluation.id,
        "says": _changed(found),
        "forest": _svg(figures.forest(found)),
        "rows": [_compared_row(one) for one in found.metrics.values()],
        "flips": [
            {
                "case": flip.case,
                "before": flip.before,
                "now": flip.now,
                "why": "" if flip.now else "; ".join(_why(tried[flip.case])),
            }
            for flip in found.flips
        ],
        "flips_say": f"{won} won, {len(found.flips) - won} lost by the majority of their attempts; "
        f"McNemar's exact test: p = {found.p:.3g}.",
    }


def _changed(found: Comparison) -> str:
    changed = f"What differs: {', '.join(found.changed)}." if found.changed else "Nothing that is hashed differs."
    missing = f" {len(found.missing)} cases are in one of them alone." if found.missing else ""
    return f"Paired by case, whole clusters resampled 10,000 times. {changed}{missing}"


def _compared_row(one: Compared) -> dict[str, str]:
    difference = one.difference
    _, low, high = one.gain
    return {
        "name": one.metric.name,
        "says": one.metric.says,
        "before": shown(one, one.before),
        "now": shown(one, one.now),
        "difference": _signed(one, difference.mean),
        "interval": f"{_signed(one, difference.low)} to {_signed(one, difference.high)}",
        "p": _NOT_KNOWN if difference.deviation == 0 else f"{one.adjusted:.3g}",
        "detectable": _NOT_KNOWN if difference.deviation == 0 else shown(one, difference.detectable),
        "tone": "good" if low > 0 else "bad" if high < 0 else "",
    }


def _signed(one: Compared, value: float) -> str:
    text = shown(one, abs(value))
    return text if abs(value) < 1e-12 else f"{'+' if value > 0 else '−'}{text}"  # noqa: RUF001


def _flip_line(flip: Flip) -> str:
    return f"- `{flip.case}` {'passes now' if flip.now else '**fails now**'}"


def _notes(results: Results) -> list[str]:
    said = [
        f"{one['name']} is simulated: looks after {one['looks']}, thinks for {one['thinks']}, "
        f"errs in {', '.join(f'{percent(share)} ({kind})' for kind, share in one['errs'].items())}, "
        f"automation bias {one['bias']:g}, tires by {one['tires']:g}; {one['basis']}."
        for one in results.evaluation.about.get("people", ())
    ]
    counted, cases = results.counted, len(results.by_case)
    low, high = wilson(sum(one.passed for one in counted), len(counted)) if counted else (0.0, 1.0)
    said.append(
        f"Intervals are over {cases} cases: a case's repeats are averaged first. Counting every attempt as if it stood "
        f"alone would give {percent(low, 1)} to {percent(high, 1)}, which is too narrow where cases repeat alike."
    )
    if results.errors:
        said.append(f"{results.errors} attempts say nothing, as the infrastructure failed; they count neither way.")
    return said


def _testcase(results: Results, one: Tried) -> str:
    under = f" under {one.row['condition']}" if one.row["condition"] else ""
    name = quoteattr(f"{one.row['case']} #{one.row['repeat']}{under}")
    suite = quoteattr(results.evaluation.suite)
    head = f'  <testcase classname={suite} name={name} time="{one.row["seconds"]:.3f}"'
    if not one.counts:
        return f"{head}><error message={quoteattr(one_line(one.row['error'], 400))}/></testcase>"
    if one.passed:
        return f"{head}/>"
    said = "; ".join(f"{score['scorer']}: {score['detail']}" for score in one.failed)
    return f"{head}><failure message={quoteattr(one_line(said, 400))}/></testcase>"


def _svg(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)
