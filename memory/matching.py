"""Whether a value fits a filter, and a namespace a condition, as LangGraph's stores understand them."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from langgraph.store.base import MatchCondition

from baton.core import InvalidValue


def fits_filter(value: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether each field of a value is as wanted: equal, or as operators such as `$gt` say.

    Raises:
        InvalidValue: if there is no such operator, or a field that is to be compared by size is no number.
    """
    return all(_fits(value.get(name), its) for name, its in wanted.items())


def namespace_fits(condition: MatchCondition, namespace: tuple[str, ...]) -> bool:
    """Whether a namespace begins or ends as a condition says; `*` is any one label.

    Raises:
        InvalidValue: if the condition is neither a prefix nor a suffix.
    """
    kind, path = condition.match_type, condition.path
    if kind not in ("prefix", "suffix"):
        raise InvalidValue("match type", kind, "prefix or suffix")
    if len(namespace) < len(path):
        return False
    part = namespace[: len(path)] if kind == "prefix" else namespace[len(namespace) - len(path) :]
    return all(wanted in ("*", label) for label, wanted in zip(part, path, strict=True))


def _fits(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return _fits_dict(value, cast("Mapping[str, Any]", wanted))
    if isinstance(wanted, list | tuple):
        return isinstance(value, list | tuple) and _fits_list(
            cast("Sequence[Any]", value), cast("Sequence[Any]", wanted)
        )
    return bool(value == wanted)


def _fits_list(value: Sequence[Any], wanted: Sequence[Any]) -> bool:
    return len(value) == len(wanted) and all(map(_fits, value, wanted))


def _fits_dict(value: Any, wanted: Mapping[str, Any]) -> bool:
    if any(name.startswith("$") for name in wanted):
        return all(_compared(value, operator, than) for operator, than in wanted.items())
    if not isinstance(value, dict):
        return False
    held = cast("Mapping[str, Any]", value)
    return all(_fits(held.get(name), its) for name, its in wanted.items())


def _compared(value: Any, operator: str, than: Any) -> bool:
    if operator in ("$eq", "$ne"):
        return bool(value == than) is (operator == "$eq")
    if operator not in ("$gt", "$gte", "$lt", "$lte"):
        raise InvalidValue("operator", operator, "$eq, $ne, $gt, $gte, $lt or $lte")
    if value is None:
        return False
    one, other = _number(value), _number(than)
    return {"$gt": one > other, "$gte": one >= other, "$lt": one < other, "$lte": one <= other}[operator]


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise InvalidValue("value to compare by size", value, "a number") from error
