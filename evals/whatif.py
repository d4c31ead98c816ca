"""Counterfactual replay: what the record would look like under another policy or threshold.

Verdicts are recomputed exactly, from the labels and circumstances that are on record. Outcomes are not: what people
approved or rejected is known as far as people are right, what would have run for the first time is unknown, and both
are said as bounds. Waits under another order of the queue are simulated (see staffing).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from baton.agents import Agent
from baton.core import InvalidValue, Ruling, ToolSpec
from baton.evals.intervals import Interval, wilson
from baton.ledger.judged import Judged
from baton.policies import CedarPolicy, PolicyText, policy_texts
from baton.policies.hindsight import Change, Hindsight, Outcome, Replayed, compare, recorded


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """What would have been.

    Attributes:
        found: The verdicts, exact.
        asked_before: Questions that people were asked.
        asked_now: Those they would have been asked.
        automated: Actions that would have run alone and did not.
        wrong: At least and at most how many of these are wrong, people taken at their word.
        share: At least and at most what share of these is wrong, with people who err and with 95 % certainty.
        unknown: How many of these nobody knows anything of.
    """

    found: Hindsight
    asked_before: int
    asked_now: int
    automated: int
    wrong: tuple[int, int]
    share: Interval
    unknown: int


def what_if(history: Sequence[Judged], policy: CedarPolicy, tools: Sequence[ToolSpec], *, errs: float = 0.02) -> WhatIf:
    """Hold a policy against the record.

    Args:
        history: Actions as they were judged.
        policy: The other policy.
        tools: Those of the agent.
        errs: Share of people's answers that are taken to be mistaken; assumed where it was not measured.

    Raises:
        InvalidValue: for a share that is none.
    """
    if not 0 <= errs < 1:
        raise InvalidValue("share of mistaken answers", errs, "a share from 0 up to 1")
    found = compare(history, recorded, Replayed(policy, tools))
    before = sum(recorded(one).ruling is Ruling.ASK for one in history)
    automated = [one for one in found.changes if one.now.ruling is Ruling.ALLOW]
    return WhatIf(
        found=found,
        asked_before=before,
        asked_now=before - found.fewer_questions,
        automated=len(automated),
        wrong=found.wrong,
        share=_share(automated, found, errs),
        unknown=len(found.unknown),
    )


def with_threshold(agent: Agent, threshold: float, rule: str | None = None) -> CedarPolicy:
    """An agent's policy with another least confidence for acting alone, in one rule or in all that name one.

    Raises:
        InvalidValue: for a threshold that is none, or where no such rule names one; says which do.
    """
    if not 0 <= threshold <= 1:
        raise InvalidValue("threshold", threshold, "a confidence from 0 to 1")
    specs = tuple(agent.specs.values())
    texts = policy_texts(agent.policy, specs)
    known = [one for text in texts for one in _ids(text.text)]
    if not known or (rule is not None and rule not in known):
        raise InvalidValue("rule", rule, f"one that has @min_confidence: {', '.join(known) or 'there is none'}")
    changed = [PolicyText(text.name, _changed(text.text, threshold, rule)) for text in texts]
    return CedarPolicy.compile(changed, specs, agent=agent.name, name=f"{agent.name} from {threshold:g}")


_RULE = re.compile(r'@id\("([^"]+)"\)(?:\s*@\w+\("(?:[^"\\]|\\.)*"\))*')
_LEAST = re.compile(r'@min_confidence\("[^"]*"\)')


def _ids(text: str) -> list[str]:
    return [found[1] for found in _RULE.finditer(text) if _LEAST.search(found[0])]


def _changed(text: str, threshold: float, rule: str | None) -> str:
    def one(found: re.Match[str]) -> str:
        wanted = rule is None or found[1] == rule
        return _LEAST.sub(f'@min_confidence("{threshold:.2f}")', found[0]) if wanted else found[0]

    return _RULE.sub(one, text)


def _share(automated: Sequence[Change], found: Hindsight, errs: float) -> Interval:
    """The least that people's rejections prove, and the most that approvals, silence and their mistakes leave open."""
    if not automated:
        return 0.0, 0.0
    wrong, unknown = len(found.against_people), len(found.unknown)
    approved = sum(one.outcome is Outcome.APPROVED for one in automated)
    low = wilson(wrong, len(automated))[0] * (1 - errs)
    most = wilson(min(len(automated), wrong + unknown + round(errs * approved)), len(automated))[1]
    return low, most
