"""Which conditions of which rules hold for a call: asked of Cedar, all at once, and only where somebody has to know."""

import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, cast

import cedarpy

from baton.policies.conditions import Condition, alone
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


@dataclass(frozen=True)
class Probed:
    """What held of some rules' conditions for one call.

    Attributes:
        conditions: Each with its rule.
        held: The places of those that did.
        failed: What Cedar said of those that it could not evaluate.
        seen: What they looked at: `resource` and `context`.
    """

    conditions: Sequence[tuple[Rule, Condition]]
    held: Set[int]
    failed: str
    seen: Mapping[str, Any]

    @property
    def all(self) -> tuple[Tested, ...]:
        """Every condition, in order."""
        return tuple(map(self._tested, range(len(self.conditions))))

    def nearest(self, rules: Sequence[Rule]) -> tuple[Rule | None, tuple[Tested, ...]]:
        """The rule that lacks least, with what it lacks; None where there is none."""
        lacking: dict[str, list[int]] = {rule.id: [] for rule in rules}
        for place, (rule, _) in enumerate(self.conditions):
            if place not in self.held:
                lacking[rule.id].append(place)
        found = min(rules, key=lambda rule: len(lacking[rule.id]), default=None)
        return found, tuple(map(self._tested, lacking[found.id])) if found else ()

    def _tested(self, place: int) -> Tested:
        rule, condition = self.conditions[place]
        return Tested(
            rule=rule.id,
            condition=condition.text,
            words=condition.words,
            values=condition.values(lambda path: _found(path, self.seen)),
            holds=place in self.held if f"`{place}`" not in self.failed else None,
        )


class Probe:
    """The conditions of some rules, as a policy each."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._all = [(rule, condition) for rule in rules for condition in rule.conditions]
        self._set: cedarpy.PolicySet | None = None

    def test(self, request: dict[str, Any], entities: cedarpy.Entities, seen: Mapping[str, Any]) -> Probed:
        """Hold every condition against a call that was found to fit the schema.

        Args:
            request: The call as Cedar is asked about it.
            entities: What it speaks of.
            seen: What conditions look at: `resource` and `context`.
        """
        if not self._all:
            return Probed((), frozenset(), "", seen)
        if self._set is None:
            made = alone([condition for _, condition in self._all])
            self._set = cedarpy.PolicySet.from_json_str(json.dumps(made))
        result = cedarpy.is_authorized(request, self._set, entities)  # pyright: ignore[reportUnknownMemberType]
        held = frozenset(map(int, result.diagnostics.reasons))
        return Probed(self._all, held, "\n".join(result.diagnostics.errors), seen)


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
