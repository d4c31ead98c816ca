"""Tidying memory: outcomes become episodes, what repeats is merged, threads of episodes are summed up.

Done twice, it changes nothing the second time. What a summary says is chosen by rule: whole sentences of the episodes.
An extractor of one's own, such as one that asks a model, may say more; its facts are trusted no more than the episodes.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from baton.core import FactId, derived, format_time
from baton.ledger import Claim, Fact, Kind, Ledger, consolidation, fact_changes, facts
from baton.ledger.consolidation import SUMMARY, Thread
from baton.ledger.fact_changes import Mark
from baton.memory.ranking import STOP_WORDS

_WORD = re.compile(r"[^\W_]+")
_SAME = 0.9
"""Share of common words from which two facts about one subject say the same."""

LEAST = 8
"""Episodes from which a thread is summed up."""

NEWEST = 200
"""Episodes that are summed up of a thread of more: the newest."""

_QUOTED, _LONG = 3, 400  # episodes, and characters of each
_MOST = 50
"""Runs that are learnt from, and facts that are merged, in one transaction: nobody waits long for it to end."""

_AT_ONCE = 1_000
"""Runs that are looked for at a time."""


class Extractor(Protocol):
    """Draws facts from episodes."""

    async def extract(self, episodes: Sequence[Fact]) -> Sequence[Claim]:
        """What the episodes of a thread say; their labels are put in place of those that are claimed."""
        ...


@dataclass(frozen=True, kw_only=True)
class Tidied:
    """What was done: episodes made of runs that ended, facts merged into others, threads summed up, facts drawn."""

    outcomes: int
    merged: int
    summaries: int
    extracted: int


async def consolidate(
    ledger: Ledger, tenant: str, extractor: Extractor | None = None, *, since: Mark | None = None
) -> Tidied:
    """Tidy what a tenant knows.

    Args:
        ledger: The record.
        tenant: Whose facts.
        extractor: Draws further facts from threads; None draws none.
        since: Where the changes of facts ended when it was done last. If they still end there, runs alone are looked
            at. None looks at everything.
    """
    outcomes = await _learn(ledger, tenant)
    if since is not None and since == await ledger.read(fact_changes.last):
        return Tidied(outcomes=outcomes, merged=0, summaries=0, extracted=0)
    merged = 0
    for scope, subject in await ledger.read(lambda tx: consolidation.crowded(tx, tenant)):
        known = await ledger.read(lambda tx, s=scope, of=subject: consolidation.said_of(tx, tenant, s, of))  # type: ignore[misc]
        pairs = await asyncio.to_thread(repeated, known)
        for start in range(0, len(pairs), _MOST):
            part = pairs[start : start + _MOST]
            merged += await ledger.write(lambda tx, p=part: sum(consolidation.merge(tx, *pair) for pair in p))  # type: ignore[misc]
    summaries = extracted = 0
    for found in await ledger.read(lambda tx: consolidation.threads(tx, tenant, LEAST)):
        thread = await ledger.read(lambda tx, of=found: consolidation.thread(tx, tenant, of, NEWEST))  # type: ignore[misc]
        claim = await asyncio.to_thread(summary, tenant, thread)
        kept = await ledger.write(lambda tx, t=thread, c=claim: consolidation.sum_up(tx, t, c))  # type: ignore[misc]
        summaries += kept is not None
        if extractor is not None and kept is not None:
            extracted += await _extracted(ledger, tenant, thread, extractor)
    return Tidied(outcomes=outcomes, merged=merged, summaries=summaries, extracted=extracted)


async def _learn(ledger: Ledger, tenant: str) -> int:
    """Make episodes of the runs that have ended; how many."""
    made, last = 0, (0.0, "")
    while ended := await ledger.read(lambda tx: consolidation.not_learnt(tx, tenant, last, _AT_ONCE)):  # noqa: B023
        for start in range(0, len(ended), _MOST):
            part = [run for _, run in ended[start : start + _MOST]]
            made += len(await ledger.write(lambda tx, part=part: consolidation.learn_outcomes(tx, tenant, part)))  # type: ignore[misc]
        last = ended[-1]
    return made


def repeated(known: Sequence[Fact]) -> list[tuple[FactId, FactId]]:
    """Pairs of facts about one subject, of which the second says the same, trusted no more, true no longer.

    The first recorded of equals is kept.
    """
    groups: dict[str, list[Fact]] = {}
    for fact in known:
        groups.setdefault(fact.predicate or "", []).append(fact)
    pairs: list[tuple[FactId, FactId]] = []
    for group in groups.values():
        kept: list[tuple[Fact, Counter[str]]] = []
        for fact in sorted(group, key=lambda one: (-one.label.trust, one.recorded_at, one.id)):
            words = Counter(_WORD.findall(fact.text.lower()))
            same = next((one for one, its in kept if _covers(one, fact) and _alike(words, its)), None)
            if same is None:
                kept.append((fact, words))
            else:
                pairs.append((same.id, fact.id))
    return pairs


def summary(tenant: str, thread: Thread) -> Claim:
    """What happened in a thread, in the words of the episodes that say most of what the others speak of too."""
    episodes = thread.episodes
    words = [set(_WORD.findall(one.text.lower())) - STOP_WORDS for one in episodes]
    spoken = Counter(word for its in words for word in its)
    weight = [sum(spoken[word] - 1 for word in its) / (len(its) + 5) for its in words]
    best = sorted(sorted(range(len(episodes)), key=lambda n: (-weight[n], n))[:_QUOTED])
    who = ", ".join(dict.fromkeys(one.subject for one in episodes))
    times = [one.valid_from for one in episodes if one.valid_from is not None]
    when = f" from {format_time(min(times))} to {format_time(max(times))}" if times else ""
    newest = "" if len(episodes) == thread.count else f" newest of {thread.count}"
    quoted = " / ".join(f"{episodes[n].subject}: {episodes[n].text[:_LONG]}" for n in best)
    return Claim(
        tenant=tenant,
        scope=thread.scope,
        subject=thread.name,
        predicate=SUMMARY,
        text=f"{len(episodes)}{newest} episodes{when}, of {who}. {quoted}",
        label=replace(derived(one.label for one in episodes), sources=frozenset(f"fact:{one.id}" for one in episodes)),
        valid_from=min(times, default=None),
    )


async def _extracted(ledger: Ledger, tenant: str, thread: Thread, extractor: Extractor) -> int:
    label = replace(
        derived(one.label for one in thread.episodes), sources=frozenset(f"fact:{one.id}" for one in thread.episodes)
    )
    claims = [
        replace(claim, tenant=tenant, scope=thread.scope, label=label, kind=Kind.SEMANTIC)
        for claim in await extractor.extract(thread.episodes)
    ]
    await ledger.write(lambda tx: [facts.record(tx, claim) for claim in claims])
    return len(claims)


def _alike(one: Counter[str], other: Counter[str]) -> bool:
    both, either = (one & other).total(), (one | other).total()
    return either > 0 and both / either >= _SAME


def _covers(one: Fact, other: Fact) -> bool:
    """Whether whatever could be asked of the other is answered by the one: value, validity, secrecy."""
    begins = one.valid_from is None or (other.valid_from is not None and one.valid_from <= other.valid_from)
    ends = one.valid_to is None or (other.valid_to is not None and other.valid_to <= one.valid_to)
    secret = one.label.confidentiality >= other.label.confidentiality
    return begins and ends and secret and (one.object, one.kind) == (other.object, other.kind)
