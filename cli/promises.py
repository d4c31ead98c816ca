"""`baton promise`: how much the agents may do alone, what that rests on, and a better score for it."""

import shlex
from dataclasses import asdict
from typing import Any

from cyclopts import App
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from baton.cli.opening import Place, find_place, to_look
from baton.cli.options import DEFAULTS, Common, Exit
from baton.cli.output import Screen
from baton.cli.promise_page import show_promise
from baton.cli.standing import sentence
from baton.cli.tables import pairs
from baton.core.texts import one_line, percent
from baton.ledger import Ledger
from baton.policies.promises import learning, looking
from baton.policies.promises.looking import Look
from baton.policies.promises.scoring import ENOUGH, FOLDS, GAIN, RULE, Comparison
from baton.review.promise_record import look_json, page_json

app = App(name="promise", help="See how much agents may do alone by promises, and what that rests on.")


@app.default
@app.command(name="list")
async def list_(*, common: Common = DEFAULTS) -> None:
    """List the promises: how much runs alone, how much of it was wrong, or what is missing until some does.

    Args:
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        found, now = await ledger.read(looking.looks), ledger.clock.now()
    screen.document({"promises": [look_json(look) for look in found]})
    if not found:
        screen.show("No action of a class with a promise was decided yet; docs/promises.md says how to promise.")
        return
    for look in found:
        screen.show(Text.assemble((one_line(look.row.kind), "bold"), f"  {one_line(look.row.agent)}"))
        screen.show(Padding(sentence(look, now), (0, 0, 0, 4), expand=False))
        if look.waiting:
            screen.show(Text(f"    {len(look.waiting)} to look back at: {place.command('review')}", style="dim"))
        screen.show("")
    alike = sum(look.row.kind == found[0].row.kind for look in found) > 1
    words = f"promise show {_named(found[0], agent=alike)}"
    screen.show(Text.assemble("next: ", (place.command(words), "bold cyan")))


@app.command
async def show(kind: str, /, *, agent: str | None = None, common: Common = DEFAULTS) -> None:
    """Show a promise: what more would cost, how right stated confidence is, how much ran alone, what scores it.

    Args:
        kind: The class.
        agent: Whose, where several agents have it.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        page, now = await ledger.read(lambda tx: looking.page(tx, kind, agent)), ledger.clock.now()
    screen.document(page_json(page))
    show_promise(screen, page, place, now)


@app.command
async def refit(kind: str, /, *, agent: str | None = None, yes: bool = False, common: Common = DEFAULTS) -> Exit:
    """Fit a score to the labels of a class and say how it ranks beside the one in use; exits with 1 if it is no better.

    Args:
        kind: The class.
        agent: Whose, where several agents have it.
        yes: Use it from now on; the certificate of the class begins anew.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        look = await ledger.read(lambda tx: looking.look(tx, kind, agent))
        found = await learning.trial(ledger, look.row)
        better = found is not None and found.better
        if found is not None and better and yes:
            await learning.record(ledger, look.row, found.fitted)
        labels = await _labels(ledger, look) if found is None else found.labels
    screen.document(_json(look, found, labels, recorded=better and yes))
    screen.show(Text.assemble((one_line(look.row.kind), "bold"), f"  {one_line(look.row.agent)}"))
    screen.show(Padding(_compared(look, found, labels), (0, 0, 0, 2), expand=False))
    if better:
        screen.show("", *_next(look, place, recorded=yes))
    return Exit.OK if better else Exit.FAILED


def _named(look: Look, *, agent: bool) -> str:
    """The class as it is typed, and the agent where it is needed."""
    kind = shlex.quote(one_line(look.row.kind))
    return f"{kind} --agent {shlex.quote(one_line(look.row.agent))}" if agent else kind


async def _labels(ledger: Ledger, look: Look) -> int:
    return len(await ledger.read(lambda tx: learning.labels_of(tx, look.row.id)))


def _compared(look: Look, found: Comparison | None, labels: int) -> RenderableType:
    """How both rank: the probability that a right action scores higher than a wrong one."""
    if found is None:
        return Text(f"{labels} labels are there: it takes {ENOUGH}, right and wrong ones among them, to fit a score")
    used = "the fixed rule" if look.row.scorer == RULE else look.row.scorer
    rows: list[tuple[str, str | Text]] = [
        ("in use", f"{used}: AUROC {found.used:.3f}"),
        ("fitted", f"{found.fitted.id}: AUROC {found.learnt:.3f}, by cross-validation in {FOLDS} parts"),
        ("labels", f"{found.labels:,}, {found.wrong:,} of them wrong"),
    ]
    if not found.better:
        rows.append(("so", f"it stays as it is: a new beginning is worth it from {GAIN:g} of AUROC on"))
    return pairs(rows)


def _next(look: Look, place: Place, *, recorded: bool) -> list[str | Text]:
    """What becomes of the certificate, or would."""
    kind, standing = one_line(look.row.kind), look.standing
    runs = f"{percent(standing.share)} of it runs" if standing and standing.threshold is not None else "nothing runs"
    if recorded:
        told = f"The fitted score is used from the next action on. With it the certificate of {kind} begins anew:"
        return [f"{told} {runs} alone so far, and nothing will until it is certified again."]
    told = f"Nothing has changed. Where the fitted score is used, the certificate of {kind} begins anew:"
    command = place.command(f"promise refit {_named(look, agent=True)} --yes")
    return [
        f"{told} {runs} alone now, and nothing will until it is certified again.",
        Text.assemble("next: ", (command, "bold cyan")),
    ]


def _json(look: Look, found: Comparison | None, labels: int, *, recorded: bool) -> dict[str, Any]:
    compared = None if found is None else {**asdict(found), "fitted": found.fitted.id, "better": found.better}
    row = look.row
    return {
        "class": row.kind,
        "agent": row.agent,
        "scorer": row.scorer,
        "labels": labels,
        "compared": compared,
        "recorded": recorded,
    }
