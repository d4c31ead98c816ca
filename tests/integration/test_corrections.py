"""What people correct is remembered, becomes evaluation cases, and is proposed as an instruction when it repeats."""

import json
import re
from pathlib import Path

import pytest

from baton import Agent, Baton, RunHandle, tool
from baton.agents.simulated import Answer, Conversation, SimulatedCall
from baton.core import Conflict, InvalidFile, Trust
from baton.evals import Attempt, Case, cases_of, heeds_corrections, read_cases, write_cases
from baton.ledger import effects, events, facts, journal, reviews, rule_proposals, runs
from baton.review import learning
from support import Says, on_both, open_office, set_policy, soon

ASKED = (
    '@id("asked") @class("payment") permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'
)


class Learns:
    """A mind that pays what the goal says, less 100 once it was told that shipping is not paid."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def answer(self, conversation: Conversation) -> Answer:
        text = json.dumps(conversation.body)
        self.seen.append(text)
        found = re.search(r"pay (\d+)", text)
        if any(conversation.results()) or found is None:
            return Answer(text="done")
        less = 100 if "shipping is not paid" in text else 0
        return Answer(calls=(SimulatedCall(name="pay", arguments={"cents": int(found[1]) - less}),))


@tool
async def pay(cents: int) -> str:
    """Pay."""
    return f"paid {cents}"


def clerk(folder: Path) -> Agent:
    return Agent("clerk", tools=[pay], policy=set_policy(folder / "till.cedar", ASKED), memory="till")


async def corrected(baton: Baton, cents: int, note: str, *, change: int | None = None) -> RunHandle:
    run = await baton.submit(f"pay {cents}")
    await soon(run.settled())
    (review,) = await baton.reviews.waiting([run.id])
    if change is None:
        await baton.reject(review.id, note, by="ann")
    else:
        await baton.edit(review.id, {"cents": change}, by="ann", note=note)
    await soon(run.result())
    return run


@on_both
async def test_a_correction_is_remembered_with_its_source_and_read_next_time(database: str, tmp_path: Path) -> None:
    mind = Learns()
    async with open_office(database, [clerk(tmp_path)], Says(mind.answer)) as baton:
        await corrected(baton, 500, "shipping is not paid", change=400)
        (fact,) = await baton.ledger.read(lambda tx: facts.believed(tx, "local", ["corrections/clerk"]))
        assert fact.text == "ann changed cents: shipping is not paid" and fact.label.trust is Trust.USER
        (source,) = fact.label.sources
        assert source.startswith("rev_")
        run = await baton.submit("pay 700, as was corrected")
        await soon(run.settled())
        (proposal,) = await baton.ledger.read(lambda tx: journal.proposals(tx, run.id))
        assert proposal.action.arguments == {"cents": 600}


async def test_nothing_is_made_of_a_no_without_a_reason_or_of_an_approval(tmp_path: Path) -> None:
    async with open_office(tmp_path, [clerk(tmp_path)], Says(Learns().answer)) as baton:
        await corrected(baton, 500, "")
        run = await baton.submit("pay 600")
        await soon(run.settled())
        (review,) = await baton.reviews.waiting([run.id])
        await baton.edit(review.id, {"cents": 600}, by="ann", note="as it is")
        await soon(run.result())
        assert await baton.ledger.read(lambda tx: facts.believed(tx, "local")) == []


@on_both
async def test_corrections_that_repeat_are_proposed_and_told_once_accepted(database: str, tmp_path: Path) -> None:
    mind = Learns()
    async with open_office(database, [clerk(tmp_path)], Says(mind.answer)) as baton:
        for number in range(2):
            await corrected(baton, 500 + number, f"not due, number {number}")
        assert await baton.ledger.read(rule_proposals.listed) == []
        await corrected(baton, 600, "shipping is not paid")
        await corrected(baton, 700, "not due, again")
        (made,) = await baton.ledger.read(rule_proposals.listed)
        assert (made.kind, made.about, made.agent, made.by) == ("instruction", "payment", "clerk", "baton")
        assert "- shipping is not paid (ann in rev_" in made.rule and "not due, number 0" in made.rule
        assert not any("instructions of your owners" in text for text in mind.seen)
        await baton.ledger.write(lambda tx: learning.accept(tx, made, "lead"))
        with pytest.raises(Conflict, match="lead accepted it"):
            await baton.ledger.write(lambda tx: learning.accept(tx, made, "eve"))
        run = await baton.submit("pay 900")
        await soon(run.settled())
        first = (await run.transcript())[0]
        assert first.text.startswith("[instructions of your owners]") and first.trust is Trust.SYSTEM
        assert "shipping is not paid" in mind.seen[-1]


async def test_corrections_are_cases_that_tell_whether_the_agent_has_learnt(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    async with open_office(tmp_path, [clerk(tmp_path)], Says(Learns().answer)) as baton:
        run = await corrected(baton, 500, "shipping is not paid", change=400)
        await corrected(baton, 900, "not due")
        made = await baton.ledger.read(lambda tx: cases_of(tx, "clerk"))
        assert write_cases(file, made) == 2 and write_cases(file, made) == 0
        read = read_cases(file)
        assert read == made and read[0].goal.statement == "pay 500"

        async def attempt(handle: RunHandle, case: Case) -> Attempt:
            return await baton.ledger.read(
                lambda tx: Attempt(
                    case=case,
                    folder=tmp_path,
                    run=runs.get(tx, handle.id),
                    family=(),
                    proposals=tuple(journal.proposals(tx, handle.id)),
                    effects=tuple(effects.of_run(tx, handle.id)),
                    reviews=tuple(reviews.of_run(tx, handle.id)),
                    events=tuple(events.of_run(tx, handle.id)),
                )
            )

        before = heeds_corrections(await attempt(run, read[0]))
        assert not before.passed and "pay as ann has corrected it: shipping is not paid" in before.detail
        again = await baton.submit(read[0].goal)
        await soon(again.settled())
        assert heeds_corrections(await attempt(again, read[0])).passed
    file.write_text("{}\n")
    with pytest.raises(InvalidFile, match=r"cases\.jsonl:1: id"):
        read_cases(file)
