"""What an action rests on: what was read for it, and whether that is as it was. No I/O."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from baton.core import Action, ActionId, Effect, Rest, Ruling, ToolSpec, Verdict, dump
from baton.core.texts import call
from baton.ledger import EffectRecord, EffectState, Line, Proposal
from baton.policies.tracing import leaves

FRESH_SECONDS = 60.0
"""For how long a reading is taken as it is where its tool does not say how long it holds."""

_SHOWN = 2000
"""Characters of a reading that stand in a question."""

Effects = Mapping[ActionId, EffectRecord]


@dataclass(frozen=True, kw_only=True)
class Basis:
    """Something that was read and that an action rests on.

    Attributes:
        tool: What reads it.
        arguments: With what.
        fields: The fields of it that matter; empty is all of it.
        said: What it said, as far as it matters; None where it was not read, or could not be.
        mark: SHA-256 of that; what is long is compared by it.
        at: When it was read, in seconds since 1970; None where nobody knows.
        problem: Why it could not be read; None where it could.
    """

    tool: str
    arguments: Mapping[str, Any]
    fields: tuple[str, ...] = ()
    said: str | None = None
    mark: str | None = None
    at: float | None = None
    problem: str | None = None

    @property
    def name(self) -> str:
        """The call that reads it, in words."""
        return call(self.tool, self.arguments, 200)

    def read(self, result: str, at: float) -> "Basis":
        """The same, as it says now."""
        said = chosen(result, self.fields)
        return replace(self, said=said[:_SHOWN], mark=_mark(said), at=at, problem=None)

    def document(self) -> dict[str, Any]:
        """As a question holds it."""
        return {**vars(self), "arguments": dict(self.arguments), "fields": list(self.fields)}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Basis":
        """As a question held it."""
        read: dict[str, Any] = {**document, "fields": tuple(document["fields"])}
        return cls(**read)


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Something that an action rests on and that is not as it was.

    Attributes:
        name: What it is, in words.
        before: How it was; None where it was not known.
        after: How it is; None where that is not known.
        why: What became of it, such as why it cannot be read; empty where before and after say it.
    """

    name: str
    before: str | None
    after: str | None
    why: str = ""

    def __str__(self) -> str:
        """In words."""
        if self.why:
            return f"{self.name} {self.why}" + (f", it was {self.before}" if self.before is not None else "")
        return f"{self.name} was {self.before}, is {self.after}"


def declared(action: Action, specs: Mapping[str, ToolSpec]) -> list[Basis]:
    """The readings that the tool of an action says it rests on, without what they say."""
    return [
        Basis(tool=rest.tool, arguments=_derived(rest.arguments, specs[rest.tool], action), fields=rest.fields)
        for rest in specs[action.tool].rests_on
    ]


def traced(
    action: Action, verdict: Verdict, specs: Mapping[str, ToolSpec], proposals: Sequence[Proposal]
) -> list[Basis]:
    """The readings of this run that an action's arguments were traced to, without what they say.

    Only those of tools that say how long their results hold.
    """
    if specs[action.tool].effect is Effect.READ:
        return []
    paths: dict[str, set[str]] = {}
    for tool, path in _sources(verdict):
        if tool in specs and specs[tool].valid_for is not None:
            paths.setdefault(tool, set()).add(path)
    found = [
        Basis(tool=tool, arguments=one.action.arguments, fields=tuple(sorted(of_tool - {""})))
        for tool, of_tool in paths.items()
        for one in proposals
        if _went_ahead(one, tool)
    ]
    return list({dump([one.tool, one.arguments]): one for one in found}.values())


def bears_on(said: str, arguments: Mapping[str, Any]) -> bool:
    """Whether some telling value of arguments stands in a text."""
    text = said.casefold()
    return any(leaf in text for leaf in _telling(arguments))


def as_read(
    basis: Basis, specs: Mapping[str, ToolSpec], proposals: Sequence[Proposal], lines: Sequence[Line], done: Effects
) -> Basis:
    """What a reading said when the run made that call last; as it is where the run never did."""
    told = {line.ref: line.text for line in lines if line.role == "tool"}
    same = _given(specs[basis.tool], basis.arguments)
    for proposal in reversed(proposals):
        if not _went_ahead(proposal, basis.tool) or _given(specs[basis.tool], proposal.action.arguments) != same:
            continue
        effect = done.get(proposal.action.id)
        if effect is not None and effect.state is EffectState.DONE:
            return basis.read(effect.result, effect.ended_at or effect.claimed_at)
        text = told.get(proposal.action.id)
        if effect is None and text is not None and not text.startswith(("error: ", "denied: ", "pending: ")):
            return replace(basis.read(text, 0.0), at=None)  # of a fork: what the other run read
    return basis


def fresh(basis: Basis, spec: ToolSpec | None, now: float) -> bool:
    """Whether a reading may be taken as it is."""
    if basis.at is None or basis.mark is None or basis.problem is not None:
        return False
    holds = spec.valid_for if spec is not None and spec.valid_for is not None else FRESH_SECONDS
    return now - basis.at < holds


def drifts(before: Basis, now: Basis) -> list[Drift]:
    """What of a reading is not as it was; a reading that could not be made then and cannot be now is."""
    if now.problem is not None:
        known = before.problem is not None
        return (
            []
            if known
            else [Drift(name=now.name, before=before.said, after=None, why=f"cannot be read: {now.problem}")]
        )
    if before.mark is None:
        return [Drift(name=now.name, before=None, after=now.said, why=f"was not read before, it is {now.said}")]
    return [] if before.mark == now.mark else list(_differences(now.name, before.said or "", now.said or ""))


def chosen(result: str, fields: Sequence[str]) -> str:
    """The fields of a result that matter, as JSON; all of it where none are named, or it is no JSON."""
    try:
        value: Any = json.loads(result)
    except ValueError:
        return result
    if not fields:
        return dump(value)
    found = {path: list(_at(value, path.split("."))) for path in fields}
    return dump({path: values[0] if len(values) == 1 else values for path, values in found.items()})


def _at(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """What stands at a path of names, in lists too; nothing where there is no such place."""
    if isinstance(value, list):
        for each in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _at(each, path)
    elif not path:
        yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from _at(cast("dict[str, Any]", value)[path[0]], path[1:])


def _differences(name: str, before: str, after: str) -> Iterator[Drift]:
    """Field by field where both are objects, else as a whole."""
    old, new = _object(before), _object(after)
    if old is None or new is None or old == new:
        further = "has changed, further on than is shown" if before == after else ""
        yield Drift(name=name, before=before, after=after, why=further)
        return
    for field in dict.fromkeys([*old, *new]):
        if old.get(field) != new.get(field):
            was, is_ = (_words(side[field]) if field in side else None for side in (old, new))
            yield Drift(name=f"{name} {field}", before=was, after=is_)


def _object(text: str) -> dict[str, Any] | None:
    try:
        value: Any = json.loads(text)
    except ValueError:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _words(value: Any) -> str:
    return value if isinstance(value, str) else dump(value)


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def derived_arguments(rest: Rest, spec: ToolSpec, action: Action) -> dict[str, Any]:
    """The arguments of a reading that a tool names, from those of its action."""
    return _derived(rest.arguments, spec, action)


def _derived(names: Mapping[str, str] | None, spec: ToolSpec, action: Action) -> dict[str, Any]:
    """The arguments of a reading, from those of the action."""
    pairs = names if names is not None else {name: name for name in spec.parameters.get("properties", {})}
    return {name: action.arguments[given] for name, given in pairs.items() if given in action.arguments}


def _given(spec: ToolSpec, arguments: Mapping[str, Any]) -> Any:
    """Arguments with what was left out filled in, so that the same calls are alike."""
    try:
        return spec.validate(dict(arguments))
    except ValueError:
        return dict(arguments)


def _went_ahead(proposal: Proposal, tool: str) -> bool:
    return proposal.action.tool == tool and proposal.problem is None and proposal.verdict.ruling is not Ruling.DENY


def _sources(verdict: Verdict) -> Iterator[tuple[str, str]]:
    """The tools, with the path in their results, that arguments' values were found in."""
    arguments = cast("Mapping[str, Mapping[str, Any]]", verdict.evidence.get("arguments") or {})
    for found in arguments.values():
        for source in cast("Sequence[str]", found.get("from") or ()):
            tool, _, path = source.partition(".")
            yield tool, path


def _telling(arguments: Mapping[str, Any]) -> Iterator[str]:
    """The values among arguments that hardly stand somewhere by chance: texts of 4 characters, numbers of 3 digits."""
    for leaf in leaves(dict(arguments)):
        text = leaf.strip().casefold() if isinstance(leaf, str) else dump(leaf)
        if not isinstance(leaf, bool) and len(text) >= (4 if isinstance(leaf, str) else 3):
            yield text
