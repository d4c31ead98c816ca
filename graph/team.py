"""Who works here: the agents with their policies and models, and what they share."""

from dataclasses import dataclass, field

from baton.agents import Agent, Breakers
from baton.core import Model, NotFound, Policy
from baton.memory import Memory, TokenCounter


@dataclass(frozen=True, kw_only=True)
class Member:
    """An agent at work: the role, the policy that judges it, the model it thinks with."""

    agent: Agent
    policy: Policy
    model: Model
    counter: TokenCounter


@dataclass(kw_only=True)
class Team:
    """The agents of one Baton.

    Attributes:
        members: By the agent's name.
        memory: What they remember.
        tenant: Whose they are.
        breakers: What keeps failing tools from being hammered, by the tool's name.
    """

    members: dict[str, Member]
    memory: Memory
    tenant: str = "local"
    breakers: Breakers = field(default_factory=Breakers)

    def member(self, name: str) -> Member:
        """The agent with this name.

        Raises:
            NotFound: if there is none; names those there are.
        """
        if name not in self.members:
            raise NotFound("agent", name, self.members)
        return self.members[name]
