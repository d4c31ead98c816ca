"""Reads an e-mail into a goal: the statement is the operator's, everything the mail says is an external attachment.

from mail import read_mail
goal = read_mail(Path("inbox/01.eml"))
"""

import re
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage, MIMEPart
from html.parser import HTMLParser
from pathlib import Path

from baton.core import Attachment, Goal, InvalidFile

STATEMENT = (
    "Handle this customer's mail: find out what is wanted, look up what the records say, do what our policy "
    "allows, and answer in the customer's language."
)
CRITERIA = (
    "The customer has an answer, or a person has been asked, or the mail needs no answer.",
    "What was done agrees with our records and the returns policy.",
)


def read_mail(path: Path) -> Goal:
    """The goal that the mail at `path` gives the desk.

    Returns:
        A goal whose attachments, all of external trust, are `from` (only the address), `subject`, `body`
        (HTML turned to text, quoted parts kept) and one for each table (CSV) under its file name.

    Raises:
        InvalidFile: if the file cannot be read as an e-mail with a sender and a text.
    """
    message = _parse(path)
    parts = [
        Attachment("from", _sender(path, message)),
        Attachment("subject", " ".join(str(message.get("Subject", "")).split())),
        Attachment("body", _body(path, message)),
    ]
    for part in message.iter_attachments():
        name = part.get_filename() or ""
        if part.get_content_type() == "text/csv" or name.lower().endswith(".csv"):
            parts.append(Attachment(name or f"table-{len(parts) - 2}.csv", _text(path, part)))
    return Goal(STATEMENT, criteria=CRITERIA, attachments=tuple(parts))


def read_inbox(folder: Path) -> dict[str, Goal]:
    """The goals of all mails in `folder`, by file name, in the order of their names.

    Raises:
        InvalidFile: if the folder holds no mail, or one that cannot be read.
    """
    paths = sorted(folder.glob("*.eml"))
    if not paths:
        raise InvalidFile(str(folder), None, "inbox", folder.name, "a folder with at least one .eml file")
    return {path.name: read_mail(path) for path in paths}


def _parse(path: Path) -> EmailMessage:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidFile(
            str(path), None, "file", error.strerror, "an .eml file that exists and can be read"
        ) from error
    return message_from_bytes(data, policy=policy.default)


def _sender(path: Path, message: EmailMessage) -> str:
    header = message["From"]
    addresses: tuple[Address, ...] = header.addresses if header else ()
    if len(addresses) != 1 or not addresses[0].domain:
        raise InvalidFile(str(path), None, "From", header, "one sender's address; save the mail again whole")
    return addresses[0].addr_spec.lower()


def _body(path: Path, message: EmailMessage) -> str:
    part = message.get_body(("plain", "html"))
    if part is None:
        kind = message.get_content_type()
        raise InvalidFile(str(path), None, "body", kind, "a text/plain or text/html part; save the mail again whole")
    text = _text(path, part)
    if part.get_content_type() == "text/html":
        reader = _Reader()
        reader.feed(text)
        reader.close()
        text = reader.text()
    return text.strip()


def _text(path: Path, part: MIMEPart) -> str:
    """The part's text; where it names no charset UTF-8 is tried first and ISO-8859-1, which takes anything, then."""
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    charset = part.get_content_charset()
    try:
        text = raw.decode(charset or "utf-8-sig")
    except (LookupError, UnicodeError) as error:
        if charset:
            allowed = f"the charset that the text is written in; convert the mail to UTF-8 ({error})"
            raise InvalidFile(str(path), None, "charset", charset, allowed) from error
        text = raw.decode("iso-8859-1")
    return text.replace("\r\n", "\n").replace("\x00", "").removeprefix("\ufeff")


class _Reader(HTMLParser):
    """Keeps the text of a page, hidden or not: what a model would be shown is what must be judged."""

    _BREAKS = frozenset({"p", "div", "br", "tr", "li", "h1", "h2", "h3", "table", "blockquote", "ul", "ol", "hr"})
    _SILENT = frozenset({"style", "script", "title"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._pieces: list[str] = []
        self._silent = self._quotes = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in self._SILENT
        self._quotes += tag == "blockquote"
        self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in self._SILENT and self._silent > 0
        self._break(tag)
        self._quotes -= tag == "blockquote" and self._quotes > 0

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._pieces.append(re.sub(r"\s+", " ", data))

    def _break(self, tag: str) -> None:
        if tag in self._BREAKS:
            self._pieces.append("\n" + "> " * self._quotes)
        elif tag == "td":
            self._pieces.append(" ")

    def text(self) -> str:
        lines = (re.sub(r"[ \t\xa0]+", " ", line).strip() for line in "".join(self._pieces).split("\n"))
        return re.sub(r"\n{3,}", "\n\n", "\n".join("" if line == ">" else line for line in lines)).strip()
