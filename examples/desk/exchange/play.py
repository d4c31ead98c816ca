"""Three customers want something else: five agents and two people exchange it, whole or not at all.

python examples/desk/exchange/play.py [--folder DIR]

A day passes in seconds, as the clock is the play's. The model is simulated while no key is configured. So are Mary, who
agrees to what she is asked, and Joe, who looks into a shelf in which there is no bread knife, whatever the computer
says. With --folder, which must not be there yet, the record is kept, so that `baton` can look at it.
"""

import argparse
import asyncio
import importlib.util
import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

from rich.console import Console
from rich.table import Table

from baton import Baton, BatonError, load_project
from baton.cli.tones import render
from baton.core import Conflict, InvalidValue
from baton.core.texts import call
from baton.evals.clock import JumpClock
from baton.ledger import Review, ReviewKind, Transaction, events, leases, runs, timers
from baton.places import Origin, note_origin
from baton.story import moments
from baton.telling import tell

HERE = Path(__file__).parent
MONDAY, TUESDAY = (datetime(2026, 11, day, 10, tzinfo=UTC).timestamp() for day in (16, 17))
STOCK = {"PN-301": 4, "MF-230": 2, "KN-403": 1}
SHELF = {"PN-301": 4, "MF-230": 2, "KN-403": 0}
"""What the warehouse's computer believes, and what Joe finds."""

LOOKS = 40 * 60.0
"""Seconds after which Mary and Joe look at what they are asked."""

PATIENCE = 60.0
"""Seconds of the machine within which the agents come to rest."""


class Play:
    """The day, as it is shown."""

    def __init__(self, baton: Baton, clock: JumpClock, folder: Path, screen: Console) -> None:
        self._baton, self._clock, self._folder, self._screen = baton, clock, folder, screen
        self._seen: events.Mark = (0, 0)
        self._shelf = dict(SHELF)

    async def monday(self) -> None:
        """The mails come in, and people answer what they are asked."""
        self._say("Monday, 10:00. Three mails come in.")
        for name, goal in _beside("mail").read_inbox(HERE / "inbox").items():
            await self._baton.submit(goal, agent="desk", key=name)
        await self._rest()
        while asked := await self._baton.reviews.waiting():
            self._clock.jump(self._clock.now() + LOOKS)
            for review in asked:
                self._say(f"{self._time()}. {await self._answer(review)}")
            await self._rest()

    async def tuesday(self) -> None:
        """Parcels arrive; one old article is back; and each morning customers are asked how it went."""
        self._clock.jump(TUESDAY - 2 * 3600)
        with closing(sqlite3.connect(self._folder / "stock.db")) as stock, stock:
            sent = [row[0] for row in stock.execute("SELECT order_id FROM parcels WHERE state = 'booked' ORDER BY 1")]
            stock.execute("UPDATE parcels SET state = 'delivered' WHERE state = 'booked'")
        self._say(f"{self._time()}. The parcels are delivered, and the pan of the first order is back.")
        for order in sent:
            await self._baton.publish("parcel.delivered", key=order, data={"order": order}, by="carrier")
        await self._baton.publish("return.arrived", key=sent[0], data={"order": sent[0]}, by="carrier")
        await self._rest(lambda found: found >= 1)
        self._clock.jump(TUESDAY - 3500)
        self._say(f"{self._time()}. As each morning, care asks how it went.")
        await self._rest(lambda found: found >= 2)

    async def _answer(self, review: Review) -> str:
        """Answer a question, and say what was answered."""
        question = review.question
        if "foreman" in review.reviewers:
            article = question["arguments"]["article"]
            there = self._shelf[article] > 0
            self._shelf[article] -= there
            await self._baton.respond(review.id, f'{{"there": {str(there).lower()}}}', by="joe")
            return f"Joe looks for {article}: " + ("here it is" if there else "the shelf is empty, whatever it says")
        if review.kind is not ReviewKind.ACTION:
            raise Conflict("the play", f"{review.id} is nothing that Mary knows of: {question['summary']}")
        await self._baton.approve(review.id, by="mary")
        return f"Mary agrees to {call(review.tool, question['arguments'], 90)}"

    async def _rest(self, enough: Callable[[int], bool] = lambda found: True) -> None:
        """Show what happens until nobody works any more, and `enough` says so of care's runs."""
        async with asyncio.timeout(PATIENCE):
            while not await self._baton.ledger.read(lambda tx: _rests(tx) and enough(_begun(tx))):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await self._show()

    async def _show(self) -> None:
        happened = await self._baton.ledger.read(lambda tx: events.of_all(tx, self._seen, 10_000))
        if not happened:
            return
        self._seen = happened[-1].mark
        for moment in await self._baton.ledger.read(lambda tx: moments(tx, happened)):
            line = tell(moment)
            if line is not None and line.tone != "quiet":
                self._screen.print(render(line, moment.run.agent, 118, depth=1))

    def _say(self, text: str) -> None:
        self._screen.print(f"\n{text}", style="bold")

    def _time(self) -> str:
        return f"{datetime.fromtimestamp(self._clock.now(), UTC):%A, %H:%M}"


def _rests(tx: Transaction) -> bool:
    """Whether nobody works and nothing is due."""
    due = timers.next_due(tx)
    return not leases.held(tx) and not leases.ready(tx, 1) and (due is None or due > tx.now)


def _begun(tx: Transaction) -> int:
    return len(runs.listed(tx, agent="care"))


def _beside(name: str) -> ModuleType:
    """A module of the desk, which stands one folder up."""
    spec = importlib.util.spec_from_file_location(f"desk_{name}", HERE.parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def outcome(folder: Path) -> Table:
    """What came of each order, from the world itself."""
    table = Table(box=None, pad_edge=False)
    for name in ("order", "set aside", "paid back", "charged again", "parcel", "mails"):
        table.add_column(name)
    mails = [path.read_text("utf-8", "replace") for path in sorted((folder / "outbox").glob("*.eml"))]
    with closing(sqlite3.connect(folder / "stock.db")) as world:
        world.execute("ATTACH ? AS desk", (str(folder / "orders.db"),))
        orders = [row[0] for row in world.execute("SELECT DISTINCT order_id FROM reservations ORDER BY 1")]

        def cell(query: str, order: str) -> str:
            return ", ".join(str(row[0]) for row in world.execute(query, (order,))) or "-"

        for order in orders:
            table.add_row(
                order,
                cell("SELECT article || iif(open, '', ', given back') FROM reservations WHERE order_id = ?", order),
                cell("SELECT printf('%.2f', cents / 100.0) FROM desk.refunds WHERE order_id = ?", order),
                cell("SELECT printf('%.2f', cents / 100.0) FROM charges WHERE order_id = ?", order),
                cell("SELECT state FROM parcels WHERE order_id = ?", order),
                str(sum(order in mail for mail in mails)),
            )
    return table


def make(folder: Path) -> None:
    """Make the world in a new folder, for the tools to find."""
    folder.mkdir(parents=True)
    _beside("world").make_world(folder)
    _beside("exchange/tools").make_stock(folder, STOCK)
    os.environ["DESK_WORLD"] = str(folder.resolve())


async def play(folder: Path, screen: Console) -> None:
    """Play it, and show it."""
    project, clock = load_project(HERE / "agents.yaml"), JumpClock(MONDAY)
    database = folder / "baton.db"
    async with Baton(
        agents=project.agents,
        database=database,
        mind=project.mind,
        clock=clock,
        people=project.people,
        triggers=project.triggers,
    ) as baton:
        note_origin(database, Origin(project.path, {"DESK_WORLD": os.environ["DESK_WORLD"]}))
        screen.print(f"Mary and Joe are simulated; model: {baton.endpoint.describe()}", style="dim")
        day = Play(baton, clock, folder, screen)
        await day.monday()
        await day.tuesday()
        open_ = await baton.ledger.read(lambda tx: [one.id for one in runs.listed(tx) if not one.ended])
    screen.print()
    screen.print(outcome(folder))
    if open_:
        raise Conflict("the play", f"{len(open_)} runs have not ended", "Look at them with `baton runs`.")


def main() -> int:
    """Read the command line and play; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where the record is kept; must not be there yet")
    given = parser.parse_args()
    screen = Console(markup=False, emoji=False, highlight=False, soft_wrap=True)
    try:
        with tempfile.TemporaryDirectory() as aside:
            if given.folder is not None and given.folder.exists():
                raise InvalidValue("--folder", str(given.folder), "a folder that is not there yet")
            folder: Path = given.folder or Path(aside) / "play"
            make(folder)
            asyncio.run(play(folder, screen))
    except (BatonError, TimeoutError) as error:
        print(f"play: {error or 'the agents did not come to rest'}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
