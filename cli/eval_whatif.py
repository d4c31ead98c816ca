"""`baton eval whatif`: what recorded runs would look like under another policy, threshold or prompt."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from baton.agents import Agent, endpoint, open_model
from baton.cli.opening import Place, find_place, load, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import InvalidFile, InvalidValue, Ruling, parse_duration
from baton.core.texts import call, one_line, percent
from baton.evals.reasking import Reasking, reask
from baton.evals.whatif import WhatIf, what_if, with_threshold
from baton.graph.team import Member
from baton.ledger import Proposal, runs
from baton.ledger.judged import judged
from baton.memory import counter
from baton.policies import load_policy

if TYPE_CHECKING:
    from baton.project import Project


async def whatif(
    *,
    policy: Path | None = None,
    threshold: float | None = None,
    rule: str | None = None,
    instructions: Path | None = None,
    most: int = 200,
    agent: str | None = None,
    over: str = "90d",
    errs: float = 0.02,
    common: Common = DEFAULTS,
) -> None:
    """Say what recorded runs would look like under another policy, threshold or prompt: what is exact, what is unknown.

    Args:
        policy: Another policy's file.
        threshold: Another least confidence for acting alone, in place of a policy.
        rule: The rule that it is for (default: every rule that has one).
        instructions: A file with other instructions; the model is asked once more for each turn.
        most: How many turns it is asked for at most, the newest runs' first.
        agent: Whose actions (default: the first agent's).
        over: How far back, such as 90d.
        errs: Share of people's answers that are taken to be mistaken.
        common: Options of every command.
    """
    from baton.cli.policies import chosen

    if [policy, threshold, instructions].count(None) != 2:
        allowed = "--policy FILE, --threshold NUMBER or --instructions FILE, one of them"
        raise InvalidValue("what is changed", policy or threshold or instructions, allowed)
    screen, place = Screen(common.json), find_place(common)
    project = load(place)
    wanted = chosen(project.agents, agent)[0]
    specs = tuple(wanted.specs.values())
    if instructions is not None:
        asked = await _reasked(place, project, wanted, _read(instructions), most, over)
        screen.document(_reasked_json(wanted.name, asked))
        return screen.show(_reasked_told(wanted.name, asked, most))
    other = (
        with_threshold(wanted, threshold or 0.0, rule) if policy is None else load_policy(policy, specs, wanted.name)
    )
    async with to_look(place) as ledger:
        since = ledger.clock.now() - parse_duration(over).total_seconds()
        history = await ledger.read(lambda tx: judged(tx, wanted.name, since))
    found = what_if(history, other, specs, errs=errs)
    screen.document(_json(wanted.name, found))
    screen.show(_told(wanted.name, found, errs))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFile(str(file), None, "instructions", str(error), "a text file in UTF-8") from error


async def _reasked(place: Place, project: "Project", agent: Agent, instructions: str, most: int, over: str) -> Reasking:
    if most < 1:
        raise InvalidValue("--most", most, "1 or more")
    agents = {one.name: one for one in project.agents}
    async with to_look(place) as ledger, open_model(endpoint(), project.mind) as model:
        policy = load_policy(agent.policy, tuple(agent.specs.values()), agent.name)
        member = Member(agent=agent, policy=policy, model=model, counter=counter(agent.model))
        since = ledger.clock.now() - parse_duration(over).total_seconds()
        known = await ledger.read(lambda tx: runs.listed(tx, agent=agent.name))
        return await reask(
            ledger, member, agents, [one.id for one in known if one.created_at >= since], instructions, most
        )


def _told(agent: str, found: WhatIf, errs: float) -> str:
    low, high = found.wrong
    lines = [
        f"{agent}: {found.found.judged} actions judged again, {found.found.unjudged} could not be; "
        f"{len(found.found.changes)} verdicts differ (exact)",
        f"questions: {found.asked_before} before, {found.asked_now} now",
        f"{found.automated} more would have run alone; of these {low} to {high} are wrong, "
        f"{found.unknown} of them unknown",
    ]
    if found.automated:
        share = f"{percent(found.share[0], 1)} to {percent(found.share[1], 1)}"
        lines.append(f"wrong among them, if people err in {percent(errs, 1)} of their answers: {share} (95 %)")
    return "\n".join(one_line(line) for line in lines)


def _reasked_told(agent: str, found: Reasking, most: int) -> str:
    count, changed = len(found.turns), len(found.changed)
    alone, asks = len(found.writing(Ruling.ALLOW)), len(found.writing(Ruling.ASK))
    lines = [
        f"{agent}: {count} turns of {found.runs} runs asked once more"
        + (f" (as many as --most says: {most})" if count == most else "")
        + (f", {found.left} could not be" if found.left else ""),
        f"{changed} turns come out differently; {found.unchanged_runs} runs would surely have gone as they did",
        f"new writes in these: {alone} would run alone, {asks} would be asked about; what follows them is unknown",
    ]
    if unsure := sum(not one.exact for one in found.turns):
        lines.append(f"{unsure} requests are near those of then: the prompt on record is not the one at hand")
    for one in found.changed[:10]:
        lines.append(f"  {one.run} turn {one.turn}: {_calls_told(one.before)} -> {_calls_told(one.now)}")
    return "\n".join(one_line(line) if not line.startswith("  ") else f"  {one_line(line)}" for line in lines)


def _calls_told(calls: Sequence[Proposal]) -> str:
    return ", ".join(f"{call(one.action.tool, one.action.arguments, 60)}" for one in calls) or "words"


def _reasked_json(agent: str, found: Reasking) -> dict[str, object]:
    return {
        "agent": agent,
        "runs": found.runs,
        "turns": len(found.turns),
        "left": found.left,
        "changed": [
            {
                "run": one.run,
                "turn": one.turn,
                "exact": one.exact,
                "before": [[c.action.tool, dict(c.action.arguments)] for c in one.before],
                "now": [[c.action.tool, dict(c.action.arguments), c.verdict.ruling.value] for c in one.now],
            }
            for one in found.changed
        ],
        "unchanged_runs": found.unchanged_runs,
        "writes_alone": len(found.writing(Ruling.ALLOW)),
        "writes_asked": len(found.writing(Ruling.ASK)),
    }


def _json(agent: str, found: WhatIf) -> dict[str, object]:
    return {
        "agent": agent,
        "judged": found.found.judged,
        "unjudged": found.found.unjudged,
        "changed": len(found.found.changes),
        "asked_before": found.asked_before,
        "asked_now": found.asked_now,
        "automated": found.automated,
        "wrong": {"at_least": found.wrong[0], "at_most": found.wrong[1]},
        "share_wrong": {"at_least": found.share[0], "at_most": found.share[1]},
        "unknown": found.unknown,
    }
