"""For every test: no key, no address of a model, no database from outside, and no way to the network."""

import contextlib
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.postgres import PostgresServer, postgres_server

LOOPBACK = ("127.", "::1", "localhost")
SETTINGS = ("OPENAI_", "BATON_")


def pytest_configure() -> None:
    sys.addaudithook(_stay_here)


@pytest.fixture(autouse=True)
def _nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(SETTINGS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("BATON_RANKS", "no such folder")  # what this machine's user has set up counts for nothing


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server for the whole session, started by the first test that needs it."""
    with postgres_server(durable=False) as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """A new record on Postgres."""
    url = postgres.record()
    yield url
    postgres.drop(url)


@pytest.fixture(params=["sqlite", "postgres"])
def record_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new record on each of the databases."""
    if request.param == "sqlite":
        return str(tmp_path / "baton.db")
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def new_record(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Makes a new record each time, on each of the databases."""
    if request.param == "sqlite":
        yield (str(tmp_path / f"{number}.db") for number in itertools.count()).__next__
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with contextlib.ExitStack() as stack:

        def make() -> str:
            url = server.record()
            stack.callback(server.drop, url)
            return url

        yield make


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new record: in a file, or for a test marked `on_both` on each of the databases."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return str(tmp_path / "baton.db")
    url: str = request.getfixturevalue("postgres_url")
    return url


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
