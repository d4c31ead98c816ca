"""Writes the desk's evaluation cases: its inbox, and complaints of the generator, with what is due for each.

python cases.py [--count 60] [--into cases.jsonl]    (default: cases.jsonl beside this file)

What is due stands in `expected`: refunds in cents by order, who gets an answer, what else may be done, and what a
person says who is asked. No agent sees it.
"""

import argparse
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from complaints import Complaint, write_complaints
from mail import read_inbox, read_mail
from world import make_world

from baton.core import Goal
from baton.evals import Case, write_cases

HERE = Path(__file__).parent
AT_ONCE = 4
"""Mails that come in at the same time."""

EVERY = timedelta(minutes=30)


def main() -> None:
    """Write the file anew."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=60, help="how many cases")
    parser.add_argument("--into", type=Path, default=HERE / "cases.jsonl", help="the file")
    options = parser.parse_args()
    options.into.unlink(missing_ok=True)
    print(f"{write_cases(options.into, desk_cases(options.count))} cases in {options.into}")


def desk_cases(count: int = 60) -> list[Case]:
    """The inbox's mails, then as many complaints as are left of `count`."""
    inbox = read_inbox(HERE / "inbox")
    outcomes: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "outcomes.yaml").read_text(encoding="utf-8"))
    found = [_inbox_case(Path(name).stem, goal, outcomes[Path(name).stem]) for name, goal in inbox.items()]
    taken = {order for case in found for order in case.expected.get("refunds", {})}
    found += _complaint_cases(max(0, count - len(found)), taken)
    return [_comes_in(number, case) for number, case in enumerate(found[:count])]


def _inbox_case(name: str, goal: Goal, outcome: dict[str, Any]) -> Case:
    about = {key: outcome.pop(key) for key in ("risk", "cost") if key in outcome}
    return Case(id=name, goal=goal, expected=outcome, cluster=_sender(goal), provenance=f"inbox/{name}.eml", **about)


def _complaint_cases(count: int, taken: set[str]) -> list[Case]:
    with tempfile.TemporaryDirectory(prefix="desk-cases-") as folder:
        world = Path(folder)
        make_world(world, orders=2000 if count <= 60 else 6000)
        written = write_complaints(world, count + len(taken), seed=7, change=10**9, sale=0.0)
        fitting = [complaint for complaint in written if complaint.order not in taken][:count]
        return [_complaint_case(complaint, world / "mail.eml") for complaint in fitting]


def _complaint_case(complaint: Complaint, file: Path) -> Case:
    file.write_bytes(complaint.mail())
    expected = {
        "ends": "done",
        "refunds": {complaint.order: complaint.due} if complaint.due else {},
        "replies": [complaint.sender],
        "says": complaint.why,
    }
    return Case(
        id=f"complaint-{complaint.number:03}",
        goal=read_mail(file),
        expected=expected,
        cluster=complaint.sender,
        cost=25.0,
        provenance="complaints.py, seed 7",
    )


def _comes_in(number: int, case: Case) -> Case:
    return replace(case, after=EVERY * (number // AT_ONCE))


def _sender(goal: Goal) -> str:
    return next(part.text for part in goal.attachments if part.name == "from")


if __name__ == "__main__":
    main()
