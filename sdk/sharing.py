"""What agents and people share: resources, limits, windows, actions that are held up, and records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from baton.core import (
    Adaptive,
    Calendar,
    Conflict,
    InvalidValue,
    Label,
    NotFound,
    Resource,
    Trust,
    read_at_once,
)
from baton.handles import person
from baton.ledger import Ledger, Review, Stay, Transaction, reservations, reviews, stays
from baton.ledger import records as rows
from baton.ledger.open_work import holding
from baton.ledger.reservations import Known, Reservation
from baton.review.taking_back import recall, release, taken_back

if TYPE_CHECKING:
    from baton.agents import Agent


_Limit = tuple[Literal["tool", "agent", "tenant"], str, int | Adaptive]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a project says of what is shared.

    Attributes:
        windows: When actions may take effect, by the names that tools use.
        tenants: How many runs of each tenant are advanced at once.
    """

    resources: Sequence[Resource] = ()
    windows: Mapping[str, Calendar] = field(default_factory=dict[str, Calendar])
    tenants: Mapping[str, int] = field(default_factory=dict[str, int])

    def check(self, agents: "Sequence[Agent]", declared: "Sequence[Agent] | None" = None) -> None:
        """Refuse what agents and tools name and that there is not.

        Args:
            agents: The agents.
            declared: Those whose limits the record knows already: others may bring no further ones. None is all.

        Raises:
            InvalidValue: says what, and what there is.
        """
        names = [one.name for one in self.resources]
        for name in names:
            if names.count(name) > 1:
                raise InvalidValue("resource", name, "names that are given once")
        for tenant, most in self.tenants.items():
            if isinstance(read_at_once(f"limit of tenant {tenant}", most), Adaptive):
                raise InvalidValue(f"limit of tenant {tenant}", most, "a number: only those of agents and tools adapt")
        for agent in agents:
            self._check_agent(agent)
        self._check_limits(agents, agents if declared is None else declared)

    def _check_agent(self, agent: "Agent") -> None:
        names = [one.name for one in self.resources]
        for name in agent.resources:
            _known(f"resources of agent {agent.name}", name, names)
        for spec in agent.specs.values():
            for name in spec.needs:
                _known(f"needs of tool {spec.name}", name, names)
            if isinstance(spec.window, str):
                _known(f"window of tool {spec.name}", spec.window, list(self.windows))

    def _check_limits(self, agents: "Sequence[Agent]", declared: "Sequence[Agent]") -> None:
        """Refuse a limit that the record does not know, and two of one name: a tool has the same for all agents."""
        known = {(kind, name): at_once for kind, name, at_once in self.limits(declared)}
        for kind, name, at_once in self.limits(agents):
            if known.get((kind, name)) != at_once:
                allowed = "the same for all agents, and what it was when Baton was opened, which makes limits known"
                raise InvalidValue(f"at_once of {kind} {name}", at_once, allowed)

    def limits(self, agents: "Sequence[Agent]") -> "list[_Limit]":
        """Everything of which only so many may be under way: its kind, its name, how many."""
        found: list[_Limit] = [("tenant", name, most) for name, most in self.tenants.items()]
        for agent in agents:
            if (of_agent := read_at_once(agent.name, agent.at_once)) is not None:
                found.append(("agent", agent.name, of_agent))
            for spec in agent.specs.values():
                if spec.at_once is not None:
                    found.append(("tool", spec.name, spec.at_once))
        return found

    def declare(self, tx: Transaction, agents: "Sequence[Agent]") -> None:
        """Make all of it known to the record."""
        if self.resources:
            reservations.declare(tx, self.resources)
        for kind, name, at_once in self.limits(agents):
            reservations.declare_limit(tx, kind, name, at_once)


def _known(what: str, name: str, names: Sequence[str]) -> None:
    if name not in names:
        raise InvalidValue(what, name, f"one of the project's: {', '.join(names) or 'it has none'}")


class Shared:
    """What is shared, as people and programs see it and take part in it."""

    def __init__(self, ledger: Ledger, tenant: str) -> None:
        """Over a ledger; records are the tenant's."""
        self._ledger, self._tenant = ledger, tenant

    async def resources(self) -> list[Known]:
        """Resources and limits, with how many have them and wait."""
        return await self._ledger.read(reservations.known)

    async def reservations(self) -> list[Reservation]:
        """Who has what, and who waits for what, first come first."""
        return await self._ledger.read(reservations.listed)

    async def holding(self) -> list[tuple[Reservation, Review]]:
        """What open questions to people hold, each with the question; `baton resources list` names them."""

        def look(tx: Transaction) -> list[tuple[Reservation, Review]]:
            held = reservations.listed(tx)
            asked = reviews.open_about(tx, [action for one in held for action in one.kept_for])
            return [(one, question) for one in held if (question := holding(asked, one)) is not None]

        return await self._ledger.read(look)

    async def reserve(self, *names: str, by: str | None = None, lease: float | None = None) -> Reservation:
        """Reserve resources for a person, all at once; what is not free is waited for in the queue.

        Args:
            names: Of the resources.
            by: Who; None is the person at the keyboard.
            lease: Seconds until it runs out; None is the resources' own lease.

        Raises:
            NotFound: if there is no such resource.
        """
        who = by or person()
        return await self._ledger.write(
            lambda tx: reservations.ask(tx, names, by=who, tenant=self._tenant, scope="person", lease=lease)
        )

    async def give_back(self, number: int, *, by: str | None = None) -> Reservation:
        """Give a reservation back, or take it out of the queue; also one of a run, which is told.

        Raises:
            NotFound: if there is no such reservation.
        """
        who = by or person()

        def give(tx: Transaction) -> Reservation:
            one = next((one for one in reservations.listed(tx) if one.number == number), None)
            if one is None:
                raise NotFound("reservation", str(number), hint="`baton resources list` shows them.")
            taken_back(tx, one, who)
            reservations.give_back(tx, number)
            return one

        return await self._ledger.write(give)

    async def staged(self) -> list[Stay]:
        """Actions that may go ahead and are held up, what goes ahead first in front."""
        return await self._ledger.read(stays.listed)

    async def recall(self, action: str, *, by: str | None = None, note: str = "") -> Stay:
        """Take an action back that is held up; see `review.taking_back`."""
        who = by or person()
        return await self._ledger.write(lambda tx: recall(tx, action, who, note))

    async def release(self, action: str, *, by: str | None = None) -> Stay:
        """Let an action go ahead at once; see `review.taking_back`."""
        who = by or person()
        return await self._ledger.write(lambda tx: release(tx, action, who))

    async def read(self, name: str, version: int | None = None) -> rows.Record | None:
        """A shared record, None is its newest version; None if there is none."""
        return await self._ledger.read(lambda tx: rows.get(tx, self._tenant, name, version))

    async def history(self, name: str) -> list[rows.Record]:
        """All versions of a shared record, oldest first."""
        return await self._ledger.read(lambda tx: rows.history(tx, self._tenant, name))

    async def records(self) -> list[rows.Record]:
        """What all shared records say now, by name."""
        return await self._ledger.read(lambda tx: rows.listed(tx, self._tenant))

    async def write(
        self,
        name: str,
        value: Any,
        *,
        read: int,
        on_conflict: str = "refuse",
        by: str | None = None,
        trust: Trust = Trust.USER,
    ) -> rows.Written:
        """Write a shared record.

        Args:
            name: Its name.
            value: What it is to say, for JSON.
            read: The version that was read; 0 where there was none.
            on_conflict: Where another has written it since: `refuse`, `merge` or `last`.
            by: Who; None is the person at the keyboard.
            trust: How far the value is trusted.

        Raises:
            Conflict: if another has written it since, and the two cannot be put together.
            InvalidValue: if the name or the version cannot be.
        """
        if on_conflict not in ("refuse", "merge", "last"):
            raise InvalidValue("on_conflict", on_conflict, "refuse, merge or last")
        wish = rows.Wish(name=name, value=value, read=read, by=by or person(), label=Label(trust))
        done = await self._ledger.write(lambda tx: rows.put(tx, self._tenant, wish, on_conflict=on_conflict))
        if isinstance(done, Conflict):
            raise done
        return done
