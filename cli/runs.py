"""`baton runs`: list, show, follow and cancel runs; dead and retry stand in dead.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Literal

from cyclopts import App, Parameter
from rich.table import Table
from rich.text import Text

from baton.cli.dead import dead, retry
from baton.cli.opening import find_place, to_look, watch
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.cli.progress import LONGEST
from baton.cli.tables import cell, table
from baton.cli.tones import marked, render, status_style
from baton.core import RunId, format_duration, format_time
from baton.core.texts import one_line, safe
from baton.graph.planning import steps_told
from baton.handles import RunHandle
from baton.ledger import Event, Review, Run, Transaction, at_work, events, reviews, runs
from baton.places import agent_names
from baton.review.record import review_json, run_json, time_json
from baton.story import Moment, Waiting, moment_json, moments, told, waiting
from baton.telling import reviewers, tell, until

app = App(name="runs", help="List, show, follow, cancel and retry runs.")
app.command("baton.cli.undoing:compensate", name="compensate", help="Undo what a run did, in a run of its own.")
app.command("baton.cli.forking:fork", name="fork", help="Start a run that goes on from a turn of another.")
app.command("baton.cli.deploying:pin", name="pin", help="Keep runs for the code that they were begun with.")
app.command("baton.cli.deploying:unpin", name="unpin", help="Let any code that runs fit go on with them.")
app.command("baton.cli.deploying:reask", name="reask", help="Have what the code at hand does not fit proposed anew.")
app.command("baton.cli.reporting:outcome", name="outcome", help="Say how an action has come out in the world.")
app.command("baton.cli.briefing:brief", name="brief", help="Say what has happened since a run paused.")
app.command("baton.cli.briefing:context", name="context", help="Say what its model was told in a turn.")
app.command(dead)
app.command(retry)

_WIDE = 100
"""Columns of a terminal that has room for everything."""

Status = Literal["ready", "waiting", "done", "refused", "failed", "cancelled"]


@app.command(name="list")
async def list_(
    *,
    status: Annotated[tuple[Status, ...], Parameter(consume_multiple=False)] = (),
    agent: str | None = None,
    limit: int = 30,
    common: Common = DEFAULTS,
) -> None:
    """List runs, newest first.

    Args:
        status: Only runs with this status; may be given several times.
        agent: Only runs of this agent.
        limit: How many at most.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common)

    def look(tx: Transaction) -> list[tuple[Run, Waiting]]:
        found = runs.listed(tx, statuses=status, agent=agent, limit=limit)
        return [(run, waiting(tx, run.id)) for run in found]

    async with to_look(place) as ledger:
        rows, now = await ledger.read(look), ledger.clock.now()
    here = agent_names(place.project) if place.project else None
    screen.document({"runs": [run_json(run) | _waiting_json(state) for run, state in rows]})
    if not rows:
        screen.show('There are no runs yet: baton run "…" begins one.')
        return
    screen.show(_listed(rows, now, here, wide=screen.out.width >= _WIDE))


def _listed(rows: Sequence[tuple[Run, Waiting]], now: float, here: frozenset[str] | None, *, wide: bool) -> Table:
    """Runs as a table; what a narrow terminal has no room for is left out. `here` are the agents at hand, if known."""
    counts = ("turns", "tokens") if wide else ()
    shown = table("run", "status", "agent", "goal", "waits for", *counts, "age", elastic="goal", right=(*counts, "age"))
    for run, state in rows:
        tokens = f"{run.prompt_tokens + run.completion_tokens:,}"
        shown.add_row(
            cell(run.id),
            cell(run.status, status_style(run.status)),
            cell(run.agent),
            cell(("↳ " if run.parent else "") + (run.key or run.goal.statement)),
            cell(_waits_for(run, state, here), "yellow"),
            *((str(run.turns), tokens) if wide else ()),
            _age(now - run.created_at),
        )
    return shown


@app.command
async def show(run: str, /, *, common: Common = DEFAULTS) -> None:
    """Show a run: its goal, its plan, each step with its verdict, its questions, what it handed over, its result.

    Args:
        run: The id, or the beginning of one.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common)
    async with to_look(place) as ledger:
        page = await ledger.read(lambda tx: _page(tx, runs.find(tx, run)))
        now = ledger.clock.now()
    screen.document(
        run_json(page.run)
        | _waiting_json(page.waiting)
        | {
            "criteria": list(page.run.goal.criteria),
            "constraints": list(page.run.goal.constraints),
            "attachments": [{"name": a.name, "trust": a.trust.name.lower()} for a in page.run.goal.attachments],
            "plan": page.plan,
            "events": [moment_json(moment) for moment in page.story],
            "reviews": [review_json(review) for review in page.reviews],
            "children": [run_json(child) for child in page.children],
        }
    )
    _show_page(screen, page, now)


@app.command
async def tail(run: str | None = None, /, *, common: Common = DEFAULTS) -> None:
    """Follow what happens, in one run until it has ended or in all; Ctrl-C leaves.

    With --json each event is one line of JSON.

    Args:
        run: The id, or the beginning of one (default: all runs, from now on).
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common)
    async with to_look(place) as ledger:
        if await at_work(ledger) is None:
            idle = f"Nobody lets these agents work now; `{place.command('run --resume RUN')}` does."
            screen.note(idle, "dim")
        if run is not None:
            handle = RunHandle(await ledger.read(lambda tx: runs.find(tx, run)), ledger, watch(ledger))
            async for moment in handle.story(to_end=True):
                _follow(screen, moment)
            return
        last = await ledger.read(events.last)
        while True:
            fresh = await watch(ledger).until(partial(_after, last))
            for moment in fresh:
                _follow(screen, moment)
                last = moment.event.mark


@app.command
async def cancel(run: str, /, *, common: Common = DEFAULTS) -> None:
    """End a run between two actions; what it has done stays done.

    Args:
        run: The id, or the beginning of one.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common)
    async with to_look(place) as ledger:
        handle = RunHandle(await ledger.read(lambda tx: runs.find(tx, run)), ledger, watch(ledger))
        await handle.cancel()
        worker = await at_work(ledger)
    screen.document({"run": handle.id, "cancelled": True, "worker": worker})
    when = f"{worker} ends it" if worker else "it ends as soon as agents work here again"
    screen.show(f"{handle.id} is to be cancelled; {when}.")


@dataclass(frozen=True)
class _Page:
    """All that is shown of one run."""

    run: Run
    waiting: Waiting
    story: list[Moment]
    reviews: list[Review]
    children: list[Run]

    @property
    def plan(self) -> list[str]:
        plans = [steps_told(moment.event.data) for moment in self.story if moment.event.kind == "plan.made"]
        return plans[-1] if plans else []


def _page(tx: Transaction, run: RunId) -> _Page:
    return _Page(runs.get(tx, run), waiting(tx, run), told(tx, run), reviews.of_run(tx, run), runs.children(tx, run))


def _after(last: events.Mark, tx: Transaction) -> list[Moment] | None:
    fresh: list[Event] = events.of_all(tx, last)
    return moments(tx, fresh) or None


def _follow(screen: Screen, moment: Moment) -> None:
    screen.line(moment_json(moment))
    if not screen.json:
        line = tell(moment)
        if line is not None:
            width = screen.out.width - 16 if screen.out.is_terminal else LONGEST
            screen.show(Text.assemble((f"{moment.run.id}  ", "dim"), render(line, moment.run.agent, width)))


def _show_page(screen: Screen, page: _Page, now: float) -> None:
    run = page.run
    head = Text.assemble((run.id, "bold"), "  ", (run.status, f"bold {status_style(run.status)}"))
    head.append(f"  {one_line(run.agent)}, {_age(now - run.created_at)} old", style="dim")
    head.append(f", {run.turns} turns, {run.prompt_tokens + run.completion_tokens:,} tokens", style="dim")
    screen.show(head, "", Text(safe(run.goal.statement)), _facts(run))
    if page.plan:
        _title(screen, "plan")
        screen.show(*(f"  {number}. {one_line(step)}" for number, step in enumerate(page.plan, 1)))
    _title(screen, "steps")
    for moment in page.story:
        _show_step(screen, moment)
    if page.reviews:
        _title(screen, "questions to people")
    for review in page.reviews:
        screen.show(_review_line(review, now))
    if page.children:
        _title(screen, "handed over")
    for child in page.children:
        line = Text.assemble(f"  {child.id}  ", (f"{child.status:9}", status_style(child.status)))
        screen.show(line.append(f" {one_line(child.agent)}: {one_line(child.summary or child.goal.statement, 200)}"))
    if run.ended or run.trouble:
        _title(screen, "result" if run.ended else f"trouble, {run.fault}" if run.fault else "trouble")
        screen.show(Text(safe(run.summary if run.ended else run.trouble or "")))
        screen.show(*(f"  - {one_line(evidence)}" for evidence in run.evidence))


def _facts(run: Run) -> Text:
    goal = run.goal
    rows = [("criterion", one_line(criterion)) for criterion in goal.criteria]
    rows += [("constraint", one_line(constraint)) for constraint in goal.constraints]
    rows += [("attached", f"{one_line(a.name)} ({a.trust.name.lower()} trust)") for a in goal.attachments]
    if run.deadline is not None:
        rows.append(("deadline", format_time(run.deadline)))
    if run.requester:
        rows.append(("asked by", one_line(run.requester)))
    return Text("\n").join(Text.assemble((f"  {name:10} ", "dim"), said) for name, said in rows)


def _show_step(screen: Screen, moment: Moment) -> None:
    line = tell(moment)
    if line is None or moment.event.kind in ("plan.made", "run.submitted"):
        return
    shown = marked(line)
    proposal = moment.proposal
    if moment.event.kind == "action.judged" and proposal is not None and proposal.verdict.ruling == "allow":
        sure = f", {proposal.action.confidence:.0%} sure" if proposal.action.confidence is not None else ""
        shown.append(f"  [{', '.join(proposal.verdict.rules)}{sure}]", style="dim")
    shown.truncate(screen.out.width if screen.out.is_terminal else LONGEST, overflow="ellipsis")
    screen.show(shown)


def _review_line(review: Review, now: float) -> Text:
    if review.decision is not None:
        said = f"{review.decision.kind.value} by {review.decision.by}" + (
            f": {review.decision.note}" if review.decision.note else ""
        )
        return Text.assemble(
            f"  {review.id}  ", one_line(str(review.question["summary"]), 200), (f"  {one_line(said)}", "magenta")
        )
    due = until(review, now)
    waits = f"  waits for {reviewers(review)}" + (f", {due}" if due else "")
    return Text.assemble(f"  {review.id}  ", one_line(str(review.question["summary"]), 200), (waits, "yellow"))


def _title(screen: Screen, name: str) -> None:
    screen.show("", Text(name, style="bold underline"))


def _waits_for(run: Run, state: Waiting, here: frozenset[str] | None) -> str:
    if run.ended:
        return ""
    if run.wake > run.seen and not run.working:
        if run.pinned is not None:
            return f"code {run.pinned}"
        if here is not None and run.agent not in here:
            return f"an agent {one_line(run.agent)}"
    if len(state.reviews) == 1:
        return str(state.reviews[0].id)
    if state.reviews:
        return f"{len(state.reviews)} reviews"
    if state.other:
        return one_line(state.other[0].removeprefix("for "))
    awaited = ", ".join(wait.event for wait in state.events)
    return f"{awaited} until {format_time(state.until)}".lstrip() if state.until is not None else awaited


def _waiting_json(state: Waiting) -> dict[str, object]:
    return {
        "waits_for": [review.id for review in state.reviews],
        "waits_for_events": [{"event": wait.name, "key": wait.key} for wait in state.events],
        "waits_until": time_json(state.until),
        "waits_besides": state.other,
    }


def _age(seconds: float) -> str:
    return " ".join(format_duration(seconds).split()[:2])
