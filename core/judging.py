"""Policy as a port: what is asked, and who answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

from baton.core.actions import Action, Verdict
from baton.core.labels import Label, Marks, Trust
from baton.core.promising import Assessed, Promise
from baton.core.spending import Spent, Window
from baton.core.tools import ToolSpec


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One thing that a run has read, for tracing where an argument came from.

    Attributes:
        source: `message:…`, `attachment:NAME` or, for a tool's result, the tool's name.
        content: Text, or the tool's result as JSON values.
        label: Its trust and confidentiality.
        marks: Fields of a tool's result with labels of their own.
        given: The arguments of the write that it is the result of, or of the call that failed: what comes back of
            them proves nothing. None for all else.
    """

    source: str
    content: Any
    label: Label
    marks: Marks = field(default_factory=Marks)
    given: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Where agents work, for policies that differ by it.

    Attributes:
        tenant: Whose they are.
        environment: Such as `production` or `test`.
        zone: The IANA name of the time zone in which policies read the clock.
        holiday: Whether nobody works on a date; None knows no holidays.
    """

    tenant: str = "local"
    environment: str = "production"
    zone: str = "UTC"
    holiday: Callable[[date], bool] | None = None


class Certificate(Protocol):
    """Says how far the actions of one class may run alone, as far as the record goes."""

    def assess(self, action: Action, signals: Mapping[str, float], coin: float) -> Assessed:
        """What is known of one action.

        Args:
            action: The action.
            signals: What may say how likely it is right, by name.
            coin: A number from 0 to 1, drawn anew: it says whether the action is looked at if it runs alone.
        """
        ...

    def still_allows(self, assessed: Assessed) -> bool:
        """Whether an action that was assessed before may run alone now too, by the same certificate."""
        ...


@dataclass(frozen=True, kw_only=True)
class Question:
    """May this action happen?

    Attributes:
        action: The proposed call.
        tool: The tool it calls.
        readings: Everything the run has read so far, oldest first.
        requester: Who asked for the goal.
        goal: Its statement.
        goal_trust: How far the statement is trusted.
        now: Seconds since 1970.
        counts: How often this run has carried out each tool.
        rejected: How often people have said no in this run.
        waiting: How many questions of this run people have not answered.
        spent: What was charged to the accounts that the policy keeps; see `Policy.windows`.
        setting: Where it would happen.
        plan: Tools that a plan names which was made before anything below a user's trust was read, each as often as
            it is meant to be called.
        certificates: Those of the policy's promises, by class; without its own, no action of a class runs alone.
        signals: What may say how likely the action is right, by name.
        coin: A number from 0 to 1, drawn for this action alone: whether it is looked at afterwards.
    """

    action: Action
    tool: ToolSpec
    readings: tuple[Reading, ...] = ()
    requester: str | None = None
    goal: str = ""
    goal_trust: Trust = Trust.USER
    now: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    plan: tuple[str, ...] = ()
    rejected: int = 0
    waiting: int = 0
    spent: Mapping[Window, Spent] = field(default_factory=dict[Window, Spent])
    setting: Setting = Setting()
    certificates: Mapping[str, Certificate] = field(default_factory=dict[str, Certificate])
    signals: Mapping[str, float] = field(default_factory=dict[str, float])
    coin: float = 0.0

    @property
    def scopes(self) -> Mapping[str, str]:
        """Whose accounts its charges go to, by scope."""
        return scopes(self.action.run, self.action.agent, self.requester, self.setting)


def scopes(run: str, agent: str, requester: str | None, setting: Setting) -> Mapping[str, str]:
    """Who acts, by each of the SCOPES that accounts are kept for."""
    return {"run": run, "agent": agent, "user": requester or "", "tenant": setting.tenant}


class Policy(Protocol):
    """Judges actions. Answers with a verdict always; what goes wrong inside is a deny that says so."""

    @property
    def version(self) -> str:
        """Name and content hash."""
        ...

    @property
    def promises(self) -> Mapping[str, Promise]:
        """What it promises, by class; empty where it promises nothing."""
        ...

    def judge(self, question: Question) -> Verdict:
        """Say allow, ask or deny, and why. Never raises."""
        ...

    def windows(self, scopes: Mapping[str, str]) -> tuple[Window, ...]:
        """The windows whose spending `judge` needs to know; empty where it sets no limits."""
        ...

    def meters(self, scopes: Mapping[str, str]) -> tuple[str, ...]:
        """The accounts that a model call's tokens are charged to."""
        ...
