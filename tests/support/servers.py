"""Small servers on loopback: HTTP that answers as it is told, and SMTP that takes or refuses."""

import contextlib
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CERTIFICATE = Path(__file__).parents[1] / "data" / "shop.test.pem"


def serving() -> ssl.SSLContext:
    """TLS of a server that is shop.test."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def trusting() -> ssl.SSLContext:
    """TLS of a client that trusts it."""
    return ssl.create_default_context(cafile=str(CERTIFICATE))


@dataclass
class Asked:
    """A request that was received."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Says:
    """What is answered; `pause` seconds go before each byte of the body."""

    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/plain"})
    pause: float = 0.0
    cut: bool = False


class _Quiet:
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust the server has gone: no traceback for that."""


class _QuietWeb(_Quiet, ThreadingHTTPServer):
    pass


@dataclass
class WebServer:
    """A server at work."""

    port: int
    asked: list[Asked]


@contextlib.contextmanager
def web_server(answer: Callable[[Asked], Says], tls: ssl.SSLContext | None = None) -> Iterator[WebServer]:
    """Answers every request with what `answer` gives for it."""
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            with contextlib.suppress(OSError):
                super().handle_one_request()

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append(Asked(self.command, self.path, dict(self.headers), body))
            says = answer(asked[-1])
            self.send_response(says.status)
            for name, value in says.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(says.body) + says.cut))
            self.end_headers()
            for at in range(len(says.body)) if says.pause else ():
                time.sleep(says.pause)
                self.wfile.write(says.body[at : at + 1])
            if not says.pause:
                self.wfile.write(says.body)
            self.close_connection = True

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = _QuietWeb(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield WebServer(server.server_address[1], asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class MailServer:
    """An SMTP server at work: `answers` replaces what it says to a command, `None` hangs up."""

    port: int
    mails: list[bytes]
    said: list[str]
    answers: dict[str, str | None]


class _QuietMail(_Quiet, socketserver.ThreadingTCPServer):
    state: MailServer


class _Smtp(socketserver.StreamRequestHandler):
    server: _QuietMail

    def handle(self) -> None:
        state = self.server.state
        with contextlib.suppress(OSError):
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                state.said.append(line.decode().strip())
                word = state.said[-1].partition(" ")[0].upper()
                if word == "QUIT" or not self._say(word):
                    return
                if word == "DATA" and (state.answers["DATA"] or "").startswith("354"):
                    state.mails.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                    if not self._say("END"):
                        return

    def _say(self, word: str) -> bool:
        """Answer; False is hanging up."""
        text = self.server.state.answers.get(word, "250 fine")
        if text is not None:
            self.wfile.write(f"{text}\r\n".encode())
        return text is not None


@contextlib.contextmanager
def mail_server(tls: ssl.SSLContext | None = None, **answers: str | None) -> Iterator[MailServer]:
    """Takes mails, encrypted with `tls`; `END` is the end of the data, other names are those of commands."""
    usual: dict[str, str | None] = {"EHLO": "250-here\r\n250 AUTH PLAIN", "DATA": "354 go on", "AUTH": "235 welcome"}
    server = _QuietMail(("127.0.0.1", 0), _Smtp)
    server.state = state = MailServer(server.server_address[1], [], [], usual | answers)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
