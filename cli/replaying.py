"""`baton replay`: a run step by step, from the record."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.rule import Rule
from rich.text import Text

from baton.cli.opening import Place, find_place, load, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.cli.tones import marked, status_style
from baton.core import BatonError, InvalidValue, Ruling, format_time
from baton.core.texts import call, one_line, safe
from baton.ledger import Line, Review
from baton.review.record import review_json, run_json, time_json
from baton.story import moments
from baton.telling import decided, reviewers, tell

if TYPE_CHECKING:
    from baton.agents import Agent
    from baton.graph.replaying import Done, Replay, Turn
    from baton.story import Moment

_RULINGS = {Ruling.ALLOW: ("→", ""), Ruling.ASK: ("?", "yellow"), Ruling.DENY: ("✗", "red")}
_ROLES = {"user": ("<", ""), "notice": ("⇠", "dim")}

_SHOWN = 600
"""Characters of a text that are shown; --json gives all of it."""


async def replay(run: str, /, *, step: bool = False, to: int | None = None, common: Common = DEFAULTS) -> None:
    """Show a run step by step from the record: what it read, was asked with, answered, did, and why.

    Nothing is called and nothing is written. With the run's agent at hand, --json holds each request whole.

    Args:
        run: The id, or the beginning of one.
        step: Wait for Enter after each turn; only at a terminal.
        to: The last turn to show.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common)
    if step and not screen.asks:
        raise InvalidValue("--step", "no terminal", "it at a terminal, without --json")
    agents = _agents(place)
    from baton.graph.replaying import replay

    async with to_look(place) as ledger:
        found = await ledger.read(lambda tx: replay(tx, run, agents, to=to))
        beside = [event for turn in found.turns for event in turn.beside] + list(found.before)
        told = {moment.event.id: moment for moment in await ledger.read(lambda tx: moments(tx, beside))}
    screen.document(_json(found))
    await _show(screen, found, told, step)


async def _show(screen: Screen, found: "Replay", told: "Mapping[int, Moment]", step: bool) -> None:
    run = found.run
    head = Text.assemble((run.id, "bold"), "  ", (run.status, f"bold {status_style(run.status)}"))
    head.append(f"  {one_line(run.agent)}, begun {format_time(run.created_at)}", style="dim")
    screen.show(head, Text(safe(run.goal.statement)), *_beside(found.before, told))
    for turn in found.turns:
        screen.show("", _rule(turn), *_turn(turn), *_beside(turn.beside, told))
        if step and turn is not found.turns[-1] and not await _next():
            return
    if found.after:
        screen.show("", Rule(Text("not read yet", style="dim"), align="left", style="dim"))
        screen.show(*(text for line in found.after for text in _news(line)))


async def _next() -> bool:
    """Whether the person wants to go on."""
    try:
        return (await asyncio.to_thread(input, "  Enter: next turn, q: stop ")).strip().lower() not in ("q", "quit")
    except EOFError:
        return False


def _rule(turn: "Turn") -> Rule:
    title = Text(f"turn {turn.number}", style="bold")
    if turn.call is None:
        title.append("  shared with the run that this one was forked from", style="dim")
    else:
        used = f"{turn.call.prompt_tokens:,} + {turn.call.completion_tokens:,} tokens, {turn.call.seconds:.1f} s"
        title.append(f"  {format_time(turn.call.at)}, {one_line(turn.call.model)}, {used}", style="dim")
    return Rule(title, align="left", style="dim")


def _turn(turn: "Turn") -> Iterator[Text]:
    for line in turn.news:
        yield from _news(line)
    yield Text.assemble(("  asked with  ", "dim"), (_asked(turn), "dim"))
    if turn.said.strip():
        yield Text.assemble("  “ ", (_short(turn.said), "italic"))
    for done in turn.done:
        yield from _done(done)


def _asked(turn: "Turn") -> str:
    size = f", {turn.tokens:,} tokens without the tools" if turn.tokens else ""
    left = f", {turn.call.left_out} left out" if turn.call is not None and turn.call.left_out else ""
    exact = "exactly these" if turn.exact else "without the instructions of then"
    return f"{len(turn.request)} messages{left}{size} ({exact})"


def _news(line: Line) -> Iterator[Text]:
    mark, style = _ROLES.get(line.role, ("·", "dim"))
    yield Text.assemble(f"  {mark} ", (_short(line.text), style), (f"  {line.trust.name.lower()} trust", "dim"))


def _done(done: "Done") -> Iterator[Text]:
    action, verdict = done.proposal.action, done.proposal.verdict
    mark, style = _RULINGS[verdict.ruling]
    yield Text.assemble(f"  {mark} ", (call(action.tool, action.arguments, _SHOWN), style or "bold"))
    sure = "" if action.confidence is None else f", {action.confidence:.0%} sure"
    rules = f" [{', '.join(verdict.rules)}]" if verdict.rules else ""
    if done.proposal.problem is not None:
        yield _detail("!", done.proposal.problem, "red")
    else:
        yield _detail(verdict.ruling.value, f"{verdict.reason}{rules}{sure}", "dim")
    for review in done.reviews:
        yield _detail(review.id, _answer(review), "magenta" if review.decision else "yellow")
    if done.effect is not None:
        took = "" if done.effect.ended_at is None else f" in {done.effect.ended_at - done.effect.claimed_at:.2f} s"
        tries = f", {done.effect.attempts} tries" if done.effect.attempts > 1 else ""
        yield _detail(done.effect.state.value, f"{took.strip()}{tries}, key {done.effect.key}".lstrip(", "), "dim")
    result = done.effect.result if done.effect is not None and done.effect.result else done.told
    if result:
        yield Text.assemble("    ← ", (_short(result), ""))


def _detail(name: str, says: str, style: str) -> Text:
    return Text.assemble("      ", (f"{name}  ", "dim"), (_short(says), style))


def _answer(review: Review) -> str:
    if review.decision is None:
        return f"waits for {reviewers(review)}"
    note = f": {review.decision.note}" if review.decision.note else ""
    edited = f" to {review.decision.arguments}" if review.decision.arguments is not None else ""
    return f"{decided(review.decision, 'it')}{edited} at {format_time(review.decision.at)}{note}"


def _beside(happened: Any, told: "Mapping[int, Moment]") -> Iterator[Text]:
    for event in happened:
        line = tell(told[event.id])
        if line is not None:
            yield marked(line)


def _short(text: str) -> str:
    return one_line(text, _SHOWN)


def _agents(place: Place) -> "dict[str, Agent]":
    """The agents at hand; without a project that can be read, requests are shown without instructions."""
    if place.project is None:
        return {}
    try:
        return {agent.name: agent for agent in load(place).agents}
    except BatonError:
        return {}


def _json(found: "Replay") -> dict[str, Any]:
    return {
        "run": run_json(found.run),
        "turns": [_turn_json(turn) for turn in found.turns],
        "unread": [_line_json(line) for line in found.after],
    }


def _turn_json(turn: "Turn") -> dict[str, Any]:
    called = turn.call
    return {
        "turn": turn.number,
        "shared": called is None,
        "at": time_json(called.at) if called else None,
        "model": called.model if called else None,
        "prompt_tokens": called.prompt_tokens if called else None,
        "completion_tokens": called.completion_tokens if called else None,
        "seconds": called.seconds if called else None,
        "news": [_line_json(line) for line in turn.news],
        "request": list(turn.request),
        "exact": turn.exact,
        "tokens": turn.tokens,
        "said": turn.said,
        "actions": [_done_json(done) for done in turn.done],
        "events": [{"kind": event.kind, "at": time_json(event.at), **event.data} for event in turn.beside],
    }


def _line_json(line: Line) -> dict[str, Any]:
    return {"role": line.role, "text": line.text, "ref": line.ref, "trust": line.trust.name.lower()}


def _done_json(done: "Done") -> dict[str, Any]:
    action, verdict, effect = done.proposal.action, done.proposal.verdict, done.effect
    return {
        "id": action.id,
        "tool": action.tool,
        "version": action.version,
        "arguments": action.arguments,
        "confidence": action.confidence,
        "reason": action.reason,
        "problem": done.proposal.problem,
        "verdict": {"ruling": verdict.ruling.value, "rules": list(verdict.rules), "reason": verdict.reason},
        "policy": verdict.policy,
        "reviews": [review_json(review) for review in done.reviews],
        "effect": effect and {"state": effect.state.value, "attempts": effect.attempts, "result": effect.result},
        "told": done.told,
    }
