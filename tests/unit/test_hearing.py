"""A client is given each part of a text once, whatever the stream does, and in the end all of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.server.hearing import Hearing

CASES: list[tuple[str, list[str], str, str]] = [
    ("as it comes", ["a", "b", "c"], "abc", "abc"),
    ("nothing came", [], "abc", "abc"),
    ("the end was lost", ["a", "b"], "abc", "abc"),
    ("it began again with the same", ["a", "b", "", "a", "b", "c"], "abc", "abc"),
    ("it began again, and goes on elsewhere", ["a", "b", "", "a", "x", "y"], "axy", "ab\n\naxy"),
    ("it began again, shorter", ["a", "b", "", "a"], "a", "ab\n\na"),
    ("white space alone is nothing yet", [" ", "\n", "a"], " \na", " \na"),
]


@pytest.mark.parametrize(("pieces", "whole", "given_"), [one[1:] for one in CASES], ids=[one[0] for one in CASES])
def test_what_is_given(pieces: list[str], whole: str, given_: str) -> None:
    hearing = Hearing()
    assert "".join([*map(hearing.piece, pieces), hearing.whole(whole)]) == given_


@given(st.lists(st.text("ab \n", min_size=1, max_size=3), min_size=1, max_size=8), st.data())
def test_a_client_that_comes_back_has_the_text_once(pieces: list[str], data: st.DataObject) -> None:
    whole = "".join(pieces)
    first = Hearing()
    had = "".join(first.piece(piece) for piece in pieces[: data.draw(st.integers(0, len(pieces)))])
    assert first.given == len(had)
    again = Hearing(first.given)
    heard = pieces[: data.draw(st.integers(0, len(pieces)))]
    assert had + "".join(again.piece(piece) for piece in heard) + again.whole(whole) == whole
