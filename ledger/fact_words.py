"""The words of facts on Postgres: kept in the transaction that changes a fact, and searched by the server.

SQLite has no such tables: there a file of its own follows the facts.
"""

import hashlib
import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from baton.core import FactId
from baton.ledger.fact_threads import Standing, around, lock_threads, page
from baton.ledger.transaction import Transaction

_WORD = re.compile(r"[^\W_]+")
_LONGEST = 30_000
"""Characters of each text that are searched: Postgres holds no more than a megabyte of words for one fact."""

_PAGE, _PART = 1000, 200
_WEIGHTS = {"A": 2.0, "B": 1.0, "C": 0.75, "D": 0.45}  # of subject, text, beside it, next but one
_K1, _B = 1.2, 0.75
"""Constants of BM25, as FTS5 has them (Robertson & Zaragoza 2009)."""


@dataclass(frozen=True)
class Match:
    """A fact that shares words with a question.

    Attributes:
        score: BM25; above 0, greater is better.
        answers: Whether it follows a question.
    """

    id: FactId
    score: float
    subject: str
    text: str
    answers: bool


@dataclass(frozen=True)
class Totals:
    """How many facts can be found, and how many words each has on average."""

    facts: int
    length: float


def refresh(tx: Transaction, changed: Sequence[FactId]) -> None:
    """Have the words of facts that came, went or changed, and of those beside them, as the facts are now.

    A thread is held before it is read: nobody else can add to it what this does not see, or take from it what it sees.
    """
    if tx.connection.dialect.name != "postgresql" or not changed:
        return
    ids = list(dict.fromkeys(changed))
    lock_threads(tx, ids)
    standing, gone = around(tx, ids)
    tx.execute(_PUT, [_row(one) for one in standing])
    if gone:
        tx.changed(_DROP, ids=gone)


def fill(tx: Transaction) -> None:
    """Put the words of all facts into a table that is empty, while nobody else changes facts."""
    behind = ""
    while found := page(tx, behind, _PAGE):
        tx.execute(_PUT, [_row(one) for one in found])
        behind = found[-1].fact.id


def renew(tx: Transaction, behind: str) -> str | None:
    """Have the words of the next facts in order of id as the facts are; the last of them, None if there is none."""
    ids = [FactId(id) for id in tx.values(_NEXT, behind=behind, most=_PART)]
    refresh(tx, ids)
    return ids[-1] if ids else None


def stems(tx: Transaction, words: Sequence[str]) -> list[str]:
    """What these words are looked for as, each once."""
    return tx.values(_STEMS, words=_folded(" ".join(words))) if words else []


def totals(tx: Transaction) -> Totals:
    """How much there is to be searched, of all tenants together."""
    row = tx.row(_TOTALS)
    return Totals(row.facts, float(row.length))


def changes(tx: Transaction) -> int:
    """A number that grows by one with each change of a fact."""
    return int(tx.value(_CHANGES))


def frequencies(tx: Transaction, wanted: Iterable[str]) -> dict[str, int]:
    """How many facts have each of these stems, or stand in each of these places."""
    return {one: int(tx.value(_FREQUENCY, query=_quoted([one]))) for one in wanted}


def search(
    tx: Transaction,
    frequency: Mapping[str, int],
    known: Totals,
    places: Collection[tuple[str, str]],
    *,
    at: float,
    most: int,
) -> list[Match]:
    """The believed facts in some places that have any of these stems, best first; equals in order of id.

    Args:
        tx: The transaction.
        frequency: The stems, each with how many facts have it.
        known: How much there is.
        places: Tenants and scopes.
        at: When they have to be true, in seconds since 1970. What has expired by now is not found.
        most: How many at most. Where there are more, those that are weighed are chosen by a rougher measure.
    """
    weight = {stem: _rarity(count, known.facts) for stem, count in frequency.items()}
    rows = tx.rows(
        _SEARCH,
        query=f"({_quoted([place_word(*place) for place in places])}) & ({_quoted(weight)})",
        tenants=[tenant for tenant, _ in places],
        scopes=[scope for _, scope in places],
        stems=[_quoted([stem]) for stem in weight],
        words=list(weight),
        weights=list(weight.values()),
        at=at,
        now=tx.now,
        most=most,
    )
    found = [
        Match(FactId(row.id), _score(row, weight, known.length), row.subject, row.text, row.answers) for row in rows
    ]
    return sorted(found, key=lambda match: (-match.score, match.id))


def place_word(tenant: str, scope: str) -> str:
    """A word for a tenant's scope that no text can hold."""
    return "@" + hashlib.blake2b(f"{tenant}\0{scope}".encode(), digest_size=8).hexdigest()


def _row(one: Standing) -> dict[str, object]:
    fact = one.fact
    parts = [fact.subject, fact.text, "\n".join(one.beside), "\n".join(one.farther)]
    words = [_folded(part[:_LONGEST]) for part in parts]
    return {
        "fact": fact.id,
        **dict(zip(("subject", "text", "beside", "farther"), words, strict=True)),
        "place": place_word(fact.tenant, fact.scope),
        "length": 1 + sum(len(part.split()) for part in words),
        "answers": one.before.rstrip().endswith(("?", "\uff1f")),
    }


def _folded(text: str) -> str:
    """The words of a text, without accents and marks, a space between each two.

    Postgres would read addresses, numbers with signs and much else into what stands between words.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(_WORD.findall(plain.lower()))


def _quoted(words: Iterable[str]) -> str:
    """Any of these words, as Postgres reads a query."""
    return " | ".join("'" + word.replace("\\", "\\\\").replace("'", "''") + "'" for word in words)


def _rarity(count: int, facts: int) -> float:
    return max(math.log((facts - count + 0.5) / (count + 0.5)) if count < facts else 0.0, 1e-6)


def _score(row: Any, weight: Mapping[str, float], average: float) -> float:
    """BM25 over all words of a fact, each counted by where it stands."""
    norm = _K1 * (1 - _B + _B * row.length / average)
    score = 0.0
    for stem, places in zip(row.stems, row.found, strict=True):
        count = sum(_WEIGHTS[place] for place in places)
        score += weight[stem] * count * (_K1 + 1) / (count + norm)
    return score


_CONFIG = "CAST('baton_words' AS regconfig)"
_VECTOR = " || ".join(
    f"setweight(to_tsvector({_CONFIG}, CAST(:{name} AS text)), '{letter}')"
    for name, letter in (("subject", "A"), ("text", "B"), ("beside", "C"), ("farther", "D"))
)
_PUT = text(f"""INSERT INTO fact_words (fact, words, length, answers)
    VALUES (:fact, array_to_tsvector(ARRAY[CAST(:place AS text)]) || {_VECTOR}, :length, :answers)
    ON CONFLICT (fact) DO UPDATE SET words = excluded.words, length = excluded.length, answers = excluded.answers
    WHERE (fact_words.words, fact_words.answers) IS DISTINCT FROM (excluded.words, excluded.answers)""")
_DROP = text("DELETE FROM fact_words WHERE fact = ANY(CAST(:ids AS text[]))")
_NEXT = text("SELECT id FROM facts WHERE id > :behind ORDER BY id LIMIT :most")
_STEMS = text(f"SELECT unnest(tsvector_to_array(to_tsvector({_CONFIG}, CAST(:words AS text))))")
_TOTALS = text("SELECT count(*) AS facts, coalesce(avg(length), 1) AS length FROM fact_words")
_CHANGES = text("SELECT coalesce(max(id), 0) FROM fact_changes")
_FREQUENCY = text("SELECT count(*) FROM fact_words WHERE words @@ CAST(:query AS tsquery)")
# First the index alone: the planner would read all facts where it takes them for few. Then a measure that Postgres
# takes quickly; then, of the best by it, how often each word stands where.
_SEARCH = text("""WITH matched AS MATERIALIZED (SELECT * FROM fact_words WHERE words @@ CAST(:query AS tsquery)),
    rough AS MATERIALIZED (
        SELECT f.id, f.subject, f.text, w.words, w.length, w.answers
        FROM matched w JOIN facts f ON f.id = w.fact
        WHERE (f.tenant, f.scope) IN (SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:scopes AS text[])))
        AND f.retired_at IS NULL AND f.quarantined_at IS NULL
        AND (f.valid_from IS NULL OR f.valid_from <= :at) AND (f.valid_to IS NULL OR f.valid_to > :at)
        AND (f.expires_at IS NULL OR f.expires_at > :now)
        ORDER BY (
            SELECT sum(s.weight * ts_rank('{0.225, 0.375, 0.5, 1.0}', w.words, s.stem))
            FROM unnest(CAST(CAST(:stems AS text[]) AS tsquery[]), CAST(:weights AS float8[])) AS s (stem, weight)
        ) DESC, f.id LIMIT :most)
    SELECT r.id, r.subject, r.text, r.length, r.answers, c.stems, c.found
    FROM rough r CROSS JOIN LATERAL (
        SELECT array_agg(u.lexeme) AS stems, array_agg(array_to_string(u.weights, '')) AS found
        FROM unnest(r.words) u WHERE u.lexeme = ANY(CAST(:words AS text[]))) c""")
