"""`baton review`: see what waits for people, and decide it; the run goes on at once."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter
from rich.text import Text

from baton.cli.audit_page import AuditPage, audit_card, looked_before, read_audit, show_audit
from baton.cli.editing import edited
from baton.cli.looking_back import is_audit, need_review, right, wrong
from baton.cli.measuring import measures
from baton.cli.opening import Place, at_work, find_place, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.cli.progress import show_progress, show_result
from baton.cli.questions import COMMANDS
from baton.cli.review_page import card, change, show_page
from baton.core import InvalidValue, ReviewId
from baton.core.texts import one_line
from baton.handles import person
from baton.ledger import DecisionKind, Review, Transaction, audits, reviews, runs
from baton.ledger.audits import Audit
from baton.pages import ReviewPage, read_page
from baton.review import Answer, ReviewQueue
from baton.review.outlook import NOTHING, Outlook, outlooks
from baton.review.promise_record import audit_json
from baton.review.record import assessed_json, outlook_json, review_json, run_json
from baton.story import moment_json, top
from baton.telling import DECIDED, proposed

if TYPE_CHECKING:
    from baton.agents import Agent
    from baton.app import Baton

app = App(name="review", help="See what waits for a person, and decide it.")
for command in (right, wrong, measures, *COMMANDS):
    app.command(command)

CHANNEL = "cli"

Names = Annotated[tuple[str, ...], Parameter(consume_multiple=False)]

Make = Callable[[Review, "Mapping[str, Agent]"], Answer]
"""Makes the answer to a review, with the agents at hand."""


@app.default
async def walk(*, skill: Names = (), role: Names = (), common: Common = DEFAULTS) -> None:
    """Go through what waits for you, one question a screen; without a terminal, list what waits for people.

    Args:
        skill: Something that you know; may be given several times (default: everything).
        role: A role that you have, beside your own name; may be given several times (default: all).
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    if not screen.asks:
        await list_(common=common)
        return
    from baton.cli.keyboard import Keyboard
    from baton.cli.walking import Walk

    place.require()
    async with at_work(place, screen, needs_agents=False) as baton:
        await Walk(baton, place, screen, Keyboard(screen), skills=skill or None, roles=role or None).go()


@app.command(name="list")
async def list_(*, common: Common = DEFAULTS) -> None:
    """List what waits for a person: the earliest deadline first.

    Args:
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        (found, backward, told), now = await ledger.read(_waiting), ledger.clock.now()
    screen.document(
        {
            "reviews": [review_json(review) | outlook_json(told.get(review.id)) for review in found],
            "audits": [audit_json(audit) for audit, _ in backward],
        }
    )
    if not found and not backward:
        screen.show("Nothing waits for a person.")
        return
    for review in found:
        screen.show(card(review, now, told.get(review.id, NOTHING)), "")
    if backward:
        screen.show(Text("to look back at", style="bold"), "")
    for audit, before in backward:
        screen.show(audit_card(audit, before, person(), now), "")
    shown = found[0].id if found else backward[0][0].id
    screen.show(Text.assemble("next: ", (place.command(f"review show {shown}"), "bold cyan")))


@app.command
async def show(review: str, /, *, common: Common = DEFAULTS) -> None:
    """Show a question, or an action to look back at: what it is, why, what it rests on, how to answer.

    Args:
        review: The id, or the beginning of one.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)

    def read(tx: Transaction) -> ReviewPage | AuditPage:
        return read_audit(tx, review) if is_audit(tx, review) else read_page(tx, review)

    async with to_look(place) as ledger:
        page, now = await ledger.read(read), ledger.clock.now()
    story = [moment_json(moment) for moment in page.story]
    if isinstance(page, AuditPage):
        why = {"assessed": assessed_json(page.verdict.assessed)}
        screen.document(audit_json(page.audit) | why | {"goal": run_json(page.run), "story": story})
        show_audit(screen, page, place, person(), now)
        return
    shown = review_json(page.review) | outlook_json(page.outlook)
    screen.document(shown | {"goal": run_json(page.run), "story": story})
    show_page(screen, page, place, now)


@app.command(name="next")
async def next_(*, skill: Names = (), role: Names = (), common: Common = DEFAULTS) -> None:
    """Take the question that you should answer next, and show it: due soon by its cost, else the earliest due.

    Args:
        skill: Something that you know; may be given several times (default: as `baton people` says, or everything).
        role: A role that you have, beside your own name; may be given several times (default: as `baton people` says,
            with those of whom you stand in for, or all).
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        taken = await ReviewQueue(ledger).next(person(), skills=skill or None, roles=role or None)
        now = ledger.clock.now()
        page = None if taken is None else await ledger.read(lambda tx: read_page(tx, taken.id))
    screen.document({"review": None if page is None else review_json(page.review)})
    if page is None:
        screen.show("Nothing waits for you.")
    else:
        show_page(screen, page, place, now)


@app.command
async def approve(review: str, /, *, note: str = "", common: Common = DEFAULTS) -> None:
    """Let it happen as proposed; the run goes on at once.

    Args:
        review: The id, or the beginning of one.
        note: A word to the agent.
        common: Options of every command.
    """
    await _decide(common, review, lambda _known, _agents: _answer(DecisionKind.APPROVE, note))


@app.command
async def edit(
    review: str,
    /,
    *,
    set: Annotated[tuple[str, ...], Parameter(consume_multiple=False)] = (),
    json_args: str | None = None,
    note: str = "",
    common: Common = DEFAULTS,
) -> None:
    """Let it happen with other arguments; policy is asked again.

    Args:
        review: The id, or the beginning of one.
        set: One argument, as name=value; may be given several times.
        json_args: All arguments, as a JSON object.
        note: A word to the agent.
        common: Options of every command.
    """

    def make(known: Review, agents: "Mapping[str, Agent]") -> Answer:
        before = proposed(known)
        agent = agents.get(known.agent)
        after = edited(before, set, json_args, agent.specs.get(known.tool) if agent else None)
        Screen(common.json).show(change(before, after))
        return _answer(DecisionKind.EDIT, note, after)

    await _decide(common, review, make)


@app.command
async def reject(review: str, /, *, reason: str, common: Common = DEFAULTS) -> None:
    """Say no, and why.

    Args:
        review: The id, or the beginning of one.
        reason: Told to the agent.
        common: Options of every command.
    """
    if not reason.strip():
        raise InvalidValue("--reason", reason, "a reason: the agent is told it")
    await _decide(common, review, lambda _known, _agents: _answer(DecisionKind.REJECT, reason))


@app.command
async def respond(review: str, text: str, /, *, common: Common = DEFAULTS) -> None:
    """Answer a question in words.

    Args:
        review: The id, or the beginning of one.
        text: The answer.
        common: Options of every command.
    """
    await _decide(common, review, lambda _known, _agents: _answer(DecisionKind.RESPOND, text))


def _waiting(tx: Transaction) -> tuple[list[Review], list[tuple[Audit, tuple[str, ...]]], dict[ReviewId, Outlook]]:
    """What people are asked to decide, and to look back at, with who has looked at that before; how the former look."""
    found = reviews.waiting(tx)
    return found, [(audit, looked_before(tx, audit)) for audit in audits.waiting(tx)], outlooks(tx, found)


async def _decide(common: Common, review: str, make: Make) -> None:
    """Decide, then let the run go on, unless another process does that."""
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    place.require()
    async with at_work(place, screen, needs_agents=False) as baton:
        known = await baton.reviews.get(await baton.ledger.read(lambda tx: need_review(tx, review, place)))
        family = await baton.ledger.read(lambda tx: top(tx, known.run))
        handle = await baton.open(family.id)
        seen = await handle.seen()
        decision = await baton.decide(known.id, make(known, baton.agents))
        screen.show(Text.assemble(one_line(decision.by), f" {DECIDED[decision.kind]} ", (known.id, "bold"), "."))
        left = await baton.reviews.get(known.id)
        if left.open:
            screen.show(f"{left.missing} more of {left.verdict.quorum} people have to approve it.")
            screen.document(review_json(left))
            return
        elsewhere = await _elsewhere(baton, place)
        if elsewhere is not None:
            screen.note(elsewhere)
        else:
            await show_progress(screen, handle, seen)
            result = await handle.settled()
            await show_result(screen, baton.ledger, result, place)
        await _document(screen, baton, known, family.id)


async def _elsewhere(baton: "Baton", place: Place) -> str | None:
    """Why this command does not let the run go on itself; None if it does."""
    worker = await baton.at_work()
    if worker is not None:
        return f"The run goes on with {worker}."
    if not baton.agents:
        return f"The run goes on when its agents work: `{place.command('run --resume RUN')} --agents FILE`."
    return None


async def _document(screen: Screen, baton: "Baton", known: Review, run: Any) -> None:
    if screen.json:
        decided = await baton.reviews.get(known.id)
        stands = await baton.ledger.read(lambda tx: (runs.get(tx, run), reviews.waiting(tx, runs=[run])))
        screen.document(review_json(decided) | {"outcome": run_json(stands[0])})


def _answer(kind: DecisionKind, note: str, arguments: dict[str, Any] | None = None) -> Answer:
    return Answer(kind=kind, by=person(), note=note, arguments=arguments, channel=CHANNEL)
