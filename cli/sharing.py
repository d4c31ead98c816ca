"""`baton resources`: who has what, who waits for what; people take part as agents do."""

from typing import Annotated

from cyclopts import App, Parameter
from rich.table import Table
from rich.text import Text

from baton.cli.opening import Place, find_place, load, to_look
from baton.cli.options import DEFAULTS, Common, Exit
from baton.cli.output import Screen
from baton.cli.tables import cell, table
from baton.core import InvalidValue, NotFound, format_duration, format_time, parse_duration
from baton.core.texts import one_line
from baton.flow import staff_of
from baton.flow.work import until_a_lease
from baton.handles import person
from baton.ledger import Review, Transaction, limits, reservations
from baton.ledger.reservations import Known, Reservation
from baton.places import home_setting
from baton.review.record import reservation_json, resource_json, waited_for
from baton.sharing import Shared

app = App(name="resources", help="See who has what, reserve it, and give it back.")


@app.default
@app.command(name="list")
async def list_(*, common: Common = DEFAULTS) -> None:
    """List resources and limits, who has them, and who waits for them, first come first.

    Args:
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        known, held = await ledger.read(lambda tx: (reservations.known(tx), reservations.listed(tx)))
        questions = await Shared(ledger, home_setting().tenant).holding()
        circles = await ledger.read(lambda tx: until_a_lease(tx, staff_of(tx)))
        now = ledger.clock.now()
    waits = {one.node.id: one for one in circles}
    document = {
        "resources": [resource_json(one) for one in known],
        "reservations": [reservation_json(one, [question for _, question in questions]) for one in held],
    }
    screen.document(document | {"until_a_lease": sorted(waits)})
    if not known:
        screen.show("There are no resources and no limits. The project file names them.")
        return
    screen.show(_resources(known))
    if held:
        screen.show("", _reservations(held, now))
    for mine, question in questions:
        screen.show(Text(one_line(_held(place, mine, question)), style="yellow"))
    for one in circles:
        chain = " waits for ".join(node.says for node in one.chain)
        screen.show(Text(f"{chain}: only a lease that runs out ends this.", style="yellow"))


@app.command
async def reserve(
    names: Annotated[tuple[str, ...], Parameter(consume_multiple=True)],
    /,
    *,
    keep: Annotated[str | None, Parameter(name="--for")] = None,
    common: Common = DEFAULTS,
) -> Exit:
    """Reserve resources for yourself, all at once; exits 3 where they are not free and you wait for them.

    Args:
        names: Of the resources.
        keep: How long you keep them, such as `2h` (default: the resources' own lease).
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    lease = parse_duration(keep).total_seconds() if keep is not None else None
    declared = load(place).resources if place.project is not None else ()
    async with to_look(place, make=bool(declared)) as ledger:
        if declared:
            await ledger.write(lambda tx: reservations.declare(tx, declared))
        made = await Shared(ledger, home_setting().tenant).reserve(*names, lease=lease)
        before = await ledger.read(lambda tx: _ahead(tx, made))
        now = ledger.clock.now()
    screen.document(reservation_json(made) | {"ahead": before})
    if made.waits:
        are = "are" if len(made.tokens) > 1 else "is"
        screen.show(f"{made.names} {are} not free, {before} before you: you are number {made.number} in the queue.")
    else:
        screen.show(f"You have {_had(made, now)}. `{place.command(f'resources release {made.number}')}` gives it back.")
    return Exit.WAITING if made.waits else Exit.OK


@app.command
async def release(number: int, /, *, common: Common = DEFAULTS) -> None:
    """Give a reservation back, or take it out of the queue; also that of an agent, whose run is told.

    Args:
        number: The reservation's number, as `list` shows it.
        common: Options of every command.
    """
    if number < 1:
        raise InvalidValue("number of a reservation", number, "1 or more")
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        one = await Shared(ledger, home_setting().tenant).give_back(number)
    screen.document(reservation_json(one))
    screen.show(f"{one.by} {'waits no more for' if one.waits else 'has given back'} {one.names}.")


@app.command
async def limit(name: str, value: int | None = None, /, *, undo: bool = False, common: Common = DEFAULTS) -> None:
    """Show how a limit has changed that follows how it goes; set it, or take its last change back.

    Args:
        name: The limit, such as `tool send` or `agent desk`.
        value: What it is to be from now on.
        undo: Set it to what it was before its last change.
        common: Options of every command.
    """
    if undo and value is not None:
        raise InvalidValue("limit", value, "a value or --undo, not both")
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        if undo:
            await ledger.write(lambda tx: limits.undo(tx, name, person()))
        elif value is not None:
            await ledger.write(lambda tx: limits.set_by_hand(tx, name, value, person()))
        known, found = await ledger.read(lambda tx: (reservations.known(tx), limits.changes(tx, name)))
    now = next((one for one in known if one.name == name), None)
    if now is None:
        hint = "Limits are known once agents have been at work under them."
        raise NotFound("limit", name, [one.name for one in known if one.kind != "named"], hint=hint)
    screen.document(resource_json(now) | {"changes": [vars(one) for one in found]})
    screen.show(f"{name}: {now.capacity} at once.")
    for one in found:
        screen.show(Text(f"  {format_time(one.at)}  {one.before} to {one.after}: {one.cause}", style="dim"))


def _held(place: Place, one: Reservation, question: Review) -> str:
    """What an open question holds, whom it waits for, and the ways out."""
    who = " or ".join(waited_for(question)) or "anybody who may answer it"
    what = f"{one.names} {'is' if len(one.tokens) == 1 else 'are'} held by the question {question.id} of {one.by}"
    show, back = place.command(f"review show {question.id}"), place.command(f"resources release {one.number}")
    return f"{what}, {question.tool}, which waits for {who}: answer it (`{show}`), or take it back (`{back}`)"


def _ahead(tx: Transaction, made: Reservation) -> int:
    return reservations.ahead(tx, made)


def _resources(known: list[Known]) -> Table:
    shown = table("resource", "held", "of", "waiting", "lease", elastic="resource", right=("held", "of", "waiting"))
    for one in known:
        lease = "until given back" if one.lease is None else format_duration(one.lease)
        room = str(one.capacity) + (f" ({one.bounds.least} to {one.bounds.most})" if one.bounds is not None else "")
        at_work = ("", "") if one.kind in ("agent", "tenant") else (str(one.held), str(one.waiting))
        shown.add_row(cell(one.name, "bold"), at_work[0], room, at_work[1], lease if one.kind == "named" else "")
    return shown


def _reservations(held: list[Reservation], now: float) -> Table:
    shown = table("number", "who", "what", "for", "until", elastic="who", right=("number", "for"))
    for one in held:
        who = one.by if one.run is None else f"{one.by} {one.run}"
        what = Text(f"waits for {one.names}" if one.waits else f"has {one.names}", "yellow" if one.waits else "green")
        age = format_duration(max(0.0, now - (one.granted_at or one.asked_at)))
        until = "" if one.until is None else format_duration(max(0.0, one.until - now))
        shown.add_row(str(one.number), cell(who), what, age, until)
    return shown


def _had(made: Reservation, now: float) -> str:
    names = ", ".join(f"{name} (token {token})" for name, token in made.tokens.items())
    return names + (f" for {format_duration(made.until - now)}" if made.until is not None else "")
