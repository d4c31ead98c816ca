"""Mail for agents: plain text, to checked addresses, over a server or into a folder."""

import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypedDict

from baton.agents.shipped.folder import Folder
from baton.agents.shipped.outlets import Outbox
from baton.agents.tool import Tool, tool
from baton.core import InvalidValue, Secret
from baton.core.post import Rules, Security, Server


class Sent(TypedDict):
    """Proof of a mail: the same key always gives the same `message_id`."""

    message_id: str
    to: list[str]


def mail_tools(
    *,
    sender: str,
    host: str | None = None,
    port: int = 587,
    security: Security = "starttls",
    user: str | None = None,
    password: Secret | None = None,
    outbox: str | Path | None = None,
    domains: Iterable[str] | None = None,
    most_recipients: int = 5,
    most_bytes: int = 100_000,
    timeout: float = 30.0,
    tls: ssl.SSLContext | None = None,
) -> list[Tool[..., Any]]:
    """Make `send_mail`, a write, over an SMTP server or into a folder.

    A server does not say later whether it took a mail: where nobody knows, a person is asked. In a folder a mail is a
    file `ID.eml`, written once for each key. Whoever picks mails up moves them into its folder `sent` under their
    names, where they are still found after a crash.

    Args:
        sender: The address that mails come from.
        host: The server; None for a folder.
        port: Its port.
        security: How the connection is encrypted: `tls` at once, `starttls`, or `none`.
        user: Who logs in; None for nobody.
        password: The user's password, by reference.
        outbox: The folder; None for a server.
        domains: Who may be written to: exact domains, or `*.name` for all below one. None is everybody.
        most_recipients: Addresses of one mail.
        most_bytes: Bytes of the longest body.
        timeout: Seconds for a mail in all.
        tls: What the server is verified with; None is the system's certificate authorities.

    Raises:
        InvalidValue: if a setting cannot be one, or both or neither of `host` and `outbox` are given.
    """
    rules = Rules(
        sender=sender,
        domains=None if domains is None else tuple(domains),
        most_recipients=most_recipients,
        most_bytes=most_bytes,
    )
    if (user is None) != (password is None) or (user is not None and security == "none"):
        allowed = "a user with a password, on a connection that is encrypted"
        raise InvalidValue("user of mail_tools", user, allowed)
    outlet: Server | Outbox
    if host is not None and outbox is None:
        outlet = Server(host=host, port=port, security=security, user=user, password=password, timeout=timeout, tls=tls)
    elif outbox is not None and host is None:
        outlet = Outbox(Folder(outbox))
    else:
        raise InvalidValue("host and outbox of mail_tools", (host, outbox), "one of the two")

    @tool(
        effect="write",
        timeout=timeout,
        repeatable=isinstance(outlet, Outbox),
        reconcile=outlet.find if isinstance(outlet, Outbox) else None,
        destinations=["to"],
        content=["subject", "body"],
    )
    def send_mail(to: list[str], subject: str, body: str, *, key: str) -> Sent:
        """Send a mail of plain text.

        Args:
            to: Addresses, such as anna@example.org, without names.
            subject: One line.
            body: Plain text.
            key: Idempotency key, given by Baton.
        """
        mail = rules.write(to, subject, body, key)
        outlet.send(mail)
        return Sent(message_id=mail.message_id, to=to)

    return [send_mail]
