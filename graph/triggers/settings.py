"""The section `triggers` of a project file."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from baton.core import Condition, Duration, JsonSchema, secret
from baton.graph.hooks.hook import Start
from baton.graph.hooks.settings import StartEntry
from baton.graph.triggers.mails import Imap
from baton.graph.triggers.sifting import NAMES, RECORD_NAMES
from baton.graph.triggers.trigger import Cron, Events, Files, Mails, Recorded, Scalar, Trigger


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _FilesEntry(_Entry):
    folder: str
    pattern: str = "*"
    settle: float = Field(2.0, ge=0)


class _ImapEntry(_Entry):
    host: str
    user: str
    password: str
    folder: str = "INBOX"
    port: int | None = Field(None, ge=1, le=65535)
    tls: bool = True

    def made(self) -> Imap:
        """The folder; its password is the name of a secret."""
        said: dict[str, Any] = self.model_dump() | {"password": secret(self.password)}
        return Imap(**said)


class _MailsEntry(_Entry):
    folder: str | None = None
    imap: _ImapEntry | None = None
    every: float = Field(30.0, ge=1)

    @model_validator(mode="after")
    def _one(self) -> "_MailsEntry":
        if (self.folder is None) == (self.imap is None):
            raise ValueError("one of folder, a Maildir or an mbox, and imap: where the mails are")
        return self

    def made(self, folder: Path) -> Mails:
        """What is watched."""
        box: Path | Imap = self.imap.made() if self.imap is not None else folder / (self.folder or "")
        return Mails(box=box, every=self.every)


class TriggerEntry(_Entry):
    """What a project says of a trigger; see `Trigger`."""

    name: str
    cron: str | None = None
    zone: str = "UTC"
    missed: str = "one"
    files: _FilesEntry | None = None
    events: list[str] | None = None
    record: list[str] | None = None
    chain: int = Field(1, ge=1, le=10)
    mails: _MailsEntry | None = None
    filter: str | None = None
    contracts: dict[str, JsonSchema] = {}
    where: dict[str, Scalar] = {}
    together: str = "each"
    within: Duration | None = None
    count: int = Field(100, ge=1)
    start: StartEntry

    @model_validator(mode="after")
    def _one(self) -> "TriggerEntry":
        sources = (self.cron, self.files, self.events, self.record, self.mails)
        if sum(each is not None for each in sources) != 1:
            raise ValueError("one of cron, files, events, record and mails: what starts a run")
        if self.filter is not None and self.events is None and self.record is None:
            raise ValueError("no filter: it is for events and record")
        if self.contracts and self.events is None:
            raise ValueError("no contracts: they are for events")
        return self

    def made(self, folder: Path) -> Trigger:
        """The trigger; its folder is relative to `folder`.

        Raises:
            InvalidValue: if a setting cannot be one.
        """
        return Trigger(name=self.name, when=self._when(folder), start=Start(**self.start.model_dump()))

    def _when(self, folder: Path) -> Cron | Files | Events | Recorded | Mails:
        if self.cron is not None:
            return Cron(times=self.cron, zone=self.zone, missed=self.missed)
        if self.files is not None:
            return Files(folder=folder / self.files.folder, pattern=self.files.pattern, settle=self.files.settle)
        if self.mails is not None:
            return self.mails.made(folder)
        names = RECORD_NAMES if self.record is not None else NAMES
        condition = Condition.parse(self.filter, names) if self.filter is not None else None
        if self.record is not None:
            return Recorded(kinds=tuple(self.record), where=self.where, filter=condition, chain=self.chain)
        seconds = 60.0 if self.within is None else self.within.total_seconds()
        return Events(
            names=tuple(self.events or ()),
            where=self.where,
            together=self.together,
            seconds=seconds,
            count=self.count,
            filter=condition,
            contracts=self.contracts,
        )
