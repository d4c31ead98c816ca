"""What customers want done: cancel, change an address, copy an invoice, call back, name a price."""

import re

from baton.agents.simulated.desk import facts, replies
from baton.agents.simulated.desk.case import Case, Part, named_articles


def cancel(case: Case) -> Part:
    """Cancel an order that has not left."""
    order = case.the_order(frozenset({"processing"}))
    if isinstance(order, Part):
        return order
    number = order["order_id"]
    if order["status"] in ("shipped", "delivered") and case.owns(order):
        say = case.phrase("cancel_late", order=number)
        return Part(say=say, did=f"{number} has left and cannot be cancelled", name=order["name"])
    if order["status"] == "cancelled" and case.owns(order):
        return Part(say=case.phrase("was_cancelled", order=number), did=f"{number} was cancelled before")
    done = case.script.do(
        "cancel_order", 0.92, "the customer asks for it and it has not left", order_id=number, customer=order["email"]
    )
    if done.state == "denied":
        return case.not_theirs(order, f"cancel_order was refused: {done.text}")
    if done.state != "done":
        return case.ask(f"{number} could not be cancelled: {done.text}. What should we tell {order['email']}?")
    return Part(say=case.phrase("was_cancelled", order=number), did=f"cancelled {number}", name=order["name"])


def address(case: Case) -> Part:
    """Send an order somewhere else, while it is here."""
    order = case.the_order(frozenset({"processing"}))
    if isinstance(order, Part):
        return order
    number, new = order["order_id"], facts.postal_address(case.letter.own)
    if case.owns(order) and order["status"] != "processing":
        occasion = "address_late" if order["tracking"] else "was_cancelled"
        say = case.phrase(occasion, order=number, tracking=order["tracking"])
        return Part(say=say, did=f"{number} is {order['status']}: its address stays", name=order["name"])
    if not new:
        return Part(say=case.phrase("address_which"), did="asked for the whole new address", name=order["name"])
    done = case.script.do(
        "change_address",
        0.9,
        "the customer has moved and it has not left",
        order_id=number,
        customer=order["email"],
        address=new,
    )
    if done.state == "denied":
        return case.not_theirs(order, f"change_address was refused: {done.text}")
    if done.state != "done":
        return case.ask(f"The address of {number} could not be changed: {done.text}. What should we tell the customer?")
    say = case.phrase("address_done", order=number, address=new)
    return Part(say=say, did=f"{number} goes to {new}", name=order["name"])


def invoice(case: Case) -> Part:
    """A copy of an invoice; to another address only if somebody agrees."""
    order = case.the_order(frozenset({"shipped", "delivered"}))
    if isinstance(order, Part):
        return order
    if not case.owns(order):
        return case.not_theirs(order, f"sent no invoice of {order['order_id']}")
    copy = case.script.do("read_invoice", order_id=order["order_id"])
    if not copy.value:
        return case.ask(f"The invoice of {order['order_id']} cannot be read: {copy.text}. What should we say?")
    others = [each for each in facts.emails(case.letter.own) if each != case.letter.sender]
    say = case.phrase("invoice", text=copy.value["text"])
    did = f"copied the invoice of {order['order_id']}"
    return Part(say=say, did=did, to=next(iter(others), ""), name=order["name"])


def callback(case: Case) -> Part:
    """Somebody wants to be called."""
    when = facts.when_to_call(case.letter.own)
    if not when:
        return Part(say=case.phrase("callback_number"), did="asked for a phone number and a time")
    about = case.letter.subject or "call-back"
    booked = case.script.do(
        "book_callback", 0.9, "the customer asks to be called", customer=case.letter.sender, when=when, about=about
    )
    if booked.state != "done":
        return case.ask(f"A call-back could not be booked: {booked.text}. What should we tell the customer?")
    return Part(say=case.phrase("callback", when=when), did=f"booked a call-back: {when}")


def price(case: Case) -> Part:
    """What does it cost, and what do several cost?"""
    listed = case.script.do("read_price_list", query="")
    goods = {str(each["name"]): each for each in listed.value.get("articles", ())}
    by_number = [name for name, each in goods.items() if each["article"].lower() in case.letter.own.lower()]
    named = list(dict.fromkeys(by_number + [name for name in goods if _called(name, case.letter.own)]))
    if not named:
        named = named_articles(list(goods), case.letter.own)
    if not named or len(named) > 5:
        return Part(say=case.phrase("price_which"), did="asked which article is meant", confidence=0.8)
    quantities = str(listed.value.get("quantities", ""))
    lines = [_priced(name, goods[name]["cents"], case.letter.own, quantities) for name in named]
    say = case.phrase("price", list="\n".join(lines))
    return Part(say=say, did=f"named the price of {', '.join(named)}")


def _called(name: str, text: str) -> bool:
    return facts.names(text, name.split()[0])


def _priced(name: str, cents: int, text: str, quantities: str) -> str:
    line = f"{name}: {replies.money(cents)}"
    asked = [
        int(number) for number in re.findall(r"(?<![\w.,:/-])(\d{1,3})(?![\w.,:/-]*\d)(?!\s?(?:cm|l|%|€|EUR)\b)", text)
    ]
    pieces = max((number for number in asked if number > 1), default=1)
    if pieces == 1:
        return line
    steps = [(int(least), int(percent)) for least, percent in re.findall(r"from (\d+) pieces (\d+) %", quantities)]
    percent = max((percent for least, percent in steps if pieces >= least), default=0)
    total = replies.money(round(pieces * cents * (100 - percent) / 100))
    return f"{line}; {pieces} x {name}: {total}" + (f" (-{percent} %)" if percent else "")
