"""Answers as clients give them, recognised by their shape whatever shape the question was given in."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from baton.core import InvalidValue
from baton.ledger import DecisionKind, Review, ReviewKind
from baton.review.deciding import Answer
from baton.review.wire.requests import allowed, asked, name_of, of_form

_CONTAINERS = (
    "{decisions: […]}, one decision {type: …}, a list of answers {type, args}, or decisions by the id of their review"
)
_TYPES = "approve, edit, reject or respond; or as Agent Inbox says it: accept, edit, ignore or response"


_Meant = tuple[DecisionKind, str, dict[str, Any] | None]
"""A decision, its note, and the arguments as edited; None keeps them."""


class _Said(BaseModel, ABC):
    model_config = ConfigDict(extra="forbid", strict=True)

    @abstractmethod
    def answer(self, review: Review) -> _Meant:
        """What is meant."""


class _Approve(_Said):
    type: Literal["approve"]
    message: str | None = None

    def answer(self, review: Review) -> _Meant:
        return DecisionKind.APPROVE, self.message or "", None


class _Call(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    args: dict[str, Any]


class _Edit(_Said):
    type: Literal["edit"]
    edited_action: _Call
    message: str | None = None

    def answer(self, review: Review) -> _Meant:
        _pin(review, self.edited_action.name)
        return DecisionKind.EDIT, self.message or "", self.edited_action.args


class _Reject(_Said):
    type: Literal["reject"]
    message: str | None = None

    def answer(self, review: Review) -> _Meant:
        return DecisionKind.REJECT, self.message or "", None


class _Respond(_Said):
    type: Literal["respond"]
    message: str

    def answer(self, review: Review) -> _Meant:
        return DecisionKind.RESPOND, self.message, None


class _InboxCall(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    action: str
    args: dict[str, Any]


class _Accept(_Said):
    type: Literal["accept"]
    args: _InboxCall | None = None

    def answer(self, review: Review) -> _Meant:
        if self.args is not None:
            _pin(review, self.args.action)
            if of_form(review, self.args.args) != dict(asked(review)):
                fits = f"the arguments as they are asked about, {dict(asked(review))!r}, or the type edit"
                raise InvalidValue(f"args of the accept of {review.id}", self.args.args, fits)
        return DecisionKind.APPROVE, "", None


class _InboxEdit(_Said):
    type: Literal["edit"]
    args: _InboxCall

    def answer(self, review: Review) -> _Meant:
        _pin(review, self.args.action)
        return DecisionKind.EDIT, "", of_form(review, self.args.args)


class _Ignore(_Said):
    type: Literal["ignore"]
    args: None = None

    def answer(self, review: Review) -> _Meant:
        return DecisionKind.REJECT, "", None


class _Response(_Said):
    type: Literal["response"]
    args: str

    def answer(self, review: Review) -> _Meant:
        kind = DecisionKind.REJECT if review.kind is ReviewKind.ACTION else DecisionKind.RESPOND
        return kind, self.args, None


_MODELS: dict[str, type[_Said]] = {
    "approve": _Approve,
    "edit": _Edit,
    "reject": _Reject,
    "respond": _Respond,
    "accept": _Accept,
    "ignore": _Ignore,
    "response": _Response,
}


def decode(
    reviews: Sequence[Review], said: object, *, by: str, channel: str, delivery: str
) -> list[tuple[Review, Answer]]:
    """What a client answers to reviews, each with its answer. Nothing is decided yet.

    Args:
        reviews: What was asked, in the order in which the client was given it.
        said: The answer as it came, read from JSON.
        by: Who gives it.
        channel: Where it came from.
        delivery: What this delivery is called; the same again counts once.

    Raises:
        InvalidValue: if it is no answer to these reviews, in whole or in one part: too few or too many decisions, a
            type that is unknown or does not fit the question, another tool. Says what would be.
    """
    paired = _paired(reviews, said)
    return [(review, _read(review, one, by=by, channel=channel, delivery=delivery)) for review, one in paired]


def _paired(reviews: Sequence[Review], said: object) -> list[tuple[Review, object]]:
    shown, known = _short(said), {str(review.id): review for review in reviews}
    if isinstance(said, dict):
        given = cast(dict[str, object], said)
        if given.keys() == {"decisions"} and isinstance(given["decisions"], list):
            return _in_order(reviews, cast(list[object], given["decisions"]))
        if "type" in given:
            return _in_order(reviews, [given])
        if given and given.keys() <= known.keys():
            return [(known[id], one) for id, one in given.items()]
    if isinstance(said, list):
        return _in_order(reviews, cast(list[object], said))
    raise InvalidValue("answer", shown, _CONTAINERS)


def _in_order(reviews: Sequence[Review], given: list[object]) -> list[tuple[Review, object]]:
    if len(given) != len(reviews):
        asked = ", ".join(review.id for review in reviews)
        raise InvalidValue("number of decisions", len(given), f"{len(reviews)}, one for each question: {asked}")
    return list(zip(reviews, given, strict=True))


def _read(review: Review, said: object, *, by: str, channel: str, delivery: str) -> Answer:
    what = f"answer to {review.id}"
    if not isinstance(said, dict):
        raise InvalidValue(what, _short(said), f"a mapping with a type: {_TYPES}")
    given = cast(dict[str, object], said)
    named = given.get("type")
    model = _MODELS.get(named) if isinstance(named, str) else None
    if model is None:
        raise InvalidValue(f"type of the {what}", named, _TYPES)
    if model is _Edit and "args" in given:
        model = _InboxEdit
    try:
        kind, note, arguments = model.model_validate(given).answer(review)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        fits = f"{first['msg']}; it has: {', '.join(model.model_fields)}"
        raise InvalidValue(f"{field} of the {what}", _short(first["input"]), fits) from error
    if kind.value not in allowed(review):
        raise InvalidValue(f"type of the {what}", named, f"what means one of: {', '.join(allowed(review))}")
    return Answer(kind=kind, by=by, note=note, arguments=arguments, channel=channel, delivery=delivery)


def _pin(review: Review, name: str) -> None:
    """Refuse a call of another tool: it was asked about this one, and its policy is this one's."""
    if name != name_of(review):
        hint = "To have another one called, reject it and say which."
        raise InvalidValue(f"tool of the answer to {review.id}", name, name_of(review), hint)


def _short(value: object) -> object:
    text = repr(value)
    return value if len(text) <= 80 else text[:79] + "…"
