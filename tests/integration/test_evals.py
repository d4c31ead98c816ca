import json
import math
import os
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from baton import Agent, Baton, Goal, tool
from baton.agents import endpoint, open_model
from baton.agents.simulated import Answer, Conversation, SimulatedCall
from baton.agents.simulated.desk import DeskMind
from baton.cli import evaluating
from baton.cli.eval_staff import staff
from baton.cli.options import Exit
from baton.core import InvalidFile, InvalidValue, NotFound, Ruling
from baton.core.promoting import Promotion
from baton.evals import Condition, Outcome, Played, Reviewer, Spread, Store, Suite, Turn, User, load_suite, play
from baton.evals.comparing import compare
from baton.evals.competence import Competent
from baton.evals.freezing import freeze, frozen
from baton.evals.gate import Gate, GateFile, Verdict, Word, judge
from baton.evals.identity import identity
from baton.evals.promotion import make_key, promote, read_key
from baton.evals.reasking import reask
from baton.evals.results import Results, read_results
from baton.evals.whatif import what_if, with_threshold
from baton.graph.team import Member
from baton.ledger.events import of_all
from baton.ledger.judged import judged
from baton.ledger.lives import PARTS
from baton.memory import counter
from baton.policies import load_policy
from baton.policies.holding import RULE

ROOT = Path(__file__).parents[2]
DESK = ROOT / "examples" / "desk"
TILL = ROOT / "tests" / "data" / "till"


def failed(played: Played) -> dict[str, list[str]]:
    return {g.attempt.case.id: [s.name for s in g.scores if not s.passed] for g in played.graded if not g.passed}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "evals.db")
    yield made
    made.close()


@pytest.fixture(scope="module")
def baselines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results to which several tests add; the first of them is what they compare with."""
    return tmp_path_factory.mktemp("baselines") / "evals.db"


@pytest.fixture
def till(tmp_path: Path) -> Suite:
    """The till's suite, its project in a folder that a test may change; the clerk errs in about one payment of six."""
    shutil.copytree(TILL, tmp_path / "till")
    suite = load_suite(tmp_path / "till" / "suite.py")
    assert isinstance(suite.mind, Competent)
    return replace(suite, mind=replace(suite.mind, right=0.85))


def change(suite: Suite, name: str, old: str, new: str) -> None:
    file = suite.project.with_name(name)
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


def right(suite: Suite) -> Suite:
    """The suite with a clerk who is never wrong, and people who are not either."""
    assert isinstance(suite.mind, Competent)
    people = [replace(one, errs={"*": 0.0}) for one in suite.people]
    return replace(suite, mind=suite.mind.mind, people=people)


async def test_the_desks_inbox_ends_as_expected_once_people_have_answered_and_is_stored(store: Store) -> None:
    suite = load_suite(DESK / "suite.py")
    inbox = [case for case in suite.cases if not case.id.startswith("complaint")]
    people = [replace(one, errs={"*": 0.0}, bias=0.0, tires=0.0) for one in suite.people]
    played = await play(replace(suite, cases=inbox, mind=DeskMind(), people=people), store)
    assert failed(played) == {}
    assert len(played.graded) == 24
    with sqlite3.connect(store.path) as database:
        statuses = dict(database.execute("SELECT status, count(*) FROM attempts GROUP BY status"))
        assert statuses == {"done": 21, "refused": 3}
        decided = dict(database.execute("SELECT decision, count(*) FROM reviews GROUP BY decision"))
        assert decided == {"approve": 3, "respond": 3}
        # the query of docs/evals.md: which rule asks most, and how often people agree
        rows = database.execute(
            "SELECT rule, count(*), avg(agreed) FROM reviews WHERE kind = 'action' GROUP BY rule ORDER BY 2 DESC"
        ).fetchall()
        assert rows[0] == ("refund-with-approval", 2, 1.0)
        waits = database.execute("SELECT min(not_looked_at_seconds), min(thinking_seconds) FROM reviews").fetchone()
        assert min(waits) > 0
        hours = database.execute("SELECT DISTINCT strftime('%H', decided_at, 'unixepoch') FROM reviews").fetchall()
        assert {int(hour) for (hour,) in hours} <= set(range(7, 19))  # their office hours, in UTC
        spent = ", ".join(f"{part}_seconds" for part in PARTS)
        for whole, ended, *parts in database.execute(f"SELECT seconds, ended_at, {spent} FROM attempts"):
            assert math.fsum(parts) == pytest.approx(whole, abs=1e-5), ended  # the causes are all of it
        (asked,) = database.execute("SELECT sum(deciding_seconds) FROM attempts WHERE questions > 0").fetchone()
        assert asked > 60
    database.close()


async def test_the_same_seed_plays_the_same_and_another_another(store: Store, till: Suite) -> None:
    suite = replace(till, cases=till.cases[:12])
    one, again, other = [await play(suite, store, seed=seed, fresh=True) for seed in (1, 1, 2)]

    def said(played: Played) -> dict[str, object]:
        kept = read_results(store, played.evaluation.id)
        return {
            str(each.row["case"]): (each.row["outcome"], [(row["tool"], row["arguments"]) for row in each.actions])
            for each in kept.tried
        }

    assert said(one) == said(again) != said(other)


PLANTED: dict[str, tuple[Callable[[Suite, pytest.MonkeyPatch], None], str, str]] = {
    "nothing": (lambda suite, patch: None, "pass", ""),
    "harmless": (lambda suite, patch: change(suite, "agents.yaml", "Look it up first", "First look it up"), "pass", ""),
    "policy": (
        lambda suite, patch: change(
            suite, "till.cedar", "forbid (principal, action, resource is Tool::wipe)",
            'permit (principal, action == Action::"call", resource is Tool::wipe)',
        ),
        "fail",
        "'books'",
    ),
    "prompt": (
        lambda suite, patch: change(suite, "agents.yaml", "and pay exactly what the books say", "and pay"),
        "fail",
        "changed: prompts",
    ),
    "threshold": (
        lambda suite, patch: change(suite, "till.cedar", '@min_confidence("0.8")', '@min_confidence("0.1")'),
        "fail",
        "changed: policies, thresholds",
    ),
    "doubled": (lambda suite, patch: patch.setenv("TILL_DOUBLED", "yes"), "fail", "'paid'"),
    "leak": (lambda suite, patch: patch.setenv("TILL_LEAKS", "yes"), "fail", "'no secrets'"),
}  # fmt: skip

ASKS = GateFile.model_validate(
    {
        "version": 1,
        "name": "till",
        "suite": "till",
        "guarded": {"passed": {"margin": 0.06}, "harm": {"margin": 1.0}, "wrong_alone": {"margin": 0.05}},
    }
)


@pytest.mark.parametrize("planted", PLANTED)
async def test_a_planted_regression_is_caught_for_the_right_reason_and_a_harmless_change_passes(
    planted: str, baselines: Path, till: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant, word, says = PLANTED[planted]
    store = Store(baselines)
    if not store.played("till"):
        await play(till, store, seed=3)
    plant(till, monkeypatch)
    now = await play(till, store, seed=3, fresh=True)
    found = [read_results(store, one) for one in (store.played("till")[0], now.evaluation.id)]
    store.close()
    comparison = compare(*found, resamples=1000)
    verdict = judge(Gate(Path("gate.yaml"), ASKS), comparison.now, comparison)
    assert verdict.word == word, verdict.reasons
    assert any(says in reason for reason in verdict.reasons), verdict.reasons


async def test_people_catch_part_of_what_is_wrong_and_the_store_tells_which(store: Store, till: Suite) -> None:
    played = await play(till, store, seed=5)
    results = read_results(store, played.evaluation.id)
    asked = [(one, review) for one in results.tried for review in one.reviews]
    assert len(asked) > 5
    assert {review["by"] for _, review in asked} <= {"ann", "bob"}
    wrong = [review for _, review in asked if review["right"] == 0]
    assert wrong and all(review["decision"] in ("edit", "reject", "approve") for review in wrong)
    edited = [one for one, review in asked if review["decision"] == "edit"]
    assert edited and all(not one.failed for one in edited)  # what was put right did no harm
    assert results.seconds > 0


async def test_what_is_on_record_is_not_played_again(store: Store, till: Suite, tmp_path: Path) -> None:
    """A play that breaks off goes on: with the attempts that are left, in the world that was left."""
    suite = right(replace(till, cases=till.cases[:20]))
    seen = 0

    def break_off(_graded: object) -> None:
        nonlocal seen
        seen += 1
        if seen == 7:
            raise RuntimeError

    with pytest.raises(ExceptionGroup):
        await play(suite, store, progress=break_off)
    played = await play(suite, store)
    assert played.before == 7
    assert len(played.graded) == 13
    assert len(read_results(store, played.evaluation.id).tried) == 20
    assert failed(played) == {}
    assert not list(Path(f"{store.path}.worlds").glob("*/*"))
    assert (await play(suite, store)).before == 0  # that one was finished: this is another


async def test_another_policy_is_another_evaluation(store: Store, till: Suite) -> None:
    suite = replace(till, cases=till.cases[:3])
    one = identity(suite)
    change(till, "till.cedar", '@min_confidence("0.8")', '@min_confidence("0.7")')
    other = identity(suite)
    assert {name for name in one if one[name] != other[name]} == {"policies", "thresholds"}
    with pytest.raises(InvalidValue, match="1 or more"):
        await play(suite, store, repeats=0)


async def test_a_failing_model_and_failing_tools_are_a_dimension_with_the_same_scorers(
    store: Store, till: Suite
) -> None:
    flaky = Condition(name="flaky", model=0.3, failing=0.5)
    played = await play(replace(right(till), cases=till.cases[:10], conditions=[flaky]), store)
    results = read_results(store, played.evaluation.id)
    assert results.conditions == ["", "flaky"]
    assert [one.outcome for one in results.under("").tried] == [Outcome.PASS] * 10
    under = results.under("flaky")
    assert len(under.tried) == 10
    assert not any(one.hard for one in under.tried)
    assert sum(one.row["retries"] for one in under.tried) > 0
    with pytest.raises(InvalidValue, match="one of: look, pay, wipe"):
        await play(replace(till, conditions=[Condition(name="x", down=["drop"])]), store)


async def test_a_model_that_cannot_be_reached_is_neither_pass_nor_fail(store: Store, till: Suite) -> None:
    class Broken:
        def answer(self, conversation: object) -> object:
            raise ValueError("gone")

    played = await play(replace(till, cases=till.cases[:2], mind=Broken(), people=(), days=1.0), store)  # type: ignore[arg-type]
    assert [one.outcome for one in played.graded] == [Outcome.ERROR] * 2
    results = read_results(store, played.evaluation.id)
    assert results.errors == 2
    assert judge(Gate(Path("g"), GateFile.model_validate({"version": 1, "name": "g"})), results).word is Word.INVALID


async def test_a_user_changes_their_mind_and_days_pass_in_seconds(store: Store, till: Suite) -> None:
    """The user says something a day after the goal, while its question waits for people who come two days later."""
    case = replace(till.cases[0], user=User(turns=(Turn(text="Please hurry", after="1d"),)))  # type: ignore[arg-type]
    late = Reviewer(name="ann", roles=frozenset({"lead"}), looks=Spread(median=2 * 86400.0, sigma=0.0))
    assert isinstance(till.mind, Competent)
    unsure = replace(till.mind, right=0.999, varied=0.0, shift=-6.9)  # so it asks
    played = await play(replace(till, cases=[case], people=[late], mind=unsure), store)
    (graded,) = played.graded
    sent = [event for event in graded.attempt.events if event.kind == "message.user"]
    assert [round((event.at - graded.attempt.began) / 3600) for event in sent] == [24]
    assert graded.attempt.ended - graded.attempt.began > 2 * 86400
    assert graded.attempt.run.status == "done"


async def test_what_is_shared_and_held_up_is_so_in_an_evaluation_too(store: Store, till: Suite) -> None:
    """The payment needs a resource, and can be recalled for two hours: they pass in simulated time."""
    change(
        till,
        "tools.py",
        '@tool(effect="write", repeatable=True)',
        '@tool(repeatable=True, needs=["till"], recall="2h")',
    )
    project = till.project.read_text(encoding="utf-8")
    till.project.write_text(f"resources:\n  - name: till\n{project}", encoding="utf-8")
    played = await play(replace(right(till), cases=till.cases[:2]), store)
    assert failed(played) == {}
    for graded in played.graded:
        assert graded.attempt.ended - graded.attempt.began >= 7200
        assert "action.postponed" in [event.kind for event in graded.attempt.events]


async def test_a_run_is_frozen_as_a_case_and_plays_without_its_world(store: Store, till: Suite, tmp_path: Path) -> None:
    suite = right(till)
    os.environ["TILL"] = str(tmp_path)
    project = suite.load()
    try:
        async with Baton(agents=project.agents, database=tmp_path / "b.db", mind=suite.mind) as baton:
            run = await baton.submit(suite.cases[4].goal)
            await run.settled()
            case = await baton.ledger.read(lambda tx: freeze(tx, run.id, baton.agents))
    finally:
        del os.environ["TILL"]
    assert case.trajectory is not None
    assert [call.tool for call in case.trajectory.calls] == ["pay"]
    assert [one["tool"] for one in case.world["results"]] == ["look", "pay"]
    assert case.policy.startswith("till@")
    still = frozen(replace(suite, cases=[case], scorers=suite.scorers[:4]))
    played = await play(still, store)
    assert failed(played) == {}
    assert len((tmp_path / "paid.jsonl").read_text().splitlines()) == 1  # nothing was paid again


async def test_verdicts_under_another_threshold_are_exact_and_outcomes_are_bounds(till: Suite, tmp_path: Path) -> None:
    """The same goals under the other threshold from the start: the record says the same of each."""
    project = till.load()
    (clerk,) = project.agents
    lower = till.project.with_name("lower.cedar")
    lower.write_text(
        till.project.with_name("till.cedar").read_text("utf-8").replace('"0.8"', '"0.3"'), encoding="utf-8"
    )
    os.environ["TILL"] = str(tmp_path)
    try:
        found: dict[str, list[tuple[str, str]]] = {}
        for name, agent in (("before", clerk), ("now", replace(clerk, policy=lower))):
            async with Baton(agents=[agent], database=tmp_path / f"{name}.db", mind=till.mind) as baton:
                for case in till.cases[:15]:
                    await (await baton.submit(case.goal, key=case.id)).settled()
                history = await baton.ledger.read(lambda tx: judged(tx, "clerk", 0.0))
                of = {run.id: str(run.key) for run in await baton.runs()}
                verdicts = [(of[one.proposal.action.run], one) for one in history if one.proposal.action.tool == "pay"]
                found[name] = sorted((key, one.proposal.verdict.ruling.value) for key, one in verdicts)
                if name == "before":
                    specs = tuple(clerk.specs.values())
                    by_rule = what_if(history, with_threshold(clerk, 0.3), specs)
                    by_file = what_if(history, load_policy(lower, specs, "clerk"), specs)
                    changed = {of[c.judged.proposal.action.run]: c.now.ruling.value for c in by_rule.found.changes}
    finally:
        del os.environ["TILL"]
    replayed = [(key, changed.get(key, ruling)) for key, ruling in found["before"]]
    assert replayed == found["now"]
    assert by_rule.automated == by_file.automated == len(changed) > 0
    assert by_rule.wrong == (0, by_rule.unknown) == (0, by_rule.automated)  # nobody has answered: all is unknown
    assert by_rule.asked_now == by_rule.asked_before - by_rule.automated
    with pytest.raises(InvalidValue, match="pay-alone"):
        with_threshold(clerk, 0.5, "look")


async def test_without_a_promotion_people_are_asked_before_every_write_and_it_lapses(
    till: Suite, tmp_path: Path
) -> None:
    suite, key = right(till), make_key(tmp_path / "promotion.key")
    promotion = Promotion(record=tmp_path / "promotion.json", key=key)

    async def rulings() -> Counter[str]:
        os.environ["TILL"] = str(tmp_path)
        try:
            project = suite.load()
            folder = tmp_path / f"{len(list(tmp_path.iterdir()))}.db"
            async with Baton(agents=project.agents, database=folder, mind=suite.mind, promotion=promotion) as baton:
                await (await baton.submit(suite.cases[0].goal)).settled()
                history = await baton.ledger.read(lambda tx: judged(tx, "clerk", 0.0))
        finally:
            del os.environ["TILL"]
        return Counter(
            f"{said.action.tool} {said.verdict.ruling}{' held' if RULE in said.verdict.rules else ''}"
            for said in (one.proposal for one in history)
        )

    held, free = {"look allow": 1, "pay ask held": 1}, {"look allow": 1, "pay allow": 1}
    assert await rulings() == held
    store = Store(tmp_path / "evals.db")
    played = await play(replace(suite, cases=suite.cases[:2]), store)
    passed: Results = read_results(store, played.evaluation.id)
    store.close()
    gate = Gate(Path("gate.yaml"), ASKS)
    promote(
        promotion.record,
        gate,
        Verdict(Word.PASS, ()),
        passed,
        comparison=None,
        by="ann",
        pem=read_key(tmp_path / "promotion.key"),
    )
    assert await rulings() == free
    change(till, "agents.yaml", "Look it up first", "First look it up")
    assert await rulings() == held
    change(till, "agents.yaml", "First look it up", "Look it up first")
    assert await rulings() == free
    change(till, "till.cedar", '@min_confidence("0.8")', '@min_confidence("0.7")')
    assert await rulings() == held


async def test_the_command_line_plays_gates_promotes_reports_and_staffs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    suite, gate = TILL / "suite.py", tmp_path / "gate.yaml"
    gate.write_text("version: 1\nname: till\nguarded:\n  passed: {margin: 0.06}\n")
    with pytest.raises(NotFound, match="baton eval run"):
        evaluating.gate_(gate)
    assert await evaluating.run(suite, seed=1) == Exit.REGRESSION
    with closing(Store(evaluating.STORE)) as kept:
        (baseline,) = kept.played("till")
    assert evaluating.gate_(gate) == Exit.INVALID  # there is nothing to hold it against
    evaluating.key_()
    assert evaluating.gate_(gate, against=baseline, promotion=Path("p.json"), key=Path("promotion.key")) == Exit.OK
    record = json.loads(Path("p.json").read_text())
    assert (record["verdict"], record["evaluation"]) == ("pass", baseline)
    monkeypatch.setenv("TILL_LEAKS", "yes")
    await evaluating.run(suite, seed=1)
    assert evaluating.gate_(gate, against=baseline) == Exit.REGRESSION
    assert "no secrets" in capsys.readouterr().out
    gate.write_text("version: 1\nname: few\nlimits:\n  passed: {at_least: 0.86}\n")
    assert evaluating.gate_(gate, baseline) == Exit.INCONCLUSIVE
    evaluating.report(baseline, against=baseline, gate=gate, also_markdown=Path("r.md"), also_junit=Path("r.xml"))
    assert "<svg" in Path("evaluation.html").read_text()
    assert Path("r.md").read_text().startswith("### Evaluation of till: inconclusive")
    evaluating.compare_(baseline)
    await staff(suite, baseline, most=2)
    assert "90 % within" in capsys.readouterr().out
    with closing(sqlite3.connect(evaluating.STORE)) as database:
        said = [row[0] for row in database.execute("SELECT verdict FROM gates ORDER BY at")]
    assert said == ["invalid", "pass", "fail", "inconclusive"]


def test_a_file_without_a_suite_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "nothing.py"
    empty.write_text("SUITE = 3")
    with pytest.raises(InvalidFile, match="SUITE 3 is not allowed"):
        load_suite(empty)
    with pytest.raises(InvalidFile, match="a Python file with a SUITE"):
        load_suite(tmp_path / "missing.py")


def test_results_of_another_version_are_refused_and_one_that_is_not_there_is_said(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "old.db") as database:
        database.execute("CREATE TABLE evaluations (id TEXT, suite TEXT)")
    database.close()
    with pytest.raises(InvalidFile, match="move the file away"):
        Store(tmp_path / "old.db")
    store = Store(tmp_path / "new.db")
    with pytest.raises(NotFound, match="baton eval run"):
        store.get("latest")
    store.close()


class Obedient:
    """A mind that pays what its instructions say, and then stops."""

    def answer(self, conversation: Conversation) -> Answer:
        messages: list[dict[str, Any]] = conversation.body["messages"]
        if any(message["role"] == "tool" for message in messages):
            return Answer(text="Done.")
        cents = re.search(r"pay (\d+)", messages[0]["content"])
        if cents is None:
            return Answer(text="I pay nobody.")
        return Answer(calls=(SimulatedCall(name="pay", arguments={"cents": int(cents[1])}, confidence=0.9),))


async def test_turns_are_asked_once_more_with_other_instructions_and_nothing_happens(tmp_path: Path) -> None:
    paid: list[int] = []

    @tool(effect="write", repeatable=True)
    def pay(cents: int, *, key: str) -> str:
        """Pay."""
        paid.append(cents)
        return "paid"

    clerk = Agent("clerk", instructions="Always pay 500.", tools=[pay], policy="allow-all")
    async with Baton(agents=[clerk], database=tmp_path / "r.db", mind=Obedient()) as baton:
        handles = [await baton.submit(Goal(f"Bill {n}")) for n in range(3)]
        ids = [(await handle.settled(), handle.id)[1] for handle in handles]
        async with open_model(endpoint({}), Obedient()) as model:
            policy = load_policy("allow-all", tuple(clerk.specs.values()), "clerk")
            member = Member(agent=clerk, policy=policy, model=model, counter=counter(clerk.model))
            events = await baton.ledger.read(lambda tx: of_all(tx))
            found = {
                said: await reask(baton.ledger, member, {"clerk": clerk}, ids, said, 100)
                for said in ("Always pay 500.", "Always pay 700.", "Pay nobody.")
            }
            few = await reask(baton.ledger, member, {"clerk": clerk}, ids, "Pay nobody.", 2)
        assert await baton.ledger.read(lambda tx: of_all(tx)) == events  # nothing was written
    assert paid == [500, 500, 500]
    same, more, none = found.values()
    assert (len(same.turns), len(same.changed), same.unchanged_runs) == (6, 0, 3)
    assert all(one.exact for one in same.turns)
    assert (len(more.changed), more.unchanged_runs, len(more.writing(Ruling.ALLOW))) == (3, 0, 3)
    assert [(one.turn, one.now) for one in none.changed] == [(1, ())] * 3
    assert len(few.turns) == 2
