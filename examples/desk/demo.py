"""The desk at work on its whole inbox: 24 mails, two agents, and what is left for people.

python examples/desk/demo.py [--fresh] [--folder .demo] [--no-serve] [--stats]

Start it again after it was stopped, or killed: it goes on where it was, and does nothing twice.
"""

import argparse
import asyncio
import hashlib
import os
import resource
import shutil
import signal
import sys
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from closing_table import Row, read_rows, show_rows
from mail import read_inbox
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from world import make_world

from baton import Baton, BatonError, load_project
from baton.cli.tones import render
from baton.core import Conflict, RunId
from baton.core.texts import one_line
from baton.handles import person
from baton.ledger import DispatchLock, Run, Transaction, accounts, events, runs
from baton.places import NAME, Origin, note_origin
from baton.server import Server, Service, link_for
from baton.story import Moment, moments
from baton.telling import tell

HERE = Path(__file__).parent

LINES = 6
"""Lines of current activity on the screen."""

PAUSE = 0.15
"""Seconds between two looks, so that showing the work does not slow it."""


@dataclass
class Progress:
    """How far the inbox is.

    Attributes:
        mails: Names of the mails by run.
        stands: `working`, or how a run ended, or `waiting`; of the mails only, not of what they hand over.
        steps: Tool calls that were carried out since this start.
        tokens: Used by all runs so far.
        last: The newest event that was seen.
        recent: What happened last: mail and line.
    """

    mails: Mapping[RunId, str]
    last: events.Mark
    stands: dict[RunId, str] = field(default_factory=dict[RunId, str])
    steps: int = 0
    tokens: int = 0
    recent: deque[tuple[str, Text]] = field(default_factory=lambda: deque[tuple[str, Text]](maxlen=LINES))

    def count(self, status: str) -> int:
        """How many mails stand so."""
        return list(self.stands.values()).count(status)


def main() -> int:
    """Run the demo; its exit code."""
    options = _options()
    folder: Path = options.folder
    shown = sys.stdout.isatty()
    console = Console(markup=False, emoji=False, highlight=False, soft_wrap=not shown, width=None if shown else 120)
    try:
        if options.fresh:
            _forget(folder)
        make_world(folder)
        os.environ["DESK_WORLD"] = str(folder.resolve())
        serve = shown if options.serve is None else options.serve
        return asyncio.run(work(console, folder, stats=options.stats, serve=serve))
    except BatonError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. Nothing is lost: start the demo again, and it goes on where it was.", file=sys.stderr)
        return 130


async def work(console: Console, folder: Path, *, stats: bool, serve: bool) -> int:
    """Submit the inbox, watch until nobody is at work any more, show how every mail stands, and serve the pages."""
    started, database = time.monotonic(), folder / NAME
    project = load_project(HERE / "agents.yaml")
    async with Baton(agents=project.agents, mind=project.mind, database=database) as baton:
        note_origin(database, Origin(project.path, {"DESK_WORLD": os.environ["DESK_WORLD"]}))
        console.print(Text(f"desk and billing answer the inbox; model: {baton.endpoint.describe()}", style="dim"))
        worker = await baton.at_work()
        if worker is not None:
            console.print(f"They are at work already, with {worker}; this start looks on.")
        last = await baton.ledger.read(events.last)
        mails = await submit(baton)
        progress = Progress(mails, last)
        await baton.ledger.read(lambda tx: _look(tx, progress))
        if not progress.count("working"):
            console.print("All of this was done by an earlier start; here is how it stands.")
        await watch(console, baton, progress)
        rows = await baton.ledger.read(lambda tx: [read_rows(tx, run, mail) for run, mail in mails.items()])
        seconds = time.monotonic() - started
        show_rows(console, rows, f"{progress.tokens:,} tokens, {seconds:.1f} s")
        _show_next(console, rows, folder)
        if stats:
            console.print(f"peak memory: {_peak():.0f} MB")
        if serve:
            await _serve(console, baton)
    return 0


async def _serve(console: Console, baton: Baton) -> None:
    """Serve the pages, and let the desk work, until somebody presses Ctrl-C."""
    alone = not await baton.ledger.read(accounts.there_are)
    async with Server(Service(baton=baton, alone=alone), host="127.0.0.1", port=0) as server:
        link = f"{server.url}/sign-in?token={await link_for(baton.ledger, person())}" if alone else server.url
        console.print("or in a browser, until you press Ctrl-C here:")
        console.print(Text(f"  {link}", style="bold cyan"), soft_wrap=True)  # whole, to be clicked or copied
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        await ended.wait()
    console.print("Ended. What waits for people goes on waiting; start the demo again to go on.")


def _peak() -> float:
    """The most memory of this process, in MB; what the system counts elsewhere includes whoever started it."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def submit(baton: Baton) -> dict[RunId, str]:
    """Each mail as a goal. Its key is made of the file's name and content: submitted again, it is the same run."""
    mails: dict[RunId, str] = {}
    for name, goal in read_inbox(HERE / "inbox").items():
        content = hashlib.sha256((HERE / "inbox" / name).read_bytes()).hexdigest()[:8]
        handle = await baton.submit(goal, agent="desk", key=f"{name.removesuffix('.eml')} {content}")
        mails[handle.id] = name.removesuffix(".eml")
    return mails


async def watch(console: Console, baton: Baton, progress: Progress) -> None:
    """Show what happens until nobody is at work: a live picture on a terminal, else a line for each end."""
    started = time.monotonic()
    with Live(console=console, transient=True, auto_refresh=False, vertical_overflow="crop") as live:
        while progress.count("working"):
            before = dict(progress.stands)
            await baton.until(lambda tx: _look(tx, progress) or None)
            if console.is_terminal:
                live.update(_picture(progress, time.monotonic() - started), refresh=True)
            else:
                _print_ends(console, progress, before)
            await asyncio.sleep(PAUSE)


def _look(tx: Transaction, progress: Progress) -> bool:
    """Bring `progress` up to date; whether anything has changed."""
    fresh = events.of_all(tx, progress.last)
    known = {run.id: run for run in runs.listed(tx)}
    for moment in moments(tx, fresh[-LINES * 4 :]):
        _note(progress, moment, known)
    progress.steps += sum(event.kind == "effect.done" for event in fresh)
    progress.last = fresh[-1].mark if fresh else progress.last
    progress.tokens = sum(run.prompt_tokens + run.completion_tokens for run in known.values())
    stands = {run: _stand(known[run], list(known.values())) for run in progress.mails}
    changed = bool(fresh) or stands != progress.stands
    progress.stands = stands
    return changed


def _stand(run: Run, everyone: list[Run]) -> str:
    if run.ended:
        return run.status
    return "working" if _busy(run, everyone) else "waiting"


def _busy(run: Run, everyone: list[Run]) -> bool:
    """Whether somebody works on a run or on what it handed over, or is about to."""
    if run.ended:
        return False
    below = [child for child in everyone if child.parent == run.id]
    return run.working or run.wake > run.seen or any(_busy(child, everyone) for child in below)


def _note(progress: Progress, moment: Moment, known: Mapping[RunId, Run]) -> None:
    run = moment.run
    while run.parent in known:
        run = known[run.parent]
    told = tell(moment)
    if told is not None and run.id in progress.mails:
        progress.recent.append((progress.mails[run.id], render(told, moment.run.agent)))


def _picture(progress: Progress, seconds: float) -> Group:
    total, ended = len(progress.mails), len(progress.mails) - progress.count("working")
    counts = Text("   ").join(
        Text.assemble((str(progress.count(status)), f"bold {style}"), f" {status}")
        for status, style in (("done", "green"), ("waiting", "yellow"), ("refused", "red"), ("working", "cyan"))
    )
    counts.append(f"      {progress.steps} steps   {progress.tokens:,} tokens   {seconds:.0f} s", style="dim")
    lines = [
        Text.assemble((f"{one_line(mail, 22):22}  ", "dim"), line, no_wrap=True, overflow="ellipsis")
        for mail, line in progress.recent
    ]
    bar = Table.grid(padding=(0, 2, 0, 0), expand=True)
    bar.add_row(ProgressBar(total=total, completed=ended), Text(f"{ended} of {total}"))
    return Group(bar, counts, Text(), *lines)


def _print_ends(console: Console, progress: Progress, before: Mapping[RunId, str]) -> None:
    for run, mail in progress.mails.items():
        stand = progress.stands[run]
        if stand not in ("working", before.get(run)):
            console.print(f"{mail:24} {stand}")


def _show_next(console: Console, rows: list[Row], folder: Path) -> None:
    waiting = next((row.review for row in rows if row.review), None)
    if waiting is None:
        console.print(Text(f"Nothing waits for you. The answers are in {folder / 'outbox'}."))
        return
    baton = _program()
    console.print(Text("next, as the person who is asked:"))
    for words in ("review", f"review show {waiting}", "serve"):
        console.print(Text(f"  {baton} {words} -d {folder}", style="bold cyan"))


def _program() -> str:
    """The `baton` beside this Python, as it can be typed here."""
    program = Path(sys.executable).with_name("baton")
    if not program.exists():
        return f"{_relative(Path(sys.executable))} -m baton.cli"
    return _relative(program)


def _relative(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _forget(folder: Path) -> None:
    """Take away what an earlier start has made, and nothing else."""
    holder = DispatchLock(folder / NAME).holder()
    if holder is not None:
        raise Conflict(f"--fresh in {folder}", f"{holder} is at work there", "End it first.")
    for path in (*folder.glob(f"{NAME}*"), folder / "baton.index.db", folder / "orders.db"):
        path.unlink(missing_ok=True)
    shutil.rmtree(folder / "outbox", ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="The desk at work on its inbox.")
    parser.add_argument("--folder", type=Path, default=Path(".demo"), help="where its world and its record are")
    parser.add_argument("--fresh", action="store_true", help="forget earlier starts and begin anew")
    parser.add_argument(
        "--serve",
        action=argparse.BooleanOptionalAction,
        help="serve the pages at the end, until Ctrl-C; at a terminal it does unless told not to",
    )
    parser.add_argument("--stats", action="store_true", help="say how much memory it took")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
