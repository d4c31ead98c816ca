"""Policy texts as rules: what each annotation means, where each rule stands, and what is wrong with it."""

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cedarpy

from baton.core import Effect, InvalidValue, PolicyError, Promise, ToolSpec, parse_duration
from baton.policies.circumstances import CONTEXT
from baton.policies.conditions import Condition, conditions_of
from baton.policies.limits import Limit, check_limits, read_limits
from baton.policies.schema import CALL, CALL_WITH_APPROVAL, ToolType, cedar_name

ACTIONS = frozenset((CALL, CALL_WITH_APPROVAL))
ANNOTATIONS = (
    "id",
    "class",
    "reason",
    "limit",
    "min_confidence",
    "at_most",
    "certainty",
    "reviewers",
    "quorum",
    "deadline",
    "on_deadline",
    "escalate_to",
    "four_eyes",
    "valid",
    "cost",
    "skills",
    "window",
    "recall",
    "reserve",
)
ON_DEADLINE = ("deny", "escalate", "park", "approve")
"""What may happen at a deadline. Where rules differ, the first of these counts."""

_TOKEN = re.compile(r'//[^\n]*|"(?:\\.|[^"\\])*"|\s+|;|[^\s;/"]+|.', re.DOTALL)


@dataclass(frozen=True)
class PolicyText:
    """A Cedar text.

    Attributes:
        name: What it is called in messages: its path or name.
        source: The file's own text where that is no Cedar; empty where it is.
    """

    name: str
    text: str
    source: str = ""

    @property
    def blob(self) -> str:
        """The hash that git gives its file: `git log --find-object HASH` finds the commit."""
        content = (self.source or self.text).encode()
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One permit or forbid.

    Attributes:
        id: Its `@id`, unique in the policy.
        text: Its Cedar text.
        where: `file:line` of its beginning.
        permits: False for a forbid.
        actions: The actions that it speaks of.
        resource: The entity type it is confined to; None for any tool.
        conditions: What has to hold for it to apply.
        kind: `@class`; empty for the default.
        reason: `@reason`, for people.
        limits: How much it may let through, over runs and time.
        min_confidence: Least confidence for acting alone; None for any.
        promise: What is promised of what it lets run alone, from `@at_most` and `@certainty`; None for nothing.
        reviewers: Roles or names that may decide; empty is anybody.
        quorum: How many different people have to approve.
        deadline: Seconds that a question may wait; None is for ever.
        on_deadline: What happens then, one of `ON_DEADLINE`.
        escalate_to: Roles or names that are asked as well before the deadline.
        four_eyes: Whether somebody else than who asked for the goal has to approve.
        valid: Seconds for which an approval holds; None is the queue's default.
        cost: What it costs to answer late, beside other questions.
        skills: What somebody has to know to answer.
        window: Name of the window in which what it lets through may take effect; empty is always.
        recall: Seconds for which it can be recalled before it takes effect; None says nothing of that.
        reserve: Whether what the tool needs is reserved before people are asked.
    """

    id: str
    text: str
    where: str
    permits: bool
    actions: frozenset[str]
    resource: str | None
    conditions: tuple[Condition, ...] = ()
    kind: str = ""
    reason: str = ""
    limits: tuple[Limit, ...] = ()
    min_confidence: float | None = None
    promise: Promise | None = None
    reviewers: tuple[str, ...] = ()
    quorum: int = 1
    deadline: float | None = None
    on_deadline: str = "park"
    escalate_to: tuple[str, ...] = ()
    four_eyes: bool = False
    valid: float | None = None
    cost: float = 1.0
    skills: tuple[str, ...] = ()
    window: str = ""
    recall: float | None = None
    reserve: bool = False


def read_rules(texts: Iterable[PolicyText]) -> tuple[Rule, ...]:
    """All rules in order.

    Raises:
        PolicyError: if a text is no Cedar, an `@id` is missing or doubled, or an annotation says nothing known.
    """
    rules = tuple(_read_rule(text, where) for source in texts for text, where in _statements(source))
    places: dict[str, str] = {}
    for rule in rules:
        if rule.id in places:
            raise PolicyError(rule.where, f'@id("{rule.id}") is taken by {places[rule.id]}', "Give each rule its own.")
        places[rule.id] = rule.where
    return rules


def check_rules(rules: Iterable[Rule], schema: cedarpy.Schema, tools: Iterable[ToolType]) -> None:
    """Hold each rule against the schema.

    Raises:
        PolicyError: for the first rule that names a tool, argument, action or type that is not there.
    """
    known = {tool.name: tool for tool in tools}
    for rule in rules:
        for found in cedarpy.validate_policies(rule.text, schema).errors:  # pyright: ignore[reportUnknownMemberType]
            problem = found.error.removeprefix("for policy `policy0`, ")
            raise PolicyError(rule.where, f"rule {rule.id!r}: {problem}", _what_there_is(rule, problem, known))
        try:
            check_limits(rule.limits, known.get(rule.resource or ""))
        except InvalidValue as error:
            raise PolicyError(rule.where, f"rule {rule.id!r}: {error}") from error


def check_held_up(rules: Iterable[Rule], tools: Mapping[str, ToolSpec]) -> None:
    """Hold what rules say of windows, recall and what is reserved against the tool that each is confined to.

    Raises:
        PolicyError: for the first rule whose annotation could never change anything.
    """
    for rule in rules:
        spec = tools.get(rule.resource or "")
        if rule.recall is not None and spec is not None and spec.effect is Effect.READ:
            problem, hint = f"@recall on {spec.name}, which reads", "Only what writes can be recalled: leave it out."
        elif rule.reserve and spec is not None and not spec.needs:
            problem = f"@reserve on {spec.name}, which needs nothing"
            hint = "Give the tool `needs`, or leave it out."
        else:
            continue
        raise PolicyError(rule.where, f"rule {rule.id!r}: {problem}", hint)


def check_windows(rules: Iterable[Rule], windows: Collection[str], built_in: Collection[str]) -> None:
    """Hold the windows that rules name against those that there are.

    Args:
        rules: The rules.
        windows: The project's.
        built_in: Names of Baton's own tools, whose calls are never held up.

    Raises:
        PolicyError: for the first that there is not, or that could hold nothing up.
    """
    own = {f"Tool::{cedar_name(name)}" for name in built_in}
    for rule in rules:
        if rule.resource in own and (rule.window or rule.recall is not None or rule.reserve):
            said = "window" if rule.window else "recall" if rule.recall is not None else "reserve"
            problem = f"rule {rule.id!r}: @{said} on {rule.resource}, a tool of Baton's own"
            raise PolicyError(rule.where, problem, "Such a call takes effect at once: leave it out.")
        if rule.window and rule.window not in windows:
            allowed = f"one of the project's: {', '.join(windows) or 'it has none'}"
            problem = f"rule {rule.id!r}: @window {rule.window!r} is no window; allowed is {allowed}"
            raise PolicyError(rule.where, problem, "Name one of them, or add it to `windows` of the project.")


def _statements(source: PolicyText) -> Iterator[tuple[str, str]]:
    """Each statement up to its semicolon, with `file:line`; Cedar itself then confirms that it is exactly one."""
    start, line, first, begun = 0, 1, 1, False
    for token in _TOKEN.finditer(source.text):
        text = token.group()
        if not begun and not text.isspace() and not text.startswith("//"):
            begun, first = True, line
        line += text.count("\n")
        if text == ";":
            yield source.text[start : token.end()], f"{source.name}:{first}"
            start, begun = token.end(), False
    if begun:
        yield source.text[start:], f"{source.name}:{first}"


def _read_rule(text: str, where: str) -> Rule:
    try:
        parsed: dict[str, Any] = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as error:
        raise PolicyError(
            where, str(error), 'A rule is `@id("…") permit (principal, action, resource) when { … };`.'
        ) from error
    if parsed["templates"] or len(parsed["staticPolicies"]) != 1:
        raise PolicyError(where, "a template permits nothing by itself", "Write out `principal` and `resource`.")
    (policy,) = parsed["staticPolicies"].values()
    annotations = policy.get("annotations", {})
    return _with_annotations(
        Rule(
            id=annotations.get("id") or "",
            text=text,
            where=where,
            permits=policy["effect"] == "permit",
            actions=_actions(policy["action"]),
            resource=policy["resource"].get("entity_type") or policy["resource"].get("entity", {}).get("type"),
            conditions=conditions_of(policy),
        ),
        annotations,
    )


def _actions(scope: dict[str, Any]) -> frozenset[str]:
    """The actions in a rule's scope; all for those that are not known, as the schema refuses them with more to say."""
    if scope["op"] == "All":
        return ACTIONS
    return ACTIONS.intersection(entity["id"] for entity in scope.get("entities", [scope.get("entity")])) or ACTIONS


def _with_annotations(rule: Rule, given: dict[str, str | None]) -> Rule:
    if not rule.id:
        raise PolicyError(rule.where, "a rule has no @id", 'Put @id("a-name") before it: verdicts and reviews cite it.')
    allowed = [name for name in ANNOTATIONS if _has_meaning(name, rule)]
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in allowed:
            problem = f"rule {rule.id!r}: @{name} means nothing here"
            raise PolicyError(
                rule.where, problem, f"A rule such as this takes {', '.join(f'@{name}' for name in allowed)}."
            )
        try:
            if name == "limit":
                values["limits"] = read_limits(rule.id, value or "")
            else:
                values["kind" if name == "class" else name] = _READERS[name](value or "")
        except InvalidValue as error:
            raise PolicyError(rule.where, f"rule {rule.id!r}: {error}") from error
    shares = {field: values.pop(name) for name, field in _PROMISED.items() if name in values}
    if shares:
        values["promise"] = _promise(rule, shares, values)
    _check_deadline(rule, values)
    return Rule(**{**vars(rule), **values})


def _check_deadline(rule: Rule, values: dict[str, Any]) -> None:
    """Whether what is said of a deadline goes together; who is escalated to says that there is an escalation.

    Raises:
        PolicyError: if it does not.
    """
    if "escalate_to" in values:
        values.setdefault("on_deadline", "escalate")
    then, problem, hint = values.get("on_deadline"), None, ""
    if then is not None and "deadline" not in values:
        said = "escalate_to" if "escalate_to" in values else "on_deadline"
        problem, hint = f"@{said} without @deadline", 'Add @deadline("4h").'
    elif (then == "escalate") != ("escalate_to" in values):
        problem, hint = '@on_deadline("escalate") and @escalate_to go together', 'Add @escalate_to("lead").'
    elif then == "approve" and (values.get("quorum", 1) > 1 or "four_eyes" in values):
        problem, hint = (
            '@on_deadline("approve") beside @quorum or @four_eyes',
            "Nobody would have looked: leave one out.",
        )
    if problem is not None:
        raise PolicyError(rule.where, f"rule {rule.id!r}: {problem}", hint)


def _has_meaning(annotation: str, rule: Rule) -> bool:
    match annotation:
        case "id" | "class" | "reason":
            return True
        case "limit" | "window" | "recall":
            return rule.permits
        case "min_confidence" | "at_most" | "certainty":
            return rule.permits and CALL in rule.actions
        case _:
            return rule.permits and CALL_WITH_APPROVAL in rule.actions


def _promise(rule: Rule, shares: dict[str, float], values: dict[str, Any]) -> Promise:
    if "most_wrong" not in shares:
        raise PolicyError(rule.where, f"rule {rule.id!r}: @certainty without @at_most", 'Add @at_most("5%").')
    if "min_confidence" in values:
        problem = f"rule {rule.id!r}: @min_confidence beside @at_most"
        raise PolicyError(rule.where, problem, "Leave it out: a promise finds its own threshold.")
    return Promise(**shares)


def _text(what: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if not value.strip():
            raise InvalidValue(what, value, "some words")
        return value.strip()

    return read


def _confidence(value: str) -> float:
    if not re.fullmatch(r"[01]|0\.[0-9]{1,2}|1\.00?", value):
        raise InvalidValue("@min_confidence", value, "a number from 0 to 1 with at most two decimals, such as 0.8")
    return float(value)


def _share(what: str) -> Callable[[str], float]:
    def read(value: str) -> float:
        found = re.fullmatch(r"([0-9]{1,2}(?:\.[0-9]{1,4})?) ?%|(0?\.[0-9]{1,6})", value.strip())
        share = 0.0 if found is None else float(found[1]) / 100 if found[1] else float(found[2])
        if not 0 < share < 1:
            raise InvalidValue(what, value, 'a share above 0 and below 100 percent, such as "5%"')
        return share

    return read


def _listed(what: str, names: str, example: str) -> Callable[[str], tuple[str, ...]]:
    def read(value: str) -> tuple[str, ...]:
        found = tuple(name.strip() for name in value.split(","))
        if not all(found):
            raise InvalidValue(what, value, f'{names} with commas between, such as "{example}"')
        return found

    return read


def _cost(value: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]{1,3})?", value) or not float(value):
        raise InvalidValue("@cost", value, 'a number above 0, such as "10"')
    return float(value)


def _quorum(value: str) -> int:
    if not re.fullmatch(r"[1-9]", value):
        raise InvalidValue("@quorum", value, "how many people have to approve, from 1 to 9")
    return int(value)


def _seconds(what: str, example: str) -> Callable[[str], float]:
    def read(value: str) -> float:
        seconds = parse_duration(value).total_seconds()
        if seconds <= 0:
            raise InvalidValue(what, value, f"more than nothing, such as {example!r}")
        return seconds

    return read


def _flag(what: str) -> Callable[[str], bool]:
    def read(value: str) -> bool:
        if value not in ("", "true"):
            raise InvalidValue(what, value, f"nothing: {what} stands alone")
        return True

    return read


def _on_deadline(value: str) -> str:
    if value not in ON_DEADLINE:
        raise InvalidValue("@on_deadline", value, f"one of: {', '.join(ON_DEADLINE)}")
    return value


_PROMISED = {"at_most": "most_wrong", "certainty": "certainty"}
_READERS: dict[str, Callable[[str], Any]] = {
    "id": _text("@id"),
    "class": _text("@class"),
    "reason": _text("@reason"),
    "min_confidence": _confidence,
    "at_most": _share("@at_most"),
    "certainty": _share("@certainty"),
    "reviewers": _listed("@reviewers", "names or roles", "lead,finance"),
    "quorum": _quorum,
    "deadline": _seconds("@deadline", "4h"),
    "on_deadline": _on_deadline,
    "escalate_to": _listed("@escalate_to", "names or roles", "lead,finance"),
    "four_eyes": _flag("@four_eyes"),
    "valid": _seconds("@valid", "2d"),
    "cost": _cost,
    "skills": _listed("@skills", "names", "refunds,french"),
    "window": _text("@window"),
    "recall": _seconds("@recall", "10m"),
    "reserve": _flag("@reserve"),
}


def _what_there_is(rule: Rule, problem: str, tools: dict[str, ToolType]) -> str:
    """What could have been meant instead, for the problems that Cedar's validator finds most."""
    if "unrecognized action" in problem:
        return "There is: " + ", ".join(f'Action::"{action}"' for action in sorted(ACTIONS)) + "."
    if "unrecognized entity type" in problem:
        return f"There is: Agent, {', '.join(sorted(tools))}."
    if "in context" in problem:
        return f"The context has: {', '.join(CONTEXT)}."
    if "to optional attribute" in problem:
        return "Ask first whether it is there, as in `resource.args has note && resource.args.note == …`."
    if rule.resource is None and "on entity type" in problem:
        return "The rule speaks of every tool: confine it with `resource is Tool::…`."
    missing = re.search(r"on entity type `(Tool::\w+)` not found", problem)
    if missing and missing[1] in tools:
        arguments = ", ".join(tools[missing[1]].arguments.shapes) or "nothing"
        call = "effect, egress, args, trust, from, secrecy, vouched, destinations, destination_trust, content_secrecy"
        return f"A call has {call}; {missing[1]} takes: {arguments}."
    return ""
