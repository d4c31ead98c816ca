"""A hook: who may send events to it, and what becomes of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from baton.core import Goal, InvalidValue, Secret
from baton.core.goal import Deadline

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_PATH = re.compile(r"(?:id|source|type|subject|time|data)|data(?:\.[^.\s]{1,100}){1,10}")


@dataclass(frozen=True, kw_only=True)
class Start:
    """An event starts a run, and is attached to its goal as a stranger's text.

    Attributes:
        agent: Who works on it.
        statement: What is wanted: the operator's own words.
        criteria: When it is reached.
        deadline: How long it may take, such as `2h`; None is without end.
        requester: In whose name; None is nobody's.
    """

    agent: str
    statement: str
    criteria: Sequence[str] = ()
    deadline: str | None = None
    requester: str | None = None


@dataclass(frozen=True, kw_only=True)
class Say:
    """An event is said to a run. `run` is where its id stands in the event, such as `subject` or `data.run`."""

    run: str = "subject"


@dataclass(frozen=True, kw_only=True)
class Happen:
    """An event is what runs wait for.

    Attributes:
        name: What they wait for; None is the event's type.
        key: Where the key stands in the event; None is no key.
    """

    name: str | None = None
    key: str | None = "subject"


@dataclass(frozen=True, kw_only=True)
class Hook:
    """Where signed events come in: `POST /hooks/NAME`.

    Attributes:
        secrets: What they are signed with; several while one takes the place of another.
        does: What becomes of an event.
        types: Which types of events are taken; empty is every.
    """

    name: str
    secrets: tuple[Secret, ...]
    does: Start | Say | Happen
    types: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            InvalidValue: says what.
        """
        if not _NAME.fullmatch(self.name):
            raise InvalidValue("name of a hook", self.name, "a letter, then letters, digits, _ or -, 64 at most")
        if not self.secrets:
            raise InvalidValue(f"secrets of hook {self.name}", "none", "one at least: nothing unsigned is taken")
        if isinstance(self.does, Start):
            check_start(f"hook {self.name}", self.does)
        for path in self._paths():
            if not _PATH.fullmatch(path):
                allowed = "id, source, type, subject, time, data, or a path such as data.order.number"
                raise InvalidValue(f"place in the event of hook {self.name}", path, allowed)

    def _paths(self) -> list[str]:
        if isinstance(self.does, Say):
            return [self.does.run]
        return [self.does.key] if isinstance(self.does, Happen) and self.does.key is not None else []


def check_start(what: str, does: Start) -> None:
    """Refuse a goal that cannot be.

    Raises:
        InvalidValue: if its deadline is none.
    """
    try:
        Goal(does.statement, deadline=cast("Deadline | None", does.deadline))
    except ValueError as error:
        raise InvalidValue(f"deadline of {what}", does.deadline, "a time such as 2h") from error
