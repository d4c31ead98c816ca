"""Texts as they are compared, and whether one stands in another as whole words."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import lru_cache, wraps
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

SHORTEST = 3
"""Characters below which a text is found everywhere by chance."""

_KEPT, _SHORT = 1024, 200  # results that are kept, and characters of the values that they are kept for
_COMMON_BELOW = 100
_LARGE = 10**15
_LONGEST_NUMBER = 40
_JOINERS = ".@-/+"  # a word behind one of these belongs to the same name: bob@shop.example is not bob@shop
_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_POINTED = re.compile(r"-?[0-9]+(?:[.,][0-9]+)+")
_SWAP = str.maketrans(".,", ",.")
_BLANK = str.maketrans(dict.fromkeys("\t\n\r\v\f\x1c\x1d\x1e\x1f", " "))
_APART = bytes(code if (chr(code).isalnum() and code < 128) or code == ord("_") else 32 for code in range(256))
_POINTS = b".,"
_SPACED = bytes(code if code in _POINTS else _APART[code] for code in range(256))
_NO_FIGURE = bytes(code if (chr(code).isdigit() and code < 128) or code in _POINTS else 32 for code in range(256))


def _kept(function: Callable[[T], R]) -> Callable[[T], R]:
    """`function` with its results for short values kept: a run judges the same names and numbers again and again."""
    known = lru_cache(maxsize=_KEPT, typed=True)(function)

    @wraps(function)
    def call(value: T) -> R:
        return function(value) if isinstance(value, str) and len(value) > _SHORT else known(value)

    return call


@_kept
def normalised(text: str) -> str:
    """`text` for comparing: NFKC, case folded, white space collapsed."""
    if not text.isascii():
        return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    text = text.lower().translate(_BLANK)
    while "  " in text:
        text = text.replace("  ", " ")
    return text.strip(" ")


@_kept
def pieces(text: str) -> Sequence[bytes]:
    """The runs of ASCII letters and figures in a normalised text.

    Where a text stands in another between word boundaries, its runs are runs of the other: with them most texts are
    ruled out without a search.
    """
    return tuple(text.encode("utf-8", "replace").translate(_APART).split())


def words_of(text: str) -> tuple[set[bytes], set[bytes]]:
    """The different runs of a normalised text, and those numbers in it that have a point or comma, without signs."""
    runs = set(text.encode("utf-8", "replace").translate(_SPACED).split())
    if "." not in text and "," not in text:
        return runs, set()
    pointed = [run for run in runs if b"." in run or b"," in run]
    rest = b" ".join(pointed)
    runs.difference_update(pointed)
    runs.update(rest.translate(_APART).split())
    return runs, {figure.strip(_POINTS) for figure in rest.translate(_NO_FIGURE).split()}


def is_pointed(text: str) -> bool:
    """Whether a normalised text is a number with a point or comma and nothing else."""
    return bool(_POINTED.fullmatch(text))


@_kept
def written(value: Any) -> Sequence[str]:
    """The ways a value is written in a text; none where it would be found by chance."""
    match value:
        case bool():
            return []
        case str():
            text = normalised(value)
            return [text] if len(text) >= SHORTEST and any(map(str.isalnum, text)) and not _is_common(text) else []
        case int() | float() if not _is_common(repr(value)):
            number = Decimal(repr(value))
            forms = {f"{number:{grouping}{places}f}" for grouping in ("", ",") for places in ("", ".2")}
            exact = {text for text in forms if Decimal(text.replace(",", "")) == number}
            return sorted(exact | {text.translate(_SWAP) for text in exact if "." in text})
        case _:
            return []


@_kept
def whole(value: Any) -> Sequence[str]:
    """The ways a value is written as a whole field, normalised."""
    match value:
        case bool():
            return [str(value).lower()]
        case int() | float() | str():
            text = normalised(str(value))
            number = numeric(value)
            return list({text, *_forms(number)} - {""}) if number is not None else [text] if text else []
        case _:
            return []


def same(value: Any, leaf: Any) -> bool:
    """Whether two leaves that are written alike mean the same: flags are no words, numbers go by their value."""
    if isinstance(value, bool) or isinstance(leaf, bool):
        return value is leaf
    mine, theirs = numeric(value), numeric(leaf)
    if mine is not None and theirs is not None:
        return mine == theirs
    return isinstance(value, str) and isinstance(leaf, str)


@_kept
def numeric(value: Any) -> Decimal | None:
    """The number that a leaf is or plainly spells; None for any other."""
    match value:
        case bool():
            return None
        case int():
            return Decimal(value)
        case float():
            return Decimal(repr(value))
        case str():
            text = normalised(value) if len(value) <= 2 * _LONGEST_NUMBER else ""
            return Decimal(text) if _is_number(text) else None
        case _:
            return None


def stands_at(text: str, start: int, end: int) -> bool:
    """Whether what stands in `text` from `start` to `end` begins and ends with word boundaries."""
    return not _goes_on(text[end : end + 2], text[end - 1]) and not _goes_on(
        text[max(0, start - 2) : start][::-1], text[start]
    )


def _forms(number: Decimal) -> set[str]:
    """How JSON values of this number are written, and how people do with two decimals."""
    if not number.is_finite():
        return set()
    forms = {f"{number:f}", repr(float(number))}
    if number == number.to_integral_value():
        forms |= {f"{number:.0f}", f"{number:.1f}"}
    if abs(number) < _LARGE and number == round(number, 2):
        forms |= {f"{number:.2f}"}
    return forms


def _is_number(text: str) -> bool:
    return len(text) <= _LONGEST_NUMBER and bool(_PLAIN_NUMBER.fullmatch(text))


def _is_common(text: str) -> bool:
    if not _is_number(text):
        return text in ("nan", "inf", "-inf")
    number = Decimal(text)
    return number == int(number) and abs(number) < _COMMON_BELOW


def _goes_on(beyond: str, edge: str) -> bool:
    """Whether the name or number whose last character is `edge` goes on in the two characters `beyond`."""
    if not beyond or not _is_word(edge):
        return False
    if _is_word(beyond[0]) or (beyond[0] == "-" and edge.isdigit()):
        return True
    joined = beyond[0] in _JOINERS or (beyond[0] == "," and edge.isdigit() and beyond[-1].isdigit())
    return joined and len(beyond) > 1 and _is_word(beyond[1])


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
