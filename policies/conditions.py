"""A rule's conditions one by one: as Cedar, as words, and with the values that they look at.

`when { a && b }` and `unless { c || d }` are taken apart into what all has to hold: a, b, not c, not d.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import cedarpy

from baton.core import Confidentiality, Trust, format_time

Node = Mapping[str, Any]
"""An expression as Cedar's JSON writes it."""

_ANYTHING = {"op": "All"}


@dataclass(frozen=True)
class Condition:
    """One thing that has to hold for a rule to apply.

    Attributes:
        node: The expression.
        holds: Whether it has to be true; False where it must not.
    """

    node: Node
    holds: bool

    @cached_property
    def text(self) -> str:
        """As Cedar."""
        written = cedarpy.policies_from_json_str(json.dumps(alone([self])))
        found = re.search(r"(?:when|unless) \{ ?(.*?) ?\};?\s*$", written, re.DOTALL)
        body = _plain(found[1]) if found else written
        return body if self.holds else f"!({body})"

    @cached_property
    def paths(self) -> tuple[tuple[str, ...], ...]:
        """The attributes that it looks at, such as `("resource", "args", "cents")`."""
        return tuple(dict.fromkeys(path for path in _chains(self.node) if len(path) > 1))

    @cached_property
    def words(self) -> str:
        """As people read it, such as `cents is at most 5000`."""
        return _words(self.node, self.holds)

    def values(self, look: Callable[[tuple[str, ...]], Any]) -> dict[str, Any]:
        """What it looked at, by path; what is not there is left out."""
        found = {".".join(path): look(path) for path in self.paths}
        return {name: value for name, value in found.items() if value is not None}


def conditions_of(policy: Node) -> tuple[Condition, ...]:
    """Everything that has to hold for a rule: its principal where it names one, then its conditions."""
    found = [Condition(node, True) for node in _scope(policy["principal"])]
    for clause in policy["conditions"]:
        found += _conjuncts(clause["body"], clause["kind"] == "when")
    return tuple(found)


def alone(conditions: Sequence[Condition]) -> dict[str, Any]:
    """A policy set that permits whatever fulfils a condition, a policy each, called by their place."""
    policies = {
        str(place): {
            "effect": "permit",
            "principal": _ANYTHING,
            "action": _ANYTHING,
            "resource": _ANYTHING,
            "conditions": [{"kind": "when" if condition.holds else "unless", "body": condition.node}],
        }
        for place, condition in enumerate(conditions)
    }
    return {"staticPolicies": policies, "templates": {}, "templateLinks": []}


def _scope(principal: Node) -> Iterator[Node]:
    if principal["op"] == "==":
        entity = {"Value": {"__entity": principal["entity"]}}
        yield {"==": {"left": {"Var": "principal"}, "right": entity}}


def _conjuncts(node: Node, holds: bool) -> Iterator[Condition]:
    joined = node.get("&&" if holds else "||")
    if joined is not None:
        yield from _conjuncts(joined["left"], holds)
        yield from _conjuncts(joined["right"], holds)
    elif "!" in node:
        yield from _conjuncts(node["!"]["arg"], not holds)
    else:
        yield Condition(node, holds)


def looked_at(conditions: Iterable[Condition]) -> frozenset[tuple[str, ...]]:
    """Every attribute that some conditions look at or ask for; one that they take as a whole is told as such."""
    return frozenset(path for condition in conditions for path in _chains(condition.node))


def _chains(node: Any) -> Iterator[tuple[str, ...]]:
    path = path_of(node)
    if path is not None:
        yield path
    elif isinstance(node, Mapping):
        for part in cast(Mapping[str, Any], node).values():
            yield from _chains(part)
    elif isinstance(node, list):
        for part in cast(Sequence[Any], node):
            yield from _chains(part)


def path_of(node: Any) -> tuple[str, ...] | None:
    """The attribute that an expression is, from `resource`, `context` or `principal`; None where it is none."""
    match node:
        case {"Var": name}:
            return (name,)
        case {".": {"left": left, "attr": attribute}} | {"has": {"left": left, "attr": attribute}}:
            below = path_of(left)
            return (*below, attribute) if below else None
        case _:
            return None


def literal_of(node: Any) -> Any:
    """The value that an expression is; None where it is none."""
    match node:
        case {"Value": {"__entity": {"id": name}}}:
            return name
        case {"Value": value}:
            return value
        case {"decimal": [{"Value": value}]}:
            return float(value)
        case {"Set": parts}:
            values = [literal_of(part) for part in parts]
            return None if None in values else values
        case _:
            return None


_COMPARED = {
    "==": ("is", "is not"),
    "!=": ("is not", "is"),
    "<": ("is under", "is at least"),
    "<=": ("is at most", "is over"),
    ">": ("is over", "is at most"),
    ">=": ("is at least", "is under"),
    "lessThan": ("is under", "is at least"),
    "lessThanOrEqual": ("is at most", "is over"),
    "greaterThan": ("is over", "is at most"),
    "greaterThanOrEqual": ("is at least", "is under"),
    "contains": ("includes", "does not include"),
    "containsAll": ("includes all of", "does not include all of"),
    "containsAny": ("includes one of", "includes none of"),
    "in": ("is in", "is not in"),
}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_CALLED = {
    "now": "the time",
    "count": "how often this run has called the tool",
    "hour": "the hour",
    "clock": "the time of day",
    "weekday": "the day of the week",
    "goal_trust": "the trust in the goal",
    "read_trust": "the trust in what was read",
    "read_secrecy": "the confidentiality of what was read",
    "destination_trust": "the trust in where it goes",
    "content_secrecy": "the confidentiality of what goes there",
    "planned": "a plan of the user's own wish",
    "egress": "sending something out",
    "rejected": "how often people said no in this run",
    "waiting": "how many questions of this run are open",
}


def _words(node: Node, holds: bool) -> str:
    for operator, said in _COMPARED.items():
        sides = _sides(node.get(operator))
        if sides is not None:
            return _comparison(operator, *sides, said, holds=holds)
    match node:
        case {"has": {"attr": attribute}}:
            return f"{attribute} is given" if holds else f"{attribute} is not given"
        case {"like": {"left": left, "pattern": pattern}}:
            shape = "".join("*" if part == "Wildcard" else part["Literal"] for part in pattern)
            return f"{_name(left)} {'is like' if holds else 'is not like'} {shape}"
        case {"||": {"left": left, "right": right}} | {"&&": {"left": left, "right": right}}:
            return f"{_words(left, holds)} or {_words(right, holds)}"
        case {"!": {"arg": argument}}:
            return _words(argument, not holds)
        case _:
            return f"{_name(node)} {'holds' if holds else 'does not hold'}"


def _sides(operands: Any) -> tuple[Any, Any] | None:
    match operands:
        case {"left": left, "right": right}:
            return left, right
        case [left, right]:
            return left, right
        case _:
            return None


def _comparison(operator: str, left: Any, right: Any, said: tuple[str, str], *, holds: bool) -> str:
    if operator in _MIRRORED and literal_of(left) is not None and path_of(right) is not None:
        return _comparison(_MIRRORED[operator], right, left, _COMPARED[_MIRRORED[operator]], holds=holds)
    path = path_of(left) or ("",)
    verb = said[0] if holds else said[1]
    if path[:2] == ("resource", "from") and operator == "contains":
        return f"{path[-1]} {'comes' if holds else 'does not come'} from {_value(right)}"
    level = _level(path)
    if level is not None:
        return f"{_name(left)} {verb} {_level_name(level, right)}"
    if path == ("context", "now") and isinstance(literal_of(right), int):
        return f"{_name(left)} {verb} {format_time(literal_of(right))}"
    if operator == "contains" and literal_of(left) is not None:
        return f"{_name(right)} {'is one of' if holds else 'is none of'} {_value(left)}"
    return f"{_name(left)} {verb} {_value(right)}"


def _level(path: tuple[str, ...]) -> type[Trust] | type[Confidentiality] | None:
    """The scale that an attribute is on; None for any other."""
    if path[:2] == ("resource", "trust") or path[-1].endswith("_trust"):
        return Trust
    return Confidentiality if path[:2] == ("resource", "secrecy") or path[-1].endswith("_secrecy") else None


def _level_name(scale: type[Trust] | type[Confidentiality], node: Any) -> str:
    number = literal_of(node)
    known = isinstance(number, int) and number in list(map(int, scale))
    return scale(number).name.lower().replace("_", " ") if known else _value(node)


def _name(node: Any) -> str:
    """An attribute as people call it."""
    path = path_of(node)
    if not path:
        return _value(node)
    if path[:2] == ("resource", "trust"):
        return f"the trust in {'.'.join(path[2:])}"
    if path[:2] == ("resource", "secrecy"):
        return f"the confidentiality of {'.'.join(path[2:])}"
    if path[:2] == ("resource", "vouched"):
        return f"the user's word for {'.'.join(path[2:])}"
    if path[:2] == ("resource", "from"):
        return f"the source of {'.'.join(path[2:])}"
    if path[:2] == ("resource", "args"):
        return ".".join(path[2:])
    if path == ("principal",):
        return "the agent"
    return _CALLED.get(path[-1], path[-1].replace("_", " "))


def _value(node: Any) -> str:
    value = literal_of(node)
    if value is not None:
        return json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
    if path_of(node) is not None:
        return _name(node)
    return Condition(cast(Node, node), True).text if isinstance(node, dict) else str(node)


def _plain(text: str) -> str:
    """Cedar as it is printed, without the brackets around every attribute."""
    while True:
        shorter = re.sub(r"(?<![\w)])\(([\w.]+|\d+)\)", r"\1", text)
        if shorter == text:
            return text[1:-1] if re.fullmatch(r"\([^()]*\)", text) else text
        text = shorter
