"""For every test: no key, no address of a model, no database from outside, and no way to the network."""

import os
import sys
from typing import Any

import pytest

LOOPBACK = ("127.", "::1", "localhost")
SETTINGS = ("OPENAI_", "BATON_")


def pytest_configure() -> None:
    sys.addaudithook(_stay_here)


@pytest.fixture(autouse=True)
def _nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(SETTINGS):
            monkeypatch.delenv(name)


def _stay_here(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse to look up or call any machine but this one."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if host and not str(host).startswith(LOOPBACK):
        raise RuntimeError(f"a test reached for {host}: tests have no network")
