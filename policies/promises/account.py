"""What is known of the actions that ran alone, which the promise speaks of."""

import math
from collections.abc import Sequence


class Account:
    """The actions that ran alone.

    Attributes:
        alone: How many ran alone.
        audited: How many of them are labelled.
        found: How many of those were wrong.
        reported: How many turned out to be wrong later, though nobody was to look at them, or said so.
        wrong: How many were wrong, estimated: each found stands for 1/probability.
        weight: How many the labelled ones stand for.
        squares: The sum of the squares of what each stands for.
        awaited: How many those stand for whose audit is not answered yet.
    """

    def __init__(self, values: Sequence[float] = (0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0)) -> None:
        self.alone, self.audited, self.found, self.reported = (int(value) for value in values[:4])
        self.wrong, self.weight, self.squares, self.awaited = values[4:]

    def values(self) -> list[float]:
        """Its attributes, in order."""
        whole = [self.alone, self.audited, self.found, self.reported]
        return [*whole, self.wrong, self.weight, self.squares, self.awaited]

    def take(self, wrong: bool, stands_for: float) -> None:
        """Take in the answer to an audit."""
        self.audited += 1
        self.found += wrong
        self.wrong += wrong * stands_for
        self.weight += stands_for
        self.squares += stands_for**2

    def credit(self, most_wrong: float, noticed: float) -> float:
        """How many more actions ran alone than the errors made allow for; negative where it is fewer.

        The errors are estimated from the audits, and are at least those that are known.

        Args:
            most_wrong: What is promised.
            noticed: The share of the errors that people notice.
        """
        settled = max(self.alone - self.awaited, 0.0)
        known = self.found + self.reported
        return min(settled - self.wrong / (most_wrong * noticed), self.alone - known / most_wrong)

    def interval(self, noticed: float) -> tuple[float, float, float] | None:
        """The share of errors among those that ran alone, and a 95 % interval of it; None before the first label.

        People notice the share `noticed` of the errors. The interval is Wilson's, for one look, with as many labels as
        would tell as much if all stood for equally many.
        """
        if not self.weight:
            return None
        rate, labels, z = self.wrong / self.weight, self.weight**2 / self.squares, 1.96
        middle = (rate + z * z / (2 * labels)) / (1 + z * z / labels)
        reach = z * math.sqrt(rate * (1 - rate) / labels + z * z / (4 * labels * labels)) / (1 + z * z / labels)
        return rate / noticed, max(middle - reach, 0.0) / noticed, min((middle + reach) / noticed, 1.0)
