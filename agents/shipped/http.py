"""HTTP for agents: public hosts or named ones, every address checked, every redirect too."""

import re
import ssl
from collections.abc import Iterable
from typing import Any, Literal

from baton.agents.tool import Tool, tool
from baton.core import InvalidValue, Secret
from baton.core.web import Answered, Headers, Hosts, Resolve, Web, check_host, resolve

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_SENSITIVE = re.compile("authorization|cookie|token|secret|password|api-?key", re.IGNORECASE)
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(; ?[\w-]+=[\w.-]+)?")
_OURS = ("host", "content-length", "transfer-encoding", "connection", "idempotency-key")


def http_tools(
    *,
    hosts: Iterable[str] | None = None,
    private: Iterable[str] = (),
    headers: Headers | None = None,
    writes: bool = True,
    repeatable: bool = False,
    timeout: float = 30.0,
    most_bytes: int = 1_000_000,
    redirects: int = 5,
    tls: ssl.SSLContext | None = None,
    resolver: Resolve = resolve,
) -> list[Tool[..., Any]]:
    """Make `fetch_url`, a read, and `send_http`, a write.

    Both ask http and https only, connect to the address that was checked, and take no proxy from the environment.
    What they return is external text. Where `hosts` is None a URL can carry what an agent has read to anybody.

    Args:
        hosts: Who may be asked: exact names, `*.name`, with a port where it is not the scheme's. None is every host of
            the public internet.
        private: Hosts that may be asked as well and may have addresses that are not public.
        headers: By host, what is sent to it, such as `{"api.example": {"Authorization": secret("TOKEN", prefix="Bearer
            ")}}`. They go to no other host, also not over a redirect, and to public hosts over https only.
        writes: Whether to make `send_http`.
        repeatable: Whether all hosts honour `Idempotency-Key`, so that a write may be repeated with its key.
        timeout: Seconds for a call in all.
        most_bytes: Bytes of an answer that are read.
        redirects: How many are followed in a row; those of a write never are.
        tls: What servers are verified with; None is the certificate authorities that the certifi package lists.
        resolver: Gives the addresses of a name.

    Raises:
        InvalidValue: if a host, a header or a limit cannot be one.
    """
    if most_bytes < 1 or redirects < 0:
        raise InvalidValue("limit of http_tools", min(most_bytes, redirects), "0 redirects or more, 1 byte or more")
    web = Web(
        hosts=None if hosts is None else Hosts("host of http_tools", hosts),
        private=Hosts("private host of http_tools", private),
        headers=_checked(headers or {}),
        timeout=timeout,
        most=most_bytes,
        redirects=redirects,
        given=tls,
        resolve=resolver,
    )

    @tool(effect="read", timeout=timeout, destinations=["url"], egress=True)
    async def fetch_url(url: str) -> Answered:
        """Get what is at a URL, as text; HTML comes as it is.

        Args:
            url: Beginning with https:// or http://.
        """
        return await web.fetch(url)

    @tool(effect="write", timeout=timeout, repeatable=repeatable, destinations=["url"], content=["body"])
    async def send_http(
        url: str,
        method: Literal["POST", "PUT", "PATCH", "DELETE"],
        body: str = "",
        content_type: str = "application/json",
        *,
        key: str,
    ) -> Answered:
        """Send something to a URL. A redirect is not followed but returned.

        Args:
            url: Beginning with https:// or http://.
            method: What to do there.
            body: What to send; empty for none.
            content_type: Media type of the body.
            key: Idempotency key, given by Baton.
        """
        if not _MEDIA_TYPE.fullmatch(content_type):
            raise ValueError(f"{content_type!r} is no media type: give one such as application/json")
        sent = {"Idempotency-Key": key} | ({"Content-Type": content_type} if body else {})
        return await web.send(url, method, body.encode(), sent)

    return [fetch_url, send_http] if writes else [fetch_url]


def _checked(headers: Headers) -> Headers:
    for host, named in headers.items():
        try:
            check_host(host)
        except ValueError as error:
            allowed = "a name in lower case, such as api.shop.example, without a port"
            raise InvalidValue("host of headers", host, allowed) from error
        for name, value in named.items():
            if not _HEADER.fullmatch(name) or name.lower() in _OURS:
                raise InvalidValue(f"header for {host}", name, f"a header's name, other than {', '.join(_OURS)}")
            if _SENSITIVE.search(name) and not isinstance(value, Secret):
                raise InvalidValue(
                    f"header {name} for {host}", "***", "a secret by reference: its name says that it is one"
                )
            if not value.isprintable():
                raise InvalidValue(f"header {name} for {host}", "***", "one line of text, or a secret")
    return headers
