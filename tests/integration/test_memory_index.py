"""The keyword index over a real file."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baton.core import LedgerError
from baton.memory.index import Entry, KeywordIndex

ENTRIES = [
    Entry(id="f1", scope="desk", text="The customer was refunded for a broken lamp."),
    Entry(id="f2", scope="desk", text="Order A-1023 holds two lamps.", neighbour="How many lamps were ordered?"),
    Entry(id="f3", scope="desk", text="Two, in brass.", neighbour="How many mirrors were refunded?"),
    Entry(id="f4", scope="other", text="A lamp, a lamp, a lamp."),
]


@pytest.fixture
def index(tmp_path: Path) -> Iterator[KeywordIndex]:
    made = KeywordIndex(tmp_path / "keywords.db")
    made.put(ENTRIES)
    yield made
    made.close()


def ids(index: KeywordIndex, query: str, *scopes: str, k: int = 10) -> list[str]:
    return [hit.id for hit in index.search(query, [("local", scope) for scope in scopes or ("desk",)], k)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("refunding", ["f1", "f3"]),  # stemmed; a neighbour counts less
        ("mirror", ["f3"]),
        ("what was the brass of it", ["f3"]),  # "was" and "the" are in f1, yet say nothing
        ("a-1023", ["f2"]),
        ("find_brass", ["f3"]),
        ("zebra", []),
        ("", []),
        ("the", ["f1"]),
    ],
)
def test_words_find_entries(index: KeywordIndex, query: str, found: list[str]) -> None:
    assert ids(index, query) == found


def test_better_matches_come_first_with_a_score_above_nothing(index: KeywordIndex) -> None:
    scores = [hit.score for hit in index.search("brass mirrors refunded", [("local", "desk")], 10)]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) > 0
    assert ids(index, "refunded lamps", k=1) == ["f1"]


def test_only_the_scopes_asked_for_are_searched(index: KeywordIndex) -> None:
    assert "f4" not in ids(index, "lamp")
    assert ids(index, "lamp", "other") == ["f4"]
    assert set(ids(index, "lamp", "other", "desk")) == {"f1", "f2", "f4"}
    assert index.search("lamp", [], 10) == []
    assert ids(index, "lamp", "desk') or 1=1 --") == []


def test_adding_replaces_and_removing_forgets(index: KeywordIndex) -> None:
    index.put([Entry(id="f1", scope="desk", text="Nothing of the kind.")])
    assert ids(index, "broken") == []
    assert ids(index, "kind") == ["f1"]
    index.put([], ["f1"])
    index.put([], ["f1"])
    assert ids(index, "kind") == []
    assert len(index) == 3


def test_it_follows_from_where_it_is_and_from_nowhere_else(index: KeywordIndex) -> None:
    assert index.mark(7) is None and len(index) == 0  # what was there came from no ledger of this origin
    assert index.apply(ENTRIES, [], seen=None, now=(0, 4))
    assert not index.apply([], ["f1"], seen=None, now=(0, 5))
    assert index.mark(7) == (0, 4) and ids(index, "broken") == ["f1"]
    assert index.apply([], ["f1"], seen=(0, 4), now=(0, 5))
    assert index.mark(7) == (0, 5) and ids(index, "broken") == []
    assert index.mark(8) is None and index.ids() == set()


def test_only_what_is_true_and_not_expired_is_found(index: KeywordIndex) -> None:
    index.put([Entry(id="t", scope="desk", text="zebra", begins=10.0, ends=20.0, expires=30.0)])

    def found(at: float, now: float) -> bool:
        return bool(index.search("zebra", [("local", "desk")], 5, at=at, now=now))

    assert [found(at, 0) for at in (9, 10, 19, 20)] == [False, True, True, False]
    assert [found(15, now) for now in (29, 30)] == [True, False]


def test_another_tenant_finds_nothing(index: KeywordIndex) -> None:
    assert index.search("lamp", [("acme", "desk")], 10) == []


def test_what_was_removed_is_in_no_file_once_it_is_scrubbed(index: KeywordIndex, tmp_path: Path) -> None:
    index.put([Entry(id="s", scope="desk", text="Xylophonic", neighbour="Quixotically")])
    index.put([], ["s"])
    index.scrub()
    held = b"".join(file.read_bytes() for file in tmp_path.iterdir()).lower()
    assert b"xylophon" not in held and b"quixotic" not in held and b"lamp" in held


def test_it_is_there_when_opened_again_in_wal_mode(index: KeywordIndex, tmp_path: Path) -> None:
    index.close()
    again = KeywordIndex(tmp_path / "keywords.db")
    assert ids(again, "mirror") == ["f3"]
    with sqlite3.connect(tmp_path / "keywords.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    again.close()


def test_a_file_left_half_made_is_made_again(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "keywords.db") as connection:
        connection.execute("CREATE TABLE entry (id TEXT)")
    connection.close()
    index = KeywordIndex(tmp_path / "keywords.db")
    index.put([ENTRIES[0]])
    assert ids(index, "lamp") == ["f1"]


def test_a_file_of_another_kind_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "keywords.db").write_text("this is no database, whatever its name says" * 100)
    with pytest.raises(LedgerError, match="delete it, and it is made again"):
        KeywordIndex(tmp_path / "keywords.db")
    with pytest.raises(LedgerError, match="unable to open"):
        KeywordIndex(tmp_path / "nowhere" / "keywords.db")


def test_several_threads_share_it(index: KeywordIndex) -> None:
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for count in range(20):
                index.put([Entry(id=f"{number}.{count}", scope="desk", text=f"thread{number} wrote this")])
                assert len(ids(index, f"thread{number}", k=100)) == count + 1
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(index) == len(ENTRIES) + 60


QUERIES = st.text(st.characters() | st.sampled_from('"*():^-+.{}\\ \0\ud800')) | st.sampled_from(
    ["NEAR(a b)", 'a AND "', "NOT", "text:lamp", "lamp*", "-lamp", "^lamp", "a OR", "x" * 100_000, "w " * 100_000]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(query=QUERIES, text=QUERIES)
def test_no_query_and_no_text_is_a_syntax_error(index: KeywordIndex, query: str, text: str) -> None:
    index.put([Entry(id="any", scope="desk", text=text, neighbour=text)])
    index.search(query, [("local", "desk")], 5)


def test_many_words_are_taken(index: KeywordIndex) -> None:
    assert ids(index, "brass " + " ".join(f"word{number}" for number in range(5000))) == ["f3"]
