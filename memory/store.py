"""Memory as LangGraph knows it: a `BaseStore` whose items are facts of the ledger."""

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
    get_text_at_path,
    tokenize_path,
)

from baton.core import LOCAL_TENANT, Clock, FactId, InvalidValue, Label, Trust
from baton.ledger import Ledger, Transaction, items
from baton.ledger.items import StoredItem
from baton.memory.matching import fits_filter, namespace_fits
from baton.memory.service import Memory
from baton.memory.vectors import Embedder

T = TypeVar("T")

_MOST_RANKED = 1000


@dataclass(frozen=True)
class _Found:
    """What one operation found; `prolongs` says whether reading puts off when it expires."""

    result: Result
    read: Sequence[StoredItem] = ()
    prolongs: bool = False


class LedgerStore(BaseStore):
    """Keeps items in a ledger. It may be used from any thread and any event loop, and by many processes.

    What is put anew or deleted stays in the record as of its time, until it is forgotten. A search with a query ranks
    by words, and by vectors where there is an embedder; items that do not fit come last, without a score.

    Args:
        url: The ledger: a file's path, or `postgresql://user@host/name`.
        tenant: Whose items.
        trust: How far what is put here is trusted when agents recall it.
        ttl: Minutes after which items expire, and whether reading puts that off. Expired items are never returned.
        embedder: Makes vectors; None searches by words alone.
        clock: Where the time comes from; None is the machine's.

    Raises:
        LedgerError: if the ledger cannot be opened.
    """

    supports_ttl = True

    def __init__(
        self,
        url: str,
        *,
        tenant: str = LOCAL_TENANT,
        trust: Trust = Trust.AGENT,
        ttl: TTLConfig | None = None,
        embedder: Embedder | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.ttl_config = ttl
        self._tenant = tenant
        self._label = Label(trust)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="baton-store", daemon=True)
        self._thread.start()
        try:
            self._ledger = self._wait(Ledger.open(url, clock))
        except BaseException:
            self._stop()
            raise
        self._memory = Memory(self._ledger, embedder=embedder)

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Do all operations; reads see what was there before the writes of the same batch."""
        return self._wait(self._do(list(ops)))

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Do all operations; reads see what was there before the writes of the same batch."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._do(list(ops)), self._loop))

    def sweep_ttl(self) -> int:
        """Retire what has expired; how much."""
        return self._wait(self._sweep())

    def close(self) -> None:
        """Close the ledger."""
        self._memory.close()
        self._wait(self._ledger.close())
        self._stop()

    async def _sweep(self) -> int:
        return await self._ledger.write(lambda tx: items.sweep(tx, self._tenant))

    async def _do(self, ops: Sequence[Op]) -> list[Result]:
        found = [await self._answer(op) for op in ops]
        puts = {(op.namespace, op.key): op for op in ops if isinstance(op, PutOp)}
        read = [item for one in found if one.prolongs for item in one.read if item.ttl is not None]

        def change(tx: Transaction) -> None:
            items.prolong(tx, read)
            for op in puts.values():
                self._put(tx, op)

        if puts or read:
            await self._ledger.write(change)
        return [one.result for one in found]

    async def _answer(self, op: Op) -> _Found:
        if isinstance(op, GetOp):
            item = await self._ledger.read(lambda tx: items.get(tx, self._tenant, op.namespace, op.key))
            return _Found(None, (), False) if item is None else _Found(_shown(item), (item,), op.refresh_ttl)
        if isinstance(op, SearchOp):
            return await self._search(op)
        if isinstance(op, ListNamespacesOp):
            return _Found(await self._namespaces(op))
        if isinstance(op, PutOp):  # pyright: ignore[reportUnnecessaryIsInstance]
            return _Found(None)
        raise InvalidValue("operation", op, "a GetOp, PutOp, SearchOp or ListNamespacesOp")

    async def _search(self, op: SearchOp) -> _Found:
        known = await self._ledger.read(lambda tx: items.within(tx, self._tenant, op.namespace_prefix))
        known = [item for item in known if fits_filter(item.value, op.filter or {})]
        scores = await self._scores(op.query, known) if op.query else {}
        known.sort(key=lambda item: -scores.get(item.fact, 0.0))
        part = known[op.offset : op.offset + op.limit]
        return _Found([_scored(item, scores.get(item.fact)) for item in part], part, op.refresh_ttl)

    async def _scores(self, query: str, known: Sequence[StoredItem]) -> dict[FactId, float]:
        scopes = sorted({items.scope_of(item.namespace) for item in known})
        found = await self._memory.recall(query, scopes, _MOST_RANKED, tenant=self._tenant)
        return {one.fact.id: one.score for one in found}

    async def _namespaces(self, op: ListNamespacesOp) -> list[tuple[str, ...]]:
        known = await self._ledger.read(lambda tx: items.within(tx, self._tenant, ()))
        conditions = op.match_conditions or ()
        names = {item.namespace for item in known}
        fit = {name[: op.max_depth] for name in names if all(namespace_fits(one, name) for one in conditions)}
        return sorted(fit)[op.offset : op.offset + op.limit]

    def _put(self, tx: Transaction, op: PutOp) -> None:
        if op.value is None:
            items.delete(tx, self._tenant, op.namespace, op.key)
            return
        ttl = None if op.ttl is None else 60 * op.ttl
        text = _searched(op.value, op.index)
        items.put(tx, self._tenant, op.namespace, op.key, op.value, text=text, ttl=ttl, label=self._label)

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _searched(value: Mapping[str, Any], index: Any) -> str:
    """What a search looks at: all texts of the value, or those at the given paths; none where index is False."""
    if index is False:
        return ""
    if index is None:
        return "\n".join(_texts(value))
    return "\n".join(text for path in index for text in get_text_at_path(value, tokenize_path(path)))


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in cast("Mapping[str, Any]", value).values() for text in _texts(inner)]
    if isinstance(value, list | tuple):
        return [text for inner in cast("Sequence[Any]", value) for text in _texts(inner)]
    return [value] if isinstance(value, str) else []


def _shown(item: StoredItem) -> Item:
    made, put = datetime.fromtimestamp(item.created_at, UTC), datetime.fromtimestamp(item.updated_at, UTC)
    return Item(value=item.value, key=item.key, namespace=item.namespace, created_at=made, updated_at=put)


def _scored(item: StoredItem, score: float | None) -> SearchItem:
    made, put = datetime.fromtimestamp(item.created_at, UTC), datetime.fromtimestamp(item.updated_at, UTC)
    return SearchItem(item.namespace, item.key, item.value, made, put, score)
