"""What actions use up: accounts, charges to them, and whether a charge still fits."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

UNIT = 10_000
"""Amounts are whole ten-thousandths, the precision of Cedar's decimals."""

SCOPES = ("run", "agent", "user", "tenant")
"""Whose spending an account may hold."""


@dataclass(frozen=True)
class Window:
    """An account, looked at over some time.

    Attributes:
        account: What is counted and whose it is, such as `refunds/cents/agent=billing`.
        seconds: How far back; None is for ever.
    """

    account: str
    seconds: float | None


@dataclass(frozen=True)
class Spent:
    """What was charged to an account in a window, reservations included.

    Attributes:
        amount: In UNITs of one ten-thousandth.
        values: Digests of the different values that were counted.
    """

    amount: int = 0
    values: frozenset[str] = frozenset()

    def __add__(self, charge: "Charge") -> "Spent":
        """What it is after one more charge."""
        return Spent(self.amount + charge.amount, self.values.union(charge.values))


@dataclass(frozen=True, kw_only=True)
class Charge:
    """What one action takes of one account, and the most that may have been taken then.

    Attributes:
        amount: In UNITs of one ten-thousandth; 0 where different values are counted.
        values: Digests of the values that it counts.
        most: In the same units; of different values, their number times UNIT.
        seconds: The window; None is for ever.
        limit: The limit in words.
    """

    account: str
    amount: int = 0
    values: tuple[str, ...] = ()
    most: int
    seconds: float | None = None
    limit: str

    @property
    def window(self) -> Window:
        """Where it is counted."""
        return Window(self.account, self.seconds)

    def fits(self, spent: Spent) -> bool:
        """Whether there is room for it beside what was spent already."""
        after = spent + self
        return max(after.amount, len(after.values) * UNIT) <= self.most

    def told(self, spent: Spent) -> str:
        """What was spent of the limit, for people."""
        used = max(spent.amount, len(spent.values) * UNIT)
        return f"the limit of {self.limit} has no room: {shown(used)} of {shown(self.most)} used"


def charged(spent: Mapping[Window, Spent], charges: tuple[Charge, ...]) -> dict[Window, Spent]:
    """What is spent once these charges are made too."""
    after = dict(spent)
    for charge in charges:
        after[charge.window] = after.get(charge.window, Spent()) + charge
    return after


def metered(spent: Mapping[Window, Spent], accounts: Collection[str], tokens: int) -> dict[Window, Spent]:
    """What is spent once a model call has used so many tokens."""
    used = Charge(account="", amount=tokens * UNIT, most=0, limit="")
    return {window: each + used if window.account in accounts else each for window, each in spent.items()}


def shown(amount: int) -> str:
    """An amount in whole numbers, with decimals where it has some."""
    whole, rest = divmod(amount, UNIT)
    return f"{whole}.{rest:04}".rstrip("0") if rest else str(whole)
