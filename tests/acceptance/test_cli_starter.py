"""The starter project as a newcomer uses it: init, run, review, and how each command ends."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from support.commands import baton


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    assert baton(folder, "init", "shop").code == 0
    return folder / "shop"


@pytest.fixture
def shop(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "shop"))


def orders(shop: Path, code: str) -> list[int]:
    stock: dict[str, Any] = json.loads((shop / "stock.json").read_text("utf-8"))
    return list(stock[code]["orders"].values())


def test_init_never_overwrites(shop: Path) -> None:
    (shop / "stock.json").write_text("mine")
    again = baton(shop, "init", "--json")
    assert (again.code, again.json["error"]["kind"]) == (1, "Conflict")
    assert "agents.yaml" in again.json["error"]["message"]
    assert (shop / "stock.json").read_text() == "mine"


def test_a_goal_that_needs_nobody_is_done(shop: Path) -> None:
    done = baton(shop, "run", "How much is left in stock of T-100?")
    assert done.code == 0
    assert "done" in done.out and "green tea" in done.out
    assert "simulated model" in done.err and 'find_stock(code="T-100")' in done.err


def test_a_goal_waits_is_approved_and_goes_on_once(shop: Path) -> None:
    waits = baton(shop, "run", "Order 12 of article T-100", "--json", "--key", "tea")
    assert (waits.code, waits.json["status"]) == (3, "waiting")
    review = waits.json["waits_for"][0]["id"]
    assert waits.json["next"] == [f"python -m baton.cli review show {review}"]
    again = baton(shop, "run", "Order 12 of article T-100", "--json", "--key", "tea")
    assert (again.json["id"], again.json["turns"]) == (waits.json["id"], waits.json["turns"])
    assert orders(shop, "T-100") == []

    listed = baton(shop, "review", "--json").json["reviews"]
    assert [(each["id"], each["tool"], each["arguments"]) for each in listed] == [
        (review, "order_article", {"code": "T-100", "quantity": 12})
    ]
    page = baton(shop, "review", "show", review[4:10])
    for part in ("order_article", "12", "order-with-approval", "0.95", "Order 12 of article T-100", "it stays open"):
        assert part in page.out, part

    approved = baton(shop, "review", "approve", review, "--json")
    assert approved.code == 0
    assert (approved.json["decision"]["kind"], approved.json["outcome"]["status"]) == ("approve", "done")
    assert orders(shop, "T-100") == [12]
    late = baton(shop, "review", "approve", review, "--json")
    assert (late.code, late.json["error"]["kind"]) == (1, "Conflict")
    assert orders(shop, "T-100") == [12]
    assert baton(shop, "review", "--json").json == {"reviews": [], "audits": []}

    shown = baton(shop, "runs", "show", waits.json["id"][4:9], "--json").json
    assert shown["status"] == "done" and shown["reviews"][0]["decision"]["kind"] == "approve"
    assert [event["effect"] for event in shown["events"] if event["kind"] == "effect.done"] == ["done"]
    assert "effect.done" in baton(shop, "runs", "tail", waits.json["id"], "--json").out


def test_an_edit_is_typed_by_the_schema_and_runs_as_edited(shop: Path) -> None:
    review = baton(shop, "run", "Order 12 of article T-200", "--json").json["waits_for"][0]["id"]
    wrong = baton(shop, "review", "edit", review, "--set", "amount=3", "--json")
    assert (wrong.code, wrong.json["error"]["kind"]) == (2, "InvalidValue")
    assert "code, quantity" in wrong.json["error"]["message"]
    wrong = baton(shop, "review", "edit", review, "--set", "quantity=many")
    assert wrong.code == 2 and "integer" in wrong.err
    assert baton(shop, "review", "edit", review).code == 2
    done = baton(shop, "review", "edit", review, "--set", "quantity=7")
    assert done.code == 0 and "12" in done.out and "7" in done.out
    assert orders(shop, "T-200") == [7]


def test_an_edit_that_policy_denies_is_refused(shop: Path) -> None:
    review = baton(shop, "run", "Order 12 of article T-200", "--json").json["waits_for"][0]["id"]
    denied = baton(shop, "review", "edit", review, "--json-args", '{"code": "T-200", "quantity": -1}', "--json")
    assert (denied.code, denied.json["error"]["kind"]) == (1, "Forbidden")
    assert baton(shop, "review", "show", review, "--json").json["state"] == "open"


def test_a_rejection_needs_a_reason_and_is_told(shop: Path) -> None:
    review = baton(shop, "run", "Order 12 of article T-300", "--json").json["waits_for"][0]["id"]
    assert baton(shop, "review", "reject", review).code == 2
    assert baton(shop, "review", "respond", review, "yes").code == 2
    claimed = baton(shop, "review", "claim", review, "--json").json
    assert claimed["claimed_by"]
    done = baton(shop, "review", "reject", review, "--reason", "the shelf is full", "--json").json
    assert done["decision"]["note"] == "the shelf is full"
    assert done["outcome"]["status"] == "refused"
    assert orders(shop, "T-300") == []


def test_next_takes_the_question_that_comes_next(shop: Path) -> None:
    review = baton(shop, "run", "Order 12 of article T-300", "--json").json["waits_for"][0]["id"]
    assert baton(shop, "review", "next", "--skill", "french", "--json").json["review"]["id"] == review
    shown = baton(shop, "review", "next")
    assert shown.code == 0 and review in shown.out and "answer with" in shown.out
    assert baton(shop, "review", "show", review, "--json").json["claimed_by"]
    baton(shop, "review", "reject", review, "--reason", "the shelf is full")
    assert "Nothing waits for you." in baton(shop, "review", "next").out


def test_what_policy_denies_is_refused(shop: Path) -> None:
    policy = shop / "policy.cedar"
    policy.write_text(policy.read_text().split('@id("order-a-little")')[0])
    refused = baton(shop, "run", "Order 2 of article T-100", "--json")
    assert (refused.code, refused.json["status"]) == (4, "refused")
    checked = baton(shop, "policy", "check", "--json")
    assert (checked.code, checked.json["policies"][0]["uncovered"]) == (0, ["order_article"])


def test_what_a_tool_cannot_do_has_failed(shop: Path) -> None:
    failed = baton(shop, "run", "How much is left in stock of T-999?", "--json")
    assert (failed.code, failed.json["status"]) == (1, "failed")
    assert "there is no article T-999" in failed.json["summary"]


def test_runs_are_listed_and_cancelled(shop: Path) -> None:
    assert baton(shop, "runs", "list").code == 2
    run = baton(shop, "run", "Order 12 of article T-100", "--json").json
    listed = baton(shop, "runs", "list", "--json").json["runs"]
    assert [(each["id"], each["status"]) for each in listed] == [(run["id"], "waiting")]
    assert listed[0]["waits_for"] == [run["waits_for"][0]["id"]]
    assert baton(shop, "runs", "cancel", run["id"], "--json").json["run"] == run["id"]
    assert baton(shop, "run", "--resume", run["id"]).code == 1
    assert baton(shop, "runs", "list", "--status", "cancelled", "--json").json["runs"][0]["id"] == run["id"]
    assert baton(shop, "review", "--json").json["reviews"] == []


@pytest.mark.parametrize(
    ("words", "kind", "part"),
    [
        (("run", "x", "--agent", "nobody"), "NotFound", "keeper"),
        (("run", "x", "--agents", "none.yaml"), "NotFound", "none.yaml"),
        (("run", "x", "--attach", "none.txt"), "InvalidFile", "none.txt"),
        (("run", "x", "--deadline", "soon"), "InvalidValue", "2h"),
        (("run",), "InvalidValue", "goal"),
        (("run", "x", "--bogus"), "usage", "--bogus"),
        (("bogus",), "usage", "bogus"),
        (("review", "show", "zzzz"), "NotFound", "database"),
    ],
)
def test_bad_input_is_a_sentence_and_exit_2(shop: Path, words: tuple[str, ...], kind: str, part: str) -> None:
    wrong = baton(shop, *words, "--json")
    assert (wrong.code, wrong.json["error"]["kind"]) == (2, kind), wrong
    assert part in wrong.json["error"]["message"]
    plain = baton(shop, *words)
    assert plain.code == 2 and plain.out == "" and part in plain.err and "Traceback" not in plain.err


def test_a_broken_project_file_is_named_with_its_line(shop: Path) -> None:
    file = shop / "agents.yaml"
    file.write_text(file.read_text().replace("    tools:", "    tool:"))
    wrong = baton(shop, "run", "x")
    assert wrong.code == 2 and "agents.yaml:10" in wrong.err and "tools" in wrong.err
    doctor = baton(shop, "doctor", "--json")
    assert (doctor.code, doctor.json["ok"]) == (1, False)
    assert [each["about"] for each in doctor.json["findings"] if each["state"] == "broken"] == ["project"]


def test_the_doctor_finds_a_sound_project_well(shop: Path) -> None:
    report = baton(shop, "doctor", "--json")
    assert (report.code, report.json["ok"]) == (0, True)
    said = " ".join(each["says"] for each in report.json["findings"])
    for part in ("simulated model", "find_stock, order_article", "policy@", "upper bound", "not there yet"):
        assert part in said
    unreachable = baton(shop, "doctor", "--json", OPENAI_BASE_URL="http://127.0.0.1:9/v1")
    assert unreachable.code == 1


def test_strangers_text_cannot_command_a_terminal(shop: Path) -> None:
    (shop / "mail.txt").write_text("from: \x1b]0;owned\x07 \x1b[2J \u202egnp.exe T-100", encoding="utf-8")
    waits = baton(shop, "run", "Order 12 of article T-100 \x1b[31mnow\u2066", "--attach", "mail.txt")
    assert waits.code == 3
    review = baton(shop, "review", "--json")
    pages = [waits.out, waits.err, review.out]
    pages += [baton(shop, *words).out for words in (("review",), ("runs", "list"))]
    page = baton(shop, "review", "show", review.json["reviews"][0]["id"]).out
    assert "gnp.exe" in page and "owned" in page
    run = review.json["reviews"][0]["run"]
    pages += [page, baton(shop, "runs", "show", run).out, baton(shop, "runs", "show", run, "--json").out]
    for text in pages:
        assert not set(text) & {"\x1b", "\x07", "\u202e", "\u2066"}


def test_a_chat_through_a_pipe_takes_a_turn_a_line(shop: Path) -> None:
    talk = baton(shop, "chat", typed="How much is left in stock of T-200?\n\n/help\nOrder 9 of article T-300\n")
    assert talk.code == 0
    assert "black tea" in talk.out
    assert "order-with-approval" in talk.err and "review show rev_" in talk.err
    run = talk.err.split("chat --resume ")[1].split()[0]
    review = baton(shop, "review", "--json").json["reviews"][0]["id"]
    assert baton(shop, "review", "approve", review).code == 0
    assert orders(shop, "T-300") == [9]
    more = baton(shop, "chat", "--resume", run, "--json", typed="How much is left in stock of T-100?\n/cancel\n")
    answers = json.loads(more.out.splitlines()[0])
    assert answers["run"] == run and "green tea" in answers["answers"][-1]
    assert baton(shop, "runs", "list", "--json").json["runs"][0]["status"] == "cancelled"
