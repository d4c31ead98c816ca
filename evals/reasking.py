"""Counterfactual replay of a prompt: each recorded turn is asked once more with other instructions, and judged.

It looks one turn ahead. What a run had read up to a turn is on record, so the request of then is made exactly, but for
the instructions; the calls that come of it are judged by the policy under the labels of then. What would have followed
a turn that comes out differently is unknown: nothing of it is played, and nothing is carried out.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from baton.agents import Agent
from baton.core import Effect, Model, ModelReply, ModelRequest, Ruling, RunId, dump
from baton.graph.judging import Record, judge_reply
from baton.graph.past import load
from baton.graph.replaying import Replay, Turn, replay
from baton.graph.team import Member
from baton.ledger import EffectState, Ledger, Proposal, Transaction, effects


@dataclass(frozen=True, kw_only=True)
class Reasked:
    """One turn, asked once more.

    Attributes:
        before: The calls on record; none for an answer in words.
        now: Those that come of the other instructions.
        exact: Whether the request was surely that of then, but for the instructions.
    """

    run: RunId
    turn: int
    before: tuple[Proposal, ...]
    now: tuple[Proposal, ...]
    exact: bool

    @property
    def same(self) -> bool:
        """Whether the same is called with the same arguments, in the same order; words are not compared."""
        return [_said(one) for one in self.before] == [_said(one) for one in self.now]


@dataclass(frozen=True, kw_only=True)
class Reasking:
    """What came of asking once more.

    Attributes:
        turns: In the order in which they were asked.
        writes: Names of the agent's tools that write.
        left: Turns that could not be asked, as their requests cannot be made from the record.
    """

    turns: Sequence[Reasked]
    writes: frozenset[str]
    left: int

    @property
    def changed(self) -> list[Reasked]:
        """Those that come out differently."""
        return [one for one in self.turns if not one.same]

    @property
    def unchanged_runs(self) -> int:
        """Runs of which every turn comes out the same: surely they would have gone as they did."""
        runs = {one.run for one in self.turns}
        return len(runs - {one.run for one in self.changed})

    @property
    def runs(self) -> int:
        """Runs whose turns were asked once more."""
        return len({one.run for one in self.turns})

    def writing(self, ruling: Ruling) -> list[Proposal]:
        """New calls of tools that write, with this verdict: what a changed turn would have done, or asked about."""
        return [
            call
            for one in self.changed
            for call in one.now
            if call.action.tool in self.writes and call.verdict.ruling is ruling and _said(call) not in _calls(one)
        ]


async def reask(
    ledger: Ledger, member: Member, agents: Mapping[str, Agent], runs: Sequence[RunId], instructions: str, most: int
) -> Reasking:
    """Ask the turns of recorded runs once more.

    Args:
        ledger: The record; nothing is written to it.
        member: The agent as it is, with its policy and the model that is asked.
        agents: Those at hand by name.
        runs: Whose turns.
        instructions: In place of the agent's.
        most: Turns at most.
    """
    agent = replace(member.agent, instructions=instructions)
    other, found, left = replace(member, agent=agent), list[Reasked](), 0
    for run in runs:
        then = await ledger.read(lambda tx, run=run: replay(tx, run, agents))  # type: ignore[misc]
        now = await ledger.read(lambda tx, run=run: replay(tx, run, {**agents, agent.name: agent}))  # type: ignore[misc]
        for old, turn in zip(then.turns, now.turns, strict=True):
            if old.call is None or not turn.request or len(found) >= most:
                left += old.call is None or not turn.request
                continue
            record = await ledger.read(lambda tx, turn=old, then=then: _as_of(tx, then, turn, other))  # type: ignore[misc]
            reply = await _asked(other.model, agent, turn)
            said = tuple(judge_reply(other, then.run, turn.number, reply, record))
            before = tuple(done.proposal for done in old.done)
            found.append(Reasked(run=run, turn=turn.number, before=before, now=said, exact=old.exact))
    writes = frozenset(name for name, spec in agent.specs.items() if spec.effect is Effect.WRITE)
    return Reasking(turns=found, writes=writes, left=left)


async def _asked(model: Model, agent: Agent, turn: Turn) -> ModelReply:
    return await model.complete(ModelRequest(model=agent.model, messages=turn.request, tools=agent.offers))


def _as_of(tx: Transaction, then: Replay, turn: Turn, member: Member) -> Record:
    """What of the run was known when a turn was asked; of limits, what is used now."""
    past = load(tx, then.run.id, turn.at, members={member.agent.name: member})
    earlier = [one for one in past.proposals if one.turn < turn.number]
    keys = {one.action.id for one in earlier}
    done = [one for one in effects.of_run(tx, then.run.id) if one.key in keys and one.state is EffectState.DONE]
    at = turn.call.at if turn.call is not None else past.now
    past = replace(
        past,
        proposals=earlier,
        reviews=[review for review in past.reviews if review.opened_at < at],
        counts=dict(Counter(one.tool for one in done)),
        now=at,
    )
    return past.record([], member.agent.specs)


def _said(proposal: Proposal) -> tuple[str, str]:
    return proposal.action.tool, dump(dict(proposal.action.arguments))


def _calls(turn: Reasked) -> set[tuple[str, str]]:
    return {_said(one) for one in turn.before}
