"""Labels only fall and rise one way, and records that the user has named are vouched for."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton import tool
from baton.agents.tool import Tool
from baton.core import Confidentiality, InvalidValue, Label, Marks, Reading, ToolSpec, Trust, derived
from baton.policies import Readings

LABELS = st.builds(
    Label, st.sampled_from(Trust), st.frozensets(st.text(max_size=3), max_size=2), st.sampled_from(Confidentiality)
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner))


@given(st.lists(LABELS, min_size=1))
def test_a_derived_label_is_trusted_no_more_and_seen_by_no_more_than_any_source(labels: list[Label]) -> None:
    label = derived(labels)
    assert label.trust == min(one.trust for one in labels)
    assert label.confidentiality == max(one.confidentiality for one in labels)
    assert label.sources == frozenset().union(*(one.sources for one in labels))


@given(st.lists(LABELS, min_size=1), st.randoms())
def test_the_order_of_derivation_changes_nothing(labels: list[Label], random: Any) -> None:
    shuffled = list(labels)
    random.shuffle(shuffled)
    assert derived(labels) == derived(shuffled) == derived([derived(labels), *labels])


def test_what_rests_on_nothing_is_the_agents_own() -> None:
    assert derived([]) == Label(Trust.AGENT)


@given(content=JSON, label=LABELS, value=SCALARS.filter(lambda value: value is not None))
def test_a_value_read_back_from_json_is_traced_alike(content: Any, label: Label, value: Any) -> None:
    plain, back = Readings(), Readings()
    plain.add(Reading(source="s", content=content, label=label))
    back.add(Reading(source="s", content=json.loads(json.dumps(content)), label=label))
    assert plain.find(value) == back.find(value)
    assert plain.find(value).secrecy == label.confidentiality


FILES: list[dict[str, Any]] = [
    {"id": "f-100", "filename": "team-plan.docx", "content": "see f-900", "shared": ["ann@shop.example"]},
    {"id": "f-200", "filename": "Budget 2024.xlsx", "content": "secret"},
    {"id": "f-300", "filename": "the.txt", "content": ""},
]
MARKS = Marks(untrusted=("content",), secret=("content",), named_by=("filename",))


def files(
    *more: dict[str, str], said: str = "Please add a line to the team plan.", trust: Trust = Trust.USER
) -> Readings:
    found = Readings()
    found.add(Reading(source="goal", content=said, label=Label(trust)))
    found.add(Reading(source="files", content=[*FILES, *more], label=Label(Trust.VERIFIED_TOOL), marks=MARKS))
    return found


@pytest.mark.parametrize(
    ("said", "vouched"),
    [
        ("Please add a line to the team plan.", {"f-100", "ann@shop.example"}),
        ("What is in TEAM-PLAN.docx?", {"f-100", "ann@shop.example"}),
        ("Copy 'Budget 2024.xlsx' into the team plan", {"f-100", "f-200", "ann@shop.example"}),
        ("The team has a plan", set[str]()),
        ("the budget", set[str]()),
    ],
)
def test_a_record_is_vouched_for_by_the_name_that_the_user_calls_it(said: str, vouched: set[str]) -> None:
    found = files(said=said)
    values = ("f-100", "f-200", "f-300", "f-900", "ann@shop.example", "secret")
    assert {value for value in values if found.find(value).vouched} == vouched


def test_nobody_but_the_user_names_records() -> None:
    assert not files(trust=Trust.AGENT).find("f-100").vouched


def test_a_second_record_of_the_same_name_takes_the_vouching_away() -> None:
    twin = {"id": "f-666", "filename": "team plan", "content": ""}
    assert not files(twin).find("f-666").vouched
    assert not files(twin).find("f-100").vouched
    assert files(dict(FILES[0])).find("f-100").vouched  # the same record, read twice


def test_records_named_later_are_vouched_for_then() -> None:
    found = files(said="hello")
    assert not found.find("f-100").vouched
    found.add(Reading(source="user", content="I mean the team plan", label=Label(Trust.USER)))
    assert found.find("f-100").vouched


def test_what_the_agent_put_into_a_named_record_is_not_vouched_for() -> None:
    made = {"id": "f-400", "filename": "packing list", "content": "x", "owner": "eve@evil.example"}
    found = Readings()
    found.add(Reading(source="goal", content="Make a packing list", label=Label(Trust.USER)))
    given: dict[str, Any] = {"filename": "packing list", "owner": "eve@evil.example"}
    label = Label(Trust.VERIFIED_TOOL)
    found.add(Reading(source="create", content=made, label=label, marks=MARKS, given=given))
    assert found.find("f-400").vouched
    assert not found.find("eve@evil.example").vouched


def test_secret_fields_are_secret_and_untraced_values_as_confidential_as_anything_read() -> None:
    found = files()
    assert found.find("f-100").secrecy is Confidentiality.INTERNAL
    assert found.find("secret").secrecy is Confidentiality.SECRET
    assert found.find("made up").secrecy is Confidentiality.SECRET
    found = Readings()
    found.add(
        Reading(source="page", content="news", label=Label(Trust.EXTERNAL, confidentiality=Confidentiality.PUBLIC))
    )
    assert found.find("made up").secrecy is Confidentiality.PUBLIC


def test_a_tool_declares_its_labels() -> None:
    @tool(
        destinations=["to"],
        content=["body"],
        egress=True,
        confidentiality="secret",
        untrusted=["rows.note"],
        secret_fields=["rows.pin"],
        named_by=["rows.title"],
    )
    def send(to: str, body: str) -> None:
        """Send."""

    spec = send.spec
    assert (spec.destinations, spec.content, spec.egress) == (("to",), ("body",), True)
    assert spec.confidentiality is Confidentiality.SECRET
    assert spec.marks == Marks(untrusted=("rows.note",), secret=("rows.pin",), named_by=("rows.title",))


def send(to: str) -> None:
    """Send."""


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"destinations": ["too"]}, "destinations of tool send 'too' is not allowed: give its parameters: to"),
        ({"content": ["body"]}, "content of tool send 'body' is not allowed"),
        ({"destinations": "to"}, 'a list of names, such as ["to"]'),
        ({"confidentiality": "private"}, "give public, internal, confidential, secret"),
    ],
)
def test_labels_that_mean_nothing_are_refused(labels: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidValue) as error:
        tool(**labels)(send)
    assert said in str(error.value)


def test_a_spec_of_ones_own_is_held_to_the_same() -> None:
    with pytest.raises(InvalidValue, match="it has none"):
        ToolSpec(name="x", description="", parameters={}, run=print, destinations=("to",))


assert isinstance(tool(send), Tool)
