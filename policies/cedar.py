"""Cedar as Baton's policy: two questions about each call, and a deny for whatever goes wrong.

May the agent make this call alone (`call`)? If not, may it with a person's approval (`call_with_approval`)?
If not, it is denied. Both are ordinary permits and forbids over one schema, so they can be analysed together.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from baton.core import Action, InvalidValue, PolicyError, Question, Ruling, ToolSpec, Trust, Verdict
from baton.policies.engine import Rulebook
from baton.policies.rules import PolicyText, Rule, read_rules
from baton.policies.schema import BUILT_IN, CALL, CALL_WITH_APPROVAL, ToolType, tool_types
from baton.policies.tracing import ABSENT, Readings, RecentReadings, Traced

_LONGEST_REASON = 500


class CedarPolicy:
    """Rules in Cedar over the tools of one agent; made by `compile`."""

    def __init__(self, book: Rulebook, tools: Mapping[str, ToolType], *, agent: str, hint: str = "") -> None:
        self._book, self._tools, self._agent, self._hint = book, tools, agent, hint
        self._recent = RecentReadings()

    @classmethod
    def compile(
        cls, texts: Iterable[PolicyText], tools: Iterable[ToolSpec], *, agent: str, name: str, hint: str = ""
    ) -> "CedarPolicy":
        """Read and check policy texts.

        Args:
            texts: Cedar texts, together one policy.
            tools: The tools of the agent.
            agent: Its name, which rules see as `Agent::"<name>"`.
            name: What verdicts call the policy.
            hint: Said when no rule allows a call.

        Raises:
            PolicyError: if a text is not Cedar or does not fit the tools; names file and line.
        """
        types = tool_types(name, tools)
        rules = read_rules(texts)
        try:
            book = Rulebook(rules, types.values(), name)
        except ValueError as error:
            raise PolicyError(name, str(error)) from error
        return cls(book, types, agent=agent, hint=hint)

    @property
    def version(self) -> str:
        """Name and content hash: over the rules and the schema of the tools."""
        return self._book.version

    @property
    def rules(self) -> int:
        """How many rules there are, those beneath every policy included."""
        return len(self._book.rules)

    @property
    def uncovered(self) -> tuple[str, ...]:
        """The agent's own tools that no rule permits under any condition: every call of them is denied."""
        permitted = {rule.resource for rule in self._book.rules if rule.permits}
        if None in permitted:
            return ()
        return tuple(name for name, tool in self._tools.items() if name not in BUILT_IN and tool.name not in permitted)

    def judge(self, question: Question) -> Verdict:
        """Say allow, ask or deny, and why. Never raises."""
        evidence: dict[str, Any] = {}
        try:
            return self._judge(question, evidence)
        except (KeyboardInterrupt, SystemExit):
            raise
        except InvalidValue as error:
            reason = str(error)
        except BaseException as error:  # a panic inside the engine is no Exception, and must not let the call through
            reason = f"the policy cannot be evaluated: {error or type(error).__name__}"
        return self._verdict(Ruling.DENY, question.action, (), reason, evidence)

    def _judge(self, question: Question, evidence: dict[str, Any]) -> Verdict:
        """Judge, and put into `evidence` what was looked at, so that it is there whatever fails later."""
        action = question.action
        tool = self._tools.get(action.tool)
        if tool is None or question.tool.name != action.tool:
            return self._verdict(
                Ruling.DENY, action, (), f"the policy does not know the tool {action.tool!r}", evidence
            )
        if action.agent != self._agent:
            reason = f"the policy is for agent {self._agent!r}, not for {action.agent!r}"
            return self._verdict(Ruling.DENY, action, (), reason, evidence)
        labels, read = self._labels(question, tool)
        context = _context(question) | {"read_trust": int(read.lowest), "read_secrecy": int(read.highest)}
        evidence |= {"arguments": _shown(labels), "context": context}
        entity = tool.entity(action.id, action.arguments, labels)
        entities = self._book.entities(json.dumps([entity]))

        def ask(name: str) -> tuple[Rule, ...]:
            return self._book.decide(name, self._agent, entity["uid"], entities, context)

        alone = ask(CALL)
        sure = [rule for rule in alone if rule.permits and _is_confident(rule, action.confidence)]
        return (
            self._allow(action, sure, evidence) if sure else self._ask(action, alone, ask(CALL_WITH_APPROVAL), evidence)
        )

    def _labels(self, question: Question, tool: ToolType) -> tuple[dict[str, Traced], Readings]:
        """The label of each argument that the tool has, one left out being the agent's; and all that was read."""
        action = question.action
        shapes = tool.arguments.shapes
        keyed = {name for name, shape in shapes.items() if shape.free}
        arguments = {name: action.arguments.get(name) for name in shapes}
        labels, read = self._recent.trace(action.run, arguments, question.readings, keyed)
        absent = {name for name, value in arguments.items() if value is None}
        labels |= {name: replace(labels[name], sources=frozenset({ABSENT})) for name in absent}
        if action.edited_by is None:
            return labels, read
        editor = frozenset({f"person:{action.edited_by}"})
        edited = {
            name: replace(label, trust=Trust.USER, sources=editor, vouched=True)
            for name, label in labels.items()
            if label.trust <= Trust.USER
        }
        return labels | edited, read

    def _allow(self, action: Action, sure: Sequence[Rule], evidence: dict[str, Any]) -> Verdict:
        threshold = _threshold(sure)
        return self._verdict(
            Ruling.ALLOW,
            action,
            sure,
            _reasons(sure) or f"{_ids(sure)} allows {action.tool}",
            evidence,
            threshold=threshold,
            value=None if threshold is None else action.confidence,
        )

    def _ask(
        self, action: Action, alone: Sequence[Rule], approved: Sequence[Rule], evidence: dict[str, Any]
    ) -> Verdict:
        """Ask people where some rule lets them decide.

        Rules that name reviewers or a deadline outweigh those that leave them open.
        """
        unsure = [rule for rule in alone if rule.permits]
        permits = [rule for rule in approved if rule.permits]
        if len(permits) < len(approved) or not (permits or unsure):
            return self._refuse(action, [rule for rule in (*approved, *alone) if not rule.permits], evidence)
        threshold = _threshold(unsure)
        deadlines = [rule.deadline for rule in permits if rule.deadline is not None]
        why = [_unsure(action.confidence, threshold)] if unsure else [_reasons(alone)]
        why.append(_reasons(permits) or (f"{_ids(permits)} asks before {action.tool}" if permits else ""))
        return self._verdict(
            Ruling.ASK,
            action,
            (*unsure, *permits),
            "; ".join(filter(None, why)),
            evidence,
            threshold=threshold,
            value=action.confidence if unsure else None,
            reviewers=tuple(dict.fromkeys(name for rule in permits for name in rule.reviewers)),
            deadline=min(deadlines, default=None),
            on_deadline="deny" if any(rule.on_deadline == "deny" for rule in permits) else "park",
        )

    def _refuse(self, action: Action, forbids: Sequence[Rule], evidence: dict[str, Any]) -> Verdict:
        """Deny, by the forbids that matched or because nothing permits the call."""
        if forbids:
            reason = _reasons(forbids) or f"{_ids(forbids)} forbids {action.tool}"
            return self._verdict(Ruling.DENY, action, forbids, reason, evidence)
        tool = self._tools[action.tool].name
        near = [rule for rule in self._book.rules if rule.permits and rule.resource == tool]
        near.sort(key=lambda rule: CALL_WITH_APPROVAL not in rule.actions)
        nearest = f"; nearest is {near[0].id}, whose conditions do not hold" if near else ""
        hint = f"; {self._hint}" if self._hint else ""
        return self._verdict(Ruling.DENY, action, (), f"no rule allows {action.tool}{nearest}{hint}", evidence)

    def _verdict(
        self,
        ruling: Ruling,
        action: Action,
        rules: Sequence[Rule],
        reason: str,
        evidence: dict[str, Any],
        **more: Any,
    ) -> Verdict:
        return Verdict(
            ruling=ruling,
            rules=tuple(dict.fromkeys(rule.id for rule in rules)),  # one forbid may hold for both questions
            reason=reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]}…",
            policy=self.version,
            kind=next((rule.kind for rule in rules if rule.kind), f"{action.agent}/{action.tool}"),
            evidence=evidence,
            **more,
        )


def _context(question: Question) -> dict[str, Any]:
    tool = question.action.tool
    count = question.counts.get(tool, 0)
    context: dict[str, Any] = {"now": int(question.now), "count": count, "planned": count < question.plan.count(tool)}
    if question.requester is not None:
        context["requester"] = question.requester
    confidence = question.action.confidence
    if confidence is not None:
        if not 0 <= confidence <= 1:
            raise InvalidValue("confidence", confidence, "a number from 0 to 1")
        context["confidence"] = int(Decimal(repr(confidence)) * 100)  # down: 0.799 is not 80 percent
    return context


def _shown(labels: Mapping[str, Traced]) -> dict[str, Any]:
    return {
        name: {
            "trust": label.trust.name.lower(),
            "from": sorted(label.sources),
            "confidentiality": label.secrecy.name.lower(),
            "vouched": label.vouched,
        }
        for name, label in labels.items()
    }


def _is_confident(rule: Rule, confidence: float | None) -> bool:
    return rule.min_confidence is None or (confidence is not None and confidence >= rule.min_confidence)


def _threshold(permits: Sequence[Rule]) -> float | None:
    """Least confidence that one of `permits` is content with; None if one asks for none."""
    asked = [rule.min_confidence for rule in permits if rule.min_confidence is not None]
    return min(asked, default=None) if len(asked) == len(permits) else None


def _unsure(confidence: float | None, threshold: float | None) -> str:
    if confidence is None:
        return f"no confidence was given, and acting alone takes {threshold:g}"
    return f"confidence {confidence:g} is below {threshold:g}"


def _reasons(rules: Sequence[Rule]) -> str:
    return "; ".join(dict.fromkeys(rule.reason for rule in rules if rule.reason))


def _ids(rules: Sequence[Rule]) -> str:
    return ", ".join(dict.fromkeys(rule.id for rule in rules))
