"""How long it takes to pack a request of 200 candidate facts and 40 turns, beside counting its text alone.

make bench-package

Counters are tiktoken's o200k_base where its ranks are at hand, else a small encoding made here, and UTF-8 bytes. `cold`
has every text counted anew, as in the first turn of a process; `warm` is every later turn, in which counts of texts
that were seen are remembered. `whole` only counts the tokens of all texts, cold: no packing can be faster. CPU time,
so that a busy machine says the same.
"""

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

from tiktoken import Encoding

from baton.core import ChatMessage, dump
from baton.memory import Item, Section, TiktokenCounter, TokenCounter, Utf8Bytes, counter, pack_request, text_tokens

FACTS, TURNS, REPEATS = 200, 40, 40
BUDGET = 100_000


def main() -> None:
    """Measure and print."""
    random.seed(1)
    words = [f"{random.choice('bdfglmnprst')}{random.choice('aeiou')}{n}" for n in range(2000)]
    told = [" ".join(random.choices(words, k=30)) for _ in range(FACTS + TURNS)]
    facts, turns = told[:FACTS], [[_message(text)] for text in told[FACTS:]]
    known = counter("o200k_base")
    print("o200k_base is counted" if known.exact else "no ranks of o200k_base here: an encoding of these very words")
    print(
        f"{FACTS} facts, {TURNS} turns, a budget of {BUDGET:,} tokens; medians and 95 % of {REPEATS} in ms of CPU time"
    )
    for make in (_exact(known, words), Utf8Bytes):
        cold = _times(lambda make=make: _pack(facts, turns, make()))
        kept = make()
        _pack(facts, turns, kept)
        warm = _times(lambda kept=kept: _pack(facts, turns, kept))
        whole = _times(lambda make=make: make().count(dump(told)))
        ratio = statistics.median(cold) / statistics.median(whole)
        rows = " ".join(f"{name} {_row(times)}" for name, times in (("cold", cold), ("warm", warm), ("whole", whole)))
        print(f"{make().name:24} {rows}  cold / whole {ratio:.1f}")


def _exact(known: TokenCounter, words: Sequence[str]) -> Callable[[], TokenCounter]:
    """Makes a counter that remembers nothing yet."""
    encoding = known._encoding if isinstance(known, TiktokenCounter) else _small(words)  # pyright: ignore[reportPrivateUsage]
    return lambda: TiktokenCounter(encoding)


def _small(words: Sequence[str]) -> Encoding:
    """A token a word, as real ones have it for common words."""
    tokens = [*(bytes([byte]) for byte in range(256)), *(f" {word}".encode() for word in sorted(set(words)))]
    ranks = {token: rank for rank, token in enumerate(tokens)}
    return Encoding("small", pat_str=r" ?\w+|\s+|[^\w\s]+", mergeable_ranks=ranks, special_tokens={})


def _pack(facts: Sequence[str], turns: Sequence[Sequence[ChatMessage]], counts: TokenCounter) -> None:
    items = tuple(
        Item(id=str(at), content=text, tokens=text_tokens(text, counts), priority=-at) for at, text in enumerate(facts)
    )
    section = Section(name="facts", items=items, quota=BUDGET // 4)
    pack_request([_message("You are a clerk.")], turns, [section], _render, BUDGET, counts)


def _render(kept: Mapping[str, Sequence[str]]) -> ChatMessage:
    return _message("\n".join(text for texts in kept.values() for text in texts))


def _message(text: str) -> ChatMessage:
    return {"role": "user", "content": text}


def _times(work: Callable[[], object]) -> list[float]:
    found: list[float] = []
    for _ in range(REPEATS):
        begun = time.process_time()
        work()
        found.append(1000 * (time.process_time() - begun))
    return found


def _row(times: Sequence[float]) -> str:
    return f"{statistics.median(times):6.1f} / {statistics.quantiles(times, n=20)[-1]:6.1f} "


if __name__ == "__main__":
    main()
