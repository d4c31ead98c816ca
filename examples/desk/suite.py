"""The desk's 24 mails as an evaluation: `baton eval run examples/desk/suite.py`."""

import importlib.util
import json
import os
import sqlite3
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from baton.core import Ruling
from baton.evals import Attempt, Case, Score, Suite, ending, exactly_once, permitted
from baton.ledger import EffectState

HERE = Path(__file__).parent


def _beside(name: str) -> ModuleType:
    """A module of this folder, under a name of its own."""
    spec = importlib.util.spec_from_file_location(f"desk_suite_{name}", HERE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def prepare(folder: Path) -> None:
    """Make a fresh world and have the tools work in it."""
    _beside("world").make_world(folder)
    os.environ["DESK_WORLD"] = str(folder)


def cases() -> list[Case]:
    expected: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "expected.yaml").read_text(encoding="utf-8"))
    goals = _beside("mail").read_inbox(HERE / "inbox")
    return [Case(id=Path(name).stem, goal=goal, expected=expected[Path(name).stem]) for name, goal in goals.items()]


def refunds(attempt: Attempt) -> Score:
    """The money that was paid back is what was expected, and each refund in the record is one row in the world."""
    with sqlite3.connect(attempt.folder / "orders.db") as world:
        rows = dict(world.execute("SELECT key, order_id || ' ' || cents FROM refunds"))
    done = [e for e in attempt.effects if e.tool == "refund" and e.state is EffectState.DONE]
    found = sorted(str(rows.get(effect.key)) for effect in done)
    wanted = sorted(f"{order} {cents}" for order, cents in attempt.case.expected.get("refunds", {}).items())
    return Score("refunds", found == wanted, "" if found == wanted else f"expected {wanted}, found {found}")


def replies(attempt: Attempt) -> Score:
    """Answers went to whom they should, and to nobody else."""
    arguments = {p.action.id: p.action.arguments for p in attempt.proposals}
    done = [e.key for e in attempt.effects if e.tool == "send_reply" and e.state is EffectState.DONE]
    found = sorted(str(arguments[key]["to"]) for key in done)
    wanted = sorted(attempt.case.expected.get("replies", ()))
    return Score("replies", found == wanted, "" if found == wanted else f"expected {wanted}, found {found}")


def asked(attempt: Attempt) -> Score:
    """People are asked about what they should be asked about, and about nothing else."""
    found = sorted({review.tool for review in attempt.reviews})
    wanted = [attempt.case.expected["asks"]] if "asks" in attempt.case.expected else []
    return Score("asked", found == wanted, "" if found == wanted else f"expected {wanted}, found {found}")


def refused(attempt: Attempt) -> Score:
    """The rule that should say no has said it."""
    wanted = attempt.case.expected.get("refuses")
    denied = [p for p in attempt.proposals if p.verdict.ruling is Ruling.DENY]
    found = {rule for proposal in denied for rule in proposal.verdict.rules}
    passed = wanted in found if wanted else not found
    return Score("refused", passed, "" if passed else f"expected {wanted}, found {json.dumps(sorted(found))}")


SUITE = Suite(
    name="desk",
    project=HERE / "agents.yaml",
    prepare=prepare,
    cases=cases(),
    scorers=(ending, permitted, exactly_once, refunds, replies, asked, refused),
)
