"""`baton memory`: look at what the agents remember, see to it, and have things forgotten."""

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.text import Text

from baton.cli.fact_page import fact_line, fact_page, receipt_page
from baton.cli.opening import find_place, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import LOCAL_TENANT, FactId, InvalidValue, read_moment
from baton.handles import person
from baton.ledger import Fact, facts, suspicion
from baton.review.fact_record import explanation_json, receipt_json
from baton.review.record import fact_json

app = App(name="memory", help="Look at what the agents remember, and have things forgotten.")

Tenant = Annotated[str, Parameter(name="--tenant")]


@app.command(name="list")
async def list_(*, scope: str | None = None, tenant: Tenant = LOCAL_TENANT, common: Common = DEFAULTS) -> None:
    """List what is believed, oldest first.

    Args:
        scope: Only what is remembered in this scope.
        tenant: Whose.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        _show(screen, await ledger.read(lambda tx: facts.believed(tx, tenant, None if scope is None else [scope])))


@app.command
async def search(
    query: str,
    /,
    *,
    limit: int = 10,
    at: str | None = None,
    scope: str | None = None,
    tenant: Tenant = LOCAL_TENANT,
    common: Common = DEFAULTS,
) -> None:
    """Search what is believed, as agents do when they recall: the best fit first.

    Args:
        query: Words to look for.
        limit: How many at most.
        at: What was true at this time, such as 2026-11-23.
        scope: Only what is remembered in this scope.
        tenant: Whose.
        common: Options of every command.
    """
    from baton.memory import Memory

    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    when = None if at is None else read_moment(at, "UTC")
    async with to_look(place) as ledger:
        memory = Memory(ledger)
        try:
            everywhere = sorted({fact.scope for fact in await memory.believed(tenant=tenant)})
            scopes = everywhere if scope is None else [scope]
            found = await memory.recall(query, scopes, limit, tenant=tenant, at=when)
            _show(screen, [one.fact for one in found])
        finally:
            memory.close()


@app.command
async def show(fact: str, /, *, tenant: Tenant = LOCAL_TENANT, common: Common = DEFAULTS) -> None:
    """Show a fact with its times, its trust and its sources, whether it is still believed or not.

    Args:
        fact: The id, or the beginning of one.
        tenant: Whose.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        found = await ledger.read(lambda tx: facts.one(tx, tenant, facts.find(tx, tenant, fact)))
    screen.document(fact_json(found))
    screen.show(*fact_page(found))


@app.command
async def explain(fact: str, /, *, tenant: Tenant = LOCAL_TENANT, common: Common = DEFAULTS) -> None:
    """Say why a fact is believed: what it rests on, what rests on it, what it replaces or contradicts.

    Args:
        fact: The id, or the beginning of one.
        tenant: Whose.
        common: Options of every command.
    """
    from baton.memory import explained

    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        why = await ledger.read(lambda tx: explained(tx, tenant, facts.find(tx, tenant, fact)))
    screen.document(explanation_json(why))
    screen.show(*fact_page(why.fact, why))


@app.command
async def forget(
    *,
    fact: str | None = None,
    subject: str | None = None,
    source: str | None = None,
    scope: str | None = None,
    everything: bool = False,
    yes: bool = False,
    tenant: Tenant = LOCAL_TENANT,
    common: Common = DEFAULTS,
) -> None:
    """Forget for good, with all that was derived: in the record, the indexes and on the disk. Nothing brings it back.

    What is given is taken together: a subject and a scope forget what is about the subject in that scope.

    Args:
        fact: A fact, by its id or the beginning of one.
        subject: All that is about this subject.
        source: All that came from this source, such as message:msg_7k2m9x4tqp.
        scope: All that is remembered in this scope.
        everything: All that the tenant knows.
        yes: Do not ask.
        tenant: Whose.
        common: Options of every command.
    """
    from baton.ledger.forgetting import Wanted
    from baton.memory import Memory

    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        known = None if fact is None else await ledger.read(lambda tx: facts.find(tx, tenant, fact))
        wanted = Wanted(tenant=tenant, fact=known, subject=subject, source=source, scope=scope, everything=everything)
        wanted.check()
        if not (yes or (screen.asks and await _sure())):
            raise InvalidValue("forget", "", "--yes, as nothing brings it back")
        memory = Memory(ledger)
        try:
            receipt = await memory.forget(wanted, by=person())
        finally:
            memory.close()
    screen.document(receipt_json(receipt))
    screen.show(*receipt_page(receipt))


@app.command
async def quarantine(*ids: str, tenant: Tenant = LOCAL_TENANT, common: Common = DEFAULTS) -> None:
    """Set facts apart as suspect, with all that was derived from them: nobody is told them until they are released.

    Args:
        ids: Facts, by their ids or the beginnings of them.
        tenant: Whose.
        common: Options of every command.
    """
    await _apart(common, ids, tenant, release=False)


@app.command
async def release(*ids: str, tenant: Tenant = LOCAL_TENANT, common: Common = DEFAULTS) -> None:
    """Believe again what was set apart; these facts alone.

    Args:
        ids: Facts, by their ids or the beginnings of them.
        tenant: Whose.
        common: Options of every command.
    """
    await _apart(common, ids, tenant, release=True)


@app.command
async def revoke(source: str, /, *, tenant: Tenant = LOCAL_TENANT, common: Common = DEFAULTS) -> None:
    """Stop believing whatever came from a source, with all that was derived from it; it stays on record.

    Args:
        source: Such as message:msg_7k2m9x4tqp or run:run_7k2m9x4tqp.
        tenant: Whose.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        gone = await ledger.write(lambda tx: suspicion.revoke(tx, tenant, source))
    screen.document({"retired": gone})
    screen.show(f"{len(gone)} facts are no longer believed." if gone else "Nothing believed came from there.")


@app.command
async def consolidate(*, tenant: Tenant = LOCAL_TENANT, common: Common = DEFAULTS) -> None:
    """Tidy up: outcomes of runs become episodes, what repeats is merged, threads of episodes are summed up.

    Args:
        tenant: Whose.
        common: Options of every command.
    """
    from baton.memory import Memory

    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        memory = Memory(ledger)
        try:
            done = await memory.consolidate(tenant=tenant)
        finally:
            memory.close()
    screen.document({"outcomes": done.outcomes, "merged": done.merged, "summaries": done.summaries})
    screen.show(f"{done.outcomes} outcomes learnt, {done.merged} facts merged, {done.summaries} threads summed up.")


@app.command
async def rebuild(*, common: Common = DEFAULTS) -> None:
    """Make the indexes anew from the record: words, and vectors where BATON_EMBEDDING_MODEL names a model.

    Args:
        common: Options of every command.
    """
    from baton.agents import embedder_of, endpoint
    from baton.memory import Memory

    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    embedder = embedder_of(endpoint())
    async with to_look(place) as ledger:
        memory = Memory(ledger, embedder=embedder)
        try:
            count = await memory.rebuild()
        finally:
            memory.close()
            if embedder is not None:
                await embedder.aclose()
    screen.document({"facts": count, "vectors": embedder.name if embedder else None})
    by = f"their words, and by vectors of {embedder.name}" if embedder else "their words"
    screen.show(f"{count} facts can be found by {by}.")


@app.command
async def export(file: Path, /, *, tenant: Tenant = LOCAL_TENANT, common: Common = DEFAULTS) -> None:
    """Write what is believed into a file of JSON lines.

    Args:
        file: Where to; it must not be there yet.
        tenant: Whose.
        common: Options of every command.
    """
    import json

    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        found = await ledger.read(lambda tx: facts.believed(tx, tenant))
    try:
        with file.open("x", encoding="utf-8") as out:
            out.writelines(json.dumps(fact_json(fact)) + "\n" for fact in found)
    except OSError as error:
        raise InvalidValue("file", str(file), f"a file that can be made ({error.strerror})") from error
    screen.document({"file": str(file), "facts": len(found)})
    screen.show(f"{len(found)} facts are in {file}.")


async def _apart(common: Common, ids: tuple[str, ...], tenant: str, *, release: bool) -> None:
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    act = suspicion.release if release else suspicion.quarantine
    async with to_look(place) as ledger:
        known: list[FactId] = [await ledger.read(lambda tx, id=id: facts.find(tx, tenant, id)) for id in ids]  # type: ignore[misc]
        changed = await ledger.write(lambda tx: act(tx, tenant, known))
    screen.document({"released" if release else "quarantined": changed})
    screen.show(f"{len(changed)} facts {'are believed again' if release else 'are set apart'}.")


async def _sure() -> bool:
    said = await asyncio.to_thread(input, "Nothing brings it back. Forget it? [y/N] ")
    return said.strip().lower().startswith("y")


def _show(screen: Screen, found: list[Fact]) -> None:
    screen.document({"facts": [fact_json(fact) for fact in found]})
    if not found:
        screen.show("Nothing is remembered that fits.")
    for fact in found:
        screen.show(Text.assemble(fact_line(fact)))
