"""Work that is handed on as a contract: typed, versioned, taken, asked about, ended once, and always somebody's."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from baton import Agent, Goal, load_project
from baton.agents.simulated import Answer, Conversation
from baton.agents.simulated.minds import text_of
from baton.core import Budget, Contract, InvalidFile, InvalidValue, ManualClock
from baton.ledger import Handoff, HandoffState, handoffs, reviews, runs
from baton.policies import load_policy
from support import Says, call, calls, commands, on_both, open_office, soon, text_rows, tool_lines, until


class Refund(BaseModel):
    order: int
    cents: int
    why: Literal["broken", "late"]


class Paid(BaseModel):
    paid: bool
    reference: str


OLD = {1: lambda said: {"order": int(said["number"]), "cents": said["cents"]}, 2: lambda said: said | {"why": "late"}}
REFUND = Contract(name="refund", version=3, payload=Refund, answer=Paid, upcasts=OLD)
SAID = {"order": 4417, "cents": 900, "why": "broken"}


def boss(*more: Any, to: str = "payer", **said: Any) -> Agent:
    return Agent("boss", policy="allow-all", hands_off_to=[to], **said)


def payer(*contracts: Contract, **more: Any) -> Agent:
    return Agent("payer", policy="allow-all", description="pays", contracts=contracts or (REFUND,), **more)


def plays(hand: dict[str, Any], work: Any, seen: list[str] | None = None) -> Says:
    """A boss that hands work on and finishes with what comes back; `work` is what the payer does."""

    def answer(conversation: Conversation) -> Answer:
        first, *later = conversation.user_texts()
        if seen is not None:
            seen.extend(later)
        if "# Goal\npay" in first:
            made: Answer = work(conversation)
            return made
        back = [said for said in later if "returned]" in said or "expired]" in said or said.startswith("[review")]
        if back:
            return calls(call("finish", summary=back[-1]))
        return Answer(text="waiting") if list(conversation.results()) else calls(call("hand_off", **hand))

    return Says(answer)


def does(*made: Any) -> Any:
    """Each turn the next call; then words."""
    left = list(made)
    return lambda conversation: calls(left.pop(0)) if left else Answer(text="waiting")


async def only(baton: Any, run: Any) -> Handoff:
    (found,) = await baton.ledger.read(lambda tx: handoffs.of_run(tx, run.id))
    return found  # type: ignore[no-any-return]


HAND = {"to": "payer", "task": "pay it", "contract": "refund", "payload": SAID}
PAID = {"paid": True, "reference": "r-1"}
DONE = call("finish", summary="paid", answer=PAID)


@on_both
async def test_typed_work_goes_and_its_typed_answer_comes_back(database: str) -> None:
    seen: list[str] = []
    async with open_office(database, [boss(), payer()], plays(HAND, does(DONE), seen)) as baton:
        run = await baton.submit(Goal("see to it", constraints=("be polite",)))
        summary = (await soon(run.result())).summary
        handoff = await only(baton, run)
        child = await baton.ledger.read(lambda tx: runs.get(tx, handoff.child or run.id))
        told = await text_rows(baton.ledger, f"SELECT kind FROM events WHERE run = '{run.id}' AND kind LIKE 'handoff%'")
    assert json.loads(summary.partition("] ")[2])["answer"] == PAID
    assert (handoff.state, handoff.owner, handoff.answer) == (HandoffState.RETURNED, "boss", PAID)
    assert (handoff.contract, handoff.version, handoff.payload, handoff.depth) == ("refund", 3, SAID, 1)
    assert child.goal.constraints == ("be polite",)
    assert [kind for (kind,) in told] == ["handoff.offered", "handoff.taken", "handoff.returned"]
    assert any(text.startswith(f"[hand-off {handoff.id} from boss] refund 3: ") for text in seen)


@pytest.mark.parametrize(
    ("version", "payload", "comes"),
    [
        (1, {"number": "7", "cents": 5}, {"order": 7, "cents": 5, "why": "late"}),
        (2, {"order": 7, "cents": 5}, {"order": 7, "cents": 5, "why": "late"}),
        (4, SAID, "supported is refund 1 to 3"),
        (3, {"order": "x"}, "order: Input should be a valid integer"),
        (1, {"cents": 5}, "what its cast can take"),
    ],
)
async def test_versions_are_cast_or_refused_with_what_is_supported(
    tmp_path: Path, version: int, payload: dict[str, Any], comes: Any
) -> None:
    seen: list[str] = []
    mind = plays(HAND | {"version": version, "payload": payload}, does(DONE), seen)
    async with open_office(tmp_path / "b.db", [boss(), payer()], mind) as baton:
        run = await baton.submit("see to it")
        await soon(run.settled())
        if isinstance(comes, str):
            assert comes in (await tool_lines(run))[0]
            assert await baton.ledger.read(lambda tx: handoffs.of_run(tx, run.id)) == []
        else:
            taken = next(text for text in seen if " refund 3: " in text)
            assert json.loads(taken.partition(" refund 3: ")[2].partition("} ")[0] + "}") == comes


@on_both
async def test_work_offered_by_newer_code_is_refused_by_older_with_what_it_takes(database: str) -> None:
    newer = Contract(name="refund", version=4, payload=Refund, answer=Paid)
    mind = plays(HAND | {"version": 4}, does(DONE))
    async with open_office(database, [boss(), payer(newer)], mind) as baton:
        baton._team.members.pop("payer")  # another process has it, of older code
        baton._team.members["boss"] = replace(baton._team.members["boss"], agent=boss(contracts=(newer,)))
        run = await baton.submit("see to it")
        await until(baton.ledger, lambda tx: bool(handoffs.of_run(tx, run.id)))
    async with open_office(database, [boss(), payer(REFUND)], mind) as baton:
        run = await baton.open(run.id)
        result = await soon(run.result())
        handoff = await only(baton, run)
    assert '"outcome": "refused"' in result.summary
    assert handoff.state is HandoffState.REFUSED
    assert handoff.said == "contract refund of version 4 is not understood; supported is refund 1 to 3"


async def test_a_giver_with_downcasts_speaks_what_an_older_taker_understands(tmp_path: Path) -> None:
    mine = Contract(
        name="refund",
        version=3,
        payload=Refund,
        downcasts={3: lambda said: {"order": said["order"], "cents": said["cents"]}},
    )

    class Older(BaseModel):
        order: int
        cents: int

    theirs = Contract(name="refund", version=2, payload=Older)
    agents = [boss(contracts=(mine,)), payer(theirs)]
    async with open_office(tmp_path / "b.db", agents, plays(HAND, does(call("finish", summary="paid")))) as baton:
        run = await baton.submit("see to it")
        await soon(run.result())
        handoff = await only(baton, run)
    assert (handoff.version, handoff.payload) == (2, {"order": 4417, "cents": 900})


async def test_an_answer_that_does_not_fit_is_refused_until_it_does(tmp_path: Path) -> None:
    wrong = call("finish", summary="paid", answer={"paid": "perhaps"})
    async with open_office(tmp_path / "b.db", [boss(), payer()], plays(HAND, does(wrong, DONE))) as baton:
        run = await baton.submit("see to it")
        await soon(run.result())
        handoff = await only(baton, run)
        lines = [line.text for line in await (await baton.open(handoff.child or "")).transcript()]
    (refused,) = [text for text in lines if "the answer does not fit" in text]
    assert "reference" in refused
    assert handoff.answer == PAID


@on_both
async def test_the_taker_asks_the_giver_and_goes_on_with_what_it_says(database: str) -> None:
    def payers(conversation: Conversation) -> Answer:
        told = [text for text in conversation.user_texts() if "boss answers]" in text]
        if told:
            return calls(call("finish", summary=told[0], answer={"paid": True, "reference": told[0]}))
        return (
            Answer(text="waiting")
            if list(conversation.results())
            else calls(call("ask_giver", question="which account?"))
        )

    def answer(conversation: Conversation) -> Answer:
        first, *later = conversation.user_texts()
        if "# Goal\npay" in first:
            return payers(conversation)
        asked = [text for text in later if "payer asks]" in text]
        back = [text for text in later if "returned]" in text]
        if back:
            return calls(call("finish", summary=back[0]))
        results = list(conversation.results())
        if asked and len(results) == 1:
            return calls(call("answer_handoff", handoff=asked[0].split()[1].rstrip(":"), text="the second"))
        return Answer(text="waiting") if results else calls(call("hand_off", **HAND))

    async with open_office(database, [boss(), payer()], Says(answer)) as baton:
        run = await baton.submit("see to it")
        assert "the second" in (await soon(run.result())).summary
        kinds = await text_rows(
            baton.ledger, f"SELECT kind FROM events WHERE run = '{run.id}' AND kind LIKE 'handoff%'"
        )
    steps = ["offered", "taken", "asked", "told", "returned"]
    assert [kind for (kind,) in kinds] == [f"handoff.{step}" for step in steps]


@on_both
async def test_work_taken_back_stops_and_is_told_of_once(database: str) -> None:
    def answer(conversation: Conversation) -> Answer:
        if "# Goal\npay" in conversation.user_texts()[0]:
            return calls(call("wait", duration="2d"))
        results = list(conversation.results())
        if len(results) == 1:
            return calls(call("withdraw_handoff", handoff=results[0][2].split()[2], reason="no longer"))
        return Answer(text="done") if len(results) > 1 else calls(call("hand_off", **HAND))

    async with open_office(database, [boss(), payer()], Says(answer)) as baton:
        run = await baton.submit("see to it")
        await soon(run.settled())
        await run.message("never mind")
        await soon(run.result())
        handoff = await only(baton, run)
        await until(baton.ledger, lambda tx: runs.get(tx, handoff.child or run.id).ended)
        assert (handoff.state, handoff.owner, handoff.said) == (HandoffState.WITHDRAWN, "boss", "no longer")
        lines = await run.transcript()
    assert not [line for line in lines if "returned]" in line.text]


@on_both
async def test_an_answer_that_does_not_come_in_time_ends_the_hand_off(database: str) -> None:
    clock = ManualClock(1_000_000.0)
    mind = plays(HAND | {"within": "2h"}, does(call("wait", duration="5d")))
    async with open_office(database, [boss(), payer()], mind, clock=clock) as baton:
        run = await baton.submit("see to it")
        await soon(run.settled())
        clock.advance(timedelta(hours=3).total_seconds())
        assert "expired]" in (await soon(run.result())).summary
        handoff = await only(baton, run)
        await until(baton.ledger, lambda tx: runs.get(tx, handoff.child or run.id).status == "cancelled")
    assert (handoff.state, handoff.owner) == (HandoffState.EXPIRED, "boss")


async def test_the_giver_hears_that_nobody_takes_its_offer(tmp_path: Path) -> None:
    clock, seen = ManualClock(1_000_000.0), list[str]()
    mind = plays({"to": "payer", "task": "pay it"}, does(DONE), seen)
    async with open_office(tmp_path / "b.db", [boss(), payer()], mind, clock=clock) as baton:
        baton._team.members.pop("payer")  # no process has it
        run = await baton.submit("see to it")
        await until(baton.ledger, lambda tx: bool(handoffs.of_run(tx, run.id)))
        clock.advance(1000.0)
        await until(baton.ledger, lambda tx: any("nobody has taken it" in text for text in seen) or None)
        handoff = await only(baton, run)
    assert (handoff.state, handoff.owner) == (HandoffState.OFFERED, "boss")


@on_both
async def test_people_take_work_and_return_what_was_asked_for(database: str) -> None:
    mind = plays(HAND | {"to": "person:finance"}, does())
    agents = [boss(to="person:finance", contracts=(REFUND,))]
    async with open_office(database, agents, mind) as baton:
        run = await baton.submit("see to it")
        (review,) = (await soon(run.settled())).reviews
        assert (review.reviewers, review.question["arguments"]) == (("finance",), SAID)
        assert (await only(baton, run)).owner == "boss"
        await baton.reviews.claim(review.id, "fay")
        taken = await only(baton, run)
        assert (taken.state, taken.owner) == (HandoffState.TAKEN, "person:finance")
        for bad in ("yes", '{"paid": 1}', '{"paid": true}'):
            with pytest.raises(InvalidValue, match='"paid": boolean, "reference": string'):
                await baton.respond(review.id, bad, by="fay")
        await baton.respond(review.id, '{"paid": true, "reference": "b-2"}', by="fay")
        await soon(run.result())
        handoff = await only(baton, run)
    assert (handoff.state, handoff.owner, handoff.answer) == (
        HandoffState.RETURNED,
        "boss",
        {"paid": True, "reference": "b-2"},
    )


@on_both
async def test_a_person_refuses_or_lets_it_pass(database: str) -> None:
    clock = ManualClock(1_000_000.0)
    mind = plays({"to": "person:finance", "task": "look", "within": "1h"}, does())
    async with open_office(database, [boss(to="person:finance")], mind, clock=clock) as baton:
        first, second = await baton.submit("one"), await baton.submit("two")
        await soon(first.settled())
        await soon(second.settled())
        (review,) = await baton.ledger.read(lambda tx: reviews.waiting(tx, runs=[first.id]))
        await baton.reject(review.id, "not ours", by="fay")
        await soon(first.result())
        clock.advance(2 * 3600.0)
        await soon(second.result())
        found = [await only(baton, one) for one in (first, second)]
    assert [one.state for one in found] == [HandoffState.REFUSED, HandoffState.EXPIRED]
    assert (found[0].said, found[1].owner) == ("not ours", "boss")


async def test_work_is_not_handed_on_for_ever_and_budgets_are_shared(tmp_path: Path) -> None:
    ring = [Agent(f"a{n}", policy="allow-all", hands_off_to=[f"a{(n + 1) % 3}"]) for n in range(3)]

    def answer(conversation: Conversation) -> Answer:
        back = [text for text in conversation.user_texts() if "returned]" in text]
        results = list(conversation.results())
        if back or (results and results[-1][2].startswith("error")):
            return calls(call("finish", summary=(back or [results[-1][2]])[-1]))
        head = text_of(conversation.messages[0])
        taker = next(agent.name for agent in ring if f"- {agent.name}:" in head)
        return Answer(text="waiting") if results else calls(call("hand_off", to=taker, task="go on"))

    async with open_office(tmp_path / "b.db", ring, Says(answer)) as baton:
        run = await baton.submit(Goal("go", budget=Budget(tokens=1_000_000)))
        result = await soon(run.result())
        everyone = await baton.runs()
    assert "handed on 5 times" in result.summary
    assert len(everyone) == 6
    tokens = sorted((one.goal.budget.tokens or 0 for one in everyone), reverse=True)
    assert len(set(tokens)) == 6  # each has what was left to the one before


WORK = """
from pydantic import BaseModel
from baton import Contract

class Refund(BaseModel):
    order: int

REFUND = Contract(name="refund", version=1, payload=Refund)
"""

FILE = """
agents:
  - {name: boss, instructions: Lead., hands_off_to: [payer, "person:finance"]}
  - {name: payer, instructions: Pay., contracts: ["work.py:REFUND"]}
"""


def test_a_project_names_contracts_and_a_change_of_them_is_checked(tmp_path: Path) -> None:
    (tmp_path / "agents.yaml").write_text(FILE)
    (tmp_path / "work.py").write_text(WORK)
    project = load_project(tmp_path / "agents.yaml")
    assert [one.supported for one in project.agents[1].contracts] == ["refund 1"]
    assert project.agents[0].hands_off_to == ["payer", "person:finance"]
    assert commands.baton(tmp_path, "contracts", "release").code == 0
    assert "is understood" in commands.baton(tmp_path, "contracts", "check").out
    file = tmp_path / "contracts.json"
    file.write_text(file.read_text().replace('"integer"', '"string"'))
    checked = commands.baton(tmp_path, "contracts", "check")
    assert checked.code == 1
    assert "its payload has changed, and its version has not; make it 2" in checked.out
    (tmp_path / "agents.yaml").write_text(FILE.replace("work.py:REFUND", "work.py:Refund"))
    with pytest.raises(InvalidFile, match=r"agents\.1\.contracts\.0.*a Contract, such as: REFUND"):
        load_project(tmp_path / "agents.yaml")


@pytest.mark.parametrize("policy", [None, "own.cedar"])
def test_beneath_every_policy_hand_offs_are_answered_taken_back_and_asked_about(
    policy: str | None, tmp_path: Path
) -> None:
    (tmp_path / "own.cedar").write_text('@id("x") forbid (principal, action, resource is Tool::recall);')
    agent = Agent("both", hands_off_to=["payer"], contracts=(REFUND,), resources=["gate"], records={"prices": "merge"})
    judged = load_policy(None if policy is None else tmp_path / policy, tuple(agent.specs.values()), "both")
    rules = {rule.id for rule in judged.rules}
    wanted = (
        "answer_handoff",
        "withdraw_handoff",
        "ask_giver",
        "reserve_resources",
        "release_resources",
        "read_record",
    )
    assert rules.issuperset(f"base.{name}" for name in wanted)
    assert "base.write_record" not in rules
