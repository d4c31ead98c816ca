"""Limits at work: reserved before the world is touched, given back where nothing happened, never over-spent."""

import asyncio
from pathlib import Path

import pytest

from baton import Agent, Baton, Goal, tool
from baton.agents.simulated import Round
from baton.core import ManualClock, Ruling
from baton.ledger import archive, journal
from support import call, on_both, open_office, script, set_policy, soon, text_rows, tool_lines

DAILY = '@limit("cents <= 1000 per agent in 1d")'


class Till:
    """Counts payments; refuses those of 13."""

    def __init__(self, folder: Path) -> None:
        self.paid: list[int] = []
        self.policy = folder / "till.cedar"
        self.ready = asyncio.Event()
        self.ready.set()

    def agent(self, *rules: str, name: str = "clerk") -> Agent:
        @tool
        async def pay(cents: int) -> str:
            """Pay."""
            await self.ready.wait()
            if cents == 13:
                raise ValueError("thirteen is refused")
            self.paid.append(cents)
            return f"paid {cents}"

        return Agent(name, tools=[pay], policy=set_policy(self.policy.with_stem(name), *rules))


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path)


def permit(limit: str, action: str = "call", id: str = "small") -> str:
    return f'@id("{id}") {limit} permit (principal, action == Action::"{action}", resource is Tool::pay);'


def pays(*cents: int) -> list[Round]:
    return [[call("pay", cents=each)] for each in cents]


async def finished(baton: Baton, goal: str | Goal = "go") -> list[str]:
    run = await baton.submit(goal)
    await soon(run.settled())
    return await tool_lines(run)


@on_both
async def test_a_limit_holds_over_runs_and_says_why_it_stops(database: str, till: Till) -> None:
    async with open_office(database, [till.agent(permit(DAILY))], script(*pays(600))) as baton:
        assert await finished(baton) == ["paid 600"]
        (told,) = await finished(baton)
    assert till.paid == [600]
    assert told == "denied: the limit of cents <= 1000 per agent in 1d has no room: 600 of 1000 used"


@on_both
async def test_a_window_passes(database: str, till: Till) -> None:
    clock = ManualClock()
    async with open_office(database, [till.agent(permit(DAILY))], script(*pays(600)), clock=clock) as baton:
        await finished(baton)
        clock.advance(86_401)
        assert await finished(baton) == ["paid 600"]
    assert till.paid == [600, 600]


@on_both
async def test_calls_at_the_same_moment_never_take_more_than_there_is(database: str, till: Till) -> None:
    """All are judged while nothing is spent; only as many as fit are carried out."""
    till.ready.clear()
    async with open_office(database, [till.agent(permit(DAILY))], script(*pays(300))) as baton:
        runs = [await baton.submit("go") for _ in range(12)]
        await asyncio.sleep(0.5)
        till.ready.set()
        results = [await soon(run.settled()) for run in runs]
        spent = await text_rows(baton.ledger, "SELECT sum(amount) FROM spending")
    assert till.paid == [300] * 3
    assert len(results) == 12
    assert int(spent[0][0]) == 900 * 10_000


@on_both
async def test_calls_of_one_answer_count_together(database: str, till: Till) -> None:
    several = [call("pay", cents=400) for _ in range(4)]
    ask = permit("", "call_with_approval", "ask")
    async with open_office(database, [till.agent(permit(DAILY), ask)], script(several)) as baton:
        run = await baton.submit("go")
        await soon(run.settled())
        reviews = await baton.reviews.waiting([run.id])
        assert till.paid == [400, 400]
        assert [review.verdict.rules for review in reviews] == [("ask",)]
        assert "has no room: 800 of 1000 used" in reviews[0].verdict.reason


@on_both
async def test_what_did_not_happen_is_given_back(database: str, till: Till) -> None:
    rule = permit('@limit("calls <= 1 per agent in 1d")')
    async with open_office(database, [till.agent(rule)], script(*pays(13, 500))) as baton:
        lines = await finished(baton)
    assert lines == ["error: thirteen is refused", "paid 500"]


@on_both
async def test_an_approved_call_is_charged_when_it_runs(database: str, till: Till) -> None:
    rule = permit(DAILY, "call_with_approval")
    async with open_office(database, [till.agent(rule)], script(*pays(700))) as baton:
        first, second = await baton.submit("go"), await baton.submit("go")
        for run in (first, second):
            await soon(run.settled())
        waiting = await baton.reviews.waiting()
        assert len(waiting) == 2  # nothing is spent yet: both may be asked about
        for review in waiting:
            await baton.approve(review.id, by="ann")
        for run in (first, second):
            await soon(run.result())
        lines = [line for run in (first, second) for line in await tool_lines(run)]
    assert till.paid == [700]
    assert sum("ann approved it, but the limit of cents" in line for line in lines) == 1


@on_both
async def test_a_name_shares_a_limit_between_rules_and_a_user_has_his_own(database: str, till: Till) -> None:
    shared = '@limit("pot: calls <= 1 per user")'
    rules = [
        permit(shared).replace(";", " when { resource.args.cents < 100 };"),
        permit(shared, id="large").replace(";", " when { resource.args.cents >= 100 };"),
    ]
    async with open_office(database, [till.agent(*rules)], script(*pays(50, 500))) as baton:
        assert [line[:6] for line in await finished(baton, Goal("go", requester="ann"))] == ["paid 5", "denied"]
        assert [line[:6] for line in await finished(baton, Goal("go", requester="bob"))] == ["paid 5", "denied"]
    assert till.paid == [50, 50]


@on_both
async def test_tokens_are_counted_by_model_calls(database: str, till: Till) -> None:
    rule = permit('@limit("tokens <= 3000 per agent in 1d")')
    async with open_office(database, [till.agent(rule)], script(*pays(1, 2, 3))) as baton:
        lines = await finished(baton)
        used = await text_rows(baton.ledger, "SELECT sum(prompt_tokens + completion_tokens) FROM model_calls")
        counted = await text_rows(baton.ledger, "SELECT sum(amount) / 10000 FROM spending")
    assert lines[0] == "paid 1"
    assert "the limit of tokens <= 3000 per agent in 1d has no room" in lines[-1]
    assert int(counted[0][0]) == used[0][0]


@on_both
async def test_a_permit_without_a_limit_goes_before_one_that_is_charged(database: str, till: Till) -> None:
    free = permit("", id="free").replace(";", " when { resource.args.cents < 10 };")
    async with open_office(database, [till.agent(permit(DAILY), free)], script(*pays(5))) as baton:
        await finished(baton)
        found = await baton.ledger.read(lambda tx: tx.connection.exec_driver_sql("SELECT id FROM actions").scalar_one())
        verdict = (await baton.ledger.read(lambda tx: journal.proposal(tx, found))).verdict
        assert (verdict.ruling, verdict.rules, verdict.charges) == (Ruling.ALLOW, ("free",), ())


@on_both
async def test_a_run_that_keeps_asking_is_stopped(database: str, till: Till) -> None:
    ask = permit("", "call_with_approval", "ask")
    agent = till.agent(ask)
    strict = Agent(agent.name, tools=agent.tools, policy=agent.policy, open_questions=2)
    async with open_office(
        database, [strict], script([call("pay", cents=each) for each in (1, 2, 3)], *pays(4))
    ) as baton:
        run = await baton.submit("go")
        result = await soon(run.settled())
        kinds = sorted(review.kind for review in result.reviews)
        assert kinds == ["action", "action", "trouble"]
        lines = await tool_lines(run)
        assert "2 questions of this run wait for people" in lines[2]
        (trouble,) = [review for review in result.reviews if review.kind == "trouble"]
        assert "keeps asking" in trouble.question["summary"]
        for review in result.reviews:
            await baton.approve(review.id, by="ann")
        await soon(run.settled())
    assert till.paid[:2] == [1, 2]


@on_both
async def test_an_archived_run_still_counts_for_its_agent(database: str, till: Till, tmp_path: Path) -> None:
    both = '@limit("cents <= 1000 per agent in 30d; calls <= 5 per run")'
    clock = ManualClock()
    async with open_office(database, [till.agent(permit(both))], script(*pays(600)), clock=clock) as baton:
        await finished(baton)
        clock.advance(86_400)
        assert "has no room" in (await finished(baton))[0]  # and is the newest, which is never archived
        done = await archive.archive(baton.ledger, clock.now() - 3600, tmp_path / "old.jsonl")
        left = await text_rows(baton.ledger, "SELECT account FROM spending")
        assert (done.deleted, left) == (1, [("small/cents/agent=clerk",)])
        assert "has no room" in (await finished(baton))[0]
