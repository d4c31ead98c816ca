"""Before a deploy: what the code at hand would orphan, misread or have asked again; and what to do about it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from baton.agents import Agent
from baton.core import Conflict, RunId
from baton.graph.fingerprint import Fingerprint, fingerprint
from baton.graph.fitting import drop, misfits, problems_of, told, withdraw_trouble
from baton.graph.skew import Kind, Problem
from baton.ledger import Run, Transaction, events, fingerprints, runs

_WORST: tuple[Kind, ...] = ("orphaned", "misread", "asked again")


@dataclass(frozen=True, kw_only=True)
class Survey:
    """How open runs would fare under some code.

    Attributes:
        unfit: Runs that it does not fit in all, with what does not; the worst first.
        pinned: Runs that are kept for the code they were begun with.
        fine: How many other open runs there are.
    """

    unfit: tuple[tuple[Run, tuple[Problem, ...]], ...]
    pinned: tuple[Run, ...]
    fine: int

    @property
    def safe(self) -> bool:
        """Whether nothing would be orphaned or misread."""
        return all(problem.kind == "asked again" for _, found in self.unfit for problem in found)


def survey(tx: Transaction, agents: Iterable[Agent]) -> Survey:
    """Hold every open run against the agents at hand; nothing is changed."""
    code = {agent.name: fingerprint(agent) for agent in agents}
    unfit: list[tuple[Run, tuple[Problem, ...]]] = []
    pinned: list[Run] = []
    fine = 0
    for run in runs.listed(tx, statuses=("ready", "waiting")):
        mine = code.get(run.agent)
        if run.pinned is not None and (mine is None or run.pinned != mine.hash):
            pinned.append(run)
        elif found := _found(tx, run, mine):
            unfit.append((run, found))
        else:
            fine += 1
    unfit.sort(key=lambda one: min(_WORST.index(problem.kind) for problem in one[1]))
    return Survey(unfit=tuple(unfit), pinned=tuple(pinned), fine=fine)


def _found(tx: Transaction, run: Run, mine: Fingerprint | None) -> tuple[Problem, ...]:
    if mine is not None and run.fingerprint == mine.hash:
        return ()
    return tuple(problems_of(tx, run, mine))


def pin(tx: Transaction, run: RunId) -> str:
    """Keep a run for workers with the code that it was begun with; returns that code's fingerprint.

    Raises:
        Conflict: if it has ended, or no worker has begun it.
    """
    known = _open(tx, run, "pin")
    if known.fingerprint is None:
        raise Conflict(f"pin {run}", "no worker has begun it, any code may")
    withdraw_trouble(tx, run, "kept for the code it was begun with")
    fingerprints.stop(tx, run, None)
    fingerprints.pin(tx, run, known.fingerprint)
    return known.fingerprint


def unpin(tx: Transaction, run: RunId) -> None:
    """Let any code that a run fits go on with it.

    Raises:
        Conflict: if it has ended, or is not pinned.
    """
    if _open(tx, run, "unpin").pinned is None:
        raise Conflict(f"unpin {run}", "it is not pinned")
    fingerprints.pin(tx, run, None)


def reask(tx: Transaction, run: RunId, agents: Mapping[str, Agent], by: str) -> list[Problem]:
    """Settle what the code at hand does not fit: questions about it are withdrawn, the agent proposes it anew.

    What was begun is asked about as after a crash. Returns what was settled.

    Raises:
        Conflict: if the run has ended, is being worked on, fits, or does not fit as a whole.
    """
    known = _open(tx, run, "reask")
    if known.working:
        raise Conflict(f"reask {run}", "a worker is at it", "Stop the workers with the old code first.")
    agent = agents.get(known.agent)
    found = misfits(tx, known, fingerprint(agent) if agent else None)
    if not found:
        raise Conflict(f"reask {run}", "all that it has open fits the code at hand")
    if any(problem.action is None for problem in found):
        raise Conflict(
            f"reask {run}", told(known, found), "Keep it on the old code with `baton runs pin`, or cancel it."
        )
    drop(tx, run, found)
    withdraw_trouble(tx, run, f"{by} has what no longer fits proposed anew")
    fingerprints.stop(tx, run, None)
    events.emit(tx, run, "run.reasked", by=by, actions=[problem.action for problem in found])
    runs.wake(tx, run)
    return found


def _open(tx: Transaction, run: RunId, verb: str) -> Run:
    runs.lock(tx, run)
    known = runs.get(tx, run)
    if known.ended:
        raise Conflict(f"{verb} {run}", f"it has ended ({known.status})")
    return known
