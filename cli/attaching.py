"""Files as attachments of a goal: texts of external trust, whoever hands them in."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from baton.core import Attachment, InvalidFile

_HEADERS = ("From", "To", "Cc", "Date", "Subject")


def read_attachment(path: Path) -> Attachment:
    """A file as an attachment under its name; of an e-mail, its headers and its text.

    Raises:
        InvalidFile: if it cannot be read, or is no text.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidFile(str(path), None, "attachment", error.strerror, "a file that can be read") from error
    if path.suffix.lower() == ".eml":
        return Attachment(path.name, _mail(path, data))
    try:
        return Attachment(path.name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        allowed = "text in UTF-8; convert it first"
        raise InvalidFile(str(path), None, "attachment", f"{error.reason} at byte {error.start}", allowed) from error


def _mail(path: Path, data: bytes) -> str:
    message: EmailMessage = message_from_bytes(data, policy=policy.default)
    body = message.get_body(("plain", "html"))
    if body is None:
        kind = message.get_content_type()
        raise InvalidFile(str(path), None, "e-mail", kind, "a mail with a text; save it again whole")
    try:
        text: str = body.get_content()
    except (LookupError, UnicodeError) as error:
        raise InvalidFile(str(path), None, "e-mail", str(error), "a mail in a known charset") from error
    heads = [f"{name}: {' '.join(str(message[name]).split())}" for name in _HEADERS if message[name]]
    return "\n".join(heads) + "\n\n" + text.strip()
