"""A policy whose permissions to write alone are held back: people are asked instead, for as long as something lacks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from baton.core import Effect, Policy, Promise, Question, Ruling, Verdict, Window
from baton.policies.schema import BUILT_IN

RULE = "promotion"
"""What a verdict cites where it was held back."""


@dataclass(frozen=True)
class HeldBack:
    """Another policy, of which every `allow` of a write becomes `ask` while `lacks` says why. It never allows more.

    Attributes:
        policy: That one.
        lacks: Why nothing is written alone; empty where its word stands.
    """

    policy: Policy
    lacks: Callable[[], str]

    @property
    def version(self) -> str:
        """Of the policy, and that it is held back: what was allowed before is judged again."""
        return f"{self.policy.version} held back" if self.lacks() else self.policy.version

    @property
    def promises(self) -> Mapping[str, Promise]:
        """Those of the policy."""
        return self.policy.promises

    def judge(self, question: Question) -> Verdict:
        """What the policy says; of a write that it allows, `ask` while something lacks. Never raises."""
        verdict = self.policy.judge(question)
        lacks = self.lacks()
        writes = question.tool.effect is Effect.WRITE and question.tool.name not in BUILT_IN
        if not lacks or not writes or verdict.ruling is not Ruling.ALLOW:
            return replace(verdict, policy=self.version) if lacks else verdict
        rules = (*verdict.rules, RULE)
        return replace(verdict, ruling=Ruling.ASK, rules=rules, reason=lacks, policy=self.version)

    def windows(self, scopes: Mapping[str, str]) -> tuple[Window, ...]:
        """Those of the policy."""
        return self.policy.windows(scopes)

    def meters(self, scopes: Mapping[str, str]) -> tuple[str, ...]:
        """Those of the policy."""
        return self.policy.meters(scopes)
