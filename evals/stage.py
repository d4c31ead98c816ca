"""One world and one record in which cases are played: goals come in, people and users act, and idle time is skipped."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from baton.agents import BUILTINS
from baton.app import Baton
from baton.core import Conflict, Effect, ReviewId, Roster, RunId
from baton.evals.attempt import Attempt, read_attempt
from baton.evals.cases import Case
from baton.evals.clock import JumpClock
from baton.evals.floor import Floor, Place
from baton.evals.knowing import Asked, Known
from baton.evals.suite import Suite
from baton.evals.users import NAME, SimulatedUser, Spoken
from baton.evals.waits import waits_of
from baton.flow.life_time import fold
from baton.flow.log import Log
from baton.flow.spent import Busy
from baton.flow.staff import Rostered
from baton.handles import RunHandle
from baton.ledger import Review, Run, Transaction, events, families, leases, mail, reviews, runs, timers
from baton.story import top

PAUSES = 0.01, 0.15
"""Seconds between two looks whether anybody still works, where nobody says that they have come to rest: at first and at
most; the longer, the longer they do."""

_ALL = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is played on a stage.

    Attributes:
        folder: Where its world and its record are.
        condition: The name of the faults; empty is none.
        skip: Cases whose attempts are on record already: they play, where others need them, and are not told again.
    """

    suite: Suite
    cases: Sequence[Case]
    folder: Path
    repeat: int
    seed: int
    condition: str = ""
    skip: frozenset[str] = frozenset()

    @property
    def world(self) -> Path:
        """The folder of its world."""
        return self.folder / "world"


@dataclass(frozen=True)
class Rest:
    """Nobody works. `next` is when something becomes due by the clock alone; None if nothing will."""

    next: float | None
    open: Sequence[Review]
    ended: frozenset[str]


@dataclass
class Stage:
    """A play, from the first goal to the last thing that happens."""

    baton: Baton
    clock: JumpClock
    plan: Plan
    handles: dict[str, RunHandle] = field(default_factory=dict[str, RunHandle])
    told: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        """Bring the people in."""
        self._cases = {case.id: case for case in self.plan.cases}
        self._places: dict[ReviewId, Place] = {}
        self._counts: dict[str, int] = {}
        self._ended: frozenset[str] = frozenset()
        suite = self.plan.suite
        self.floor = Floor(suite.people, self.plan.seed, self.plan.repeat, self._place, self._knows)
        self._roster = Roster(people=tuple(one.person for one in suite.people))
        specs = [spec for agent in self.baton.agents.values() for spec in agent.specs.values()]
        own = [spec for spec in specs if spec.name not in BUILTINS]
        self._writes = frozenset(spec.name for spec in own if spec.effect is Effect.WRITE)
        self._log = Log(suite.start)
        self._began = time.perf_counter()

    async def play(self) -> AsyncGenerator[Attempt]:
        """Play all cases; each attempt as soon as its run has ended, the rest once nothing happens any more."""
        await self._come_in()
        await self._resume()
        while True:
            rest = await self._at_rest()
            for attempt in await self._attempts(rest.ended):
                yield attempt
            if len(rest.ended) == len(self._cases) or not await self._go_on(rest):
                break
        for attempt in await self._attempts(frozenset(self.handles)):
            yield attempt

    @property
    def _end(self) -> float:
        return self.plan.suite.start + self.plan.suite.days * 86400.0

    async def _come_in(self) -> None:
        """Submit the goals whose time has come; one that is known is not submitted again."""
        now = self.clock.now()
        for case in self.plan.cases:
            if case.id not in self.handles and self._comes(case) <= now:
                self.handles[case.id] = await self.baton.submit(case.goal, agent=case.agent, key=case.id)

    def _comes(self, case: Case) -> float:
        return self.plan.suite.start + case.after.total_seconds()

    async def _resume(self) -> None:
        """Take up what an earlier process has left."""
        known = await self.baton.ledger.read(lambda tx: [*reviews.listed(tx, state=None, limit=_ALL)])
        await self._note(sorted(known, key=lambda one: (one.opened_at, one.id)))
        decided: dict[str, list[float]] = {}
        for review in known:
            if review.decision is not None:
                decided.setdefault(review.decision.by, []).append(review.decision.at)
        self.floor.resume([review for review in known if review.open], decided)

    async def _at_rest(self) -> Rest:
        """Wait until nobody works and nothing is due."""
        rests, (pause, most) = asyncio.Event(), PAUSES
        stop = self.baton.ledger.listen(lambda news: rests.set() if news.rested else None)
        try:
            while (rest := await self.baton.ledger.read(self._look)) is None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(rests.wait(), pause)
                rests.clear()
                pause = min(most, 1.5 * pause)
        finally:
            stop()
        self._ended = rest.ended
        await self._note(rest.open)
        return rest

    def _look(self, tx: Transaction) -> Rest | None:
        if leases.held(tx) or leases.ready(tx, 1):
            return None
        due = timers.next_due(tx)
        if due is not None and due <= tx.now:
            return None
        times = [at for at in (due, leases.next_ready(tx)) if at is not None]
        running = {name: handle for name, handle in self.handles.items() if name not in self._ended}
        ended = self._ended.union(name for name, handle in running.items() if families.over(tx, handle.id))
        return Rest(min(times, default=None), reviews.waiting(tx), ended)

    async def _go_on(self, rest: Rest) -> bool:
        """Skip the time in which nothing happens, and have happen what comes next; whether there is something."""
        now = self.clock.now()
        spoken = await self._users()
        comes = [self._comes(case) for case in self.plan.cases if case.id not in self.handles]
        acts = self.floor.next_time(rest.open, now)
        times = [*comes, *(at for at in (rest.next, acts) if at is not None), *(at for at, _, _ in spoken)]
        if not times or min(times) > self._end:
            return False
        self.clock.jump(min(times))
        now = self.clock.now()
        await self._come_in()
        await self.floor.act(self.baton, rest.open, now)
        for at, case, text in spoken:
            if at <= now:
                await self._say(case, text)
        await self.baton.ledger.write(lambda tx: tx.times.add(tx.now))  # whoever dispatches looks at the clock again
        return True

    async def _users(self) -> list[tuple[float, str, str]]:
        """What simulated users say next, with when and in which case."""
        users = {name: user for name in self.handles if name not in self._ended and (user := self._cases[name].user)}
        standing = await self.baton.ledger.read(
            lambda tx: {name: _spoken(tx, self.handles[name].id) for name in users} if users else {}
        )
        found: list[tuple[float, str, str]] = []
        for name, user in users.items():
            run, spoken = standing[name]
            simulated = SimulatedUser(user, run.created_at, seed=self.plan.seed, repeat=self.plan.repeat, case=name)
            said = None if run.ended else simulated.next(spoken)
            if said is not None:
                found.append((said[0], name, said[1].text))
        return found

    async def _say(self, case: str, text: str) -> None:
        try:
            await self.handles[case].message(text, sender=NAME)
        except Conflict:  # the run has ended meanwhile: too late
            return

    async def _attempts(self, ended: frozenset[str]) -> list[Attempt]:
        """Those that have ended and were not told yet."""
        new = [name for name in self._cases if name in ended and name not in self.told | self.plan.skip]
        if not new:
            return []
        self.told |= set(new)
        seconds = time.perf_counter() - self._began

        def read(tx: Transaction) -> list[Attempt]:
            while self._log.catch_up(tx):
                pass
            taken = self._log.busy()
            return [self._attempt(tx, name, seconds, taken) for name in new]

        return await self.baton.ledger.read(read)

    def _attempt(self, tx: Transaction, name: str, seconds: float, taken: Busy) -> Attempt:
        plan = self.plan
        case, run = self._cases[name], self.handles[name].id
        repeat, condition = plan.repeat, plan.condition
        attempt = read_attempt(tx, case, run, plan.world, repeat=repeat, condition=condition, seconds=seconds)
        known: dict[str, Known] = {
            one.action.id: self._known(name, "action", one.action.tool, one.action.arguments, one.action.id)
            for one in attempt.proposals
            if one.problem is None
        }
        done: dict[str, Known] = {
            effect.key: self._known(name, "action", effect.tool, effect.arguments, effect.key)
            for effect in attempt.effects
            if effect.arguments is not None
        }
        waits = waits_of(tx, attempt.reviews, self._roster, taken)
        spent = next((one.spent for one in fold(tx, [run], Rostered(self._roster))), None)
        return replace(attempt, known=known, done=done, waits=waits, spent=spent, writes=self._writes)

    async def _note(self, open_: Sequence[Review]) -> None:
        """Number the questions of each case, in the order in which they were asked."""
        new = [review for review in open_ if review.id not in self._places]
        if not new:
            return
        roots = await self.baton.ledger.read(lambda tx: {one.run: top(tx, one.run).id for one in new})
        names = {handle.id: name for name, handle in self.handles.items()}
        for review in sorted(new, key=lambda one: (one.opened_at, one.id)):
            case = names[roots[review.run]]
            self._places[review.id] = Place(case, self._counts.get(case, 0))
            self._counts[case] = self._counts.get(case, 0) + 1

    def _place(self, review: Review) -> Place:
        return self._places[review.id]

    def _knows(self, review: Review) -> Known:
        arguments: Mapping[str, object] = review.question.get("arguments") or {}
        case = self._places[review.id].case
        return self._known(case, review.kind.value, review.tool, arguments, review.action)

    def _known(self, case: str, kind: str, tool: str, arguments: Mapping[str, object], key: str | None) -> Known:
        asked = Asked(
            case=self._cases[case], folder=self.plan.world, kind=kind, tool=tool, arguments=arguments, key=key
        )
        return self.plan.suite.knows(asked)


def _spoken(tx: Transaction, run: RunId) -> tuple[Run, Spoken]:
    known = runs.get(tx, run)
    said = [message for message in mail.unread(tx, run, 0) if message.sender == NAME]
    waits = known.status == "waiting" and not reviews.waiting(tx, runs=[run])
    last = max((event.at for event in events.latest(tx, run, limit=1)), default=known.created_at)
    return known, Spoken(texts=[message.text for message in said], waited_since=last if waits else None)
