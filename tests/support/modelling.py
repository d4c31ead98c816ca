"""State machines over a record: two processes have it open, and may die in the middle of what they do, or dawdle."""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Future, wait
from typing import Any, ClassVar, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from baton.core import ManualClock
from baton.ledger import Ledger, Transaction, Work
from baton.ledger.gathering import Question

T = TypeVar("T")
U = TypeVar("U")

PICKS = st.integers(0, 10_000)
"""Which of what there is: taken modulo how many there are."""

_MOMENT = 0.03  # seconds in which a process that nothing holds up is done


class Killed(Exception):
    """A process is gone in the middle of its work."""


class Process(Ledger):
    """A process that meets with something in each transaction: when its work is done, and not committed yet."""

    def __init__(self, whole: Ledger, meets: Callable[[], object]) -> None:
        self.database, self.clock, self._whole, self._meets = whole.database, whole.clock, whole, meets

    def post(self, work: Work[T], *given: Any, **how: Any) -> "asyncio.Future[T]":
        def met(tx: Transaction) -> T:
            value = work(tx)
            tx.flush()
            self._meets()
            return value

        return self._whole.post(met, *given, **how)

    async def read(self, work: Work[T]) -> T:
        return await self._whole.read(work)

    async def ask(self, questions: Sequence[Question]) -> list[list[Any]] | None:
        return await self._whole.ask(questions)


class RecordMachine(RuleBasedStateMachine):
    """A record, new for each example, that one process has open `here` and another one `there`."""

    new_record: ClassVar[Callable[[], str]]

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock()
        self.number = itertools.count()
        self.runner = asyncio.Runner()
        url = type(self).new_record()
        self.here, self.there = (self.runner.run(Ledger.open(url, self.clock)) for _ in range(2))
        self.dying = Process(self.here, _die)

    def teardown(self) -> None:
        for ledger in (self.here, self.there):
            self.runner.run(ledger.close())
        self.runner.close()

    def act(self, does: Callable[[Ledger], Awaitable[T]]) -> T:
        """What somebody does, after somebody else who did the same has died of it before it was committed."""
        with contextlib.suppress(Killed):
            self.runner.run(_awaited(does, self.dying))
        return self.do(does)

    def do(self, does: Callable[[Ledger], Awaitable[T]]) -> T:
        return self.runner.run(_awaited(does, self.here))

    def write(self, work: Work[T]) -> T:
        return self.act(lambda ledger: ledger.write(work))

    def read(self, work: Work[T]) -> T:
        return self.runner.run(self.here.read(work))

    def at_once(self, *all_do: Callable[[], Awaitable[Any]]) -> list[Any]:
        """What several do at the same moment: what each came to, or how it failed."""

        async def done() -> list[Any]:
            return await asyncio.gather(*(does() for does in all_do), return_exceptions=True)

        return self.runner.run(done())

    def overlap(
        self, first: Callable[[Callable[[], None]], Awaitable[T]], second: Callable[[], Awaitable[U]]
    ) -> tuple[T | BaseException, U | BaseException]:
        """What two come to of whom the second begins, and gets as far as it can, where the first, in its work, lets it.

        The first is given what it calls there, in the thread of its transaction.
        """

        async def both() -> tuple[T | BaseException, U | BaseException]:
            loop = asyncio.get_running_loop()
            begun: list[Future[U]] = []

            def begin() -> None:
                if not begun:
                    begun.append(asyncio.run_coroutine_threadsafe(_awaited(lambda _: second(), None), loop))
                wait(begun, _MOMENT)

            (one,) = await asyncio.gather(first(begin), return_exceptions=True)
            other = asyncio.wrap_future(begun[0]) if begun else second()
            (two,) = await asyncio.gather(other, return_exceptions=True)
            return one, two

        return self.runner.run(both())


def _die() -> None:
    raise Killed


def _awaited(does: Callable[[U], Awaitable[T]], by: U) -> Coroutine[Any, Any, T]:
    async def done() -> T:
        return await does(by)

    return done()


def play(machine: type[RecordMachine], new_record: Callable[[], str], *, examples: int, steps: int) -> None:
    """Let so many examples of a machine go so many steps, the same ones each time."""
    limits = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        phases=(Phase.explicit, Phase.generate),  # making an example smaller takes minutes
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )
    played: Any = type(machine.__name__, (machine,), {"new_record": staticmethod(new_record)})
    run_state_machine_as_test(played, settings=limits)
