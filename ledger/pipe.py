"""A Postgres connection on which a transaction is one message and one answer, served by the event loop.

No thread is woken, and the interpreter is not handed to and fro: of a short transaction that is most of the cost.
"""

import asyncio
import json
import struct
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg.pq import ExecStatus, TransactionStatus

from baton.ledger import leases
from baton.ledger.gathering import Piece, Statement
from baton.ledger.prepared import row_of

_SETTINGS = (
    "SET client_encoding = 'UTF8'",
    "SET lock_timeout = '1s'",  # of a run whose row is held the others need not wait: it is left to the threads
    "SET enable_seqscan = off",  # plans are made once and kept, perhaps while the tables are still small
    "SET enable_hashjoin = off",
    "SET enable_mergejoin = off",
)
_BEGIN = Statement("BEGIN ISOLATION LEVEL READ COMMITTED", (), ())
_BEGIN_READING = Statement("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", (), ())
_COMMIT = Statement("COMMIT", (), ())
_ROLLBACK = Statement("ROLLBACK", (), ())

_BINARY = 1
_READ: dict[int, Callable[[bytes], Any]] = {
    17: bytes,  # bytea
    23: lambda value: struct.unpack("!i", value)[0],  # int4
    25: bytes.decode,  # text
}

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
        self._rows: list[list[Any]] = []  # of each statement that gave some
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
        epochs = json.dumps({piece.run: piece.epoch for piece in pieces}).encode()
        fence = Statement(leases.FENCE, (epochs, b"%d" % len(pieces)), (0, 0))
        self._send([_BEGIN, fence, *(one for piece in pieces for one in piece.statements), _COMMIT], done)

    def ask(self, statements: Sequence[Statement], done: Callable[[list[list[Any]] | None], None]) -> None:
        """Ask on one snapshot; `done` is told the rows of each statement, None if that failed."""
        self._send([_BEGIN_READING, *statements, _COMMIT], lambda ok: done(self._rows if ok else None))

    def close(self) -> None:
        """Close the connection; what was under way may stand or not."""
        if not self.dead:
            self.dead = True
            if self._loop is not None:
                self._loop.remove_reader(self._socket)
                self._loop.remove_writer(self._socket)
            self._drop()
            self._finish(committed=False)

    def _send(self, statements: Sequence[Statement], done: Done) -> None:
        self._done, self._committed, self._rows = done, False, []
        self._new.clear()
        try:
            for statement in statements:
                self._say(statement)
            self._sync()
        except psycopg.Error:
            self.close()

    def _say(self, statement: Statement) -> None:
        name = self._known.get(statement.sql)
        if name is None:
            self._named += 1
            name = self._known[statement.sql] = b"baton_%d" % self._named
            self._new.append(statement.sql)
            self._server.send_prepare(name, statement.sql.encode())
        self._server.send_query_prepared(name, statement.values, statement.formats, _BINARY)

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
            self.close()

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
                elif result.status == ExecStatus.TUPLES_OK:
                    self._rows.append(_rows(result))
        except psycopg.Error:
            self.close()

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


def _rows(result: Any) -> list[Any]:
    """The rows of a result as named tuples; text, bytes and whole numbers are known."""
    columns = range(result.nfields)
    make = row_of(tuple(result.fname(column).decode() for column in columns))
    read = [_READ.get(result.ftype(column), bytes) for column in columns]
    return [
        make(None if (value := result.get_value(row, column)) is None else read[column](value) for column in columns)
        for row in range(result.ntuples)
    ]
