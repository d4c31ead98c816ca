"""What runs have cost so far, by the prices that a project names."""

from collections.abc import Sequence

from baton.core import Prices
from baton.ledger import Run, Transaction, journal


def cost(tx: Transaction, members: Sequence[Run], prices: Prices | None) -> float | None:
    """What the model calls of runs have cost; None where no prices are named, or not those of all their models."""
    return None if prices is None else prices.cost(journal.used(tx, [one.id for one in members]))


def used_told(tx: Transaction, members: Sequence[Run], prices: Prices | None) -> str:
    """What runs have used, in words: tokens, and what they cost where that is known."""
    tokens = f"{sum(one.prompt_tokens + one.completion_tokens for one in members):,} tokens"
    spent = cost(tx, members, prices)
    return tokens if spent is None or prices is None else f"{tokens}, {prices.told(spent)}"
