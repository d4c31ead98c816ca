"""`baton policy replay`, `shadow` and `diff`: what another policy would have said of the actions on record."""

from collections.abc import Mapping, Sequence
from difflib import unified_diff
from pathlib import Path
from typing import Any

from rich.text import Text

from baton.agents import Agent
from baton.cli.opening import find_place, load, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import Ruling, parse_duration
from baton.core.texts import call, one_line
from baton.ledger import Ledger
from baton.ledger.judged import Judged, judged
from baton.policies import load_policy
from baton.policies.hindsight import Change, Hindsight, Replayed, compare, recorded
from baton.policies.hindsight import shadow as by_shadow
from baton.policies.rules import Rule

_STYLES = {Ruling.ALLOW: "green", Ruling.ASK: "yellow", Ruling.DENY: "red"}

_KINDS = {"added": "green", "removed": "red", "changed": "yellow"}

_SHOWN = 20
"""Changes that are shown; --json gives all."""


async def replay(policy: Path, /, *, agent: str | None = None, over: str = "90d", common: Common = DEFAULTS) -> None:
    """Hold a changed policy against the actions on record: which verdicts change, and what is known of those actions.

    Verdicts are exact. What never ran has no outcome, and none is made up.

    Args:
        policy: The policy's file.
        agent: Whose actions (default: every agent's whose tools the policy fits).
        over: How far back, such as 90d.
        common: Options of every command.
    """
    from baton.cli.policies import chosen

    screen, place = Screen(common.json), find_place(common)
    project = load(place)
    reports: list[tuple[Agent, Hindsight]] = []
    async with to_look(place) as ledger:
        for each in chosen(project.agents, agent):
            now = Replayed(load_policy(policy, each.specs.values(), each.name), each.specs.values())
            reports.append((each, compare(await _history(ledger, each, over), recorded, now)))
    _report(screen, reports, f"the last {over}")


async def shadow(*, agent: str | None = None, over: str = "90d", common: Common = DEFAULTS) -> None:
    """Compare what the shadow policies said beside the live ones. `shadow: FILE` of an agent names one.

    Args:
        agent: Whose actions (default: every agent's).
        over: How far back, such as 90d.
        common: Options of every command.
    """
    from baton.cli.policies import chosen

    screen, place = Screen(common.json), find_place(common)
    project = load(place)
    async with to_look(place) as ledger:
        reports = [
            (each, compare(await _history(ledger, each, over), recorded, by_shadow))
            for each in chosen(project.agents, agent)
        ]
    _report(screen, reports, f"the last {over}")


async def diff(
    old: Path, new: Path, /, *, agent: str | None = None, over: str = "90d", common: Common = DEFAULTS
) -> None:
    """Compare two policies: rules that came, went or changed, and the actions on record that they disagree about.

    Args:
        old: A policy's file.
        new: Another.
        agent: For whose tools (default: the first agent).
        over: How far back the record is read, such as 90d.
        common: Options of every command.
    """
    from baton.cli.policies import chosen

    screen, place = Screen(common.json), find_place(common)
    wanted = chosen(load(place).agents, agent)[0]
    specs = tuple(wanted.specs.values())
    before, now = (load_policy(path, specs, wanted.name) for path in (old, new))
    rules = _rules(before.rules, now.rules)
    history: Sequence[Judged] = ()
    if place.file is None or place.file.exists():
        async with to_look(place) as ledger:
            history = await _history(ledger, wanted, over)
    found = compare(history, Replayed(before, specs), Replayed(now, specs))
    screen.document({"rules": rules, **_json(wanted, found)})
    for id, kind in rules.items():
        screen.show(
            Text.assemble((f"{kind:8}", {"added": "green", "removed": "red"}.get(kind, "yellow")), one_line(id))
        )
        if kind == "changed":
            screen.show(Text("\n".join(_lines(before.rules, now.rules, id)), style="dim"))
    if not rules:
        screen.show("The rules are the same.")
    _show(screen, wanted, found, f"on the record of the last {over}")


async def _history(ledger: Ledger, agent: Agent, over: str) -> list[Judged]:
    since = ledger.clock.now() - parse_duration(over).total_seconds()
    return await ledger.read(lambda tx: judged(tx, agent.name, since))


def _report(screen: Screen, reports: Sequence[tuple[Agent, Hindsight]], over: str) -> None:
    screen.document({"over": over, "agents": [_json(agent, found) for agent, found in reports]})
    for agent, found in reports:
        _show(screen, agent, found, over)


def _show(screen: Screen, agent: Agent, found: Hindsight, over: str) -> None:
    screen.show(Text.assemble((agent.name, "bold"), f"  {one_line(found.told(over))}"))
    left = f", {found.unjudged} could not be judged again" if found.unjudged else ""
    screen.show(Text(f"  {found.judged} actions judged{left}; {len(found.changes)} verdicts differ", style="dim"))
    for change in found.changes[:_SHOWN]:
        screen.show(_line(change))
    if len(found.changes) > _SHOWN:
        screen.show(Text(f"  … {len(found.changes) - _SHOWN} more: --json has them all", style="dim"))


def _line(change: Change) -> Text:
    action, now = change.judged.proposal.action, change.now
    line = Text.assemble("  ", (change.before, _STYLES[change.before]), " → ", (now.ruling, _STYLES[now.ruling]))
    line.append(f"  {call(action.tool, action.arguments, 70)}  ")
    line.append(f"{change.outcome}; now: {one_line(now.reason, 80)}  {action.id}", style="dim")
    return line


def _rules(before: Sequence[Rule], now: Sequence[Rule]) -> dict[str, str]:
    """What happened to which rule, by `@id`; those that are the same left out."""
    old, new = _texts(before), _texts(now)
    kinds = {id: "removed" if id not in new else "changed" for id, text in old.items() if new.get(id) != text}
    return kinds | {id: "added" for id in new if id not in old}


def _texts(rules: Sequence[Rule]) -> Mapping[str, str]:
    return {rule.id: rule.text.strip() for rule in rules}


def _lines(before: Sequence[Rule], now: Sequence[Rule], id: str) -> list[str]:
    old, new = _texts(before)[id].splitlines(), _texts(now)[id].splitlines()
    return [
        f"    {line}" for line in unified_diff(old, new, lineterm="", n=0) if not line.startswith(("---", "+++", "@@"))
    ]


def _json(agent: Agent, found: Hindsight) -> dict[str, Any]:
    return {
        "agent": agent.name,
        "judged": found.judged,
        "unjudged": found.unjudged,
        "fewer_questions": found.fewer_questions,
        "against_people": len(found.against_people),
        "outcomes_unknown": len(found.unknown),
        "wrong_alone": {"at_least": found.wrong[0], "at_most": found.wrong[1]},
        "changes": [
            {
                "action": change.judged.proposal.action.id,
                "tool": change.judged.proposal.action.tool,
                "arguments": change.judged.proposal.action.arguments,
                "before": change.before,
                "now": change.now.ruling,
                "rules": list(change.now.rules),
                "reason": change.now.reason,
                "outcome": change.outcome,
            }
            for change in found.changes
        ],
    }
