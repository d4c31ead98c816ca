"""The courier: makes notices of what happens and delivers them, beside the runs and never in their way."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from baton.core import BatonError, LedgerError, Retries, TryAgain, logger, redact, storable
from baton.ledger import Ledger, News, Transaction, notices
from baton.ledger.events import Mark
from baton.ledger.notices import Notice
from baton.review.notices.channels import Notices
from baton.review.notices.fanning import behind, fan_out, moot
from baton.review.notices.sending import AT_ONCE, Gone, HookSender, MailSender, Sender

RETRIES = Retries(attempts=16, first_wait=10.0, longest_wait=6 * 3600.0)
"""How often a delivery is tried: over about fifteen hours, then people are to look at it."""

LONGEST = 100.0
"""Seconds after which an attempt has failed, whatever it does; less than a notice is held."""

POLL_SECONDS = 1.0
"""How often is looked for what other processes have recorded, and for what is due."""

GATHER_SECONDS = 0.1
"""Least seconds between two looks, so that a busy record is not looked at for each event."""

KEPT_SECONDS = 7 * 86400.0
"""How long what was sent or dropped is kept, to be replayed."""

TIDY_SECONDS = 3600.0

MOST_SAID = 500
"""Characters that are kept of what an attempt came to."""

FAREWELL_SECONDS = 3.0
"""How long deliveries at work may take when this process ends; others take up what is cut off."""

log = logger()


def senders(ledger: Ledger, config: Notices) -> list[Sender]:
    """What delivers by each of the channels."""
    found: list[Sender] = [HookSender(webhook, ledger.clock) for webhook in config.webhooks]
    return found + ([MailSender(ledger, config.mail, config.base_url)] if config.mail else [])


class Courier:
    """Delivers notices at least once each; of several processes, one makes each attempt."""

    def __init__(
        self,
        ledger: Ledger,
        config: Notices,
        *,
        by: Sequence[Sender] | None = None,
        retries: Retries = RETRIES,
        working: Callable[[], bool] = lambda: True,
    ) -> None:
        """Over a ledger.

        Args:
            ledger: The record.
            config: Who is told what.
            by: What delivers by each of the channels; None is `senders`.
            retries: How often a delivery is tried.
            working: Whether this process delivers now, rather than another.
        """
        self._ledger, self._config = ledger, config
        self._senders = {sender.name: sender for sender in (senders(ledger, config) if by is None else by)}
        self._retries, self._working = retries, working
        self._changed = asyncio.Event()
        self._under_way: dict[asyncio.Task[None], str] = {}
        self._seen: Mark = (0, 0)
        self._tidied = float("-inf")
        self._worked = False
        self._loop: asyncio.Task[None] | None = None
        self._unlisten: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Begin; what happens from the first beginning on is told."""
        await self._ledger.write(notices.begin)
        self._unlisten = self._ledger.listen(self._hear)
        self._loop = asyncio.create_task(self._serve(), name="baton-notices")

    async def stop(self) -> None:
        """Deliver what is due, for a while, and no more."""
        self._unlisten()
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        if self._worked:  # a command that runs once tells what it has done
            with contextlib.suppress(LedgerError):  # which others will tell
                await self._round()
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=FAREWELL_SECONDS)
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _hear(self, news: News) -> None:
        if news.noted:
            self._changed.set()

    async def _serve(self) -> None:
        failed = ""
        while True:
            try:
                self._worked = self._working()
                if self._worked:
                    await self._round()
                failed = ""
            except LedgerError as error:
                if str(error) != failed:
                    log.error("notices wait: the ledger cannot be used", error=str(error))
                failed = str(error)
            except Exception as error:
                log.error("notices stumbled; they go on", exc_info=error)
            await asyncio.sleep(GATHER_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._changed.wait()
            self._changed.clear()

    async def _round(self) -> None:
        """Make notices of what is new, and begin to deliver what is due."""
        until, news = await self._ledger.read(lambda tx: behind(tx, self._config, self._seen))
        while news:
            news = await self._ledger.write(lambda tx: fan_out(tx, self._config, self._seen))
        self._seen = max(self._seen, until)
        for name in await self._ledger.read(lambda tx: notices.due_on(tx, self._senders)):
            await self._begin(self._senders[name])
        now = self._ledger.clock.now()
        if now >= self._tidied + TIDY_SECONDS:
            self._tidied = now
            await self._ledger.write(self._tidy)

    def _tidy(self, tx: Transaction) -> None:
        """Forget what is old, and note how far was read, also where nothing was to be told of it."""
        notices.forget(tx, tx.now - KEPT_SECONDS)
        fan_out(tx, self._config, self._seen)

    async def _begin(self, sender: Sender) -> None:
        """Begin as many deliveries by a channel as it has places free: one that hangs holds up no other channel."""
        free = AT_ONCE - list(self._under_way.values()).count(sender.name)
        if free <= 0:
            return
        for delivery in await self._ledger.write(lambda tx: self._take(tx, sender, free)):
            task = asyncio.create_task(self._go_on(sender, delivery), name=f"baton-notices-{sender.name}")
            self._under_way[task] = sender.name
            task.add_done_callback(self._done)

    async def _go_on(self, sender: Sender, delivery: list[Notice]) -> None:
        """Deliver, and then what is due next on the channel, until nothing is."""
        due = [delivery]
        while due:
            await self._deliver(sender, due[0])
            try:
                due = await self._ledger.write(lambda tx: self._take(tx, sender, 1))
            except LedgerError:
                return  # the next round says so

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._changed.set()

    def _take(self, tx: Transaction, sender: Sender, limit: int) -> list[list[Notice]]:
        """Hold what is due, without what is not worth sending any more, and what has been begun too often."""
        found: list[list[Notice]] = []
        for delivery in notices.take(tx, sender.name, limit, together=sender.together):
            over = [one for one in delivery if moot(tx, one)]
            notices.end(tx, over, "dropped", "it was decided meanwhile")
            left = [one for one in delivery if one not in over]
            if left and left[0].attempts > self._retries.attempts:
                notices.end(tx, left, "dead", f"begun {left[0].attempts - 1} times, and never came to an end")
            elif left:
                found.append(left)
        return found

    async def _deliver(self, sender: Sender, delivery: Sequence[Notice]) -> None:
        """Make one attempt, and note what came of it."""
        try:
            async with asyncio.timeout(LONGEST):
                said = await sender.send(delivery)
        except Gone as error:
            log.warning("a receiver wants no more notices", channel=sender.name)
            said = _words(error)
            await self._note(lambda tx: notices.close_channel(tx, sender.name, said))
        except (BatonError, OSError) as error:  # a missing secret and a lost connection among them
            await self._failed(sender, delivery, error, error.after if isinstance(error, TryAgain) else None)
        except ValueError as error:
            await self._give_up(sender, delivery, _words(error))
        except Exception as error:
            log.error("a notice could not be delivered", channel=sender.name, exc_info=error)
            await self._failed(sender, delivery, error, None)
        else:
            await self._note(lambda tx: notices.end(tx, delivery, "sent", said))

    async def _failed(self, sender: Sender, delivery: Sequence[Notice], error: Exception, after: float | None) -> None:
        said, tries = _words(error), delivery[0].attempts
        if tries >= self._retries.attempts:
            await self._give_up(sender, delivery, said)
        else:
            until = self._ledger.clock.now() + self._retries.wait(tries, after)
            await self._note(lambda tx: notices.put_off(tx, delivery, until, said))

    async def _give_up(self, sender: Sender, delivery: Sequence[Notice], said: str) -> None:
        log.error("a notice is given up", channel=sender.name, notice=delivery[0].id, error=said)
        await self._note(lambda tx: notices.end(tx, delivery, "dead", said))

    async def _note(self, work: Callable[[Transaction], None]) -> None:
        """Record what came of an attempt; where that fails, it is made again once nobody holds the notice."""
        try:
            await self._ledger.write(work)
        except LedgerError as error:
            log.warning("what came of a notice could not be noted; it is sent again", error=str(error))


def _words(error: Exception) -> str:
    """What went wrong, for the record: a stranger's server may say anything."""
    said = str(error) or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
    return storable(redact(said))[:MOST_SAID]
