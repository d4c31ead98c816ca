"""How much of its limits a policy has let be used, whose, and in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from baton.core import UNIT
from baton.core.spending import shown
from baton.core.texts import one_line
from baton.ledger import Transaction, rates, spending
from baton.policies.cedar import CedarPolicy
from baton.policies.limits import Limit

_FULLEST = 3
"""Users of whom is told how much they have used of a limit each, those who have used the most."""


@dataclass(frozen=True, kw_only=True)
class Used:
    """How much of a limit was used.

    Attributes:
        agent: By whose policy it is one.
        limit: As it was written.
        whose: Whose account it is, such as `user ann`; empty where each run has one.
        used: In words.
        share: Of what there is; None where nobody can tell.
    """

    agent: str
    limit: str
    whose: str
    used: str
    share: float | None


def limits_used(tx: Transaction, policies: Mapping[str, CedarPolicy], tenant: str) -> list[Used]:
    """How much was used of each limit, by agent."""
    return [
        used
        for agent, policy in policies.items()
        for limit in dict.fromkeys(policy.limits)
        for used in _used(tx, agent, limit, tenant)
    ]


def _used(tx: Transaction, agent: str, limit: Limit, tenant: str) -> Sequence[Used]:
    match limit.scope:
        case "agent" | "tenant":
            scopes = {"agent": agent, "tenant": tenant}
            window = limit.window(scopes)
            spent = spending.spent(tx, [window])[window]
            taken = len(spent.values) * UNIT if limit.distinct else spent.amount
            return [_told(agent, limit, f"{limit.scope} {scopes[limit.scope]}", taken)]
        case "user":
            start = limit.account({"user": ""})
            since = 0.0 if limit.seconds is None else tx.now - limit.seconds
            found = rates.fullest(tx, start, since, _FULLEST)
            users = [
                (one.account.removeprefix(start), one.values * UNIT if limit.distinct else one.amount) for one in found
            ]
            return [_told(agent, limit, f"user {one_line(user)}", taken) for user, taken in users] or [
                _each(agent, limit)
            ]
        case _:
            return [_each(agent, limit)]


def _each(agent: str, limit: Limit) -> Used:
    used = "nothing yet" if limit.scope == "user" else "each run has its own"
    return Used(agent=agent, limit=limit.text, whose="", used=used, share=None)


def _told(agent: str, limit: Limit, whose: str, taken: int) -> Used:
    used = f"{shown(taken)} of {shown(limit.most)}"
    share = taken / limit.most if limit.most else 1.0
    return Used(agent=agent, limit=limit.text, whose=whose, used=used, share=share)
