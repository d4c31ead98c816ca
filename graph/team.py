"""Who works here: the agents with their policies and models, and what they share."""

from dataclasses import dataclass, field
from functools import cached_property

from baton.agents import Agent, Breakers
from baton.core import Model, NotFound, Policy
from baton.graph.fingerprint import Fingerprint, fingerprint
from baton.memory import Memory, TokenCounter


@dataclass(frozen=True, kw_only=True)
class Member:
    """An agent at work: the role, the policy that judges it, the model it thinks with."""

    agent: Agent
    policy: Policy
    model: Model
    counter: TokenCounter

    @cached_property
    def fingerprint(self) -> Fingerprint:
        """What its runs depend on."""
        return fingerprint(self.agent)


@dataclass(kw_only=True)
class Team:
    """The agents of one Baton.

    Attributes:
        members: By the agent's name.
        memory: What they remember.
        tenant: Whose they are.
        zone: The IANA name of the time zone of local times, where an agent names none.
        breakers: What keeps failing tools from being hammered, by the tool's name.
    """

    members: dict[str, Member]
    memory: Memory
    tenant: str = "local"
    zone: str = "UTC"
    breakers: Breakers = field(default_factory=Breakers)

    @property
    def at_hand(self) -> dict[str, str]:
        """The fingerprint of each agent, by name: what this process may advance."""
        return {name: member.fingerprint.hash for name, member in self.members.items()}

    def member(self, name: str) -> Member:
        """The agent with this name.

        Raises:
            NotFound: if there is none; names those there are.
        """
        if name not in self.members:
            raise NotFound("agent", name, self.members)
        return self.members[name]
