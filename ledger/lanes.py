"""Who runs the transactions on Postgres: threads side by side, and a fast lane beside them.

Work that asks the database something is run by a thread. What a step of LangGraph writes asks nothing: it is gathered
in the event loop and sent in one message, with fence and COMMIT. Whatever does not come back from there as committed,
for whichever reason, is done again by a thread, which finds the piece that failed, and says why.
"""

import asyncio
import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from baton.core import Clock, RunId
from baton.ledger.database import Database, Pipe
from baton.ledger.gathering import Piece, Question, Statement, asked, gather
from baton.ledger.pipes import Pipes
from baton.ledger.writers import Item, News, Tell, commit

_BATCH = 256
_FEW = 8  # runs that are not worth a commit of their own
_ASKED = 64  # questions in one message
_MESSAGE = 60_000  # bytes; of more than 64 KiB libpq sends a part before the rest is there


Asked = tuple[list[Statement], "asyncio.Future[list[list[Any]] | None]"]
"""What one who asks wants to know, and where the rows are awaited."""


class Lanes:
    """Runs what is handed over, many pieces a transaction; what shares a name goes in order."""

    def __init__(self, database: Database, pipe: Callable[[], Pipe], clock: Clock, tell: Tell) -> None:
        self._database, self._clock, self._tell = database, clock, tell
        self._loop = asyncio.get_running_loop()
        self._pipes = Pipes(pipe, self._send_off)
        self._ready = threading.Condition()
        self._waiting: deque[Item] = deque()
        self._busy: set[str] = set()
        self._under_way = 0  # messages whose answer is awaited
        self._asked: list[Asked] = []
        self._asking = False
        self._closing = False
        self._threads = [
            threading.Thread(target=self._serve, name=f"baton-write-{number}", daemon=True)
            for number in range(database.writers)
        ]
        for thread in self._threads:
            thread.start()

    def hand(self, items: Sequence[Item]) -> None:
        """Queue the items: the next free thread or pipe takes them."""
        slow = {item.order for item in items if not item.repeatable}
        for item in items:
            item.repeatable = item.order not in slow  # what comes together under one name stays together
        with self._ready:
            self._waiting.extend(items)
            if slow:
                self._ready.notify()
        if any(item.repeatable for item in items):
            self._send_off()

    def ask(self, questions: Sequence[Question]) -> "asyncio.Future[list[list[Any]] | None] | None":
        """Ask by the fast lane; the future has the rows of each question, or None where a thread has to ask."""
        future: asyncio.Future[list[list[Any]] | None] = self._loop.create_future()
        self._asked.append((asked(questions), future))
        if len(self._asked) == 1:
            self._loop.call_soon(self._send_off)
        return future

    async def close(self) -> None:
        """Finish what was handed over, then end."""
        with self._ready:
            self._closing = True
            self._ready.notify_all()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        await self._pipes.close()
        self._told(self._asked, None)
        self._asked = []

    def _serve(self) -> None:
        while items := self._taken():
            self._tell(items, commit(self._database, self._clock, items))
            with self._ready:
                self._free(items)
                fast = any(item.repeatable for item in self._waiting)
            if fast and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._send_off)

    def _taken(self) -> list[Item]:
        """What waits for a thread; empty once all is done."""
        with self._ready:
            while True:
                items = [item for items in self._take(_BATCH, repeatable=False).values() for item in items]
                if items:
                    return items
                if self._closing and not self._waiting and not self._under_way:
                    self._ready.notify_all()
                    return []
                self._ready.wait()

    def _take(self, most: int, *, repeatable: bool) -> dict[object, list[Item]]:
        """Take what waits for a lane, by name; a name stays of which something is under way, or waits for the other."""
        taken: dict[object, list[Item]] = {}
        left: deque[Item] = deque()
        passed: set[str | None] = set(self._busy)
        full = False
        for item in self._waiting:
            name = item if item.order is None else item.order
            fits = item.repeatable == repeatable and item.order not in passed and not (item.alone and taken)
            if fits and not full and (name in taken or len(taken) < most):
                taken.setdefault(name, []).append(item)
                full = item.alone
            else:
                left.append(item)
                if item.order is not None:
                    passed.add(item.order)
        self._waiting = left
        self._busy.update(name for name in taken if isinstance(name, str))
        return taken

    def _free(self, items: Iterable[Item]) -> None:
        """Nothing is under way any more under these items' names."""
        self._busy.difference_update(item.order for item in items if item.order is not None)
        if self._closing or any(not item.repeatable for item in self._waiting):
            self._ready.notify()

    def _send_off(self) -> None:
        """Send what waits for the fast lane, as far as a pipe is free; where there is none, all is for the threads."""
        pipes = self._pipes.idle()
        if pipes is None:
            self._told(self._asked, None)
            self._asked = []
            with self._ready:
                for item in self._waiting:
                    item.repeatable = False
                self._ready.notify()
            return
        if pipes and self._asked and not self._asking:
            self._ask(pipes.pop())
        for number, pipe in enumerate(pipes):
            with self._ready:
                names = len({item.order for item in self._waiting if item.repeatable})
                runs = self._take(max(_FEW, -(-names // (len(pipes) - number))), repeatable=True)
            if not runs:
                return
            self._send(pipe, runs)

    def _ask(self, pipe: Pipe) -> None:
        asking, self._asked, self._asking = self._asked[:_ASKED], self._asked[_ASKED:], True

        def answered(rows: list[list[Any]] | None) -> None:
            self._asking = False
            self._told(asking, rows)
            self._send_off()

        pipe.ask([statement for statements, _ in asking for statement in statements], answered)

    @staticmethod
    def _told(asking: Sequence[Asked], rows: list[list[Any]] | None) -> None:
        of_each = iter(rows or ())
        for statements, future in asking:
            if not future.cancelled():
                future.set_result(None if rows is None else list(itertools.islice(of_each, len(statements))))

    def _send(self, pipe: Pipe, runs: Mapping[object, Sequence[Item]]) -> None:
        pieces: list[Piece] = []
        sent: list[Item] = []
        now, room = self._clock.now(), _MESSAGE
        for run, items in runs.items():
            piece = _piece(str(run), items, now)
            if piece is None or piece.size > _MESSAGE:
                self._give_back(items, repeatable=False)
            elif piece.size > room:
                self._give_back(items, repeatable=True)
            else:
                room -= piece.size
                pieces.append(piece)
                sent += items
        if pieces:
            self._under_way += 1
            pipe.send(pieces, lambda committed: self._answered(sent, committed=committed))

    def _answered(self, items: Sequence[Item], *, committed: bool) -> None:
        with self._ready:
            self._under_way -= 1
        if committed:
            self._tell(items, News())
            with self._ready:
                self._free(items)
        else:
            self._give_back(items, repeatable=False)
        self._send_off()

    def _give_back(self, items: Sequence[Item], *, repeatable: bool) -> None:
        """Have items wait again, in front."""
        for item in items:
            item.repeatable = repeatable
        with self._ready:
            self._waiting.extendleft(reversed(items))
            self._free(items)


def _piece(run: str, items: Sequence[Item], now: float) -> Piece | None:
    """What is to be written for a run; None if it cannot be told without asking, or fails: a thread sees which."""
    try:
        return gather(RunId(run), [item.work for item in items], now)
    except Exception:
        return None
