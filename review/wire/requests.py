"""Reviews as requests, in three shapes.

- `batched`: what LangChain 1.x's HumanInTheLoopMiddleware interrupts with, one request for any number of reviews.
- `per_call`: what it interrupts with once a tool call, with the schema of the answer.
- `inbox`: what Agent Inbox reads; it shows the first of a list only, so it is given one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

from baton.core import InvalidValue, JsonSchema, format_time
from baton.ledger import DecisionKind, Review
from baton.review.deciding import answers_to

Shape = Literal["batched", "per_call", "inbox"]

SHAPES: tuple[Shape, ...] = get_args(Shape)

Schema = Callable[[Review], JsonSchema]
"""The schema of the arguments of a review's tool; that of any object where nobody knows it."""


def encode(reviews: Sequence[Review], shape: Shape, schema: Schema) -> Any:
    """Reviews as a client reads them, ready for JSON.

    Returns:
        `batched`: `{action_requests, review_configs}`, in the order of the reviews. `per_call`: for each review an
        interrupt `{id, value, response_schema}`, its id that of the review. `inbox`: a list of one.

    Raises:
        InvalidValue: if there is no such shape, no review, or more than one for `inbox`.
    """
    if not reviews:
        raise InvalidValue("reviews", [], "one review or more")
    match shape:
        case "batched":
            return {
                "action_requests": [_call(review) | {"description": describe(review)} for review in reviews],
                "review_configs": [
                    {"action_name": name_of(review), "allowed_decisions": allowed(review)} for review in reviews
                ],
            }
        case "per_call":
            return [
                {"id": review.id, "value": _approval(review), "response_schema": _answer_schema(review, schema(review))}
                for review in reviews
            ]
        case "inbox":
            if len(reviews) > 1:
                given = [review.id for review in reviews]
                raise InvalidValue("reviews", given, "one: Agent Inbox shows the first only")
            return [_interrupt(review) for review in reviews]
        case _:
            raise InvalidValue("shape", shape, f"one of: {', '.join(SHAPES)}")


def allowed(review: Review) -> list[str]:
    """The decisions that people may give, in LangChain's words, which are ours."""
    return [kind.value for kind in answers_to(review.kind) if kind in _DECISIONS]


def name_of(review: Review) -> str:
    """What is asked about: the tool, or where there is none the kind of question."""
    return review.tool or review.kind.value


def asked(review: Review) -> Mapping[str, Any]:
    """The arguments that an approval would approve now: where somebody has changed them, those."""
    changed = review.votes[0].arguments if review.votes else None
    given: Mapping[str, Any] = changed if changed is not None else review.question.get("arguments") or {}
    return given


def describe(review: Review) -> str:
    """What is asked, why and until when, as text."""
    lines = [str(review.question.get("summary", "")), f"Why it is asked: {review.verdict.reason}"]
    if review.question.get("reason"):
        lines.append(f"In the agent's own words: {review.question['reason']}")
    if review.deadline is not None:
        lines.append(f"Until: {format_time(review.deadline)}")
    return "\n".join(lines)


_DECISIONS = (DecisionKind.APPROVE, DecisionKind.EDIT, DecisionKind.REJECT, DecisionKind.RESPOND)


def _call(review: Review) -> dict[str, Any]:
    return {"name": name_of(review), "args": dict(asked(review))}


def _approval(review: Review) -> dict[str, Any]:
    said = {"type": "tool_approval", "tool_call_id": review.action or review.id}
    return said | _call(review) | {"description": describe(review)}


def _interrupt(review: Review) -> dict[str, Any]:
    kinds = allowed(review)
    return {
        "action_request": {"action": name_of(review), "args": dict(asked(review))},
        "config": {
            "allow_accept": "approve" in kinds,
            "allow_edit": "edit" in kinds,
            "allow_respond": True,  # about an action, a response is a rejection with its reason
            "allow_ignore": "reject" in kinds,
        },
        "description": describe(review),
    }


def _answer_schema(review: Review, arguments: JsonSchema) -> JsonSchema:
    text = {"type": "string"}
    edited = _object({"name": {"const": name_of(review)}, "args": arguments}, "name", "args")
    of: dict[str, JsonSchema] = {
        "approve": _object({"type": {"const": "approve"}, "message": text}, "type"),
        "edit": _object({"type": {"const": "edit"}, "edited_action": edited, "message": text}, "type", "edited_action"),
        "reject": _object({"type": {"const": "reject"}, "message": text}, "type"),
        "respond": _object({"type": {"const": "respond"}, "message": text}, "type", "message"),
    }
    return {"oneOf": [of[kind] for kind in allowed(review)]}


def _object(properties: Mapping[str, Any], *required: str) -> JsonSchema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def of_form(review: Review, given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as meant by a form that gives back text: what was asked as something else is read as JSON again."""
    before = asked(review)
    return {name: _unformed(said, before.get(name, "")) for name, said in given.items()}


def _unformed(said: Any, before: Any) -> Any:
    if not isinstance(said, str) or isinstance(before, str):
        return said
    try:
        return json.loads(said)
    except ValueError:
        return said
