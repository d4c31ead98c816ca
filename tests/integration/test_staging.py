"""Windows in which actions take effect, and actions that can be recalled until they do."""

from pathlib import Path

import pytest

from baton import Baton, RunHandle
from baton.agents.simulated import Answer, Conversation
from baton.core import Calendar, Conflict, InvalidValue, ManualClock, NotFound, RunFailed
from baton.graph.open_matters import open_matters
from baton.ledger import ReviewKind, Transaction, mail, reviews, stays, transcript
from support import Says, call, calls, on_both, open_office, script, set_policy, soon, text_rows, tool_lines, until
from support.staged import FRIDAY, MONDAY, OFFICE, Outbox, held, opens_on_monday, patient


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(FRIDAY)


@on_both
async def test_outside_its_window_an_action_waits_until_it_opens(database: str, clock: ManualClock) -> None:
    box = Outbox(window="office")
    async with open_office(database, [box.agent()], patient(), clock=clock, windows={"office": OFFICE}) as baton:
        run, action = await opens_on_monday(baton, clock, box)
        assert (await soon(run.result())).summary == f"[send {action}] sent to bob"
        kinds = [event.kind async for event in run.events()]
    assert box.sent == ["bob"]
    assert kinds.index("action.postponed") < kinds.index("action.due") < kinds.index("effect.claimed")


async def test_within_its_window_it_takes_effect_at_once(tmp_path: Path, clock: ManualClock) -> None:
    box = Outbox(window=OFFICE)
    clock.advance(-3600.0)
    async with open_office(tmp_path / "b.db", [box.agent()], patient(), clock=clock) as baton:
        assert (await soon((await baton.submit("go")).result())).summary == "sent to bob"
        assert await baton.shared.staged() == []


@on_both
async def test_what_can_be_recalled_goes_out_once_its_time_has_come(database: str, clock: ManualClock) -> None:
    box = Outbox(recall="10m")
    async with open_office(database, [box.agent()], patient(), clock=clock) as baton:
        run, _ = await held(baton)
        clock.advance(599.0)
        await baton.ledger.write(lambda tx: None)
        assert box.sent == []
        clock.advance(1.0)
        await soon(run.result())
    assert box.sent == ["bob"]


@on_both
async def test_a_person_recalls_it_and_it_never_happens(database: str, clock: ManualClock) -> None:
    box = Outbox(recall="10m")
    async with open_office(database, [box.agent()], patient(), clock=clock) as baton:
        run, action = await held(baton)
        await baton.shared.recall(action[:14], by="ann", note="wrong address")
        assert (
            await soon(run.result())
        ).summary == f"[send {action} recalled by ann] It does not happen. wrong address"
        clock.advance(3600.0)
        with pytest.raises(Conflict, match="ann has recalled it"):
            await baton.shared.release(action, by="bob")
        assert await text_rows(baton.ledger, "SELECT count(*) FROM effects") == [(0,)]
    assert box.sent == []


async def test_a_person_lets_it_go_at_once_also_outside_its_window(tmp_path: Path, clock: ManualClock) -> None:
    box = Outbox(recall="10m", window=OFFICE)
    clock.advance(3600.0)
    async with open_office(tmp_path / "b.db", [box.agent()], patient(), clock=clock) as baton:
        run, action = await held(baton)
        (stay,) = await baton.shared.staged()
        assert stay.until == MONDAY and stay.kind == "recall"
        await baton.shared.release(action, by="ann")
        await soon(run.result())
        with pytest.raises(Conflict, match="its time has come"):
            await baton.shared.recall(action, by="ann")
    assert box.sent == ["bob"]


async def test_its_agent_takes_it_back(tmp_path: Path, clock: ManualClock) -> None:
    box = Outbox(recall="10m")

    def answer(conversation: Conversation) -> Answer:
        results = list(conversation.results())
        if not results:
            return calls(call("send", to="bob"))
        if len(results) == 1:
            action = results[0][2].split('action="')[1].split('"')[0]
            return calls(call("recall_action", action=action, reason="wrong"))
        return calls(call("finish", summary=results[-1][2]))

    async with open_office(tmp_path / "b.db", [box.agent()], Says(answer), clock=clock) as baton:
        run = await baton.submit("go")
        await soon(baton.until(lambda tx: stays.listed(tx) or None))
        await baton.ledger.write(lambda tx: None)
        await run.say("think again")
        assert (await soon(run.result())).summary == "recalled: send does not happen"
        clock.advance(3600.0)
    assert box.sent == []


@pytest.mark.parametrize("recalled", [False, True])
async def test_a_second_word_to_go_on_changes_nothing(tmp_path: Path, clock: ManualClock, recalled: bool) -> None:
    box = Outbox(recall="10m")

    def answer(conversation: Conversation) -> Answer:
        played = any(message.get("tool_calls") for message in conversation.messages)
        return Answer(text="I wait.") if played else calls(call("send", to="bob"), call("wait_for", event="never"))

    async with open_office(tmp_path / "b.db", [box.agent()], Says(answer), clock=clock) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
        (stay,) = await baton.shared.staged()
        if recalled:
            await baton.shared.recall(stay.action, by="ann")
        clock.advance(600.0)
        before = await lines_from(baton, run, 3)
        await soon(run.settled())
        await baton.ledger.write(lambda tx: mail.post(tx, run.id, "go", sender="baton", ref=stay.action))
        await soon(run.settled())
        after = await tool_lines(run)
    assert box.sent == ([] if recalled else ["bob"])
    assert after[:3] == before and (len(after) == 3 or "ann recalled it" in after[3])


async def lines_from(baton: Baton, run: RunHandle, many: int) -> list[str]:
    """What the agent was told, once it is so much."""

    def told(tx: Transaction) -> list[str] | None:
        lines = [line.text for line in transcript.read(tx, run.id, 100) if line.role in ("tool", "notice")]
        return lines if len(lines) >= many else None

    return await until(baton.ledger, told)


async def test_a_run_ends_not_while_something_is_held_up_and_its_cancel_drops_that(
    tmp_path: Path, clock: ManualClock
) -> None:
    box = Outbox(recall="10m")
    mind = script([call("send", to="bob"), call("finish", summary="early")])
    async with open_office(tmp_path / "b.db", [box.agent()], mind, clock=clock) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
        assert (await tool_lines(run))[1] == "error: not yet: another call of this answer is pending"
        await run.cancel()
        with pytest.raises(RunFailed, match="cancelled"):
            await soon(run.result())
        assert await baton.shared.staged() == []
        clock.advance(3600.0)
        await baton.ledger.write(lambda tx: None)
    assert box.sent == []


async def test_what_people_approved_is_held_up_too_and_goes_out_as_approved(tmp_path: Path, clock: ManualClock) -> None:
    box = Outbox(recall="10m")
    policy = set_policy(
        tmp_path / "p.cedar",
        '@id("ask") permit (principal, action == Action::"call_with_approval", resource is Tool::send);',
        '@id("free") permit (principal, action, resource) unless { resource is Tool::send };',
    )
    async with open_office(tmp_path / "b.db", [box.agent(policy)], patient(), clock=clock) as baton:
        run = await baton.submit("go")
        review = (await soon(run.settled())).reviews[0].id
        await baton.approve(review, by="ann")
        stay = (await until(baton.ledger, stays.listed))[0]
        assert box.sent == []
        clock.advance(600.0)
        summary = (await soon(run.result())).summary
    assert box.sent == ["bob"] and stay.kind == "recall"
    assert summary == f"[review {review} approved by ann] send: sent to bob"


async def test_an_approval_that_lapses_while_it_is_held_up_is_none(tmp_path: Path, clock: ManualClock) -> None:
    box = Outbox(window=OFFICE)
    policy = set_policy(
        tmp_path / "p.cedar",
        '@id("ask") @valid("1h") permit (principal, action == Action::"call_with_approval", resource is Tool::send);',
        '@id("free") permit (principal, action, resource) unless { resource is Tool::send };',
    )
    async with open_office(tmp_path / "b.db", [box.agent(policy)], patient(), clock=clock) as baton:
        run = await baton.submit("go")
        await baton.approve((await soon(run.settled())).reviews[0].id, by="ann")
        await until(baton.ledger, stays.listed)
        clock.advance(MONDAY - FRIDAY)
        assert "lapsed" in ((await soon(run.result())).summary or "")
    assert box.sent == []


async def test_code_that_has_changed_meanwhile_stops_the_run_instead_of_sending(
    tmp_path: Path, clock: ManualClock
) -> None:
    old, new = Outbox(recall="10m"), Outbox(recall="10m", version="2")
    async with open_office(tmp_path / "b.db", [old.agent()], patient(), clock=clock) as baton:
        run, action = await held(baton)
        (matter,) = await baton.ledger.read(lambda tx: open_matters(tx, run.id))
        assert (matter.action.id, matter.how) == (action, "to do")
    clock.advance(600.0)
    async with open_office(tmp_path / "b.db", [new.agent()], patient(), clock=clock) as baton:
        (review,) = await until(baton.ledger, lambda tx: reviews.waiting(tx))
        assert review.kind is ReviewKind.TROUBLE
    assert old.sent == new.sent == []


async def test_a_window_that_never_opens_is_a_no(tmp_path: Path) -> None:
    box = Outbox(window=Calendar())
    async with open_office(tmp_path / "b.db", [box.agent()], patient()) as baton:
        summary = (await soon((await baton.submit("go")).result())).summary
    assert summary == "denied: the window in which send may take effect never opens"


async def test_what_is_not_held_up_is_told_as_such(tmp_path: Path) -> None:
    async with open_office(tmp_path / "b.db", [Outbox(recall=60).agent()], patient()) as baton:
        with pytest.raises(NotFound, match="no action that is held up 'act_x'"):
            await baton.shared.recall("act_x", by="ann")


def test_only_what_writes_can_be_recalled() -> None:
    with pytest.raises(InvalidValue, match="recall of tool send"):
        Outbox(recall="10m", effect="read")
    with pytest.raises(InvalidValue, match="duration"):
        Outbox(recall="soon")
