"""What differs between workers that work on the same record, though it should not. No I/O."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from baton.core import format_time
from baton.core.texts import one_line
from baton.ledger.alerts import Finding
from baton.ledger.workers import Heard

APART = 2.0
"""Seconds that a clock may be off before it is said."""

NAME = "configuration drift"


def drift(heard: Sequence[Heard]) -> list[Finding]:
    """What differs between the workers that were heard of lately; a rolling deploy is over within minutes."""
    if not heard:
        return []
    return [*_versions(heard), *_agents(heard), *_clocks(heard)]


def _versions(heard: Sequence[Heard]) -> Iterator[Finding]:
    yield from _differs("version", "Baton", {one.name: one.version for one in heard}, heard, "upgrade them alike")


def _agents(heard: Sequence[Heard]) -> Iterator[Finding]:
    code, policies = defaultdict[str, dict[str, str]](dict), defaultdict[str, dict[str, str]](dict)
    for one in heard:
        for agent, hash in one.fingerprints.items():
            code[agent][one.name] = hash
        for agent, hash in one.policies.items():
            policies[agent][one.name] = hash
    for agent, known in sorted(code.items()):
        yield from _differs(f"code of {agent}", f"the code of {agent}", known, heard, "deploy the same to all of them")
    for agent, known in sorted(policies.items()):
        way = "deploy the same policy to all of them; until then what is allowed depends on who works"
        yield from _differs(f"policy of {agent}", f"the policy of {agent}", known, heard, way)


def _differs(
    about: str, what: str, known: Mapping[str, str], heard: Sequence[Heard], way_out: str
) -> Iterator[Finding]:
    """That workers do not all have the same; those that have what few have are named."""
    counts = Counter(known.values())
    if len(counts) < 2:
        return
    usual = max(counts, key=lambda value: (counts[value], value))
    odd = sorted(name for name, value in known.items() if value != usual)
    began = max(one.began for one in heard if one.name in known)
    each = ", ".join(f"{one_line(value, 14)} at {count}" for value, count in counts.most_common(4))
    yield Finding(
        name=NAME,
        about=about,
        severity="warning",
        says=f"Workers do not have the same of {what}: {len(counts)} kinds.",
        cause=f"not as most: {', '.join(one_line(name) for name in odd[:4])}",
        evidence=f"{each}; since {format_time(began)}",
        way_out=way_out,
        began=began,
    )


def _clocks(heard: Sequence[Heard]) -> Iterator[Finding]:
    for one in heard:
        if abs(one.clock) > APART:
            yield Finding(
                name=NAME,
                about=f"clock of {one.name}",
                severity="notice",
                says=f"The clock of {one_line(one.name)} is {one.clock:+.1f} s off.",
                cause="its machine does not set its clock by a time server",
                evidence=f"held against the record's clock at {format_time(one.seen)}",
                way_out="let the machine keep its time; Baton goes by the record's clock meanwhile",
                began=one.began,
            )
