"""A process that works on a ledger and kills itself with SIGKILL at a named place, for tests of crashes."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from baton import Agent, Baton, Resource, tool
from baton.core import Conflict
from baton.graph import advance
from baton.ledger import Ledger, reservations, reviews

LEASE_SECONDS = 0.3
"""Short, so that a successor need not wait long."""

HELD_SECONDS = 0.1

PRESS = Resource("press")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def delivered(outbox: Path) -> list[str]:
    """The keys under which something was delivered, each time that it was."""
    return outbox.read_text().split() if outbox.exists() else []


def deliver(outbox: Path, key: str, *, keyed: bool) -> None:
    """Deliver; a keyed target takes each key once."""
    if keyed and key in delivered(outbox):
        return
    with outbox.open("a") as file:
        file.write(f"{key}\n")
        file.flush()
        os.fsync(file.fileno())


def agent(outbox: Path, kind: str, place: str = "never", policy: str = "allow-all") -> Agent:
    """An agent with one tool.

    Args:
        outbox: Where the tool delivers.
        kind: What the tool promises of itself: `repeatable`, `reconcilable`, or nothing (`dumb`); `held` is
            reconcilable, can be recalled for a moment, and needs a resource; `asked` needs one too.
        place: Where the process dies: `before the effect`, `after the effect`, `after commit N`, or `never`.
        policy: What may happen.
    """

    def reconcile(key: str) -> str | None:
        return "delivered, says the outbox" if key in delivered(outbox) else None

    kinds: dict[str, dict[str, Any]] = {
        "repeatable": {"repeatable": True},
        "reconcilable": {"reconcile": reconcile},
        "dumb": {},
        "held": {"reconcile": reconcile, "recall": HELD_SECONDS, "needs": ["press"]},
        "asked": {"reconcile": reconcile, "needs": ["press"]},
    }
    settings = kinds[kind]

    async def send(*, key: str) -> str:
        """Deliver."""
        if place == "before the effect":
            die()
        deliver(outbox, key, keyed=kind == "repeatable")
        if place == "after the effect":
            die()
        return "delivered"

    return Agent("clerk", tools=[tool(**settings)(send)], policy=policy)


def work(database: Path, outbox: Path, kind: str, place: str, url: str) -> None:
    """Work until every run has settled, or until the place is reached; the main function of a process."""
    os.environ["OPENAI_BASE_URL"] = url
    asyncio.run(_work(database, outbox, kind, place))


def decide(database: str, outbox: Path, policy: Path, commits: int, url: str) -> None:
    """Give back what bob has, answer what is asked (the policy's folder has `no` for a no), and die after so many
    commits; the main function of a process.
    """
    os.environ["OPENAI_BASE_URL"] = url
    asyncio.run(_decide(database, outbox, policy, commits))


async def _decide(database: str, outbox: Path, policy: Path, commits: int) -> None:
    advance.LEASE_SECONDS = LEASE_SECONDS
    clerk = agent(outbox, "asked", policy=str(policy))
    async with Baton(agents=[clerk], database=database, resources=[PRESS]) as baton:
        if commits:
            die_after(baton.ledger, commits)
        (run,) = await baton.runs()
        for one in await baton.shared.reservations():
            if one.by == "bob":  # once the run waits for it
                await baton.until(lambda tx: any(each.waits for each in reservations.listed(tx)) or None)
                await baton.shared.give_back(one.number, by="bob")
        answered = asyncio.ensure_future(_answered(baton, "no" in policy.stem))
        await (await baton.open(run.id)).result()
        answered.cancel()


async def _answered(baton: Baton, no: bool) -> None:
    """Say yes or no to what is asked, whoever has said so before."""
    while True:
        (review,) = await baton.until(lambda tx: reviews.waiting(tx) or None)
        with contextlib.suppress(Conflict):
            await (baton.reject(review.id, "no", by="ann") if no else baton.approve(review.id, by="ann"))


def submit(database: Path) -> None:
    """Submit and send a message, then die; the main function of a process."""

    async def main() -> None:
        async with Baton(agents=[Agent("clerk")], database=database, dispatch=False) as baton:
            run = await baton.submit("send twice", key="k")
            await run.message("hello")
            die()

    asyncio.run(main())


async def _work(database: Path, outbox: Path, kind: str, place: str) -> None:
    advance.LEASE_SECONDS = LEASE_SECONDS
    async with Baton(agents=[agent(outbox, kind, place)], database=database, resources=[PRESS]) as baton:
        if place.startswith("after commit "):
            die_after(baton.ledger, int(place.removeprefix("after commit ")))
        for run in await baton.runs():
            handle = await baton.open(run.id)
            await (handle.result() if kind == "held" else handle.settled())


def die_after(ledger: Ledger, number: int) -> None:
    """Die right behind the `number`-th transaction that the ledger commits, before anybody is told."""
    database, count = ledger.database, 0
    writing: Callable[[], Any] = database.writing

    class Counted:
        def __enter__(self) -> Any:
            self.inner = writing()
            return self.inner.__enter__()

        def __exit__(self, *error: Any) -> Any:
            nonlocal count
            done = self.inner.__exit__(*error)
            count += 1
            if count == number:
                die()
            return done

    database.writing = Counted  # type: ignore[method-assign]
