"""Why a question is asked, and who decides it until when."""

from typing import Any, cast

from rich.table import Table
from rich.text import Text

from baton.cli.assessing import assessed_rows
from baton.cli.explaining import conditions
from baton.cli.output import call, one_line
from baton.cli.tables import pairs
from baton.cli.telling import reviewers, until
from baton.core import format_time
from baton.ledger import Review
from baton.review.outlook import NOTHING, Outlook, expected_text, gap_text


def reason(review: Review) -> str:
    """What policy says of it, and by which rules."""
    rules = f" [{', '.join(review.verdict.rules)}]" if review.verdict.rules else ""
    return one_line(f"{review.verdict.reason}{rules}")


def why(review: Review, now: float, outlook: Outlook = NOTHING) -> Table:
    """What speaks for and against, and who decides it until when."""
    verdict, question = review.verdict, review.question
    rows: list[tuple[str, str | Text]] = []
    if "was" in question:
        was = cast("dict[str, Any]", question["was"])
        rows.append(("before", f"version {was['version']}: {call(review.tool, was['arguments'], 400)}"))
    if "now" in question:
        rows.append(("before", f"was approved under: {one_line(str(question.get('before', '')))}"))
    rows += conditions(verdict)
    if verdict.assessed is not None:
        rows += assessed_rows(verdict.assessed)
    elif verdict.threshold is not None:
        gave = f"{verdict.value:.2f}" if verdict.value is not None else "none"
        rows.append(("threshold", f"{verdict.threshold:.2f} for acting alone; the agent's confidence was {gave}"))
    confidence = question.get("confidence")
    if confidence is not None:
        rows.append(("confidence", f"{confidence:.2f}, as the agent itself says"))
    if question.get("reason"):
        rows.append(("agent says", Text(f"“{one_line(str(question['reason']), 400)}”", style="italic")))
    return pairs([*rows, *_who(review, now, outlook)])


def _who(review: Review, now: float, outlook: Outlook) -> list[tuple[str, str | Text]]:
    rows: list[tuple[str, str | Text]] = [("who decides", reviewers(review))]
    if review.verdict.four_eyes:
        rows.append(("four eyes", f"anybody but {one_line(review.requester or 'whoever asked')} approves"))
    if review.assigned:
        rows.append(("given to", one_line(review.assigned)))
    if review.escalated_at is not None:
        rows.append(("escalated", f"at {format_time(review.escalated_at)}"))
    if review.claimed_by:
        rows.append(("claimed by", f"{one_line(review.claimed_by)} until {format_time(review.claimed_until or 0)}"))
    rows.append(("deadline", until(review, now) or "none"))
    if outlook.gap is not None:
        rows.append(("on duty", Text(one_line(gap_text(review, outlook.gap)), style="red")))
    if expects := expected_text(outlook.forecast, now):
        rows.append(("expected", expects))
    return rows
