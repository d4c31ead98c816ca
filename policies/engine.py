"""Rules in the hands of Cedar: parsed once, asked often, and no answer but a clean one."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import cedarpy

from baton.core import PolicyError
from baton.policies.probing import Probe, Tested
from baton.policies.rules import Rule, check_rules
from baton.policies.schema import CALL, ToolType, schema_text


@dataclass(frozen=True)
class Asked:
    """A call as Cedar is asked about it.

    Attributes:
        agent: Who makes it.
        entity: The call, as Cedar's entity JSON.
        entities: The same, read by Cedar.
        context: Its circumstances.
    """

    agent: str
    entity: Mapping[str, Any]
    entities: cedarpy.Entities
    context: Mapping[str, Any]

    def request(self, action: str) -> dict[str, Any]:
        """The question whether it may be made in this way."""
        return {
            "principal": {"type": "Agent", "id": self.agent},
            "action": {"type": "Action", "id": action},
            "resource": dict(self.entity["uid"]),
            "context": dict(self.context),
        }


class Rulebook:
    """Rules and the schema they fit, as handles that Cedar has already parsed.

    Args:
        rules: Rules in order.
        tools: What their schema is made of.
        name: What messages call it.
        blob: Git's hash of the file that the rules are from; empty where they are from none.

    Raises:
        PolicyError: if a rule does not fit the schema.
        ValueError: if Cedar cannot read the schema or the rules together.
    """

    def __init__(self, rules: tuple[Rule, ...], tools: Iterable[ToolType], name: str, blob: str = "") -> None:
        self.rules = rules
        types = tuple(tools)
        schema = schema_text(types)
        self._schema = cedarpy.Schema.from_json_str(schema)
        check_rules(rules, self._schema, types)
        self._set = cedarpy.PolicySet.from_str("\n".join(rule.text for rule in rules))
        self._probes = {tool.name: Probe(self.about(tool.name)) for tool in types}
        content = hashlib.sha256("\0".join((schema, *(rule.text for rule in rules))).encode()).hexdigest()[:12]
        self.version = f"{name}@{blob[:12]}.{content}" if blob else f"{name}@{content}"

    def about(self, tool: str) -> tuple[Rule, ...]:
        """The rules that speak of a tool, by its Cedar name: those confined to it and those for any."""
        return tuple(rule for rule in self.rules if rule.resource in (None, tool))

    def entities(self, text: str) -> cedarpy.Entities:
        """Entities from JSON text, held against the schema.

        Raises:
            ValueError: if they do not conform.
        """
        return cedarpy.Entities.from_json_str(text, self._schema)  # pyright: ignore[reportUnknownMemberType]

    def decide(self, action: str, asked: Asked) -> tuple[Rule, ...]:
        """The rules that decide, in the order they are written: all permits, or all forbids; none is a deny.

        Raises:
            PolicyError: if Cedar came to no decision, or any rule failed to evaluate on the way. Cedar itself would
                skip such a rule and, where it is a forbid, allow what it was there to stop.
        """
        result = cedarpy.is_authorized(asked.request(action), self._set, asked.entities, self._schema)  # pyright: ignore[reportUnknownMemberType]
        if result.diagnostics.errors or result.decision is cedarpy.Decision.NoDecision:
            raise PolicyError(self.version, self._named("; ".join(result.diagnostics.errors) or "no decision"))
        rules = tuple(self.rules[number] for number in sorted(map(_number, result.diagnostics.reasons)))
        permitted = result.decision is cedarpy.Decision.Allow
        if any(rule.permits is not permitted for rule in rules) or (permitted and not rules):
            raise PolicyError(
                self.version, f"{result.decision.value} does not follow from the rules Cedar gives for it"
            )
        return rules

    def test(self, tool: str, asked: Asked) -> tuple[Tested, ...]:
        """Each condition of the rules about a tool, held against the call; decides nothing."""
        return self._probes[tool].test(asked.request(CALL), asked.entities, self._schema, asked.entity)

    def _named(self, problem: str) -> str:
        """`problem` with rules called by their `@id`."""
        for number in reversed(range(len(self.rules))):
            problem = problem.replace(f"`policy{number}`", repr(self.rules[number].id))
        return problem


def _number(policy: str) -> int:
    """Cedar calls rules by their place in the text: `policy0`, `policy1`, …"""
    return int(policy.removeprefix("policy"))
