"""Handing work on: the offer, what becomes of it, and how each side is told. Its rows are ledger/handoffs.py."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from baton.agents import SKILL, Agent, meant
from baton.core import (
    BatonError,
    Budget,
    Contract,
    Goal,
    InvalidValue,
    Label,
    MailArrived,
    NotFound,
    ReviewId,
    Ruling,
    RunId,
    Trust,
    Verdict,
    agreed,
    dump,
    format_time,
    random_id,
)
from baton.graph.team import Team
from baton.graph.trouble import open_review
from baton.ledger import (
    DecisionKind,
    EffectState,
    Handoff,
    HandoffState,
    Line,
    ReviewKind,
    Run,
    Transaction,
    effects,
    handoffs,
    joins,
    mail,
    reviews,
    runs,
    timers,
)
from baton.review.typed import shape_told, unfit

DEEPEST = 5
"""How often work may be handed on, the first time included."""

MOVES = 60.0
"""Seconds between two looks whether somebody who is idle should have what an overloaded taker has not begun."""

PATIENCE = 900.0
"""Seconds after which the giver is told that nobody has taken what it offered."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What is said with an offer, as it was agreed on.

    Attributes:
        payload: As `version` of the contract says it.
        answers: The schema of the answer; None for one in words.
    """

    contract: str | None = None
    version: int | None = None
    payload: Mapping[str, Any] | None = None
    answers: Mapping[str, Any] | None = None


def terms(
    giver: Agent, taker: Agent | None, contract: str | None, version: int | None, payload: dict[str, Any] | None
) -> Terms:
    """Agree on what is said with an offer: in the newest version that both sides understand.

    Args:
        giver: Who offers.
        taker: To whom; None of people, and of an agent that this process does not have.
        contract: What kind of work it is; None is in words alone.
        version: Of the payload; None is the giver's own, else the taker's.
        payload: What is said.

    Raises:
        InvalidValue: if the payload does not fit, or there is one without a contract.
        NotFound: if the taker takes no such work, or nobody at hand knows the contract.
        Unsupported: if they understand no version in common.
    """
    if contract is None:
        if payload is not None:
            takes = ", ".join(taker.contracts_by_name) if taker is not None else ", ".join(giver.contracts_by_name)
            raise InvalidValue("payload", payload, f"a contract with it ({takes or 'none is known'}), or words alone")
        return Terms()
    mine = giver.contracts_by_name.get(contract)
    if taker is None:
        its = mine
    else:
        its = taker.contracts_by_name.get(contract)
    if its is None:
        who = taker or giver
        raise NotFound("contract", contract, who.contracts_by_name, f"{who.name} knows no other.")
    said, of = dict(payload or {}), version or (mine or its).version
    if mine is None:
        its.read(said, of)
    else:
        of, said = agreed(mine, its), mine.write(mine.read(said, of), agreed(mine, its))
    answers = its.answer.model_json_schema() if its.answer is not None else None
    return Terms(contract=contract, version=of, payload=said, answers=answers)


def terms_for(team: Team, giver: Agent, taker: str, arguments: Mapping[str, Any]) -> Terms:
    """What is said with an offer that a call makes; see `terms`."""
    member = team.members.get(taker)
    known = member.agent if member is not None else None
    return terms(giver, known, arguments["contract"], arguments["version"], arguments["payload"])


def skilled_text(name: str, agents: Iterable[Agent]) -> str:
    """What an agent is told of a skill that it may hand work to."""
    known = ", ".join(meant(name, agents))
    return f"whoever has this skill and would be done soonest, people too{f'; of the agents: {known}' if known else ''}"


def takers(team: Team, agent: Agent) -> dict[str, str]:
    """To whom an agent may hand work, with what it is told of each: what it is good for, and the work that it takes."""
    return {name: _about(team, agent, name) for name in agent.hands_off_to}


def _about(team: Team, agent: Agent, name: str) -> str:
    member = team.members.get(name)
    if name.startswith(SKILL):
        return skilled_text(name, (one.agent for one in team.members.values()))
    if member is None:
        about = "people" if name.startswith(handoffs.PERSON) else ""
        known: Sequence[Contract] = agent.contracts
    else:
        about, known = member.agent.description, member.agent.contracts
    takes = [f"contract {one.name} {one.version}: {shape_told(one.payload.model_json_schema())}" for one in known]
    return "; ".join([about, *takes] if about else takes)


def drafted(
    run: Run,
    action: str,
    taker: str,
    said: Terms,
    deep: int,
    due: float | None,
    now: float,
    route: Mapping[str, Any] | None = None,
    joined: str | None = None,
    item: int | None = None,
) -> Handoff:
    """An offer, before it is recorded; `joined` is the step that joins it with others, `item` its place among them."""
    person = taker.startswith(handoffs.PERSON)
    return Handoff(
        id=random_id("hnd"),
        run=run.id,
        action=action,  # type: ignore[arg-type]
        giver=run.agent,
        taker=taker,
        state=HandoffState.OFFERED,
        owner=run.agent,
        contract=said.contract,
        version=said.version,
        payload=said.payload,
        answers=said.answers,
        answer=None,
        child=None if person else RunId(random_id("run")),
        review=ReviewId(random_id("rev")) if person else None,
        depth=deep,
        offered_at=now,
        due=due,
        taken_at=None,
        ended_at=None,
        said="",
        route=route,
        joined=joined,
        item=item,
    )


def is_bid(tx: Transaction, child: RunId) -> bool:
    """Whether a run says what work would take, for a call for proposals, and does none."""
    handoff = handoffs.of_child(tx, child)
    return handoff is not None and handoff.bid_of is not None


def offer(
    tx: Transaction,
    run: Run,
    handoff: Handoff,
    task: str,
    tokens: int | None,
    label: Label,
    turns: int | None = Budget().turns,
) -> None:
    """Record an offer, with the run or the question that it is for its taker; an agent has so many turns for it."""
    handoffs.offer(tx, handoff)
    if handoff.child is not None:
        goal = Goal(
            task,
            constraints=run.goal.constraints,
            attachments=run.goal.attachments,
            requester=run.requester,
            budget=replace(Budget(), tokens=tokens, turns=turns),
        )
        runs.create(
            tx,
            goal,
            handoff.taker,
            id=handoff.child,
            conversation=run.conversation,
            trust=label.trust,
            confidentiality=label.confidentiality,
            parent=run.id,
            parent_action=handoff.action,
            live=run.live,
            tenant=run.tenant,
        )
        if handoff.joined is None:
            timers.start(tx, run.id, tx.now + (MOVES if handoff.rest else PATIENCE), "offer", handoff.id)
        if handoff.due is not None:
            timers.start(tx, run.id, handoff.due, "handoff", handoff.id)
    if handoff.review is not None:
        _ask_people(tx, run, handoff, task)


def _ask_people(tx: Transaction, run: Run, handoff: Handoff, task: str) -> None:
    """A piece of work in the queue of people: claiming takes it, answering returns it, saying no refuses it."""
    assert handoff.review is not None
    who = handoff.taker.removeprefix(handoffs.PERSON)
    question: dict[str, Any] = {"summary": task, "handoff": handoff.id, "arguments": dict(handoff.payload or {})}
    if handoff.answers is not None:
        question["answer"] = dict(handoff.answers)
        question["answers"] = f"respond with JSON: {shape_told(handoff.answers)}. reject: say why not."
    deadline = None if handoff.due is None else max(0.0, handoff.due - tx.now)
    verdict = Verdict(
        ruling=Ruling.ASK,
        reason=f"{run.agent} hands this to {who}",
        policy="",
        kind=f"{run.agent}/hand_off",
        reviewers=(who,),
        deadline=deadline,
        on_deadline="deny",
    )
    kind, action = ReviewKind.QUESTION, handoff.action
    open_review(tx, run, handoff.review, kind, question, verdict, action=action, tool="hand_off")


def taken_up(tx: Transaction, run: Run, agent: Agent, turn: int) -> tuple[Handoff, Line | None] | str | None:
    """What a run's agent is told of the work that it takes: read as the code at hand understands it.

    Returns:
        The hand-off with what was said with it; why it cannot be taken; or None where nothing was handed on, or it has
        been taken already.
    """
    handoff = handoffs.of_child(tx, run.id)
    if handoff is None or handoff.state is not HandoffState.OFFERED:
        return None
    text = f"[hand-off {handoff.id} from {handoff.giver}]"
    if handoff.contract is not None:
        contract = agent.contracts_by_name.get(handoff.contract)
        if contract is None:
            known = ", ".join(one.supported for one in agent.contracts) or "none"
            return f"{agent.name} takes no work of contract {handoff.contract}; it takes: {known}"
        try:
            payload = contract.read(handoff.payload or {}, handoff.version or 0)
        except BatonError as error:
            return str(error)
        text += f" {contract.name} {contract.version}: {dump(payload)}"
    if handoff.due is not None:
        text += f" The answer is due at {format_time(handoff.due)}."
    if handoff.answers is not None:
        text += f" Give `finish` an `answer` of this schema: {dump(dict(handoff.answers))}"
    if history := _history(tx, handoff.run):
        text += f" Done before, by {handoff.giver}: {history}."
    plain = handoff.contract is None and handoff.due is None and not history
    line = Line(
        role="notice",
        turn=turn,
        text=text,
        ref=handoff.id,
        trust=run.trust,
        confidentiality=run.confidentiality,
    )
    return handoff, None if plain else line


def _history(tx: Transaction, run: RunId) -> str:
    """What a run has done to the world so far, in words."""
    done = [one.tool for one in effects.of_run(tx, run) if one.state is EffectState.DONE]
    return ", ".join(f"{tool} {done.count(tool)}x" for tool in dict.fromkeys(done))


def answer_of(handoff: Handoff | None, answer: Mapping[str, Any] | None) -> str | None:
    """What is wrong with an answer to a hand-off; None where nothing is."""
    schema = handoff.answers if handoff is not None else None
    if schema is None:
        return None if answer is None else "this work takes no answer but its summary"
    return unfit(answer if answer is not None else {}, schema)


def returned(
    tx: Transaction, run: Run, outcome: str, summary: str, answer: Mapping[str, Any] | None, label: Label
) -> bool:
    """Give the work of a run that has ended back to its giver; whether it is still waited for, by itself.

    `label` is that of what it says. A piece that is joined with others is counted, and not told of by itself.
    """
    handoff = handoffs.of_child(tx, run.id)
    if handoff is None:
        return True  # it was begun by an older Baton
    state = {"done": HandoffState.RETURNED, "refused": HandoffState.REFUSED}.get(outcome, HandoffState.FAILED)
    return handoffs.end(tx, handoff, state, summary, answer, label) and handoff.joined is None


def tell_joined(tx: Transaction, run: RunId, key: str) -> None:
    """Tell a giver how far the pieces have come that it joins; its label is that of all that they have said."""
    join = joins.get(tx, run, key)
    if join is None:
        return
    text = f"[join {key}] {join.ended} of {join.total} have ended, {join.returned} of them with an answer."
    label: dict[str, Any] = {"trust": join.trust, "confidentiality": join.confidentiality}
    mail.post(tx, run, "handoff", sender="baton", text=text, ref=key, **label)


def withdraw_joined(tx: Transaction, run: Run, key: str, reason: str) -> None:
    """Take back all pieces that a step joins and that are open; it is told nothing of them any more."""
    joins.close(tx, run.id, key)
    for handoff in handoffs.open_of_join(tx, run.id, key):
        if handoffs.end(tx, handoff, HandoffState.WITHDRAWN, reason):
            called_off(tx, handoff, DecisionKind.WITHDRAWN, f"{run.agent} took it back: {reason}")


def withdraw(tx: Transaction, run: Run, handoff: Handoff, reason: str) -> None:
    """Take an offer, or work that is under way, back.

    Raises:
        MailArrived: if it has ended at this moment: the giver hears of that first.
    """
    if not handoffs.end(tx, handoff, HandoffState.WITHDRAWN, reason):
        raise MailArrived(run.id)
    called_off(tx, handoff, DecisionKind.WITHDRAWN, f"{run.agent} took it back: {reason}")


def withdraw_late(tx: Transaction, run: Run, handoff: Handoff) -> None:
    """Take an offer back whose answer has not come in time; nothing happens where it has come at this moment."""
    if handoffs.end(tx, handoff, HandoffState.WITHDRAWN, "the call is over"):
        called_off(tx, handoff, DecisionKind.WITHDRAWN, f"{run.agent} has others do it")


def overdue(tx: Transaction, id: str) -> None:
    """End a hand-off whose answer has not come in time, and tell its giver."""
    handoff = handoffs.get(tx, id)
    if not handoffs.end(tx, handoff, HandoffState.EXPIRED, f"no answer by {format_time(handoff.due or tx.now)}"):
        return
    called_off(tx, handoff, DecisionKind.EXPIRED, "nobody answered in time")
    next_ = handoffs.get(tx, id).next
    more = f" It is offered to {next_['taker']} next: you need not do anything." if next_ else ""
    text = f"[hand-off {handoff.id} to {handoff.taker} expired] No answer has come in time.{more}"
    if handoff.bid_of is None:
        tell_giver(tx, handoff, text)


def called_off(tx: Transaction, handoff: Handoff, how: DecisionKind, why: str) -> None:
    """Have the taker stop."""
    if handoff.child is not None and not runs.get(tx, handoff.child).ended:
        mail.post(tx, handoff.child, "cancel", sender=handoff.giver)
    if handoff.review is not None:
        asked = reviews.get(tx, handoff.review)
        if asked.open:
            reviews.close_unanswered(tx, asked, how, why)


def tell_giver(tx: Transaction, handoff: Handoff, text: str, trust: Trust = Trust.SYSTEM) -> None:
    if handoff.joined is None and not runs.get(tx, handoff.run).ended:
        mail.post(tx, handoff.run, "handoff", sender=handoff.taker, text=text, ref=handoff.id, trust=trust)
