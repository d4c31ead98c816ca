"""`baton policy explain`: what policy said of an action, and why, from the record."""

from collections.abc import Mapping
from typing import Any, cast

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from baton.assessing import assessed_rows
from baton.cli.opening import find_place, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.cli.tables import pairs
from baton.core import NotFound, Ruling, RunId, Verdict
from baton.core.texts import call, one_line
from baton.grounds import conditions, held_up, value_text
from baton.ledger import Proposal, Transaction, journal, runs
from baton.review.record import assessed_json

_SAID = {
    Ruling.ALLOW: ("goes ahead alone", "green"),
    Ruling.ASK: ("needs a person", "yellow"),
    Ruling.DENY: ("is denied", "red"),
}


async def explain(run: str, action: str | None = None, /, *, common: Common = DEFAULTS) -> None:
    """Say what policy said of a run's actions and why: rule, conditions, values, limits, version.

    Args:
        run: The id, or the beginning of one.
        action: An action by its id, or by turn and place such as 2.0 (default: every action of the run).
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        found = await ledger.read(lambda tx: _actions(tx, runs.find(tx, run), action))
    screen.document({"actions": [_json(each) for each in found]})
    for each in found:
        head, style = _SAID[each.verdict.ruling]
        title = Text.assemble((each.action.id, "bold"), "  ", call(each.action.tool, each.action.arguments, 120))
        screen.show(title, Text(f"  {head}: {one_line(each.verdict.reason)}", style=style))
        screen.show(Padding(why(each.verdict), (0, 0, 1, 2)))


def why(verdict: Verdict) -> RenderableType:
    """What a verdict rests on, as names and values."""
    rows: list[tuple[str, str]] = [("rules", ", ".join(verdict.rules) or "none applies")]
    rows += [(row.name, row.text) for row in conditions(verdict)]
    if verdict.assessed is not None:
        rows += [(row.name, row.text) for row in assessed_rows(verdict.assessed)]
    elif verdict.threshold is not None:
        gave = "none was given" if verdict.value is None else f"{verdict.value:.2f} was given"
        rows.append(("confidence", f"{verdict.threshold:.2f} is asked for acting alone; {gave}"))
    rows += [(row.name, row.text) for row in held_up(verdict)]
    rows += [("limit", f"{charge.limit}, counted as {charge.account}") for charge in verdict.charges]
    traced = cast(Mapping[str, Mapping[str, Any]], verdict.evidence.get("arguments") or {})
    rows += [(name, _label(label)) for name, label in traced.items()]
    circumstances = cast(Mapping[str, Any], verdict.evidence.get("context") or {})
    shown = ", ".join(f"{name} {value_text(value)}" for name, value in circumstances.items())
    rows += [("context", one_line(shown))] if shown else []
    shadow = cast(Mapping[str, Any], verdict.evidence.get("shadow") or {})
    rows += [("shadow", one_line(f"{shadow['policy']} says {shadow['ruling']}: {shadow['reason']}"))] if shadow else []
    rows += [("class", verdict.kind)] if verdict.assessed is None else []
    rows.append(("policy", verdict.policy or "none was asked"))
    return pairs([(one_line(name), said) for name, said in rows])


def _actions(tx: Transaction, run: RunId, wanted: str | None) -> list[Proposal]:
    found = journal.proposals(tx, run)
    if wanted is None:
        return found
    ids = {f"{one.turn}.{one.position}": one for one in found} | {str(one.action.id): one for one in found}
    if wanted not in ids:
        raise NotFound("action", wanted, [one.action.id for one in found])
    return [ids[wanted]]


def _label(label: Mapping[str, Any]) -> str:
    trust, secrecy = str(label.get("trust", "")).replace("_", " "), label.get("confidentiality", "internal")
    said = [f"{trust} trust"]
    said += [secrecy] if secrecy != "internal" else []
    said += ["the user's choice"] if label.get("vouched") else []
    return one_line(f"{', '.join(said)}: {', '.join(label.get('from', ()))}")


def _json(each: Proposal) -> dict[str, Any]:
    verdict = each.verdict
    return {
        "action": each.action.id,
        "tool": each.action.tool,
        "arguments": each.action.arguments,
        **verdict.document(),
        "class": verdict.kind,
        "threshold": verdict.threshold,
        "value": verdict.value,
        "assessed": assessed_json(verdict.assessed),
        "windows": list(verdict.windows),
        "recall": verdict.recall,
        "reserve": verdict.reserve,
        "limits": [{"limit": charge.limit, "account": charge.account} for charge in verdict.charges],
        "evidence": verdict.evidence,
        "review": each.review,
    }
