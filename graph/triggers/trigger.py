"""A trigger: what starts runs by itself, and what it starts."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from croniter import croniter

from baton.core import Condition, InvalidValue, JsonSchema, time_zone
from baton.graph.hooks.hook import Start, check_start
from baton.graph.triggers.mails import Imap
from baton.graph.triggers.sifting import check_schema

_KIND = re.compile(r"[a-z]+\.[a-z_]+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
Scalar = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True)
class Cron:
    """At times.

    Attributes:
        times: Five fields as cron has them, such as `0 8 * * mon-fri`.
        zone: The time zone that they are of.
        missed: What becomes of times that passed while nobody was there: `one` run for all of them, `all`, or `none`.
    """

    times: str
    zone: str = "UTC"
    missed: str = "one"


@dataclass(frozen=True, kw_only=True)
class Files:
    """For each file that appears in a folder, or has another content.

    Attributes:
        folder: The folder; those in it are not looked into.
        pattern: Which files, such as `*.eml`.
        settle: Seconds that a file has to be unchanged before it is taken.
    """

    folder: Path
    pattern: str = "*"
    settle: float = 2.0


@dataclass(frozen=True, kw_only=True)
class Events:
    """When events were published.

    Attributes:
        names: Of which events.
        where: Fields that their data have to have, by their path (`order.state`); empty is any.
        together: How many make one run: `each` one; `settled`, those of one key once nothing came for `seconds`;
            `batch`, up to `count` of any key, or what came within `seconds`; `all`, one of each name with the same key
            within `seconds`; `absent`, the first name where the others have not come for its key within `seconds`.
        filter: A condition over `data`, `name` and `key`; None is any.
        contracts: By an event's name a JSON schema of its data; what does not fit is set aside.
    """

    names: Sequence[str]
    where: Mapping[str, Scalar] = field(default_factory=dict[str, Scalar])
    together: str = "each"
    seconds: float = 60.0
    count: int = 100
    filter: Condition | None = None
    contracts: Mapping[str, JsonSchema] = field(default_factory=dict[str, JsonSchema])


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """When something has happened to a run, as the record says.

    Attributes:
        kinds: Of which events, such as `run.ended` or `review.decided`.
        where: Fields that their data have to have: what the event says, and `run`, `agent`, `tenant`, `requester`.
        filter: A condition over `data`, which holds the same, and `name`, the kind.
        chain: How many runs may follow from one another by such triggers. With 1, what happens to a run that one of
            them has begun, or to what that run hands on, starts nothing: so no trigger starts itself for ever.
    """

    kinds: Sequence[str]
    where: Mapping[str, Scalar] = field(default_factory=dict[str, Scalar])
    filter: Condition | None = None
    chain: int = 1


@dataclass(frozen=True, kw_only=True)
class Mails:
    """For each mail that comes into a mailbox.

    Attributes:
        box: A Maildir, an mbox, or a folder of an IMAP server.
        every: Seconds between two looks at a server.
    """

    box: Path | Imap
    every: float = 30.0


TOGETHER = ("each", "settled", "batch", "all", "absent")
MISSED = ("one", "all", "none")


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """What starts runs by itself.

    Attributes:
        when: At times, for files and mails, when events were published, or when something has happened to a run.
        start: The run that is started; what it is about is attached to its goal.
    """

    name: str
    when: Cron | Files | Events | Recorded | Mails
    start: Start

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            InvalidValue: says what.
        """
        if not _NAME.fullmatch(self.name):
            raise InvalidValue("name of a trigger", self.name, "a letter, then letters, digits, _ or -, 64 at most")
        check_start(f"trigger {self.name}", self.start)
        match self.when:
            case Cron():
                self._check_cron(self.when)
            case Files():
                if not self.when.settle >= 0:
                    raise InvalidValue(f"settle of trigger {self.name}", self.when.settle, "seconds from 0 on")
            case Events():
                self._check_events(self.when)
            case Recorded():
                self._check_recorded(self.when)
            case Mails():
                if not self.when.every >= 1:
                    raise InvalidValue(f"every of trigger {self.name}", self.when.every, "seconds from 1 on")

    def _check_cron(self, when: Cron) -> None:
        time_zone(when.zone)
        if len(when.times.split()) != 5 or not croniter.is_valid(when.times):
            raise InvalidValue(f"cron of trigger {self.name}", when.times, "five fields, such as 0 8 * * mon-fri")
        if when.missed not in MISSED:
            raise InvalidValue(f"missed of trigger {self.name}", when.missed, f"one of: {', '.join(MISSED)}")

    def _check_events(self, when: Events) -> None:
        if when.together not in TOGETHER:
            raise InvalidValue(f"together of trigger {self.name}", when.together, f"one of: {', '.join(TOGETHER)}")
        least = 2 if when.together in ("all", "absent") else 1
        if len(set(when.names)) < least:
            raise InvalidValue(f"events of trigger {self.name}", list(when.names), f"{least} names or more")
        if not 0 < when.seconds <= 30 * 86400:
            raise InvalidValue(f"seconds of trigger {self.name}", when.seconds, "from above 0 to 30 days")
        if when.count < 1:
            raise InvalidValue(f"count of trigger {self.name}", when.count, "1 or more")
        for name, schema in when.contracts.items():
            if name not in when.names:
                raise InvalidValue(f"contracts of trigger {self.name}", name, f"one of: {', '.join(when.names)}")
            check_schema(f"contract of {name} of trigger {self.name}", schema)

    def _check_recorded(self, when: Recorded) -> None:
        if not when.kinds or not all(_KIND.fullmatch(kind) for kind in when.kinds):
            allowed = "kinds such as run.ended or review.decided"
            raise InvalidValue(f"record of trigger {self.name}", list(when.kinds), allowed)
        if not 1 <= when.chain <= 10:
            raise InvalidValue(f"chain of trigger {self.name}", when.chain, "a number from 1 to 10")
