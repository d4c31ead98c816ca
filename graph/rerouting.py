"""Work that goes to somebody else: where it was not done, and where its taker is overloaded and has not begun."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from baton.core import Confidentiality, Label, Trust, format_duration
from baton.graph import handing
from baton.ledger import DecisionKind, Handoff, HandoffState, Run, Transaction, events, handoffs, runs, timers


def route_of(
    task: str, tokens: int | None, within: float | None, label: Label, rest: Sequence[tuple[str, handing.Terms]]
) -> dict[str, Any] | None:
    """What is kept of an offer to be made to the next one, where it is not done; None where nobody comes next."""
    if not rest:
        return None
    return {
        "task": task,
        "tokens": tokens,
        "within": within,
        "trust": int(label.trust),
        "confidentiality": int(label.confidentiality),
        "rest": [{"taker": taker, "terms": asdict(said)} for taker, said in rest],
    }


def reroute(tx: Transaction, id: str) -> None:
    """Offer work that was not done to the next one who has the skill, and tell its giver."""
    before = handoffs.get(tx, id)
    route, following = before.route, before.next
    if route is None or following is None or not handoffs.rerouted(tx, before):
        return
    run, left = runs.get(tx, before.run), [(one["taker"], handing.Terms(**one["terms"])) for one in route["rest"][1:]]
    label = Label(Trust(route["trust"]), confidentiality=Confidentiality(route["confidentiality"]))
    rest = route_of(route["task"], route["tokens"], route["within"], label, left)
    due = None if route["within"] is None else tx.now + route["within"]
    action, _, number = before.action.partition("~")
    again = f"{action}~{int(number or 1) + 1}"
    made = handing.drafted(
        run, again, following["taker"], handing.Terms(**following["terms"]), before.depth, due, tx.now, rest
    )
    handing.offer(tx, run, made, route["task"], at_most(run, route["tokens"]), label)
    events.emit(tx, run.id, "handoff.rerouted", handoff=id, following=made.id, to=made.taker, why=before.state.value)
    text = f"[hand-off {id} to {before.taker} {before.state.value}: offered to {made.taker} now, as {made.id}]"
    handing.tell_giver(tx, made, f"{text} You need not do anything.")


def following(tx: Transaction, run: Run) -> str:
    """What a giver is told beside how the work ended: that it goes to somebody else; empty if it does not."""
    handoff = handoffs.of_child(tx, run.id)
    if handoff is None or handoff.next is None:
        return ""
    return f" It is offered to {handoff.next['taker']} next: you need not do anything."


def at_most(run: Run, tokens: int | None) -> int | None:
    budget = run.goal.budget.tokens
    left = None if budget is None else max(1, budget - run.prompt_tokens - run.completion_tokens)
    given = [one for one in (tokens, left) if one is not None]
    return min(given) if given else None


def unanswered(tx: Transaction, id: str) -> None:
    """Move work that nobody has taken to who is idle, where there is somebody; else tell its giver."""
    handoff = handoffs.get(tx, id)
    if handoff.state is not HandoffState.OFFERED or handoff.bid_of is not None:
        return
    tells = handoff.offered_at + handing.PATIENCE
    if handoff.rest and (_moved(tx, handoff) or tx.now < tells):
        if handoffs.get(tx, id).state is HandoffState.OFFERED:
            timers.start(tx, handoff.run, min(tx.now + handing.MOVES, tells), "offer", id)
        return
    events.emit(tx, handoff.run, "handoff.unanswered", handoff=handoff.id, taker=handoff.taker)
    text = f"[hand-off {handoff.id} to {handoff.taker}: nobody has taken it yet] It stays offered."
    handing.tell_giver(
        tx, handoff, f"{text} You may withdraw it with `withdraw_handoff`, and hand it to somebody else."
    )


def _moved(tx: Transaction, handoff: Handoff) -> bool:
    """Take an offer from an overloaded taker that has not begun, for the next one, where that one has less to do."""
    run, to = runs.get(tx, handoff.run), str(handoff.rest[0]["taker"])
    past = handoffs.past_work(tx, [handoff.taker, to], handoff.contract, run.tenant)
    busy, idle = past[handoff.taker].open, past[to].open
    if idle + 1 >= busy:  # it would have as much with this piece
        return False
    why = f"{handoff.taker} has not begun in {format_duration(tx.now - handoff.offered_at)}, with {busy} pieces of work"
    if not handoffs.end(tx, handoff, HandoffState.EXPIRED, f"{why}; {to} has {idle}"):
        return False
    handing.called_off(tx, handoff, DecisionKind.EXPIRED, f"it goes to {to}")
    said = {"handoff": handoff.id, "taker": handoff.taker, "to": to, "had": busy, "has": idle}
    events.emit(tx, handoff.run, "handoff.moved", **said, why=f"{why}; {to} has {idle}")
    return True
