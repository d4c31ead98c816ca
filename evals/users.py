"""Simulated users: they answer, say more, change their minds, and vanish."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from baton.core import Trust
from baton.evals.cases import Turn, User
from baton.evals.chance import dice
from baton.evals.reviewers import Spread

NAME = "the user (simulated)"
"""By whom their messages are sent."""


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """What a user has said so far, as the record has it.

    Attributes:
        texts: Their messages, oldest first.
        waited_since: Since when the agent has waited for them; None where it does not.
    """

    texts: Sequence[str]
    waited_since: float | None


class SimulatedUser:
    """One user of one attempt: what they say depends on the seed, the repeat and the case, and on nothing else."""

    trust = Trust.USER

    def __init__(self, user: User, came: float, *, seed: int, repeat: int, case: str) -> None:
        """`came` is when the goal came in, in seconds since 1970."""
        self._user, self._came = user, came
        self._marks = seed, repeat, case
        self.turns = [turn for number, turn in enumerate(user.turns) if self._says(number, turn)]

    def next(self, spoken: Spoken) -> tuple[float, Turn] | None:
        """When they say what next; None if they say nothing more as things stand."""
        said = len(spoken.texts)
        if said >= len(self.turns) or self._vanished(said):
            return None
        turn = self.turns[said]
        if turn.after is not None:
            return self._came + turn.after.total_seconds(), turn
        if spoken.waited_since is None:
            return None
        takes = Spread(median=self._user.median.total_seconds(), sigma=self._user.spread)
        return spoken.waited_since + takes.draw(self._dice(said, "takes")), turn

    def _dice(self, turn: int, what: str) -> Random:
        seed, repeat, case = self._marks
        return dice(seed, repeat, case, "user", turn, what)

    def _says(self, number: int, turn: Turn) -> bool:
        return self._dice(number, "says").random() < turn.share

    def _vanished(self, said: int) -> bool:
        return any(self._dice(number, "vanishes").random() < self._user.vanishes for number in range(said))
