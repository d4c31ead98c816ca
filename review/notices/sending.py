"""One attempt to deliver: over HTTP, or as a mail."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from baton.core import Clock, NotFound, TryAgain
from baton.core.post import Rules
from baton.core.web import Hosts, NotPublic, Resolve, Web, resolve
from baton.ledger import Ledger, reviews
from baton.ledger.notices import Notice
from baton.review.links import make_link
from baton.review.notices.channels import MAIL, Mailbox, Webhook
from baton.review.notices.letters import written
from baton.review.notices.signing import signed

AT_ONCE = 4
"""Deliveries of one channel at the same time."""

_MOST_BYTES = 2_000_000
"""Bytes of the longest mail."""


class Gone(Exception):
    """The receiver wants nothing more (410)."""


class Sender(Protocol):
    """Delivers what goes by one channel."""

    @property
    def name(self) -> str:
        """The channel's name."""
        ...

    @property
    def together(self) -> bool:
        """Whether what waits for one recipient goes out together."""
        ...

    async def send(self, delivery: Sequence[Notice]) -> str:
        """Make one attempt; what came of it, for people.

        Raises:
            Gone: if the receiver wants nothing more.
            BatonError, OSError: if it may succeed later; TryAgain may say when.
            ValueError: if it will not.
        """
        ...


class HookSender:
    """Delivers to a webhook."""

    together = False

    def __init__(
        self, webhook: Webhook, clock: Clock, *, tls: ssl.SSLContext | None = None, resolver: Resolve = resolve
    ) -> None:
        """See `Webhook`; `tls` is what its host is verified with, None the system's certificate authorities."""
        self._webhook, self._clock = webhook, clock
        self._web = Web(
            hosts=webhook.hosts,
            private=webhook.hosts if webhook.private else Hosts("private hosts", []),
            headers={},
            timeout=webhook.timeout,
            most=10_000,
            redirects=0,
            given=tls,
            resolve=resolver,
        )

    @property
    def name(self) -> str:
        """The webhook's name."""
        return self._webhook.name

    async def send(self, delivery: Sequence[Notice]) -> str:
        """See `Sender`."""
        (notice,) = delivery
        body = notice.body.encode()
        headers = signed(notice.event, self._clock.now(), body, self._webhook.secrets)
        kind = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
        try:
            status = (await self._web.send(self._webhook.url, "POST", body, headers | kind))["status"]
        except NotPublic:
            raise
        except ValueError as error:  # such as a name that nobody knows now
            raise TryAgain(str(error)) from error
        if status == 410:
            raise Gone("it answered 410 Gone")
        if not 200 <= status < 300:
            raise TryAgain(f"it answered {status}")
        return f"it answered {status}"


class MailSender:
    """Writes to people."""

    name, together = MAIL, True

    def __init__(self, ledger: Ledger, mailbox: Mailbox, base_url: str | None) -> None:
        self._ledger, self._mailbox, self._base_url = ledger, mailbox, base_url
        # Threads of their own: a mail server that hangs must not take those that the agents' tools run in.
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="baton-mail")
        self._rules = Rules(sender=mailbox.sender, domains=None, most_recipients=1, most_bytes=_MOST_BYTES)

    async def send(self, delivery: Sequence[Notice]) -> str:
        """See `Sender`."""
        person = delivery[0].recipient
        address = self._mailbox.book.people.get(person)
        if address is None:
            raise NotFound("address of", person, self._mailbox.book.people, "Name it in the project file, then replay.")
        subject, body = written(delivery, await self._ways(delivery, person))
        mail = self._rules.write([address], subject, body, delivery[0].letter or delivery[0].id)
        await asyncio.get_running_loop().run_in_executor(self._threads, self._mailbox.server.send, mail)
        return f"{self._mailbox.server.host} took it"

    async def _ways(self, delivery: Sequence[Notice], person: str) -> Mapping[str, str]:
        """By review, how this person gets to it: by a link, or without a base URL by a command."""
        ids = dict.fromkeys(one.review for one in delivery if one.review is not None)
        if self._base_url is None:
            return {id: f"baton review show {id}" for id in ids}
        base = self._base_url.rstrip("/")
        known = {id: (await self._ledger.read(lambda tx, id=id: reviews.get(tx, id))).open for id in ids}  # type: ignore[misc]
        tokens = {id: await make_link(self._ledger, id, person) for id, open_ in known.items() if open_}
        return {id: f"{base}/open/{tokens[id]}" if id in tokens else f"{base}/reviews/{id}" for id in ids}
