"""The demo of the desk: how its inbox ends, that a kill changes nothing, and that people finish the rest."""

import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.commands import DESK, SECONDS, Done, baton, demo, environment

EXPECTED: dict[str, dict[str, Any]] = yaml.safe_load((DESK / "expected.yaml").read_text("utf-8"))
ENDS = {end: sum(mail["ends"] == end for mail in EXPECTED.values()) for end in ("done", "waiting", "refused")}


def totals(done: Done) -> dict[str, int]:
    """The counts that the demo's last table gives."""
    line = next(line for line in done.out.splitlines() if re.match(r"\d+ mails: ", line))
    counts = line.partition(": ")[2].partition(";")[0]
    return {name: int(count) for count, name in (each.split(" ", 1) for each in counts.split(", "))}


def refunds(folder: Path) -> dict[str, int]:
    """What this desk has paid back: cents by order; a doubled refund would fail the query's key."""
    with closing(sqlite3.connect(folder / ".demo" / "orders.db")) as world:
        rows = world.execute("SELECT order_id, cents FROM refunds WHERE key LIKE 'run_%'").fetchall()
    assert len({order for order, _ in rows}) == len(rows), rows
    return dict(rows)


def effects(folder: Path) -> list[tuple[str, str]]:
    """The state of each refund in the effect ledger."""
    with closing(sqlite3.connect(folder / ".demo" / "baton.db")) as ledger:
        return ledger.execute("SELECT key, state FROM effects WHERE tool = 'refund'").fetchall()


def keys(folder: Path) -> set[str]:
    with closing(sqlite3.connect(folder / ".demo" / "orders.db")) as world:
        return {key for (key,) in world.execute("SELECT key FROM refunds WHERE key LIKE 'run_%'")}


ALONE = {order: cents for mail in EXPECTED.values() for order, cents in mail.get("refunds", {}).items()}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, demo(folder, "--stats")


def test_the_inbox_ends_as_the_policy_says(played: tuple[Path, Done]) -> None:
    folder, done = played
    assert done.code == 0, done.err
    assert totals(done) == {
        "done alone": ENDS["done"],
        "done with a person": 0,
        "waiting for a person": ENDS["waiting"],
        "refused": ENDS["refused"],
    }
    assert refunds(folder) == ALONE
    for mail, ends in EXPECTED.items():
        assert re.search(rf"^{mail} +{ends['ends']}$", done.out, re.MULTILINE), mail
    for rule in ("no-exports", "refund-not-yours", "address-not-yours", "refund-with-approval"):
        assert rule in done.out
    assert "baton review -d .demo" in done.out or "baton.cli review -d .demo" in done.out
    peak = re.search(r"peak memory: (\d+) MB", done.out)
    assert peak and int(peak[1]) < 300
    assert "\x1b" not in done.out + done.err


def test_started_again_it_does_nothing_twice_and_says_so(played: tuple[Path, Done]) -> None:
    folder, done = played
    again = demo(folder)
    assert again.code == 0 and "done by an earlier start" in again.out
    assert totals(again) == totals(done)
    assert refunds(folder) == ALONE


def test_people_answer_and_every_goal_is_finished(played: tuple[Path, Done], tmp_path: Path) -> None:
    shutil.copytree(played[0] / ".demo", tmp_path / ".demo")
    asked = baton(tmp_path, "review", "--json", "-d", ".demo").json["reviews"]
    assert len(asked) == ENDS["waiting"]
    assert {review["agent"] for review in asked} == {"desk", "billing"}
    for _ in range(len(asked) + 4):
        review = asked[0]
        words = ["approve", review["id"]]
        if review["kind"] == "question":
            words = ["respond", review["id"], "no"]
        elif review["tool"] == "send_reply":
            words = ["reject", review["id"], "--reason", "not to strangers"]
        done = baton(tmp_path, "review", *words, "-d", ".demo", "--json", DESK_WORLD=str(tmp_path / ".demo"))
        assert done.code == 0, done
        asked = baton(tmp_path, "review", "--json", "-d", ".demo").json["reviews"]
        if not asked:
            break
    ended = demo(tmp_path)
    counts = totals(ended)
    assert ended.code == 0 and "Nothing waits for you" in ended.out
    assert counts["waiting for a person"] == 0 and sum(counts.values()) == len(EXPECTED)
    assert counts["done with a person"] >= 2 and counts["refused"] == ENDS["refused"] + 1
    assert refunds(tmp_path) == ALONE | {"F-11729": 11900, "F-11631": 18800}
    assert all(state == "done" for _, state in effects(tmp_path))


def test_reviews_find_the_agents_and_their_world_from_any_folder(played: tuple[Path, Done], tmp_path: Path) -> None:
    """No --agents, no DESK_WORLD: both stand beside the database."""
    shutil.copytree(played[0] / ".demo", tmp_path / ".demo")
    note = tmp_path / ".demo" / "baton.db.project"
    note.write_text(note.read_text().replace(str(played[0].resolve()), str(tmp_path.resolve())))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    where = ("-d", str(tmp_path / ".demo"))
    asked = baton(elsewhere, "review", "--json", *where).json["reviews"]
    review = next(each["id"] for each in asked if each["tool"] == "refund")
    done = baton(elsewhere, "review", "approve", review, *where)
    assert done.code == 0 and "done" in done.out, done
    assert len(refunds(tmp_path)) == len(ALONE) + 1


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_at_any_moment_it_finishes_and_refunds_once(seed: int, tmp_path: Path) -> None:
    """Killed twice at moments drawn by chance, then left alone. Moments are counted in events, not in seconds."""
    dice = random.Random(seed)
    for moment in sorted(dice.sample(range(20, 900), 2)):
        kill_after(tmp_path, moment)
    done = demo(tmp_path)
    assert done.code == 0, done.err
    counts = totals(done)
    assert counts["done alone"] == ENDS["done"] and counts["refused"] == ENDS["refused"], done.out
    assert refunds(tmp_path) == ALONE
    assert keys(tmp_path) == {key for key, _ in effects(tmp_path)}


def kill_after(folder: Path, events: int) -> None:
    """Start the demo and kill it once its ledger holds so many events, or let it end before."""
    command = [sys.executable, str(DESK / "demo.py")]
    with subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        database = folder / ".demo" / "baton.db"
        while process.poll() is None:
            if count(database) >= events:
                process.send_signal(signal.SIGKILL)
                break
            try:
                process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
        process.wait(SECONDS)


def count(database: Path) -> int:
    if not database.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=1)) as ledger:
            newest = ledger.execute("SELECT max(id) FROM events").fetchone()[0]
    except sqlite3.OperationalError:
        return 0  # its tables are still being made
    return newest or 0
