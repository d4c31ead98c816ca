"""The simulated agents of the promise play: a desk that hands complaints on, and a billing clerk who errs.

The clerk is no model and does not pretend to be one. It reads the mail, the order and the returns policy by rules, and
knows what is due in most cases. Then it slips, the likelier the harder the mail is: it does what the mail tempts it to,
such as paying back the shipping or the whole order. Whether it slips is drawn from the mail's own words, so that the
same mail gets the same answer in any process. How sure it says it is follows from how hard it finds the mail, with
noise. What is really due it never sees.
"""

import hashlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NoReturn

from complaints import NUMBERS

from baton.agents.simulated import Answer, Conversation, SimulatedCall
from baton.agents.simulated.desk import facts
from baton.agents.simulated.desk.case import named_articles
from baton.agents.simulated.desk.letter import Letter, read_goal
from baton.agents.simulated.desk.script import Ending, Said, Script

SETS_BY_PIECE = "Of a set, only the broken pieces are paid back."
"""The rule that the clerk does not know until its instructions say it."""

Order = dict[str, Any]

_TOPICS = {"damaged": "damaged on arrival", "wrong": "wrong article", "unwanted": "changed your mind"}
_WRONG = re.compile(r"instead of|but there was|in its place", re.IGNORECASE)
_UNWANTED = re.compile(r"changed my mind|no longer want", re.IGNORECASE)
_SOME = re.compile(rf"\b({'|'.join(NUMBERS[1:])}) of the ({'|'.join(NUMBERS[1:])})\b", re.IGNORECASE)
_POSTAGE = re.compile(r"postage|shipping", re.IGNORECASE)

_EASIEST, _MOOD, _NOISE = -5.1, 1.1, 0.4
"""In logits: of a slip in the easiest mail; spread of the days a clerk has; spread between what it is and says."""


class Clerk:
    """Both agents; which one is asked shows in the tools on offer: whoever can refund is billing."""

    def answer(self, conversation: Conversation) -> Answer:
        """The next thing to say."""
        letter, script = read_goal(conversation.user_texts()[0]), Script(conversation)
        try:
            if script.offers("refund"):
                _billing(letter, script, sets_by_piece=SETS_BY_PIECE in str(conversation.messages[0]["content"]))
            _desk(letter, script)
        except Said as said:
            return said.answer


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the clerk makes of a complaint.

    Attributes:
        line: The line of the order that it is about, as far as it can tell.
        some: Pieces concerned.
        of: Pieces there are: of a set, or as many as were ordered.
        in_time: Whether it came within the days that the returns policy gives.
        hard: What makes it hard, in logits.
        tempting: Amounts that it would be easy to pay by mistake, in cents.
    """

    line: dict[str, Any]
    kind: str
    some: int
    of: int
    in_time: bool
    hard: float
    tempting: tuple[int, ...]

    def due(self, *, sets_by_piece: bool) -> int:
        """Cents to refund, as the clerk knows the rules."""
        cents, quantity = self.line["cents"], self.line["quantity"]
        if not self.in_time or self.kind == "unwanted":
            return 0
        if self.kind == "damaged" and "set of" in self.line["name"]:
            return int(cents * self.some // self.of if sets_by_piece else cents * quantity)
        return int(cents * (self.some if self.kind == "damaged" else quantity))


def read(letter: Letter, order: Order, policy: str) -> Reading:
    """Make sense of a complaint about an order.

    Args:
        letter: The complaint.
        order: As the records have it.
        policy: What the returns policy says on the topic.
    """
    text, kind = letter.own, kind_of(letter)
    named = named_articles([line["name"] for line in order["lines"]], text)
    line = next((line for line in order["lines"] if line["name"] in named), order["lines"][0])
    of = _set_of(line["name"]) or line["quantity"]
    said = _SOME.search(text)
    some = NUMBERS.index(said[1].lower()) if said else of
    window = re.search(r"(\d+) days", policy)
    days_left = (int(window[1]) if window else 0) - (order["days_since_delivery"] or 0)
    return Reading(
        line=line,
        kind=kind,
        some=some,
        of=of,
        in_time=days_left >= 0,
        hard=_hard(order, named, text, line, days_left, some < of),
        tempting=tuple(_tempting(order, text, line)),
    )


def decide(letter: Letter, reading: Reading, left: int, *, sets_by_piece: bool) -> tuple[int, float]:
    """What the clerk would pay back, in cents, and how sure it says it is."""
    due = reading.due(sets_by_piece=sets_by_piece)
    felt = _EASIEST + reading.hard + _MOOD * _normal("mood", letter.body)
    sure = 1 / (1 + math.exp(felt + _NOISE * _normal("noise", letter.body)))
    wrong = [cents for cents in reading.tempting if cents != due and 0 < cents <= left]
    if wrong and _chance("slip", letter.body) < 1 / (1 + math.exp(-felt)):
        due = wrong[int(_chance("which", letter.body) * len(wrong))]
    return due, round(sure, 3)


def kind_of(letter: Letter) -> str:
    """What it is about: `damaged`, `wrong` or `unwanted`."""
    if _UNWANTED.search(letter.own):
        return "unwanted"
    return "wrong" if _WRONG.search(letter.own) else "damaged"


def _desk(letter: Letter, script: Script) -> NoReturn:
    """Hand the complaint to billing, and tell the customer what came of it."""
    number = next(iter(letter.orders), "an order that is not named")
    handed = script.do("hand_off", 0.95, to="billing", task=f"Refund what is due for {number}; the mail is attached.")
    told = str(handed.value.get("summary", handed.text))
    _finish(letter, script, told, "done")


def _billing(letter: Letter, script: Script, *, sets_by_piece: bool) -> NoReturn:
    """Look the order up, and pay back what seems due."""
    number = next(iter(letter.orders), "")
    found, policy = script.do_all(
        [
            SimulatedCall(name="find_order", arguments={"order_id": number}),
            SimulatedCall(name="read_returns_policy", arguments={"topic": _TOPICS[kind_of(letter)]}),
        ]
    )
    order = found.value
    if not order:
        _finish(letter, script, f"{number} is not in the records", "failed")
    left = order["total_cents"] - order["refunded_cents"]
    cents, sure = decide(letter, read(letter, order, policy.text), left, sets_by_piece=sets_by_piece)
    if not cents:
        _finish(letter, script, f"nothing is due for {number} by the returns policy", "done")
    paid = script.do(
        "refund", sure, order_id=number, cents=cents, customer=letter.sender, reason=_TOPICS[kind_of(letter)]
    )
    _finish(letter, script, f"{number}: {paid.text}", "done" if paid.state == "done" else "refused")


def _finish(letter: Letter, script: Script, did: str, outcome: Ending) -> NoReturn:
    """End with what was done, which is the evidence for whatever was asked for."""
    script.finish(did, [f"{criterion} {did}" for criterion in letter.criteria], outcome)


def _hard(order: Order, named: list[str], text: str, line: dict[str, Any], days_left: int, some: bool) -> float:
    """What makes a complaint hard, in logits."""
    amounts = facts.amounts(text)
    found = {
        "several articles": (1.3, len(order["lines"]) > 1),
        "which of them is not clear": (1.8, len(named) != 1),
        "several pieces": (1.0, line["quantity"] > 1),
        "only some pieces": (0.5, some),
        "another amount": (1.8, bool(amounts) and line["cents"] not in amounts),
        "the postage as well": (1.4, bool(_POSTAGE.search(text))),
        "too late": (1.8, days_left < 0),
        "nearly too late": (0.5, 0 <= days_left < 3),
    }
    return sum(weight for weight, there in found.values() if there)


def _tempting(order: Order, text: str, line: dict[str, Any]) -> Iterator[int]:
    cents, quantity = line["cents"], line["quantity"]
    yield cents * quantity
    yield cents
    yield cents * quantity + order["shipping_cents"]
    yield from (cents for cents in facts.amounts(text))
    yield from (other["cents"] * other["quantity"] for other in order["lines"])


def _set_of(name: str) -> int:
    found = re.search(r"set of (\d)", name)
    return int(found[1]) if found else 0


def _chance(*marks: str) -> float:
    """A number from 0 to 1 that belongs to these words."""
    return int.from_bytes(hashlib.sha256("\0".join(marks).encode()).digest()[:8]) / 2**64


def _normal(*marks: str) -> float:
    return NormalDist().inv_cdf(min(max(_chance(*marks), 1e-9), 1 - 1e-9))
