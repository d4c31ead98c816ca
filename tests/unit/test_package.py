"""Packing contexts: never over the budget, whole items only, everything accounted for."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiktoken import Encoding

from baton.core import ChatMessage, InvalidValue
from baton.memory.package import (
    Dropped,
    Item,
    Package,
    Section,
    message_tokens,
    pack,
    pack_request,
    text_tokens,
    turns_dropped,
)
from baton.memory.tokens import TiktokenCounter, TokenCounter, Utf8Bytes

COUNTER = Utf8Bytes()


def item(id: str, tokens: int, priority: float = 0, pinned: bool = False) -> Item[str]:
    return Item(id=id, content=id, tokens=tokens, priority=priority, pinned=pinned)


def test_items_go_in_by_priority_and_stand_in_their_order() -> None:
    facts = Section(name="facts", items=(item("a", 4, 1), item("b", 4, 3), item("c", 9, 2), item("d", 2, 1)))
    package = pack([Section(name="head", items=(item("pin", 3, pinned=True),)), facts], 13, "c")
    assert package.contents == ("pin", "a", "b", "d")
    head, rest = package.manifest.parts
    assert (head.kept, rest.kept, rest.tokens, package.manifest.total) == (("pin",), ("a", "b", "d"), 10, 13)
    assert rest.dropped == (Dropped("c", "no room"),)


def test_a_section_keeps_to_its_quota() -> None:
    facts = Section(name="facts", items=(item("a", 4), item("b", 4), item("c", 1)), quota=6)
    package = pack([facts, Section(name="rest", items=(item("d", 4),))], 100, "c")
    assert package.contents == ("a", "c", "d")
    assert package.manifest.part("facts").dropped == (Dropped("b", "facts is full"),)
    assert package.manifest.part("nothing").kept == ()


def test_pinned_items_over_the_budget_are_an_error_that_says_what_it_takes() -> None:
    with pytest.raises(InvalidValue, match="at least 11"):
        pack([Section(name="a", items=(item("x", 5, pinned=True), item("y", 6, pinned=True)))], 10, "c")


ITEMS = st.lists(st.tuples(st.integers(0, 50), st.floats(-3, 3), st.booleans()), max_size=12)


@given(st.lists(st.tuples(ITEMS, st.none() | st.integers(0, 100)), max_size=4), st.integers(0, 300))
def test_a_package_never_exceeds_its_budget(shapes: list[Any], budget: int) -> None:
    sections = [
        Section(name=str(at), items=tuple(item(f"{at}.{n}", *one) for n, one in enumerate(items)), quota=quota)
        for at, (items, quota) in enumerate(shapes)
    ]
    every = [one for section in sections for one in section.items]
    if sum(one.tokens for one in every if one.pinned) > budget:
        with pytest.raises(InvalidValue):
            pack(sections, budget, "c")
        return
    package = pack(sections, budget, "c")
    kept = [one for one in every if one.id in package.contents]
    assert package.manifest.total == sum(one.tokens for one in kept) <= budget
    parts = package.manifest.parts
    assert tuple(one.id for one in kept) == package.contents == tuple(id for part in parts for id in part.kept)
    assert {one.id for one in every} == {*package.contents, *(one.id for part in parts for one in part.dropped)}
    assert all(one.id in package.contents for one in every if one.pinned)
    assert package == pack(sections, budget, "c")


def call(*ids: str) -> ChatMessage:
    calls = [{"id": id, "type": "function", "function": {"name": "find", "arguments": "{}"}} for id in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def answer(id: str, text: str = "found") -> ChatMessage:
    return {"role": "tool", "tool_call_id": id, "content": text}


def say(role: str, text: str) -> ChatMessage:
    return {"role": role, "content": text}


OPENING = [say("system", "You are a desk."), say("user", "Refund order A-1.")]
TURNS = [
    [call("c1", "c2"), answer("c1"), answer("c2")],
    [say("assistant", "Which one?")],
    [say("user", "The lamp.")],
    [call("c3"), answer("c3")],
]
CHAT = [*OPENING, *(message for turn in TURNS for message in turn)]
NOTICE = say("system", "(3 earlier messages are left out here for want of room.)")


def render(kept: Mapping[str, Sequence[str]]) -> ChatMessage:
    return say("user", "\n".join(f"{name}: {text}" for name, texts in kept.items() for text in texts))


def texts(name: str, *said: str, quota: int | None = None, priority: float = 0, counter: TokenCounter = COUNTER) -> Any:
    items = [
        Item(id=str(at), content=one, tokens=text_tokens(one, counter), priority=priority - at / 1000)
        for at, one in enumerate(said)
    ]
    return Section(name=name, items=tuple(items), quota=quota)


def cost(messages: Sequence[ChatMessage], counter: TokenCounter = COUNTER) -> int:
    return sum(message_tokens(message, counter) for message in messages)


def request(budget: int, *beside: Section[str], turns: Any = TURNS) -> Package[ChatMessage]:
    return pack_request(OPENING, turns, beside, render, budget, COUNTER)


def test_a_request_that_fits_is_left_alone() -> None:
    package = request(cost(CHAT))
    assert list(package.contents) == CHAT
    manifest = package.manifest
    assert (manifest.total, turns_dropped(manifest)) == (cost(CHAT), (0, False))
    assert manifest.counter == "utf8-bytes-upper-bound"
    assert manifest.part("intent").kept == ("0:system", "1:user")
    assert (manifest.part("turns").kept, manifest.part("turns").dropped) == (("1-4",), ())


def test_the_oldest_turns_go_whole_and_a_notice_stands_for_them() -> None:
    package = request(cost(CHAT) - 1)
    assert list(package.contents) == [*OPENING, NOTICE, *CHAT[5:]]
    assert package.manifest.total == cost(package.contents)
    assert package.manifest.part("turns").dropped == (Dropped("1", "older than there is room for"),)
    assert package.manifest.part("turns").kept == ("notice", "2-4")


def test_what_must_stay_stays_even_without_room_for_a_notice() -> None:
    must = [*OPENING, *TURNS[-1]]
    package = request(cost(must))
    assert (list(package.contents), turns_dropped(package.manifest)) == (must, (3, False))
    with pytest.raises(InvalidValue, match=f"at least {cost(must)}"):
        request(cost(must) - 1)


def test_what_stands_beside_the_conversation_comes_before_its_last_turn() -> None:
    package = request(10_000, texts("plan", "look, then pay"), texts("facts", "a", "b"))
    note = say("user", "plan: look, then pay\nfacts: a\nfacts: b")
    assert list(package.contents) == [*CHAT[:-2], note, *CHAT[-2:]]
    assert [part.name for part in package.manifest.parts] == ["intent", "turns", "plan", "facts"]
    assert list(request(10_000, texts("plan", "p"), turns=[]).contents) == [*OPENING, say("user", "plan: p")]


def test_a_section_beside_the_conversation_keeps_to_its_quota_and_older_turns_give_way_to_it() -> None:
    full = texts("facts", "x" * 40, "y" * 40, "z" * 40, quota=90)
    package = request(cost(CHAT) + 130, full)
    assert package.manifest.part("facts").kept == ("0", "1")
    assert package.manifest.part("facts").dropped == (Dropped("2", "facts is full"),)
    package = request(cost(CHAT), full)
    assert package.manifest.part("facts").kept == ("0", "1")
    assert turns_dropped(package.manifest)[0] > 0
    assert package.manifest.total == cost(package.contents) <= cost(CHAT)


def test_what_matters_least_goes_where_the_whole_takes_more_than_its_parts() -> None:
    must = cost([*OPENING, *TURNS[-1]])
    sections = (texts("plan", "p" * 60, priority=2), texts("facts", "f" * 60, priority=1))
    package = request(must + sum(item.tokens for one in sections for item in one.items), *sections)
    assert (package.manifest.part("plan").kept, package.manifest.part("facts").kept) == (("0",), ())
    assert package.manifest.part("facts").dropped == (Dropped("0", "no room"),)
    assert package.manifest.total == cost(package.contents)


def test_an_empty_request_is_packed() -> None:
    assert pack_request([], [], [], render, 0, COUNTER).contents == ()


MERGES = [b"th", b"the", b" the", b'":', b"99", b"\xf0\x9f", "🙂".encode()]
TINY = Encoding(
    "tiny",
    pat_str=r" ?\w+|\s+|[^\w\s]+",
    mergeable_ranks={bytes([byte]): byte for byte in range(256)} | {one: 256 + at for at, one in enumerate(MERGES)},
    special_tokens={"<|endoftext|>": 1000},
)
COUNTERS = [Utf8Bytes(), TiktokenCounter(TINY)]
CHARACTERS = st.characters() | st.sampled_from('0123456789abcdef the 🙂👩\u200d👧\ud800"\\\n')
HARD = ["<|endoftext|>", "deadbeef" * 12, "def f(x):\n    return x[0]\n", "</facts>", "🙂" * 30, "日本語" * 10]
WORDS = st.text(CHARACTERS, max_size=60) | st.sampled_from(HARD)


@st.composite
def conversations(draw: st.DrawFn) -> list[list[ChatMessage]]:
    turns: list[list[ChatMessage]] = []
    for turn in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(["user", "assistant", "calls"]))
        if kind != "calls":
            turns.append([say(kind, draw(WORDS))])
            continue
        names = [f"{turn}.{n}" for n in range(draw(st.integers(1, 3)))]
        turns.append([call(*names), *(answer(name, draw(WORDS)) for name in names)])
    return turns


BESIDE = st.lists(st.tuples(st.lists(WORDS, max_size=5), st.none() | st.integers(0, 400)), max_size=4)


@pytest.mark.parametrize("counter", COUNTERS, ids=lambda one: one.name)
@given(st.lists(WORDS, max_size=2), conversations(), BESIDE, st.integers(0, 4000))
def test_a_request_never_exceeds_its_budget_and_all_of_it_is_accounted_for(
    counter: TokenCounter, opening: list[str], turns: list[list[ChatMessage]], beside: Any, budget: int
) -> None:
    first = [say("system", one) for one in opening]
    sections = [
        texts(str(at), *said, quota=quota, priority=-at, counter=counter) for at, (said, quota) in enumerate(beside)
    ]
    must = cost([*first, *(turns[-1] if turns else [])], counter)
    if must > budget:
        with pytest.raises(InvalidValue, match=f"at least {must}"):
            pack_request(first, turns, sections, render, budget, counter)
        return
    package = pack_request(first, turns, sections, render, budget, counter)
    contents, manifest = list(package.contents), package.manifest
    assert cost(contents, counter) == manifest.total <= budget
    gone, notice = turns_dropped(manifest)
    assert contents[: len(first)] == first
    body = contents[len(first) + notice :]
    if any(part.kept for part in manifest.parts[2:]):
        body.pop(-len(turns[-1]) - 1 if turns else -1)
    assert body == [message for turn in turns[gone:] for message in turn]
    for section, part in zip(sections, manifest.parts[2:], strict=True):
        assert {*part.kept, *(one.id for one in part.dropped)} == {item.id for item in section.items}
        assert section.quota is None or part.tokens <= section.quota
    assert not notice or gone
    assert package == pack_request(first, turns, sections, render, budget, counter)
