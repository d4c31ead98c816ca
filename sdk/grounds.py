"""Why a question is asked, and who decides it until when."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from baton.assessing import assessed_rows
from baton.core import Verdict, format_duration, format_time
from baton.core.texts import call, one_line
from baton.ledger import Review
from baton.review.outlook import NOTHING, Outlook, expected_text, gap_text
from baton.rows import Row
from baton.telling import reviewers, until


def reason(review: Review) -> str:
    """What policy says of it, and by which rules."""
    rules = f" [{', '.join(review.verdict.rules)}]" if review.verdict.rules else ""
    return one_line(f"{review.verdict.reason}{rules}")


def why(review: Review, now: float, outlook: Outlook = NOTHING) -> list[Row]:
    """What speaks for and against, and who decides it until when."""
    verdict, question = review.verdict, review.question
    rows: list[Row] = []
    if "was" in question:
        was = cast("dict[str, Any]", question["was"])
        rows.append(Row("before", f"version {was['version']}: {call(review.tool, was['arguments'], 400)}"))
    if "now" in question:
        rows.append(Row("before", f"was approved under: {one_line(str(question.get('before', '')))}"))
    rows += conditions(verdict)
    rows += rests_on(question, now)
    if verdict.assessed is not None:
        rows += assessed_rows(verdict.assessed)
    elif verdict.threshold is not None:
        gave = f"{verdict.value:.2f}" if verdict.value is not None else "none"
        rows.append(Row("threshold", f"{verdict.threshold:.2f} for acting alone; the agent's confidence was {gave}"))
    confidence = question.get("confidence")
    if confidence is not None:
        rows.append(Row("confidence", f"{confidence:.2f}, as the agent itself says"))
    if question.get("reason"):
        rows.append(Row("agent says", f"“{one_line(str(question['reason']), 400)}”", "said"))
    return [*rows, *held_up(verdict), *_who(review, now, outlook)]


def held_up(verdict: Verdict) -> list[Row]:
    """When an action takes effect by the rules that let it through, and what is reserved while people are asked."""
    rows = [Row("window", one_line(f"takes effect in: {', '.join(verdict.windows)}"))] if verdict.windows else []
    if verdict.recall is not None:
        rows.append(Row("recall", f"can be recalled for {format_duration(verdict.recall)} before it takes effect"))
    if verdict.reserve:
        rows.append(Row("reserved", "what it needs, before people are asked"))
    return rows


def rests_on(question: Mapping[str, Any], now: float) -> list[Row]:
    """What the action rests on, as it was when people were asked; it is looked at again before it is carried out."""
    rows: list[Row] = []
    for one in cast("Sequence[Mapping[str, Any]]", question.get("rests_on") or ()):
        name = call(one["tool"], one["arguments"], 200)
        if one["problem"] is not None:
            rows.append(Row("rests on", one_line(f"{name}, which cannot be read: {one['problem']}", 400), "bad"))
        else:
            age = f", read {format_duration(now - one['at'])} ago" if one["at"] is not None else ""
            rows.append(Row("rests on", one_line(f"{name}: {one['said']}", 400) + age))
    facts = cast("Mapping[str, str]", question.get("facts") or {})
    rows += [Row("rests on", one_line(f"fact {id}: {said}", 400)) for id, said in facts.items()]
    return rows


def _who(review: Review, now: float, outlook: Outlook) -> list[Row]:
    rows: list[Row] = [Row("who decides", reviewers(review))]
    if review.verdict.four_eyes:
        rows.append(Row("four eyes", f"anybody but {one_line(review.requester or 'whoever asked')} approves"))
    if review.assigned:
        rows.append(Row("given to", one_line(review.assigned)))
    if review.escalated_at is not None:
        rows.append(Row("escalated", f"at {format_time(review.escalated_at)}"))
    if review.claimed_by:
        rows.append(Row("claimed by", f"{one_line(review.claimed_by)} until {format_time(review.claimed_until or 0)}"))
    rows.append(Row("deadline", until(review, now) or "none"))
    if outlook.gap is not None:
        rows.append(Row("on duty", one_line(gap_text(review, outlook.gap)), "bad"))
    if expects := expected_text(outlook.forecast, now):
        rows.append(Row("expected", expects))
    return rows


def conditions(verdict: Verdict) -> list[Row]:
    """The conditions that decided: what did not hold, or for a forbid what did, each with its rule and values."""
    tested = cast("list[Mapping[str, Any]]", verdict.evidence.get("conditions") or [])
    rows: list[Row] = []
    for one in tested:
        if one["holds"] is None:
            continue
        seen = ", ".join(
            f"{path} is {value_text(value)}" for path, value in cast(Mapping[str, Any], one["values"]).items()
        )
        name = "holds" if one["holds"] else "lacking"
        rows.append(Row(name, one_line(f"{one['words']} [{one['rule']}]" + (f"; {seen}" if seen else ""), 300)))
    return rows


def value_text(value: object) -> str:
    """A value of a condition."""
    if isinstance(value, list):
        return ", ".join(map(str, cast("list[object]", value))) or "none"
    return str(value)


def origin(traced: Mapping[str, Any] | None) -> str:
    """Where an argument came from, and how far that is trusted."""
    if not traced:
        return ""
    sources: list[str] = [_SOURCES.get(source) or str(source).replace(":", " ") for source in traced.get("from", ())]
    return one_line(f"{traced.get('trust', '')} trust: {', '.join(sources)}".replace("_tool trust", " tool trust"))


_SOURCES = {
    "untraced": "nothing that the agent read has it",
    "absent": "left out",
    "goal": "the goal",
}
