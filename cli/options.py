"""What every command can be told, and the exit codes."""

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


class Exit(IntEnum):
    """How a command ended; scripts may rely on these."""

    OK = 0
    FAILED = 1
    USAGE = 2
    WAITING = 3  # for a person, or for a time
    REFUSED = 4  # by policy, or by a person
    REGRESSION = 5  # an evaluation came out worse, or a gate says no
    INCONCLUSIVE = 6  # a gate cannot tell yet: there is not enough data
    INVALID = 7  # an evaluation says nothing: not finished, too many errors, not comparable


@Parameter(name="*")
@dataclass(frozen=True)
class Common:
    """Options of every command.

    Attributes:
        database: The database of record, or the folder it is in (default: .baton).
        agents: The project file with the agents (default: agents.yaml in this folder).
        json: Print one JSON document and nothing else.
    """

    database: Annotated[str | None, Parameter(name=["--database", "-d"])] = None
    agents: Annotated[Path | None, Parameter(name=["--agents", "-a"])] = None
    json: Annotated[bool, Parameter(name="--json")] = False


DEFAULTS = Common()
