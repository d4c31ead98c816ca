"""A question to people on one page: what would happen, why it is asked, what it rests on, how to answer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from baton.cli.diff import changes
from baton.cli.opening import Place
from baton.cli.output import Screen
from baton.cli.progress import LONGEST
from baton.cli.tables import pairs
from baton.cli.tones import marked
from baton.core import Verdict, format_duration, format_time
from baton.core.texts import call, one_line, safe, value
from baton.graph.briefing import change_text
from baton.grounds import origin, reason, why
from baton.ledger import Review, ReviewKind, Run
from baton.ledger.remarks import Remark
from baton.pages import ReviewPage
from baton.review.outlook import NOTHING, Outlook, gap_text
from baton.story import Moment
from baton.telling import asked, asks, decided, due, proposed, reviewers, tell

_BODY_LINES = 14
"""Lines that are shown of each attachment."""

_BESIDE = 60
"""Characters of a value and of where it came from that stand on one line."""

_STEPS = 12
"""Steps of the agent that are shown, the newest."""


def show_question(screen: Screen, review: Review, now: float, outlook: Outlook = NOTHING) -> None:
    """Print what would happen and why it is asked."""
    screen.show(*question(review, now, outlook))


def show_page(screen: Screen, page: ReviewPage, place: Place, now: float) -> None:
    """Print the whole page."""
    review = page.review
    screen.show(*whole(page, now, place.command(f"runs show {review.run}"), steps_width(screen)))
    if review.open:
        screen.show("", Text("answer with", style="bold"))
        screen.show(*(Text(f"  {place.command(words)}", style="cyan") for words in answers(review)))


def question(review: Review, now: float, outlook: Outlook = NOTHING) -> list[RenderableType]:
    """What would happen and why it is asked."""
    asked_because = Text.assemble(("why asked  ", "dim"), reason(review))
    head: list[RenderableType] = [_head(review, now), asked_because, _proposal(review)]
    return [*head, *changes(review.question), pairs(why(review, now, outlook))]


def whole(page: ReviewPage, now: float, rest: str, width: int) -> list[RenderableType]:
    """All that a person needs to decide; `rest` is the command that shows all steps, `width` that of a line."""
    asked_at = page.asked_at
    return [
        *question(page.review, now, page.outlook),
        "",
        goal(page.run),
        *steps(page.story[:asked_at], "what the agent has done so far", width, rest),
        *steps(page.since, "what has happened since it was asked", width),
        *_no_longer(page),
        *said(page.remarks),
    ]


def _no_longer(page: ReviewPage) -> Iterator[RenderableType]:
    if page.changed:
        yield from ("", Text("what it rests on and is no longer so", style="bold red"))
    yield from (Text(f"  {one_line(change_text(change), 400)}") for change in page.changed)


def said(about: Sequence[Remark]) -> Iterator[RenderableType]:
    """What people and the agent have said about a question; nothing where nobody has."""
    if about:
        yield from ("", Text("what was said about it", style="bold"))
    for remark in about:
        how = {"comment": "", "question": " asks the agent", "answer": " answers"}[remark.kind]
        yield Text(f"  {one_line(remark.by)}{how}: {one_line(remark.text, 400)}")


def steps_width(screen: Screen) -> int:
    """How wide a step may be shown."""
    return screen.out.width - 4 if screen.out.is_terminal else LONGEST


def steps(story: Sequence[Moment], title: str, width: int, rest: str = "") -> Iterator[RenderableType]:
    """The newest steps of a story, nothing where there are none; `rest` is the command that shows all of them."""
    found = [line for moment in story if (line := tell(moment)) and moment.event.kind not in _NO_STEPS]
    if found:
        yield from ("", Text(title, style="bold"))
    if len(found) > _STEPS:
        yield Text(f"  … {len(found) - _STEPS} earlier steps{rest and ': ' + rest}", style="dim")
    for line in found[-_STEPS:]:
        shown = marked(line)
        shown.truncate(width, overflow="ellipsis")
        yield shown


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
    head = Text.assemble((review.id, "bold cyan"), f"  {one_line(review.agent)} ", asks(review))
    head.append(f"  asked {format_duration(now - review.opened_at)} ago, {due(review, now)}", style="dim")
    if review.held is not None:
        head.append(one_line(f", {decided(review.held, 'it')}, which goes out in a moment"), style="magenta")
    if review.claimed_by:
        head.append(f", claimed by {one_line(review.claimed_by)}", style="magenta")
    why = Text(f"for {reviewers(review)}: {reason(review)}", style="dim")
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
    head = Text.assemble((review.id, "bold"), "  ", (one_line(review.agent), "bold"), f" {asks(review)}  ")
    if review.held is not None:
        goes = f"goes out at {format_time(review.held_until or 0)}"
        return head.append(one_line(f"{decided(review.held, 'it')}; it {goes}"), style="magenta")
    if review.decision is None:
        return head.append(f"open, asked {format_duration(now - review.opened_at)} ago", style="yellow")
    decision = review.decision
    how = f"at {format_time(decision.at)} (by {decision.channel})"
    head.append(one_line(f"{decided(decision, 'it')} {how}"), style="magenta")
    return head.append(f": {one_line(decision.note)}") if decision.note else head


def _proposal(review: Review) -> Panel:
    """What would happen, or what is asked: the biggest thing on the page."""
    style = "yellow" if review.open else "dim"
    if review.kind is not ReviewKind.ACTION:
        return Panel(_question(review), border_style=style, title_align="left", title="the question")
    title = Text.assemble(" if approved: ", (one_line(review.tool), "bold"), " ")
    rows = arguments(proposed(review), review.verdict)
    return Panel(rows, border_style=style, title=title, title_align="left", padding=(0, 1))


def arguments(given: Mapping[str, Any], verdict: Verdict) -> Table:
    """The arguments of a call, each with where it came from."""
    traced = cast(Mapping[str, Any], verdict.evidence.get("arguments") or {})
    rows = Table.grid(padding=(0, 2, 0, 0))
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column(overflow="fold")
    for name, said in given.items():
        shown, source = _shown(said), origin(traced.get(name))
        apart = "\n" if "\n" in shown or len(shown) + len(source) > _BESIDE else "  "
        rows.add_row(one_line(name), Text.assemble(shown, apart if source else "", (source, "dim")))
    return rows


def _question(review: Review) -> RenderableType:
    said = Text(safe(str(review.question.get("summary", ""))), style="bold")
    lines: list[RenderableType] = [said]
    given = proposed(review)
    if review.kind is ReviewKind.QUESTION:
        options = given.get("options") or ()
        lines += [Text(f"- {one_line(str(option))}") for option in options]
        if review.tool == "hand_off" and given:
            lines += ["", pairs([(one_line(name), one_line(str(said))) for name, said in given.items()])]
    elif given:
        lines.append(Text(call(review.tool, given, 500)))
    known = cast(Mapping[str, Any], review.question.get("known") or {})
    if known:
        lines += ["", pairs([(one_line(name), one_line(str(said))) for name, said in known.items()])]
    if "answers" in review.question:
        lines += ["", Text(safe(str(review.question["answers"])), style="dim")]
    return Padding(Group(*lines), (1, 2))


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


def _shown(said: Any) -> str:
    return safe(said) if isinstance(said, str) else safe(value(said))


def _typed(said: Any) -> str:
    return value(said)


_NO_STEPS = frozenset({"run.submitted", "review.opened", "review.expected"})
