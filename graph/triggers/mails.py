"""Mails in a mailbox: a Maildir or an mbox on disk, or a folder of an IMAP server, which is only read.

A mail is known by its Message-ID and what it says: the same one delivered twice is one, and nobody takes the place of
another's by its Message-ID alone.
"""

import email
import email.policy
import hashlib
import imaplib
import mailbox
import ssl
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from baton.core import Attachment, BatonError, Fault, Secret, storable

LARGEST = 5_000_000
"""Bytes of a mail that are read."""

MOST = 100
"""Mails that are fetched in one go."""

TIMEOUT = 30.0
"""Seconds that a server may take to answer."""


class MailboxTrouble(BatonError):
    """A mailbox cannot be read now."""

    fault = Fault.TRANSIENT

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"mailbox {where}: {problem}")


@dataclass(frozen=True, kw_only=True)
class Imap:
    """A folder of an IMAP server.

    Attributes:
        password: Looked up when it is read.
        port: 993 with TLS, else 143, where none is named.
        tls: Whether the connection is encrypted from the beginning; without, only for a server on this machine.
        context: Whom to trust; None is the machine's authorities.
    """

    host: str
    user: str
    password: Secret
    folder: str = "INBOX"
    port: int | None = None
    tls: bool = True
    context: ssl.SSLContext | None = None


@dataclass(frozen=True, kw_only=True)
class Place:
    """How far a folder of a server has been read.

    Attributes:
        validity: Of the numbers: with another one they mean other mails.
        last: The number of the last mail that was seen.
    """

    validity: int
    last: int


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A mail. `key` is what it is known by; `about` what a run is given of it, all of it a stranger's."""

    key: str
    about: tuple[Attachment, ...]


def on_disk(path: Path, seen: Collection[str]) -> tuple[list[Mail], set[str]]:
    """The mails of a Maildir or an mbox that are not among the seen; nothing is moved or marked.

    Returns:
        The mails, and what is to be among the seen once they are recorded.
    """
    mails: list[Mail] = []
    names, mark = set[str](), _mark(path)
    for name, raw in _maildir(path, seen) if path.is_dir() else _mbox(path, seen):
        if len(mails) == MOST:
            return mails, names
        mails.append(read_mail(raw))
        names.add(name)
    return mails, names | mark


def _mark(path: Path) -> set[str]:
    """How an mbox is now, so that it is not read again while it stays so; taken before it is read, it may be older."""
    if not path.is_file():
        return set()
    stat = path.stat()
    return {f"{stat.st_mtime_ns} {stat.st_size}"}


def _maildir(path: Path, seen: Collection[str]) -> Iterator[tuple[str, bytes]]:
    for folder in ("new", "cur"):
        for file in sorted((path / folder).glob("*")):
            name = file.name.partition(":")[0]  # what follows are flags, which change
            if name in seen or name.startswith("."):
                continue
            try:
                with file.open("rb") as opened:
                    yield name, opened.read(LARGEST)
            except OSError:  # moved from new to cur at this moment: the next look finds it there
                continue


def _mbox(path: Path, seen: Collection[str]) -> Iterator[tuple[str, bytes]]:
    if not path.is_file() or _mark(path) <= set(seen):
        return
    box = mailbox.mbox(str(path), create=False)
    try:
        for key in box.iterkeys():
            raw = box.get_bytes(key)[:LARGEST]
            name = hashlib.sha256(raw).hexdigest()
            if name not in seen:
                yield name, raw
    finally:
        box.close()


def on_server(box: Imap, place: Place | None) -> tuple[list[Mail], Place]:
    """The mails of a server's folder behind a place, and how far it has been read now.

    Args:
        box: The folder.
        place: How far it was read; None where it never was: what is there then is not its business.

    Raises:
        MailboxTrouble: if it cannot be read.
        NotFound, InvalidValue: if there is no password, or none that can be kept out of records.
    """
    try:
        with _connected(box) as server:
            server.login(box.user, box.password.reveal())
            _done(*server.select(_quoted(box.folder), readonly=True))
            validity, following = _number(server, "UIDVALIDITY"), _number(server, "UIDNEXT")
            if place is None or place.validity != validity:
                return [], Place(validity=validity, last=max(0, following - 1))
            return _fetched(server, place)
    except (OSError, imaplib.IMAP4.error) as error:
        raise MailboxTrouble(f"{box.folder} of {box.user} at {box.host}", str(error) or type(error).__name__) from error


def _fetched(server: imaplib.IMAP4, place: Place) -> tuple[list[Mail], Place]:
    said = _done(*server.uid("SEARCH", f"UID {place.last + 1}:*"))
    numbers = sorted(int(one) for one in (said[0] or b"").split() if int(one) > place.last)[:MOST]
    mails: list[Mail] = []
    for number in numbers:
        for part in _done(*server.uid("FETCH", str(number), f"(BODY.PEEK[]<0.{LARGEST}>)")):
            if type(part) is tuple:  # what else the server says is no mail
                mails.append(read_mail(part[1]))  # pyright: ignore[reportUnknownArgumentType]
    return mails, Place(validity=place.validity, last=numbers[-1] if numbers else place.last)


def _connected(box: Imap) -> imaplib.IMAP4:
    if box.tls:
        context = box.context or ssl.create_default_context()
        return imaplib.IMAP4_SSL(box.host, box.port or 993, ssl_context=context, timeout=TIMEOUT)
    return imaplib.IMAP4(box.host, box.port or 143, timeout=TIMEOUT)


def _done(answer: str, said: list[Any]) -> list[Any]:
    """What a server has answered.

    Raises:
        IMAP4.error: if it says no.
    """
    if answer != "OK":
        raise imaplib.IMAP4.error(f"{answer} {said!r}"[:300])
    return said


def _quoted(folder: str) -> str:
    return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _number(server: imaplib.IMAP4, name: str) -> int:
    """A number that the server has said of the folder; 0 where it has not."""
    _, said = server.response(name)
    return int(said[-1]) if said and said[-1] else 0


def read_mail(raw: bytes) -> Mail:
    """A mail as a run is given it: who, to whom, when, about what, its text, and the texts that are attached to it."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    named = {name: _header(message, name) for name in ("From", "To", "Date", "Subject")}
    head = "\n".join(f"{name}: {value}" for name, value in named.items() if value)
    body = message.get_body(("plain", "html"))
    text = _text(body) if isinstance(body, EmailMessage) else ""
    about = [Attachment("mail", storable(f"{head}\n\n{text}".strip()))]
    about += [
        Attachment(storable(part.get_filename() or f"part {number}"), storable(_text(part)))
        for number, part in enumerate(_parts(message), 1)
    ]
    said = "\n".join((head, text, *(one.text for one in about[1:])))
    known = f"{_header(message, 'Message-ID')}\n{said}"
    return Mail(key=f"mail {hashlib.sha256(known.encode('utf-8', 'replace')).hexdigest()[:32]}", about=tuple(about))


def _parts(message: EmailMessage) -> Sequence[EmailMessage]:
    """What is attached and is text; pictures and programs are named in no run."""
    try:
        found: list[EmailMessage] = list(message.iter_attachments())
    except (AttributeError, TypeError):  # a mail that says of itself what it is not
        return []
    return [part for part in found if part.get_content_maintype() == "text"]


def _text(part: EmailMessage) -> str:
    """The text of a part, also where it lies about its letters."""
    try:
        return str(part.get_content())
    except (LookupError, ValueError, KeyError, AttributeError):
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _header(message: EmailMessage, name: str) -> str:
    try:
        return str(message.get(name, "")).strip()
    except (ValueError, IndexError, AttributeError):  # headers that no parser takes
        return ""
