"""The tries of one call: claim, look once more, call with the key; and again while what fails may pass.

What is known not to have happened is recorded as postponed before anybody waits, so that a crash in a wait is no doubt.
A wait of more than HELD_SECONDS holds no worker: the run is paused, and the call is taken up where the record stands.
"""

import asyncio
from collections.abc import Mapping

from baton.agents import Breaker
from baton.core import (
    Effect,
    OverLimit,
    Queued,
    Retries,
    ToolError,
    ToolSpec,
    ToolTimeout,
    ToolUnavailable,
    TryAgain,
    logger,
)
from baton.graph.calling import ask_world, call_tool
from baton.graph.hold import Hold
from baton.graph.job import Job
from baton.graph.places import free_places, take_places
from baton.graph.receive import called_off
from baton.graph.scene import Scene
from baton.graph.undoing import undone_by
from baton.ledger import Transaction, effects, events, leases

HELD_SECONDS = 30.0
"""The longest wait between two tries that a worker sits out."""

log = logger()


class Tries:
    """The tries of one action, those on record included.

    Attributes:
        made: How many were begun.
        since: When the first was, in seconds since 1970.
    """

    def __init__(self, hold: Hold, scene: Scene, spec: ToolSpec, job: Job) -> None:
        self._hold, self._scene, self._spec, self._job = hold, scene, spec, job
        self._policy = spec.retries or Retries()
        self._breaker: Breaker = scene.team.breakers.of(spec.name)
        self.made = job.known.attempts if job.known else 0
        self.since = job.known.claimed_at if job.known else self._now()

    async def answer(self) -> str:
        """The call's result as text.

        Raises:
            ToolError: if it failed, and surely did not happen; says what the model is told.
            ToolTimeout: if nobody knows whether it happened.
            ToolUnavailable: if it is tried again, but not soon enough for a worker to wait.
            OverLimit: if a limit of the policy has no room for it any more.
            Queued: if it waits for what it needs; nothing was begun.
            Superseded: if a newer worker owns the run.
        """
        again = False
        while True:
            rest = self._breaker.refuses(self._now())
            if rest is not None:
                raise ToolUnavailable(self._spec.name, self._breaker.why(), rest)
            until = self._until()
            tokens = await self._claim(again=again)
            try:
                result = await call_tool(self._spec, self._job.action, until, tokens)
            except TryAgain as error:
                self._failed()
                await self._wait(ToolError(self._spec.name, error.reason), error.after)
            except ToolTimeout as error:
                found = await self._unanswered(error)
                if found is not None:
                    return found
            except ToolError:
                self._answered()
                raise
            else:
                self._answered()
                return result
            again = True

    def _until(self) -> float | None:
        """When a call that nobody may repeat has to have ended: what it says later is no answer any more.

        A successor counts on that from the claim on, which comes after this: see `outlive`.
        """
        if self._spec.effect is Effect.READ or self._spec.repeatable:
            return None
        return asyncio.get_running_loop().time() + self._spec.timeout

    async def _unanswered(self, error: ToolTimeout) -> str | None:
        """No answer: what the world says of it; None once it may be called again."""
        spec = self._spec
        self._failed()
        if spec.effect is Effect.READ:
            await self._wait(ToolError(spec.name, error.problem))
            return None
        if spec.repeatable:
            try:
                await self._wait(error)
            except ToolTimeout as last:
                error = last
            else:
                return None
        result = await self.ask(error.problem)
        if result is not None:
            self._answered()
            return result
        happened_not = ToolError(spec.name, f"{error.problem}; it did not happen")
        if spec.repeatable or spec.retries is None:  # it may be on its way yet: it is called again where that was asked
            raise happened_not
        await self._wait(happened_not)
        return None

    async def ask(self, why: str) -> str | None:
        """What the world says of the last try: its result, None if it did not happen.

        Raises:
            ToolTimeout: if nobody can tell.
        """
        if self._spec.reconcile is None:
            raise ToolTimeout(self._spec.name, why)
        try:
            return await ask_world(self._spec, self._job.action.id)
        except ToolError as error:
            raise ToolTimeout(self._spec.name, f"{why}; {error.problem}") from error

    async def _claim(self, *, again: bool) -> Mapping[str, int]:
        """Record that a try begins; before the world is touched, but for a read that nothing has gone wrong with yet.

        Returns:
            The fencing tokens of what it needs, by name.

        Raises:
            OverLimit: if a limit of the policy has no room for it any more.
            Queued: if what it needs is not free.
            Superseded: if a newer worker owns the run.
        """
        job, hold = self._job, self._hold
        edited = job.action.arguments if job.action.arguments != job.proposal.action.arguments else None
        undoes = undone_by(self._scene.run, job.proposal.turn)

        charges, needs = job.verdict.charges, bool(self._spec.places)

        def claim(tx: Transaction) -> str | Queued | Mapping[str, int]:
            epoch, tool = hold.lease.epoch, self._spec.name
            tokens = take_places(tx, hold, self._scene, self._spec, job) if needs else dict[str, int]()
            if isinstance(tokens, Queued):
                return tokens
            full = effects.claim(tx, hold.run, epoch, job.action.id, tool, edited, undoes, charges)
            if full is not None and needs:
                free_places(tx, self._spec, job)
            return tokens if full is None else full

        self.made += 1
        if not again:
            self._breaker.began()
        if self._spec.effect is Effect.READ and not (again or hold.lease.takeovers or charges or needs):
            if hold.failure is not None:
                raise hold.failure
            hold.post(claim)
            return {}
        claimed = await hold.write(claim)
        if isinstance(claimed, Queued):
            raise claimed
        if isinstance(claimed, str):
            raise OverLimit(job.action.id, claimed)
        # The last look before the world is touched: a worker that slept since its claim must not act.
        await hold.ledger.read(lambda tx: leases.still_newest(tx, hold.run, hold.lease.epoch))
        return claimed

    async def _wait(self, error: ToolError, asked: float | None = None) -> None:
        """Wait until another try may be made, or raise what becomes of the call."""
        seconds = self._policy.wait(self.made, asked)
        refusal = self._refusal(seconds)
        if refusal is not None:
            log.warning("not tried again", action=self._job.action.id, problem=error.problem, why=refusal)
            raise type(error)(self._spec.name, f"{error.problem} ({refusal})" if refusal else error.problem)
        await self._postpone(error, seconds)
        if seconds > HELD_SECONDS:
            problem = f"{error.problem}; try {self.made + 1} of {self._policy.attempts} is still to come"
            raise ToolUnavailable(self._spec.name, problem, seconds)
        await asyncio.sleep(seconds)
        if await self._hold.ledger.read(lambda tx: called_off(tx, self._hold.run, self._scene.cursor)):
            raise type(error)(self._spec.name, f"{error.problem} (not tried again: the run is called off)")

    def _refusal(self, seconds: float) -> str | None:
        """Why no further try is made; empty if none was ever to be, None if one is."""
        if not self._policy.allows(self.made, self._now() + seconds - self.since):
            return f"tried {self.made} times" if self.made > 1 else ""
        if not self._breaker.may_retry():
            return f"not tried again: too many calls of {self._spec.name} fail"
        return None

    async def _postpone(self, error: ToolError, seconds: float) -> None:
        hold, happened = self._hold, None if isinstance(error, ToolTimeout) else False

        def postpone(tx: Transaction) -> None:
            key, why = self._job.action.id, error.problem
            effects.postpone(tx, hold.run, hold.lease.epoch, key, why, seconds, happened=happened)
            if seconds > HELD_SECONDS:  # nobody else waits for one that waits itself
                free_places(tx, self._spec, self._job)

        await hold.write(postpone)

    def _failed(self) -> None:
        if self._breaker.failed(self._now()):
            log.warning("breaker opened", tool=self._spec.name, failures=self._breaker.failures)
            self._emit("breaker.opened", failures=self._breaker.failures, until=self._breaker.opened_until)

    def _answered(self) -> None:
        if self._breaker.answered():
            log.warning("breaker closed", tool=self._spec.name)
            self._emit("breaker.closed")

    def _emit(self, kind: str, **said: float | None) -> None:
        tool, run = self._spec.name, self._hold.run
        self._hold.post(lambda tx: events.emit(tx, run, kind, tool=tool, **said))

    def _now(self) -> float:
        return self._hold.ledger.clock.now()
