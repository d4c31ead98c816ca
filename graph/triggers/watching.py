"""Watching the time, folders and events, and firing what is due; what one process has missed, the next one finds."""

import asyncio
import contextlib
import hashlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from baton.core import InvalidValue, LedgerError, NotFound, RunId, logger
from baton.graph.triggers.firing import (
    Found,
    fire_events,
    fire_files,
    fire_mails,
    fire_recorded,
    fire_times,
    read_so_far,
)
from baton.graph.triggers.mails import Imap, MailboxTrouble, on_disk, on_server
from baton.graph.triggers.trigger import Cron, Events, Files, Mails, Recorded, Trigger
from baton.ledger import Ledger, News, triggers

POLL_SECONDS = 1.0
"""How often folders, and what other processes have published, are looked at."""

LARGEST = 5_000_000
"""Bytes of a file that are read."""

_MANY = 1000  # files of a folder that are looked at in one go
_TIDY_SECONDS = 3600.0

log = logger()


class Watchman:
    """Fires triggers for as long as this process lets the agents work."""

    def __init__(
        self,
        ledger: Ledger,
        watched: Sequence[Trigger],
        tenant: str,
        *,
        working: Callable[[], bool] = lambda: True,
    ) -> None:
        """Over a ledger.

        Args:
            ledger: The record.
            watched: The triggers.
            tenant: Whose the runs are.
            working: Whether this process lets the agents work now, rather than another.
        """
        self._ledger, self._watched, self._tenant, self._working = ledger, tuple(watched), tenant, working
        self._due: dict[str, float] = {}
        self._seen: dict[tuple[str, Path], tuple[int, int]] = {}
        self._mails: dict[str, set[str]] = {}
        self._version: object = None
        self._tidied = -_TIDY_SECONDS
        self._changed = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._unlisten: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin to watch."""
        self._unlisten = self._ledger.listen(self._hear)
        self._loop = asyncio.create_task(self._serve(), name="baton-triggers")

    async def stop(self) -> None:
        """Watch no more."""
        self._unlisten()
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    def _hear(self, news: News) -> None:
        self._changed.set()

    async def _serve(self) -> None:
        while True:
            try:
                if self._working():
                    await self.look()
            except LedgerError as error:
                log.error("triggers wait: the ledger cannot be used", error=str(error))
            except Exception as error:
                log.error("triggers stumbled; they go on", exc_info=error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._changed.wait()
            self._changed.clear()

    async def look(self) -> list[RunId]:
        """Fire what is due; the runs that it has started."""
        started: list[RunId] = []
        version = await self._ledger.version()
        for trigger in self._watched:
            started += await self._look_at(trigger, changed=version != self._version)
        self._version = version
        if time.monotonic() - self._tidied > _TIDY_SECONDS:
            self._tidied = time.monotonic()
            await self._ledger.write(triggers.forget)
        return started

    async def _look_at(self, trigger: Trigger, *, changed: bool) -> list[RunId]:
        when, tenant = trigger.when, self._tenant
        due = self._ledger.clock.now() >= self._due.get(trigger.name, 0.0)
        match when:
            case Cron():
                if not due:
                    return []
                started, at = await self._ledger.write(lambda tx: fire_times(tx, trigger, when, tenant))
                self._due[trigger.name] = at
                return started
            case Events():
                if not (due or changed):
                    return []
                started, until = await self._ledger.write(lambda tx: fire_events(tx, trigger, when, tenant))
                self._due[trigger.name] = float("inf") if until is None else until
                return started
            case Recorded():
                return await self._ledger.write(lambda tx: fire_recorded(tx, trigger, when, tenant)) if changed else []
            case Mails():
                return await self._look_at_mails(trigger, when) if due else []
            case Files():
                found = await asyncio.to_thread(self._new_files, trigger.name, when)
                if not found:
                    return []
                return await self._ledger.write(lambda tx: fire_files(tx, trigger, found, tenant))

    async def _look_at_mails(self, trigger: Trigger, when: Mails) -> list[RunId]:
        """Start runs for mails that have come."""
        box, tenant = when.box, self._tenant
        if isinstance(box, Imap):
            return await self._look_at_server(trigger, box, when.every)
        seen = self._mails.setdefault(trigger.name, set())
        found, names = await asyncio.to_thread(on_disk, box, frozenset(seen))
        started = await self._ledger.write(lambda tx: fire_mails(tx, trigger, found, None, tenant)) if found else []
        seen |= names
        return started

    async def _look_at_server(self, trigger: Trigger, box: Imap, every: float) -> list[RunId]:
        """The same for a server: how far its folder has been read is kept with the runs that were started."""
        self._due[trigger.name] = self._ledger.clock.now() + every
        known = await self._ledger.read(lambda tx: read_so_far(tx, trigger))
        try:
            found, place = await asyncio.to_thread(on_server, box, known)
        except (MailboxTrouble, NotFound, InvalidValue) as error:
            log.warning("a mailbox cannot be read", trigger=trigger.name, error=str(error))
            return []
        if place == known:
            return []
        return await self._ledger.write(lambda tx: fire_mails(tx, trigger, found, place, self._tenant))

    def _new_files(self, name: str, when: Files) -> list[Found]:
        """Files that have come or changed since they were looked at last, and have been still for a while."""
        found: list[Found] = []
        for path in sorted(when.folder.glob(when.pattern))[:_MANY] if when.folder.is_dir() else ():
            with contextlib.suppress(OSError):  # it has gone at this moment
                stat = path.stat()
                mark = (stat.st_mtime_ns, stat.st_size)
                if (
                    not path.is_file()
                    or self._seen.get((name, path)) == mark
                    or time.time() - stat.st_mtime < when.settle
                ):
                    continue
                content = path.read_bytes()[:LARGEST]
                self._seen[name, path] = mark
                key = f"file {path.name} {hashlib.sha256(content).hexdigest()[:32]}"
                found.append(Found(name=path.name, key=key, text=content.decode("utf-8", "replace").replace("\0", " ")))
        return found
