"""What the page of a conversation shows: who said what, what was done, what is asked."""

from collections.abc import Sequence
from dataclasses import dataclass

from baton.agents.builtin import BUILTINS
from baton.core import Prices, RunId
from baton.core.texts import call, one_line
from baton.costing import used_told
from baton.graph.planning import steps_told
from baton.handles import ATTACHED
from baton.ledger import EffectState, Fact, Run, Transaction, events, facts, families, mail, runs
from baton.server.pages.reviewing import Chosen, chosen
from baton.story import Moment, moments
from baton.telling import tell

CONVERSATIONS = 40
"""Conversations that are listed, the newest."""

SHOWN = 400
"""Events of a conversation of which a page shows the newest."""

_MOST_TOLD = 100
"""Runs that a conversation has handed work to and whose events it shows, the newest."""

FACTS = 60
"""Facts that are shown, the newest."""

_SHOWN_LINES = ("handoff.", "fact.", "run.troubled", "run.compensated", "run.forked", "call.", "breaker.", "review.")
_TOOLS_SAY = frozenset({"plan", "finish", "remember", "hand_off", "ask_person"})
"""Tools whose own event says more than their call."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One thing in a conversation.

    Attributes:
        kind: `person`, `agent`, `attachment`, `plan`, `tool`, `question`, `line` or `end`.
        who: Who speaks or acts.
        text: What was said, as Markdown of an agent's and as it is of others'.
        turn: The turn that an agent's words end, of the run that is talked to; None of others.
        state: Of a tool, how far it is: running, done, failed or in doubt, waits for a person, denied.
        result: What a tool gave.
        steps: Of a plan.
        question: What people are asked; None of others.
    """

    kind: str
    who: str
    text: str = ""
    turn: int | None = None
    state: str = ""
    result: str = ""
    steps: tuple[str, ...] = ()
    question: Chosen | None = None


@dataclass(frozen=True, kw_only=True)
class Talk:
    """A conversation.

    Attributes:
        working: Whether somebody is at work on it, or about to be.
        topics: What changes it.
        earlier: Events that are not shown.
        used: What it has used so far, in words.
        memory: What the agent believes, the newest first.
    """

    run: Run
    title: str
    now: float
    entries: list[Entry]
    working: bool
    topics: str
    earlier: int
    memory: list[Fact]
    prompt_tokens: int
    completion_tokens: int
    used: str


def conversations(tx: Transaction, person: str) -> list[tuple[Run, str]]:
    """Somebody's newest conversations and runs with what they are about, the newest first.

    Of those that follow one another it is the last alone.
    """
    found: dict[str, Run] = {}
    for run in runs.listed(tx, requester=person, limit=3 * CONVERSATIONS):
        found.setdefault(run.conversation, run)
    return [(run, _title(tx, run)) for run in list(found.values())[:CONVERSATIONS]]


def _title(tx: Transaction, run: Run) -> str:
    """What a run is about: of a conversation, its first words."""
    if not run.goal.conversation:
        return one_line(run.key or run.goal.statement, 100)
    said = (one.text for one in mail.unread(tx, run.id, 0) if one.kind == "user" and not one.text.startswith(ATTACHED))
    return one_line(next(said, run.goal.statement), 100)


def talk(tx: Transaction, id: str, scope: str | None, prices: Prices | None) -> Talk:
    """A conversation as its page shows it.

    Args:
        tx: The transaction.
        id: The beginning of its run's id.
        scope: Where its agent remembers; None where it is not known here.
        prices: What the models cost; None where nobody says.

    Raises:
        NotFound, Ambiguous: if none or several have this beginning of an id.
    """
    run = runs.get(tx, runs.find(tx, id))
    everyone = families.read(tx, run.id)
    told = [run, *everyone[1:][-_MOST_TOLD:]]
    happened = sorted((one for member in told for one in _events(tx, member.id)), key=lambda one: (one.at, one.id))
    shown = moments(tx, happened[-SHOWN:])
    return Talk(
        run=run,
        title=_title(tx, run),
        now=tx.now,
        entries=[entry for moment in shown if (entry := _entry(tx, moment, run.id)) is not None],
        working=any(not one.ended and (one.wake > one.seen or bool(one.working)) for one in everyone),
        topics=" ".join(one.id for one in told),
        earlier=max(0, len(happened) - SHOWN),
        memory=facts.believed(tx, run.tenant, [scope])[::-1][:FACTS] if scope is not None else [],
        prompt_tokens=sum(one.prompt_tokens for one in everyone),
        completion_tokens=sum(one.completion_tokens for one in everyone),
        used=used_told(tx, everyone, prices),
    )


def _events(tx: Transaction, run: RunId) -> Sequence[events.Event]:
    return events.latest(tx, run, limit=SHOWN)


def _entry(tx: Transaction, moment: Moment, talked_to: RunId) -> Entry | None:
    """What an event shows in a conversation; None where it shows nothing."""
    event, agent = moment.event, moment.run.agent
    match event.kind:
        case "message.user":
            return _said(moment)
        case "model.answered":
            turn = int(event.data["turn"]) if event.run == talked_to else None
            return Entry(kind="agent", who=agent, text=moment.text, turn=turn) if moment.text.strip() else None
        case "plan.made":
            return Entry(kind="plan", who=agent, steps=tuple(steps_told(event.data)))
        case "action.judged":
            return _tool(moment)
        case "review.opened":
            return _question(tx, moment)
        case "run.ended":
            return _end(moment, talked_to)
        case "run.submitted":
            return _goal(moment, talked_to)
        case _ if event.kind.startswith(_SHOWN_LINES):
            return _line(moment)
        case _:
            return None


def _said(moment: Moment) -> Entry:
    sender = str(moment.event.data["sender"])
    if moment.text.startswith(ATTACHED):
        name, _, text = moment.text.removeprefix(ATTACHED).partition("\n")
        return Entry(kind="attachment", who=name, text=text)
    return Entry(kind="person", who=sender, text=moment.text)


def _goal(moment: Moment, talked_to: RunId) -> Entry | None:
    """What a run is for that was not begun as a conversation."""
    if moment.event.run != talked_to or moment.run.goal.conversation:
        return None
    return Entry(kind="person", who=moment.run.requester or "somebody", text=moment.run.goal.statement)


def _tool(moment: Moment) -> Entry | None:
    proposal = moment.proposal
    if proposal is None or proposal.action.tool in _TOOLS_SAY:
        return None
    action, verdict = proposal.action, proposal.verdict
    if proposal.problem is not None:
        return Entry(kind="tool", who=moment.run.agent, text=action.tool, state="unusable", result=proposal.problem)
    shown = call(action.tool, action.arguments, 240)
    if moment.effect is not None:
        state, result = _STATES[moment.effect.state], moment.effect.result
    elif verdict.ruling == "deny":
        state, result = "denied", verdict.reason
    else:
        state, result = "asks" if proposal.review else "" if action.tool in BUILTINS else "next", ""
    return Entry(kind="tool", who=moment.run.agent, text=shown, state=state, result=result)


_STATES = {
    EffectState.CLAIMED: "running",
    EffectState.DONE: "done",
    EffectState.FAILED: "failed",
    EffectState.POSTPONED: "tried again later",
    EffectState.DOUBT: "in doubt",
}


def _question(tx: Transaction, moment: Moment) -> Entry | None:
    review = moment.review
    if review is None:
        return None
    return Entry(kind="question", who=moment.run.agent, question=chosen(tx, review.id))


def _end(moment: Moment, talked_to: RunId) -> Entry | None:
    if moment.event.run != talked_to:
        return _line(moment)
    return Entry(kind="end", who=moment.run.agent, text=moment.text, state=str(moment.event.data["outcome"]))


def _line(moment: Moment) -> Entry | None:
    if moment.event.kind in ("review.claimed", "review.released", "review.held", "review.approved", "review.closed"):
        return None  # the question itself says so
    told = tell(moment)
    return Entry(kind="line", who=moment.run.agent, text=f"{told.mark} {one_line(told.text, 300)}") if told else None
