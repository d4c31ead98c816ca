"""What warehouse, billing, shipping and care can look up and do: stock, charges and parcels, beside the desk's orders.

The world is the folder that DESK_WORLD names. `stock.db` in it is what the warehouse's computer believes; what really
lies in the shelf only somebody who looks knows.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NotRequired, TypedDict

from baton import tool, variable

SCHEMA = """
CREATE TABLE stock (article TEXT PRIMARY KEY, units INTEGER NOT NULL CHECK (units >= 0));
CREATE TABLE reservations (
    key TEXT PRIMARY KEY, order_id TEXT NOT NULL, article TEXT NOT NULL, open INTEGER NOT NULL
);
CREATE TABLE charges (key TEXT PRIMARY KEY, order_id TEXT NOT NULL, cents INTEGER NOT NULL, reason TEXT NOT NULL);
CREATE TABLE parcels (
    key TEXT PRIMARY KEY, order_id TEXT NOT NULL, article TEXT NOT NULL, address TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('booked', 'delivered', 'cancelled')), asked INTEGER NOT NULL DEFAULT 0
);
"""


class Stock(TypedDict):
    """How many of an article there should be."""

    article: str
    units: int


class Done(TypedDict):
    """Proof of something done; the same key always gives the same."""

    done: str
    reference: str


class Parcel(TypedDict):
    """A parcel that was delivered, and to whom nobody has written since."""

    reference: str
    order_id: str
    article: str
    state: NotRequired[str]


def make_stock(folder: Path, units: dict[str, int]) -> None:
    """Make `stock.db` in a folder; one that is there stays as it is."""
    path = folder / "stock.db"
    if path.exists():
        return
    making = folder / ".stock-making.db"
    making.unlink(missing_ok=True)
    with closing(sqlite3.connect(making)) as made, made:
        made.executescript(SCHEMA)
        made.executemany("INSERT INTO stock VALUES (?, ?)", units.items())
    making.rename(path)


@tool(effect="read", verified=True)
def read_stock(article: str) -> Stock:
    """See how many of an article there should be, without those that are reserved.

    Args:
        article: Its number, such as TP-101.
    """
    with _stock() as stock:
        row = stock.execute("SELECT units FROM stock WHERE article = ?", (article,)).fetchone()
    return Stock(article=article, units=row["units"] if row else 0)


@tool(effect="write", repeatable=True, undo="release_stock")
def reserve_stock(order_id: str, article: str, *, key: str) -> Done:
    """Set one piece of an article aside for an order.

    Args:
        order_id: The order's number.
        article: The article's number.
        key: Idempotency key, given by Baton.
    """
    with _stock() as stock:
        if not stock.execute("SELECT 1 FROM reservations WHERE key = ?", (key,)).fetchone():
            taken = stock.execute("UPDATE stock SET units = units - 1 WHERE article = ? AND units > 0", (article,))
            if not taken.rowcount:
                raise ValueError(f"there is no {article} left")
            stock.execute("INSERT INTO reservations VALUES (?, ?, ?, 1)", (key, order_id, article))
    return Done(done=f"one {article} is set aside for {order_id}", reference=key)


@tool(effect="write", repeatable=True)
def release_stock(reference: str) -> Done:
    """Put a piece that was set aside back.

    Args:
        reference: Of what was set aside.
    """
    with _stock() as stock:
        row = stock.execute("SELECT * FROM reservations WHERE key = ?", (reference,)).fetchone()
        if row is None:
            raise ValueError(f"nothing was set aside as {reference}")
        if stock.execute("UPDATE reservations SET open = 0 WHERE key = ? AND open", (reference,)).rowcount:
            stock.execute("UPDATE stock SET units = units + 1 WHERE article = ?", (row["article"],))
    return Done(done=f"{row['article']} is back in stock", reference=reference)


@tool(effect="write", repeatable=True)
def charge(order_id: str, cents: int, reason: str, *, key: str) -> Done:
    """Take money that was paid back once more, the way the order was paid.

    Args:
        order_id: The order's number.
        cents: How much, in euro cents.
        reason: Why, in a few words, for the books.
        key: Idempotency key, given by Baton.
    """
    if cents <= 0:
        raise ValueError(f"cannot charge {cents} cents: more than nothing")
    with _stock() as stock:
        row = (key, order_id, cents, reason)
        stock.execute("INSERT INTO charges VALUES (?, ?, ?, ?) ON CONFLICT (key) DO NOTHING", row)
    return Done(done=f"EUR {cents / 100:.2f} were charged for {order_id}", reference=key)


@tool(effect="write", repeatable=True, undo="cancel_parcel", destinations=["address"])
def book_parcel(order_id: str, article: str, address: str, *, key: str) -> Done:
    """Hand a parcel to the carrier.

    Args:
        order_id: The order's number.
        article: What is in it.
        address: Where it goes.
        key: Idempotency key, given by Baton.
    """
    with _stock() as stock:
        row = (key, order_id, article, address)
        stock.execute("INSERT INTO parcels VALUES (?, ?, ?, ?, 'booked', 0) ON CONFLICT (key) DO NOTHING", row)
    return Done(done=f"a parcel with {article} is on its way", reference=key)


@tool(effect="write", repeatable=True)
def cancel_parcel(reference: str) -> Done:
    """Call a parcel back that has not been delivered.

    Args:
        reference: Of the parcel.
    """
    with _stock() as stock:
        query = "UPDATE parcels SET state = 'cancelled' WHERE key = ? AND state != 'delivered'"
        if not stock.execute(query, (reference,)).rowcount:
            raise ValueError(f"there is no parcel {reference} that could be called back")
    return Done(done="the parcel comes back", reference=reference)


@tool(effect="read", verified=True)
def find_parcels() -> list[Parcel]:
    """Parcels that were delivered and after which nobody has asked yet."""
    with _stock() as stock:
        rows = stock.execute("SELECT * FROM parcels WHERE state = 'delivered' AND NOT asked ORDER BY key").fetchall()
    return [Parcel(reference=row["key"], order_id=row["order_id"], article=row["article"]) for row in rows]


@tool(effect="write", repeatable=True)
def mark_asked(reference: str) -> Done:
    """Note that the customer of a parcel was asked whether all is well.

    Args:
        reference: Of the parcel.
    """
    with _stock() as stock:
        if not stock.execute("UPDATE parcels SET asked = 1 WHERE key = ?", (reference,)).rowcount:
            raise ValueError(f"there is no parcel {reference}")
    return Done(done="noted", reference=reference)


@contextmanager
def _stock() -> Iterator[sqlite3.Connection]:
    path = Path(variable("DESK_WORLD") or ".exchange") / "stock.db"
    if not path.exists():
        raise ValueError(f"there is no stock at {path}: play.py makes it, or set DESK_WORLD")
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as stock:
        stock.row_factory = sqlite3.Row
        stock.execute("BEGIN IMMEDIATE")
        try:
            yield stock
        except BaseException:
            stock.execute("ROLLBACK")
            raise
        stock.execute("COMMIT")
