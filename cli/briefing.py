"""`baton runs brief` and `baton runs context`: what has happened meanwhile, and what a model was told."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from baton.cli.opening import Place, find_place, load, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.cli.tables import pairs
from baton.core import BatonError, ToolSpec, format_duration, format_time
from baton.core.texts import one_line, safe
from baton.ledger import Transaction, runs
from baton.telling import asked

if TYPE_CHECKING:
    from baton.graph.briefing import Brief


async def brief(run: str, /, *, common: Common = DEFAULTS) -> None:
    """Say what a run intended when it paused, what has happened since, and what has to be looked at again.

    Args:
        run: The id, or the beginning of one.
        common: Options of every command.
    """
    from baton.briefs import brief_json
    from baton.graph.briefing import brief, paused_at

    screen, place = Screen(common.json), find_place(common)
    tools = _tools(place)

    def look(tx: Transaction) -> "Brief":
        known = runs.get(tx, runs.find(tx, run))
        return brief(tx, known.id, paused_at(tx, known.id), tools.get(known.agent, {}))

    async with to_look(place) as ledger:
        told = await ledger.read(look)
    screen.document(brief_json(told))
    screen.show(*_brief(told, known=told.run.agent in tools))


async def context(run: str, /, *, turn: int | None = None, common: Common = DEFAULTS) -> None:
    """Say what the model was told in a turn, section by section, and what was left out and why.

    Args:
        run: The id, or the beginning of one.
        turn: Which turn (default: the last).
        common: Options of every command.
    """
    from baton.contexts import seen, seen_json

    screen, place = Screen(common.json), find_place(common)
    async with to_look(place) as ledger:
        one = await ledger.read(lambda tx: seen(tx, runs.find(tx, run), turn))
    screen.document(seen_json(one))
    head = Text.assemble((f"turn {one.call.turn}", "bold"), (f"  {format_time(one.call.at)}, ", "dim"))
    screen.show(head.append(one_line(one.call.model), style="dim"), Text(one.size), "", pairs(one.rows))
    screen.show(*_titled("left out", [f"{name}  {why}" for name, why, _ in one.left_out]))
    facts = [fact or "a fact that was forgotten" for fact in one.facts]
    screen.show(*_titled("beside the conversation", [*one.beside, *facts]))


def _brief(told: "Brief", *, known: bool) -> Iterator[Text]:
    from baton.graph.briefing import change_text, reading_text

    run = told.run
    paused = f"paused for {format_duration(told.now - told.since)}, since {format_time(told.since)}"
    yield Text.assemble((run.id, "bold"), f"  {one_line(run.agent)}, ", ((run.summary and "ended") or paused, "dim"))
    yield Text(safe(run.goal.statement))
    yield from _titled("it intended", [f"{number}. {step}" for number, step in enumerate(told.plan, 1)])
    earlier = [f"… {told.earlier} earlier"] if told.earlier else []
    yield from _titled("what has happened since", [*earlier, *told.happened] or ["nothing"])
    yield from _titled("it waits for", [f"{one.id}  {asked(one, 200)}" for one in told.waiting])
    yield from _titled("no longer so", [change_text(one) for one in told.changed])
    outdated = [reading_text(one, told.now) for one in told.outdated]
    yield from _titled("to be looked at again", outdated)
    if not (known or run.ended):
        yield Text(f"The agent {one_line(run.agent)} is not at hand: how long its readings hold is not known.", "dim")


def _titled(title: str, said: Sequence[str]) -> Iterator[Text]:
    if said:
        yield Text(f"\n{title}", style="bold underline")
    yield from (Text(f"  {one_line(one, 1000)}") for one in said)


def _tools(place: Place) -> Mapping[str, Mapping[str, ToolSpec]]:
    """The tools of the agents at hand, by the agent's name; none without a project that can be read."""
    if place.project is None:
        return {}
    try:
        return {agent.name: agent.specs for agent in load(place).agents}
    except BatonError:
        return {}
