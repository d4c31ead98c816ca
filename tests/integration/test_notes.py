"""Shared notes: one document for a goal, in which nothing is lost, nothing rises in trust, and conflicts are shown."""

import asyncio
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton import Agent, Goal
from baton.agents.simulated import Answer, Conversation
from baton.core import (
    Attachment,
    Confidentiality,
    Conflict,
    Draft,
    Forgotten,
    InvalidValue,
    Label,
    Note,
    Notes,
    NotFound,
    RunId,
    Trust,
)
from baton.ledger import Claim, Ledger, archive, events, note_document, notes, runs
from baton.ledger.forgetting import Wanted
from support import Says, call, calls, on_both, open_office, script, soon, text_rows, tool_lines

USER = Label(Trust.USER)
WORDS = "the vault's word is Xylophone"


def clerk(**more: Any) -> Agent:
    return Agent("clerk", notes=True, policy="allow-all", **more)


async def opened(database: str) -> tuple[Ledger, RunId]:
    ledger = await Ledger.open(database)
    run, _ = await ledger.write(lambda tx: runs.create(tx, Goal("go"), "clerk"))
    return ledger, run


async def wrote(ledger: Ledger, run: RunId, *drafts: Draft, by: str = "ann", **more: Any) -> Sequence[Note]:
    label = more.pop("label", USER)
    return await ledger.write(lambda tx: notes.write(tx, run, drafts, by=by, label=label, **more))


async def shown(ledger: Ledger, run: RunId, version: int | None = None) -> Notes:
    return await ledger.read(lambda tx: notes.at_version(tx, run, version))


def texts(found: Notes, field: str) -> list[str]:
    return [one.text for one in found.fields[field]]


@on_both
async def test_values_that_nobody_has_seen_stand_as_a_conflict_until_one_replaces_them_all(database: str) -> None:
    ledger, run = await opened(database)
    await wrote(ledger, run, Draft(field="price", text="10"))
    await wrote(ledger, run, Draft(field="price", text="12"), by="bob", seen=0)
    found = await shown(ledger, run)
    assert (texts(found, "price"), found.disputed, found.version) == (["10", "12"], ("price",), 2)
    await wrote(ledger, run, Draft(field="price", text="12"), by="cat")
    settled = await shown(ledger, run)
    assert (texts(settled, "price"), settled.disputed) == (["12"], ())
    assert texts(await shown(ledger, run, 1), "price") == ["10"]
    assert texts(await shown(ledger, run, 2), "price") == ["10", "12"]
    assert [one.by for one in await ledger.read(lambda tx: notes.history(tx, run))] == ["ann", "bob", "cat"]
    with pytest.raises(InvalidValue, match="0 to 3"):
        await shown(ledger, run, 4)
    await ledger.close()


@on_both
async def test_what_is_trusted_less_replaces_nothing(database: str) -> None:
    ledger, run = await opened(database)
    await wrote(ledger, run, Draft(field="iban", text="DE1"))
    await wrote(ledger, run, Draft(field="iban", text="XX9"), by="clerk", label=Label(Trust.EXTERNAL))
    assert texts(await shown(ledger, run), "iban") == ["DE1", "XX9"]
    await wrote(ledger, run, Draft(field="iban", text="XX8"), by="clerk", label=Label(Trust.EXTERNAL))
    assert texts(await shown(ledger, run), "iban") == ["DE1", "XX8"]
    await ledger.close()


@on_both
async def test_folded_updates_keep_every_version_in_words(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "FOLD", 5)
    ledger, run = await opened(database)
    for number in range(12):
        await wrote(ledger, run, Draft(field="n", text=f"value {number}"), Draft(text=f"entry {number}"))
    assert await text_rows(ledger, "SELECT count(*) FROM note_updates") == [(2,)]
    for number in range(12):
        found = await shown(ledger, run, number + 1)
        assert texts(found, "n") == [f"value {number}"]
        assert [one.text for one in found.entries] == [f"entry {one}" for one in range(number + 1)]
    await ledger.close()


@on_both
async def test_an_agent_and_those_it_hands_work_to_share_notes_and_no_label_rises(database: str) -> None:
    """The helper reads a stranger's mail; what it notes of it is a stranger's word for whoever reads that."""

    def answer(conversation: Conversation) -> Answer:
        first, *later = conversation.user_texts()
        done = [name for name, _, _ in conversation.results()]
        if "# Goal\nhelp" in first:
            steps = [call("write_note", field="price", value="12"), call("finish", summary="noted")]
            return calls(steps[len(done)])
        if not done:
            return calls(call("write_note", text="begun"), call("hand_off", to="helper", task="help"))
        if any("returned]" in said for said in later) and "read_notes" not in done:
            return calls(call("read_notes"))
        if "read_notes" in done:
            return calls(call("finish", summary="ok"))
        return Answer(text="waiting")

    boss = clerk(hands_off_to=["helper"])
    helper = Agent("helper", notes=True, policy="allow-all")
    goal = Goal("see to it", attachments=[Attachment("mail", "price is 12")])
    async with open_office(database, [boss, helper], Says(answer)) as baton:
        run = await baton.submit(goal)
        await soon(run.result())
        found = await run.notes.show()
        (line,) = [line for line in await run.transcript() if line.role == "tool" and '"fields"' in line.text]
        written = await baton.ledger.read(lambda tx: events.latest(tx, run.id, "notes.written"))
    (price,) = found.fields["price"]
    assert (price.text, price.by, price.label.trust) == ("12", "helper", Trust.EXTERNAL)
    assert [(one.text, one.by) for one in found.entries] == [("begun", "clerk")]
    assert line.trust is Trust.EXTERNAL
    assert json.loads(line.text)["fields"]["price"]["trust"] == "external"
    assert len(written) == 1


@on_both
async def test_an_agent_does_not_write_over_a_persons_word(database: str) -> None:
    rounds = [call("read_notes")], [call("write_note", field="status", value="mine")]
    async with open_office(database, [clerk()], script(*rounds), dispatch=False) as baton:
        run = await baton.submit("go")
        await run.notes.set("status", "old", by="ann")
    async with open_office(database, [clerk()], script(*rounds)) as baton:
        run = await baton.open(run.id)
        await soon(run.result())
        assert texts(await run.notes.show(), "status") == ["old", "mine"]
        assert any("ann has written another" in text for text in await tool_lines(run))


async def test_what_came_since_an_agent_has_read_is_not_replaced_unless_it_settles(tmp_path: Path) -> None:
    ledger, run = await opened(str(tmp_path / "b.db"))
    agent = Label(Trust.AGENT)
    await wrote(ledger, run, Draft(field="x", text="1"), by="helper", label=agent, agent=True)
    await ledger.write(lambda tx: notes.note_read(tx, run, 1))
    other, _ = await ledger.write(lambda tx: runs.create(tx, Goal("go"), "other", conversation=run, parent=run))
    await wrote(ledger, other, Draft(field="x", text="2"), by="other", label=agent, agent=True)
    seen = await ledger.read(lambda tx: notes.seen_by(tx, run))
    await wrote(ledger, run, Draft(field="x", text="3"), by="helper", label=agent, agent=True, seen=seen)
    assert texts(await shown(ledger, run), "x") == ["2", "3"]
    await wrote(ledger, run, Draft(field="x", text="4"), by="helper", label=agent, agent=True, seen=None)
    assert texts(await shown(ledger, run), "x") == ["4"]
    await ledger.close()


@on_both
async def test_an_agent_waits_for_a_field_and_goes_on_once_it_is_written(database: str) -> None:
    mind = script([call("wait_for", event="notes.price")], [call("read_notes", fields=["price"])])
    async with open_office(database, [clerk()], mind) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
        await run.notes.set("other", "1", by="ann")
        assert (await soon(run.settled())).status == "waiting"
        await run.notes.set("price", "4711", by="ann")
        await soon(run.result())
        told = await tool_lines(run)
    assert any(text.startswith("[event notes.price") and "4711" not in text for text in told)
    assert '"says":"4711"' in told[-1]


@on_both
async def test_an_agent_that_waits_for_a_field_which_is_there_already_goes_on_at_once(database: str) -> None:
    mind = script([call("wait_for", event="notes.price")])
    async with open_office(database, [clerk()], mind, dispatch=False) as baton:
        run = await baton.submit("go")
        await run.notes.set("price", "12", by="ann")
    async with open_office(database, [clerk()], mind) as baton:
        run = await baton.open(run.id)
        await soon(run.result())
        assert "price has a value already" in (await tool_lines(run))[0]


@on_both
async def test_forgotten_words_are_in_no_note_and_are_not_written_again(database: str) -> None:
    mind = script([call("write_note", text=f"mind: {WORDS}")])
    async with open_office(database, [clerk()], mind) as baton:
        run = await baton.submit("go")
        await soon(run.result())
        await run.notes.set("word", WORDS, by="ann")
        await run.notes.set("word", "another", by="ann")
        await run.notes.add("harmless", by="ann")
        claim = Claim(scope="team", subject="vault", text=WORDS, label=USER)
        await baton.memory.remember(claim)
        receipt = await baton.memory.forget(Wanted(tenant="local", subject="vault"), by="ann")
        found, old = await run.notes.show(), await run.notes.show(2)
        with pytest.raises(Forgotten):
            await run.notes.add(WORDS, by="ann")
        held = await baton.ledger.read(lambda tx: notes.holding(tx, [b"Xylophone"]))
    assert (receipt.blotted["notes"], receipt.found, held) == (2, (), 0)
    assert [one.text for one in found.entries] == ["mind: [forgotten]", "harmless"]
    assert texts(old, "word") == ["[forgotten]"]
    assert texts(found, "word") == ["another"]
    folder = Path(database).parent
    if not database.startswith("postgresql"):
        files = [file for file in folder.rglob("*") if file.is_file()]
        assert [file.name for file in files if b"Xylophone" in file.read_bytes()] == []


@on_both
async def test_a_file_takes_notes_along_and_brings_what_was_written_back(database: str, tmp_path: Path) -> None:
    async with open_office(database, [clerk()], script(), dispatch=False) as baton:
        run = await baton.submit("go")
        await run.notes.set("status", "open", by="ann")
        mine, theirs = tmp_path / "mine.notes", tmp_path / "theirs.notes"
        for file in (mine, theirs):
            await run.notes.pull(file)
        from baton.noting import open_copy, write_offline

        write_offline(open_copy(mine), Draft(field="status", text="sent"), mine)
        write_offline(open_copy(mine), Draft(text="seen it"), mine)
        write_offline(open_copy(theirs), Draft(field="status", text="lost"), theirs)
        await run.notes.pull(mine)
        assert len(open_copy(mine).added) == 2, "what was not pushed stays"
        made = await run.notes.push(mine, by="ann")
        assert await run.notes.push(mine, by="ann") == []
        await run.notes.push(theirs, by="bob")
        found = await run.notes.show()
        assert (len(made), texts(found, "status"), found.disputed) == (2, ["sent", "lost"], ("status",))
        assert [one.by for one in found.fields["status"]] == ["ann", "bob"]
        other = await baton.submit("another")
        with pytest.raises(InvalidValue, match=run.id):
            await other.notes.push(mine)
        bad = tmp_path / "bad.notes"
        bad.write_bytes(b"no notes")
        with pytest.raises(InvalidValue):
            await run.notes.push(bad)
        with pytest.raises(NotFound):
            await run.notes.push(tmp_path / "none")


async def test_a_file_that_has_changed_what_was_written_is_refused(tmp_path: Path) -> None:
    ledger, run = await opened(str(tmp_path / "b.db"))
    (one,) = await wrote(ledger, run, Draft(text="it is so"))
    with pytest.raises(Conflict, match="otherwise"):
        await wrote(ledger, run, Draft(id=one.id, text="it is not so"))
    with pytest.raises(InvalidValue, match="replaces"):
        await wrote(ledger, run, Draft(field="x", text="1", replaces=("note_elsewhere",)))
    with pytest.raises(InvalidValue, match="values of the field"):
        await wrote(ledger, run, Draft(field="x", text="1", replaces=(one.id,)))
    assert len((await shown(ledger, run)).shown) == 1
    await ledger.close()


@pytest.mark.parametrize(
    "draft", [Draft(text=" "), Draft(text="a\0b"), Draft(field="a b", text="x"), Draft(text="x" * 20_001)]
)
async def test_what_cannot_be_kept_is_refused(tmp_path: Path, draft: Draft) -> None:
    ledger, run = await opened(str(tmp_path / "b.db"))
    with pytest.raises(InvalidValue):
        await wrote(ledger, run, draft)
    await ledger.close()


async def test_notes_of_runs_that_are_archived_go_with_them(tmp_path: Path) -> None:
    folder = tmp_path / "b.db"
    async with open_office(folder, [clerk()], script([call("write_note", text="kept in the file")])) as baton:
        run = await baton.submit("go")
        await soon(run.result())
        await soon((await baton.submit("later")).result())
        file = tmp_path / "old.jsonl"
        old = baton.ledger.clock.now() + 10
        await archive.archive(baton.ledger, old, file)
        left = await text_rows(baton.ledger, "SELECT id FROM note_documents")
        held = await baton.ledger.read(lambda tx: {one.id for one in runs.listed(tx)})
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert "kept in the file" in [line["row"]["text"] for line in lines if line["kind"] == "note"]
    assert {id for (id,) in left} <= held


def _update(number: int, draft: Draft) -> bytes:
    return note_document.update_of({f"note_{number}": draft}, number + 1)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_copies_that_got_the_same_updates_in_whatever_order_hold_the_same(data: st.DataObject) -> None:
    drafts = [Draft(field=data.draw(st.sampled_from([None, "a", "b"])), text=f"t{n}") for n in range(8)]
    updates = [_update(number, draft) for number, draft in enumerate(drafts)]
    orders = [data.draw(st.permutations(updates)) for _ in range(2)]
    doubled = [order + data.draw(st.lists(st.sampled_from(updates), max_size=5)) for order in orders]
    one, two = (note_document.read(order) for order in doubled)
    assert one == two == {f"note_{n}": replace(draft, id=f"note_{n}", replaces=()) for n, draft in enumerate(drafts)}
    cut = data.draw(st.integers(0, 8))
    joined = note_document.joined([note_document.joined(doubled[0][:cut]), *doubled[1]])
    assert note_document.read([joined]) == one


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_parties_that_write_at_once_lose_nothing_and_no_label_rises(data: st.DataObject) -> None:
    """Each party writes with what it has seen; what stands is the same as a plain model of it says."""
    steps = data.draw(
        st.lists(
            st.tuples(
                st.sampled_from(["ann", "bob", "clerk"]),
                st.sampled_from([Trust.USER, Trust.AGENT, Trust.EXTERNAL]),
                st.sampled_from(["a", "b"]),
                st.integers(0, 12),
            ),
            max_size=12,
        )
    )
    asyncio.run(_played(steps))


async def _played(steps: Sequence[tuple[str, Trust, str, int]]) -> None:
    folder = tempfile.TemporaryDirectory()
    ledger, run = await opened(f"{folder.name}/b.db")
    model: list[tuple[str, int, str, Trust, set[int]]] = []
    for number, (by, trust, field, seen) in enumerate(steps, 1):
        seen = min(seen, number - 1)
        label = Label(trust, confidentiality=Confidentiality.SECRET if trust is Trust.AGENT else Confidentiality.PUBLIC)
        await wrote(ledger, run, Draft(field=field, text=f"{number}"), by=by, label=label, seen=seen)
        model.append((field, number, by, trust, _heads([one for one in model if one[1] <= seen], field)))
    found = await shown(ledger, run)
    for field in {one[0] for one in model}:
        assert {int(one.text) for one in found.fields[field]} == _heads(model, field)
    every = await ledger.read(lambda tx: notes.history(tx, run))
    assert [(one.text, one.by, one.label.trust) for one in every] == [(str(n), by, t) for _, n, by, t, _ in model]
    await ledger.close()
    folder.cleanup()


def _heads(model: Sequence[tuple[str, int, str, Trust, set[int]]], field: str) -> set[int]:
    mine = [one for one in model if one[0] == field]
    trust = {one[1]: one[3] for one in mine}
    return {one[1] for one in mine} - {old for one in mine for old in one[4] if one[3] >= trust[old]}
