"""What else is asked about a call that a promise speaks of: further samples, a second model, the tool's own check."""

import re
from pathlib import Path
from typing import Any

import pytest

from baton import Agent, Baton, tool
from baton.agents.simulated import Answer, Conversation, SimulatedCall
from baton.core import Assessed, InvalidValue
from baton.ledger import journal
from support import Says, open_office, set_policy, soon

ALONE = (
    '@id("alone") @at_most("5%") permit (principal, action == Action::"call", resource is Tool::pay) '
    "when { resource.args.cents < 1000 };"
)
ASKED = '@id("asked") permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'


class Wavers:
    """A mind that pays 500 three times of four, else 400; as a judge it says what it is told to."""

    def __init__(self, judgement: str = "0.8") -> None:
        self.judgement = judgement
        self.asked: list[str] = []
        self.models: list[str] = []

    def answer(self, conversation: Conversation) -> Answer:
        self.models.append(str(conversation.body["model"]))
        last = conversation.user_texts()[-1]
        if "You judge" in last:
            self.asked.append(last)
            return Answer(text=self.judgement)
        if any(conversation.results()):
            return Answer(text="done")
        number = sum(model != "wise" for model in self.models)
        return Answer(calls=(SimulatedCall(name="pay", arguments={"cents": 400 if number == 3 else 500}),))


def clerk(folder: Path, *, check: Any = None, **settings: Any) -> Agent:
    @tool(check=check)
    async def pay(cents: int) -> str:
        """Pay."""
        return f"paid {cents}"

    return Agent("clerk", tools=[pay], policy=set_policy(folder / "till.cedar", ALONE, ASKED), **settings)


async def assessed(baton: Baton, goal: str = "pay") -> Assessed:
    run = await baton.submit(goal)
    await soon(run.settled())
    verdict = (await baton.ledger.read(lambda tx: journal.proposals(tx, run.id)))[0].verdict
    assert verdict.assessed is not None
    return verdict.assessed


async def test_samples_and_a_judge_are_signals_and_their_tokens_count(tmp_path: Path) -> None:
    mind = Wavers()
    async with open_office(tmp_path, [clerk(tmp_path, samples=5, judge="wise")], Says(mind.answer)) as baton:
        found = await assessed(baton)
        assert found.signals["agreement"] == 0.75 and found.signals["judge"] == 0.8
        assert found.kind == "clerk/pay" and found.basis == "gpt-5-mini, 5 samples, judged by wise"
        (asked,) = mind.asked
        assert re.search(r'pay\(\{"cents": 500\}\)', asked)
        (run,) = await baton.runs()
        assert run.turns == 1 and mind.models.count("gpt-5-mini") == 5
        (call,) = await baton.ledger.read(lambda tx: journal.calls(tx, run.id))
        assert call.prompt_tokens == run.prompt_tokens > 0
    async with open_office(tmp_path / "b", [clerk(tmp_path)], Says(Wavers().answer)) as baton:
        await assessed(baton)
        (alone,) = await baton.runs()
        assert alone.prompt_tokens * 5 < run.prompt_tokens


async def test_a_judge_that_gives_no_number_is_no_signal(tmp_path: Path) -> None:
    mind = Wavers("It depends. Version 2.3 of the rules says no.")
    async with open_office(tmp_path, [clerk(tmp_path, judge="wise")], Says(mind.answer)) as baton:
        assert "judge" not in (await assessed(baton)).signals


@pytest.mark.parametrize(("says", "verified"), [(True, 1.0), (False, 0.0), (ValueError("no such account"), 0.0)])
async def test_a_tools_own_check_is_a_signal(tmp_path: Path, says: bool | Exception, verified: float) -> None:
    def check(cents: int) -> bool:
        assert cents == 500
        if isinstance(says, Exception):
            raise says
        return says

    async with open_office(tmp_path, [clerk(tmp_path, check=check)], Says(Wavers().answer)) as baton:
        assert (await assessed(baton)).signals["verified"] == verified


async def test_nobody_is_asked_about_what_no_promise_speaks_of(tmp_path: Path) -> None:
    mind = Wavers()
    agent = clerk(tmp_path, samples=5, judge="wise")
    set_policy(tmp_path / "till.cedar", ASKED)
    async with open_office(tmp_path, [agent], Says(mind.answer)) as baton:
        await soon((await baton.submit("pay")).settled())
    assert mind.models == ["gpt-5-mini"]


def test_a_number_of_samples_that_cannot_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="samples of agent clerk"):
        clerk(tmp_path, samples=0)
