"""The shipped tools as a project file names them; the fields are the arguments of their factories."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from baton.agents.mcp import McpServer, McpTool, mcp_tools
from baton.agents.mcp.pins import FILE as PINS
from baton.agents.shipped.files import file_tools
from baton.agents.shipped.http import http_tools
from baton.agents.shipped.mail import mail_tools
from baton.agents.tool import Tool
from baton.core import Secret, ToolSpec, secret
from baton.core.post import Security


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    def given(self, **read: object) -> dict[str, Any]:
        """What the file says, by field, and what was `read` out of it; for the rest the factory has its defaults."""
        return {name: getattr(self, name) for name in self.model_fields_set} | read


class _SecretEntry(_Entry):
    secret: str
    prefix: str = ""

    @model_validator(mode="before")
    @classmethod
    def _no_value(cls, said: object) -> object:
        if not isinstance(said, dict):
            raise ValueError("a reference such as {secret: SHOP_TOKEN}: no secret stands in this file itself")
        return cast(object, said)

    def reference(self) -> Secret:
        """The reference that is meant."""
        return secret(self.secret, prefix=self.prefix)


_HeaderEntry = Annotated[
    Annotated[str, Tag("text")] | Annotated[_SecretEntry, Tag("secret")],
    Discriminator(lambda said: "text" if isinstance(said, str) else "secret"),
]


class _HttpEntry(_Entry):
    hosts: list[str] | None = None
    private: list[str] = []
    headers: dict[str, dict[str, _HeaderEntry]] = {}
    writes: bool = True
    repeatable: bool = False
    timeout: float = 30.0
    most_bytes: int = 1_000_000
    redirects: int = 5

    def tools(self) -> list[Tool[..., Any]]:
        headers = {host: _given(named) for host, named in self.headers.items()}
        return http_tools(**self.given(headers=headers))


class _FilesEntry(_Entry):
    root: str
    writes: bool = True
    deletes: bool = False
    most_bytes: int = 1_000_000

    def tools(self, home: Path) -> list[Tool[..., Any]]:
        return file_tools(**self.given(root=home / self.root))


class _MailEntry(_Entry):
    sender: str
    host: str | None = None
    port: int = 587
    security: Security = "starttls"
    user: str | None = None
    password: _SecretEntry | None = None
    outbox: str | None = None
    domains: list[str] | None = None
    most_recipients: int = 5
    most_bytes: int = 100_000
    timeout: float = 30.0

    def tools(self, home: Path) -> list[Tool[..., Any]]:
        password = self.password.reference() if self.password else None
        outbox = home / self.outbox if self.outbox is not None else None
        return mail_tools(**self.given(password=password, outbox=outbox))


class _McpToolEntry(_Entry):
    effect: Literal["read", "write"] = "write"
    repeatable: bool = False
    egress: bool = True
    destinations: list[str] = []
    content: list[str] = []
    undo: str | None = None
    timeout: float | None = Field(None, gt=0)
    name: str | None = None
    description: str | None = None


class McpEntry(_Entry):
    """An MCP server, and which of its tools an agent gets."""

    name: str
    command: list[str] | None = None
    url: str | None = None
    environment: dict[str, _HeaderEntry] = {}
    headers: dict[str, _HeaderEntry] = {}
    private: bool = False
    timeout: float = 60.0
    pins: str = PINS
    tools: dict[str, _McpToolEntry | None] | None = None

    def server(self, home: Path) -> McpServer:
        """The server.

        Raises:
            InvalidValue: if a setting cannot be one.
        """
        return McpServer(
            name=self.name,
            command=self.command,
            url=self.url,
            environment=_given(self.environment),
            headers=_given(self.headers),
            private=self.private,
            folder=home if self.command is not None else None,
            timeout=self.timeout,
        )

    def made(self, home: Path) -> list[ToolSpec]:
        """The tools, as they are pinned beside the project file."""
        declared = None
        if self.tools is not None:
            declared = {name: McpTool(**(entry.given() if entry else {})) for name, entry in self.tools.items()}
        return mcp_tools(self.server(home), pins=home / self.pins, tools=declared)


def _given(named: dict[str, "str | _SecretEntry"]) -> dict[str, str | Secret]:
    return {name: each if isinstance(each, str) else each.reference() for name, each in named.items()}


class ShippedTools(_Entry):
    """One entry of an agent's tools that is no name: `http`, `files`, `mail` or `mcp`, with its settings."""

    http: _HttpEntry | None = None
    files: _FilesEntry | None = None
    mail: _MailEntry | None = None
    mcp: McpEntry | None = None

    @model_validator(mode="after")
    def _one(self) -> "ShippedTools":
        if sum(family is not None for family in (self.http, self.files, self.mail, self.mcp)) != 1:
            raise ValueError("one of http, files, mail and mcp, with its settings")
        return self

    def made(self, home: Path) -> "Sequence[Tool[..., Any] | ToolSpec]":
        """The tools.

        Args:
            home: The folder that relative paths start from.

        Raises:
            InvalidValue: if a setting cannot be one.
            NotFound: if tools of an MCP server are not pinned.
        """
        if self.mcp is not None:
            return self.mcp.made(home)
        if self.http is not None:
            return self.http.tools()
        if self.files is not None:
            return self.files.tools(home)
        return self.mail.tools(home) if self.mail is not None else []
