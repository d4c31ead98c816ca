"""A small IMAP server on loopback: one folder, read only, with what imaplib asks of it."""

import contextlib
import re
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class ImapServer:
    """What it has and what was asked of it.

    Attributes:
        mails: By number.
        validity: Of the numbers.
        password: The one that is right.
        said: The commands that came, without the password.
    """

    port: int = 0
    mails: dict[int, bytes] = field(default_factory=dict[int, bytes])
    validity: int = 7
    password: str = "open-sesame"
    said: list[str] = field(default_factory=list[str])

    def deliver(self, raw: bytes) -> None:
        """A mail comes."""
        self.mails[max(self.mails, default=0) + 1] = raw


class _Handler(socketserver.StreamRequestHandler):
    """One connection."""

    kept: ImapServer

    def handle(self) -> None:
        self.say("* OK ready")
        while line := self.rfile.readline().decode().strip():
            tag, _, rest = line.partition(" ")
            word = rest.split()[0].upper()
            self.kept.said.append(word if word == "LOGIN" else rest)
            answers = {"EXAMINE": self.open, "SELECT": self.open, "UID": self.uid, "LOGIN": self.login}
            done = answers[word](rest) if word in answers else self.other(word)
            self.say(f"{tag} {done}")
            if word == "LOGOUT":
                return

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def login(self, rest: str) -> str:
        return "OK done" if self.kept.password in rest else "NO wrong password"

    def open(self, rest: str) -> str:
        kept = self.kept
        self.say(f"* {len(kept.mails)} EXISTS")
        self.say(f"* OK [UIDVALIDITY {kept.validity}] ok")
        self.say(f"* OK [UIDNEXT {max(kept.mails, default=0) + 1}] ok")
        return "OK [READ-ONLY] done"

    def other(self, word: str) -> str:
        self.say("* CAPABILITY IMAP4rev1" if word == "CAPABILITY" else "* BYE")
        return "OK done"

    def uid(self, rest: str) -> str:
        mails = self.kept.mails
        if "SEARCH" in rest:
            first, last = int(re.findall(r"(\d+):\*", rest)[0]), max(mails, default=0)
            numbers = [str(one) for one in mails if one >= first or one == last]  # `*` is the last, always
            self.say(f"* SEARCH {' '.join(numbers)}")
        else:
            raw = mails[int(rest.split()[2])]
            self.wfile.write(f"* 1 FETCH (UID 1 BODY[]<0> {{{len(raw)}}}\r\n".encode() + raw + b")\r\n")
        return "OK done"


@contextlib.contextmanager
def imap_server() -> Iterator[ImapServer]:
    """A server that answers until the context is left."""
    kept = ImapServer()
    handler = type("Handler", (_Handler,), {"kept": kept})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        kept.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield kept
        server.shutdown()
