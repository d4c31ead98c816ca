"""What decides how much agents do alone, as hashes: prompts, models, tools, policies and their thresholds."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from baton.agents import Agent, Endpoint
from baton.core import digest
from baton.graph.fingerprint import fingerprint
from baton.policies import load_policy

NAMES = ("prompts", "models", "tools", "policies", "thresholds")
"""What is hashed, each by itself, so that it can be said what has changed."""


def hashes(agents: Sequence[Agent], endpoint: Endpoint) -> dict[str, str]:
    """SHA-256 of each of `NAMES`.

    Args:
        agents: The roles.
        endpoint: Where models are asked.

    Raises:
        PolicyError: if a policy cannot be read.
    """
    answers = "simulated" if endpoint.simulated else endpoint.base_url or "OpenAI"
    parts: dict[str, dict[str, Any]] = {name: {} for name in NAMES}
    for agent in agents:
        rules = load_policy(agent.policy, tuple(agent.specs.values()), agent.name).rules
        parts["prompts"][agent.name] = [agent.instructions, agent.description]
        parts["models"][agent.name] = [agent.basis, answers, agent.context_tokens]
        parts["tools"][agent.name] = {name: asdict(one) for name, one in fingerprint(agent).tools.items()}
        parts["policies"][agent.name] = [rule.text.strip() for rule in rules]
        parts["thresholds"][agent.name] = {
            rule.id: [rule.min_confidence, None if rule.promise is None else str(rule.promise)] for rule in rules
        }
    return {name: digest(part) for name, part in parts.items()}
