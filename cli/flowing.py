"""`baton flow`: where the time of runs goes, what holds them up, and what is wrong."""

from collections.abc import Iterator
from pathlib import Path

from cyclopts import App
from rich.text import Text

from baton.cli.charts import bar
from baton.cli.opening import find_place, to_look
from baton.cli.options import DEFAULTS, Common, Exit
from baton.cli.output import Screen
from baton.cli.tables import cell, table
from baton.cli.tones import STYLES
from baton.core import format_duration, format_time, parse_duration
from baton.core.texts import one_line, percent
from baton.flow import Times
from baton.flow.forecasts import read_ends, read_plan, read_what_if
from baton.flow.record import end_json, plan_json, report_json, what_if_json
from baton.flow.report import Report, read_report
from baton.flow.whatif import Change
from baton.flowing import (
    SPENT,
    changed,
    end_row,
    filling,
    held_up,
    plan_end,
    plan_rows,
    spent,
    station,
    took,
    what_if,
    wrong,
)
from baton.planning import load_plan

app = App(help="Say where time goes, what holds runs up, and what is wrong.")

WIDTH = 40
"""Columns of a bar over all of the time."""

MOST_SHOWN = 50
"""Open runs whose ends are shown; all are in the JSON."""


@app.default
async def flow(*, since: str = "24h", common: Common = DEFAULTS) -> int:
    """Say where the time of the runs went that have ended since then, and what is wrong now. Exits 3 if something is.

    Args:
        since: How far back, such as 7d; it is held against as long a time before.
        common: Options of every command.
    """
    back = parse_duration(since).total_seconds()
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        found = await ledger.read(lambda tx: read_report(tx, tx.now - back))
    screen.document(report_json(found))
    if not found.times.all.runs:
        screen.show(f"No run has ended in the last {format_duration(back)}.")
    else:
        screen.show(*_lines(found))
    wrong_now = [one for one in found.alerts if one.ended is None]
    screen.show(*_limits(found), *_wrong(found))
    return Exit.WAITING if wrong_now else Exit.OK


def _lines(found: Report) -> Iterator[Text]:
    yield from _times(found.times.all, "all runs")
    if len(found.times.agents) > 1:
        for one in found.times.agents:
            yield Text.assemble((one_line(one.name), "bold cyan"), f"  {', '.join(took(one))}")
            yield Text(f"    {', '.join(spent(one))}")
    yield Text("")
    if found.bottleneck is not None:
        yield Text(held_up(found.bottleneck), style="yellow")
        yield Text(f"  {one_line(found.bottleneck.way_out)}", style="green")
    if found.saturation is not None:
        yield Text(filling(found.saturation), style="yellow" if found.saturation.day is not None else "")
    for served in found.stations:
        if served.arrivals:
            name = (f"{one_line(served.name, 24):25}", "bold")
            yield Text.assemble((f"{served.kind:8}", "dim"), name, station(served))


def _times(one: Times, name: str) -> Iterator[Text]:
    yield Text.assemble((name, "bold"), f"  {', '.join(took(one))}")
    whole = one.spent.whole or 1.0
    for part, (says, tone) in SPENT.items():
        share = float(getattr(one.spent, part)) / whole
        if share >= 0.005:
            yield Text.assemble(f"  {says:26}", (bar(share, WIDTH), STYLES[tone]), f" {percent(share)}")
    if said := list(changed(one)):
        yield Text(f"  since the time before: {'; '.join(said)}", style="magenta")


def _limits(found: Report) -> Iterator[Text]:
    """The limits, and how those that follow how it goes have changed."""
    for one in found.limits:
        bounds = "" if one.bounds is None else f", by how it goes from {one.bounds.least} to {one.bounds.most}"
        held = "" if one.kind != "tool" else f", {one.held} are, {one.waiting} wait"
        line = f"{one.capacity} at once{bounds}{held}"
        yield Text.assemble((f"{'limit':8}", "dim"), (f"{one_line(one.name, 24):25}", "bold"), line)
        for change in [each for each in found.changes if each.name == one.name][:3]:
            text = f"  {format_time(change.at)}  {change.before} to {change.after}: {one_line(change.cause)}"
            yield Text(text, style="dim")


def _wrong(found: Report) -> Iterator[Text]:
    now = found.times.until
    for one in found.alerts:
        line, more = wrong(one, now)
        yield Text.assemble(("! " if one.ended is None else "  "), (line, "bold red" if one.ended is None else "dim"))
        if one.ended is None:
            yield Text(f"    {more}")
    if not any(one.ended is None for one in found.alerts):
        yield Text("Nothing is found to be wrong.", style="green")


@app.command
async def whatif(
    *,
    since: str = "30d",
    load: float = 1.0,
    work: float = 1.0,
    thinking: float = 1.0,
    model: str | None = None,
    add: list[str] | None = None,
    remove: list[str] | None = None,
    without: list[str] | None = None,
    discipline: str | None = None,
    enough_for: float | None = None,
    common: Common = DEFAULTS,
) -> None:
    """Play the questions that were asked again, with something otherwise, and say what would have come of it.

    Args:
        since: How far back, such as 30d.
        load: How many times as many questions come.
        work: How many times as long each takes to answer.
        thinking: How many times as long models think, such as 0.5: questions come and runs end sooner or later by it.
        model: A model that is on record, as fast as it was, in place of `thinking`.
        add: People to add, each with the hours, roles and skills of whom is named; may be given several times.
        remove: People who are not there; may be given several times.
        without: Classes that are not asked about any more; may be given several times.
        discipline: In which order questions are taken: urgent-first, first-come or earliest-due.
        enough_for: Whom to add so that at most this share of the questions is missed, such as 0.05.
        common: Options of every command.
    """
    change = Change(
        load=load,
        work=work,
        thinking=thinking,
        without=frozenset(without or ()),
        added=tuple(add or ()),
        removed=frozenset(remove or ()),
        discipline=discipline,
    )
    back = parse_duration(since).total_seconds()
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        found = await ledger.read(lambda tx: read_what_if(tx, tx.now - back, change, enough_for, model))
    screen.document(what_if_json(found))
    screen.show(*(Text(line) for line in what_if(found)))


@app.command
async def ends(*, agent: str | None = None, common: Common = DEFAULTS) -> None:
    """Say when open runs end, as the newest runs of their agents have fared: nine in ten keep to the range.

    Args:
        agent: Only runs of this agent.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        found = await ledger.read(lambda tx: read_ends(tx, agent))
    screen.document({"ends": [end_json(one) for one in found]})
    shown = table("run", "agent", "since", "half by", "9 in 10 between", elastic="run")
    for one in found[:MOST_SHOWN]:
        shown.add_row(*(cell(text) for text in end_row(one)))
    if found:
        screen.show(shown)
    screen.show("No run is open." if not found else f"{len(found)} open.")


@app.command
async def plan(file: Path, *, common: Common = DEFAULTS) -> None:
    """Work out the times of a plan: earliest and latest, slack, critical path, and when it ends, 9 times in 10.

    Args:
        file: YAML with `steps`, each with a `name` and `takes` (a time), or `agent` (as long as its runs took); `after`
            names steps, `start` and `end` are times from the beginning, `deadline` is that of the whole.
        common: Options of every command.
    """
    wanted = load_plan(file)
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        found = await ledger.read(lambda tx: read_plan(tx, wanted))
    screen.document(plan_json(found))
    shown = table("step", "begins", "ends", "latest end", "slack", elastic="step")
    for row, critical in plan_rows(found):
        shown.add_row(*(cell(text, "bold" if critical else "") for text in row))
    screen.show(shown, Text(plan_end(found)))
