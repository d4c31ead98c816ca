"""Where a policy comes from: a file, one that is shipped, or none."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from baton.core import InvalidFile, PolicyError, Promise, Question, Ruling, ToolSpec, Verdict, Window
from baton.policies.cedar import CedarPolicy
from baton.policies.front import cedar_from_yaml
from baton.policies.rules import PolicyText
from baton.policies.schema import tool_types

BASE = "base"
BENEATH = {
    "read_notes": "notes",
    "call_for_proposals": "proposals",
    "settle_claims": "claims",
    "answer_handoff": "handoffs",
    "ask_giver": "giver",
    "reserve_resources": "resources",
    "recall_action": "recall",
    "read_record": "records",
}
"""What else is beneath the policy of an agent that is offered a tool, by that tool."""

SHIPPED = ("ask-writes", "allow-all")
"""Policies that come with Baton, to be named instead of a file."""

YAML = (".yaml", ".yml")

_HOLDS_UP = re.compile(r"@(window|recall)\b|\b(window|recall)\s*:")

_NO_POLICY = 'no policy is given: name "ask-writes", "allow-all" or a file as the policy of the agent'


@dataclass(frozen=True)
class DenyAll:
    """The policy of a run whose own policy cannot be had any more.

    Attributes:
        reason: Said with each verdict.
        version: Stands in for name and content hash.
    """

    reason: str
    version: str = "deny-all"

    @property
    def promises(self) -> Mapping[str, Promise]:
        """None: nothing runs alone."""
        return {}

    def judge(self, question: Question) -> Verdict:
        """Deny. Never raises."""
        action = question.action
        kind = f"{action.agent}/{action.tool}"
        return Verdict(ruling=Ruling.DENY, reason=self.reason, policy=self.version, kind=kind)

    def windows(self, scopes: Mapping[str, str]) -> tuple[Window, ...]:
        """None: it sets no limits."""
        return ()

    def meters(self, scopes: Mapping[str, str]) -> tuple[str, ...]:
        """None: it sets no limits."""
        return ()


def load_policy(source: str | Path | None, tools: Iterable[ToolSpec], agent: str) -> CedarPolicy:
    """Read a policy, check it against the tools, and put the rules for Baton's own tools under it.

    Args:
        source: A `.cedar` or `.yaml` file, or the name of a shipped policy; None denies all tools but Baton's own.
        tools: The tools of the agent.
        agent: Its name.

    Raises:
        PolicyError: if there is no such policy, or it is broken.
    """
    specs = tuple(tools)
    texts, hint = policy_texts(source, specs), _NO_POLICY if source is None else ""
    return CedarPolicy.compile(texts, specs, agent=agent, name=BASE if source is None else Path(source).stem, hint=hint)


def policy_texts(source: str | Path | None, tools: Iterable[ToolSpec]) -> tuple[PolicyText, ...]:
    """A policy as Cedar, the rules beneath every policy first; see `load_policy`.

    Raises:
        PolicyError: if there is no such policy, or its YAML is not allowed.
    """
    specs = tuple(tools)
    offered = {spec.name for spec in specs}
    beneath = [BASE, *(name for tool, name in BENEATH.items() if tool in offered)]
    base = tuple(PolicyText(f"{name}.cedar", _shipped(name)) for name in beneath)
    return base if source is None or source == BASE else (*base, policy_text(source, specs))


def policy_text(source: str | Path, tools: Iterable[ToolSpec]) -> PolicyText:
    """A policy as Cedar: the text of a file, of one that is shipped, or what a YAML file stands for.

    Raises:
        PolicyError: if there is no such policy, or its YAML is not allowed.
    """
    if source in SHIPPED:
        return PolicyText(f"{source}.cedar", _shipped(str(source)))
    if not str(source).endswith((".cedar", *YAML)):
        allowed = f"Give a .cedar or .yaml file, or {' or '.join(SHIPPED)}."
        raise PolicyError(str(source), "there is none of that name", allowed)
    try:
        text = Path(source).read_text(encoding="utf-8")
    except OSError as error:
        raise PolicyError(str(source), error.strerror or str(error), "Check the path.") from error
    except UnicodeDecodeError as error:
        raise PolicyError(str(source), f"not UTF-8: {error.reason} at byte {error.start}") from error
    if not str(source).endswith(YAML):
        return PolicyText(str(source), text)
    try:
        written = cedar_from_yaml(source, tool_types(str(source), tools), text)
    except InvalidFile as error:
        raise PolicyError(f"{source}:{error.line}" if error.line else str(source), error.said) from error
    return PolicyText(f"{source}, as Cedar", written, source=text)


def holds_up(source: str | Path | None) -> bool:
    """Whether a policy's file says that something takes effect later: `@window` or `@recall`, also in YAML.

    What cannot be read says nothing; `load_policy` refuses it.
    """
    if source is None or not str(source).endswith((".cedar", *YAML)):
        return False
    try:
        return _HOLDS_UP.search(Path(source).read_text(encoding="utf-8")) is not None
    except (OSError, UnicodeDecodeError):
        return False


def _shipped(name: str) -> str:
    return (resources.files("baton.policies") / "shipped" / f"{name}.cedar").read_text(encoding="utf-8")
