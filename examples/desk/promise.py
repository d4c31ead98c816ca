"""The desk earns a promise: complaints come in, people decide, more and more runs alone, until the world changes.

python examples/desk/promise.py [--mails 3000] [--drift 2000] [--at-most 5%] [--figure docs/promise-desk.svg] …

Plays generated mails through the real desk and its billing, in rounds: a round's mails are worked on side by side, then
people answer what has waited long enough. Agents and people are simulated, and say so; Baton is not. Draws how it went.
Chance is seeded, but runs that are worked on side by side come to their coins in any order: from play to play the
figure changes a little. With --one-by-one it does not, and takes twice as long. With --folder the record is kept there,
and a play that was stopped goes on where it was.
"""

import argparse
import asyncio
import contextlib
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from clerk import SETS_BY_PIECE, Clerk
from complaints import Complaint, write_complaints
from course import Step, read_course, rolling, share, so_far, wrong_alone
from figure import Picture, draw
from mail import read_mail
from people import People
from rich.console import Console
from rich.progress import track
from rich.table import Table
from world import make_world

from baton import Agent, Baton, BatonError, RunHandle, load_project
from baton.core import Promise, RunId
from baton.places import NAME

HERE = Path(__file__).parent
RECENT = 200
"""Actions that count as recent."""


@dataclass(frozen=True, kw_only=True)
class Play:
    """What is played.

    Attributes:
        folder: Where world, inbox, policy and record are.
        mails: How many come in.
        drift: The mail from which on there is a sale of sets, and a new rule: of a set, only the broken pieces are
            paid back. The agents are not told.
        sale: The share of the mails that are about the sale, once there is one.
        taught: The mail before which the agents are told the rule; None is never.
        promise: What is promised of refunds up to 50 euros.
        people: Who decides.
        seed: Writes the world and the mails.
        agent: Who gets the mails: the desk, which hands them on, or billing at once, which takes half the time.
        at_once: Mails that come in at once.
        one_by_one: Whether runs are worked on one after the other: the same seed plays the same to the last coin.
    """

    folder: Path
    mails: int
    drift: int
    sale: float
    taught: int | None
    promise: Promise
    people: People
    seed: int
    agent: str = "desk"
    at_once: int = 50
    one_by_one: bool = False


def main() -> int:
    """Play, report and draw; the exit code."""
    options = _options()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    try:
        with _folder(options.folder) as folder:
            play = _play(options, folder)
            steps = asyncio.run(run(play, console))
    except (BatonError, ValueError) as error:
        print(f"promise: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. With --folder, the same command goes on where it was.", file=sys.stderr)
        return 130
    tell(console, play, steps)
    if options.figure is not None:
        options.figure.write_text(draw(picture(play, steps)), encoding="utf-8")
        console.print(f"drawn: {options.figure}")
    return 0


async def run(play: Play, console: Console | None = None) -> list[Step]:
    """Play to the end; every action of the class."""
    complaints = prepare(play)
    random.seed(play.seed)  # the coins of the audits
    started = time.monotonic()
    wide = 1 if play.one_by_one else play.at_once
    async with Baton(agents=agents(play), mind=Clerk(), database=play.folder / NAME, concurrency=wide) as baton:
        desk = Desk(baton, play)
        starts = range(0, len(complaints), play.at_once)
        rounds = [complaints[start : start + play.at_once] for start in starts]
        for batch in track(rounds, "mails come in", console=console, transient=True, disable=console is None):
            await desk.work_on(batch)
        await desk.close()
        steps = await baton.ledger.read(lambda tx: read_course(tx, desk.complaints))
        count = len(await baton.runs())
    if console is not None:
        seconds = time.monotonic() - started
        console.print(f"{play.mails} mails, {count} runs in {seconds:.0f} s: {count / seconds:.0f} runs a second")
    return steps


def prepare(play: Play) -> list[Complaint]:
    """Make the world, the inbox and the policy, where they are not there yet; the complaints in order."""
    make_world(play.folder, play.seed, orders=20 * play.mails + 8000)
    os.environ["DESK_WORLD"] = str(play.folder.resolve())
    complaints = write_complaints(play.folder, play.mails, seed=play.seed, change=play.drift, sale=play.sale)
    (play.folder / "inbox").mkdir(exist_ok=True)
    for complaint in complaints:
        _letter(play, complaint).write_bytes(complaint.mail())
    (play.folder / "billing.cedar").write_text(promising(play.promise), encoding="utf-8")
    return complaints


def promising(promise: Promise) -> str:
    """Billing's policy, with a promise of small refunds in place of a least confidence.

    The limit of 500 euros a day is lifted: what is played here in minutes would be months at the desk.
    """
    policy = (HERE / "billing.cedar").read_text(encoding="utf-8")
    terms = f'@at_most("{100 * promise.most_wrong:g}%")\n@certainty("{100 * promise.certainty:g}%")'
    for old, new in {'@min_confidence("0.8")': terms, '@limit("cents <= 50000 per agent in 1d")\n': ""}.items():
        if policy.count(old) != 1:
            raise ValueError(f"billing.cedar has no longer one {old}: say here what the promise takes the place of")
        policy = policy.replace(old, new)
    return policy


def agents(play: Play, *, taught: bool = False) -> list[Agent]:
    """The desk's agents, billing with the promise; once taught, with the new rule in its instructions."""
    desk, billing = load_project(HERE / "agents.yaml").agents
    told = f"{billing.instructions}\n\n{SETS_BY_PIECE}" if taught else billing.instructions
    return [desk, replace(billing, policy=play.folder / "billing.cedar", instructions=told)]


class Desk:
    """The desk at work: mails come in, and people answer.

    Attributes:
        complaints: What each of the desk's runs is about.
    """

    def __init__(self, baton: Baton, play: Play) -> None:
        self.complaints: dict[RunId, Complaint] = {}
        self._runs: dict[RunId, RunHandle] = {}
        self._baton, self._play = baton, play

    async def work_on(self, batch: Sequence[Complaint]) -> None:
        """Take mails in, work on them until people are needed, and have people answer what has waited for it."""
        if self._play.taught in [complaint.number for complaint in batch]:
            for agent in agents(self._play, taught=True):
                self._baton.employ(agent)
        taken = await asyncio.gather(*map(self._submit, batch))
        self.complaints |= {run.id: complaint for run, complaint in zip(taken, batch, strict=True)}
        self._runs |= {run.id: run for run in taken}
        await asyncio.gather(*(run.settled() for run in taken))
        await self._have_answered(batch[-1].number)

    async def close(self) -> None:
        """Take nothing more in, and have people answer what is left; second looks come up on the way."""
        while await self._have_answered(self._play.mails + self._play.people.slow):
            pass

    async def _submit(self, complaint: Complaint) -> RunHandle:
        """Submitted again, it is the same run: so a play goes on where it was."""
        goal = read_mail(_letter(self._play, complaint))
        return await self._baton.submit(goal, agent=self._play.agent, key=f"complaint {complaint.number}")

    async def _have_answered(self, arrived: int) -> bool:
        """Whether there was anything to answer."""
        answered = await self._play.people.answer(self._baton, self.complaints, arrived)
        await asyncio.gather(*(self._runs[run].settled() for run in answered))
        return bool(answered)


def tell(console: Console, play: Play, steps: Sequence[Step]) -> None:
    """Print how it went: a line for each RECENT actions, and the sums."""
    table = Table(box=None, pad_edge=False)
    names = ("actions", "up to mail", "alone", "of them wrong", "wrong so far", "of all wrong", "threshold", "alarms")
    for name in names:
        table.add_column(name, justify="right")
    for end in range(RECENT, len(steps) + RECENT, RECENT):
        part = steps[end - RECENT : end]
        last = part[-1]
        alone, wrong = share([step.alone for step in part]), wrong_alone(part)
        total, of_all = wrong_alone(steps[:end]), share([step.wrong for step in part])
        threshold = "" if last.threshold is None else f"{last.threshold:.2f}"
        figures = map(_percent, (alone, wrong, total, of_all))
        table.add_row(str(min(end, len(steps))), str(last.mail), *figures, threshold, str(last.alarms))
    console.print(table)
    console.print(f"promised of what runs alone: {play.promise}; the world changes at mail {play.drift}")


def picture(play: Play, steps: Sequence[Step]) -> Picture:
    """What is drawn."""
    before, after = ([step for step in steps if (step.mail < play.drift) is early] for early in (True, False))
    rates = [_percent(share([step.wrong for step in part])) for part in (before, after)]
    ends = range(1, len(steps) + 1)
    return Picture(
        alone=[share([step.alone for step in steps[max(0, end - RECENT) : end]]) for end in ends],
        recent=rolling(steps, RECENT),
        so_far=so_far(steps, RECENT // 2),
        promised=play.promise.most_wrong,
        marks={len(before): f"the world changes: {rates[0]} of all proposals wrong before, {rates[1]} after"},
        alarms=[at for at in range(1, len(steps)) if steps[at].alarms > steps[at - 1].alarms],
        recent_of=RECENT,
    )


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"


def _letter(play: Play, complaint: Complaint) -> Path:
    return play.folder / "inbox" / f"{complaint.number:05}.eml"


@contextlib.contextmanager
def _folder(named: Path | None) -> Iterator[Path]:
    if named is not None:
        named.mkdir(parents=True, exist_ok=True)
        yield named
        return
    with tempfile.TemporaryDirectory(prefix="promise-") as folder:
        yield Path(folder)


def _play(options: argparse.Namespace, folder: Path) -> Play:
    return Play(
        folder=folder,
        mails=options.mails,
        drift=options.drift,
        sale=options.sale,
        taught=options.taught,
        promise=Promise(most_wrong=options.at_most, certainty=options.certainty),
        people=People(slow=options.slow, careless=options.careless, seed=options.seed),
        seed=options.seed,
        agent=options.agent,
        at_once=options.at_once,
        one_by_one=options.one_by_one,
    )


def _share(text: str) -> float:
    """`5%` or `0.05`."""
    return float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--mails", type=int, default=3000, help="how many come in")
    add(
        "--drift", type=int, default=2000, help="the mail from which on there is a sale, and a rule that no agent knows"
    )
    add("--sale", type=_share, default=0.1, help="the share of the mails that are about the sale")
    add("--taught", type=int, help="the mail before which the agents are told that rule; never, if it is left out")
    add("--at-most", type=_share, default=0.05, help="the share that may be wrong of what runs alone")
    add("--certainty", type=_share, default=0.95, help="how certain that has to be")
    add("--slow", type=int, default=50, help="mails that come in before something is answered")
    add("--careless", type=_share, default=0.005, help="the share of people's answers that are wrong")
    add("--seed", type=int, default=7, help="of the world, the mails, the people and the coins")
    add("--agent", choices=("desk", "billing"), default="desk", help="who gets the mails; billing takes half the time")
    add("--at-once", type=int, default=50, help="mails that come in at once")
    add(
        "--one-by-one", action="store_true", help="work on one run after the other: the same to the last coin, but slow"
    )
    add("--folder", type=Path, help="where the record is kept; a temporary one, if it is left out")
    add("--figure", type=Path, help="where to draw how it went, as SVG")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
