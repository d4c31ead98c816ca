"""In which order facts are told: how well they fit, how far they are trusted, how lately they were true.

The weights of fit were found on the first three conversations of LoCoMo; see bench/memory_recall.py.
"""

import heapq
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from baton.core import Trust
from baton.ledger import Fact

STOP_WORDS = frozenset(
    """a about all am an and any are as at be been but by can could did do does for from had has have he her him his
    how i if in into is it its just me my no not of on or our she should so some than that the their them then there
    these they this those to up us was we were what when where which who whom whose why will with would you your
    d ll m many might much re s t ve
    """.split()
)

_WORD = re.compile(r"[^\W_]+")
_MOST_WORDS = 64
_MOST_READ, _MOST_WEIGHED = 20_000, 1_500
"""Facts whose words are read, and whose words are weighed, for one search."""

_RANKS = 60
"""Constant of reciprocal rank fusion (Cormack, Clarke & Büttcher 2009)."""

_NAMED, _ASKS, _ANSWERS, _LENGTH = 0.42, -0.08, 0.11, 0.1
"""What is added to BM25, the best of which is 1: for a subject that the query names; a question; what follows a
question; and for each factor of e in the number of words, up to `_LONG`, as more is said in more words."""

_LONG = 60

_TRUST = {Trust.SYSTEM: 1.0, Trust.USER: 1.0, Trust.VERIFIED_TOOL: 0.95, Trust.AGENT: 0.85, Trust.EXTERNAL: 0.7}
_HALF_LIFE = 180 * 86400.0
_OLD = 0.85
"""What is left of the oldest fact's score: age ranks, and never deletes."""

_DISPUTED = 0.9
_ALIKE = 0.6
"""Share of common words from which two texts count as alike."""


@dataclass(frozen=True)
class Hit:
    """What a search of words has found.

    Attributes:
        id: Of the fact.
        score: BM25; above 0, greater is better.
        subject: Of the fact.
        text: Of the fact.
        asks: Whether it is a question.
        answers: Whether it follows one.
    """

    id: str
    score: float
    subject: str = ""
    text: str = ""
    asks: bool = False
    answers: bool = False


def words_of(query: str) -> list[str]:
    """The words worth looking for; if all are common, they have to do."""
    words = list(dict.fromkeys(_WORD.findall(query.lower())))
    return ([word for word in words if word not in STOP_WORDS] or words)[:_MOST_WORDS]


def asks(text: str) -> bool:
    """Whether a text is a question."""
    return text.rstrip().endswith(("?", "\uff1f"))


def telling(frequency: Mapping[str, int], share: float) -> list[str]:
    """The words to look for: the rarest, until they are in so many facts that weighing them would take long.

    Args:
        frequency: How many facts each word is in.
        share: Of all facts, how many are in the places that are searched.
    """
    order = sorted(frequency, key=lambda word: (frequency[word], word))
    total = 0.0
    for number, word in enumerate(order):
        total += frequency[word]
        if number and (total > _MOST_READ or total * share > _MOST_WEIGHED):
            return order[:number]
    return order


def fits(query: str, hits: Sequence[Hit]) -> dict[str, float]:
    """How well each of the hits of a search fits, best first; the best is about 1, and all are above 0."""
    if not hits:
        return {}
    best, asked = max(hit.score for hit in hits), frozenset(words_of(query))
    found = {
        hit.id: hit.score / best
        + _NAMED * (not asked.isdisjoint(_WORD.findall(hit.subject.lower())))
        + _ASKS * hit.asks
        + _ANSWERS * hit.answers
        + _LENGTH * math.log(1 + min(_LONG, _length(hit.text)))
        for hit in hits
    }
    top = max(found.values())
    return {id: max(found[id], 1e-6) / top for id in sorted(found, key=lambda id: (-found[id], id))}


@lru_cache(maxsize=1024)  # the same facts come up again and again
def _length(text: str) -> int:
    """How many words a text has."""
    return len(_WORD.findall(text))


def fused(ranked: Sequence[Sequence[str]]) -> dict[str, float]:
    """Several rankings as one, by reciprocal rank, best first; the best is 1, equals stand in order of id."""
    scores: dict[str, float] = {}
    for ranking in ranked:
        for rank, id in enumerate(ranking, 1):
            scores[id] = scores.get(id, 0.0) + 1 / (_RANKS + rank)
    top = max(scores.values(), default=1.0)
    return {id: scores[id] / top for id in sorted(scores, key=lambda id: (-scores[id], id))}


def weigh(fact: Fact, at: float, *, disputed: bool) -> Mapping[str, float]:
    """What a fact's fit is multiplied by, and why: trust, importance, recency, validity, feedback.

    Args:
        fact: The fact.
        at: The time asked about, in seconds since 1970.
        disputed: Whether another fact contradicts it.
    """
    since = fact.recorded_at if fact.valid_from is None else fact.valid_from
    return {
        "trust": _TRUST[fact.label.trust],
        "importance": 0.75 + 0.5 * fact.importance,
        "recency": _OLD + (1 - _OLD) * 2.0 ** (-max(0.0, at - since) / _HALF_LIFE),
        "validity": _DISPUTED if disputed else 1.0,
        "feedback": (2 + fact.uses) / (2 + fact.uses + 2 * fact.wrongs) * (1 + 0.05 * math.log1p(fact.uses)),
    }


def varied(scored: Sequence[tuple[Fact, float]], k: int) -> list[tuple[Fact, float]]:
    """The best `k`, best first, where a text that says again what a better one says gives way.

    Maximal marginal relevance (Carbonell & Goldstein 1998) with the share of common words, from 0.6 up, as likeness.
    """
    ordered = sorted(scored, key=lambda one: (-one[1], one[0].id))
    heap = [(-score, at, 0, 0.0) for at, (_, score) in enumerate(ordered)]  # already a heap, as they are in order
    chosen: list[tuple[Fact, float]] = []
    while heap and len(chosen) < k:
        most, at, compared, likeness = heapq.heappop(heap)
        fact, score = ordered[at]
        if compared == len(chosen):
            chosen.append((fact, -most))
            continue
        its = _words(fact.subject, fact.text)  # its worth at most is known: only the first is looked at more closely
        others = (_words(other.subject, other.text) for other, _ in chosen[compared:])
        likeness = max(likeness, *(_likeness(its, words) for words in others))
        heapq.heappush(heap, (-score * (1 - likeness), at, len(chosen), likeness))
    return chosen


@lru_cache(maxsize=256)
def _words(subject: str, text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(f"{subject} {text}".lower()))


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of common words; 0 below `_ALIKE`. All but the same words leave a tenth of the score."""
    fewer, more = sorted((len(one), len(other)))
    if fewer < _ALIKE * more:
        return 0.0  # they cannot have so many in common
    common = len(one & other)
    all_ = fewer + more - common
    return 0.9 * common / all_ if common and common >= _ALIKE * all_ else 0.0
