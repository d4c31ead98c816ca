"""An action to look back at: what ran, why it ran alone, what the run had done by then, how to answer."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from baton.assessing import assessed_rows
from baton.cli.opening import Place
from baton.cli.output import Screen
from baton.cli.review_page import arguments, goal, steps, steps_width
from baton.cli.tables import pairs
from baton.core import Verdict, format_time
from baton.core.texts import call, one_line, safe
from baton.ledger import Run, Transaction, audits, journal, runs
from baton.ledger.audits import Audit
from baton.promising import ago
from baton.rows import Row
from baton.story import Moment, told

_RESULT = 600
"""Characters of a result that are shown."""


@dataclass(frozen=True)
class AuditPage:
    """An action to look back at, with what a person needs to say whether it was right.

    Attributes:
        verdict: What let it run alone.
        run: The run that it is of.
        story: What the run had done when it had run.
        later: How much happened behind that.
        before: Who has looked at it before.
    """

    audit: Audit
    verdict: Verdict
    run: Run
    story: list[Moment]
    later: int
    before: tuple[str, ...]


def read_audit(tx: Transaction, id: str) -> AuditPage:
    """Everything about an audit, in one look at the ledger; of a second look, nothing that the first one said.

    Raises:
        NotFound, Ambiguous: if none or several have this beginning of an id.
    """
    audit = audits.get(tx, id)
    verdict = journal.proposal(tx, audit.action).verdict
    story = [moment for moment in told(tx, audit.run) if not moment.event.kind.startswith(("audit.", "outcome."))]
    until = max(
        (at for at, moment in enumerate(story, 1) if moment.event.data.get("action") == audit.action), default=0
    )
    return AuditPage(
        audit, verdict, runs.get(tx, audit.run), story[:until], len(story) - until, looked_before(tx, audit)
    )


def looked_before(tx: Transaction, audit: Audit) -> tuple[str, ...]:
    """Who has looked at the action before this was asked."""
    return audits.lookers(tx, audit.action)[: audit.look - 1]


def audit_card(audit: Audit, before: Sequence[str], by: str, now: float) -> RenderableType:
    """An audit in the list: what ran, when, and of which class it is."""
    head = Text.assemble((audit.id, "bold cyan"), f"  {one_line(audit.agent)} ran {one_line(audit.tool)} alone")
    head.append(f"  {ago(audit.opened_at, now)}, of {one_line(audit.kind)}", style="dim")
    lines: list[RenderableType] = [head, _inset(Text(call(audit.tool, audit.question["arguments"], 300)))]
    if audit.look > 1:
        lines.append(_inset(Text(_again(before, by), style="dim")))
    return Group(*lines)


def show_audit(screen: Screen, page: AuditPage, place: Place, by: str, now: float) -> None:
    """Print the whole page."""
    audit = page.audit
    screen.show(_head(audit, now), _ran(page), _why(page, by), "", goal(page.run))
    rest = place.command(f"runs show {audit.run}") if audit.look == 1 else ""  # it tells what the first look said
    screen.show(*steps(page.story, "what the agent had done by then", steps_width(screen), rest))
    if page.later and rest:
        screen.show(Text(f"  … and what came later: {rest}", style="dim"))
    if audit.state == "open" and by not in page.before:
        screen.show("", Text("was it right? answer with", style="bold"))
        screen.show(*(Text(f"  {place.command(words)}", style="cyan") for words in answers(audit)))


def answers(audit: Audit) -> list[str]:
    """The commands that answer it."""
    return [f"review right {audit.id}", f'review wrong {audit.id} --reason "…"']


def said(audit: Audit) -> str:
    """What was said of it."""
    return "was wrong" if audit.wrong else "was right"


def _head(audit: Audit, now: float) -> Text:
    head = Text.assemble(
        (audit.id, "bold"), "  ", (one_line(audit.agent), "bold"), f" ran {one_line(audit.tool)} alone  "
    )
    if audit.state == "open":
        return head.append(f"to look back at, {ago(audit.opened_at, now)}", style="yellow")
    head.append(
        f"{one_line(audit.by or 'somebody')} said at {format_time(audit.at or 0)} that it {said(audit)}", "magenta"
    )
    return head.append(f": {one_line(audit.note)}") if audit.note else head


def _ran(page: AuditPage) -> Panel:
    """What ran: the biggest thing on the page."""
    audit = page.audit
    title = Text.assemble(" it ran: ", (one_line(audit.tool), "bold"), " ")
    style = "yellow" if audit.state == "open" else "dim"
    return Panel(
        arguments(audit.question["arguments"], page.verdict),
        border_style=style,
        title=title,
        title_align="left",
        padding=(1, 2),
    )


def _why(page: AuditPage, by: str) -> Table:
    audit, verdict = page.audit, page.verdict
    rows: list[Row | tuple[str, str | Text]] = [("result", safe(str(audit.question["result"]))[:_RESULT])]
    if audit.question.get("reason"):
        rows.append(("agent says", Text(f"“{one_line(str(audit.question['reason']), 400)}”", style="italic")))
    confidence = audit.question.get("confidence")
    if confidence is not None:
        rows.append(("confidence", f"{confidence:.2f}, as the agent itself says"))
    if verdict.assessed is not None:
        rows += assessed_rows(verdict.assessed)
    rows.append(("rules", ", ".join(verdict.rules)))
    if audit.look > 1:
        rows.append(("look", _again(page.before, by)))
    return pairs(rows)


def _again(before: Sequence[str], by: str) -> str:
    """What whoever looks is told of earlier looks: not what they said."""
    if by in before:
        return "you have looked at it already: another person has to"
    if len(before) > 1:
        return "two people have looked at it and disagree; what they said is not shown"
    return "somebody has looked at it already; what they said is not shown"


def _inset(content: RenderableType) -> RenderableType:
    return Padding(content, (0, 0, 0, 4), expand=False)
