"""Which conditions of which rules hold for a call: asked of Cedar, all at once, and only where somebody has to know."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import cedarpy

from baton.policies.conditions import alone
from baton.policies.rules import Rule


@dataclass(frozen=True, kw_only=True)
class Tested:
    """A condition, held against a call.

    Attributes:
        rule: The `@id` of the rule that it belongs to.
        condition: As Cedar.
        words: As people read it.
        values: What it looked at, by path.
        holds: Whether it is fulfilled; None where it could not be evaluated.
    """

    rule: str
    condition: str
    words: str
    values: Mapping[str, Any]
    holds: bool | None

    @property
    def told(self) -> str:
        """The condition in words, with what there was instead."""
        seen = ", ".join(f"{_shown(value)}" for value in self.values.values())
        return f"{self.words} (it is {seen})" if seen and not self.holds else self.words

    def document(self) -> dict[str, Any]:
        """As it is recorded."""
        return {**vars(self), "values": dict(self.values)}


class Probe:
    """The conditions of some rules, as a policy each."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._all = [(rule, condition) for rule in rules for condition in rule.conditions]
        self._set: cedarpy.PolicySet | None = None

    def test(
        self, request: Mapping[str, Any], entities: cedarpy.Entities, schema: cedarpy.Schema, entity: Mapping[str, Any]
    ) -> tuple[Tested, ...]:
        """Every condition, in the order of the rules."""
        if not self._all:
            return ()
        if self._set is None:
            made = alone([condition for _, condition in self._all])
            self._set = cedarpy.PolicySet.from_json_str(json.dumps(made))
        result = cedarpy.is_authorized(dict(request), self._set, entities, schema)  # pyright: ignore[reportUnknownMemberType]
        held, failed = set(map(int, result.diagnostics.reasons)), "\n".join(result.diagnostics.errors)

        def look(path: tuple[str, ...]) -> Any:
            return _found(path, {"resource": entity["attrs"], "context": request["context"]})

        return tuple(
            Tested(
                rule=rule.id,
                condition=condition.text,
                words=condition.words,
                values=condition.values(look),
                holds=place in held if f"`{place}`" not in failed else None,
            )
            for place, (rule, condition) in enumerate(self._all)
        )


def nearest(rules: Sequence[Rule], tested: Sequence[Tested]) -> tuple[Rule | None, tuple[Tested, ...]]:
    """The rule that lacks least, with what it lacks; None where there is none."""
    lacking = {rule.id: tuple(one for one in tested if one.rule == rule.id and not one.holds) for rule in rules}
    found = min(rules, key=lambda rule: len(lacking[rule.id]), default=None)
    return (found, lacking[found.id]) if found else (None, ())


def said(conditions: Sequence[Tested]) -> str:
    """Conditions in one sentence, without those that could not even be looked at where others explain them."""
    clear = [one for one in conditions if one.holds is not None] or list(conditions)
    return ", and ".join(one.told for one in clear)


def _found(path: tuple[str, ...], top: Any) -> Any:
    for name in path:
        if not isinstance(top, Mapping):
            return None
        top = cast(Mapping[str, Any], top).get(name)
    return top


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}…"
