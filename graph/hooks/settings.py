"""The section `hooks` of a project file."""

from pydantic import BaseModel, ConfigDict, model_validator

from baton.core import secret
from baton.core.entries import SecretEntry
from baton.graph.hooks.hook import Happen, Hook, Say, Start


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StartEntry(_Entry):
    """The run that something starts; see `Start`."""

    agent: str
    statement: str
    criteria: list[str] = []
    deadline: str | None = None
    requester: str | None = None


class _SayEntry(_Entry):
    run: str = "subject"


class _HappenEntry(_Entry):
    name: str | None = None
    key: str | None = "subject"


class HookEntry(_Entry):
    """What a project says of a hook; see `Hook`."""

    name: str
    secrets: list[SecretEntry]
    types: list[str] = []
    start: StartEntry | None = None
    say: _SayEntry | None = None
    happen: _HappenEntry | None = None

    @model_validator(mode="after")
    def _one(self) -> "HookEntry":
        if sum(each is not None for each in (self.start, self.say, self.happen)) != 1:
            raise ValueError("one of start, say and happen: what becomes of an event")
        return self

    def made(self) -> Hook:
        """The hook.

        Raises:
            InvalidValue: if a setting cannot be one.
        """
        return Hook(
            name=self.name,
            secrets=tuple(secret(one.secret) for one in self.secrets),
            does=self._does(),
            types=tuple(self.types),
        )

    def _does(self) -> Start | Say | Happen:
        if self.start is not None:
            return Start(**self.start.model_dump())
        return Say(run=self.say.run) if self.say is not None else Happen(**(self.happen or _HappenEntry()).model_dump())
