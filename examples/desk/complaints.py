"""Writes complaints about orders of the desk's world, with what is truly due for each; the same seed, the same mails.

from complaints import write_complaints
for complaint in write_complaints(Path(".demo"), 100, seed=7, change=60, sale=0.1):
    print(complaint.mail(), complaint.due)

What is due is for the people who review and for the report; no agent is told.
"""

import random
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

MOST = 5000
"""Cents; complaints are about articles up to this price."""

NUMBERS = ("no", "one", "two", "three", "four", "five", "six")
WINDOWS = {"damaged": 14, "wrong": 30, "unwanted": 0}
"""Days since delivery in which money is due by the returns policy, before anything is sent back."""

_LATEST = 33  # days since delivery
_AMOUNT, _VAGUE, _SHIPPING, _ASIDES = 0.16, 0.12, 0.3, 3

_HELLO = ("Hello,", "Hi there,", "Good morning,", "Dear Fennel & Co.,", "To whom it may concern,", "Dear team,")
_CAME = (
    "my order {order} was delivered a few days ago.",
    "{order} has arrived.",
    "I am writing about order {order}.",
    "this is about {order}, which your driver left with the neighbours.",
    "the parcel with order no. {order} came while I was away.",
    "we finally got to unpack {order}.",
)
_BROKEN = ("cracked", "chipped along the edge", "broken", "bent out of shape", "in pieces", "scratched all over")
_WHOLE = (
    "The {article} is {broken}.",
    "Sadly the {article} was {broken} when I opened the box.",
    "The {article} arrived {broken}, although the box looked fine.",
    "I found the {article} {broken}.",
)
_SOME = (
    "{some} of the {all} {article} {verb} {broken}.",
    "Of the {article}, {some} of the {all} {verb} {broken}; the rest is fine.",
    "In the box with the {article}, {some} of the {all} {verb} {broken}.",
)
_WRONG = (
    "I had ordered the {article}, but there was a {other} in the box.",
    "Instead of the {article} you sent me the {other}.",
    "The {article} was missing and a {other} was there in its place, which I never ordered.",
)
_UNWANTED = (
    "The {article} is lovely, but I have changed my mind and do not need it.",
    "I no longer want the {article}; it does not go with our kitchen after all.",
)
_WISH = (
    "Please refund me.",
    "I would like my money back, not another one.",
    "Could you refund that, please?",
    "Kindly return the money to my card.",
)
_WISH_AMOUNT = ("Please refund the {amount} that I paid.", "I expect {amount} back on my card.")
_WISH_SHIPPING = ("Please refund it, postage included.", "I want the price and the shipping back.")
_ASIDE = (
    "My sister has the same one and loves it.",
    "Otherwise I have always been happy with your shop.",
    "We had guests that evening, so it was rather awkward.",
    "I have kept the box and can send photos.",
    "It was meant as a present for my mother.",
    "The driver was friendly, so no complaint there.",
    "I tried to phone but the line was busy.",
    "Nothing else in the parcel was affected.",
)
_BYE = ("Kind regards,", "Many thanks,", "Best wishes,", "Yours,", "Thank you,")


@dataclass(frozen=True, kw_only=True)
class Complaint:
    """A mail, and what is due to its sender.

    Attributes:
        number: From 1.
        due: Cents to refund for `order`; 0 for nothing.
        why: What a person who looks at it would say.
    """

    number: int
    sender: str
    name: str
    subject: str
    body: str
    order: str
    due: int
    why: str

    def mail(self) -> bytes:
        """The mail as it comes in."""
        message = EmailMessage()
        message["From"], message["To"] = f"{self.name} <{self.sender}>", "Fennel & Co. <desk@fennel.example>"
        message["Subject"], message["Message-ID"] = self.subject, f"<complaint-{self.number}@mail.example>"
        message.set_content(self.body)
        return message.as_bytes()

    def is_due(self, arguments: dict[str, Any]) -> bool:
        """Whether this is the refund that is due."""
        return arguments.get("order_id") == self.order and arguments.get("cents") == self.due


@dataclass(frozen=True)
class _Bought:
    """An article of an order, and how many days ago the order was delivered."""

    order: sqlite3.Row
    lines: list[sqlite3.Row]
    line: sqlite3.Row
    days: int

    @property
    def set_of(self) -> int:
        """Pieces in one article; 1 where it is no set."""
        found = re.search(r"set of (\d)", self.line["name"])
        return int(found[1]) if found else 1


@dataclass(frozen=True, kw_only=True)
class _Case(_Bought):
    """What has happened to a customer.

    Attributes:
        some: Pieces concerned.
        of: Pieces there are: of a set, or as many as were ordered.
    """

    kind: str
    some: int
    of: int

    def due(self, *, sets_by_piece: bool) -> int:
        """Cents to refund."""
        cents, quantity = int(self.line["cents"]), int(self.line["quantity"])
        if self.days > WINDOWS[self.kind]:
            return 0
        if self.kind == "damaged" and self.set_of > 1:
            return cents * self.some // self.of if sets_by_piece else cents * quantity
        return cents * (self.some if self.kind == "damaged" else quantity)


def write_complaints(world: Path, count: int, *, seed: int, change: int, sale: float) -> list[Complaint]:
    """Complaints about as many different orders of a world.

    Args:
        world: The folder that make_world has made.
        count: How many; a world has one for about every tenth order.
        seed: The same seed writes the same mails.
        change: From this number on there is a sale of sets, and of a set the house pays back only the broken pieces
            and no more the whole of it.
        sale: The share of the complaints that are about the sale, once there is one.
    """
    dice = random.Random(f"complaints {seed}")
    with closing(sqlite3.connect(world / "orders.db")) as connection:
        connection.row_factory = sqlite3.Row
        cases = list(_cases(connection, dice, count, change, sale))
        names = [row["name"] for row in connection.execute("SELECT DISTINCT name FROM lines ORDER BY name")]
    return [_written(number, case, names, dice, number >= change) for number, case in enumerate(cases, 1)]


def _cases(
    connection: sqlite3.Connection, dice: random.Random, count: int, change: int, sale: float
) -> Iterator[_Case]:
    bought = list(_bought(connection))
    dice.shuffle(bought)
    sets = [one for one in bought if one.set_of > 1 and one.days <= WINDOWS["damaged"]]
    sold: set[str] = set()
    for number in range(1, count + 1):
        in_sale = number >= change and dice.random() < sale
        pool = sets if in_sale else bought
        while pool and pool[-1].order["id"] in sold:
            pool.pop()
        if not pool:
            raise ValueError(f"{count} complaints need a world with more orders: it had {number - 1} to complain of")
        one = pool.pop()
        sold.add(one.order["id"])
        yield _case(one, dice, in_sale)


def _bought(connection: sqlite3.Connection) -> Iterator[_Bought]:
    """What was delivered lately, costs little, and was not refunded before the play; so a play can go on."""
    today = date.fromisoformat(connection.execute("SELECT value FROM meta WHERE name = 'today'").fetchone()[0])
    query = """SELECT o.id, o.delivered_on, o.shipping_cents, c.email, c.name FROM orders o
        JOIN customers c ON c.id = o.customer_id WHERE o.status = 'delivered' AND o.delivered_on >= ?
        AND NOT EXISTS (SELECT 1 FROM refunds r WHERE r.order_id = o.id AND r.key LIKE 'before-%') ORDER BY o.id"""
    for order in connection.execute(query, ((today - timedelta(days=_LATEST)).isoformat(),)).fetchall():
        days = (today - date.fromisoformat(order["delivered_on"])).days
        lines = connection.execute("SELECT * FROM lines WHERE order_id = ? ORDER BY position", (order["id"],))
        goods = lines.fetchall()
        for line in goods:
            if line["cents"] * line["quantity"] <= MOST:
                yield _Bought(order, goods, line, days)


def _case(bought: _Bought, dice: random.Random, in_sale: bool) -> _Case:
    if in_sale:
        kinds = (96, 2, 2)  # sold at less, and packed with less care
    elif bought.days <= WINDOWS["damaged"]:
        kinds = (81, 15, 4)
    else:
        kinds = (8, 88, 4) if bought.days <= WINDOWS["wrong"] else (45, 45, 10)
    kind = dice.choices(list(WINDOWS), kinds)[0]
    of = bought.set_of if bought.set_of > 1 else int(bought.line["quantity"])
    some = dice.randrange(1, of) if of > 1 and dice.random() < 0.9 else of
    return _Case(**vars(bought), kind=kind, some=some, of=of)


def _written(number: int, case: _Case, names: list[str], dice: random.Random, sets_by_piece: bool) -> Complaint:
    due = case.due(sets_by_piece=sets_by_piece)
    story = [dice.choice(_CAME), _problem(case, names, dice), _wish(case, dice)]
    for aside in dice.sample(_ASIDE, dice.randrange(_ASIDES + 1)):
        story.insert(dice.randrange(1, len(story) + 1), aside)
    text = " ".join(story).format(order=case.order["id"])
    body = f"{dice.choice(_HELLO)}\n\n{text[0].upper()}{text[1:]}\n\n{dice.choice(_BYE)}\n{case.order['name']}"
    subjects = (f"Order {case.order['id']}", f"Complaint about {case.order['id']}", "A refund, please", "Your parcel")
    return Complaint(
        number=number,
        sender=case.order["email"],
        name=case.order["name"],
        subject=dice.choice(subjects),
        body=body,
        order=case.order["id"],
        due=due,
        why=_why(case, due),
    )


def _problem(case: _Case, names: list[str], dice: random.Random) -> str:
    article = case.line["name"]
    if dice.random() < _VAGUE:
        article = _kind_of(article)
    if case.kind == "unwanted":
        return dice.choice(_UNWANTED).format(article=article)
    if case.kind == "wrong":
        ordered = {line["name"] for line in case.lines}
        return dice.choice(_WRONG).format(
            article=article, other=dice.choice([name for name in names if name not in ordered])
        )
    broken = dice.choice(_BROKEN)
    if case.some == case.of:
        return dice.choice(_WHOLE).format(article=article, broken=broken)
    verb = "is" if case.some == 1 else "are"
    return dice.choice(_SOME).format(
        some=NUMBERS[case.some], all=NUMBERS[case.of], article=article, verb=verb, broken=broken
    )


def _kind_of(name: str) -> str:
    """`Aino teapot 0.8 l` as people say it who do not look it up: `teapot`."""
    words = [word for word in re.sub(r",.*| \d.*", "", name).split()[1:] if word != "of"]
    return " ".join(words[-2:]) or name


def _wish(case: _Case, dice: random.Random) -> str:
    drawn = dice.random()
    total = sum(line["cents"] * line["quantity"] for line in case.lines) + case.order["shipping_cents"]
    if drawn < _AMOUNT:
        return dice.choice(_WISH_AMOUNT).format(amount=f"EUR {total / 100:.2f}")
    if drawn < _AMOUNT + _SHIPPING and case.order["shipping_cents"]:
        return dice.choice(_WISH_SHIPPING)
    return dice.choice(_WISH)


def _why(case: _Case, due: int) -> str:
    name, days = case.line["name"], case.days
    if due:
        return f"{name}, {case.kind}, {days} days after delivery: EUR {due / 100:.2f} are due"
    if case.kind == "unwanted":
        return f"{name}: refunded once the parcel is here"
    return f"{name}, {case.kind}: reported {days} days after delivery, {WINDOWS[case.kind]} are allowed"
