"""A run step by step, from the record alone: what it had read, what it was asked with, what it did and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from baton.agents import SKILL, Agent
from baton.core import ChatMessage
from baton.graph.beside import render
from baton.graph.context import chat, opening
from baton.graph.fingerprint import fingerprint
from baton.graph.fitting import stored
from baton.graph.handing import skilled_text
from baton.graph.packing import Context, digest_of, unpacked
from baton.ledger import (
    EffectRecord,
    Event,
    Line,
    Proposal,
    Review,
    Run,
    Transaction,
    effects,
    events,
    journal,
    reviews,
    runs,
    transcript,
)
from baton.ledger.journal import ModelCall
from baton.memory import counter, pack_request, turns_dropped


@dataclass(frozen=True, kw_only=True)
class Done:
    """One action of a turn, and what became of it.

    Attributes:
        told: What the model was told at once; empty while it has not been.
        effect: How it was carried out; None where nothing was.
        reviews: The questions about it, oldest first.
    """

    proposal: Proposal
    told: str
    effect: EffectRecord | None
    reviews: tuple[Review, ...]


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One model call, and what came before and of it.

    Attributes:
        number: From 1.
        at: How many lines of the transcript stand before it.
        news: Lines that came since the turn before: messages, notices, decided actions' results.
        request: The messages that the model was asked with, as far as they can be told.
        exact: Whether that is exactly what it was: its SHA-256 is the one on record. Of a call without one, whether the
            instructions are those of then, and nothing was left out that this code would leave out otherwise.
        tokens: Of the request, as counted here; the endpoint's own count is in `call`.
        said: What the model said in words.
        call: The journal of the call; None for a turn that a fork shares with another run.
        done: Its actions, in order.
        beside: Other events that came after it and before the next turn.
        context: The account of the request; None where an older Baton made it.
    """

    number: int
    at: int
    news: tuple[Line, ...]
    request: tuple[ChatMessage, ...]
    exact: bool
    tokens: int
    said: str
    call: ModelCall | None
    done: tuple[Done, ...]
    beside: tuple[Event, ...]
    context: Context | None = None


@dataclass(frozen=True, kw_only=True)
class Replay:
    """A run, turn by turn.

    Attributes:
        before: Events before the first turn.
        after: Lines that came after the last turn and that no turn has read yet.
    """

    run: Run
    before: tuple[Event, ...]
    turns: tuple[Turn, ...]
    after: tuple[Line, ...]


_BESIDE = frozenset(
    {
        "run.troubled",
        "run.taken_over",
        "run.code_changed",
        "run.reasked",
        "run.pinned",
        "run.unpinned",
        "run.forked",
        "run.ended",
        "review.late",
        "handoff.offered",
        "plan.made",
        "fact.recorded",
        "action.checked",
    }
)
"""Events that are not told by the turns themselves."""


@dataclass
class _Turn:
    """A turn in the making."""

    number: int
    at: int  # how many lines stand before it
    news: tuple[Line, ...]
    said: str
    answers: dict[str, str] = field(default_factory=dict[str, str])


def replay(tx: Transaction, run: str, agents: Mapping[str, Agent], *, to: int | None = None) -> Replay:
    """Read a run from the record; no model and no tool is called, nothing is written.

    Args:
        tx: The transaction.
        run: The run's id, or the beginning of one.
        agents: Those at hand by name: with the run's own, its requests are shown with instructions.
        to: The last turn that is shown; None shows all.

    Raises:
        NotFound, Ambiguous: if no run fits, or several do.
    """
    known = runs.get(tx, runs.find(tx, run))
    lines = transcript.read(tx, known.id, transcript.WHOLE)
    proposals = journal.proposals(tx, known.id)
    calls = {call.turn: call for call in journal.calls(tx, known.id)}
    drafts, rest = _split(lines)
    asking = _Asking(known, agents.get(known.agent), _same_prose(tx, known, agents), lines, proposals, agents)
    before, beside = _by_turn(events.of_run(tx, known.id, limit=1_000_000), known.forked_at or 0)
    acted = _done(tx, known, proposals)
    turns = [
        asking.turn(draft, calls.get(draft.number), acted.get(draft.number, []), beside.get(draft.number, []))
        for draft in drafts
        if to is None or draft.number <= to
    ]
    cut = len(turns) < len(drafts)
    return Replay(run=known, before=tuple(before), turns=tuple(turns), after=() if cut else tuple(rest))


@dataclass(frozen=True)
class _Asking:
    """What is needed to tell what a model was asked with."""

    run: Run
    agent: Agent | None
    same: bool
    lines: Sequence[Line]
    proposals: Sequence[Proposal]
    agents: Mapping[str, Agent]

    def turn(self, draft: _Turn, call: ModelCall | None, done: Sequence[Done], beside: Sequence[Event]) -> Turn:
        context = Context.read(call.context) if call is not None and call.context is not None else None
        request, tokens, left_out = self._request(draft, context)
        if context is not None:
            exact = digest_of(request) == context.digest
        else:
            exact = self.same and call is not None and call.left_out == left_out
        told = [_told(one, draft.answers) for one in done]
        return Turn(
            number=draft.number,
            at=draft.at,
            news=draft.news,
            request=request,
            exact=exact,
            tokens=tokens,
            said=draft.said,
            call=call,
            done=tuple(told),
            beside=tuple(beside),
            context=context,
        )

    def _request(self, draft: _Turn, context: Context | None) -> tuple[tuple[ChatMessage, ...], int, int]:
        lines = self.lines[: draft.at]
        turns = chat(lines, self.proposals)
        if self.agent is None:
            return tuple(message for turn in turns for message in turn), 0, 0
        others = {name: self.agents[name].description for name in self.agent.hands_off_to if name in self.agents}
        skills = [name for name in self.agent.hands_off_to if name.startswith(SKILL)]
        others |= {name: skilled_text(name, self.agents.values()) for name in skills}
        if context is not None:
            return unpacked(self.agent, self.run, context, lines, self.proposals, others), context.manifest.total, 0
        first, most = opening(self.agent, self.run, others), self.agent.context_tokens
        package = pack_request(first, turns, (), render, most, counter(self.agent.model))
        gone, _ = turns_dropped(package.manifest)
        return package.contents, package.manifest.total, sum(map(len, turns[:gone]))


def _told(done: Done, answers: Mapping[str, str]) -> Done:
    return Done(
        proposal=done.proposal,
        told=answers.get(done.proposal.action.id, ""),
        effect=done.effect,
        reviews=done.reviews,
    )


def _same_prose(tx: Transaction, run: Run, agents: Mapping[str, Agent]) -> bool:
    """Whether the run's agent at hand says what the one that the run was last advanced with said."""
    agent, then = agents.get(run.agent), stored(tx, run.fingerprint)
    if agent is None or then is None:
        return False
    now = fingerprint(agent)
    return now.prose == then.prose and now.hands_off_to == then.hands_off_to


def _split(lines: Sequence[Line]) -> tuple[list[_Turn], list[Line]]:
    """Lines by turn: the news before what the model said, and the answers to its calls after it."""
    turns: list[_Turn] = []
    news: list[Line] = []
    for at, line in enumerate(lines):
        if line.role == "assistant":
            turns.append(_Turn(number=line.turn, at=at, news=tuple(news), said=line.text))
            news = []
        elif line.role == "tool" and turns:
            turns[-1].answers[line.ref or ""] = line.text
        else:
            news.append(line)
    return turns, news


def _by_turn(happened: Sequence[Event], first: int) -> tuple[list[Event], dict[int, list[Event]]]:
    """Events that no turn tells, by the turn that they followed."""
    before: list[Event] = []
    by_turn: dict[int, list[Event]] = {}
    turn = first
    for event in happened:
        if event.kind == "model.answered":
            turn = event.data["turn"]
        elif event.kind in _BESIDE:
            (by_turn.setdefault(turn, []) if turn > first else before).append(event)
    return before, by_turn


def _done(tx: Transaction, run: Run, proposals: Sequence[Proposal]) -> dict[int, list[Done]]:
    carried = {effect.key: effect for effect in effects.of_run(tx, run.id)}
    asked = reviews.of_run(tx, run.id)
    found: dict[int, list[Done]] = {}
    for proposal in proposals:
        id = proposal.action.id
        about = tuple(review for review in asked if review.action == id or review.id == proposal.review)
        found.setdefault(proposal.turn, []).append(
            Done(proposal=proposal, told="", effect=carried.get(id), reviews=about)
        )
    return found
