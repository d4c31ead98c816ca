"""All there is to say of a promise on one page: how it stands, what more would cost, what it rests on."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from baton.cli.charts import bar, levels
from baton.cli.opening import Place
from baton.cli.output import Screen
from baton.cli.standing import sentence
from baton.cli.tables import cell, pairs, table
from baton.core import Promise, format_time
from baton.core.texts import one_line, percent
from baton.ledger.promises import CertificateRow, Entry
from baton.policies.promises import Point
from baton.policies.promises.figures import Bin, reliability, stretches
from baton.policies.promises.looking import Look, Page
from baton.promising import (
    FEW,
    FEW_IN_A_ROW,
    ago,
    distinct,
    facts,
    never_known,
    of_kind,
    picked,
    promised,
    scored_by,
    signals_of,
    unknown_curve,
)

_NEWEST = 5
"""Audits, reports and certificates that are shown, the newest."""


@dataclass(frozen=True)
class _Sheet:
    """A page, and where it is shown."""

    page: Page
    now: float
    width: int

    @property
    def look(self) -> Look:
        return self.page.look

    def of(self, kind: str) -> list[Entry]:
        """The entries of a kind."""
        return of_kind(self.page, kind)


def show_promise(screen: Screen, page: Page, place: Place, now: float) -> None:
    """Print the page."""
    sheet = _Sheet(page, now, screen.out.width)
    row = page.look.row
    screen.show(Text.assemble((one_line(row.kind), "bold"), f"  {one_line(row.agent)}"))
    screen.show(_inset(sentence(page.look, now)), "", _inset(pairs(facts(page, now))))
    _section(screen, "what more would cost", _curve(sheet))
    _section(screen, "how sure it says it is, and how often people found it right", _reliability(sheet))
    _section(screen, "how much ran alone, from its first action to its last", _history(sheet))
    _section(screen, "what the score is made of", _score(sheet))
    _section(screen, "to look back at", _waiting(sheet, place) if page.look.waiting else None)
    _section(screen, "reported afterwards", _reported(sheet, place) if sheet.of("reported") else None)
    _section(screen, "earlier certificates", _earlier(page.earlier) if page.earlier else None)


def _section(screen: Screen, name: str, content: RenderableType | None) -> None:
    if content is not None:
        screen.show("", Text(name, style="bold"), _inset(content))


def _inset(content: RenderableType) -> RenderableType:
    return Padding(content, (0, 0, 0, 2), expand=False)


def _curve(sheet: _Sheet) -> RenderableType:
    """Risk against coverage: a row for every tenth of the actions, and for the threshold in force."""
    why, promise = unknown_curve(sheet.page), sheet.look.row.promise
    if why:
        return Text(why)
    room = max(12, min(40, sheet.width - 62))
    made = Table.grid(padding=(0, 2, 0, 0))
    for justify in ("right", "right", "right", "left", "right", "left"):
        made.add_column(justify=justify, no_wrap=True)
    made.add_row(*(Text(name, style="dim") for name in ("from score", "runs alone", "wrong", "lately", "evidence", "")))
    for point in picked(distinct(sheet.look.curve)):
        made.add_row(*_point(point, promise, room))
    note = f"│ is what is promised, {100 * promise.most_wrong:g} %. Evidence is what has been won by betting that less"
    note += " is wrong above the score; behind a threshold that is certified comes the next lower one."
    return Group(made, Text(note, style="dim"))


def _point(point: Point, promise: Promise, room: int) -> list[Text]:
    few = point.labels < FEW_IN_A_ROW or point.wrong is None
    wrong = 0.0 if point.wrong is None else point.wrong
    style = "green" if wrong <= promise.most_wrong else "red"
    needed = "" if point.needed_evidence is None else f"{point.evidence:,.0f} of {point.needed_evidence:,.0f}"
    return [
        Text(f"{point.threshold:.2f}", style="bold" if point.in_force else ""),
        Text(percent(point.share)),
        Text("" if few else percent(wrong, 1)),
        Text("too few labels", style="dim") if few else Text(bar(wrong / promise.most_wrong / 2, room, 0.5), style),
        Text("certified", style="green") if point.proven else Text(needed),
        Text("◂ in force", style="bold") if point.in_force else Text(""),
    ]


def _reliability(sheet: _Sheet) -> RenderableType:
    rows = reliability(sheet.page.entries)
    labels = sum(row.labels for row in rows)
    if not labels:
        return Text("not known: the agent has not said how sure it is of anything that was labelled")
    if labels < FEW:
        return Text(f"not known yet: only {labels} actions with a stated confidence were labelled")
    room = max(12, min(50, sheet.width - 42))
    made = Table.grid(padding=(0, 2, 0, 0))
    for justify in ("right", "right", "left", "right"):
        made.add_column(justify=justify, no_wrap=True)
    made.add_row(*(Text(name, style="dim") for name in ("it says", "right", "", "labels")))
    for row in rows:
        made.add_row(*_bin(row, room))
    note = "│ is where the bar would end if it were as right as it says. An action that ran alone and was looked at"
    return Group(made, Text(f"{note} stands for those that were not.", style="dim"))


def _bin(row: Bin, room: int) -> list[Text]:
    few = row.labels < FEW_IN_A_ROW
    says = Text(f"{100 * row.low:.0f} to {100 * row.high:.0f} %")
    if few:
        return [says, Text(""), Text("too few labels", style="dim"), Text(str(row.labels))]
    style = "green" if row.right >= row.stated else "yellow"
    return [says, Text(percent(row.right)), Text(bar(row.right, room, row.stated), style), Text(f"{row.labels:,}")]


def _history(sheet: _Sheet) -> RenderableType:
    decided = len(sheet.of("decided"))
    if decided < FEW:
        return Text(f"too little to show: {decided} actions so far")
    parts = stretches(sheet.page.entries, min(10, decided // 10))
    shares = [part.alone / part.decided for part in parts]
    if not any(shares):
        return Text("nothing has run alone yet")
    drawn = Text("".join(f"{letter * 3:>5}" for letter in levels(shares)), style="green")
    lines: list[RenderableType] = [drawn, Text("".join(f"{100 * share:5.0f}" for share in shares) + "  %")]
    span = f"{format_time(parts[0].began_at)} to {format_time(parts[-1].ended_at)}, {parts[0].decided} actions a column"
    return Group(*lines, Text(f"  {span}", style="dim"))


def _score(sheet: _Sheet) -> RenderableType:
    made = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(3):
        made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    for signal in signals_of(sheet.page):
        known, says = Text(signal.known, style="dim"), Text(signal.says, style="dim")
        made.add_row(Text(signal.name), Text(signal.weight), known, says)
    never = ", ".join(never_known(sheet.page))
    lines: list[RenderableType] = [Text(scored_by(sheet.page)), made]
    lines += [Text(f"not known of any action: {never}", style="dim")] if never else []
    return Group(*lines)


def _waiting(sheet: _Sheet, place: Place) -> RenderableType:
    waiting = sheet.look.waiting
    shown = [(audit.id, f"{one_line(audit.tool)}, opened {ago(audit.opened_at, sheet.now)}") for audit in waiting]
    rest = f"… {len(waiting) - _NEWEST} more; " if len(waiting) > _NEWEST else ""
    return Group(pairs(shown[:_NEWEST]), Text.assemble(rest, "next: ", (place.command("review"), "cyan")))


def _reported(sheet: _Sheet, place: Place) -> RenderableType:
    found = sheet.of("reported")
    newest = [
        (str(entry.action), f"wrong, says {one_line(entry.by or 'somebody')}, {ago(entry.at, sheet.now)}")
        for entry in reversed(found[-_NEWEST:])
    ]
    note = f"{len(found)} in all; they are no labels: that they came to light may have to do with what they were"
    return Group(pairs(newest), Text(note, style="dim"))


def _earlier(rows: Sequence[CertificateRow]) -> RenderableType:
    made = table("certificate", "promise", "scored by", "began", elastic="promise")
    for row in rows[:_NEWEST]:
        made.add_row(cell(row.id), cell(promised(row.promise)), cell(row.scorer), format_time(row.began_at))
    return made
