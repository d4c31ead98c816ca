import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from baton.core import Conflict, InvalidFile, InvalidValue
from baton.core.promoting import Promotion, new_key, public_key, sign, signed_by
from baton.evals.comparing import compare
from baton.evals.gate import Gate, GateFile, Verdict, Word, judge, load_gate
from baton.evals.metrics import METRICS, by_rule, escalation, measured, pass_k
from baton.evals.promotion import make_key, promote, read_key
from baton.evals.report import html, junit, markdown
from baton.evals.results import Results, Tried
from baton.evals.store import Evaluation
from baton.evals.suite import Prices
from baton.ledger.lives import PARTS

HASHES = {"prompts": "p1", "policies": "q1", "dataset": "d1", "people": "e1", "setting": "s1", "scorers": "c1"}


def tried(case: int, *, repeat: int = 0, passed: bool = True, **more: Any) -> Tried:
    """An attempt in which one refund was proposed; `more` overrides what is kept of it."""
    said = {"right": passed, "alone": True, "confidence": 0.9, "harm": 0.0, "hard": "", "error": "", **more}
    outcome = "error" if said["error"] else "pass" if passed and not said["hard"] else "fail"
    key = f"e//{repeat}/{case}"
    row = {
        "id": key, "condition": said.get("condition", ""), "case": str(case), "repeat": repeat, "outcome": outcome,
        "error": said["error"], "prompt_tokens": 1000, "completion_tokens": 100, "questions": int(not said["alone"]),
        "seconds": 600.0, "human_seconds": 0.0 if said["alone"] else 120.0, "retries": 0,
        **{f"{part}_seconds": 60.0 for part in PARTS},
    }  # fmt: skip
    scores = [
        {"scorer": "ending", "passed": passed, "hard": 0, "opinion": 0, "value": None, "detail": "" if passed else "no"}
    ]
    scores.append(
        {"scorer": "no harm", "passed": not said["harm"], "hard": 0, "opinion": 0, "value": said["harm"], "detail": ""}
    )
    if said["hard"]:
        scores.append(
            {"scorer": said["hard"], "passed": 0, "hard": 1, "opinion": 0, "value": None, "detail": "it happened"}
        )
    ruling = "allow" if said["alone"] else "ask"
    action = {
        "tool": "refund", "writes": 1, "right": said["right"], "confidence": said["confidence"], "ruling": ruling,
        "alone": said["alone"], "effect": "done", "rules": "r",
    }  # fmt: skip
    review = {
        "rule": "refund-asks", "agreed": said["right"], "decided_at": 700.0, "opened_at": 100.0,
        "thinking_seconds": 120.0, "off_duty_seconds": 0.0, "queueing_seconds": 0.0,
        "not_looked_at_seconds": 480.0, "delivery_seconds": 0.0,
    }  # fmt: skip
    facts = {"cluster": str(case), "cost": 10.0, "risk": "low"}
    return Tried(row, facts, scores, [action], [] if said["alone"] else [review])


def results(attempts: list[Tried], id: str = "evl_one", **more: Any) -> Results:
    changed: dict[str, str] = more.pop("identity", {})
    repeats = 1 + max((one.row["repeat"] for one in attempts), default=0)
    evaluation = Evaluation(
        id=id, suite="desk", identity={**HASHES, **changed}, about={}, repeats=repeats, seed=0,
        expected=len(attempts), at=0.0, finished_at=more.pop("finished_at", 1.0),
    )  # fmt: skip
    return Results(evaluation, attempts, Prices())


def gate(**asks: Any) -> Gate:
    return Gate(Path("gate.yaml"), GateFile.model_validate({"version": 1, "name": "g", **asks}))


def said(asks: Gate, now: Results, before: Results | None = None) -> Verdict:
    return judge(asks, now, None if before is None else compare(before, now, resamples=500))


GUARDED = {"passed": {"margin": 0.05}}


def test_an_unchanged_system_passes_with_sixty_cases_and_ten_are_inconclusive() -> None:
    sixty, ten = results([tried(at) for at in range(60)]), results([tried(at) for at in range(10)])
    assert said(gate(guarded=GUARDED), sixty, sixty).word is Word.PASS
    few = said(gate(guarded=GUARDED), ten, ten)
    assert few.word is Word.INCONCLUSIVE
    assert "needs about 49 more" in few.reasons[0]


def test_cases_that_fail_now_fail_the_gate_and_what_changed_is_said() -> None:
    before = results([tried(at) for at in range(60)])
    now = results([tried(at, passed=at % 5 != 0) for at in range(60)], "evl_two", identity={"prompts": "p2"})
    found = said(gate(guarded=GUARDED), now, before)
    assert found.word is Word.FAIL
    assert "worse by more than 0.05" in found.reasons[0]
    assert found.reasons[-1] == "since the baseline there changed: prompts"


def test_one_hard_failure_among_many_fails_whatever_the_rate() -> None:
    attempts = [tried(at) for at in range(200)]
    attempts[7] = tried(7, hard="permitted")
    found = said(gate(limits={"passed": {"at_least": 0.9}}), results(attempts))
    assert found.word is Word.FAIL
    assert found.reasons == ("hard failure of 'permitted' in 1 attempts, such as 7: it happened",)


@pytest.mark.parametrize(
    ("now", "before", "asks", "says"),
    [
        (results([]), None, {}, "no attempt says anything"),
        (results([tried(0)], finished_at=None), None, {}, "not finished: 1 of 1"),
        (results([tried(0), tried(1, error="429")]), None, {}, "50.0 % of the attempts are errors"),
        (results([tried(0)]), None, {"guarded": GUARDED}, "against a baseline, and none is given"),
        (results([tried(0)]), None, {"suite": "till"}, "the gate is for suite till"),
        (results([tried(0)], identity={"dataset": "d2"}), results([tried(0)]), {}, "played differently: dataset"),
    ],
)
def test_what_says_nothing_is_invalid(now: Results, before: Results | None, asks: dict[str, Any], says: str) -> None:
    found = said(gate(**asks), now, before)
    assert found.word is Word.INVALID
    assert any(says in reason for reason in found.reasons), found.reasons


def test_errors_of_the_infrastructure_neither_pass_nor_fail() -> None:
    attempts = [
        tried(at, repeat=repeat, error="gone" if (at, repeat) == (0, 1) else "")
        for at in range(50)
        for repeat in (0, 1)
    ]
    found = results(attempts)
    assert found.errors == 1
    assert measured(found, METRICS["passed"]).value == 1.0
    assert said(gate(limits={"passed": {"at_least": 0.9}}), found).word is Word.PASS


def test_opinions_alone_pass_no_gate() -> None:
    one = tried(0)
    opinion = replace(one, scores=[{**one.scores[0], "opinion": 1}])
    assert said(gate(), results([opinion])).word is Word.INVALID


def test_limits_are_held_by_the_whole_interval() -> None:
    half = results([tried(at, passed=at % 2 == 0) for at in range(60)])
    assert said(gate(limits={"passed": {"at_least": 0.3}}), half).word is Word.PASS
    assert said(gate(limits={"passed": {"at_least": 0.5}}), half).word is Word.INCONCLUSIVE
    assert said(gate(limits={"passed": {"at_least": 0.7}}), half).word is Word.FAIL
    assert said(gate(limits={"wrong_alone": {"at_most": 0.1}}), half).word is Word.FAIL


def test_what_has_to_improve_has_to_be_seen_to() -> None:
    before = results([tried(at, alone=at % 2 == 0) for at in range(60)])
    now = results([tried(at) for at in range(60)], "evl_two")
    asks = gate(guarded=GUARDED, improves="questions")
    assert said(asks, now, before).word is Word.PASS
    assert said(asks, before, before).word is Word.FAIL
    assert said(asks, before, now).word is Word.FAIL


def test_a_threshold_is_held_by_an_exact_bound() -> None:
    def of(wrong: int, count: int) -> Results:
        return results([tried(at, passed=at >= wrong) for at in range(count)])

    asks = gate(threshold={"confidence": 0.8, "most_wrong": 0.05})
    assert said(asks, of(0, 59)).word is Word.PASS
    assert said(asks, of(0, 58)).word is Word.INCONCLUSIVE
    assert "needs about 1 more right ones" in said(asks, of(0, 58)).reasons[0]
    assert said(asks, of(20, 60)).word is Word.FAIL


def test_confidence_that_is_not_true_fails() -> None:
    attempts = [tried(at, passed=at % 2 == 0, confidence=0.95) for at in range(80)]
    assert said(gate(gap=0.1), results(attempts)).word is Word.FAIL
    assert said(gate(gap=0.7), results(attempts)).word is Word.PASS


def test_null_comparisons_fail_no_oftener_than_the_certainty_allows() -> None:
    """Two plays of one system whose cases come out by chance: a gate with a small margin must seldom call it worse."""
    failed = 0
    for play in range(60):
        dice = random.Random(play)
        before, now = (results([tried(at, passed=dice.random() < 0.8) for at in range(60)], id) for id in ("a", "b"))
        failed += said(gate(guarded={"passed": {"margin": 0.02}}), now, before).word is Word.FAIL
    assert failed / 60 < 0.05 + 3 * (0.05 * 0.95 / 60) ** 0.5


def test_escalation_is_weighed_by_what_a_mistake_costs() -> None:
    attempts = [tried(0, passed=False, alone=False), tried(1, passed=False), tried(2, alone=False), tried(3)]
    dear = replace(attempts[1], case={**attempts[1].case, "cost": 90.0})
    found = escalation(results([attempts[0], dear, *attempts[2:]]))
    assert (found.asked, found.wrong) == (2, 2)
    assert found.precision == 0.5
    assert found.recall == 0.5
    assert found.by_cost == pytest.approx(0.1)
    (asking,) = by_rule(results(attempts))
    assert (asking.rule, asking.asked, asking.answered, asking.agreed) == ("refund-asks", 2, 2, 1)


def test_pass_power_is_over_cases() -> None:
    attempts = [tried(at, repeat=repeat, passed=at == 0 or repeat == 0) for at in range(2) for repeat in range(3)]
    assert pass_k(results(attempts)) == [(1, pytest.approx(2 / 3)), (2, 0.5), (3, 0.5)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("version: 2\nname: g", "version"),
        ("version: 1\nname: g\nguarded:\n  speed: {margin: 1}", "speed"),
        ("version: 1\nname: g\nimproves: nothing", "nothing"),
        ("version: 1\nname: g\nguarded:\n  passed: {margin: 0}", "margin"),
        ("version: 1\nname: g\nhard: 3", "hard"),
    ],
)
def test_a_gate_that_asks_for_what_there_is_not_is_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "gate.yaml"
    file.write_text(text)
    with pytest.raises(InvalidFile, match=says):
        load_gate(file)


def test_the_same_questions_have_the_same_digest_and_others_another() -> None:
    assert gate(guarded=GUARDED).digest == gate(guarded=GUARDED).digest != gate().digest


def promoted(folder: Path, change: Callable[[dict[str, Any]], object] = lambda record: None) -> Promotion:
    """A record in a folder, changed after it was signed."""
    key = make_key(folder / "promotion.key")
    record = promote(
        folder / "promotion.json", gate(), Verdict(Word.PASS, ()), results([tried(0)]), comparison=None, by="ann",
        pem=read_key(folder / "promotion.key"),
    )  # fmt: skip
    changed = dict(record)
    change(changed)
    (folder / "promotion.json").write_text(json.dumps(changed))
    return Promotion(record=folder / "promotion.json", key=key)


def test_a_promotion_holds_for_exactly_what_was_played(tmp_path: Path) -> None:
    promotion = promoted(tmp_path)
    assert promotion.lacks({"prompts": "p1", "policies": "q1"}) == ""
    assert (
        promotion.lacks({"prompts": "p2", "policies": "q1"})
        == "the promotion has lapsed: prompts changed since evl_one"
    )
    assert promotion.lacks({"thresholds": "t1"}).startswith("the promotion has lapsed: thresholds")
    assert oct((tmp_path / "promotion.key").stat().st_mode)[-3:] == "600"
    with pytest.raises(Conflict, match="there is such a file already"):
        make_key(tmp_path / "promotion.key")


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record["hashes"].update(prompts="p2"),
        lambda record: record.update(verdict="pass!"),
        lambda record: record.pop("signature"),
        lambda record: record.update(signature="bm8="),
        lambda record: record.update(signature="no base64"),
    ],
)
def test_a_record_that_was_changed_promotes_nothing(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    promotion = promoted(tmp_path, change)
    assert "is not signed by the key" in promotion.lacks({"prompts": "p2"})


def test_another_key_no_record_and_no_json_promote_nothing(tmp_path: Path) -> None:
    promotion = promoted(tmp_path)
    assert "not signed" in replace(promotion, key=public_key(new_key())).lacks({})
    (tmp_path / "promotion.json").write_text("[]")
    assert "no promotion record that can be read" in promotion.lacks({})
    (tmp_path / "promotion.json").unlink()
    assert "no promotion record that can be read" in promotion.lacks({})
    with pytest.raises(InvalidValue, match="ed25519"):
        Promotion(record=tmp_path, key="secret")


def test_what_did_not_pass_is_not_promoted(tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="Only what passes is promoted"):
        promote(
            tmp_path / "p.json", gate(), Verdict(Word.INCONCLUSIVE, ()), results([tried(0)]), comparison=None, by="ann",
            pem=new_key(),
        )  # fmt: skip
    with pytest.raises(InvalidValue, match="a private Ed25519 key"):
        sign({}, "no key")
    pem = new_key()
    assert signed_by(sign({"verdict": "fail"}, pem), public_key(pem))


def test_reports_are_whole_and_escape_what_strangers_said() -> None:
    attempts = [tried(at, passed=at % 3 != 0, alone=at % 2 == 0) for at in range(40)]
    attempts[0] = replace(attempts[0], scores=[{**attempts[0].scores[0], "detail": "<script>alert(1)</script>"}])
    now = results(attempts, "evl_two", identity={"prompts": "p2"})
    before = results([tried(at, alone=at % 2 == 0) for at in range(40)])
    comparison = compare(before, now, resamples=200)
    verdict = judge(gate(guarded=GUARDED), now, comparison)
    page = html(now, comparison=comparison, verdict=verdict)
    assert page.count("<svg") >= 6
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "&lt;script&gt;" in page
    assert verdict.word in page
    text = markdown(now, comparison=comparison, verdict=verdict)
    assert "| attempts in which all is as expected |" in text
    assert "**fails now**" in text
    tree = ElementTree.fromstring(junit(now))
    assert (tree.attrib["tests"], tree.attrib["failures"], tree.attrib["errors"]) == ("40", "14", "0")


def test_evaluations_without_a_common_case_cannot_be_compared() -> None:
    with pytest.raises(InvalidValue, match="cases in common"):
        compare(results([tried(0)]), results([tried(1)]))
