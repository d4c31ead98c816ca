"""What is known of one action of a class with a promise, in words."""

from collections.abc import Mapping

from baton.core import Assessed
from baton.core.texts import one_line, percent
from baton.policies.promises.scoring import RULE
from baton.rows import Row

_SHARES = frozenset({"confidence", "agreement", "judge", "verified", "grounded", "novelty", "history"})


def assessed_rows(assessed: Assessed) -> list[Row]:
    """Class, promise, score and threshold, certificate, audit and signals, as names and values."""
    scorer = "the fixed rule" if assessed.scorer == RULE else assessed.scorer
    return [
        Row("class", one_line(f"{assessed.kind}; promised is {assessed.promise}")),
        Row("score", one_line(f"{_score(assessed)}; scored by {scorer}")),
        Row("signals", signals(assessed.signals)),
        Row("certificate", assessed.certificate),
        Row("looked at", _audit(assessed)),
    ]


def signals(known: Mapping[str, float]) -> str:
    """What the score was made of."""
    return ", ".join(f"{name} {value:.2f}" if name in _SHARES else f"{name} {value:g}" for name, value in known.items())


def _score(assessed: Assessed) -> str:
    if assessed.threshold is None:
        return f"{assessed.score:.2f}, and nothing of the class runs alone yet"
    beside = "at least" if assessed.alone else "below"
    return f"{assessed.score:.2f}, {beside} {assessed.threshold:.2f}, from which actions run alone"


def _audit(assessed: Assessed) -> str:
    if not assessed.alone:
        return "by the person who decides it"
    said = "it is one of them" if assessed.audited else "it is none of them"
    return f"{percent(assessed.audit)} of what runs alone is looked at afterwards; by the coin {said}"
