"""Against naive models: what was believed when, and that no tenant ever sees another's."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baton.core import Label, ManualClock, Trust
from baton.ledger import Claim, Ledger, facts, superseding
from baton.memory import Memory

SUBJECTS, VALUES, TENANTS, SCOPES = "ab", "xyz", ("t1", "t2"), ("s1", "s2")
TRUSTS = st.sampled_from([Trust.USER, Trust.SYSTEM])
TIMES = st.none() | st.integers(0, 12).map(float)
MANY_EXAMPLES = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@dataclass(frozen=True)
class Told:
    """One statement: that a subject has a value from a time on, or between two."""

    subject: str
    value: str
    since: float | None
    until: float | None
    trust: Trust


STATEMENTS = st.builds(
    Told,
    st.sampled_from(SUBJECTS),
    st.sampled_from(VALUES),
    TIMES,
    st.none(),
    st.sampled_from([Trust.USER, Trust.SYSTEM]),
) | st.builds(
    lambda subject, value, since, length: Told(subject, value, since, since + length, Trust.USER),
    st.sampled_from(SUBJECTS),
    st.sampled_from(VALUES),
    st.integers(0, 10).map(float),
    st.integers(1, 4).map(float),
)


class Model:
    """For each subject and each half hour of the world, the values that are believed: what is said later goes over it.

    An open end reaches to the next beginning that is known. What is trusted less goes over nothing, and stands beside.
    """

    HALVES = tuple(n / 2 - 1 for n in range(32))

    def __init__(self) -> None:
        self.pieces: list[tuple[Told, frozenset[float]]] = []

    def tell(self, told: Told) -> None:
        """Take a statement in."""
        mine = [(t, its) for t, its in self.pieces if t.subject == told.subject and its]
        if any(self._same(t, its, told) for t, its in mine):
            return
        until = told.until
        begin = float("-inf") if told.since is None else told.since
        if until is None:
            starts = [self._start(t, its) for t, its in mine if t.value != told.value]
            until = min((s for s in starts if s > begin), default=None)
        span = frozenset(h for h in self.HALVES if begin <= h and (until is None or h < until))
        for n, (t, its) in enumerate(self.pieces):
            if t.subject == told.subject and t.value != told.value and t.trust <= told.trust:
                self.pieces[n] = (t, its - span)
        self.pieces.append((told, span))

    def at(self, subject: str, time: float) -> set[str]:
        """The values that are believed to be true at a time."""
        return {told.value for told, its in self.pieces if told.subject == subject and time in its}

    @staticmethod
    def _start(told: Told, its: frozenset[float]) -> float:
        return float("-inf") if -1.0 in its else min(its)

    @classmethod
    def _same(cls, known: Told, its: frozenset[float], told: Told) -> bool:
        begin = float("-inf") if told.since is None else told.since
        wanted = {h for h in cls.HALVES if begin <= h and (told.until is None or h < told.until)}
        whole = wanted <= its
        return known.value == told.value and known.trust >= told.trust and whole


async def _as_the_model(folder: Path, statements: list[Told]) -> None:
    clock, model = ManualClock(1000.0), Model()
    ledger = await Ledger.open(str(folder), clock)
    seen: list[tuple[float, dict[tuple[str, float], set[str]]]] = []
    try:
        await ledger.write(lambda tx: superseding.declare(tx, "local", "is", "one"))
        for told in statements:
            claim = Claim(
                scope="s",
                subject=told.subject,
                predicate="is",
                object=told.value,
                text=f"is {told.value}",
                label=Label(told.trust),
                valid_from=told.since,
                valid_to=told.until,
            )
            await ledger.write(lambda tx, claim=claim: facts.record(tx, claim))  # type: ignore[misc]
            model.tell(told)
            seen.append((clock.now(), {(s, t): model.at(s, t) for s in SUBJECTS for t in Model.HALVES}))
            clock.advance(10)
        for known, expected in seen:
            for time in Model.HALVES:
                found = await ledger.read(lambda tx, t=time, k=known: facts.as_of(tx, "local", ["s"], t, k))  # type: ignore[misc]
                for subject in SUBJECTS:
                    values = {fact.object for fact in found if fact.subject == subject}
                    assert values == expected[subject, time], (subject, time, known)
    finally:
        await ledger.close()


@MANY_EXAMPLES
@given(statements=st.lists(STATEMENTS, max_size=6))
def test_what_was_believed_when_is_what_a_naive_model_says(tmp_path: Path, statements: list[Told]) -> None:
    name = f"{abs(hash(tuple(statements)))}.db"
    for file in tmp_path.glob("*"):
        file.unlink()
    asyncio.run(_as_the_model(tmp_path / name, statements))


KEPT = st.lists(st.tuples(st.sampled_from(TENANTS), st.sampled_from(SCOPES), st.sampled_from(["lamp", "lamps", "tea"])))


async def _apart(path: Path, kept: list[tuple[str, str, str]], asker: str, scopes: list[str]) -> None:
    ledger = await Ledger.open(str(path))
    memory = Memory(ledger)
    try:
        for number, (tenant, scope, word) in enumerate(kept):
            claim = Claim(tenant=tenant, scope=scope, subject=f"n{number}", text=word, label=Label(Trust.USER))
            await memory.remember(claim)
        mine = {f"n{n}" for n, (tenant, scope, _) in enumerate(kept) if tenant == asker and scope in scopes}
        found = await memory.recall("lamp tea", scopes, 100, tenant=asker)
        assert {one.fact.subject for one in found} == mine
        assert all(one.fact.tenant == asker for one in found)
        assert {fact.subject for fact in await memory.believed(scopes, tenant=asker)} == mine
        assert {fact.subject for fact in await memory.as_of(scopes, tenant=asker)} == mine
    finally:
        memory.close()
        await ledger.close()


@MANY_EXAMPLES
@given(kept=KEPT, asker=st.sampled_from([*TENANTS, "t3"]), scopes=st.lists(st.sampled_from(SCOPES), unique=True))
def test_no_tenant_is_ever_told_what_another_knows(
    tmp_path: Path, kept: list[tuple[str, str, str]], asker: str, scopes: list[str]
) -> None:
    for file in tmp_path.glob("*"):
        file.unlink()
    asyncio.run(_apart(tmp_path / "baton.db", kept, asker, scopes))
