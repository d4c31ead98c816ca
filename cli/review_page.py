"""A question to people on one page: what would happen, why it is asked, what it rests on, how to answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from baton.cli.assessing import assessed_rows
from baton.cli.explaining import conditions
from baton.cli.opening import Place
from baton.cli.output import Screen, call, one_line, safe, value
from baton.cli.progress import LONGEST
from baton.cli.tables import pairs
from baton.cli.telling import DECIDED, asked, due, proposed, reviewers, tell, until
from baton.core import Verdict, format_duration, format_time
from baton.ledger import Review, ReviewKind, Run, Transaction, reviews, runs
from baton.review.outlook import NOTHING, Outlook, expected_text, gap_text, outlooks
from baton.story import Moment, told

_BODY_LINES = 14
"""Lines that are shown of each attachment."""

_STEPS = 12
"""Steps of the agent that are shown, the newest."""

_SOURCES = {
    "untraced": "nothing that the agent read has it",
    "absent": "left out",
    "goal": "the goal",
}


@dataclass(frozen=True)
class ReviewPage:
    """A review with what a person needs to decide it.

    Attributes:
        run: The run that asks.
        story: What it has done so far.
        outlook: When an answer is expected, and whether anybody is there to give it.
    """

    review: Review
    run: Run
    story: list[Moment]
    outlook: Outlook


def read_page(tx: Transaction, review: str) -> ReviewPage:
    """Everything about a review, in one look at the ledger.

    Raises:
        NotFound, Ambiguous: if none or several have this beginning of an id.
    """
    known = reviews.get(tx, reviews.find(tx, review))
    outlook = outlooks(tx, [known]).get(known.id, NOTHING)
    return ReviewPage(known, runs.get(tx, known.run), told(tx, known.run), outlook)


def show_question(screen: Screen, review: Review, now: float, outlook: Outlook = NOTHING) -> None:
    """Print what would happen and why it is asked."""
    screen.show(_head(review, now), _proposal(review), _why(review, now, outlook))


def show_page(screen: Screen, page: ReviewPage, place: Place, now: float) -> None:
    """Print the whole page."""
    review = page.review
    show_question(screen, review, now, page.outlook)
    screen.show("", goal(page.run))
    show_steps(screen, page.story, place.command(f"runs show {review.run}"))
    if review.open:
        screen.show("", Text("answer with", style="bold"))
        screen.show(*(Text(f"  {place.command(words)}", style="cyan") for words in answers(review)))


def show_steps(screen: Screen, story: Sequence[Moment], rest: str) -> None:
    """Print the newest steps of a story; `rest` is the command that shows all, empty where none is to be named."""
    steps = [line for moment in story if (line := tell(moment)) and moment.event.kind not in _NO_STEPS]
    if not steps:
        return
    screen.show("", Text("what the agent has done so far", style="bold"))
    width = screen.out.width - 4 if screen.out.is_terminal else LONGEST
    if len(steps) > _STEPS:
        screen.show(Text(f"  … {len(steps) - _STEPS} earlier steps{rest and ': ' + rest}", style="dim"))
    for line in steps[-_STEPS:]:
        shown = Text.assemble(f"  {line.mark} ", (line.text, line.style), no_wrap=True)
        shown.truncate(width, overflow="ellipsis")
        screen.show(shown)


def answers(review: Review) -> list[str]:
    """The commands that fit this question."""
    short = review.id
    reject = f'review reject {short} --reason "…"'
    if review.kind is ReviewKind.QUESTION:
        return [f'review respond {short} "…"', reject]
    if review.kind is not ReviewKind.ACTION:
        return [f"review approve {short}", f'review respond {short} "…"', reject]
    given = proposed(review)
    example = next((f"{name}={_typed(said)}" for name, said in given.items() if isinstance(said, int | float)), None)
    example = example or next((f'{name}="…"' for name in given), "name=value")
    return [f"review approve {short}", f"review edit {short} --set {example}", reject]


def card(review: Review, now: float, outlook: Outlook = NOTHING) -> RenderableType:
    """A review in the list: a few lines that say what, why and until when."""
    head = Text.assemble((review.id, "bold cyan"), f"  {one_line(review.agent)} ", _asks(review))
    head.append(f"  asked {format_duration(now - review.opened_at)} ago, {due(review, now)}", style="dim")
    if review.claimed_by:
        head.append(f", claimed by {one_line(review.claimed_by)}", style="magenta")
    why = Text(f"for {reviewers(review)}: {_reason(review)}", style="dim")
    lines = [Text(asked(review)), why]
    if outlook.gap is not None:
        lines.append(Text(one_line(gap_text(review, outlook.gap)), style="red"))
    return Group(head, *(Padding(line, (0, 0, 0, 4)) for line in lines))


def change(before: Mapping[str, Any], after: Mapping[str, Any]) -> Table:
    """What an edit changes, old and new."""
    rows = [
        (
            one_line(name),
            Text.assemble((_shown(before.get(name)), "red strike"), "  →  ", (_shown(after[name]), "green")),
        )
        for name in after
        if name not in before or before[name] != after[name]
    ]
    rows += [(one_line(name), Text("left out", style="red")) for name in before if name not in after]
    return pairs(rows)


def _head(review: Review, now: float) -> Text:
    head = Text.assemble((review.id, "bold"), "  ", (one_line(review.agent), "bold"), f" {_asks(review)}  ")
    if review.decision is None:
        return head.append(f"open, asked {format_duration(now - review.opened_at)} ago", style="yellow")
    decision = review.decision
    said = f"{decision.by} {DECIDED[decision.kind]} it at {format_time(decision.at)} (by {decision.channel})"
    head.append(one_line(said), style="magenta")
    return head.append(f": {one_line(decision.note)}") if decision.note else head


def _asks(review: Review) -> str:
    match review.kind:
        case ReviewKind.ACTION:
            return f"wants to call {one_line(review.tool)}"
        case ReviewKind.QUESTION:
            return "asks"
        case ReviewKind.DOUBT:
            return f"does not know whether {one_line(review.tool)} happened"
        case ReviewKind.TROUBLE:
            return "cannot go on"


def _proposal(review: Review) -> Panel:
    """What would happen, or what is asked: the biggest thing on the page."""
    style = "yellow" if review.open else "dim"
    if review.kind is not ReviewKind.ACTION:
        return Panel(_question(review), border_style=style, title_align="left", title="the question")
    title = Text.assemble(" if approved: ", (one_line(review.tool), "bold"), " ")
    rows = arguments(proposed(review), review.verdict)
    return Panel(rows, border_style=style, title=title, title_align="left", padding=(1, 2))


def arguments(given: Mapping[str, Any], verdict: Verdict) -> Table:
    """The arguments of a call, each with where it came from."""
    traced = cast(Mapping[str, Any], verdict.evidence.get("arguments") or {})
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column(overflow="fold", ratio=3)
    rows.add_column(overflow="fold", ratio=2, style="dim")
    for name, said in given.items():
        rows.add_row(one_line(name), _argument(said), _origin(traced.get(name)))
    return rows


def _question(review: Review) -> RenderableType:
    said = Text(safe(str(review.question.get("summary", ""))), style="bold")
    lines: list[RenderableType] = [said]
    given = proposed(review)
    if review.kind is ReviewKind.QUESTION:
        options = given.get("options") or ()
        lines += [Text(f"- {one_line(str(option))}") for option in options]
    elif given:
        lines.append(Text(call(review.tool, given, 500)))
    known = cast(Mapping[str, Any], review.question.get("known") or {})
    if known:
        lines += ["", pairs([(one_line(name), one_line(str(said))) for name, said in known.items()])]
    if "answers" in review.question:
        lines += ["", Text(safe(str(review.question["answers"])), style="dim")]
    return Padding(Group(*lines), (1, 2))


def _why(review: Review, now: float, outlook: Outlook) -> Table:
    verdict, question = review.verdict, review.question
    rows: list[tuple[str, str | Text]] = [("why asked", _reason(review))]
    if "was" in question:
        was = cast("dict[str, Any]", question["was"])
        rows.append(("before", f"version {was['version']}: {call(review.tool, was['arguments'], 400)}"))
    if "now" in question:
        rows.append(("before", f"was approved under: {one_line(str(question.get('before', '')))}"))
    rows += conditions(verdict)
    if verdict.assessed is not None:
        rows += assessed_rows(verdict.assessed)
    elif verdict.threshold is not None:
        gave = f"{verdict.value:.2f}" if verdict.value is not None else "none"
        rows.append(("threshold", f"{verdict.threshold:.2f} for acting alone; the agent's confidence was {gave}"))
    confidence = question.get("confidence")
    if confidence is not None:
        rows.append(("confidence", f"{confidence:.2f}, as the agent itself says"))
    if question.get("reason"):
        rows.append(("agent says", Text(f"“{one_line(str(question['reason']), 400)}”", style="italic")))
    rows.append(("who decides", reviewers(review)))
    if review.claimed_by:
        rows.append(("claimed by", f"{one_line(review.claimed_by)} until {format_time(review.claimed_until or 0)}"))
    rows.append(("deadline", until(review, now) or "none"))
    if outlook.gap is not None:
        rows.append(("on duty", Text(one_line(gap_text(review, outlook.gap)), style="red")))
    if expects := expected_text(outlook.forecast, now):
        rows.append(("expected", expects))
    return pairs(rows)


def goal(run: Run) -> RenderableType:
    """What the run is at work on."""
    asker = f", asked by {one_line(run.requester)}" if run.requester else ""
    above = f", handed over by {run.parent}" if run.parent else ""
    lines: list[RenderableType] = [
        Text.assemble(("the goal", "bold"), f"  {run.id}{asker}{above}", no_wrap=True, overflow="ellipsis"),
        Padding(Text(safe(run.goal.statement)), (0, 0, 0, 2)),
    ]
    for attachment in run.goal.attachments:
        rows = safe(attachment.text).strip().split("\n")
        text = Text("\n".join(rows[:_BODY_LINES]), overflow="fold")
        if len(rows) > _BODY_LINES:
            text.append(f"\n… {len(rows) - _BODY_LINES} more lines", style="dim")
        trust = attachment.trust.name.lower().replace("_", " ")
        name, mark = (one_line(attachment.name), "bold"), (f"  ({trust} trust)", "dim")
        if len(rows) == 1 and len(rows[0]) < 100:
            lines.append(Padding(Text.assemble(name, "  ", text, mark), (0, 0, 0, 2)))
        else:
            lines += [Padding(Text.assemble(name, mark), (0, 0, 0, 2)), Padding(text, (0, 0, 0, 4))]
    return Group(*lines)


def _reason(review: Review) -> str:
    rules = f" [{', '.join(review.verdict.rules)}]" if review.verdict.rules else ""
    return one_line(f"{review.verdict.reason}{rules}")


def _origin(traced: Mapping[str, Any] | None) -> str:
    """Where an argument came from, and how far that is trusted."""
    if not traced:
        return ""
    sources: list[str] = [_SOURCES.get(source) or str(source).replace(":", " ") for source in traced.get("from", ())]
    return one_line(f"{traced.get('trust', '')} trust: {', '.join(sources)}".replace("_tool trust", " tool trust"))


def _argument(said: Any) -> Text:
    return Text(_shown(said), overflow="fold")


def _shown(said: Any) -> str:
    return safe(said) if isinstance(said, str) else safe(value(said))


def _typed(said: Any) -> str:
    return value(said)


_NO_STEPS = frozenset({"run.submitted", "review.opened", "review.expected"})
