"""Counting tokens: exact where the ranks are there, a safe bound elsewhere, and never the network."""

import base64
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiktoken import Encoding, list_encoding_names

from baton.memory.tokens import BYTES, TiktokenCounter, TokenCounter, Utf8Bytes, counter

MERGES = [b"th", b"the", b" the", b"in", b"ing", b"\xc3\xa9", b"\xf0\x9f", b"99", "🙂".encode()]
SINGLE = {bytes([byte]): byte for byte in range(256)}
RANKS = SINGLE | {merge: 256 + rank for rank, merge in enumerate(MERGES)}
TINY = Encoding("tiny", pat_str=r" ?\w+|\s+|[^\w\s]+", mergeable_ranks=RANKS, special_tokens={"<|endoftext|>": 1000})

COUNTERS: list[TokenCounter] = [Utf8Bytes(), TiktokenCounter(TINY)]
TEXTS = st.text(st.characters() | st.sampled_from("0123456789abcdef the 🙂é👩‍👩‍👧\ud800\udc00"), max_size=200)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(blobpath: str) -> NoReturn:
        raise AssertionError(f"tiktoken reached for {blobpath}")

    monkeypatch.setattr("tiktoken.load.read_file", refuse)
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)


@pytest.mark.parametrize("text", ["", "the thing", "<|endoftext|>", "é🙂\ud800", "a" * 1000])
@pytest.mark.parametrize("counting", COUNTERS, ids=lambda one: one.name)
def test_counts_are_whole_and_repeatable(counting: TokenCounter, text: str) -> None:
    assert counting.count(text) == counting.count(text) <= len(text) * 4
    assert (counting.count(text) == 0) is (text == "")


def test_an_encoding_counts_its_own_tokens() -> None:
    counting = TiktokenCounter(TINY)
    assert (counting.name, counting.exact) == ("tiny", True)
    assert counting.count("the the") == 2
    assert counting.count("<|endoftext|>") == 13
    assert counting.count("🙂") == 1


def test_bytes_are_a_bound_and_say_so() -> None:
    counting = Utf8Bytes()
    assert (counting.name, counting.exact) == (BYTES, False)
    assert counting.count("é🙂a") == 7


@given(TEXTS)
def test_bytes_are_never_fewer_than_tokens(text: str) -> None:
    assert Utf8Bytes().count(text) >= TiktokenCounter(TINY).count(text)


@pytest.mark.parametrize("counting", COUNTERS, ids=lambda one: one.name)
@given(text=TEXTS, tokens=st.integers(-1, 60))
def test_a_cut_fits_and_loses_nothing(counting: TokenCounter, text: str, tokens: int) -> None:
    head, rest = counting.cut(text, tokens)
    assert head + text[rest:] == text
    assert counting.count(head) <= max(0, tokens)
    if counting.count(text) <= tokens:
        assert head == text


@pytest.mark.parametrize("counting", COUNTERS, ids=lambda one: one.name)
@given(text=TEXTS)
def test_cutting_on_and_on_comes_to_an_end(counting: TokenCounter, text: str) -> None:
    pieces: list[str] = []
    left = text
    while left:
        head, rest = counting.cut(left, 4)
        assert rest > 0
        pieces.append(head)
        left = left[rest:]
    assert "".join(pieces) == text


def test_a_long_text_of_long_tokens_is_cut_where_it_should_be() -> None:
    ranks = RANKS | {b" " * 2**power: 1000 + power for power in range(1, 8)}
    counting = TiktokenCounter(Encoding("wide", pat_str=r"\s+|\S+", mergeable_ranks=ranks, special_tokens={}))
    assert counting.cut(" " * 1000, 4)[1] == 4 * 128


def test_a_beginning_that_takes_more_tokens_by_itself_is_not_kept() -> None:
    ranks = SINGLE | {b"y\xf0": 1000, b"xy\xf0": 1001}
    counting = TiktokenCounter(Encoding("torn", pat_str=r"\S+", mergeable_ranks=ranks, special_tokens={}))
    assert (counting.count("xy🙂"), counting.count("xy")) == (4, 2)
    assert counting.cut("xy🙂", 1) == ("", 0)
    assert counting.cut("xy🙂", 2) == ("xy", 2)


@pytest.mark.parametrize("name", [*list_encoding_names(), "gpt-4o", "gpt-4", "some-local-model", "", None])
def test_without_ranks_bytes_are_counted(name: str | None, tmp_path: Path) -> None:
    assert counter(name, tmp_path).name == BYTES
    assert counter(name).name == BYTES


def test_ranks_that_were_tampered_with_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("9b5ad71b2ce5302211f9c61530b329a4922fc6a4", "fb374d419588a4632f3f557e76b4b70aebbca790"):
        (tmp_path / name).write_bytes(b"AA== 0\n")
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    assert counter("cl100k_base").name == counter("gpt-4o").name == BYTES
    assert len(list(tmp_path.iterdir())) == 2


def test_ranks_that_are_there_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Digest:
        def hexdigest(self) -> str:
            return "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"

    lines = [f"{base64.b64encode(token).decode()} {rank}" for token, rank in RANKS.items()]
    (tmp_path / "9b5ad71b2ce5302211f9c61530b329a4922fc6a4").write_text("\n".join(lines))

    def sha256(data: bytes) -> Digest:
        return Digest()

    monkeypatch.setattr("hashlib.sha256", sha256)
    counting = counter("gpt-4", tmp_path)
    assert (counting.name, counting.exact) == ("cl100k_base", True)
    assert counting.count("the the") == 2
