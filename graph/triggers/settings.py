"""The section `triggers` of a project file."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from baton.core import Duration
from baton.graph.hooks.hook import Start
from baton.graph.hooks.settings import StartEntry
from baton.graph.triggers.trigger import Cron, Events, Files, Scalar, Trigger


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _FilesEntry(_Entry):
    folder: str
    pattern: str = "*"
    settle: float = Field(2.0, ge=0)


class TriggerEntry(_Entry):
    """What a project says of a trigger; see `Trigger`."""

    name: str
    cron: str | None = None
    zone: str = "UTC"
    missed: str = "one"
    files: _FilesEntry | None = None
    events: list[str] | None = None
    where: dict[str, Scalar] = {}
    together: str = "each"
    within: Duration | None = None
    count: int = Field(100, ge=1)
    start: StartEntry

    @model_validator(mode="after")
    def _one(self) -> "TriggerEntry":
        if sum(each is not None for each in (self.cron, self.files, self.events)) != 1:
            raise ValueError("one of cron, files and events: what starts a run")
        return self

    def made(self, folder: Path) -> Trigger:
        """The trigger; its folder is relative to `folder`.

        Raises:
            InvalidValue: if a setting cannot be one.
        """
        return Trigger(name=self.name, when=self._when(folder), start=Start(**self.start.model_dump()))

    def _when(self, folder: Path) -> Cron | Files | Events:
        if self.cron is not None:
            return Cron(times=self.cron, zone=self.zone, missed=self.missed)
        if self.files is not None:
            return Files(folder=folder / self.files.folder, pattern=self.files.pattern, settle=self.files.settle)
        seconds = 60.0 if self.within is None else self.within.total_seconds()
        return Events(
            names=tuple(self.events or ()),
            where=self.where,
            together=self.together,
            seconds=seconds,
            count=self.count,
        )
