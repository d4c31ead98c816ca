"""Packing contexts: never over the budget, whole items only, everything accounted for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.core import ChatMessage, InvalidValue
from baton.memory.package import Dropped, Item, Section, message_tokens, pack, pack_chat
from baton.memory.tokens import Utf8Bytes

COUNTER = Utf8Bytes()


def item(id: str, tokens: int, priority: float = 0, pinned: bool = False) -> Item[str]:
    return Item(id=id, content=id, tokens=tokens, priority=priority, pinned=pinned)


def test_items_go_in_by_priority_and_stand_in_their_order() -> None:
    facts = Section(name="facts", items=(item("a", 4, 1), item("b", 4, 3), item("c", 9, 2), item("d", 2, 1)))
    package = pack([Section(name="head", items=(item("pin", 3, pinned=True),)), facts], 13, "c")
    assert package.contents == ("pin", "a", "b", "d")
    assert (package.manifest.kept, package.manifest.total) == (("pin", "a", "b", "d"), 13)
    assert package.manifest.dropped == (Dropped("c", "no room"),)


def test_a_section_keeps_to_its_quota() -> None:
    facts = Section(name="facts", items=(item("a", 4), item("b", 4), item("c", 1)), quota=6)
    package = pack([facts, Section(name="rest", items=(item("d", 4),))], 100, "c")
    assert package.contents == ("a", "c", "d")
    assert package.manifest.dropped == (Dropped("b", "facts is full"),)


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
    assert tuple(one.id for one in kept) == package.contents == package.manifest.kept
    assert {one.id for one in every} == {*package.contents, *(one.id for one in package.manifest.dropped)}
    assert all(one.id in package.contents for one in every if one.pinned)
    assert package == pack(sections, budget, "c")


def call(*ids: str) -> ChatMessage:
    calls = [{"id": id, "type": "function", "function": {"name": "find", "arguments": "{}"}} for id in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def answer(id: str, text: str = "found") -> ChatMessage:
    return {"role": "tool", "tool_call_id": id, "content": text}


def say(role: str, text: str) -> ChatMessage:
    return {"role": role, "content": text}


CHAT = [
    say("system", "You are a desk."),
    say("user", "Refund order A-1."),
    call("c1", "c2"),
    answer("c1"),
    answer("c2"),
    say("assistant", "Which one?"),
    say("user", "The lamp."),
    call("c3"),
    answer("c3"),
]


def cost(messages: list[ChatMessage]) -> int:
    return sum(message_tokens(message, COUNTER) for message in messages)


def test_a_chat_that_fits_is_left_alone() -> None:
    package = pack_chat(CHAT, cost(CHAT), COUNTER)
    assert list(package.contents) == CHAT
    assert (package.manifest.total, package.manifest.dropped) == (cost(CHAT), ())
    assert package.manifest.counter == "utf8-bytes-upper-bound"


def test_the_oldest_turns_go_whole_and_a_notice_stands_for_them() -> None:
    package = pack_chat(CHAT, cost(CHAT) - 1, COUNTER)
    notice = say("system", "(3 earlier messages are left out here for want of room.)")
    assert list(package.contents) == [*CHAT[:2], notice, *CHAT[5:]]
    assert package.manifest.total == cost(list(package.contents))
    assert [one.id for one in package.manifest.dropped] == ["2", "3", "4"]
    assert package.manifest.kept == ("0", "1", "5", "6", "7", "8")


def test_what_must_stay_stays_even_without_room_for_a_notice() -> None:
    must = [*CHAT[:2], *CHAT[7:]]
    assert list(pack_chat(CHAT, cost(must), COUNTER).contents) == must
    with pytest.raises(InvalidValue, match=f"at least {cost(must)}"):
        pack_chat(CHAT, cost(must) - 1, COUNTER)


def test_answers_that_come_late_belong_to_their_call() -> None:
    chat = [say("user", "go"), call("c1"), say("user", "hurry"), answer("c1"), say("user", "well?")]
    package = pack_chat(chat, cost(chat) - 1, COUNTER)
    notice = say("system", "(2 earlier messages are left out here for want of room.)")
    assert list(package.contents) in ([chat[0], notice, chat[2], chat[4]], [chat[0], chat[4]])


def test_an_empty_chat_is_packed() -> None:
    assert pack_chat([], 0, COUNTER).contents == ()


@st.composite
def chats(draw: st.DrawFn) -> list[ChatMessage]:
    words = st.text(st.characters() | st.sampled_from("0123456789abcdef🙂👩‍👩‍👧\ud800"), max_size=60)
    chat = [say("system", draw(words)) for _ in range(draw(st.integers(0, 2)))]
    for turn in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(["user", "assistant", "calls"]))
        if kind != "calls":
            chat.append(say(kind, draw(words)))
            continue
        names = [f"{turn}.{n}" for n in range(draw(st.integers(1, 3)))]
        chat += [call(*names), *(answer(name, draw(words)) for name in names)]
    return chat


@given(chats(), st.integers(0, 3000))
def test_a_packed_chat_fits_keeps_its_turns_whole_and_drops_the_oldest(chat: list[ChatMessage], budget: int) -> None:
    try:
        package = pack_chat(chat, budget, COUNTER)
    except InvalidValue:
        must = [message for at, message in enumerate(chat) if message["role"] in ("system",) or at == len(chat) - 1]
        assert cost(chat) > budget or cost(must) > budget
        return
    contents = list(package.contents)
    assert cost(contents) == package.manifest.total <= budget
    kept = [int(at) for at in package.manifest.kept]
    gone = [int(one.id) for one in package.manifest.dropped]
    assert sorted(kept + gone) == list(range(len(chat)))
    assert [message for message in contents if message in chat] == [chat[at] for at in kept]
    called = {one["id"] for message in contents for one in message.get("tool_calls") or ()}
    assert called == {message["tool_call_id"] for message in contents if message["role"] == "tool"}
    if gone:
        goal = next(at for at, message in enumerate([*chat, say("user", "")]) if message["role"] == "user")
        older = [at for at in range(max(gone)) if chat[at]["role"] != "system" and at != goal]
        assert set(older) <= set(gone)
