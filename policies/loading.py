"""Where a policy comes from: a file, one that is shipped, or none."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from baton.core import PolicyError, Question, Ruling, ToolSpec, Verdict, Window
from baton.policies.cedar import CedarPolicy
from baton.policies.rules import PolicyText

BASE = "base"
SHIPPED = ("ask-writes", "allow-all")
"""Policies that come with Baton, to be named instead of a file."""

_NO_POLICY = 'no policy is given: name "ask-writes", "allow-all" or a .cedar file as the policy of the agent'


@dataclass(frozen=True)
class DenyAll:
    """The policy of a run whose own policy cannot be had any more.

    Attributes:
        reason: Said with each verdict.
        version: Stands in for name and content hash.
    """

    reason: str
    version: str = "deny-all"

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
        source: A `.cedar` file, or the name of a shipped policy; None denies all tools but Baton's own.
        tools: The tools of the agent.
        agent: Its name.

    Raises:
        PolicyError: if there is no such policy, or it is broken.
    """
    base = PolicyText(f"{BASE}.cedar", _shipped(BASE))
    if source is None or source == BASE:
        return CedarPolicy.compile([base], tools, agent=agent, name=BASE, hint=_NO_POLICY if source is None else "")
    name = Path(source).stem
    return CedarPolicy.compile([base, _read(source)], tools, agent=agent, name=name)


def _read(source: str | Path) -> PolicyText:
    if source in SHIPPED:
        return PolicyText(f"{source}.cedar", _shipped(str(source)))
    if not str(source).endswith(".cedar"):
        raise PolicyError(str(source), "there is none of that name", f"Give a .cedar file or {' or '.join(SHIPPED)}.")
    try:
        return PolicyText(str(source), Path(source).read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyError(str(source), error.strerror or str(error), "Check the path.") from error
    except UnicodeDecodeError as error:
        raise PolicyError(str(source), f"not UTF-8: {error.reason} at byte {error.start}") from error


def _shipped(name: str) -> str:
    return (resources.files("baton.policies") / "shipped" / f"{name}.cedar").read_text(encoding="utf-8")
