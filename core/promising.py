"""Promises as policy speaks of them: what is promised of a class of actions, and what is known of one action of it."""

from dataclasses import dataclass

from baton.core.errors import InvalidValue


@dataclass(frozen=True, kw_only=True)
class Promise:
    """The risk that is accepted for a class of actions: selective risk (Geifman & El-Yaniv, NIPS 2017).

    Attributes:
        most_wrong: The largest share of the actions that run alone that may be wrong; 0.05 is 5 %.
        certainty: How sure a certificate is; 0.95 is 95 %.
    """

    most_wrong: float = 0.05
    certainty: float = 0.95

    def __post_init__(self) -> None:
        """Refuse what promises nothing.

        Raises:
            InvalidValue: for a share or a certainty that is not between 0 and 1.
        """
        if not 0 < self.most_wrong < 1:
            raise InvalidValue("most_wrong", self.most_wrong, "a share between 0 and 1, such as 0.05")
        if not 0 < self.certainty < 1:
            raise InvalidValue("certainty", self.certainty, "a share between 0 and 1, such as 0.95")

    @property
    def doubt(self) -> float:
        """The probability with which a certificate may be mistaken."""
        return 1 - self.certainty

    def __str__(self) -> str:
        """As people say it."""
        return f"at most {100 * self.most_wrong:g} % wrong, {100 * self.certainty:g} % certain"


@dataclass(frozen=True, kw_only=True)
class Assessed:
    """What is known of an action in a class with a promise.

    Attributes:
        kind: The class.
        promise: What is promised of it.
        certificate: The certificate that speaks of it.
        scorer: What made the score; see policies/promises/scoring.py.
        basis: What the class's actions and signals come from, such as the agent's model.
        score: How likely the action seems to be right, beside others of its class.
        threshold: The score from which actions run alone; None while none may.
        alone: Whether this one may.
        audit: The probability with which it is looked at afterwards if it runs alone.
        audited: Whether it is: the coin was drawn before anybody knew how the action comes out.
        lacks: Why it may not run alone, in words; empty where it may.
        signals: What the score was made of, by name.
        traits: Marks of its arguments by which new kinds of calls are told from known ones.
    """

    kind: str
    promise: Promise
    certificate: str
    scorer: str
    basis: str
    score: float
    threshold: float | None
    alone: bool
    audit: float
    audited: bool
    lacks: str
    signals: dict[str, float]
    traits: tuple[int, ...]
