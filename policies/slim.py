"""Telling Cedar only what some rule looks at: most of a call's labels and circumstances are asked for by none.

Cedar turns all it is told into values of its own, for each question anew, and that takes longer than weighing the
rules. So a rulebook asks with a schema, a context and an entity that hold no more than its rules look at. That nothing
is missing is shown by Cedar's own validator, which finds each rule to fit the smaller schema, and by `looked_at`, which
finds what is only asked for with `has`.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

Tree = Mapping[str, "Tree | None"]
"""What is looked at, by name: None is all of it, a tree the parts that are named there."""


ALWAYS = frozenset((("resource", "args"), ("context", "requester")))
"""What comes from outside, and is told always: what Cedar cannot take is denied, whether or not a rule looks at it."""


def tree_of(paths: Iterable[tuple[str, ...]]) -> Tree:
    """Paths such as `("resource", "args", "cents")` as a tree."""
    found: dict[str, Any] = {}
    for path in sorted(paths, key=len, reverse=True):
        place = found
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = None  # the shorter ones come last: what is looked at as a whole is needed whole
    return found


def slimmed(schema: str, seen: Tree) -> str:
    """A schema, as JSON text, with nothing but what is looked at of `resource` and `context`."""
    whole: dict[str, Any] = json.loads(schema)
    for declared in whole["Tool"]["entityTypes"].values():
        declared["shape"] = _record(declared["shape"], _below(seen, "resource"))
    for action in whole[""]["actions"].values():
        scope = action["appliesTo"]
        scope["context"] = _record(scope["context"], _below(seen, "context"))
    return json.dumps(whole)


def slim(values: Mapping[str, Any], root: str, seen: Tree) -> Mapping[str, Any]:
    """What is looked at of `resource` or `context`, whichever `root` is."""
    below = _below(seen, root)
    return values if below is None else _values(values, below)


def _below(seen: Tree, root: str) -> Tree | None:
    return seen.get(root, {})


def _record(shape: Mapping[str, Any], seen: Tree | None) -> Mapping[str, Any]:
    if seen is None or shape["type"] != "Record":
        return shape
    kept = {name: _record(part, seen[name]) for name, part in shape["attributes"].items() if name in seen}
    return {**shape, "attributes": kept}


def _values(values: Mapping[str, Any], seen: Tree) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, inner in seen.items():
        if name in values:
            value = values[name]
            is_part = inner is not None and isinstance(value, dict)
            found[name] = _values(cast(dict[str, Any], value), cast(Tree, inner)) if is_part else value
    return found
