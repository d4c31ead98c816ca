"""A Postgres connection on which a transaction is one message and one answer, served by the event loop.

No thread is woken, and the interpreter is not handed to and fro: of a short transaction that is most of the cost.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg.pq import ExecStatus, TransactionStatus

from baton.ledger import leases
from baton.ledger.gathering import Piece, Statement

_SETTINGS = (
    "SET client_encoding = 'UTF8'",
    "SET lock_timeout = '1s'",  # of a run whose row is held the others need not wait: it is left to the threads
    "SET enable_seqscan = off",  # plans are made once and kept, perhaps while the tables are still small
    "SET enable_hashjoin = off",
    "SET enable_mergejoin = off",
)
_BEGIN = Statement("BEGIN ISOLATION LEVEL READ COMMITTED", (), ())
_COMMIT = Statement("COMMIT", (), ())
_ROLLBACK = Statement("ROLLBACK", (), ())

Done = Callable[[bool], None]
"""Told whether the server said that the transaction is committed; False is no, or nobody knows."""


class PostgresPipe:
    """Sends a whole transaction at once.

    Attributes:
        dead: Whether the connection is gone.
    """

    def __init__(self, connection: "psycopg.Connection[Any]", drop: Callable[[], None]) -> None:
        """Make a pipe of a connection in autocommit, which `drop` closes. Blocks."""
        for setting in _SETTINGS:
            connection.execute(setting)
        self._server, self._drop = connection.pgconn, drop
        self._socket = connection.fileno()  # libpq forgets it once the connection is lost
        self._server.nonblocking = 1
        self._server.enter_pipeline_mode()
        self._known: dict[str, bytes] = {}
        self._new: list[str] = []  # statements that are prepared in the message that is under way
        self._named = 0
        self._committed = False
        self._done: Done | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.dead = False

    @property
    def busy(self) -> bool:
        """Whether an answer is awaited."""
        return self._done is not None

    def attach(self) -> None:
        """Have the running event loop serve it.

        Raises:
            NotImplementedError: if that is a loop that cannot watch a socket.
        """
        loop = asyncio.get_running_loop()
        try:
            loop.add_reader(self._socket, self._readable)
        except NotImplementedError:
            self.close()
            raise
        self._loop = loop

    def send(self, pieces: Sequence[Piece], done: Done) -> None:
        """Write all pieces in one transaction that stands only if each epoch is the newest.

        Up to 64 KiB are handed to the system at once: the server has either all or nothing, and whoever is stopped on
        the way holds no row.
        """
        self._done, self._committed = done, False
        self._new.clear()
        epochs = json.dumps({piece.run: piece.epoch for piece in pieces}).encode()
        try:
            self._say(_BEGIN)
            self._say(Statement(leases.FENCE, (epochs, b"%d" % len(pieces)), (0, 0)))
            for piece in pieces:
                for statement in piece.statements:
                    self._say(statement)
            self._say(_COMMIT)
            self._sync()
        except psycopg.Error:
            self._break()

    def close(self) -> None:
        """Close the connection; what was under way may stand or not."""
        if not self.dead:
            self.dead = True
            if self._loop is not None:
                self._loop.remove_reader(self._socket)
                self._loop.remove_writer(self._socket)
            self._drop()

    def _say(self, statement: Statement) -> None:
        name = self._known.get(statement.sql)
        if name is None:
            self._named += 1
            name = self._known[statement.sql] = b"baton_%d" % self._named
            self._new.append(statement.sql)
            self._server.send_prepare(name, statement.sql.encode())
        self._server.send_query_prepared(name, statement.values, statement.formats)

    def _sync(self) -> None:
        self._server.pipeline_sync()
        self._flush()

    def _flush(self) -> None:
        assert self._loop is not None
        if self._server.flush():
            self._loop.add_writer(self._socket, self._writable)

    def _writable(self) -> None:
        assert self._loop is not None
        try:
            if not self._server.flush():
                self._loop.remove_writer(self._socket)
        except psycopg.Error:
            self._break()

    def _readable(self) -> None:
        try:
            self._server.consume_input()
            while self._done is not None and not self._server.is_busy():
                result = self._server.get_result()
                if result is None:
                    continue  # the end of one statement's answer
                if result.status == ExecStatus.PIPELINE_SYNC:
                    self._answered()
                elif result.status == ExecStatus.COMMAND_OK:
                    self._committed = result.command_status == b"COMMIT"
                elif result.status != ExecStatus.TUPLES_OK:
                    self._committed = False
        except psycopg.Error:
            self._break()

    def _answered(self) -> None:
        """All that was sent has its answer; of a transaction that failed the rest is cleared away first."""
        if self._server.transaction_status != TransactionStatus.IDLE:
            for sql in self._new:  # one after the statement that failed was not prepared
                self._known.pop(sql, None)
            self._say(_ROLLBACK)
            self._sync()
        else:
            self._finish(committed=self._committed)

    def _finish(self, *, committed: bool) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(committed)

    def _break(self) -> None:
        self.close()
        self._finish(committed=False)
