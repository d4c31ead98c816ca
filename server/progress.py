"""What an agent does besides speaking, in a line each, for whoever waits for its answer."""

from baton.core import Ruling, dump
from baton.story import Moment

_LONGEST = 300
_SILENT = frozenset({"plan", "finish", "hand_off", "remember"})  # their own events say more than the call


def progress(moment: Moment) -> str | None:
    """A moment in a line; None for what need not be seen."""
    said = _said(moment)
    if said is None:
        return None
    line = " ".join(said.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _said(moment: Moment) -> str | None:
    data, agent = moment.event.data, moment.run.agent
    match moment.event.kind:
        case "plan.made":
            return f"{agent} plans: " + " ".join(f"{n}. {step}" for n, step in enumerate(data["steps"], 1))
        case "handoff.offered":
            return f"{agent} hands work to {data['to']}"
        case "action.judged":
            return _judged(moment)
        case "effect.done" | "effect.failed" if moment.effect is not None:
            how = "done" if moment.event.kind == "effect.done" else "failed"
            return f"{moment.effect.tool}: {how}"
        case "review.opened" if moment.review is not None:
            return f"{agent} asks people: {moment.review.question.get('summary', '')} ({moment.review.id})"
        case "run.troubled":
            return f"{data['trouble']} (it is tried again)"
        case "run.ended" if moment.run.parent is not None:
            return f"{agent}: {data['outcome']}"
        case _:
            return None


def _judged(moment: Moment) -> str | None:
    one = moment.proposal
    if one is None or one.problem is not None:
        return None
    match one.verdict.ruling:
        case Ruling.ALLOW:
            what = f"{one.action.tool} {dump(one.action.arguments)}"
            return None if one.action.tool in _SILENT else f"{moment.run.agent} calls {what}"
        case Ruling.DENY:
            return f"{one.action.tool} is denied: {one.verdict.reason}"
        case Ruling.ASK:
            return None
