"""What is to come, from the record: when runs end, how long a plan takes, what else would come of questions."""

import math
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from baton.core import InvalidValue
from baton.core.network import Schedule, Step, schedule
from baton.flow.ends import Learnt, Range, learn
from baton.flow.life_time import read_rows
from baton.flow.staff import staff_of
from baton.flow.whatif import Change, Played, changed, enough, play, questions_of, run_times, workers_of
from baton.ledger import Transaction, lives, people, rates, runs
from baton.ledger.courses import Course, courses
from baton.ledger.runs import Run

BACK = 30 * 86400.0
"""Seconds of the past that are learnt from."""

DRAWS = 2_000
"""How often a plan is played with lengths of the past."""


@dataclass(frozen=True, kw_only=True)
class End:
    """When an open run ends; the range is None where too little is known of its agent."""

    run: str
    agent: str
    began: float
    range: Range | None


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """What came of questions, and what would have come of them.

    Attributes:
        asked: How many questions were asked in the time.
        missed: How many of them were not answered in time.
        wait: Seconds after which nine in ten were taken; None of none.
        played: The same days as they are, played again: how far the simulation is right.
        changed: With the change.
        runs: How long the runs took that have ended, in seconds, shortest first.
        runs_changed: How long they would have taken with the change; runs with an unanswered question are left out.
        enough: Whom to add, one after the other, with what comes of it; empty where that was not asked.
    """

    asked: int
    missed: int
    wait: float | None
    played: Played
    changed: Played
    runs: Sequence[float]
    runs_changed: Sequence[float]
    enough: Sequence[tuple[tuple[str, ...], Played]]


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A plan whose steps may take as long as an agent's runs.

    Attributes:
        agents: By the name of a step whose length is that of runs, the agent.
        deadline: Seconds from its beginning; None is whenever.
    """

    steps: tuple[Step, ...]
    agents: Mapping[str, str]
    deadline: float | None


@dataclass(frozen=True, kw_only=True)
class PlanTimes:
    """A plan with its times.

    Attributes:
        range: When it ends, in seconds from its beginning; None where no length comes from the past.
        in_time: The share of the plays that kept the deadline; None without one.
    """

    schedule: Schedule
    range: Range | None
    in_time: float | None


def at_most(found: Sequence[float], share: float) -> float | None:
    """What this share of numbers in order are at most; None of none."""
    return found[max(0, math.ceil(share * len(found)) - 1)] if found else None


def read_learnt(tx: Transaction) -> dict[str, Learnt]:
    """What was learnt of how long runs take, by agent."""
    lived = defaultdict[str, list[tuple[float, float]]](list)
    for agent, _, _, began, ended, *_ in read_rows(tx, tx.now - BACK, tx.now, staff_of(tx)):
        lived[agent].append((began, ended))
    return {agent: learn(some) for agent, some in lived.items()}


def read_ends(tx: Transaction, agent: str | None = None) -> list[End]:
    """When open runs end, the oldest first."""
    learnt = read_learnt(tx)
    open_ = runs.listed(tx, statuses=("ready", "waiting"), agent=agent)
    return [_end(run, learnt.get(run.agent), tx.now) for run in reversed(open_)]


def read_what_if(
    tx: Transaction, since: float, change: Change, share: float | None = None, model: str | None = None
) -> WhatIf:
    """What would have come of the questions since a time, with a change; and whom to add to miss no more than a share.

    Args:
        tx: The transaction.
        since: Seconds since 1970.
        change: What is otherwise.
        share: Of the questions that may be missed; None asks for nobody to be added.
        model: One that answers as fast as it did since then, in place of all; None is as `change` says.

    Raises:
        InvalidValue: if nobody has said who answers and when, or a name is none of theirs, or no model's on record.
    """
    roster = people.roster(tx)
    if roster is None:
        raise InvalidValue("people", "nobody", "people with their hours in people.yaml, beside the project file")
    if model is not None:
        change = replace(change, thinking=_as_fast_as(tx, model, since))
    found = courses(tx, since)
    questions = questions_of(found, rates.thought_before(tx, since))
    workers = workers_of(roster, since, tx.now)
    waits = sorted(one.claims[0].start - one.review.opened_at for one in found if one.claims)
    reaction = _reaction(waits)
    other, others = changed(questions, workers, change)
    played = play(questions, workers, tx.now, reaction=reaction)
    otherwise = play(other, others, tx.now, discipline=change.discipline, reaction=reaction)
    lived = lives.thinking(tx, since)
    return WhatIf(
        asked=len(questions),
        missed=sum(_late(one, tx.now) for one in found),
        wait=waits[int(0.9 * (len(waits) - 1))] if waits else None,
        played=played,
        changed=otherwise,
        runs=sorted(whole for whole, _ in lived.values()),
        runs_changed=run_times(lived, questions, played, otherwise, change),
        enough=enough(other, others, tx.now, share, reaction=reaction) if share is not None else (),
    )


def _as_fast_as(tx: Transaction, model: str, since: float) -> float:
    """How many times as long a model took for a call as all did."""
    known = {one.name: one for one in rates.models(tx, since)}
    if model not in known or not known[model].seconds:
        raise InvalidValue("model", model, " or ".join(sorted(known)) or "one that is on record", "Or say --thinking")
    calls, seconds = sum(one.calls for one in known.values()), sum(one.seconds for one in known.values())
    return (known[model].seconds / known[model].calls) / (seconds / calls)


def read_plan(tx: Transaction, plan: Planned) -> PlanTimes:
    """The times of a plan.

    Raises:
        InvalidValue: if the plan cannot be read, no run of an agent that it names has ended, or it contradicts itself.
    """
    lengths = defaultdict[str, list[float]](list)
    for agent, _, _, began, ended, *_ in read_rows(tx, tx.now - BACK, tx.now, staff_of(tx)):
        lengths[agent].append(ended - began)
    known: dict[str, list[float]] = {}
    for step, agent in plan.agents.items():
        if not lengths.get(agent):
            raise InvalidValue(f"agent of step {step}", agent, " or ".join(sorted(lengths)) or "takes: and a time")
        known[step] = sorted(lengths[agent])
    usual = [
        replace(step, usual=max(step.least, _middle(known[step.name]))) if step.name in known else step
        for step in plan.steps
    ]
    made = schedule(usual, plan.deadline)
    if not known:
        return PlanTimes(schedule=made, range=None, in_time=None)
    ends = _draws(usual, known)
    return PlanTimes(
        schedule=made,
        range=Range(ends[int(0.05 * DRAWS)], ends[DRAWS // 2], ends[int(0.95 * DRAWS)]),
        in_time=None if plan.deadline is None else sum(end <= plan.deadline for end in ends) / DRAWS,
    )


def _draws(steps: Sequence[Step], known: Mapping[str, Sequence[float]]) -> list[float]:
    """When the plan ends with lengths as they were, drawn again and again; sorted."""
    chance, found = random.Random(0), list[float]()
    for _ in range(DRAWS):
        ends: dict[str, float] = {}
        left = list(steps)
        while left:
            step = next(one for one in left if all(other in ends for other in one.after))
            left.remove(step)
            length = chance.choice(known[step.name]) if step.name in known else step.length
            ends[step.name] = max([step.start or 0.0, *(ends[other] for other in step.after)]) + max(step.least, length)
        found.append(max(ends.values(), default=0.0))
    return sorted(found)


def _end(run: Run, learnt: Learnt | None, now: float) -> End:
    told = learnt.lengths.range(now - run.created_at) if learnt is not None else None
    return End(run=run.id, agent=run.agent, began=run.created_at, range=told)


def _reaction(waits: Sequence[float]) -> float:
    """Seconds in which whoever is free takes up what waits: the shortest third of the waits says."""
    return waits[len(waits) // 3] if waits else 0.0


def _late(one: Course, now: float) -> bool:
    decided = one.review.decision
    return (now if decided is None else decided.at) > one.review.due


def _middle(ordered: Sequence[float]) -> float:
    return ordered[len(ordered) // 2]
