"""Memory as LangGraph's store: what its own store does, this one does, and it is there after a restart."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.store.base import GetOp, ListNamespacesOp, MatchCondition, PutOp, SearchOp
from langgraph.store.memory import InMemoryStore

from baton.core import InvalidValue, ManualClock, Trust
from baton.memory.store import LedgerStore


@pytest.fixture
def store(record_url: str) -> Iterator[LedgerStore]:
    made = LedgerStore(record_url)
    yield made
    made.close()


LABELS = st.sampled_from(["a", "A", "b", "a/b", "~", "ä_%"])
NAMESPACES = st.lists(LABELS, min_size=1, max_size=3).map(tuple)
KEYS = st.sampled_from(["k", "K", "l", "m/n"])
VALUES = st.dictionaries(
    st.sampled_from(["x", "y"]), st.integers(-2, 2) | st.text("pq", max_size=2) | st.none(), max_size=2
)
FILTERS = st.none() | st.dictionaries(
    st.sampled_from(["x", "y"]), st.integers(-2, 2) | st.fixed_dictionaries({"$ne": st.integers(-2, 2)}), max_size=1
)
OPERATIONS = st.lists(
    st.builds(PutOp, NAMESPACES, KEYS, st.none() | VALUES, st.none(), st.none())
    | st.builds(GetOp, NAMESPACES, KEYS)
    | st.builds(SearchOp, st.lists(LABELS, max_size=2).map(tuple), FILTERS, st.just(100), st.just(0)),
    max_size=8,
)


def told(results: list[Any]) -> list[Any]:
    """Results without times, and without the order of a search, which is each store's own."""
    found: list[Any] = []
    for one in results:
        many = isinstance(one, list)
        rows = [
            (i.namespace, i.key, sorted(i.value.items(), key=repr)) for i in (one if many else [one] if one else [])
        ]
        found.append(sorted(rows, key=repr))
    return found


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(batches=st.lists(OPERATIONS, max_size=4))
def test_it_answers_as_langgraphs_own_store(store: LedgerStore, batches: list[list[Any]]) -> None:
    for item in store.search((), limit=1000):
        store.delete(item.namespace, item.key)
    own = InMemoryStore()
    for batch in batches:
        assert told(store.batch(batch)) == told(own.batch(batch))
    names = {item.namespace for item in own.search((), limit=1000)}
    assert store.list_namespaces(limit=1000) == sorted(names)
    assert store.list_namespaces(max_depth=1, limit=1000) == sorted({name[:1] for name in names})
    wanted = MatchCondition("suffix", ("*", "a"))
    (mine,) = store.batch([ListNamespacesOp((wanted,), None, 1000, 0)])
    assert mine == sorted(name for name in names if len(name) > 1 and name[-1] == "a")


def test_put_get_delete_keep_times_and_pages(store: LedgerStore) -> None:
    for number in range(5):
        store.put(("docs",), f"k{number}", {"n": number})
    first = store.get(("docs",), "k1")
    store.put(("docs",), "k1", {"n": 10})
    again = store.get(("docs",), "k1")
    assert first and again and again.created_at == first.created_at and again.updated_at >= first.updated_at
    pages = [[item.key for item in store.search(("docs",), limit=2, offset=offset)] for offset in (0, 2, 4)]
    assert sorted(key for page in pages for key in page) == [f"k{n}" for n in range(5)] and [
        len(page) for page in pages
    ] == [2, 2, 1]
    store.delete(("docs",), "k1")
    assert store.get(("docs",), "k1") is None


def test_a_query_ranks_what_fits_first_and_leaves_out_what_is_not_indexed(store: LedgerStore) -> None:
    store.put(("docs", "en"), "one", {"text": "Lamps are sold in brass", "n": 1})
    store.put(("docs", "de"), "two", {"text": "Nothing about it", "n": 2})
    store.put(("docs",), "three", {"text": "Lamps again", "n": 3}, index=False)
    store.put(("docs",), "four", {"title": "x", "text": "lamps"}, index=["title"])
    found = store.search(("docs",), query="which lamps in brass")
    assert found[0].key == "one" and found[0].score
    assert {item.key for item in found[1:] if item.score is None} == {"two", "three", "four"}
    assert [item.key for item in store.search(("docs",), query="lamps", filter={"n": {"$gt": 1, "$lte": 3}})]


def test_items_expire_and_reading_puts_that_off(record_url: str) -> None:
    clock = ManualClock(1000.0)
    store = LedgerStore(record_url, ttl={"default_ttl": 10.0}, clock=clock)
    store.put(("s",), "k", {"text": "lamp"})
    store.put(("s",), "forever", {"text": "lamp"}, ttl=None)
    clock.advance(500)
    assert store.get(("s",), "k", refresh_ttl=False) is not None
    assert store.get(("s",), "k") is not None
    clock.advance(550)
    assert len(store.search(("s",), query="lamp")) == 2  # the read at 500 put it off; this one does again
    clock.advance(601)
    assert store.get(("s",), "k") is None
    assert [item.key for item in store.search(("s",), query="lamp")] == ["forever"]
    assert store.sweep_ttl() == 1 and store.sweep_ttl() == 0
    store.close()


def test_it_is_there_after_a_restart_and_tenants_share_nothing(record_url: str) -> None:
    first = LedgerStore(record_url)
    first.put(("s",), "k", {"text": "kept"})
    first.close()
    again, other = LedgerStore(record_url), LedgerStore(record_url, tenant="acme", trust=Trust.USER)
    item = again.get(("s",), "k")
    assert item is not None and item.value == {"text": "kept"}
    assert other.get(("s",), "k") is None
    assert other.search((), query="kept") == [] and other.list_namespaces() == []
    again.close()
    other.close()


async def test_it_serves_any_event_loop_at_once(store: LedgerStore) -> None:
    await asyncio.gather(*(store.aput(("s",), f"k{n}", {"n": n}) for n in range(20)))
    assert len(await store.asearch(("s",), limit=50)) == 20
    assert store.get(("s",), "k3") is not None  # and blocks no loop of its own


def test_what_cannot_be_kept_or_compared_is_refused(store: LedgerStore) -> None:
    with pytest.raises(InvalidValue, match="JSON"):
        store.put(("s",), "k", {"x": object()})
    store.put(("s",), "k", {"x": "word"})
    with pytest.raises(InvalidValue, match="a number"):
        store.search(("s",), filter={"x": {"$gt": 1}})
    with pytest.raises(InvalidValue, match=r"\$eq"):
        store.search(("s",), filter={"x": {"$like": "w"}})


def test_a_file_that_is_none_of_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("no database" * 1000)
    with pytest.raises(Exception, match="is no SQLite database"):
        LedgerStore(str(tmp_path / "x.db"))
