"""A mail on the desk: what is known of it, and the steps that every procedure needs."""

from dataclasses import dataclass
from typing import Any

from baton.agents.simulated.desk import replies, words
from baton.agents.simulated.desk.letter import Letter
from baton.agents.simulated.desk.script import Ending, Outcome, Script

Order = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Part:
    """What came of one thing that a mail wants.

    Attributes:
        say: For the customer, in the customer's language; empty says nothing.
        did: For the record, in a sentence.
        outcome: done, refused by policy or a person, or failed.
        confidence: How sure the desk is that this is right, 0 to 1.
        to: Who gets the answer; empty is the sender.
        name: The customer's name as the record has it.
    """

    say: str = ""
    did: str
    outcome: Ending = "done"
    confidence: float = 0.92
    to: str = ""
    name: str = ""


@dataclass(frozen=True)
class Case:
    """A letter and the script that handles it."""

    letter: Letter
    script: Script

    def phrase(self, occasion: str, /, **facts: object) -> str:
        """Sentences for an occasion, in the customer's language."""
        return replies.phrase(occasion, self.letter.language, **facts)

    def owns(self, order: Order) -> bool:
        """Whether the sender placed the order; who asks without a mail speaks for the house."""
        return not self.letter.sender or order["email"] == self.letter.sender

    def find(self, order_id: str) -> Order | Part:
        """The order with that number, or what to say when there is none."""
        found = self.script.do("find_order", order_id=order_id)
        if found.value:
            return found.value
        return self.unknown(order_id, found)

    def unknown(self, order_id: str, found: Outcome) -> Part:
        """What to say of an order that could not be looked up."""
        if "no order" in found.text:
            return Part(
                say=self.phrase("no_order", order=order_id), did=f"{order_id} is not in the records; asked back"
            )
        return self.ask(f"{order_id} could not be looked up ({found.text}). What should the customer be told?")

    def the_order(self, fitting: frozenset[str]) -> Order | Part:
        """The order that the letter is about: by its number, else the sender's only one in a fitting status."""
        if self.letter.orders:
            return self.find(self.letter.orders[0])
        which = Part(say=self.phrase("which_order"), did="asked the customer which order is meant", confidence=0.85)
        if not self.letter.sender:
            return which
        customer = self.script.do("find_customer", email=self.letter.sender).value
        open_ = [order for order in customer.get("orders", ()) if order["status"] in fitting]
        named = [order for order in open_ if named_articles(order["articles"].split("; "), self.letter.whole)]
        chosen = named or open_
        return self.find(chosen[0]["order_id"]) if len(chosen) == 1 else which

    def not_theirs(self, order: Order, did: str) -> Part:
        """What to say to somebody whose order it is not."""
        say = self.phrase("not_yours", order=order["order_id"])
        return Part(say=say, did=did, outcome="refused", confidence=0.95)

    def ask(self, question: str, options: tuple[str, ...] = (), confidence: float = 0.4) -> Part:
        """Ask a person; the answer is what the customer is told."""
        answer = self.script.do("ask_person", confidence, question=question, options=list(options))
        if answer.state == "rejected":
            return Part(did=f"a person declined: {answer.text}", outcome="refused")
        if answer.state in ("failed", "denied"):
            return Part(did=f"nobody could be asked: {answer.text}", outcome="failed")
        return Part(say=answer.text, did=f"a person answered: {answer.text}", confidence=0.9)


def named_articles(names: list[str], text: str) -> list[str]:
    """Those of the articles that the text names best; none when it names none.

    Article names are the same in every language, and their first word is a name of its own.
    """
    lowered = text.lower()
    scores: dict[str, int] = {}
    for name in names:
        parts = [part for part in name.lower().replace(",", " ").split() if len(part) >= 4 and part.isalpha()]
        scores[name] = sum((3 if index == 0 else 1) for index, part in enumerate(parts) if part in lowered)
    best = max(scores.values(), default=0)
    return [name for name, score in scores.items() if score and score == best]


def wants_everything(text: str) -> bool:
    """Whether the text speaks of all that was delivered."""
    return words.found("everything", text) > 0
