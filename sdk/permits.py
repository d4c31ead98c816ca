"""What a policy lets an agent do with each of its tools, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from baton.agents import Agent
from baton.core import Effect, ToolSpec, format_duration
from baton.core.texts import one_line, percent
from baton.policies.cedar import CedarPolicy
from baton.policies.rules import Rule
from baton.policies.schema import BUILT_IN, CALL, CALL_WITH_APPROVAL, cedar_name
from baton.telling import Tone

Does = Literal["alone", "asks", "never", "not alone", "not with approval"]

_HEADS: Mapping[Does, tuple[str, Tone]] = {
    "alone": ("goes ahead alone", "good"),
    "asks": ("goes ahead when people approve", "asks"),
    "never": ("never", "bad"),
    "not alone": ("not alone", "asks"),
    "not with approval": ("not even when people approve", "bad"),
}

_DEADLINE = {
    "deny": "counts as no",
    "approve": "counts as yes",
    "park": "stays open",
    "escalate": "stays open; others are asked before",
}


@dataclass(frozen=True, kw_only=True)
class Permit:
    """A rule in words.

    Attributes:
        head: What it does.
        tone: What that means.
        only: What has to hold for it to apply; empty for whatever call.
        terms: Limits, confidence, promises, and for what people are asked who decides until when.
        reason: As people are told.
        where: `file:line`.
        text: As Cedar.
    """

    rule: str
    head: str
    tone: Tone
    only: tuple[str, ...]
    terms: tuple[str, ...]
    reason: str
    where: str
    text: str


@dataclass(frozen=True, kw_only=True)
class ToolPermits:
    """A tool, and what rules say of it.

    Attributes:
        risks: What it does to the world, and what is known of that, each with what it means.
        permits: In the order of the policy.
        harmless: Whether it only reads, and sends nothing out.
        barred: Whether no rule permits it: every call is denied.
    """

    name: str
    description: str
    risks: tuple[tuple[str, Tone], ...]
    permits: tuple[Permit, ...]
    harmless: bool
    barred: bool
    built_in: bool


def tools_of(agent: Agent, policy: CedarPolicy) -> list[ToolPermits]:
    """The tools of an agent with the rules that speak of each, its own before the built-in ones."""
    return [_tool(spec, agent, policy) for spec in agent.specs.values()]


def rule_in_words(rule: Rule, agent: str) -> Permit:
    """A rule as people read it."""
    head, tone = _HEADS[_does(rule)]
    self = f'principal == Agent::"{agent}"'
    only = tuple(one_line(one.words) for one in rule.conditions if one.text != self)
    return Permit(
        rule=rule.id,
        head=head,
        tone=tone,
        only=only,
        terms=tuple(_terms(rule)),
        reason=one_line(rule.reason),
        where=Path(rule.where).name,
        text=rule.text.strip(),
    )


def risks(spec: ToolSpec) -> list[tuple[str, Tone]]:
    """What a tool does to the world, and what is known of that."""
    writes = spec.effect is Effect.WRITE
    found: list[tuple[str, Tone]] = [("changes something", "asks") if writes else ("reads", "good")]
    if spec.egress and not writes:
        found.append(("sends something out", "asks"))
    if writes:
        found.append((f"undone by {spec.undo}", "") if spec.undo else ("cannot be undone", "bad"))
        found.append(("safe to repeat", "") if spec.repeatable else ("at most once", ""))
    if spec.verified:
        found.append(("its results are trusted", ""))
    if spec.secrets:
        found.append(("takes secrets", "asks"))
    if spec.confidentiality.name != "INTERNAL":
        found.append((f"{spec.confidentiality.name.lower()} results", ""))
    return found


def _tool(spec: ToolSpec, agent: Agent, policy: CedarPolicy) -> ToolPermits:
    type = f"Tool::{cedar_name(spec.name)}"
    built_in = spec.name in BUILT_IN
    about = [rule for rule in policy.rules if rule.resource == type or (rule.resource is None and not built_in)]
    return ToolPermits(
        name=spec.name,
        description=spec.description,
        risks=tuple(risks(spec)),
        permits=tuple(rule_in_words(rule, agent.name) for rule in about),
        harmless=spec.effect is Effect.READ and not spec.egress,
        barred=not any(rule.permits for rule in about),
        built_in=built_in,
    )


def _does(rule: Rule) -> Does:
    if rule.permits:
        return "alone" if CALL in rule.actions else "asks"
    if CALL not in rule.actions:
        return "not with approval"
    return "never" if CALL_WITH_APPROVAL in rule.actions else "not alone"


def _terms(rule: Rule) -> list[str]:
    found = [f"within {limit.text}" for limit in rule.limits]
    if rule.min_confidence is not None:
        found.append(f"when it is at least {percent(rule.min_confidence)} sure")
    if rule.promise is not None:
        most, certainty = 100 * rule.promise.most_wrong, 100 * rule.promise.certainty
        found.append(f"as far as at most {most:g} % of it are wrong, with {certainty:g} % certainty")
    if rule.permits and CALL_WITH_APPROVAL in rule.actions and CALL not in rule.actions:
        found += _asked(rule)
    if rule.window:
        found.append(f"takes effect in the window {rule.window}")
    if rule.recall is not None:
        found.append(f"can be recalled for {format_duration(rule.recall)}")
    return [one_line(said) for said in found]


def _asked(rule: Rule) -> list[str]:
    who = " or ".join(rule.reviewers) or "anybody"
    found = [f"{rule.quorum} of {who} decide" if rule.quorum > 1 else f"{who} decides"]
    if rule.four_eyes:
        found.append("not who asked for the goal")
    if rule.skills:
        found.append(f"who knows {', '.join(rule.skills)}")
    if rule.deadline is not None:
        found.append(f"within {format_duration(rule.deadline)}, then it {_DEADLINE[rule.on_deadline]}")
    if rule.escalate_to:
        found.append(f"{' or '.join(rule.escalate_to)} are asked as well before")
    if rule.valid is not None:
        found.append(f"an approval holds for {format_duration(rule.valid)}")
    if rule.reserve:
        found.append("what it needs is reserved before")
    return found
