"""What the pages of agents show: what each may do, what its policy was tried with, what is proposed for it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from baton.agents import Agent
from baton.core import LOCAL_TENANT, BatonError, Ruling, format_time
from baton.core.texts import call, one_line
from baton.examining import PolicyReport, TrialReport, report, tests_of
from baton.ledger import Fact, Transaction, facts, rates, rule_proposals
from baton.ledger.judged import judged
from baton.ledger.rates import OpenRuns
from baton.ledger.rule_proposals import RuleProposal
from baton.permits import Permit, ToolPermits, rule_in_words, tools_of
from baton.policies import policy_texts
from baton.policies.cedar import CedarPolicy
from baton.policies.hindsight import Change, compare, recorded
from baton.policies.hindsight import shadow as by_shadow
from baton.policies.promises import looking
from baton.policies.rules import PolicyText, read_rules
from baton.review.learning import corrections_of, instructions_of
from baton.rows import Row
from baton.server.pages.flowing import Promised, promised_line
from baton.telling import Tone

RUNS = 500
"""Runs, the newest of an agent, whose actions are looked at for what its shadow policy said."""

_OVER = 90 * 86400.0

_SHOWN = 20
"""Things of a kind that are shown, the newest."""

_RULING: dict[Ruling, tuple[str, Tone]] = {
    Ruling.ALLOW: ("alone", "good"),
    Ruling.ASK: ("asks", "asks"),
    Ruling.DENY: ("denied", "bad"),
}


@dataclass(frozen=True, kw_only=True)
class AgentCard:
    """An agent on the list.

    Attributes:
        reads: Tools that only read; `writes` are those that change something or send something out.
        barred: Tools that no rule permits.
        proposed: Proposals that wait for an owner.
    """

    name: str
    description: str
    model: str
    reads: int
    writes: int
    policy: str
    barred: Sequence[str]
    open: OpenRuns | None
    proposed: int


@dataclass(frozen=True)
class Told:
    """Something that the agent is told or has learnt, with where it comes from."""

    about: str
    text: str
    source: str
    when: str


@dataclass(frozen=True)
class Proposed:
    """A proposal with its tests in words."""

    row: RuleProposal
    rule: Permit | None
    tests: Sequence[tuple[str, str, str]]
    when: str


@dataclass(frozen=True)
class Differs:
    """An action of which the shadow policy says something else."""

    run: str
    call: str
    before: tuple[str, Tone]
    now: tuple[str, Tone]
    outcome: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Shadow:
    """What the shadow policy said beside the live one."""

    name: str
    says: str
    judged: int
    differs: Sequence[Differs]
    left_out: int


@dataclass(frozen=True, kw_only=True)
class OnRecord:
    """What the record says of an agent."""

    proposals: Sequence[Proposed]
    decided: Sequence[Proposed]
    instructions: Sequence[Told]
    corrections: Sequence[Told]
    learnt: int
    shadow: Shadow | None
    promises: Sequence[Promised]
    open: OpenRuns | None


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What the files of its policy say now.

    Attributes:
        stale: Whether the file differs from what the agent goes by.
    """

    report: PolicyReport
    tests: TrialReport
    texts: Sequence[PolicyText]
    stale: bool


def cards(tx: Transaction, agents: Sequence[Agent], policies: Mapping[str, CedarPolicy]) -> list[AgentCard]:
    """The agents on the list."""
    open_ = {one.agent: one for one in rates.open_runs(tx)}
    waiting = rule_proposals.listed(tx)
    return [
        _card(one, policies[one.name], open_.get(one.name), sum(each.agent == one.name for each in waiting))
        for one in agents
    ]


def _card(agent: Agent, policy: CedarPolicy, open_: OpenRuns | None, proposed: int) -> AgentCard:
    own = [one for one in tools_of(agent, policy) if not one.built_in]
    reads = sum(one.harmless for one in own)
    return AgentCard(
        name=agent.name,
        description=agent.description or agent.instructions,
        model=agent.model,
        reads=reads,
        writes=len(own) - reads,
        policy=_policy_name(agent.policy),
        barred=policy.uncovered,
        open=open_,
        proposed=proposed,
    )


def about(agent: Agent, policy: CedarPolicy) -> list[Row]:
    """How an agent is set up, as names and values."""
    rows = [
        Row("model", one_line(agent.basis)),
        Row("policy", one_line(f"{_policy_name(agent.policy)}, {policy.version}")),
        Row("remembers in", one_line(agent.memory)),
        Row("hands work to", one_line(", ".join(agent.hands_off_to)) or "nobody"),
        Row(
            "may ask", f"{agent.open_questions} questions of a run at once, {agent.round_trips} times in a row in vain"
        ),
        Row("context", f"{agent.context_tokens:,} tokens"),
    ]
    if agent.shadow is not None:
        rows.append(Row("shadow policy", one_line(_policy_name(agent.shadow))))
    return rows


def tools(agent: Agent, policy: CedarPolicy) -> list[ToolPermits]:
    """What it may do, its own tools first."""
    return sorted(tools_of(agent, policy), key=lambda one: one.built_in)


def examine(agent: Agent, policy: CedarPolicy, windows: Collection[str]) -> Examined:
    """Read its policy's files, hold them against its tools, and run the tests beside them. Takes a while."""
    found = report(agent, windows)
    try:
        read = policy_texts(agent.policy, agent.specs.values())
        texts: Sequence[PolicyText] = [replace(one, name=Path(one.name).name) for one in read]
    except BatonError:
        texts = ()
    stale = bool(found.version) and found.version != policy.version
    return Examined(report=found, tests=tests_of(agent), texts=texts, stale=stale)


def on_record(tx: Transaction, agent: Agent) -> OnRecord:
    """What is proposed for it, what it has learnt, what its shadow said, how its promises stand."""
    every = [one for one in rule_proposals.listed(tx, everything=True) if one.agent == agent.name]
    decided = sorted((one for one in every if one.state != "open"), key=lambda one: -(one.decided_at or 0))
    learnt = facts.believed(tx, LOCAL_TENANT, [corrections_of(agent.name)])
    told = facts.believed(tx, LOCAL_TENANT, [instructions_of(agent.name)])
    return OnRecord(
        proposals=[_proposed(one, agent.name) for one in every if one.state == "open"],
        decided=[_proposed(one, agent.name) for one in decided[:5]],
        instructions=[_told(one) for one in told],
        corrections=[_told(one) for one in reversed(learnt[-_SHOWN:])],
        learnt=len(learnt),
        shadow=_shadow(tx, agent) if agent.shadow is not None else None,
        promises=[promised_line(one, tx.now) for one in looking.looks(tx) if one.row.agent == agent.name],
        open=next((one for one in rates.open_runs(tx) if one.agent == agent.name), None),
    )


def _proposed(row: RuleProposal, agent: str) -> Proposed:
    tests = [(str(one["expect"]), call(str(one["call"]), one["arguments"], 120), str(one["name"])) for one in row.tests]
    return Proposed(row, _in_words(row, agent), tests, format_time(row.decided_at or row.at))


def _in_words(row: RuleProposal, agent: str) -> Permit | None:
    """The rule in words; None for an instruction, and for what is no rule any more."""
    if row.kind != "rule":
        return None
    try:
        (rule,) = read_rules([PolicyText(row.id, row.rule)])
    except (BatonError, ValueError):
        return None
    return rule_in_words(rule, agent)


def _told(fact: Fact) -> Told:
    source = next((one for one in sorted(fact.label.sources) if one.startswith(("rev_", "aud_", "rule_"))), "")
    return Told(one_line(fact.subject, 100), fact.text, source, format_time(fact.recorded_at))


def _shadow(tx: Transaction, agent: Agent) -> Shadow:
    found = compare(judged(tx, agent.name, tx.now - _OVER, RUNS), recorded, by_shadow)
    newest = list(reversed(found.changes))
    return Shadow(
        name=_policy_name(agent.shadow),
        says=found.told(f"the newest {RUNS} runs"),
        judged=found.judged,
        differs=[_differs(one) for one in newest[:_SHOWN]],
        left_out=max(0, len(newest) - _SHOWN),
    )


def _differs(change: Change) -> Differs:
    action = change.judged.proposal.action
    return Differs(
        run=action.run,
        call=call(action.tool, action.arguments, 120),
        before=_RULING[change.before],
        now=_RULING[change.now.ruling],
        outcome=change.outcome.value,
        why=one_line(change.now.reason, 160),
    )


def _policy_name(policy: str | Path | None) -> str:
    return Path(policy).name if policy is not None else "none: only its own tools are allowed"
