"""Where an MCP server is, and how it is reached: a command that is started, or a checked URL."""

import contextlib
import os
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from baton.core import InvalidValue, Secret
from baton.core.web import Resolve, Target, read_url, resolve

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,29}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_SENSITIVE = re.compile("authorization|cookie|token|secret|password|api-?key", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class McpServer:
    """An MCP server.

    Attributes:
        name: What its tools' names begin with.
        command: What is started, and spoken to over its standard input and output; None for a URL. It gets PATH, HOME
            and the like of the environment, and no more than that and `environment`.
        url: Where it is, over streamable HTTP; None for a command.
        environment: Variables that the command gets; secrets by reference.
        headers: What is sent to the URL's own host, and over https only unless it is `private`; secrets by reference.
        private: Whether the URL's host may have an address that is not public.
        folder: What the command is started in; None is where the program is.
        timeout: Seconds for a call; half of them for the connection before the first.
        resolver: Gives the addresses of a name.
    """

    name: str
    command: Sequence[str] | None = None
    url: str | None = None
    environment: Mapping[str, str | Secret] = field(default_factory=dict[str, str | Secret])
    headers: Mapping[str, str | Secret] = field(default_factory=dict[str, str | Secret])
    private: bool = False
    folder: str | Path | None = None
    timeout: float = 60.0
    resolver: Resolve = field(default=resolve, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            InvalidValue: says what.
        """
        what = f"MCP server {self.name}"
        if not _NAME.fullmatch(self.name):
            raise InvalidValue("name of an MCP server", self.name, "a letter, then letters, digits, _ or -, 30 at most")
        if (self.command is None) == (self.url is None) or (self.command is not None and not self.command):
            raise InvalidValue(f"command and url of {what}", (self.command, self.url), "one of the two")
        if self.url is None and (self.headers or self.private):
            raise InvalidValue(f"headers and private of {what}", "given", "none beside a command: they are of a URL")
        if self.command is None and self.environment:
            raise InvalidValue(f"environment of {what}", "given", "none beside a URL: it is of a command")
        if not self.timeout > 0:
            raise InvalidValue(f"timeout of {what}", self.timeout, "seconds above 0")
        if self.url is not None:
            self._check_url(what, self.url)

    def _check_url(self, what: str, url: str) -> None:
        try:
            target = read_url(url)
        except ValueError as error:
            raise InvalidValue(f"url of {what}", url, f"a URL that can be asked ({error})") from error
        if target.url.scheme != "https" and not self.private:
            allowed = "https://, or `private: true` for a server of your own network"
            raise InvalidValue(f"url of {what}", url, allowed)
        for name, value in self.headers.items():
            if not _HEADER.fullmatch(name) or not value.isprintable():
                raise InvalidValue(f"header of {what}", name, "a header's name, with one line of text or a secret")
            if _SENSITIVE.search(name) and not isinstance(value, Secret):
                raise InvalidValue(f"header {name} of {what}", "***", "a secret by reference: its name says it is one")

    @contextlib.asynccontextmanager
    async def reached(self) -> "AsyncGenerator[TransportStreams]":
        """Start it, or make ready to ask it; what was started ends with the context.

        Raises:
            OSError: if it cannot be started.
            InvalidValue: if a secret is missing.
        """
        if self.url is not None:
            async with self._asked(read_url(self.url)) as streams:
                yield streams
            return
        from mcp.client.stdio import StdioServerParameters, stdio_client

        assert self.command is not None
        program, *rest = self.command
        parameters = StdioServerParameters(
            command=program, args=list(rest), env=_revealed(self.environment), cwd=self.folder
        )
        # What it writes to standard error is a stranger's text, with whatever a terminal obeys.
        with _nowhere() as nowhere:
            async with stdio_client(parameters, errlog=nowhere) as streams:
                yield streams

    @contextlib.asynccontextmanager
    async def _asked(self, target: Target) -> "AsyncGenerator[TransportStreams]":
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        from baton.agents.mcp.asking import CheckedTransport

        transport = CheckedTransport(private=self.private, resolve=self.resolver)
        waits = httpx2.Timeout(None, connect=min(10.0, self.timeout))  # of calls, the client of the protocol keeps time
        async with (
            httpx2.AsyncClient(transport=transport, headers=_revealed(self.headers), timeout=waits) as http,
            streamable_http_client(str(target.url), http_client=http) as streams,
        ):
            yield streams


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")


def _revealed(named: Mapping[str, str | Secret]) -> dict[str, str]:
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in named.items()}
