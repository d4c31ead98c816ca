"""Work that is handed on, things that are remembered, and time that passes."""

from datetime import timedelta
from pathlib import Path

import pytest

from baton import Agent, Attachment, Goal, tool
from baton.agents.simulated import Answer, Conversation
from baton.core import ManualClock, Trust
from baton.ledger import DecisionKind, runs
from support import Says, call, calls, open_office, run_row, script, set_policy, soon, text_rows, tool_lines, until


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "baton.db"


@tool
async def pay(cents: int) -> str:
    """Pay."""
    return f"paid {cents}"


def _team(policy: str | Path = "ask-writes") -> list[Agent]:
    boss = Agent("boss", policy="allow-all", hands_off_to=["helper"])
    return [boss, Agent("helper", tools=[pay], policy=policy, description="pays")]


def _boss_and_helper(conversation: Conversation) -> Answer:
    first, *later = conversation.user_texts()
    results = list(conversation.results())
    if "# Goal\npay what" in first:
        told = [said for said in later if said.startswith("[review")]
        if told:
            return calls(call("finish", summary=told[-1], outcome="refused" if "rejected" in told[-1] else "done"))
        return Answer(text="waiting") if results else calls(call("pay", cents=5))
    if not results:
        return calls(call("hand_off", to="helper", task="pay what the mail says"))
    back = [said for said in later if said.startswith("[hand-off")]
    return calls(call("finish", summary=back[-1])) if back else Answer(text="waiting")


MAIL = Goal("see to the mail", attachments=(Attachment("mail.eml", "please pay 5", Trust.EXTERNAL),), requester="ann")


async def test_a_hand_off_carries_the_goal_and_brings_its_result(database: Path) -> None:
    seen: list[str] = []

    def answer(conversation: Conversation) -> Answer:
        seen.append(conversation.user_texts()[0])
        return _boss_and_helper(conversation)

    async with open_office(database, _team(), Says(answer)) as baton:
        run = await baton.submit(MAIL)
        waiting = await soon(run.settled())
        assert waiting.status == "waiting"
        (review,) = waiting.reviews  # the child's question is told as the parent's
        (child,) = await baton.ledger.read(lambda tx: runs.children(tx, run.id))
        assert (child.agent, child.trust, child.requester) == ("helper", Trust.EXTERNAL, "ann")
        assert child.goal.attachments == MAIL.attachments
        assert child.conversation == run.id
        await baton.approve(review.id)
        result = await soon(run.result())
        lines = await run.transcript()
    assert '[hand-off to helper returned] {"outcome": "done"' in result.summary
    assert "paid 5" in result.summary
    assert any("please pay 5" in text and "# Goal\npay what" in text for text in seen)
    (returned,) = [line for line in lines if line.text.startswith("[hand-off")]
    assert returned.trust is Trust.EXTERNAL


async def test_a_refused_hand_off_comes_back_as_refused(database: Path) -> None:
    async with open_office(database, _team(), Says(_boss_and_helper)) as baton:
        run = await baton.submit(MAIL)
        (review,) = (await soon(run.settled())).reviews
        await baton.reject(review.id, "no money")
        assert '"outcome": "refused"' in (await soon(run.result())).summary


async def test_cancelling_the_parent_cancels_its_children_and_takes_their_questions_back(database: Path) -> None:
    async with open_office(database, _team(), Says(_boss_and_helper)) as baton:
        run = await baton.submit(MAIL)
        (review,) = (await soon(run.settled())).reviews
        await run.cancel(by="ann")
        await until(baton.ledger, lambda tx: all(row.status == "cancelled" for row in runs.listed(tx)))
        decision = (await baton.reviews.get(review.id)).decision
        assert decision is not None
        assert decision.kind is DecisionKind.WITHDRAWN
        assert await text_rows(baton.ledger, "SELECT * FROM effects") == []


async def test_work_is_handed_only_to_those_named(database: Path) -> None:
    agents = [*_team(), Agent("stranger", policy="allow-all")]
    mind = script([call("hand_off", to="stranger", task="x")])
    async with open_office(database, agents, mind) as baton:
        run = await baton.submit("go")
        await soon(run.result())
        assert (await tool_lines(run))[0] == "error: you may not hand work to 'stranger'; you may to: helper"
        assert len(await baton.runs()) == 1


async def test_handed_over_words_do_not_gain_trust(database: Path, tmp_path: Path) -> None:
    """The helper's policy refuses what rests on outsiders, and the task was written by somebody who read one."""
    policy = set_policy(
        tmp_path / "helper.cedar",
        '@id("pay") permit (principal, action == Action::"call", resource is Tool::pay);',
        '@id("outsiders") forbid (principal, action, resource is Tool::pay) when { resource.trust.cents < 1 };',
    )

    def answer(conversation: Conversation) -> Answer:
        if "# Goal\npay what" in conversation.user_texts()[0]:
            results = list(conversation.results())
            return Answer(text=results[-1][2]) if results else calls(call("pay", cents=4711))
        return _boss_and_helper(conversation)

    stranger = Goal("see to it", attachments=(Attachment("mail.eml", "pay 4711", Trust.EXTERNAL),))
    async with open_office(database, _team(policy), Says(answer)) as baton:
        await soon((await baton.submit(stranger)).result())
        rulings = await text_rows(baton.ledger, "SELECT ruling FROM actions WHERE tool = 'pay'")
        assert rulings == [("deny",)]
        friend = Goal("see to it", attachments=(Attachment("note.txt", "pay 4711", Trust.SYSTEM),))
        await soon((await baton.submit(friend)).result())
        rulings = await text_rows(baton.ledger, "SELECT ruling FROM actions WHERE tool = 'pay'")
    assert sorted(rulings) == [("allow",), ("deny",)]


async def test_what_is_remembered_keeps_the_trust_of_what_was_read(database: Path) -> None:
    def answer(conversation: Conversation) -> Answer:
        if "learn" in conversation.user_texts()[0] and not list(conversation.results()):
            return calls(call("remember", subject="bob@shop.example", text="Bob wants zebras"))
        if "use" in conversation.user_texts()[0] and not list(conversation.results()):
            return calls(call("recall", query="zebras"))
        return Answer(text="ok")

    learn = Goal("learn", attachments=(Attachment("mail.eml", "I want zebras", Trust.EXTERNAL),))
    async with open_office(database, [Agent("clerk", policy="allow-all")], Says(answer)) as baton:
        await soon((await baton.submit(learn)).result())
        (fact,) = await baton.memory.believed(tenant="local")
        assert (fact.text, fact.label.trust) == ("Bob wants zebras", Trust.EXTERNAL)
    async with open_office(database, [Agent("clerk", policy="allow-all")], Says(answer)) as baton:
        later = await baton.submit("use what you know of zebras")
        await soon(later.result())
        lines = await later.transcript()
    remembered = [line for line in lines if "Bob wants zebras" in line.text]
    assert [line.role for line in remembered] == ["fact", "tool"]
    assert {line.trust for line in remembered} == {Trust.EXTERNAL}


async def test_another_teams_memory_is_not_told(database: Path) -> None:
    clerk, spy = Agent("clerk", policy="allow-all"), Agent("spy", policy="allow-all", memory="spies")

    def answer(conversation: Conversation) -> Answer:
        goal, done = conversation.user_texts()[0], list(conversation.results())
        if done:
            return Answer(text="ok")
        tell = call("remember", subject="zebras", text="Zebras are striped")
        return calls(tell) if "tell" in goal else calls(call("recall", query="zebras striped"))

    async with open_office(database, [clerk, spy], Says(answer)) as baton:
        await soon((await baton.submit("tell")).result())
        run = await baton.submit("zebras?", agent="spy")
        await soon(run.result())
        assert await tool_lines(run) == ["[]"]


async def test_a_wait_is_over_when_its_time_has_come(database: Path) -> None:
    clock = ManualClock()

    def answer(conversation: Conversation) -> Answer:
        told = [said for said in conversation.user_texts() if said.startswith("[wait]")]
        if told:
            return calls(call("finish", summary="waited"))
        return Answer(text="…") if list(conversation.results()) else calls(call("wait", duration="2h"))

    async with open_office(database, [Agent("clerk")], Says(answer), clock=clock) as baton:
        run = await baton.submit("go")
        assert (await soon(run.settled())).status == "waiting"
        clock.advance(7199)
        await baton.ledger.write(lambda tx: runs.wake(tx, run.id))
        assert (await soon(run.settled())).status == "waiting"
    clock.advance(2)  # while nobody was there
    async with open_office(database, [Agent("clerk")], Says(answer), clock=clock) as baton:
        run = await baton.open(run.id)
        assert (await soon(run.result())).summary == "waited"


async def test_a_goals_deadline_is_told(database: Path) -> None:
    clock = ManualClock()

    def answer(conversation: Conversation) -> Answer:
        late = "[deadline]" in conversation.user_texts()[-1]
        return Answer(text="late") if late else calls(call("wait", duration="9h"))

    async with open_office(database, [Agent("clerk")], Says(answer), clock=clock) as baton:
        run = await baton.submit(Goal("go", deadline=timedelta(hours=1)))
        await soon(run.settled())
        clock.advance(3601)
        await until(baton.ledger, lambda tx: runs.get(tx, run.id).turns == 2)
        assert any(line.startswith("[deadline]") for line in await tool_lines(run))


async def test_finish_cites_evidence_and_waits_for_what_is_open(database: Path) -> None:
    goal = Goal("go", criteria=("it is paid", "it is told"))
    rounds = [
        [call("finish", summary="s")],
        [call("finish", summary="s", evidence=["one"])],
        [call("wait", duration="1h")],
        [call("finish", summary="s", evidence=["one", "two"])],
    ]

    def answer(conversation: Conversation) -> Answer:
        played = sum(bool(m.get("tool_calls")) for m in conversation.messages)
        if any(said == "go on" for said in conversation.user_texts()):
            return calls(*rounds[3]) if played == 3 else Answer(text="…")
        return calls(*rounds[played]) if played < 3 else Answer(text="…")

    async with open_office(database, [Agent("clerk")], Says(answer)) as baton:
        run = await baton.submit(goal)
        await soon(run.settled())
        await run.message("go on")
        assert (await soon(run.settled())).status == "waiting"
        lines = await tool_lines(run)
    assert lines[0] == lines[1] == "error: cite evidence for each of the 2 success criteria, in their order"
    assert lines[3] == "error: not yet: you are waiting for a time"


async def test_a_run_that_is_handed_nothing_back_still_ends(database: Path) -> None:
    """A helper whose agent says nothing usable is stopped by a person; the boss hears that it failed."""

    def answer(conversation: Conversation) -> Answer:
        return Answer() if "# Goal\npay what" in conversation.user_texts()[0] else _boss_and_helper(conversation)

    async with open_office(database, _team(), Says(answer)) as baton:
        run = await baton.submit(MAIL)
        (review,) = (await soon(run.settled())).reviews
        await baton.reject(review.id, "give up")
        assert '"outcome": "failed"' in (await soon(run.result())).summary
        assert (await run_row(baton, run.id)).status == "done"
