"""Using the wait: while people are asked about an action, what comes after it is read ahead; never is anything written.

What to read says the tool itself (`prefetch`), or the record: reads that came after such an action before, with
arguments of its own, by tools that say how long their results hold. What was read is used once, if the agent asks for
just that in time; its label is that of any result of the tool.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from baton.agents import Agent
from baton.core import Action, ActionId, Effect, Rest, Ruling, ToolSpec, Trust, dump
from baton.graph.builtins import BUILTIN
from baton.graph.carrying import SHOWN
from baton.graph.job import Job
from baton.graph.outcome import Outcome, Rider
from baton.graph.past import Past
from baton.graph.rereading import read_again
from baton.graph.resting import FRESH_SECONDS, Basis, derived_arguments
from baton.graph.scene import Scene
from baton.ledger import Transaction, journal, speculations

MOST = 5
"""Readings that are made ahead for one action."""

LOOKED_AT = 20
"""Earlier actions of the same tool whose sequels are looked at."""


async def read_ahead(scene: Scene, past: Past, done: Sequence[tuple[Job, Outcome]]) -> list[Rider]:
    """Read what comes after the actions that wait for people now; the rows that keep it."""
    if not scene.member.agent.speculates:
        return []
    asked = [
        job.action
        for job, outcome in done
        if outcome.pending and outcome.review and job.proposal.verdict.ruling is Ruling.ASK
    ]
    riders: list[Rider] = []
    for action in asked:
        riders += await _ahead_of(scene, past, action)
    return riders


async def _ahead_of(scene: Scene, past: Past, action: Action) -> list[Rider]:
    specs, run = scene.member.agent.specs, scene.run
    spec = specs.get(action.tool)
    if spec is None:
        return []
    learnt = await scene.ledger.read(lambda tx: _sequels(tx, scene.member.agent, run.tenant, action))
    wanted: dict[str, Basis] = {}
    for rest in (*spec.prefetch, *learnt):
        basis = Basis(tool=rest.tool, arguments=derived_arguments(rest, specs[rest.tool], action))
        wanted.setdefault(dump([basis.tool, dict(basis.arguments)]), basis)
    clock = scene.ledger.clock
    kept: list[tuple[ToolSpec, Basis, str]] = []
    whole = past.record([], specs)
    for basis in list(wanted.values())[:MOST]:
        results: list[str] = []
        (read,) = await read_again(scene.member, run, action, [basis], whole, clock, results)
        if results and read.problem is None and read.at is not None and len(results[0]) <= SHOWN:
            kept.append((specs[basis.tool], read, results[0]))
    return [_keeping(scene, action.id, *one) for one in kept]


def _keeping(scene: Scene, action: ActionId, spec: ToolSpec, read: Basis, result: str) -> Rider:
    at = read.at or 0.0
    until = at + (spec.valid_for if spec.valid_for is not None else FRESH_SECONDS)
    given, run = spec.validate(dict(read.arguments)), scene.run.id
    return lambda tx: speculations.keep(tx, run, action, spec.name, spec.version, given, result, at, until)


async def found_ahead(scene: Scene, job: Job) -> Outcome | None:
    """What a read comes to that was made ahead and still holds; None where it has to be made."""
    spec = scene.member.agent.specs.get(job.action.tool)
    if not scene.member.agent.speculates or spec is None or spec.effect is not Effect.READ or spec.name in BUILTIN:
        return None
    if job.known is not None or job.verdict.charges:
        return None
    wanted, now = (spec.name, spec.version, dump(spec.validate(dict(job.action.arguments)))), scene.ledger.clock.now()
    kept = await scene.ledger.read(lambda tx: speculations.ready(tx, scene.run.id))
    fits = (one for one in kept if (one.tool, one.version, dump(dict(one.arguments))) == wanted and now < one.until)
    found = next(fits, None)
    if found is None:
        return None
    trust = Trust.VERIFIED_TOOL if spec.verified else Trust.EXTERNAL
    outcome = Outcome(text=found.result, trust=trust, confidentiality=spec.confidentiality)
    outcome.riders.append(lambda tx: speculations.use(tx, found, job.action.id))
    return outcome


def _sequels(tx: Transaction, agent: Agent, tenant: str, action: Action) -> list[Rest]:
    """Reads that came right after this tool's calls before, more often than not, with arguments of the calls."""
    before = speculations.followed(tx, agent.name, action.tool, tenant, LOOKED_AT)
    seen: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
    for run, turn, arguments in before:
        after = [one for one in journal.proposals(tx, run) if one.turn == turn + 1 and one.problem is None]
        reads = [one.action for one in after if _may_be_read(agent.specs.get(one.action.tool))]
        seen.update({(read.tool, names) for read in reads if (names := _named(read.arguments, arguments)) is not None})
    often = [one for one, count in sorted(seen.items()) if count >= 2 and 2 * count > len(before)]
    return [Rest(tool, dict(names)) for tool, names in often]


def _may_be_read(spec: ToolSpec | None) -> bool:
    return spec is not None and spec.effect is Effect.READ and spec.valid_for is not None and spec.name not in BUILTIN


def _named(given: Mapping[str, Any], of: Mapping[str, Any]) -> tuple[tuple[str, str], ...] | None:
    """By a read's parameter that of the call before which had the same value; None where one is none of them."""
    pairs: list[tuple[str, str]] = []
    for name, value in sorted(given.items()):
        if value is None:
            continue
        same = [other for other, its in sorted(of.items()) if its == value]
        if not same:
            return None
        pairs.append((name, name if name in same else same[0]))
    return tuple(pairs)
