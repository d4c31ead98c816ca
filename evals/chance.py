"""Chance that belongs to a seed, a case and a step: in whatever order things happen, each gets the same draw."""

import random


def dice(seed: int, *step: object) -> random.Random:
    """Dice for one step, such as `dice(seed, case.id, "question 2", "bob")`; never shared between two steps."""
    return random.Random("\0".join(map(str, (seed, *step))))
