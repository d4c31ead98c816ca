"""What a step, or several together, came to."""

from dataclasses import dataclass
from typing import Any

from baton.ledger.workflow_steps import StepState


@dataclass(frozen=True)
class Result:
    """What it came to.

    Attributes:
        state: `returned` with an answer; `skipped` where nothing had to be done; else why there is none: `refused` by
            whoever was to do it, `failed`, `expired` (no answer in time), `denied` (policy or a person said no) or
            `withdrawn` (it no longer mattered).
        value: The answer; None where there is none.
        said: In words.
    """

    state: StepState
    value: Any = None
    said: str = ""

    @property
    def ok(self) -> bool:
        """Whether what follows may go on."""
        return self.state in ("returned", "skipped")

    def told(self, name: str) -> str:
        """For people: whose it is, its state, and the words."""
        return f"{name} {self.state}" + (f": {self.said}" if self.said else "")
