"""What the pages of runs show: the list, and one run in words and pictures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from baton.core import InvalidValue, Prices, Ruling, RunId, ToolSpec, format_duration, format_time
from baton.core.texts import call, one_line
from baton.costing import used_told
from baton.graph.briefing import brief, change_text, paused_at, reading_text
from baton.graph.planning import steps_told
from baton.grounds import conditions
from baton.ledger import (
    EffectState,
    Proposal,
    Review,
    Run,
    Transaction,
    effects,
    events,
    families,
    journal,
    reviews,
    runs,
    workflow_steps,
)
from baton.rows import Row
from baton.server.pages.gantt import Gantt, gantt
from baton.story import Waiting, moments, waiting
from baton.telling import Told, asked, tell

PAGE = 50
"""Runs that a list shows at a time."""

STORY = 300
"""Events of which a page shows the newest."""

ACTIONS = 200
"""Actions of which a page shows the newest."""

PAUSED = 3600.0
"""Seconds after which a run counts as paused, and its page says what has happened meanwhile."""

Tools = Mapping[str, Mapping[str, ToolSpec]]

_DRAWN = 2500
"""Events of each run that are drawn, the newest."""

_MOST_LISTED = 100
"""Runs of a family that are listed, the oldest."""

_MOST_DRAWN = 40
"""Runs of a family that are drawn, the oldest."""

VIEWS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("all", "All", ()),
    ("work", "At work", ("ready",)),
    ("waiting", "Waiting", ("waiting",)),
    ("done", "Done", ("done",)),
    ("ended", "Ended otherwise", ("refused", "failed", "cancelled")),
)


@dataclass(frozen=True)
class RunCard:
    """A run as a list shows it."""

    run: Run
    name: str
    waits_for: str


@dataclass(frozen=True)
class RunList:
    """One page of a list; `more` is where the next one begins, None on the last."""

    runs: list[RunCard]
    more: RunId | None

    @property
    def moving(self) -> bool:
        """Whether one of them is at work, and may come to rest without an event that says so."""
        return any(card.run.status == "ready" for card in self.runs)


@dataclass(frozen=True)
class Step:
    """A line of the story, and where it can be forked from.

    Attributes:
        turn: The turn that ends with it; None where none does, or where it cannot be forked from.
        details: What the line is about, in rows.
    """

    at: float
    agent: str
    line: Told
    turn: int | None


@dataclass(frozen=True)
class Node:
    """A run in the family's tree."""

    run: Run
    depth: int


@dataclass(frozen=True, kw_only=True)
class BriefCard:
    """What has happened since a run paused; see `graph.briefing.Brief`."""

    away: str
    since: float
    happened: list[str]
    changed: list[str]
    outdated: list[str]


@dataclass(frozen=True, kw_only=True)
class RunPage:
    """A run with what its page shows.

    Attributes:
        top: Whether nobody handed it the work.
        plan: Its newest plan.
        tree: It and those it handed work to, each below the one that it has its work from.
        others: Those of them that are not listed.
        earlier: Events that are not shown.
        topics: What changes it.
        brief: What has happened since it paused; None while it has not, or not for long, and once it has ended.
    """

    run: Run
    now: float
    state: Waiting
    plan: list[str]
    facts: list[Row]
    tree: list[Node]
    others: int
    gantt: Gantt
    story: list[Step]
    earlier: int
    questions: list[tuple[Review, str]]
    brief: BriefCard | None = None

    @property
    def topics(self) -> str:
        """The ids of all that it shows."""
        return " ".join(node.run.id for node in self.tree)


@dataclass(frozen=True)
class ActionRow:
    """An action with verdict and effect.

    Attributes:
        ruling: What policy said, and how that looks.
        effect: How far it was carried out; empty if nobody began to.
        grounds: The conditions that decided.
    """

    id: str
    turn: int
    call: str
    ruling: str
    tone: str
    reason: str
    rules: str
    confidence: float | None
    effect: str
    result: str
    review: str | None
    grounds: list[Row]


def statuses(view: str) -> tuple[str, ...]:
    """The statuses that a view shows; none is all.

    Raises:
        InvalidValue: if there is no such view.
    """
    known = {name: shown for name, _, shown in VIEWS}
    if view not in known:
        raise InvalidValue("view", view, " or ".join(known))
    return known[view]


def run_list(tx: Transaction, view: str, agent: str | None, after: str | None) -> RunList:
    """A page of the list, the newest first."""
    last = runs.find(tx, after) if after is not None else None
    found = runs.listed(tx, statuses=statuses(view), agent=agent, limit=PAGE + 1, after=last)
    cards = [RunCard(run, one_line(run.key or run.goal.statement, 200), _waits_for(tx, run)) for run in found[:PAGE]]
    return RunList(cards, found[PAGE - 1].id if len(found) > PAGE else None)


def _waits_for(tx: Transaction, run: Run) -> str:
    """What a run goes on with only, in a few words."""
    if run.ended:
        return one_line(run.summary, 160)
    return one_line(state_text(waiting(tx, run.id)) or (run.trouble or ""), 160)


def state_text(state: Waiting) -> str:
    """What is waited for."""
    parts: list[str] = []
    if state.reviews:
        first, *others = state.reviews
        parts.append(asked(first, 80) + (f" and {len(others)} more" if others else ""))
    parts += [f"the event {one.event} {one.key}" for one in state.events[:2]]
    parts += state.other[:2]
    if state.until is not None:
        parts.append(f"until {format_time(state.until)}")
    return "; ".join(parts)


def run_page(
    tx: Transaction, id: str, tools: Tools | None = None, prices: Prices | None = None, *, whole: bool = False
) -> RunPage:
    """A run as its page shows it.

    Args:
        tx: The transaction.
        id: The beginning of its id.
        tools: Those of the agents at hand, by the agent's name; None where none are.
        prices: What the models cost; None where nobody says.
        whole: Whether to show all of its story.

    Raises:
        NotFound, Ambiguous: if none or several have this beginning of an id.
    """
    run = runs.get(tx, runs.find(tx, id))
    everyone = families.read(tx, run.id, _MOST_LISTED)
    drawn = everyone[:_MOST_DRAWN]
    happened = {one.id: _events(tx, one.id) for one in drawn}
    shown = happened[run.id] if whole else happened[run.id][-STORY:]
    return RunPage(
        run=run,
        now=tx.now,
        state=waiting(tx, run.id),
        plan=_plan(tx, run.id),
        facts=_facts(run, used_told(tx, [run], prices)),
        tree=_tree(everyone),
        others=families.count(tx, run.id) - len(everyone),
        gantt=gantt([(one, happened[one.id]) for one in drawn], tx.now),
        story=_steps(tx, shown, forkable=not workflow_steps.any_of_run(tx, run.id)),
        earlier=len(happened[run.id]) - len(shown),
        questions=[(one, asked(one, 200)) for one in reviews.of_run(tx, run.id)],
        brief=_brief(tx, run, (tools or {}).get(run.agent, {})),
    )


def _brief(tx: Transaction, run: Run, tools: Mapping[str, ToolSpec]) -> BriefCard | None:
    """What has happened since a run paused, where that is a while ago."""
    since = paused_at(tx, run.id)
    if run.ended or run.working or tx.now - since < PAUSED:
        return None
    told = brief(tx, run.id, since, tools)
    return BriefCard(
        away=format_duration(tx.now - since),
        since=since,
        happened=list(told.happened),
        changed=[one_line(change_text(one), 400) for one in told.changed],
        outdated=[one_line(reading_text(one, told.now), 400) for one in told.outdated],
    )


def _events(tx: Transaction, run: RunId) -> list[events.Event]:
    return events.latest(tx, run, limit=_DRAWN)


def _plan(tx: Transaction, run: RunId) -> list[str]:
    made = events.latest(tx, run, "plan.made", 1)
    return steps_told(made[0].data) if made else []


def _tree(everyone: Sequence[Run]) -> list[Node]:
    below: dict[RunId | None, list[Run]] = {}
    for one in everyone[1:]:
        below.setdefault(one.parent, []).append(one)

    def nodes(run: Run, depth: int) -> Iterator[Node]:
        yield Node(run, depth)
        for child in below.get(run.id, ()):
            yield from nodes(child, depth + 1)

    return list(nodes(everyone[0], 0))


def _facts(run: Run, used: str) -> list[Row]:
    goal = run.goal
    rows = [Row("criterion", one_line(said, 400)) for said in goal.criteria]
    rows += [Row("constraint", one_line(said, 400)) for said in goal.constraints]
    rows += [Row("asked by", one_line(run.requester))] if run.requester else []
    rows += [Row("deadline", format_time(run.deadline))] if run.deadline is not None else []
    rows += [Row("used", f"{run.turns} turns, {used}")]
    rows += [Row("trouble", one_line(f"{run.trouble}{f' ({run.fault.value})' if run.fault else ''}"), "bad")] * bool(
        run.trouble
    )
    return rows


def _steps(tx: Transaction, shown: Sequence[events.Event], *, forkable: bool) -> list[Step]:
    found: list[Step] = []
    for moment in moments(tx, shown):
        line, turn = tell(moment), None
        if moment.event.kind == "model.answered":
            turn = int(moment.event.data["turn"]) if forkable else None
            line = line or Told("·", f"turn {moment.event.data['turn']}", "quiet")
        if line is not None:
            found.append(Step(moment.event.at, moment.run.agent, line, turn))
    return found


def action_rows(tx: Transaction, id: str) -> tuple[list[ActionRow], int]:
    """The newest actions of a run with verdict and effect, the newest first; and how many earlier ones there are."""
    found = journal.proposals(tx, runs.find(tx, id))
    return [_action(tx, one) for one in reversed(found[-ACTIONS:])], max(0, len(found) - ACTIONS)


_RULINGS: Mapping[Ruling, tuple[str, str]] = {
    Ruling.ALLOW: ("alone", "good"),
    Ruling.ASK: ("a person decides", "asks"),
    Ruling.DENY: ("denied", "bad"),
}


def _action(tx: Transaction, one: Proposal) -> ActionRow:
    action, verdict = one.action, one.verdict
    effect = effects.get(tx, action.id)
    ruling, tone = _RULINGS[verdict.ruling] if one.problem is None else ("unusable", "bad")
    return ActionRow(
        id=action.id,
        turn=one.turn,
        call=call(action.tool, action.arguments, 400),
        ruling=ruling,
        tone=tone,
        reason=one_line(one.problem or verdict.reason, 300),
        rules=", ".join(verdict.rules),
        confidence=action.confidence,
        effect=("in doubt" if effect.state is EffectState.DOUBT else effect.state.value) if effect is not None else "",
        result=effect.result if effect is not None else "",
        review=one.review,
        grounds=conditions(verdict),
    )
