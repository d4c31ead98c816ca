"""What bodies and addresses may say: checked at the door, and nothing else is taken."""

import math
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

from baton.core import Attachment, Budget, Goal, Trust
from baton.core.goal import Deadline
from baton.handles import attached_text
from baton.ledger import DecisionKind

_DEEPEST = 50

Id = Annotated[str, Field(min_length=1, max_length=100)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Said = Annotated[str, Field(max_length=100_000)]
Limit = Annotated[int, Field(ge=1, le=200)]
Version = Annotated[int, Field(ge=0, lt=2**31)]
Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]
Answering = Literal["approve", "edit", "reject", "respond"]


Json = str | float | bool | None | dict[str, "Json"] | list["Json"]
"""What a body says, read from JSON."""


def _check(said: Json, deep: int) -> None:
    """Refuse what JSON can say and a database cannot keep.

    Raises:
        ValueError: says what.
    """
    if deep == 0:
        raise ValueError(f"nested more than {_DEEPEST} deep")
    if isinstance(said, str):
        if "\0" in said or any("\ud800" <= letter <= "\udfff" for letter in said):
            raise ValueError("a text holds NUL, or half of a character")
    elif isinstance(said, float):
        if not math.isfinite(said):
            raise ValueError("a number is not finite")
    elif isinstance(said, dict):
        for name, value in said.items():
            _check(name, deep)
            _check(value, deep - 1)
    elif isinstance(said, list):
        for value in said:
            _check(value, deep - 1)


class Body(BaseModel):
    """A body: what it does not name is refused, and so is what no database keeps."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _can_be_kept(cls, said: Any) -> Any:
        _check(said, _DEEPEST)
        return said


class GivenAttachment(Body):
    """A text that a goal is about. It counts as a stranger's, whoever hands it in."""

    name: Name
    text: Annotated[str, Field(max_length=1_000_000)]


class GivenBudget(Body):
    """What the run may use up; null is without limit."""

    turns: Annotated[int, Field(gt=0, lt=2**31)] | None = 50
    tokens: Annotated[int, Field(gt=0, lt=2**31)] | None = None


class NewRun(Body):
    """A goal for an agent. Submitting again with the same key gives the same run."""

    statement: Annotated[str, Field(min_length=1, max_length=100_000)]
    criteria: Annotated[list[Said], Field(max_length=100)] = []
    constraints: Annotated[list[Said], Field(max_length=100)] = []
    attachments: Annotated[list[GivenAttachment], Field(max_length=100)] = []
    deadline: Annotated[str, Field(max_length=100)] | None = None
    budget: GivenBudget = GivenBudget()
    agent: Name | None = None
    key: Name | None = None

    def goal(self, requester: str) -> Goal:
        """The goal, as this person's.

        Raises:
            ValueError: if its deadline is none.
        """
        return Goal(
            self.statement,
            criteria=self.criteria,
            constraints=self.constraints,
            attachments=[Attachment(one.name, one.text) for one in self.attachments],
            deadline=cast("Deadline | None", self.deadline),
            budget=Budget(turns=self.budget.turns, tokens=self.budget.tokens),
            requester=requester,
        )


class Message(Body):
    """Something said to an agent, with texts that it is about; those count as a stranger's."""

    text: Annotated[str, Field(min_length=1, max_length=100_000)]
    attachments: Annotated[list[GivenAttachment], Field(max_length=20)] = []

    @property
    def attached(self) -> list[Attachment]:
        """The attachments."""
        return [Attachment(one.name, one.text) for one in self.attachments]


class NewNote(Body):
    """An entry of the notes; or with `field` its value, in place of those up to the version that was `seen`."""

    text: Annotated[str, Field(min_length=1, max_length=20_000)]
    field: Name | None = None
    seen: Version | None = None


class NewConversation(Message):
    """A conversation and the first words of it; with whom, or after which run."""

    agent: Name | None = None
    follow: Id | None = None

    def texts(self, trust: Trust) -> list[tuple[str, Trust]]:
        """The messages that it is, in their order, with how far each is trusted; `trust` is the speaker's."""
        return [*((attached_text(one), one.trust) for one in self.attached), (self.text, trust)]


class Fork(Body):
    """Where a run is forked, and what the new one is told."""

    at: Version
    live: bool = False
    goal: Said | None = None
    say: Said | None = None


class NextWanted(Body):
    """What the caller knows; without it, as the people's file says."""

    skills: Annotated[list[Name], Field(max_length=100)] | None = None


class Answered(Body):
    """An answer to the version of a review that was seen. It can be undone for `hold` seconds, and goes out then."""

    decision: Answering
    version: Version
    note: Said = ""
    arguments: dict[str, Any] | None = None
    hold: Seconds = 0.0
    delivery: Name | None = None

    @property
    def kind(self) -> DecisionKind:
        """The decision."""
        return DecisionKind(self.decision)

    @model_validator(mode="after")
    def _edits_have_arguments(self) -> Self:
        if (self.arguments is not None) != (self.decision == "edit"):
            raise ValueError("an edit has arguments, and nothing else has")
        return self


class Seen(Body):
    """A review as it was seen."""

    review: Id
    version: Version


class AnsweredTogether(Body):
    """One answer to questions that are alike, each as it was seen; the first is the one that the others are like."""

    decision: Literal["approve", "reject"]
    reviews: Annotated[list[Seen], Field(min_length=1, max_length=20)]
    note: Said = ""
    hold: Seconds = 0.0


class Delegated(Body):
    """To whom a question is given."""

    to: Name
    note: Said = ""
    version: Version | None = None


class Snoozed(Body):
    """For how many seconds the caller does not want to be given a question."""

    seconds: Annotated[float, Field(gt=0, le=31 * 86400, allow_inf_nan=False)]


class Remarked(Body):
    """What is said about a question."""

    text: Annotated[str, Field(min_length=1, max_length=100_000)]


class Noted(Body):
    """A word on why, for the agent."""

    note: Annotated[str, Field(max_length=10_000)] = ""


class Proposed(Body):
    """How long a proposed rule is to hold, such as `30d`."""

    lasts: Annotated[str, Field(min_length=1, max_length=100)] = "30d"


class Declined(Body):
    """Why a proposal is declined."""

    note: Annotated[str, Field(max_length=10_000)] = ""


class Nothing(Body):
    """There is nothing to say."""


class WireAnswered(Body):
    """An answer in the shape of LangChain's middleware or of Agent Inbox, to reviews in the order of the request."""

    reviews: Annotated[list[Id], Field(min_length=1, max_length=50)]
    answer: Any
    delivery: Name | None = None


class LookedBack(Body):
    """Whether an action was right."""

    wrong: bool
    note: Said = ""


class SignIn(Body):
    """A name with its password; or, of whoever works alone, the token of the link."""

    name: Name | None = None
    password: Annotated[str, Field(max_length=1024)] | None = None
    token: Annotated[str, Field(max_length=200)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.token is None) == (self.name is None or self.password is None):
            raise ValueError("give name and password, or token")
        return self
