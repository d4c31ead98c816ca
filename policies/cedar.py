"""Cedar as Baton's policy: two questions about each call, and a deny for whatever goes wrong.

May the agent make this call alone (`call`)? If not, may it with a person's approval (`call_with_approval`)?
If not, it is denied. Both are ordinary permits and forbids over one schema, so they can be analysed together.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from baton.core import (
    Action,
    Assessed,
    Charge,
    InvalidValue,
    PolicyError,
    Promise,
    Question,
    Ruling,
    Spent,
    ToolSpec,
    Trust,
    Verdict,
    Window,
)
from baton.policies.circumstances import complete, context_of, shown
from baton.policies.engine import Asked, Rulebook
from baton.policies.limits import Limit
from baton.policies.probing import Tested, said
from baton.policies.rules import ON_DEADLINE, PolicyText, Rule, check_held_up, check_windows, read_rules
from baton.policies.schema import BUILT_IN, CALL, CALL_WITH_APPROVAL, ToolType, tool_types
from baton.policies.tracing import ABSENT, Readings, RecentReadings, Traced

_LONGEST_REASON = 500


@dataclass(frozen=True)
class _Weighed:
    """A permit whose conditions hold, weighed for one call.

    Attributes:
        charges: What the call takes of its limits.
        unsure: Why the agent may not act on it alone, for want of confidence or of a certificate; empty where it may.
        assessed: What is known of the call in the class that the permit promises something of; None where it does not.
        over: Which of its limits has no room; empty where each has.
    """

    rule: Rule
    charges: tuple[Charge, ...]
    unsure: str
    assessed: Assessed | None
    over: str


@dataclass(frozen=True)
class _Case:
    """One call that is being judged.

    Attributes:
        labels: Where its arguments come from.
        evidence: What was looked at, for the verdict; there whatever fails later.
    """

    question: Question
    asked: Asked
    labels: Mapping[str, Traced]
    evidence: dict[str, Any]

    @property
    def action(self) -> Action:
        return self.question.action

    @cached_property
    def signals(self) -> Mapping[str, float]:
        """What may say how likely the call is right, by name."""
        sound = [label.vouched or label.trust >= Trust.VERIFIED_TOOL for label in self.labels.values()]
        return {**self.question.signals, "grounded": sum(sound) / len(sound) if sound else 1.0}


@dataclass(frozen=True)
class Recorded:
    """An action that was judged before.

    Attributes:
        question: As far as it is on record: without what the run had read.
        evidence: What its verdict was given with.
    """

    question: Question
    evidence: Mapping[str, Any]


class CedarPolicy:
    """Rules in Cedar over the tools of one agent; made by `compile`."""

    def __init__(self, book: Rulebook, tools: Mapping[str, ToolType], *, agent: str, hint: str = "") -> None:
        self._book, self._tools, self._agent, self._hint = book, tools, agent, hint
        self._limits = tuple(dict.fromkeys(limit for rule in book.rules for limit in rule.limits))
        self._recent = RecentReadings()
        self.promises: Mapping[str, Promise] = _promised(book.rules, tools, agent)

    @classmethod
    def compile(
        cls, texts: Iterable[PolicyText], tools: Iterable[ToolSpec], *, agent: str, name: str, hint: str = ""
    ) -> "CedarPolicy":
        """Read and check policy texts.

        Args:
            texts: Cedar texts, together one policy; the last one is the team's own.
            tools: The tools of the agent.
            agent: Its name, which rules see as `Agent::"<name>"`.
            name: What verdicts call the policy.
            hint: Said when no rule allows a call.

        Raises:
            PolicyError: if a text is not Cedar or does not fit the tools; names file and line.
        """
        sources, specs = tuple(texts), tuple(tools)
        types = tool_types(name, specs)
        rules = read_rules(sources)
        try:
            book = Rulebook(rules, types.values(), name, sources[-1].blob if sources else "")
        except ValueError as error:
            raise PolicyError(name, str(error)) from error
        check_held_up(rules, {types[spec.name].name: spec for spec in specs})
        return cls(book, types, agent=agent, hint=hint)

    @property
    def version(self) -> str:
        """Name, git's hash of its file, and a hash over all rules and the schema of the tools."""
        return self._book.version

    @property
    def rules(self) -> Sequence[Rule]:
        """Its rules, those beneath every policy first."""
        return self._book.rules

    @property
    def limits(self) -> Sequence[Limit]:
        """What its rules let through at most, over runs and time."""
        return self._limits

    def check_windows(self, windows: Collection[str], built_in: Collection[str]) -> None:
        """Refuse a rule that names a window that there is not, or holds a tool of Baton's own up.

        Raises:
            PolicyError: names the rule, the window and those that there are, with file and line.
        """
        check_windows(self._book.rules, windows, built_in)

    @property
    def uncovered(self) -> tuple[str, ...]:
        """The agent's own tools that no rule permits under any condition: every call of them is denied."""
        permitted = {rule.resource for rule in self._book.rules if rule.permits}
        if None in permitted:
            return ()
        return tuple(name for name, tool in self._tools.items() if name not in BUILT_IN and tool.name not in permitted)

    def windows(self, scopes: Mapping[str, str]) -> tuple[Window, ...]:
        """The windows whose spending `judge` needs to know; empty where it sets no limits."""
        return tuple(dict.fromkeys(limit.window(scopes) for limit in self._limits))

    def meters(self, scopes: Mapping[str, str]) -> tuple[str, ...]:
        """The accounts that a model call's tokens are charged to."""
        return tuple(dict.fromkeys(limit.account(scopes) for limit in self._limits if limit.of_tokens))

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

    def rejudge(self, recorded: Recorded) -> Verdict | None:
        """What it says of an action that was judged before, by the labels and circumstances that are on record.

        None where they are not: the call fitted no tool then, or fits none now.
        """
        action, seen = recorded.question.action, recorded.evidence
        tool = self._tools.get(action.tool)
        traced, context = seen.get("arguments"), seen.get("context")
        if tool is None or traced is None or context is None or not complete(context):
            return None
        if set(traced) != set(tool.arguments.shapes):
            return None
        try:
            labels = {name: Traced.read(label) for name, label in traced.items()}
        except KeyError:
            return None  # recorded by an older Baton, without all that is asked today
        evidence: dict[str, Any] = {}
        try:
            return self._weighed(recorded.question, tool, labels, {**context, "goal": recorded.question.goal}, evidence)
        except (InvalidValue, PolicyError, ValueError) as error:
            return self._verdict(Ruling.DENY, action, (), str(error), evidence)

    def _judge(self, question: Question, evidence: dict[str, Any]) -> Verdict:
        action = question.action
        tool = self._tools.get(action.tool)
        if tool is None or question.tool.name != action.tool:
            reason = f"the policy does not know the tool {action.tool!r}"
            return self._verdict(Ruling.DENY, action, (), reason, evidence)
        if action.agent != self._agent:
            reason = f"the policy is for agent {self._agent!r}, not for {action.agent!r}"
            return self._verdict(Ruling.DENY, action, (), reason, evidence)
        labels, read = self._labels(question, tool)
        return self._weighed(question, tool, labels, context_of(question, read), evidence)

    def _weighed(
        self,
        question: Question,
        tool: ToolType,
        labels: Mapping[str, Traced],
        context: dict[str, Any],
        evidence: dict[str, Any],
    ) -> Verdict:
        action = question.action
        evidence |= {"arguments": _shown(labels), "context": shown(context)}
        entity = tool.entity(action.id, action.arguments, labels)
        case = _Case(question, self._book.asked(self._agent, entity, context), labels, evidence)
        alone = self._book.decide(CALL, case.asked)
        weighed = [_weigh(rule, case) for rule in alone if rule.permits]
        sure = [one for one in weighed if not one.unsure and not one.over]
        if sure:
            return self._allow(case, sure)
        return self._ask(case, alone, weighed, self._book.decide(CALL_WITH_APPROVAL, case.asked))

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
            if name in action.edited and label.trust <= Trust.USER
        }
        return labels | edited, read

    def _allow(self, case: _Case, sure: Sequence[_Weighed]) -> Verdict:
        """Allow by the permits without limits and promises; where there are none, by the first alone, which counts."""
        free = [one for one in sure if not one.charges and one.assessed is None]
        chosen = free or sure[:1]
        rules = [one.rule for one in chosen]
        return self._verdict(
            Ruling.ALLOW,
            case.action,
            rules,
            _reasons(rules) or f"{_ids(rules)} allows {case.action.tool}",
            case.evidence,
            charges=() if free else sure[0].charges,
            **_held_up(rules),
            **_compared(chosen, case.action.confidence),
        )

    def _ask(
        self, case: _Case, alone: Sequence[Rule], weighed: Sequence[_Weighed], approved: Sequence[Rule]
    ) -> Verdict:
        """Ask people where some rule lets them decide.

        Rules that name reviewers or a deadline outweigh those that leave them open.
        """
        unsure = [one for one in weighed if not one.over]
        approvable = [_weigh(rule, case) for rule in approved if rule.permits]
        possible = [one for one in approvable if not one.over]
        if len(approvable) < len(approved) or not (possible or unsure):
            forbids = [rule for rule in (*approved, *alone) if not rule.permits]
            return self._refuse(case, forbids, [one.over for one in (*weighed, *approvable) if one.over])
        permits = [one.rule for one in possible]
        charged = next((one for one in possible or unsure if not one.charges), (possible or unsure)[0])
        return self._verdict(
            Ruling.ASK,
            case.action,
            (*(one.rule for one in unsure), *permits),
            self._why(case, alone, weighed, permits),
            case.evidence,
            charges=charged.charges,
            **_held_up(permits or [one.rule for one in unsure]),
            **_compared(unsure, case.action.confidence),
            **_terms(permits),
        )

    def _why(
        self,
        case: _Case,
        alone: Sequence[Rule],
        weighed: Sequence[_Weighed],
        permits: Sequence[Rule],
    ) -> str:
        """Why it is asked: what kept the agent from acting alone, and what the rules that ask say."""
        why = [one.over or one.unsure for one in sorted(weighed, key=lambda one: not one.over)]
        if not weighed:
            forbids = [rule for rule in alone if not rule.permits]
            self._lacking(case, forbids, CALL)
            why.append(_reasons(forbids))
        why.append(_reasons(permits) or (f"{_ids(permits)} asks before {case.action.tool}" if permits else ""))
        return "; ".join(dict.fromkeys(filter(None, why)))

    def _refuse(self, case: _Case, forbids: Sequence[Rule], over: Sequence[str]) -> Verdict:
        """Deny: by the forbids that matched, for want of room, or because nothing permits the call."""
        tool = case.action.tool
        questions = (CALL, CALL_WITH_APPROVAL) if over else (CALL_WITH_APPROVAL, CALL)
        near, lacks = self._lacking(case, forbids, *questions)
        if forbids:
            reason = _reasons(forbids) or f"{_ids(forbids)} forbids {tool}"
        elif over:
            reason = "; ".join(dict.fromkeys(over))
        else:
            closest = f"; nearest is {near.id}, which asks that {said(lacks)}" if near else ""
            reason = f"no rule allows {tool}{closest}" + (f"; {self._hint}" if self._hint else "")
        return self._verdict(Ruling.DENY, case.action, forbids, reason, case.evidence)

    def _lacking(self, case: _Case, forbids: Sequence[Rule], *questions: str) -> tuple[Rule | None, tuple[Tested, ...]]:
        """The permit that came nearest, and what it lacks; with forbids, their conditions are put on record instead.

        Looked at are the permits for the first of `questions` for which there are any.
        """
        if forbids:
            found = dict.fromkeys(rule.id for rule in forbids)
            tested = self._book.test([rule for rule in self._book.rules if rule.id in found], case.asked)
            case.evidence["conditions"] = [one.document() for one in tested.all]
            return None, ()
        tool = self._tools[case.action.tool].name
        permits = ([rule for rule in self._book.about(one, tool) if rule.permits] for one in questions)
        asked = next((found for found in permits if found), list[Rule]())
        near, lacks = self._book.test(asked, case.asked).nearest(asked)
        case.evidence["conditions"] = [one.document() for one in lacks]
        return near, lacks

    def _verdict(
        self,
        ruling: Ruling,
        action: Action,
        rules: Sequence[Rule],
        reason: str,
        evidence: dict[str, Any],
        assessed: Assessed | None = None,
        **more: Any,
    ) -> Verdict:
        kinds = [assessed.kind if assessed else "", *(rule.kind for rule in rules)]
        return Verdict(
            ruling=ruling,
            rules=tuple(dict.fromkeys(rule.id for rule in rules)),  # one forbid may hold for both questions
            reason=reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]}…",
            policy=self.version,
            kind=next(filter(None, kinds), f"{action.agent}/{action.tool}"),
            assessed=assessed,
            evidence=evidence,
            **more,
        )


def _promised(rules: Sequence[Rule], tools: Mapping[str, ToolType], agent: str) -> dict[str, Promise]:
    """What is promised, by class.

    Raises:
        PolicyError: if two rules promise different things of one class.
    """
    found: dict[str, tuple[Promise, Rule]] = {}
    for rule in rules:
        if rule.promise is None:
            continue
        meant = [name for name, tool in tools.items() if rule.resource in (None, tool.name)]
        for kind in {rule.kind or f"{agent}/{name}": None for name in meant}:
            known, other = found.setdefault(kind, (rule.promise, rule))
            if known != rule.promise:
                problem = f"rule {rule.id!r} promises {rule.promise} of class {kind!r}, but {other.id!r} {known}"
                raise PolicyError(rule.where, problem, "Promise the same, or give one of them another @class.")
    return {kind: promise for kind, (promise, _) in found.items()}


def _assess(rule: Rule, case: _Case) -> tuple[Assessed | None, str]:
    """What is known of a call in the class of a permit, and why it may not run on it alone."""
    confidence = case.action.confidence
    if rule.promise is None:
        least = rule.min_confidence
        sure = least is None or (confidence is not None and confidence >= least)
        return None, "" if sure else _unsure(confidence, least)
    kind = rule.kind or f"{case.action.agent}/{case.action.tool}"
    certificate = case.question.certificates.get(kind)
    if certificate is None:
        return None, f"no certificate of {kind} is at hand"
    assessed = certificate.assess(case.action, case.signals, case.question.coin)
    return assessed, assessed.lacks


def _weigh(rule: Rule, case: _Case) -> _Weighed:
    question = case.question
    assessed, unsure = _assess(rule, case)
    try:
        charges = tuple(limit.charge(question.action.arguments, question.scopes) for limit in rule.limits)
    except InvalidValue as error:
        return _Weighed(rule, (), unsure, assessed, str(error))
    full = [(charge, question.spent.get(charge.window, Spent())) for charge in charges]
    over = next((charge.told(spent) for charge, spent in full if not charge.fits(spent)), "")
    return _Weighed(rule, charges, unsure, assessed, over)


def _terms(permits: Sequence[Rule]) -> dict[str, Any]:
    """Who decides, how many of them and until when."""
    deadlines = [rule.deadline for rule in permits if rule.deadline is not None]
    return {
        "reviewers": tuple(dict.fromkeys(name for rule in permits for name in rule.reviewers)),
        "quorum": max((rule.quorum for rule in permits), default=1),
        "deadline": min(deadlines, default=None),
        "on_deadline": min((rule.on_deadline for rule in permits), key=ON_DEADLINE.index, default="park"),
        "escalate_to": tuple(dict.fromkeys(name for rule in permits for name in rule.escalate_to)),
        "four_eyes": any(rule.four_eyes for rule in permits),
        "valid": min((rule.valid for rule in permits if rule.valid is not None), default=None),
        "cost": max((rule.cost for rule in permits), default=1.0),
        "skills": tuple(dict.fromkeys(name for rule in permits for name in rule.skills)),
        "reserve": any(rule.reserve for rule in permits),
    }


def _held_up(permits: Sequence[Rule]) -> dict[str, Any]:
    """When what these let through takes effect: every window that one names is open, the longest recall over."""
    return {
        "windows": tuple(dict.fromkeys(rule.window for rule in permits if rule.window)),
        "recall": max((rule.recall for rule in permits if rule.recall is not None), default=None),
    }


def _shown(labels: Mapping[str, Traced]) -> dict[str, Any]:
    return {name: label.document() for name, label in labels.items()}


def _compared(weighed: Sequence[_Weighed], confidence: float | None) -> dict[str, Any]:
    """What was held against what: a score against a certificate's threshold, or confidence against what is asked."""
    assessed = next((one.assessed for one in weighed if one.assessed), None)
    if assessed is not None:
        return {"assessed": assessed, "threshold": assessed.threshold, "value": assessed.score}
    threshold = _threshold([one.rule for one in weighed])
    return {"threshold": threshold, "value": None if threshold is None else confidence}


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
