"""Who works here: the agents with their policies and models, and what they share."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from baton.agents import Agent, Breakers
from baton.core import Calendar, Model, NotFound, Observer, Policy, Setting, Unobserved, scopes
from baton.graph.fingerprint import Fingerprint, fingerprint
from baton.ledger import Run
from baton.memory import Memory, TokenCounter, message_tokens
from baton.policies.promises import Certificates


@dataclass(frozen=True, kw_only=True)
class Member:
    """An agent at work: the role, the policy that judges it, the model it thinks with.

    Attributes:
        setting: Where it works; each run for its own tenant.
        shadow: A policy that is asked as well and whose answer is only recorded; None for none.
    """

    agent: Agent
    policy: Policy
    model: Model
    counter: TokenCounter
    setting: Setting = field(default_factory=Setting)
    shadow: Policy | None = None

    def scopes(self, run: Run) -> Mapping[str, str]:
        """Whose accounts a run of this agent spends from."""
        return scopes(run.id, run.agent, run.requester, self.setting_of(run))

    def setting_of(self, run: Run) -> Setting:
        """Where a run of this agent is at work: for its tenant."""
        return self.setting if run.tenant == self.setting.tenant else replace(self.setting, tenant=run.tenant)

    @cached_property
    def tools_tokens(self) -> int:
        """What the tools that it is offered take of each request."""
        return sum(message_tokens(offer, self.counter) for offer in self.agent.offers)

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
        setting: Where they work; its time zone is that of local times, where an agent names none.
        breakers: What keeps failing tools from being hammered, by the tool's name.
        certificates: How far its promises go.
        observer: Who watches how runs go.
        windows: When actions may take effect, by the names that tools use.
        shares_places: Whether tenants may have so many runs at work.
    """

    members: dict[str, Member]
    memory: Memory
    setting: Setting = field(default_factory=Setting)
    breakers: Breakers = field(default_factory=Breakers)
    certificates: Certificates = field(default_factory=Certificates)
    observer: Observer = field(default_factory=Unobserved)
    windows: dict[str, Calendar] = field(default_factory=dict[str, Calendar])
    shares_places: bool = False

    @property
    def limited(self) -> bool:
        """Whether an agent, or a tenant, may have so many runs at work."""
        return self.shares_places or any(member.agent.at_once is not None for member in self.members.values())

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
