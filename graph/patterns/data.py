"""What steps say, made of the goal and of earlier answers: texts with `{step.field}` in them, or functions. No I/O."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from baton.core import Condition, InvalidValue, dump
from baton.graph.patterns.json_shapes import is_fields, is_list

Data = Mapping[str, Any]
"""What is known so far, by name: `goal`, `given`, `attachments`, and of each step what it came to."""

Made = Any
"""A value, or how it is made: a text with `{step.field}` in it, lists and mappings of such, a function of the data."""

Test = Callable[[dict[str, Any]], bool] | Condition
"""What decides: a function of the data, or a condition that was written down."""

KNOWN = ("goal", "given", "attachments", "requester")
"""What may be spoken of everywhere, beside steps."""

_FIELD = re.compile(r"\{\{|\}\}|\{([A-Za-z]\w*(?:\.[\w-]+)*)\}")


class Lacking(Exception):
    """Something that is spoken of is not known yet, or is not there."""


def made(how: Made, data: Data) -> Any:
    """The value that is made of what is known.

    Raises:
        Lacking: if a field is not there.
    """
    if callable(how):
        return how(dict(data))
    if isinstance(how, str):
        return _text(how, data)
    if is_fields(how):
        return {name: made(part, data) for name, part in how.items()}
    return [made(part, data) for part in how] if is_list(how) else how


def holds(test: Test, data: Data, names: Collection[str] = ()) -> bool:
    """Whether a condition holds of what is known; of steps in `names` that are not known yet, no field is there."""
    if isinstance(test, Condition):
        return test.holds({**{name: dict[str, Any]() for name in names}, **data})
    return bool(test(dict(data)))


def spoken_of(how: Made) -> Iterator[str]:
    """The fields that a value speaks of, such as `charge.reference`; those of functions are not known."""
    if isinstance(how, str):
        yield from (found[1] for found in _FIELD.finditer(how) if found[1])
    elif is_fields(how) or is_list(how):
        for part in how.values() if is_fields(how) else how:
            yield from spoken_of(part)


def check_fields(how: Made, names: set[str], where: str) -> None:
    """Refuse a value that speaks of what nobody will know.

    Raises:
        InvalidValue: names what may be spoken of.
    """
    for field in spoken_of(how):
        if field.partition(".")[0] not in names:
            raise InvalidValue(f"field in {where}", "{" + field + "}", f"one of: {', '.join(sorted(names))}")


def _text(text: str, data: Data) -> Any:
    whole = _FIELD.fullmatch(text)
    if whole is not None and whole[1]:
        return _looked_up(whole[1], data)  # a field alone keeps its type
    return _FIELD.sub(lambda found: shown(_looked_up(found[1], data)) if found[1] else found[0][0], text)


def shown(value: Any) -> str:
    """A value as it stands in a text."""
    return value if isinstance(value, str) else dump(value)


def _looked_up(field: str, data: Data) -> Any:
    name, *path = field.split(".")
    if name not in data:
        raise Lacking(f"{name} is not known yet, and {{{field}}} speaks of it")
    value = data[name]
    for part in path:
        if is_list(value) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        elif is_fields(value) and part in value:
            value = value[part]
        else:
            raise Lacking(f"{name} has no {'.'.join(path)}")
    return value
