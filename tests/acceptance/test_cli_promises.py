"""`baton promise`, and looking back in `baton review`, as a person at a terminal meets them."""

import asyncio
import json
import re
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from baton import Agent, tool
from baton.agents.simulated import Answer, Conversation, SimulatedCall
from baton.core import ManualClock
from baton.ledger import Ledger, audits
from baton.review import Audits
from support import Says, open_office, set_policy, soon
from support.commands import Done, baton
from support.promised import Stream

ALONE = (
    '@id("small") @class("refund-small") @at_most("5%") @certainty("95%") '
    'permit (principal, action == Action::"call", resource is Tool::refund) when { resource.args.cents < 5000 };'
)
ASKED = '@id("asked") permit (principal, action == Action::"call_with_approval", resource is Tool::refund);'


@tool
async def refund(order_id: str, cents: int) -> str:
    """Refund an order."""
    return f"refunded {cents} cents of {order_id}"


def answer(conversation: Conversation) -> Answer:
    """Refunds what the goal says, as sure as it says."""
    if any(conversation.results()):
        return Answer(text="done")
    found = re.search(r"refund (F-\d+), (\d+) cents, sure ([0-9.]+)", json.dumps(conversation.body))
    assert found
    arguments = {"order_id": found[1], "cents": int(found[2])}
    return Answer(calls=(SimulatedCall(name="refund", arguments=arguments, confidence=float(found[3]), reason="due"),))


@dataclass(frozen=True)
class Desk:
    """A database with a certified class, one that has begun, and three runs.

    Attributes:
        alone: A run whose refund ran alone.
        audit: What asks people to look back at it.
        asked: A run whose refund waits for a person, as its score is too low.
        review: What asks the person.
    """

    folder: Path
    alone: str
    audit: str
    asked: str
    review: str

    def __call__(self, *words: str, **variables: str) -> Done:
        return baton(self.folder, *words, **variables)


async def furnish(folder: Path) -> Desk:
    database = folder / ".baton" / "baton.db"
    database.parent.mkdir()
    clock = ManualClock(time.time() - 30 * 86400)
    ledger = await Ledger.open(str(database), clock)
    await Stream(ledger, clock, "billing", "refund-small", risk=0.1).go_on(500)
    await Stream(ledger, clock, "desk", "send-reply", risk=0.5, honest=False, seed=2).go_on(300, pause=60)
    await Stream(ledger, clock, "stock", "stock/order", seed=3).go_on(20, pause=60)
    await ledger.close()
    agent = Agent("billing", tools=[refund], policy=set_policy(folder / "billing.cedar", ALONE, ASKED))
    async with open_office(database, [agent], Says(answer)) as office:
        alone = await office.submit("refund F-1, 300 cents, sure 0.95")
        await soon(alone.settled())
        asked = await office.submit("refund F-2, 300 cents, sure 0.05")
        await soon(asked.settled())
        (audit,), (review,) = await office.audits.waiting(), await office.reviews.waiting()
    return Desk(folder, alone.id, audit.id, asked.id, review.id)


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A desk that tests copy; every coin says that what runs alone is looked at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("baton.graph.judging.random", SimpleNamespace(random=lambda: 0.0))
        return asyncio.run(furnish(tmp_path_factory.mktemp("furnished")))


@pytest.fixture
def desk(furnished: Desk, tmp_path: Path) -> Desk:
    shutil.copytree(furnished.folder / ".baton", tmp_path / ".baton")
    return replace(furnished, folder=tmp_path)


def said(done: Done, *parts: str) -> None:
    """Every part is on the page; what fills lines up with blanks is not looked at."""
    assert done.code == 0, done.err
    page = "\n".join(line.rstrip() for line in done.out.splitlines())
    for part in parts:
        assert re.search(part, page), f"{part!r} is not in:\n{page}"


def refused(done: Done, code: int, *parts: str) -> None:
    assert done.code == code, done
    for part in parts:
        assert part in done.err


def test_the_list_says_what_runs_alone_and_what_is_missing(desk: Desk) -> None:
    said(
        desk("promise"),
        r"acting alone on \d+ % of refund-small; at most 5 % wrong \(95 % certain\)",
        r"; seen \d+\.\d % \[\d\.\d, \d+\.\d\]; last audit \d+ .* ago; drift alarm none",
        r"1 to look back at: .* review",
        r"nothing runs alone: too much is wrong lately for what is promised",
        r"needs about \d+ more decisions before anything runs alone; at most 5 % wrong \(95 % certain\); drift",
    )
    first, *_ = desk("promise", "--json").json["promises"]
    assert (first["class"], first["agent"], first["scorer"]) == ("refund-small", "billing", "rule")
    assert first["standing"]["threshold"] is not None and first["audits"] == [desk.audit]


def test_a_promise_is_shown_with_what_more_would_cost_and_what_it_rests_on(desk: Desk) -> None:
    shown = desk("promise", "show", "refund-small")
    said(
        shown,
        r"decided +502 actions: \d+ ran alone, \d+ went to a person",
        r"0\.\d\d +\d+ % +\d+\.\d % .*│.* certified  ◂ in force",
        r"50 to 60 % +\d+ % .* \d+\n",
        r"\n +0 +0 +\d+",
        r"the fixed rule: a weighted mean",
        r"confidence +counts 3",
        r"not known of any action: agreement, judge, verified",
    )
    assert shown.out.count("◂ in force") == 1
    page = desk("promise", "show", "refund-small", "--json").json
    assert page["decided"] == 502 and sum(part["alone"] for part in page["history"]) == page["alone"] > 100
    (in_force,) = [point for point in page["curve"] if point["in_force"]]
    assert in_force["threshold"] == page["standing"]["threshold"] and in_force["wrong"] <= 0.05
    assert sum(row["labels"] for row in page["reliability"]) < 502


def test_where_little_is_known_nothing_is_drawn(desk: Desk) -> None:
    shown = desk("promise", "show", "stock/order")
    said(shown, "not known yet: thresholds are laid out", "only 20 actions with a stated", "too little to show: 20")
    assert "│" not in shown.out and "certified" not in shown.out.replace("is certified", "")
    refused(desk("promise", "show", "refunds"), 2, "no class with a promise 'refunds'", "send-reply of desk")


def test_a_fitted_score_is_compared_and_recorded_only_when_told(desk: Desk) -> None:
    before = desk("promise", "show", "send-reply", "--json").json
    said(
        desk("promise", "refit", "send-reply"),
        r"the fixed rule: AUROC 0\.\d+",
        r"fit_\w+: AUROC 0\.\d+, by cross-validation",
        r"300, \d+ of them wrong",
        r"the certificate of send-reply begins anew: nothing runs alone now",
        r"promise refit send-reply --agent desk --yes",
    )
    assert desk("promise", "show", "send-reply", "--json").json == before
    recorded = desk("promise", "refit", "send-reply", "--yes", "--json").json
    assert recorded["recorded"] and recorded["compared"]["learnt"] > recorded["compared"]["used"] + 0.02
    said(desk("promise"), "begins anew with the next action: another score has been fitted")

    few = desk("promise", "refit", "stock/order", "--yes")
    assert few.code == 1 and "20 labels are there: it takes 200" in few.out
    worse = desk("promise", "refit", "refund-small", "--yes")
    assert worse.code == 1 and "it stays as it is" in worse.out
    assert desk("promise", "show", "refund-small", "--json").json["begins_anew"] is None


def test_what_ran_alone_stands_behind_the_questions_and_is_shown(desk: Desk) -> None:
    listed = desk("review")
    said(listed, r"to look back at\n\naud_\w+  billing ran refund alone .* of refund-small\n +refund\(order_id=\"F-1\"")
    assert listed.out.index("wants to call refund") < listed.out.index("to look back at")
    shown = desk("review", "show", desk.audit.removeprefix("aud_")[:7])
    said(
        shown,
        desk.audit,
        r"order_id +F-1",
        r"result +refunded 300 cents of F-1",
        "agent says +“due”",
        r"class +refund-small; promised is at most 5 % wrong, 95 % certain",
        r"score +0\.\d\d, at least 0\.\d\d, from which actions run alone; scored by the fixed rule",
        r"signals +confidence 0\.95, errors 0",
        r"certificate +cert_\w+",
        r"\d\d % of what runs alone is looked at afterwards; by the coin it is one of them",
        "the goal +run_",
        r"→ refund\(",
        rf"review right {desk.audit}",
    )
    page = desk("review", "show", desk.audit, "--json").json
    assert (page["action"], page["assessed"]["audited"]) == (f"{desk.alone}.1.0", True)


def test_right_and_wrong_answer_an_audit_and_are_told_to_the_promise(desk: Desk) -> None:
    id, before = desk.audit, desk("promise", "--json").json["promises"][0]["standing"]["audited"]
    refused(desk("review", "wrong", id, "--reason", " "), 2, "what was wrong")
    said(desk("review", "wrong", id, "--reason", "not due"), rf"{id} was wrong\.", "refund-small: acting alone on")
    assert desk("promise", "--json").json["promises"][0]["standing"]["audited"] == before + 1
    refused(desk("review", "right", id), 1, "answered it at")
    said(desk("review", "show", id), "that it was wrong: not due")
    said(
        desk("runs", "show", desk.alone),
        rf"◁ people look back at refund, which ran alone: {id}",
        "◁ .* looked back at it: refund was wrong: not due",
    )
    assert id not in desk("review").out


def test_each_command_says_which_other_one_answers(desk: Desk) -> None:
    for words in (("approve", desk.audit[4:]), ("claim", desk.audit)):
        refused(desk("review", *words), 2, "this ran already", f"review right {desk.audit}")
    refused(desk("review", "right", desk.review[4:]), 2, "waits for a decision", f"review show {desk.review}")
    refused(desk("review", "right", "nothing"), 2, "no audit 'nothing'")
    left = desk("review", "--json").json
    assert [one["id"] for one in (*left["reviews"], *left["audits"])] == [desk.review, desk.audit]


def test_a_second_look_does_not_know_the_first(desk: Desk) -> None:
    second = asyncio.run(looked_at_once(desk, note="a secret of the first look"))
    shown = desk("review", "show", second, LOGNAME="bob")
    said(shown, "somebody has looked at it already", rf"review right {second}")
    for one in (shown, desk("review", LOGNAME="bob"), desk("review", "show", second, "--json", LOGNAME="bob")):
        assert second in one.out and not re.search("secret|was wrong|says that|runs show", one.out)
    first = desk("review", "show", second, LOGNAME="ann")
    said(first, "another person has to")
    assert "review right" not in first.out
    refused(desk("review", "right", second, LOGNAME="ann"), 1, "another person has to")
    said(desk("review", "right", second, LOGNAME="bob"), "bob says that .* was right")


async def looked_at_once(desk: Desk, note: str) -> str:
    """Have ann say that it was wrong, where the coin asks for a second look; the id of that."""
    ledger = await Ledger.open(str(desk.folder / ".baton" / "baton.db"))
    await Audits(ledger, coin=lambda: 0.0).answer(desk.audit, wrong=True, by="ann", note=note)
    (second,) = await ledger.read(audits.waiting)
    await ledger.close()
    return second.id


def test_a_score_is_never_shown_as_a_stated_confidence(desk: Desk) -> None:
    explained = desk("policy", "explain", desk.asked)
    said(
        explained,
        "needs a person",
        r"score +0\.\d\d, below 0\.\d\d, from which actions run alone",
        r"class +refund-small; promised is at most 5 %",
        r"signals +confidence 0\.05",
        "looked at +by the person who decides it",
    )
    assert "is asked for acting alone" not in explained.out
    shown = desk("review", "show", desk.review)
    said(shown, r"score +0\.\d\d, below", r"confidence +0\.05, as the agent itself says", "certificate +cert_")
    assert "the agent's confidence was" not in shown.out
    (action,) = desk("policy", "explain", desk.asked, "--json").json["actions"]
    (review,) = desk("review", "--json").json["reviews"]
    assert action["assessed"] == review["why"]["assessed"] and action["assessed"]["alone"] is False


def test_an_outcome_is_reported_and_told(desk: Desk) -> None:
    refused(desk("runs", "outcome", desk.alone), 2, "--wrong or --right")
    refused(desk("runs", "outcome", desk.alone, "--wrong", "--action", "run_x.1.0"), 2, f"{desk.alone}.1.0")
    said(desk("runs", "outcome", desk.alone, "--right"), f"what {desk.alone} did was right")
    said(desk("runs", "outcome", desk.alone, "--wrong", "--note", "paid twice"), "was wrong")
    said(desk("runs", "show", desk.alone), "◁ .* reports: refund was right", "reports: refund was wrong: paid twice")
    said(
        desk("promise", "show", "refund-small"),
        r"reported afterwards\n +run_\w+\.1\.0 +wrong, says",
        "they are no labels",
    )
