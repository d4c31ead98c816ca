"""Wire shapes: what clients are shown, and that an answer means the same in whichever shape it is given."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from baton.core import ActionId, DecisionId, InvalidValue, ReviewId, Ruling, RunId, Verdict
from baton.ledger import Decision, DecisionKind, Review, ReviewKind
from baton.review import Answer
from baton.review.wire import SHAPES, Shape, decode, encode

PAY: dict[str, Any] = {
    "type": "object",
    "properties": {"cents": {"type": "integer"}, "to": {"type": "string"}},
    "required": ["cents", "to"],
}
TOOLS = {ReviewKind.ACTION: "pay", ReviewKind.QUESTION: "ask_person", ReviewKind.DOUBT: "pay", ReviewKind.TROUBLE: ""}


def review(number: int = 1, kind: ReviewKind = ReviewKind.ACTION, /, **arguments: Any) -> Review:
    return Review(
        id=ReviewId(f"rev_{number}"),
        run=RunId("run_1"),
        action=None if kind is ReviewKind.TROUBLE else ActionId(f"run_1.1.{number}"),
        kind=kind,
        state="open",
        version=1,
        agent="clerk",
        tool=TOOLS[kind],
        question={"summary": "May clerk call pay?", "arguments": arguments or None, "reason": "it broke"},
        verdict=Verdict(ruling=Ruling.ASK, reason="payments are asked about", policy="p", rules=("ask",)),
        reviewers=(),
        requester=None,
        opened_at=0.0,
        deadline=3600.0,
        on_deadline="park",
        claimed_by=None,
        claimed_until=None,
        decision=None,
        due=3600.0,
        cost=1.0,
        skills=(),
    )


def shown(reviews: list[Review], shape: Shape) -> Any:
    return json.loads(json.dumps(encode(reviews, shape, lambda _review: PAY)))


def read(reviews: list[Review], said: object) -> list[Answer]:
    return [answer for _review, answer in decode(reviews, said, by="ann", channel="wire", delivery="d")]


def test_the_batched_shape_is_what_the_middleware_interrupts_with() -> None:
    said = shown([review(1, cents=500, to="ann"), review(2, ReviewKind.QUESTION, question="Where?")], "batched")
    assert [(each["name"], each["args"]) for each in said["action_requests"]] == [
        ("pay", {"cents": 500, "to": "ann"}),
        ("ask_person", {"question": "Where?"}),
    ]
    assert said["review_configs"] == [
        {"action_name": "pay", "allowed_decisions": ["approve", "edit", "reject"]},
        {"action_name": "ask_person", "allowed_decisions": ["respond", "reject"]},
    ]
    assert said["action_requests"][0]["description"].splitlines() == [
        "May clerk call pay?",
        "Why it is asked: payments are asked about",
        "In the agent's own words: it broke",
        "Until: 1970-01-01 01:00 UTC",
    ]
    assert said.keys() == {"action_requests", "review_configs"}


def test_the_per_call_shape_has_the_schema_of_its_answer() -> None:
    (said,) = shown([review(cents=500, to="ann")], "per_call")
    assert said["id"] == "rev_1"
    assert said["value"] | {"description": ""} == {
        "type": "tool_approval",
        "tool_call_id": "run_1.1.1",
        "name": "pay",
        "args": {"cents": 500, "to": "ann"},
        "description": "",
    }
    schema = Draft202012Validator(said["response_schema"])
    fits = {"type": "edit", "edited_action": {"name": "pay", "args": {"cents": 1, "to": "bob"}}}
    other = {"type": "edit", "edited_action": {"name": "refund", "args": {"cents": 1, "to": "bob"}}}
    wrong = {"type": "edit", "edited_action": {"name": "pay", "args": {"cents": "1", "to": "bob"}}}
    for answer, valid in (
        ({"type": "approve"}, True),
        ({"type": "reject", "message": "no"}, True),
        (fits, True),
        (other, False),
        (wrong, False),
        ({"type": "respond", "message": "x"}, False),
    ):
        assert schema.is_valid(answer) is valid, answer


@pytest.mark.parametrize("kind", [ReviewKind.DOUBT, ReviewKind.TROUBLE])
def test_what_is_no_action_is_named_by_what_it_is(kind: ReviewKind) -> None:
    said = shown([review(1, kind)], "batched")
    assert said["action_requests"][0]["name"] == (TOOLS[kind] or "trouble")
    assert said["action_requests"][0]["args"] == {}
    assert said["review_configs"][0]["allowed_decisions"] == ["approve", "respond", "reject"]


def test_agent_inbox_is_shown_one_review() -> None:
    (said,) = shown([review(cents=500, to="ann")], "inbox")
    assert said["action_request"] == {"action": "pay", "args": {"cents": 500, "to": "ann"}}
    config = {"allow_accept": True, "allow_edit": True, "allow_respond": True, "allow_ignore": True}
    assert said["config"] == config
    (asks,) = shown([review(1, ReviewKind.QUESTION, question="Where?")], "inbox")
    assert asks["config"] == config | {"allow_accept": False, "allow_edit": False}
    with pytest.raises(InvalidValue, match="shows the first only"):
        shown([review(1), review(2)], "inbox")


def test_a_request_shows_what_an_approval_would_approve() -> None:
    edit = Decision(
        id=DecisionId("dec_1"),
        review=ReviewId("rev_1"),
        kind=DecisionKind.EDIT,
        by="bob",
        channel="cli",
        at=1.0,
        arguments={"cents": 300, "to": "ann"},
    )
    changed = replace(review(cents=500, to="ann"), votes=(edit,))
    assert shown([changed], "batched")["action_requests"][0]["args"]["cents"] == 300
    assert shown([changed], "per_call")[0]["value"]["args"]["cents"] == 300
    assert shown([changed], "inbox")[0]["action_request"]["args"]["cents"] == 300
    with pytest.raises(InvalidValue, match="accept"):
        read([changed], [{"type": "accept", "args": {"action": "pay", "args": {"cents": 500, "to": "ann"}}}])


def test_shapes_that_are_none_are_refused() -> None:
    with pytest.raises(InvalidValue, match="one of: batched, per_call, inbox"):
        encode([review()], "slack", lambda _review: PAY)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="one review or more"):
        encode([], "batched", lambda _review: PAY)


WRONG: list[tuple[object, str]] = [
    ("yes", r"answer 'yes' is not allowed: give \{decisions"),
    (None, "answer None is not allowed"),
    ({}, "answer"),
    ({"decisions": {"type": "approve"}}, "answer"),
    ({"decisions": []}, "number of decisions 0 is not allowed: give 1, one for each question: rev_1"),
    ({"decisions": [{"type": "approve"}] * 2}, "number of decisions 2"),
    ([], "number of decisions 0"),
    ({"decisions": ["approve"]}, "answer to rev_1 'approve'"),
    ({"rev_2": {"type": "approve"}}, "answer"),
    ({"type": "yes"}, "type of the answer to rev_1 'yes' is not allowed: give approve, edit, reject or respond"),
    ({"type": ["approve"]}, "type of the answer to rev_1"),
    ({"type": "respond", "message": "x"}, "give what means one of: approve, edit, reject"),
    ({"type": "approve", "edited_action": {"name": "pay", "args": {}}}, "edited_action of the answer to rev_1"),
    ({"type": "approve", "args": {"cents": 1}}, "args of the answer to rev_1"),
    ({"type": "edit"}, "edited_action of the answer to rev_1"),
    ({"type": "edit", "edited_action": {"name": "refund", "args": {}}}, "tool of the answer to rev_1 'refund'"),
    ({"type": "edit", "args": {"action": "refund", "args": {}}}, "tool of the answer to rev_1 'refund'"),
    ({"type": "accept", "args": {"action": "refund", "args": {}}}, "tool of the answer to rev_1 'refund'"),
    ({"type": "accept", "args": {"action": "pay", "args": {"cents": "9", "to": "ann"}}}, "or the type edit"),
    ({"type": "edit", "edited_action": {"name": "pay", "args": [1]}}, "edited_action.args of the answer"),
    ({"type": "reject", "message": 1}, "message of the answer"),
    ([{"type": "response", "args": None}], "args of the answer"),
    ([{"type": "ignore", "args": "x"}], "args of the answer"),
]


@pytest.mark.parametrize(("said", "told"), WRONG)
def test_what_is_no_answer_is_refused_and_says_what_would_be(said: object, told: str) -> None:
    with pytest.raises(InvalidValue, match=told):
        read([review(cents=500, to="ann")], said)


def test_one_part_that_is_wrong_refuses_the_whole() -> None:
    with pytest.raises(InvalidValue, match="rev_2"):
        read([review(1), review(2)], {"decisions": [{"type": "approve"}, {"type": "maybe"}]})


def test_answers_by_id_may_be_some_of_them() -> None:
    found = decode([review(1), review(2)], {"rev_2": {"type": "approve"}}, by="ann", channel="wire", delivery="d")
    assert [(one.id, answer.kind) for one, answer in found] == [("rev_2", DecisionKind.APPROVE)]


def test_what_a_form_gave_back_as_text_is_what_it_was() -> None:
    asked = review(cents=500, to="ann", lines=[1, 2], note="7")
    (edit,) = read([asked], [{"type": "edit", "args": {"action": "pay", "args": form(cents=900, to="5", lines=[1])}}])
    assert edit.arguments == {"cents": 900, "to": "5", "lines": [1]}
    (odd,) = read([asked], [{"type": "edit", "args": {"action": "pay", "args": {"cents": "nine"}}}])
    assert odd.arguments == {"cents": "nine"}  # which the tool's schema refuses


def form(**arguments: Any) -> dict[str, str]:
    """Arguments as the form of Agent Inbox gives them back."""
    return {name: said if isinstance(said, str) else json.dumps(said) for name, said in arguments.items()}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
calls = st.dictionaries(st.text(min_size=1, max_size=8), values, min_size=1, max_size=4)
words = st.text(min_size=1).filter(lambda text: bool(text.strip()))
choices = st.one_of(
    st.just(("approve",)), st.tuples(st.just("edit"), calls), st.tuples(st.just("reject"), words | st.just(""))
)


def langchain(choice: tuple[Any, ...]) -> dict[str, Any]:
    match choice:
        case ("approve",):
            return {"type": "approve"}
        case ("edit", changed):
            return {"type": "edit", "edited_action": {"name": "pay", "args": changed}}
        case (kind, text):
            return {"type": kind} | ({"message": text} if text else {})
    raise AssertionError(choice)


def inbox(choice: tuple[Any, ...], interrupt: dict[str, Any]) -> dict[str, Any]:
    request = interrupt["action_request"]
    match choice:
        case ("approve",):
            return {"type": "accept", "args": request}
        case ("edit", changed):
            return {"type": "edit", "args": {"action": request["action"], "args": changed}}
        case ("reject", "") | ("reject",):
            return {"type": "ignore", "args": None}
        case (_, text):
            return {"type": "response", "args": text}
    raise AssertionError(choice)


def meant(choice: tuple[Any, ...]) -> tuple[DecisionKind, str, dict[str, Any] | None]:
    kind = DecisionKind(choice[0])
    if kind is DecisionKind.EDIT:
        return kind, "", choice[1]
    return kind, choice[1] if len(choice) > 1 else "", None


@settings(deadline=None)
@given(st.lists(st.tuples(calls, choices), min_size=1, max_size=4))
def test_an_answer_means_the_same_in_every_shape(asked: list[tuple[dict[str, Any], tuple[Any, ...]]]) -> None:
    reviews = [review(number, **arguments) for number, (arguments, _) in enumerate(asked)]
    chosen = [choice for _, choice in asked]
    expected = [meant(choice) for choice in chosen]

    def found(answers: list[Answer]) -> list[tuple[DecisionKind, str, dict[str, Any] | None]]:
        return [(answer.kind, answer.note, answer.arguments) for answer in answers]

    for (arguments, _), (_, _, changed) in zip(asked, expected, strict=True):  # a form shows 7 and "7" alike
        texts = [name for name, said in (changed or {}).items() if isinstance(said, str)]
        assume(all(isinstance(arguments.get(name, ""), str) for name in texts))
    assert len(shown(reviews, "batched")["action_requests"]) == len(reviews)
    batched = {"decisions": [langchain(choice) for choice in chosen]}
    assert found(read(reviews, json.loads(json.dumps(batched)))) == expected
    interrupts = shown(reviews, "per_call")
    by_id = {each["id"]: langchain(choice) for each, choice in zip(interrupts, chosen, strict=True)}
    assert found(read(reviews, json.loads(json.dumps(by_id)))) == expected
    for one, choice, wanted in zip(reviews, chosen, expected, strict=True):
        (interrupt,) = shown([one], "inbox")
        old = json.loads(json.dumps(inbox(choice, interrupt)))
        assert found(read([one], langchain(choice))) == found(read([one], old)) == found(read([one], [old]))
        assert found(read([one], old)) == [wanted]


@settings(deadline=None)
@given(words)
def test_an_answer_in_words_means_the_same_in_every_shape(text: str) -> None:
    for kind in (ReviewKind.QUESTION, ReviewKind.DOUBT, ReviewKind.TROUBLE):
        asked = [review(1, kind)]
        every = [read(asked, {"type": "respond", "message": text}), read(asked, [{"type": "response", "args": text}])]
        assert (
            every[0]
            == every[1]
            == [Answer(kind=DecisionKind.RESPOND, by="ann", note=text, channel="wire", delivery="d")]
        )


def test_every_shape_is_known() -> None:
    assert SHAPES == ("batched", "per_call", "inbox")
