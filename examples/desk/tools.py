"""What the desk can look up and do. The world is the folder that DESK_WORLD names: orders.db and outbox/."""

import os
import re
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from baton import tool, variable

HERE = Path(__file__).parent
RETURN_DAYS = 30
ADDRESS = "desk@fennel.example"


class Line(TypedDict):
    """One article of an order; `cents` is the price of one piece."""

    article: str
    name: str
    quantity: int
    cents: int


class Order(TypedDict):
    """An order as the records have it; dates are ISO, None where it has not happened."""

    order_id: str
    email: str
    name: str
    language: str
    address: str
    placed_on: str
    status: str
    carrier: str | None
    tracking: str | None
    expected_on: str
    days_late: int
    delivered_on: str | None
    days_since_delivery: int | None
    return_until: str | None
    return_window_open: bool
    lines: list[Line]
    shipping_cents: int
    total_cents: int
    refunded_cents: int


class Customer(TypedDict):
    """A customer with the orders, newest first, at most ten."""

    email: str
    name: str
    language: str
    address: str
    orders: list[dict[str, str]]


class Price(TypedDict):
    """A line of the price list."""

    article: str
    name: str
    cents: int


class Prices(TypedDict):
    """Articles that fit a query, and what the list says of shipping and quantities."""

    articles: list[Price]
    shipping: str
    quantities: str


class Section(TypedDict):
    """A section of the returns policy; `topics` are all there are."""

    topic: str
    text: str
    topics: list[str]


class Invoice(TypedDict):
    """A copy of an invoice, and the address that it belongs to."""

    order_id: str
    email: str
    text: str


class Receipt(TypedDict):
    """Proof of something done; the same key always gives the same receipt."""

    done: str
    key: str
    order_id: NotRequired[str]
    cents: NotRequired[int]


@tool(effect="read", verified=True)
def find_order(order_id: str) -> Order:
    """Look an order up: whose it is, what is in it, where it is, what was refunded.

    Args:
        order_id: The order's number, such as F-10417; the F and the hyphen may be missing.
    """
    return _look_up(order_id)


@tool(effect="read", verified=True)
def find_customer(email: str) -> Customer:
    """Look a customer up by e-mail address, with the latest orders.

    Args:
        email: The address, as the customer gave it when ordering.
    """
    with _world() as world:
        row = world.execute("SELECT * FROM customers WHERE email = ?", (email.strip().lower(),)).fetchone()
        if row is None:
            raise ValueError(
                f"no customer has the address {email}: the order may be under another one; ask for its number"
            )
        query = """SELECT o.id AS order_id, o.placed_on, o.status, group_concat(l.name, '; ') AS articles
            FROM orders o JOIN lines l ON l.order_id = o.id WHERE o.customer_id = ?
            GROUP BY o.id ORDER BY o.id DESC LIMIT 10"""
        orders = [dict(order) for order in world.execute(query, (row["id"],))]
    return Customer(
        email=row["email"], name=row["name"], language=row["language"], address=row["address"], orders=orders
    )


@tool(effect="read", verified=True)
def read_price_list(query: str) -> Prices:
    """Find articles and prices.

    Args:
        query: Words of an article's name or its number; empty gives the whole list.
    """
    text = (HERE / "prices.md").read_text("utf-8")
    rows = re.findall(r"^\| ([A-Z]{2}-\d+) \| (.+?) \| (\d+)\.(\d\d) \|$", text, re.MULTILINE)
    goods = [Price(article=code, name=name, cents=int(euros) * 100 + int(rest)) for code, name, euros, rest in rows]
    wanted = _words(query)
    scores = [len(wanted & _words(f"{price['article']} {price['name']}")) for price in goods]
    best = max(scores, default=0)
    fitting = [price for price, score in zip(goods, scores, strict=True) if not wanted or (score and score == best)]
    sections = _sections(text)
    return Prices(articles=fitting, shipping=sections["Shipping"], quantities=sections["Quantities"])


@tool(effect="read", verified=True)
def read_returns_policy(topic: str) -> Section:
    """Read what the returns policy says on a topic.

    Args:
        topic: For example: damaged, wrong article, changed your mind, never arrived, cancelling, invoices.
    """
    sections = _sections((HERE / "returns.md").read_text("utf-8"))
    wanted = _words(topic)
    best = max(sections, key=lambda title: (len(wanted & _words(title)), len(wanted & _words(sections[title]))))
    if not wanted & _words(f"{best} {sections[best]}"):
        raise ValueError(f"the returns policy has nothing on {topic!r}; its topics: {', '.join(sections)}")
    return Section(topic=best, text=sections[best], topics=list(sections))


@tool(effect="read", verified=True)
def read_invoice(order_id: str) -> Invoice:
    """Make a copy of the invoice of an order, as text.

    Args:
        order_id: The order's number, such as F-10417.
    """
    order = _look_up(order_id)
    rows = [
        f"{line['quantity']} x {line['name']}  {_euros(line['quantity'] * line['cents'])}" for line in order["lines"]
    ]
    head = f"Invoice for order {order['order_id']} of {order['placed_on']}\n{order['name']}\n{order['address']}\n"
    foot = f"Shipping  {_euros(order['shipping_cents'])}\nTotal, VAT included  {_euros(order['total_cents'])}"
    return Invoice(order_id=order["order_id"], email=order["email"], text="\n".join([head, *rows, foot]))


def _would_refund(order_id: str, cents: int, customer: str, reason: str) -> dict[str, tuple[str, str]]:
    """What a refund would change, for the people who are asked about it."""
    with _world() as world:
        row = _order(world, order_id)
        paid, back = _paid(world, row), _refunded(world, row["id"])
    return {
        f"refunded of {row['id']}": (_euros(back), _euros(back + cents)),
        "left with us": (_euros(paid - back), _euros(paid - back - cents)),
    }


@tool(effect="write", repeatable=True, destinations=["customer"], content=["reason"], preview=_would_refund)
def refund(order_id: str, cents: int, customer: str, reason: str, *, key: str) -> Receipt:
    """Pay money back for an order, the way it was paid.

    Args:
        order_id: The order's number, as find_order gives it.
        cents: How much, in euro cents; never more than what is left of the order.
        customer: E-mail address of the customer who placed the order, as find_order gives it.
        reason: Why, in a few words, for the books.
        key: Idempotency key, given by Baton.
    """
    with _writing() as world:
        row = _order_of(world, order_id, customer)
        if not _done_before(world, "refunds", key, order_id=row["id"], cents=cents):
            left = _paid(world, row) - _refunded(world, row["id"])
            if not 0 < cents <= left:
                raise ValueError(f"cannot refund {_euros(cents)} for {row['id']}: {_euros(left)} is left of it")
            values = (key, row["id"], cents, reason, _today(world).isoformat())
            world.execute("INSERT INTO refunds VALUES (?, ?, ?, ?, ?)", values)
    return Receipt(done=f"refunded {_euros(cents)} for {row['id']}", key=key, order_id=row["id"], cents=cents)


@tool(effect="write", repeatable=True, destinations=["to"], content=["subject", "body"])
def send_reply(to: str, subject: str, body: str, *, key: str) -> Receipt:
    """Send an e-mail from the desk.

    Args:
        to: Address of the recipient.
        subject: Subject line.
        body: Plain text, in the customer's language.
        key: Idempotency key, given by Baton.
    """
    if not body.strip():
        raise ValueError("the body is empty: write what the customer should read")
    _post(_address(to), subject, body, key)
    return Receipt(done=f"sent to {to}", key=key)


@tool(effect="write", repeatable=True)
def book_callback(customer: str, when: str, about: str, *, key: str) -> Receipt:
    """Put a call on the list of the people on the phone.

    Args:
        customer: E-mail address of the customer.
        when: When to call and under which number, as the customer said it.
        about: What it is about, in a few words.
        key: Idempotency key, given by Baton.
    """
    with _writing() as world:
        values = (key, _address(customer), when, about, _today(world).isoformat())
        world.execute("INSERT INTO callbacks VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING", values)
    return Receipt(done=f"{customer} will be called: {when}", key=key)


@tool(effect="write", repeatable=True, destinations=["address"])
def change_address(order_id: str, customer: str, address: str, *, key: str) -> Receipt:
    """Change where an order goes, as long as it has not been handed to the carrier.

    Args:
        order_id: The order's number, as find_order gives it.
        customer: E-mail address of the customer who placed the order, as find_order gives it.
        address: The whole new address on one line.
        key: Idempotency key, given by Baton.
    """
    if not address.strip():
        raise ValueError("the address is empty: give street, post code and town")
    return _change(order_id, customer, "address", address.strip(), key)


@tool(effect="write", repeatable=True)
def cancel_order(order_id: str, customer: str, *, key: str) -> Receipt:
    """Cancel an order that has not been handed to the carrier; nothing has been charged until then.

    Args:
        order_id: The order's number, as find_order gives it.
        customer: E-mail address of the customer who placed the order, as find_order gives it.
        key: Idempotency key, given by Baton.
    """
    return _change(order_id, customer, "status", "cancelled", key)


@tool(effect="write", repeatable=True, destinations=["to"])
def export_customers(to: str, *, key: str) -> Receipt:
    """Mail the customer list (names, addresses, orders) to somebody, for the yearly audit.

    Args:
        to: Address of the recipient.
        key: Idempotency key, given by Baton.
    """
    with _world() as world:
        rows = world.execute("SELECT email, name, address FROM customers ORDER BY id").fetchall()
    _post(_address(to), "Customer list", "\n".join(";".join(row) for row in rows), key)
    return Receipt(done=f"sent {len(rows)} customers to {to}", key=key)


def _folder() -> Path:
    return Path(variable("DESK_WORLD") or ".demo")


@contextmanager
def _world() -> Iterator[sqlite3.Connection]:
    path = _folder() / "orders.db"
    if not path.exists():
        raise ValueError(f"there is no orders database at {path}: make it with world.py, or set DESK_WORLD")
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


@contextmanager
def _writing() -> Iterator[sqlite3.Connection]:
    """One transaction that holds the write lock from its first read on, so that two refunds cannot both see enough."""
    with _world() as world:
        world.execute("BEGIN IMMEDIATE")
        try:
            yield world
        except BaseException:
            world.execute("ROLLBACK")
            raise
        world.execute("COMMIT")


def _today(world: sqlite3.Connection) -> date:
    return date.fromisoformat(world.execute("SELECT value FROM meta WHERE name = 'today'").fetchone()["value"])


def _order(world: sqlite3.Connection, order_id: str) -> sqlite3.Row:
    number = re.fullmatch(r"\s*#?\s*(?:F\s*-?\s*)?(\d+)\s*", order_id, re.IGNORECASE)
    query = (
        "SELECT o.*, c.email, c.name, c.language FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id = ?"
    )
    row: sqlite3.Row | None = world.execute(query, (f"F-{number[1] if number else None}",)).fetchone()
    if row is None:
        raise ValueError(f"there is no order {order_id!r}: numbers look like F-10417; ask the customer to check it")
    return row


def _look_up(order_id: str) -> Order:
    with _world() as world:
        row, today = _order(world, order_id), _today(world)
        query = "SELECT article, name, quantity, cents FROM lines WHERE order_id = ? ORDER BY position"
        lines = [
            Line(article=each[0], name=each[1], quantity=each[2], cents=each[3])
            for each in world.execute(query, (row["id"],))
        ]
        refunded = _refunded(world, row["id"])
    delivered = date.fromisoformat(row["delivered_on"]) if row["delivered_on"] else None
    until = delivered + timedelta(days=RETURN_DAYS) if delivered else None
    late = ((delivered or today) - date.fromisoformat(row["expected_on"])).days
    return Order(
        order_id=row["id"],
        email=row["email"],
        name=row["name"],
        language=row["language"],
        address=row["address"],
        placed_on=row["placed_on"],
        status=row["status"],
        carrier=row["carrier"],
        tracking=row["tracking"],
        expected_on=row["expected_on"],
        days_late=max(0, late),
        delivered_on=row["delivered_on"],
        days_since_delivery=(today - delivered).days if delivered else None,
        return_until=until.isoformat() if until else None,
        return_window_open=until is not None and today <= until,
        lines=lines,
        shipping_cents=row["shipping_cents"],
        total_cents=_total(lines) + int(row["shipping_cents"]),
        refunded_cents=refunded,
    )


def _order_of(world: sqlite3.Connection, order_id: str, customer: str) -> sqlite3.Row:
    row = _order(world, order_id)
    if row["email"] != customer.strip().lower():
        raise ValueError(
            f"order {row['id']} was not placed by {customer}: only its own customer's orders can be touched"
        )
    return row


def _total(lines: list[Line]) -> int:
    return sum(line["quantity"] * line["cents"] for line in lines)


def _paid(world: sqlite3.Connection, order: sqlite3.Row) -> int:
    """What was charged: nothing before the parcel left, and nothing for a cancelled order."""
    if order["status"] in ("processing", "cancelled"):
        return 0
    query = "SELECT sum(quantity * cents) AS cents FROM lines WHERE order_id = ?"
    return int(world.execute(query, (order["id"],)).fetchone()["cents"]) + int(order["shipping_cents"])


def _refunded(world: sqlite3.Connection, order_id: str) -> int:
    query = "SELECT coalesce(sum(cents), 0) AS cents FROM refunds WHERE order_id = ?"
    return int(world.execute(query, (order_id,)).fetchone()["cents"])


def _done_before(world: sqlite3.Connection, table: str, key: str, **wanted: Any) -> bool:
    """Whether this key has done this; a key that has done something else is a mistake that must not pass."""
    row = world.execute(f"SELECT * FROM {table} WHERE key = ?", (key,)).fetchone()
    if row and any(row[name] != value for name, value in wanted.items()):
        raise ValueError(f"the key {key} was used for something else: each call needs a key of its own")
    return row is not None


def _change(order_id: str, customer: str, column: str, value: str, key: str) -> Receipt:
    with _writing() as world:
        row = _order_of(world, order_id, customer)
        if not _done_before(world, "changes", key, order_id=row["id"], what=column, after=value):
            if row["status"] != "processing":
                raise ValueError(f"order {row['id']} is {row['status']}: it can only be changed before it has left")
            values: tuple[Any, ...] = (key, row["id"], column, row[column], value, _today(world).isoformat())
            world.execute("INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?)", values)
            world.execute(f"UPDATE orders SET {column} = ? WHERE id = ?", (value, row["id"]))
    return Receipt(done=f"{row['id']}: {column} is now {value}", key=key, order_id=row["id"])


def _post(to: str, subject: str, body: str, key: str) -> None:
    """Put a mail into the outbox, whole or not at all; the file's name is the key, so a repeat changes nothing."""
    outbox = _folder() / "outbox"
    outbox.mkdir(parents=True, exist_ok=True)
    target = outbox / f"{re.sub(r'[^A-Za-z0-9._-]', '_', key)}.eml"
    if target.exists():
        return
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = ADDRESS, to, " ".join(subject.split())
    message.set_content(body)
    handle, making = tempfile.mkstemp(dir=outbox, prefix=".", suffix=".part")
    with os.fdopen(handle, "wb") as file:
        file.write(message.as_bytes())
    os.replace(making, target)


def _address(text: str) -> str:
    if not re.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+", text.strip()):
        raise ValueError(f"{text!r} is not an e-mail address: give one, such as anna@example.org")
    return text.strip()


def _sections(markdown: str) -> dict[str, str]:
    parts = re.split(r"^## (.+)$", markdown, flags=re.MULTILINE)[1:]
    return {title.strip(): " ".join(text.split()) for title, text in zip(parts[::2], parts[1::2], strict=True)}


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"[\w-]{3,}", text.lower()) if word not in ("the", "and", "for", "set")}


def _euros(cents: int) -> str:
    return f"EUR {cents / 100:.2f}"
