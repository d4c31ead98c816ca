"""Showing a run at work: a line for each thing that happens, and on a terminal a status line below."""

import shlex
from collections.abc import Mapping

from rich.text import Text

from baton.cli.opening import Place
from baton.cli.options import Exit
from baton.cli.output import Screen
from baton.cli.tones import render, status_style
from baton.core import RunId, format_time
from baton.core.texts import one_line
from baton.handles import Result, RunHandle
from baton.ledger import Ledger
from baton.story import Moment, waiting
from baton.telling import asked, reviewers, tell, until

CODES = {"done": Exit.OK, "refused": Exit.REFUSED, "failed": Exit.FAILED, "cancelled": Exit.FAILED}

LONGEST = 400
"""Columns of a progress line that does not go to a terminal."""


async def show_progress(screen: Screen, run: RunHandle, after: Mapping[RunId, int] | None = None) -> None:
    """Tell on stderr what happens until the run has settled; all of it, or what came `after` (RunHandle.seen)."""
    depths: dict[RunId, int] = {}
    with screen.err.status(Text("working"), spinner="dots") as status:
        async for moment in run.story(after):
            depth = depths.setdefault(moment.run.id, depths.get(moment.run.parent or RunId(""), -1) + 1)
            print_moment(screen, moment, depth)
            status.update(_doing(moment))


def print_moment(screen: Screen, moment: Moment, depth: int = 0) -> None:
    """One thing that happened, on stderr; nothing for what people need not see."""
    told = tell(moment)
    if told is not None:
        width = screen.err.width if screen.err.is_terminal else LONGEST
        screen.note(render(told, moment.run.agent, width, depth))


def _doing(moment: Moment) -> Text:
    run, kind = moment.run, moment.event.kind
    tool = moment.proposal.action.tool if moment.proposal else ""
    doing = f"calls {tool}" if kind == "effect.claimed" else "thinks"
    tokens = run.prompt_tokens + run.completion_tokens
    return Text(f"{one_line(run.agent)} {doing} · turn {run.turns + 1} · {tokens:,} tokens", style="cyan")


async def show_result(screen: Screen, ledger: Ledger, result: Result, place: Place) -> Exit:
    """Say how a run stands, and what to do next where it waits."""
    short = result.run
    head = Text.assemble((result.status, f"bold {status_style(result.status)}"), f"  {short}")
    head.append(f"  {result.turns} turns, {result.tokens:,} tokens", style="dim")
    screen.show(head)
    if result.summary:
        screen.show(result.summary)
    for evidence in result.evidence:
        screen.show(f"  - {one_line(evidence)}")
    if result.status in CODES:
        return CODES[result.status]
    await _show_waiting(screen, ledger, result, place)
    return Exit.WAITING


async def _show_waiting(screen: Screen, ledger: Ledger, result: Result, place: Place) -> None:
    now = ledger.clock.now()
    for review in result.reviews:
        screen.show(Text.assemble("waits for ", (reviewers(review), "bold"), f": {asked(review)}"))
        screen.show(Text(f"  why: {one_line(review.verdict.reason)}", style="dim"))
        if review.deadline is not None:
            screen.show(Text(f"  {until(review, now)}", style="dim"))
        screen.show(Text.assemble("  next: ", (place.command(f"review show {review.id}"), "bold cyan")))
    state = await ledger.read(lambda tx: waiting(tx, result.run))
    for wait in state.events:
        screen.show(f"waits for the event {one_line(wait.event)}")
        key = f" --key {shlex.quote(wait.key)}" if wait.key else ""
        screen.show(Text.assemble("  next: ", (place.command(f"publish {shlex.quote(wait.name)}{key}"), "bold cyan")))
    for other in state.other:
        screen.show(f"waits {other}")
    if state.until is not None:
        screen.show(f"waits until {format_time(state.until)}")
    if state.until is not None or state.events or state.other:
        screen.show(Text.assemble("  next: ", (place.command(f"run --resume {result.run}"), "bold cyan")))
