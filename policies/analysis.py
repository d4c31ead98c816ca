"""What can be said of rules without any call: conditions that never hold together, and rules that change nothing.

Conditions are compared where both are about the same attribute and a fixed value; what cannot be compared counts as
possible and as different, so that nothing is reported that is not so.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from baton.policies.conditions import Condition, literal_of, path_of
from baton.policies.rules import Rule

_NUMBERS = {
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
    "lessThan": "<",
    "lessThanOrEqual": "<=",
    "greaterThan": ">",
    "greaterThanOrEqual": ">=",
    "==": "==",
    "!=": "!=",
}
_NEGATED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_RANGES = {
    "confidence": (0, 100),
    "hour": (0, 23),
    "clock": (0, 2359),
    "weekday": (1, 7),
    "goal_trust": (0, 4),
    "read_trust": (0, 4),
    "destination_trust": (0, 4),
    "read_secrecy": (0, 3),
    "content_secrecy": (0, 3),
    "count": (0, inf),
    "rejected": (0, inf),
    "waiting": (0, inf),
}


_LEVELS = {"trust": (0, 4), "secrecy": (0, 3)}
"""Of the arguments, by what is asked of them."""


@dataclass(frozen=True)
class Finding:
    """Something wrong with a rule.

    Attributes:
        where: `file:line`.
        told: What, in words.
    """

    rule: str
    where: str
    told: str


@dataclass(frozen=True)
class _Atom:
    """A condition about one attribute and a fixed value: `<`, `==`, `contains`, `has`; with `!` what must not be."""

    path: tuple[str, ...]
    operator: str
    value: Any


def analyse(rules: Sequence[Rule]) -> tuple[Finding, ...]:
    """Rules that can never apply, and rules that others make superfluous."""
    return tuple(_findings(rules))


def _findings(rules: Sequence[Rule]) -> Iterator[Finding]:
    for rule in rules:
        clash = _clash(rule)
        if clash:
            yield Finding(rule.id, rule.where, f"it never applies: {clash}")
            continue
        for other in rules:
            told = _covered(rule, other) if other is not rule else None
            if told:
                yield Finding(rule.id, rule.where, told)
                break


def _clash(rule: Rule) -> str | None:
    """Two of its conditions that cannot both hold, or one that never does."""
    for condition in rule.conditions:
        if literal_of(condition.node) is (not condition.holds):
            return f"{condition.text} is never so"
    known = [(condition, atom) for condition in rule.conditions if (atom := _atom(condition)) is not None]
    for place, (condition, atom) in enumerate(known):
        if not _possible([atom]):
            return f"{condition.words} is never so"
        for other, second in known[place + 1 :]:
            if atom.path == second.path and not _possible([atom, second]):
                return f"{condition.words}, and {other.words}, cannot both be"
    return None


def _covered(rule: Rule, other: Rule) -> str | None:
    """Why a rule changes nothing beside another: it is stopped wherever it applies, or permits what is permitted."""
    if other.resource not in (None, rule.resource) or not rule.actions <= other.actions:
        return None
    if not all(_implied(condition, rule.conditions) for condition in other.conditions):
        return None
    if rule.permits and not other.permits:
        return f"it never permits anything: {other.id} forbids all of it"
    if rule.permits is not other.permits or not _as_free(other, rule) or (_same(rule, other) and rule.id < other.id):
        return None
    return f"it adds nothing: {other.id} {'permits' if rule.permits else 'forbids'} all of it already"


def _as_free(wide: Rule, narrow: Rule) -> bool:
    """Whether `wide` lets through what `narrow` does, as it does: no more confidence, no limit, the same people."""
    confident = wide.min_confidence is None or (
        narrow.min_confidence is not None and wide.min_confidence <= narrow.min_confidence
    )
    terms = [
        (
            *(one.reviewers, one.quorum, one.four_eyes, one.deadline, one.on_deadline, one.escalate_to, one.valid),
            *(one.window, one.recall, one.reserve),
        )
        for one in (wide, narrow)
    ]
    return confident and not wide.limits and terms[0] == terms[1]


def _same(rule: Rule, other: Rule) -> bool:
    return (
        rule.resource == other.resource
        and rule.actions == other.actions
        and _as_free(rule, other)
        and all(_implied(condition, other.conditions) for condition in rule.conditions)
    )


def _implied(wanted: Condition, given: Iterable[Condition]) -> bool:
    """Whether one of the conditions makes sure that `wanted` holds."""
    atom = _atom(wanted)
    for condition in given:
        if condition.text == wanted.text:
            return True
        known = _atom(condition)
        if atom and known and atom.path == known.path and not _possible([known, _not(atom)]):
            return True
    return False


def _atom(condition: Condition) -> _Atom | None:
    node, holds = condition.node, condition.holds
    for name, operator in _NUMBERS.items():
        found = _compared(node.get(name), operator)
        if found is not None:
            return found if holds else _not(found)
    match node:
        case {"contains": {"left": left, "right": right}} if path_of(left) and literal_of(right) is not None:
            found = _Atom(path_of(left) or (), "contains", literal_of(right))
        case {"has": {"left": left, "attr": attribute}} if path_of(left):
            found = _Atom((*(path_of(left) or ()), attribute), "has", True)
        case _ if path_of(node):
            found = _Atom(path_of(node) or (), "==", True)
        case _:
            return None
    return found if holds else _not(found)


def _compared(operands: Any, operator: str) -> _Atom | None:
    match operands:
        case {"left": left, "right": right} | [left, right]:
            pass
        case _:
            return None
    path, value = path_of(left), literal_of(right)
    if path is None and path_of(right) is not None:
        path, value, operator = path_of(right), literal_of(left), _MIRRORED.get(operator, operator)
    return None if path is None or value is None or isinstance(value, list) else _Atom(path, operator, value)


def _not(atom: _Atom) -> _Atom:
    if atom.operator in _NEGATED:
        return _Atom(atom.path, _NEGATED[atom.operator], atom.value)
    plain = atom.operator.removeprefix("!")
    return _Atom(atom.path, plain if atom.operator != plain else f"!{plain}", atom.value)


def _possible(atoms: Sequence[_Atom]) -> bool:
    """Whether some value fulfils all the atoms, which are about one attribute."""
    by: dict[str, list[Any]] = {}
    for atom in atoms:
        by.setdefault(atom.operator, []).append(atom.value)
    for operator in ("contains", "has"):
        if set(map(repr, by.get(operator, ()))) & set(map(repr, by.get(f"!{operator}", ()))):
            return False
    wanted = by.get("==", [])
    if any(one != wanted[0] for one in wanted[1:]) or any(one in by.get("!=", ()) for one in wanted):
        return False
    if any(isinstance(value, str) for operator in ("<", "<=", ">", ">=") for value in by.get(operator, ())):
        return True
    low, high = _interval(atoms[0].path, by)
    if wanted and isinstance(wanted[0], int | float) and not isinstance(wanted[0], bool):
        return low <= wanted[0] <= high
    return low <= high


def _interval(path: tuple[str, ...], by: dict[str, list[Any]]) -> tuple[float, float]:
    """The numbers that are left, ends included; of whole numbers a strict bound leaves out one."""
    levels = len(path) == 3 and path[0] == "resource" and path[1] in _LEVELS
    low, high = _LEVELS[path[1]] if levels else _RANGES.get(path[-1], (-inf, inf))
    step = 1 if all(isinstance(value, int) for values in by.values() for value in values) else 1e-4
    low = max([low, *by.get(">=", ()), *(value + step for value in by.get(">", ()))])
    high = min([high, *by.get("<=", ()), *(value - step for value in by.get("<", ()))])
    return low, high
