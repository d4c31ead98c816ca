"""The table that the demo ends with: done alone, done with a person, waiting for one, refused."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from baton.core import Ruling, RunId, format_time
from baton.core.texts import one_line
from baton.ledger import Decision, DecisionKind, Review, ReviewKind, Transaction, families, journal, reviews, runs
from baton.story import waiting
from baton.telling import asked, reviewers

SECTIONS = (
    ("done alone", "green"),
    ("done with a person", "green"),
    ("waiting for a person", "yellow"),
    ("refused", "red"),
    ("failed", "red"),
    ("at work", "cyan"),
)


@dataclass(frozen=True)
class Row:
    """How one mail stands.

    Attributes:
        section: One of SECTIONS.
        says: What was reached, or is asked.
        why: The rule or the person behind it; who is asked and until when. Empty where nobody was.
        review: The question that waits; empty where none does.
    """

    mail: str
    section: str
    says: str
    why: str = ""
    review: str = ""


def read_rows(tx: Transaction, id: RunId, mail: str) -> Row:
    """How a mail's run stands, with what it handed to billing."""
    run = runs.get(tx, id)
    open_reviews = waiting(tx, id).reviews
    if not run.ended:
        return _asked(mail, open_reviews[0]) if open_reviews else Row(mail, "at work", run.trouble or "")
    decisions = _decisions(tx, id)
    people = "; ".join(_decided(decision) for decision in decisions)
    if run.status == "done":
        return Row(mail, "done with a person" if decisions else "done alone", run.summary, people)
    if run.status == "refused":
        return Row(mail, "refused", run.summary, "; ".join(filter(None, (_rules(tx, id), people))))
    return Row(mail, "failed", f"{run.status}: {run.summary}", people)


def show_rows(console: Console, rows: Sequence[Row], totals: str) -> None:
    """Print the table, section by section, and the totals."""
    width = max(len(row.mail) for row in rows)
    for section, style in SECTIONS:
        found = [row for row in rows if row.section == section]
        if found:
            console.print()
            console.print(Text(f"{section} ({len(found)})", style=f"bold {style}"))
            console.print(Padding(_table(found, width), (0, 0, 0, 2)), soft_wrap=False)
    counts = ", ".join(f"{sum(row.section == name for row in rows)} {name}" for name, _ in SECTIONS[:4])
    console.print()
    console.print(Text(f"{len(rows)} mails: {counts}; {totals}"))


def _table(rows: Sequence[Row], width: int) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True, width=width)
    brief = rows[0].section == "done alone"
    table.add_column(no_wrap=brief, overflow="ellipsis" if brief else "fold", ratio=1)
    for row in rows:
        said = Text(one_line(row.says))
        if row.why:
            said.append(f"\n{one_line(row.why)}", style="dim")
        if row.review:
            said.append(f"\n{row.review}", style="bold cyan")
        table.add_row(Text(row.mail), said)
    return table


def _asked(mail: str, review: Review) -> Row:
    says = asked(review, 160 if review.kind is ReviewKind.ACTION else 300)
    rules = f" [{', '.join(review.verdict.rules)}]" if review.kind is ReviewKind.ACTION else ""
    until = f", until {format_time(review.deadline)}" if review.deadline is not None else ", no deadline"
    why = f"asks {reviewers(review)}{until}: {review.verdict.reason}{rules}"
    return Row(mail, "waiting for a person", says, why, review.id)


def _decisions(tx: Transaction, id: RunId) -> list[Decision]:
    """What people decided on the way."""
    found = [review.decision for run in families.ids(tx, id) for review in reviews.of_run(tx, run)]
    return [decision for decision in found if decision and decision.by != "baton"]


def _decided(decision: Decision) -> str:
    what = {DecisionKind.APPROVE: "approved", DecisionKind.EDIT: "changed", DecisionKind.REJECT: "rejected"}
    note = f": {decision.note}" if decision.note else ""
    return f"{decision.by} {what.get(decision.kind, 'answered')} {decision.review}{note}"


def _rules(tx: Transaction, id: RunId) -> str:
    """The rules that said no."""
    denied = [
        proposal.verdict
        for run in families.ids(tx, id)
        for proposal in journal.proposals(tx, run)
        if proposal.verdict.ruling is Ruling.DENY and proposal.problem is None
    ]
    ids = dict.fromkeys(rule for each in denied for rule in each.rules or (each.reason,))
    return f"rule: {', '.join(ids)}" if ids else ""
