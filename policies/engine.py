"""Rules in the hands of Cedar: parsed once, asked often, and no answer but a clean one."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cedarpy

from baton.core import PolicyError
from baton.policies.conditions import looked_at
from baton.policies.probing import Probe, Probed
from baton.policies.rules import ACTIONS, Rule, check_rules
from baton.policies.schema import BUILT_IN, CALL, ToolType, schema_text
from baton.policies.slim import ALWAYS, slim, slimmed, tree_of


@dataclass(frozen=True)
class Asked:
    """A call as Cedar is asked about it; made by `Rulebook.asked`.

    Attributes:
        agent: Who makes it.
        entity: The call, as Cedar's entity JSON.
        context: Its circumstances.
        entities: The entity as far as some rule looks at it, read by Cedar.
        written: The circumstances as far as some rule looks at them, as JSON text.
    """

    agent: str
    entity: Mapping[str, Any]
    context: Mapping[str, Any]
    entities: cedarpy.Entities
    written: str

    def request(self, action: str) -> dict[str, Any]:
        """The question whether it may be made in this way."""
        return {
            "principal": {"type": "Agent", "id": self.agent},
            "action": {"type": "Action", "id": action},
            "resource": self.entity["uid"],
            "context": self.written,
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
        check_rules(rules, cedarpy.Schema.from_json_str(schema), types)
        self._seen = tree_of(looked_at(condition for rule in rules for condition in rule.conditions) | ALWAYS)
        self._schema = cedarpy.Schema.from_json_str(slimmed(schema, self._seen))
        check_rules(rules, self._schema, types)  # what was left out is missed by none
        cedarpy.PolicySet.from_str("\n".join(rule.text for rule in rules))  # together, too, they can be read
        kinds = {*(f"Tool::{name}" for name in BUILT_IN), *(tool.name for tool in types)}
        sets: dict[tuple[str, ...], cedarpy.PolicySet] = {}
        self._sets = {(action, kind): _confined(rules, action, kind, sets) for action in ACTIONS for kind in kinds}
        self._probes: dict[tuple[str, ...], Probe] = {}
        marks = repr([(tool.name, tool.destinations, tool.content, tool.egress) for tool in types])
        content = "\0".join((schema, marks, *(rule.text for rule in rules)))
        digest = hashlib.sha256(content.encode()).hexdigest()[:12]
        self.version = f"{name}@{blob[:12]}.{digest}" if blob else f"{name}@{digest}"

    def about(self, action: str, tool: str) -> tuple[Rule, ...]:
        """The rules that may decide a question about a tool, by its Cedar name."""
        return self._sets[action, tool][1]

    def asked(self, agent: str, entity: Mapping[str, Any], context: Mapping[str, Any]) -> Asked:
        """A call as Cedar is asked about it, held against the schema.

        Raises:
            ValueError: if it does not conform.
        """
        told = json.dumps([{**entity, "attrs": slim(entity["attrs"], "resource", self._seen)}])
        entities = cedarpy.Entities.from_json_str(told, self._schema)  # pyright: ignore[reportUnknownMemberType]
        return Asked(agent, entity, context, entities, json.dumps(slim(context, "context", self._seen)))

    def decide(self, action: str, asked: Asked) -> tuple[Rule, ...]:
        """The rules that decide, in the order they are written: all permits, or all forbids; none is a deny.

        Where no rule speaks of this question about this tool, Cedar has nothing to weigh and is not asked.

        Raises:
            PolicyError: if Cedar came to no decision, or any rule failed to evaluate on the way. Cedar itself would
                skip such a rule and, where it is a forbid, allow what it was there to stop.
        """
        policies, confined = self._sets[action, asked.entity["uid"]["type"]]
        if not confined:
            return ()
        result = cedarpy.is_authorized(asked.request(action), policies, asked.entities, self._schema)  # pyright: ignore[reportUnknownMemberType]
        if result.diagnostics.errors or result.decision is cedarpy.Decision.NoDecision:
            raise PolicyError(self.version, _named(confined, "; ".join(result.diagnostics.errors) or "no decision"))
        rules = tuple(confined[number] for number in sorted(map(_number, result.diagnostics.reasons)))
        permitted = result.decision is cedarpy.Decision.Allow
        if any(rule.permits is not permitted for rule in rules) or (permitted and not rules):
            raise PolicyError(
                self.version, f"{result.decision.value} does not follow from the rules Cedar gives for it"
            )
        return rules

    def test(self, rules: Sequence[Rule], asked: Asked) -> Probed:
        """Each condition of some rules, held against the call; decides nothing."""
        ids = tuple(rule.id for rule in rules)
        if ids not in self._probes:
            self._probes[ids] = Probe(rules)
        seen = {"resource": asked.entity["attrs"], "context": asked.context}
        return self._probes[ids].test(asked.request(CALL), asked.entities, seen)


def _confined(
    rules: Sequence[Rule], action: str, kind: str, known: dict[tuple[str, ...], cedarpy.PolicySet]
) -> tuple[cedarpy.PolicySet, tuple[Rule, ...]]:
    """The rules whose scope can hold for this action and type of resource: the others need not be asked."""
    confined = tuple(rule for rule in rules if action in rule.actions and rule.resource in (None, kind))
    ids = tuple(rule.id for rule in confined)
    if ids not in known:
        known[ids] = cedarpy.PolicySet.from_str("\n".join(rule.text for rule in confined))
    return known[ids], confined


def _named(rules: Sequence[Rule], problem: str) -> str:
    """`problem` with rules called by their `@id`."""
    for number in reversed(range(len(rules))):
        problem = problem.replace(f"`policy{number}`", repr(rules[number].id))
    return problem


def _number(policy: str) -> int:
    """Cedar calls rules by their place in the text: `policy0`, `policy1`, …"""
    return int(policy.removeprefix("policy"))
