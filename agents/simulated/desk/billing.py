"""Billing: reads which orders a task wants refunded, looks each up, and pays one after the other."""

import re
from typing import NoReturn

from baton.agents.simulated.desk import facts, replies
from baton.agents.simulated.desk.letter import Letter
from baton.agents.simulated.desk.script import Ending, Outcome, Script
from baton.agents.simulated.minds import SimulatedCall

MOST = 10
"""Orders that one task may name."""


def billing(letter: Letter, script: Script) -> NoReturn:
    """Carry one task out, to its end."""
    lines = [line for line in letter.statement.split("\n") if facts.orders(line)][:MOST]
    if not lines:
        text = "the task names no order"
        script.finish(text, [text], "failed")
    numbers = [facts.orders(line)[0] for line in lines]
    looked_up = script.do_all([SimulatedCall(name="find_order", arguments={"order_id": number}) for number in numbers])
    reports = [_refund(script, letter, *each) for each in zip(lines, numbers, looked_up, strict=True)]
    states = [state for state, _ in reports]
    summary = "; ".join(text for _, text in reports)
    outcome: Ending = "done" if "done" in states else "refused" if "refused" in states else "failed"
    evidence = [f"{criterion} {summary}" for criterion in letter.criteria] or [summary]
    script.finish(summary, evidence, outcome)


def _refund(script: Script, letter: Letter, line: str, number: str, found: Outcome) -> tuple[str, str]:
    order = found.value
    if not order:
        return "failed", f"{number}: not found ({found.text})"
    left = order["total_cents"] - order["refunded_cents"]
    cents = next(iter(facts.amounts(line)), left)
    if not 0 < cents <= left:
        return "failed", f"{number}: not refunded, {replies.money(left)} is left of it"
    said = re.search(r"confidence (\d?\.\d+)", line)
    customer = next(iter(facts.emails(line)), letter.sender or order["email"])
    reason = re.search(r"reason: ([^;]+)", line)
    paid = script.do(
        "refund",
        float(said[1]) if said else 0.85,
        line.strip(),
        order_id=order["order_id"],
        cents=cents,
        customer=customer,
        reason=reason[1].strip() if reason else "as the desk asked",
    )
    if paid.state == "done":
        return "done", f"{number}: refunded {replies.money(int(paid.value.get('cents', cents)))}"
    return "failed" if paid.state == "failed" else "refused", f"{number}: not refunded ({paid.text})"
