"""Live output: what a model says is heard as it comes, in its place among the events."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

import baton.live as live
from baton import Agent, Baton, RunHandle
from baton.agents import Mind, OpenAIModel, SimulatedServer
from baton.agents.simulated import Answer, Conversation, Fault, Faults
from baton.live import Piece
from support import PATIENCE, soon
from support.minds import Says
from support.office import SERIAL

TEXT = "The order has been refunded, and the customer was told so in a short and friendly mail."


def says(text: str) -> Mind:
    def answer(conversation: Conversation) -> Answer:
        return Answer(text=f"{text} ({len(conversation.body['messages'])})")

    return Says(answer)


@contextlib.asynccontextmanager
async def talking(folder: Path, mind: Mind, faults: Faults | None = None) -> AsyncGenerator[Baton]:
    async with (
        SimulatedServer(mind, faults=faults) as server,
        OpenAIModel(base_url=server.base_url, api_key="simulated", retries=SERIAL) as model,
        Baton(agents=[Agent("keeper")], database=folder / "b.db", model=model) as baton,
    ):
        yield baton


async def heard(baton: Baton, run: RunHandle, *said: str) -> list[str]:
    """What comes of messages: the text of each piece, `|` for a beginning, `=TEXT` for what is recorded."""
    seen, found = await run.seen(), list[str]()
    baton.live.expect()
    for text in said:
        await run.message(text)
    async with asyncio.timeout(PATIENCE):
        async for one in run.live(seen):
            if isinstance(one, Piece):
                found.append(one.text or "|")
            elif one.event.kind == "model.answered":
                found.append(f"={one.text}")
    return found


async def test_a_turn_is_heard_piece_by_piece_before_it_is_recorded(tmp_path: Path) -> None:
    async with talking(tmp_path, says(TEXT)) as baton:
        run = await baton.converse()
        begun, *pieces, recorded = await heard(baton, run, "hello")
        assert begun == "|"
        assert len(pieces) > 5
        assert f"={''.join(pieces)}" == recorded
        assert recorded.startswith(f"={TEXT}")


async def test_the_next_turn_is_heard_after_the_event_of_the_last(tmp_path: Path) -> None:
    async with talking(tmp_path, says(TEXT)) as baton:
        run = await baton.converse()
        await heard(baton, run, "one")
        again = await heard(baton, run, "two")
        assert again[0] == "|"
        assert [one[0] for one in again].count("=") == 1
        assert f"={''.join(again[1:-1])}" == again[-1]


async def test_a_stream_that_broke_begins_again(tmp_path: Path) -> None:
    faults = Faults(schedule=[Fault.CUT])
    async with talking(tmp_path, says(TEXT), faults) as baton:
        run = await baton.converse()
        found = await heard(baton, run, "hello")
        assert found.count("|") == 2
        last = len(found) - 1 - found[::-1].index("|")
        assert last > 1  # something had come before
        assert f"={''.join(found[last + 1 : -1])}" == found[-1]


async def test_who_listens_later_hears_what_was_said_before(tmp_path: Path) -> None:
    faults = Faults(schedule=[Fault.SLOW], pause=0.02)
    async with talking(tmp_path, says(TEXT), faults) as baton:
        run = await baton.converse()
        seen = await run.seen()
        with baton.live.listen() as ear:
            await run.message("hello")
            said = ""
            while len(said) < 20:
                await soon(ear.wait())
                said += "".join(piece.text for piece in ear.take())
            later = [one async for one in run.live(seen)]
        pieces = [one for one in later if isinstance(one, Piece)]
        assert pieces[1].text.startswith(said[:20])
        assert "".join(piece.text for piece in pieces).startswith(TEXT)


async def test_nothing_is_streamed_where_nobody_listens(tmp_path: Path) -> None:
    async with talking(tmp_path, says(TEXT)) as baton:
        assert baton.live.of((await baton.converse()).id, 1) is None
        run = await baton.converse()
        await run.message("hello")
        await soon(run.settled())
        with baton.live.listen() as ear:
            assert ear.take() == []
        baton.live.expect(0.01)
        assert baton.live.of(run.id, 2) is not None
        await asyncio.sleep(0.02)
        assert baton.live.of(run.id, 2) is None


@pytest.mark.parametrize("text", [TEXT, 'ü😀"' * 2000], ids=["short", "long"])
async def test_on_postgres_a_run_is_heard_that_is_at_work_in_another_process(postgres_url: str, text: str) -> None:
    async with (
        SimulatedServer(says(text)) as server,
        OpenAIModel(base_url=server.base_url, api_key="simulated", retries=SERIAL) as model,
        Baton(agents=[Agent("keeper")], database=postgres_url, model=model),
        Baton(agents=[Agent("keeper")], database=postgres_url, dispatch=False) as elsewhere,
    ):
        async with asyncio.timeout(PATIENCE):
            while True:  # until both have connected
                run = await elsewhere.converse()
                found = await heard(elsewhere, run, "hello")
                if len(found) > 1:
                    break
        begun, *pieces, recorded = found
        assert begun == "|"
        assert len(pieces) > 5
        assert f"={''.join(pieces)}" == recorded


async def test_behind_a_lost_piece_nothing_comes_until_the_event_has_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "_MOST", 4)  # pieces that a slow listener may have waiting
    async with talking(tmp_path, says(TEXT), Faults(schedule=[Fault.SLOW], pause=0.01)) as baton:
        run = await baton.converse()
        seen = await run.seen()
        baton.live.expect()
        await run.message("hello")
        said, whole = "", ""
        async for one in run.live(seen):
            if isinstance(one, Piece):
                said += one.text
                await asyncio.sleep(0.1 if said else 0)  # the others come meanwhile
            elif one.event.kind == "model.answered":
                whole = one.text
        assert said
        assert whole.startswith(said) and said != whole
