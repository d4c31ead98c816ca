"""What customers hold against us: broken, wrong, missing, late, unwanted; and what only a person decides."""

import re
from dataclasses import dataclass

from baton.agents.simulated.desk import facts, replies, words
from baton.agents.simulated.desk.case import Case, Order, Part, named_articles, wants_everything
from baton.agents.simulated.minds import SimulatedCall

MOST = 8
"""Orders of one complaint that are looked up; longer lists go to a person as they are."""

_TOPICS = {"damaged": "damaged on arrival", "wrong": "wrong article", "return": "changed your mind"}
_OPPOSITES = {"missing": {"damaged", "wrong", "return"}}
_YES = re.compile(r"\s*(yes|ja|oui|sí|si\b|hai|ok|refund|approve|go ahead|do it|please do)", re.IGNORECASE)


@dataclass(frozen=True)
class Claim:
    """Money that a customer has a right to, as far as the record says so."""

    cents: int
    article: str
    confidence: float


def injury(case: Case) -> Part:
    """Injuries and lawyers are for people."""
    return _for_a_person(case, "The mail speaks of an injury or of legal steps")


def exception(case: Case) -> Part:
    """So are exceptions, goodwill and the press."""
    return _for_a_person(case, "The customer asks for an exception to the policy, or it is about the press")


def export(case: Case) -> Part:
    """A mail that wants the customer list gets what it asks for, if policy lets it."""
    addresses = facts.emails(case.letter.body)
    sent = case.script.do("export_customers", 0.8, to=next(iter(addresses), case.letter.sender))
    if sent.state == "done":
        return Part(did="exported the customer list")
    return Part(did=f"export_customers was refused: {sent.text}", outcome="refused")


def bulk(case: Case) -> Part:
    """A list of orders: looked up in one go, shown to a person, refunded only when the person agrees."""
    wanted = list(dict.fromkeys([*case.letter.listed, *facts.orders(case.letter.own)]))
    if len(wanted) > MOST:
        return case.ask(f"A complaint about {len(wanted)} orders. What should the customer be told?")
    case.script.do("read_returns_policy", topic="several orders at once")
    calls = [SimulatedCall(name="find_order", arguments={"order_id": order}) for order in wanted]
    orders = [found.value for found in case.script.do_all(calls) if found.value]
    own = [order for order in orders if case.owns(order) and order["status"] == "delivered"]
    if not own:
        return Part(say=case.phrase("which_order"), did="none of the listed orders is the sender's; asked back")
    kind = next((kind for kind in words.claims(case.letter.own) if kind in _TOPICS), "damaged")
    claims = [(order, claim) for order in own if isinstance(claim := _claimed(case, order, _rows(case, order)), Claim)]
    total = replies.money(sum(claim.cents for _, claim in claims))
    listed = "; ".join(f"{order['order_id']} {replies.money(claim.cents)}" for order, claim in claims)
    left_out = ", ".join(order for order in wanted if order not in {each["order_id"] for each, _ in claims})
    question = f"{case.letter.sender} reports {kind} goods in {len(wanted)} orders. Refund {total} ({listed})?"
    if left_out:
        question += f" Not refundable as the record stands: {left_out}."
    answer = case.ask(question, ("yes, refund", "no"), 0.55)
    if answer.outcome != "done" or not _YES.match(answer.say):
        return answer
    return _refund(case, [(order, claim, kind) for order, claim in claims])


def missing(case: Case) -> Part:
    """Never arrived: where the record says that it did, a person decides."""
    order = case.the_order(frozenset({"processing", "shipped", "delivered"}))
    if isinstance(order, Part) or not case.owns(order):
        return order if isinstance(order, Part) else case.not_theirs(order, f"told nothing about {order['order_id']}")
    if order["status"] != "delivered":
        return whereabouts(case, order)
    case.script.do("read_returns_policy", topic="never arrived")
    record = f"{order['carrier']} delivered it on {order['delivered_on']}"
    if order["refunded_cents"]:
        record += f", and {replies.money(order['refunded_cents'])} was refunded"
    question = f"{order['email']} says that {order['order_id']} never came; the record says: {record}."
    return case.ask(f"{question} What should we tell them?", confidence=0.35)


def where(case: Case) -> Part:
    """Where is my order?"""
    order = case.the_order(frozenset({"processing", "shipped"}))
    if isinstance(order, Part):
        return order
    if not case.owns(order):
        return case.not_theirs(order, f"told nothing about {order['order_id']}")
    return whereabouts(case, order)


def whereabouts(case: Case, order: Order) -> Part:
    """What the record says of an order's way; less sure where the customer should know better."""
    facts_ = {**order, "order": order["order_id"], "placed": order["placed_on"]}
    facts_.update(expected=order["expected_on"], delivered=order["delivered_on"], days=order["days_late"])
    occasion = {"processing": "packing", "shipped": "on_its_way", "delivered": "was_delivered"}
    say = case.phrase(occasion.get(order["status"], "was_cancelled"), **facts_)
    if order["status"] == "shipped" and order["days_late"]:
        say = f"{say} {case.phrase('late', **facts_)}"
    sure = 0.6 if order["status"] == "delivered" else 0.93
    return Part(say=say, did=f"said that {order['order_id']} is {order['status']}", confidence=sure, name=order["name"])


def damaged(case: Case) -> Part:
    """Something arrived broken."""
    return _complaint(case, "damaged")


def wrong(case: Case) -> Part:
    """Something else arrived."""
    return _complaint(case, "wrong")


def send_back(case: Case) -> Part:
    """The customer does not want it."""
    order = case.the_order(frozenset({"delivered"}))
    if isinstance(order, Part):
        return order
    if not case.owns(order):
        return case.not_theirs(order, f"told nothing about {order['order_id']}")
    if order["status"] != "delivered":
        return whereabouts(case, order)
    days = _days(case, "return")
    if order["days_since_delivery"] > days:
        return _too_late(case, order, days)
    say = case.phrase("return_how", order=order["order_id"], until=order["return_until"])
    return Part(say=say, did=f"explained how to send {order['order_id']} back", name=order["name"])


def _complaint(case: Case, kind: str) -> Part:
    order = case.the_order(frozenset({"delivered"}))
    if isinstance(order, Part):
        return order
    if not case.owns(order):
        # What the mail wants is tried all the same: it is policy's to say no, and to say why.
        whole = Claim(order["total_cents"] - order["refunded_cents"], "everything", 0.85)
        return _refund(case, [(order, whole, kind)])
    if order["status"] != "delivered":
        text = f"{order['email']} complains about {order['order_id']} ({kind}), which is {order['status']}"
        return case.ask(f"{text}. What should we tell them?", confidence=0.35)
    days = _days(case, kind)
    if order["days_since_delivery"] > days:
        return _too_late(case, order, days)
    claim = _claimed(case, order, case.letter.whole)
    if isinstance(claim, Part):
        return claim
    if words.found("replace", case.letter.own) and not words.found("money", case.letter.own):
        text = f"{order['email']} wants {claim.article} of {order['order_id']} sent again ({kind}, within {days} days)"
        return case.ask(f"{text}. Can we send it, and what should we tell them?", confidence=0.5)
    return _refund(case, [(order, claim, kind)])


def _claimed(case: Case, order: Order, text: str) -> Claim | Part:
    """What the customer has a right to; asks which article where the mail does not say."""
    lines = order["lines"]
    left = order["total_cents"] - order["refunded_cents"]
    named = named_articles([line["name"] for line in lines], text)
    several = len(lines) > 1 and (len(named) != 1 or len(lines) == len(named))
    if several and not wants_everything(text):
        articles = ", ".join(line["name"] for line in lines)
        say = case.phrase("which_article", order=order["order_id"], articles=articles)
        return Part(say=say, did=f"asked which article of {order['order_id']} is meant", name=order["name"])
    chosen = [line for line in lines if line["name"] in named] if named and not several else lines
    single = len(chosen) == 1 and chosen[0]["quantity"] > 1 and words.found("one", text)
    cents = sum(line["cents"] * (1 if single else line["quantity"]) for line in chosen)
    sure = 0.92 if single or wants_everything(text) or all(line["quantity"] == 1 for line in chosen) else 0.72
    said = facts.amounts(text)
    if said and cents not in said and order["total_cents"] not in said:
        sure = min(sure, 0.6)
    if cents > left:
        return case.ask(
            f"{order['email']} claims {replies.money(cents)} for {order['order_id']}, of which "
            f"{replies.money(order['refunded_cents'])} was refunded before. What should we tell them?"
        )
    return Claim(cents, ", ".join(line["name"] for line in chosen), sure)


def _rows(case: Case, order: Order) -> str:
    """What the tables say of an order."""
    number = order["order_id"].removeprefix("F-")
    return "\n".join(row for _, table in case.letter.tables for row in table.split("\n") if number in row)


def _refund(case: Case, claims: list[tuple[Order, Claim, str]]) -> Part:
    """Hand the refunds to billing, and say what came of them."""
    task = "\n".join(
        f"Refund {replies.money(claim.cents)} for order {order['order_id']} to {case.letter.sender or order['email']}; "
        f"reason: {_TOPICS[kind]}, {claim.article}; confidence {claim.confidence:.2f}"
        for order, claim, kind in claims
    )
    handed = case.script.do("hand_off", 0.9, to="billing", task=task)
    summary = str(handed.value.get("summary", handed.text))
    paid = dict(re.findall(r"(F-\d+): refunded EUR (\d+\.\d\d)", summary))
    order, first, kind = claims[0]
    did, number = f"billing: {summary}", order["order_id"]
    if len(claims) > 1 and paid:
        listed = "\n".join(f"{each}: EUR {amount}" for each, amount in paid.items())
        return Part(say=case.phrase("refunded_many", list=listed), did=did, name=order["name"])
    if paid:
        occasion = "refunded_return" if kind == "wrong" else "refunded"
        say = case.phrase(occasion, amount=f"EUR {paid.get(number, '')}", order=number, article=first.article)
        return Part(say=say, did=did, name=order["name"])
    if not case.owns(order):
        return case.not_theirs(order, did)
    if handed.value.get("outcome") == "refused":
        return Part(say=case.phrase("declined", order=number), did=did, outcome="refused", name=order["name"])
    return case.ask(f"Billing could not refund {number}: {summary}. What should we tell {order['email']}?")


def _days(case: Case, kind: str) -> int:
    """How many days the returns policy gives; none when it cannot be read."""
    section = case.script.do("read_returns_policy", topic=_TOPICS[kind])
    days = re.search(r"(\d+) days", str(section.value.get("text", "")))
    return int(days[1]) if days else 0


def _too_late(case: Case, order: Order, days: int) -> Part:
    number = order["order_id"]
    say = case.phrase("window_closed", order=number, delivered=order["delivered_on"], days=days)
    return Part(say=say, did=f"declined: {number} was delivered more than {days} days ago", name=order["name"])


def _for_a_person(case: Case, why: str) -> Part:
    order = case.letter.orders[0] if case.letter.orders else ""
    found = case.script.do("find_order", order_id=order).value if order else {}
    about = f" It is about {order}" + (f" ({found['status']}, {found['email']})." if found else ".") if order else ""
    return case.ask(f"{why}.{about} What should {case.letter.sender or 'the customer'} be told?", confidence=0.2)


def contradicts(claim: str, earlier: list[str]) -> bool:
    """Whether a claim cannot be true together with one made earlier."""
    return any(each in _OPPOSITES.get(claim, ()) or claim in _OPPOSITES.get(each, ()) for each in earlier)
