"""Promises over runs: people's decisions certify a class, it acts alone, is looked back at, and loses that again."""

import asyncio
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from baton import Agent, Baton, RunHandle, tool
from baton.agents.simulated import Answer, Conversation, SimulatedCall
from baton.core import Action, ActionId, Conflict, Forbidden, InvalidValue, PolicyError, Promise, Ruling, RunId, Verdict
from baton.graph.promised import record_decisions
from baton.ledger import Proposal, Transaction, audits, journal, promises
from baton.policies.promises import Certificates, Decision, Kept
from support import Says, on_both, open_office, set_policy, soon, text_rows

ALONE = (
    '@id("alone") @class("payment") @at_most("20%") @certainty("80%") '
    'permit (principal, action == Action::"call", resource is Tool::pay) when { resource.args.cents < 1000 };'
)
ASKED = '@id("asked") permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'
PROMISE = Promise(most_wrong=0.2, certainty=0.8)


def pays() -> Says:
    """Pays what the goal says, with the confidence that it says."""

    def answer(conversation: Conversation) -> Answer:
        if any(conversation.results()):
            return Answer(text="done")
        found = re.search(r"pay (\d+), sure ([0-9.]+)", json.dumps(conversation.body))
        assert found
        return Answer(
            calls=(SimulatedCall(name="pay", arguments={"cents": int(found[1])}, confidence=float(found[2])),)
        )

    return Says(answer)


class Till:
    """Counts payments."""

    def __init__(self, folder: Path, *rules: str) -> None:
        self.paid: list[int] = []

        @tool
        async def pay(cents: int) -> str:
            """Pay."""
            self.paid.append(cents)
            return f"paid {cents}"

        self.agent = Agent("clerk", tools=[pay], policy=set_policy(folder / "till.cedar", *(rules or (ALONE, ASKED))))


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path)


async def go(baton: Baton, sure: float = 0.9, cents: int = 500) -> RunHandle:
    run = await baton.submit(f"pay {cents}, sure {sure}")
    await soon(run.settled())
    return run


async def proposal_of(baton: Baton, run: RunHandle) -> Proposal:
    return (await baton.ledger.read(lambda tx: journal.proposals(tx, run.id)))[0]


async def verdict_of(baton: Baton, run: RunHandle) -> Verdict:
    return (await proposal_of(baton, run)).verdict


async def decide(baton: Baton, run: RunHandle, *, right: bool = True) -> None:
    (review,) = await baton.reviews.waiting([run.id])
    if right:
        await baton.approve(review.id, by="ann")
    else:
        await baton.reject(review.id, "not due", by="ann")
    await soon(run.result())


async def kept(baton: Baton, certificates: Certificates | None = None) -> Kept:
    """The certificate, as a new process reads it from the ledger."""
    known = certificates or Certificates()
    return (await baton.ledger.read(lambda tx: known.kept(tx, "clerk", {"payment": PROMISE}, "gpt-5-mini")))["payment"]


def entered(tx: Transaction, certificate: Kept, first: int, count: int, *, wrong: bool) -> None:
    """Put decisions on record that a person has found right, or wrong."""
    for number in range(first, first + count):
        id = ActionId(f"run_{number}.1.0")
        arguments = {"cents": 500}
        action = Action(id=id, run=RunId(f"run_{number}"), agent="clerk", tool="pay", version="1", arguments=arguments)
        assessed = certificate.assess(action, {"confidence": 0.9, "errors": 0.0, "grounded": 1.0}, 0.5)
        promises.decided(tx, "clerk", id, "pay", assessed, alone=False)
        assert promises.labelled(tx, id, wrong=wrong, source="review", by="ann") == certificate.id


async def certified(baton: Baton) -> None:
    """Put a hundred decisions on record that people have found right."""
    certificate = await kept(baton)
    await baton.ledger.write(lambda tx: entered(tx, certificate, 0, 100, wrong=False))
    assert (await kept(baton)).standing().threshold is not None


@on_both
async def test_autonomy_is_earned_by_decisions_and_told(database: str, till: Till) -> None:
    async with open_office(database, [till.agent], pays()) as baton:
        first = await go(baton)
        verdict = await verdict_of(baton, first)
        assert verdict.ruling is Ruling.ASK and verdict.kind == "payment"
        assert verdict.assessed is not None and verdict.assessed.promise == PROMISE
        assert re.search(r"payment: score 0\.\d\d; nothing runs alone: about \d+ more decisions", verdict.reason)
        assert verdict.assessed.certificate in verdict.reason
        await decide(baton, first)
        await certified(baton)
        verdict = await verdict_of(baton, await go(baton))
        assert verdict.ruling is Ruling.ALLOW and till.paid == [500, 500]
        assert verdict.threshold is not None and verdict.value is not None and verdict.value >= verdict.threshold
        low = await verdict_of(baton, await go(baton, sure=0.05))
        assert low.ruling is Ruling.ASK and f"is below {verdict.threshold:.2f}" in low.reason
        big = await verdict_of(baton, await go(baton, cents=5000))
        assert big.ruling is Ruling.ASK and big.assessed is None  # not of the class: another rule asks


async def test_what_ran_alone_is_looked_back_at_and_errors_take_autonomy_back(tmp_path: Path, till: Till) -> None:
    async with open_office(tmp_path, [till.agent], pays()) as baton:
        await certified(baton)
        asked = 0
        for _ in range(200):
            run = await go(baton)
            if (await verdict_of(baton, run)).ruling is Ruling.ASK:
                asked += 1
                await decide(baton, run, right=False)
                if asked == 5:
                    break
            for audit in await baton.audits.waiting():
                await baton.audits.answer(audit.id, wrong=True, by="ann" if audit.look == 1 else "bob", note="not due")
        assert asked == 5
        reports = await text_rows(baton.ledger, "SELECT count(*) FROM audits WHERE look = 1 AND wrong = 1")
        assert reports[0][0] >= 1
        before = len(till.paid)
        last = await verdict_of(baton, await go(baton))
        assert last.ruling is Ruling.ASK and len(till.paid) == before


@on_both
async def test_a_restart_and_a_second_process_know_the_same(database: str, till: Till) -> None:
    async with open_office(database, [till.agent], pays()) as baton:
        await certified(baton)
        await go(baton)
        told, mine = await kept(baton), await kept(baton, baton._team.certificates)
        assert mine.state() == told.state() and mine.folded == told.folded > 100
        state = told.state()
        await baton.ledger.write(lambda tx: promises.keep(tx, told.id, told.folded, state))
    async with open_office(database, [till.agent], pays()) as baton:
        assert (await verdict_of(baton, await go(baton))).ruling is Ruling.ALLOW
        anew = await kept(baton)
        assert anew.folded == told.folded + 1 and anew.kept == told.folded


async def test_an_outcome_reported_later_is_told_to_the_promise(tmp_path: Path, till: Till) -> None:
    async with open_office(tmp_path, [till.agent], pays()) as baton:
        run = await go(baton)
        await decide(baton, run)
        action = (await proposal_of(baton, run)).action.id
        await run.outcome(wrong=True, by="ann", note="it was paid twice")
        await run.outcome(wrong=True, by="ann")
        kinds = await text_rows(baton.ledger, "SELECT kind, wrong FROM certificate_entries ORDER BY seq")
        assert kinds == [("decided", 0 if kinds[0][1] == 0 else None), ("labelled", 0), ("reported", 1)]
        with pytest.raises(InvalidValue, match=action):
            await run.outcome(wrong=True, action="run_x.1.0")


async def test_a_second_look_is_another_persons(tmp_path: Path, till: Till) -> None:
    async with open_office(tmp_path, [till.agent], pays()) as baton:
        baton.audits = type(baton.audits)(baton.ledger, coin=lambda: 0.0)
        await certified(baton)
        while not (waiting := await baton.audits.waiting()):
            await go(baton)
        first = waiting[0]
        with pytest.raises(Forbidden, match="an agent never decides"):
            await baton.audits.answer(first.id, wrong=False, by="agent:clerk")
        with pytest.raises(InvalidValue, match="what was wrong"):
            await baton.audits.answer(first.id, wrong=True, by="ann")
        await baton.audits.answer(first.id, wrong=False, by="ann")
        with pytest.raises(Conflict, match="ann answered it"):
            await baton.audits.answer(first.id, wrong=True, by="bob", note="no")
        second = await baton.ledger.read(lambda tx: audits.of_action(tx, first.action, 2))
        assert second is not None and second.question == first.question
        with pytest.raises(Forbidden, match="another person has to"):
            await baton.audits.answer(second.id, wrong=False, by="ann")
        await baton.audits.answer(second.id, wrong=True, by="bob", note="not due")
        labels = await text_rows(
            baton.ledger, f"SELECT wrong FROM certificate_entries WHERE action = '{first.action}' AND kind = 'labelled'"
        )
        assert labels == [(0,)]


async def test_a_revoked_certificate_stops_what_it_has_let_go(
    tmp_path: Path, till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_office(tmp_path, [till.agent], pays()) as baton:
        await certified(baton)
        certificate = await kept(baton)

        def and_revoke(tx: Transaction, *rest: Any) -> None:
            """Between judging and acting, a lot of earlier actions turn out to be wrong."""
            record_decisions(tx, *rest)
            entered(tx, certificate, 1000, 60, wrong=True)

        monkeypatch.setattr("baton.graph.thinking.record_decisions", and_revoke)
        run = await go(baton)
        assert (await verdict_of(baton, run)).ruling is Ruling.ALLOW
        assert till.paid == []
        (review,) = await baton.reviews.waiting([run.id])
        assert "certificate has been revoked since it was proposed" in review.question["summary"]
        await baton.approve(review.id, by="ann")
        await soon(run.result())
        assert till.paid == [500]


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (ALONE.replace("20%", "0%"), "a share above 0"),
        (ALONE.replace("20%", "a little"), "a share above 0"),
        (ALONE.replace('@at_most("20%") ', ""), "@certainty without @at_most"),
        (ALONE.replace("@class", '@min_confidence("0.8") @class'), "finds its own threshold"),
        (ASKED.replace("permit", '@at_most("5%") permit'), "means nothing here"),
    ],
)
def test_a_promise_that_says_nothing_is_refused(tmp_path: Path, rule: str, says: str) -> None:
    agent = Till(tmp_path, rule).agent
    with pytest.raises(PolicyError, match=says):
        Baton(agents=[agent], database=tmp_path / "x.db").run_sync("pay 5, sure 1")


def test_one_class_has_one_promise(tmp_path: Path) -> None:
    other = ALONE.replace('"alone"', '"other"').replace("20%", "2%")
    with pytest.raises(PolicyError, match="rule 'other' promises at most 2 % wrong, 80 % certain of class 'payment'"):
        Baton(agents=[Till(tmp_path, ALONE, other).agent], database=tmp_path / "x.db").run_sync("pay 5, sure 1")


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_two_workers_at_once_write_one_history(database: str, till: Till) -> None:
    async with open_office(database, [till.agent], pays()) as one, open_office(database, [till.agent], pays()) as two:
        runs = await asyncio.gather(*((one, two)[n % 2].submit(f"pay {n}, sure 0.{n % 7 + 2}") for n in range(60)))
        await soon(asyncio.gather(*(run.settled() for run in runs)))
        waiting = await one.reviews.waiting()
        assert len(waiting) == 60
        await asyncio.gather(*((two, one)[n % 2].approve(review.id, by="ann") for n, review in enumerate(waiting)))
        await soon(asyncio.gather(*(run.result() for run in runs)))
        states = [(await kept(office, office._team.certificates)).state() for office in (one, two)]
        anew = await kept(one)
        assert states[0] == states[1] == anew.state() and anew.folded == 120
        rows = await text_rows(one.ledger, "SELECT kind, action, seq FROM certificate_entries ORDER BY seq")
        assert [row[2] for row in rows] == list(range(1, 121))
        assert len({(kind, action) for kind, action, _ in rows}) == 120
    assert sorted(till.paid) == list(range(60))


async def looked_at(baton: Baton, *answers: bool) -> None:
    """Let as many people as there are answers look at the next action that runs alone."""
    await go(baton)
    for number, wrong in enumerate(answers):
        (audit,) = await baton.audits.waiting()
        assert audit.look == number + 1
        await baton.audits.answer(audit.id, wrong=wrong, by=f"person {number}", note="not due" if wrong else "")
    assert await baton.audits.waiting() == []


async def test_where_two_disagree_a_third_says_and_what_people_overlook_is_told(
    tmp_path: Path, till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baton.graph.judging.random", SimpleNamespace(random=lambda: 0.0))
    monkeypatch.setattr("baton.policies.promises.keeping.Certifier.decide", lambda *_: Decision(True, 0.5))
    async with open_office(tmp_path, [till.agent], pays()) as baton:
        baton.audits = type(baton.audits)(baton.ledger, coin=lambda: 0.0)
        await looked_at(baton, False, False)
        await looked_at(baton, True, False, False)  # a false alarm: nothing was overlooked
        for _ in range(3):
            await looked_at(baton, True, True)
        await looked_at(baton, False, True, True)
        assert await text_rows(baton.ledger, "SELECT score FROM certificate_entries WHERE kind = 'overlooked'") == []
        await looked_at(baton, True, False, True)
        told = await text_rows(baton.ledger, "SELECT score FROM certificate_entries WHERE kind = 'overlooked'")
        assert told == [(0.2,)]  # 5 errors, 10 looks, 2 of them overlooked it


async def test_a_fork_that_asks_before_it_writes_is_none_of_the_promise(tmp_path: Path, till: Till) -> None:
    async with open_office(tmp_path, [till.agent], pays()) as baton:
        await certified(baton)
        run = await go(baton)
        before = await text_rows(baton.ledger, "SELECT count(*) FROM certificate_entries")
        fork = await baton.fork(run.id, at=0, goal="pay 700, sure 0.9")
        await soon(fork.settled())
        verdict = await verdict_of(baton, fork)
        assert verdict.ruling is Ruling.ASK and verdict.assessed is None and till.paid == [500]
        await decide(baton, fork)
        assert await text_rows(baton.ledger, "SELECT count(*) FROM certificate_entries") == before
