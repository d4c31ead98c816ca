"""What models cost, as whoever pays for them says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from baton.core.errors import InvalidValue


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a model costs, for a million tokens.

    Attributes:
        input: Of what it reads.
        output: Of what it writes.
    """

    input: float
    output: float

    def __post_init__(self) -> None:
        """Refuse what is no price.

        Raises:
            InvalidValue: if it is below nothing.
        """
        for name, said in (("input", self.input), ("output", self.output)):
            if not 0 <= said < 1e9:
                raise InvalidValue(f"price of {name}", said, "an amount for a million tokens, 0 or more")


@dataclass(frozen=True, kw_only=True)
class Prices:
    """The prices of the models that are used.

    Attributes:
        currency: What they are in, such as `USD`.
        models: The price of each by its name.
    """

    currency: str = "USD"
    models: Mapping[str, Price] = field(default_factory=dict[str, Price])

    def cost(self, used: Mapping[str, tuple[int, int]]) -> float | None:
        """What was used costs; None where the price of one of the models is not known.

        Args:
            used: By model, the tokens that it read and those that it wrote.
        """
        if not used.keys() <= self.models.keys():
            return None
        prices = ((self.models[model], tokens) for model, tokens in used.items())
        return sum((price.input * read + price.output * wrote) / 1e6 for price, (read, wrote) in prices)

    def told(self, amount: float) -> str:
        """An amount as people read it, such as `USD 0.03`; small ones with the figures that count."""
        if 0 < amount < 0.01:
            return f"{self.currency} {amount:.2g}"
        return f"{self.currency} {amount:,.2f}"

    def json(self, amount: float) -> dict[str, Any]:
        """An amount as programs read it."""
        return {"amount": round(amount, 6), "currency": self.currency}
