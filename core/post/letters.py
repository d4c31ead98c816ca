"""A mail as it is written: every part checked, so that no part can become another. No I/O."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime

from baton.core.errors import InvalidValue

_WORD = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])")
_ADDRESS = re.compile(rf"({_WORD}(?:\.{_WORD})*)@({_DOMAIN.pattern})")
_PLAIN = SMTP.clone(cte_type="7bit")
"""Lines end in CRLF and bytes are below 128, which every server takes."""

MOST_SUBJECT = 200
"""Characters of the longest subject."""

MOST_ADDRESS = 254
"""Characters of the longest address (RFC 5321, 4.5.3.1.3)."""


@dataclass(frozen=True)
class Mail:
    """A mail that may be sent.

    Attributes:
        id: From the idempotency key: a mail that comes twice has the same.
        sender: The address that it comes from.
        to: Who gets it.
        raw: The whole of it.
    """

    id: str
    sender: str
    to: tuple[str, ...]
    raw: bytes

    @property
    def message_id(self) -> str:
        """Its `Message-ID` (RFC 5322)."""
        return _message_id(self.id, self.sender)


def mail_id(key: str) -> str:
    """What a mail is known by, from its idempotency key."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What mails may be like; see `mail_tools`."""

    sender: str
    domains: tuple[str, ...] | None
    most_recipients: int
    most_bytes: int

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            InvalidValue: for a sender, a domain or a number that cannot be one.
        """
        if not is_mail_address(self.sender):
            raise InvalidValue("sender of mail_tools", self.sender, "an address such as desk@shop.example")
        for domain in self.domains or ():
            if not _DOMAIN.fullmatch(domain.removeprefix("*.")):
                raise InvalidValue("domain of mail_tools", domain, "a domain such as shop.example, or *.shop.example")
        if self.most_recipients < 1 or self.most_bytes < 1:
            raise InvalidValue("limit of mail_tools", min(self.most_recipients, self.most_bytes), "1 or more")

    def write(self, to: Sequence[str], subject: str, body: str, key: str) -> Mail:
        """Write a mail.

        Raises:
            ValueError: with a sentence for the model, if it may not be sent.
        """
        self._check(to)
        if len(subject) > MOST_SUBJECT or any(_hidden(char) for char in subject):
            raise ValueError(f"the subject must be one line of at most {MOST_SUBJECT} characters")
        lines = "\n".join(body.splitlines()) + "\n"
        if any(_hidden(char) and char not in "\n\t" for char in lines):
            raise ValueError("the body holds control characters: give plain text")
        if not body.strip() or len(lines.encode()) > self.most_bytes:
            raise ValueError(f"the body must have some text, and at most {self.most_bytes} bytes of it")
        id = mail_id(key)
        message = EmailMessage(policy=_PLAIN)
        message["From"], message["To"], message["Subject"] = self.sender, ", ".join(to), subject
        message["Date"], message["Message-ID"] = localtime(), _message_id(id, self.sender)
        message["Auto-Submitted"] = "auto-generated"  # so that no robot answers a robot (RFC 3834)
        message.set_content(lines)
        return Mail(id, self.sender, tuple(to), message.as_bytes())

    def _check(self, to: Sequence[str]) -> None:
        if not 1 <= len(to) <= self.most_recipients:
            raise ValueError(f"give 1 to {self.most_recipients} addresses, not {len(to)}")
        for address in to:
            if not is_mail_address(address):
                raise ValueError(f"{address!r} is no address: give one such as anna@example.org, without a name")
            if self.domains is not None and not _holds(self.domains, address.rpartition("@")[2].lower()):
                raise ValueError(f"nobody at {address!r} may be written to; who may: {', '.join(self.domains)}")


def is_mail_address(text: str) -> bool:
    """Whether a text is one address such as anna@example.org, without a name."""
    return len(text) <= MOST_ADDRESS and len(text.partition("@")[0]) <= 64 and bool(_ADDRESS.fullmatch(text))


def _holds(domains: Iterable[str], domain: str) -> bool:
    return any(
        domain.endswith(allowed[1:].lower()) if allowed.startswith("*.") else domain == allowed.lower()
        for allowed in domains
    )


def _hidden(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")


def _message_id(id: str, sender: str) -> str:
    return f"<{id}@{sender.rpartition('@')[2]}>"
