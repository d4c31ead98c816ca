"""Facts in the record: two times, what supersedes what, what stays in conflict, and whose they are."""

from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from baton.core import FactId, Forbidden, Forgotten, InvalidValue, Label, ManualClock, NotFound, Trust
from baton.ledger import Claim, Kind, Ledger, Passage, facts, superseding, tombstones

USER, EXTERNAL = Label(Trust.USER), Label(Trust.EXTERNAL, frozenset({"message:msg_1"}))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1000.0)


@pytest.fixture
async def ledger(record_url: str, clock: ManualClock) -> AsyncGenerator[Ledger]:
    ledger = await Ledger.open(record_url, clock)
    yield ledger
    await ledger.close()


def lives(where: str, label: Label = USER, since: float | None = None, until: float | None = None) -> Claim:
    return Claim(
        scope="team",
        subject="anna",
        predicate="lives in",
        object=where,
        text=f"lives in {where}",
        label=label,
        valid_from=since,
        valid_to=until,
    )


async def keep(ledger: Ledger, claim: Claim) -> FactId:
    return await ledger.write(lambda tx: facts.record(tx, claim))


async def true(ledger: Ledger, valid: float, known: float = 1e9) -> list[str | None]:
    found = await ledger.read(lambda tx: facts.as_of(tx, "local", ["team"], valid, known))
    return [fact.object for fact in found]


async def single(ledger: Ledger) -> None:
    await ledger.write(lambda tx: superseding.declare(tx, "local", "lives in", "one"))


async def test_a_newer_beginning_ends_what_was_true_before_and_both_stay_known(
    ledger: Ledger, clock: ManualClock
) -> None:
    await single(ledger)
    await keep(ledger, lives("Oslo", since=100))
    clock.advance(1000)
    await keep(ledger, lives("Lyon", since=500))
    assert [await true(ledger, at) for at in (50, 100, 499, 500, 900)] == [[], ["Oslo"], ["Oslo"], ["Lyon"], ["Lyon"]]
    assert await true(ledger, 900, known=1500) == ["Oslo"]


async def test_what_is_told_late_does_not_undo_what_began_after_it(ledger: Ledger) -> None:
    await single(ledger)
    await keep(ledger, lives("Lyon", since=500))
    await keep(ledger, lives("Oslo", since=100))
    assert [await true(ledger, at) for at in (100, 499, 500)] == [["Oslo"], ["Oslo"], ["Lyon"]]


async def test_a_fact_with_both_ends_leaves_what_is_on_either_side(ledger: Ledger) -> None:
    await single(ledger)
    await keep(ledger, lives("Oslo", since=100))
    await keep(ledger, lives("Lyon", since=300, until=400))
    assert [await true(ledger, at) for at in (200, 300, 399, 400)] == [["Oslo"], ["Lyon"], ["Lyon"], ["Oslo"]]


async def test_two_values_of_a_predicate_nobody_declared_are_kept_and_in_conflict(ledger: Ledger) -> None:
    one, other = await keep(ledger, lives("Oslo")), await keep(ledger, lives("Lyon"))
    assert await ledger.read(lambda tx: facts.conflicts(tx, "local", [one, other])) == {one: [other], other: [one]}
    assert sorted(filter(None, await true(ledger, 5))) == ["Lyon", "Oslo"]
    await ledger.write(lambda tx: facts.retire(tx, "local", other))
    assert await ledger.read(lambda tx: facts.conflicts(tx, "local", [one, other])) == {}


async def test_many_values_are_no_conflict_where_that_is_declared(ledger: Ledger) -> None:
    await ledger.write(lambda tx: superseding.declare(tx, "local", "lives in", "many"))
    one, other = await keep(ledger, lives("Oslo")), await keep(ledger, lives("Lyon"))
    assert await ledger.read(lambda tx: facts.conflicts(tx, "local", [one, other])) == {}


async def test_what_a_stranger_says_supersedes_nothing_that_a_person_said(ledger: Ledger, clock: ManualClock) -> None:
    await single(ledger)
    mine = await keep(ledger, lives("Oslo", since=100))
    theirs = await keep(ledger, lives("Lyon", EXTERNAL, since=500))
    assert await true(ledger, 900) == ["Oslo", "Lyon"] or await true(ledger, 900) == ["Lyon", "Oslo"]
    assert mine in (await ledger.read(lambda tx: facts.conflicts(tx, "local", [mine])))
    with pytest.raises(Forbidden, match="external trust may not supersede"):
        await ledger.write(lambda tx: facts.supersede(tx, mine, lives("Rome", EXTERNAL)))
    clock.advance(10)
    await ledger.write(lambda tx: facts.supersede(tx, theirs, lives("Oslo", since=500)))
    assert await true(ledger, 900) == ["Oslo", "Oslo"]


async def test_a_fact_is_trusted_no_more_than_those_it_rests_on(ledger: Ledger) -> None:
    heard = await keep(ledger, lives("Lyon", EXTERNAL))
    rests = Claim(scope="team", subject="anna", text="speaks French", label=USER, passages=(Passage(f"fact:{heard}"),))
    derived = await keep(ledger, rests)
    assert (await ledger.read(lambda tx: facts.one(tx, "local", derived))).label.trust is Trust.EXTERNAL


@pytest.mark.parametrize("trust", [Trust.EXTERNAL, Trust.AGENT, Trust.VERIFIED_TOOL])
async def test_only_a_person_makes_a_procedure(ledger: Ledger, trust: Trust) -> None:
    with pytest.raises(Forbidden, match="a person has to approve it"):
        await keep(ledger, Claim(scope="t", subject="s", text="x", label=Label(trust), kind=Kind.PROCEDURAL))


async def test_what_cannot_be_is_refused(ledger: Ledger) -> None:
    with pytest.raises(InvalidValue, match="valid_to"):
        await keep(ledger, lives("Oslo", since=5, until=5))
    with pytest.raises(InvalidValue, match="importance"):
        await keep(ledger, replace(lives("Oslo"), importance=1.5))


async def test_another_tenants_fact_is_not_there(ledger: Ledger) -> None:
    mine = await keep(ledger, replace(lives("Oslo"), tenant="acme"))
    with pytest.raises(NotFound):
        await ledger.read(lambda tx: facts.one(tx, "local", mine))
    assert not await ledger.write(lambda tx: facts.retire(tx, "local", mine))
    assert await true(ledger, 5) == []
    with pytest.raises(NotFound):
        await keep(ledger, replace(lives("Rome"), passages=(Passage(f"fact:{mine}"),)))


async def test_what_changed_since_is_told_with_what_took_its_place(ledger: Ledger, clock: ManualClock) -> None:
    await single(ledger)
    await keep(ledger, lives("Oslo", since=100))
    gone = await keep(ledger, Claim(scope="team", subject="bob", text="is ill", label=USER))
    ends = await keep(ledger, Claim(scope="team", subject="eve", text="is away", label=USER, valid_to=1500))
    clock.advance(100)
    await keep(ledger, Claim(scope="team", subject="new", text="came later and went", label=USER, valid_to=1200))
    await keep(ledger, lives("Lyon", since=1050))
    await ledger.write(lambda tx: facts.retire(tx, "local", gone))
    clock.advance(1000)
    found = await ledger.read(lambda tx: facts.changed_since(tx, "local", ["team"], 1000))
    told = [(one.fact.subject, one.how, [by.object for by in one.by]) for one in found]
    assert sorted(told) == [("anna", "superseded", ["Lyon"]), ("bob", "retired", []), ("eve", "ended", [])]
    assert found[-1].fact.id == ends
    assert await ledger.read(lambda tx: facts.changed_since(tx, "acme", ["team"], 1000)) == []


async def test_what_was_buried_is_not_learnt_again_in_other_case_or_from_its_source(ledger: Ledger) -> None:
    await ledger.write(lambda tx: tombstones.bury(tx, "local", ["Lives in Oslo!"], ["message:msg_1"]))
    with pytest.raises(Forgotten):
        await keep(ledger, lives("oslo"))
    with pytest.raises(Forgotten):
        await keep(ledger, lives("Rome", EXTERNAL))
    await keep(ledger, lives("Rome"))
    await keep(ledger, replace(lives("Oslo"), tenant="acme"))
