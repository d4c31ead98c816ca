"""What an agent proposes, and what policy says of it."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from baton.core.ids import ActionId, RunId
from baton.core.promising import Assessed
from baton.core.spending import Charge


@dataclass(frozen=True, kw_only=True)
class Action:
    """One proposed tool call.

    Attributes:
        id: From the journaled model call and the position in it; also the idempotency key.
        run: The run that proposes it.
        agent: The agent at work.
        tool: Name of the tool.
        version: Version of the tool when it was proposed.
        arguments: As proposed, or as a person edited them.
        confidence: The agent's own, 0 to 1; None when it gave none.
        margin: Log-probability margin of the call's tokens; None when the endpoint returns none.
        reason: The agent's own words on why.
        edited_by: The person whose edit the arguments are; None for the agent's own.
        edited: Names of the arguments that this person has changed, left out or added.
    """

    id: ActionId
    run: RunId
    agent: str
    tool: str
    version: str
    arguments: dict[str, Any]
    confidence: float | None = None
    margin: float | None = None
    reason: str = ""
    edited_by: str | None = None
    edited: frozenset[str] = frozenset()

    def edit(self, arguments: dict[str, Any], by: str) -> "Action":
        """The action as a person has edited it."""
        names = self.arguments.keys() | arguments.keys()
        changed = frozenset(name for name in names if self.arguments.get(name) != arguments.get(name))
        return replace(self, arguments=arguments, edited_by=by, edited=changed)


class Ruling(StrEnum):
    """The three things policy can say."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What policy says of one action, and why.

    Attributes:
        ruling: allow, ask or deny.
        rules: `@id`s of the rules that said it; empty when none matched.
        reason: The sentence for people and for the agent.
        policy: Name and content hash of the policy that was asked.
        kind: The class of action that promises and deadlines speak of.
        threshold: Least confidence, or score, for acting alone in this class; None where none is set.
        value: What was compared with it; None where none was given.
        assessed: What is known of the action where the rules speak of a promise; None where they do not.
        reviewers: Roles or names that may decide; empty is anybody.
        quorum: How many different people have to approve.
        deadline: Seconds a question may wait; None is for ever.
        on_deadline: What happens then: park, escalate (which happens before), deny or approve.
        escalate_to: Roles or names that are asked as well before the deadline.
        four_eyes: Whether somebody else than who asked for the goal has to approve.
        valid: Seconds for which an approval holds; None is the queue's default.
        cost: What it costs to answer late, beside other questions.
        skills: What somebody has to know to answer; empty is nothing special.
        windows: Names of windows that have to be open when it takes effect, beside that of its tool.
        recall: Seconds for which it can be recalled before it takes effect; None where its rules say nothing of that.
        reserve: Whether what its tool needs is reserved before people are asked, and kept until the call is over.
        charges: What carrying it out takes of which limits; reserved before it runs.
        evidence: What was looked at: the arguments' trust and sources, the context, and `conditions`, those that did
            not hold or, for a forbid, that did.
    """

    ruling: Ruling
    rules: tuple[str, ...] = ()
    reason: str
    policy: str
    kind: str = ""
    threshold: float | None = None
    value: float | None = None
    assessed: Assessed | None = None
    reviewers: tuple[str, ...] = ()
    quorum: int = 1
    deadline: float | None = None
    on_deadline: str = "park"
    escalate_to: tuple[str, ...] = ()
    four_eyes: bool = False
    valid: float | None = None
    cost: float = 1.0
    skills: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()
    recall: float | None = None
    reserve: bool = False
    charges: tuple[Charge, ...] = ()
    evidence: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def grave(self) -> bool:
        """Whether one person alone, with one stroke, must not settle it: several have to approve, or another one."""
        return self.quorum > 1 or self.four_eyes

    def document(self) -> dict[str, Any]:
        """What it says and why, for the record."""
        return {"policy": self.policy, "ruling": self.ruling, "rules": list(self.rules), "reason": self.reason}
