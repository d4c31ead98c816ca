"""What agents do with resources and with actions that are held up, and what they are told of them."""

from typing import Any

from baton.core import Action, Conflict, MailArrived, NotFound, RunId, format_time
from baton.graph.outcome import Outcome, Rider, refusal
from baton.graph.scene import Scene
from baton.ledger import Transaction, events, mail, reservations, stays
from baton.ledger.reservations import Reservation
from baton.ledger.runs import ENDED, lock


async def reserve(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Ask for resources, all at once; the same action asks once, however often its step is taken."""
    names, within = list(dict.fromkeys(arguments["resources"])), arguments["within"]
    foreign = [name for name in names if name not in scene.member.agent.resources]
    if foreign:
        allowed = ", ".join(scene.member.agent.resources)
        return refusal(f"you may not reserve {foreign[0]}; you may: {allowed}")
    run, seconds = scene.run, within.total_seconds() if within is not None else None
    mine = await scene.ledger.read(lambda tx: reservations.of_run(tx, run.id))
    had = [name for one in mine if one.scope == "run" and one.key != action.id for name in one.tokens if name in names]
    if had:
        return refusal(f"you have {had[0]} already, or wait for it: release it first")

    def ask(tx: Transaction) -> tuple[Reservation, int]:
        made = reservations.ask(
            tx, names, by=run.agent, tenant=run.tenant, scope="run", run=run.id, key=action.id, within=seconds
        )
        return made, reservations.ahead(tx, made)

    try:
        made, before = await scene.ledger.write(ask, alone=True)
    except (NotFound, Conflict) as error:
        return refusal(str(error))
    said = {"action": action.id, "resources": names, "waits": made.waits}
    text = _waits(made, before, within) if made.waits else f"reserved: {told(made)}"
    rider = _noted(run.id, "resource.asked", said)
    return Outcome(text=text, pending=made.waits, riders=[rider])


def _noted(run: RunId, kind: str, said: dict[str, Any]) -> Rider:
    return lambda tx: events.emit(tx, run, kind, **said)


def _waits(made: Reservation, before: int, within: object) -> str:
    limit = f", or that you wait no more in {within}" if within is not None else ""
    are = "are" if len(made.tokens) > 1 else "is"
    return f"pending: {made.names} {are} not free, {before} before you; you are told when you have it{limit}"


def told(made: Reservation) -> str:
    """What somebody has, in words: with the tokens, and until when."""
    names = ", ".join(f"{name} (token {token})" for name, token in made.tokens.items())
    return names + (f" until {format_time(made.until)}" if made.until is not None else " until you release it")


async def release(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Give resources back, or wait for them no more."""
    names, run = list(dict.fromkeys(arguments["resources"])), scene.run.id
    mine = await scene.ledger.read(lambda tx: reservations.of_run(tx, run))
    had = {name for one in mine if one.scope == "run" for name in one.tokens}
    if not had & set(names):
        return refusal(f"you have none of these; you have: {', '.join(sorted(had)) or 'nothing'}")

    def give_back(tx: Transaction) -> None:
        given = reservations.give_back_named(tx, run, names)
        events.emit(tx, run, "resource.released", action=action.id, resources=given)

    return Outcome(text=f"released: {', '.join(name for name in names if name in had)}", riders=[give_back])


async def recall_action(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Take back an action of this run that is held up."""
    run, name, reason = scene.run.id, scene.member.agent.name, arguments["reason"]
    held = {stay.action: stay for stay in await scene.ledger.read(lambda tx: stays.of_run(tx, run))}
    stay = held.get(arguments["action"])
    if stay is None:
        return refusal(f"{arguments['action']} is not held up; held up are: {', '.join(held) or 'none'}")

    def take_back(tx: Transaction) -> None:
        if not stays.recall(tx, stay.action, name, reason):
            raise MailArrived(run)  # its time has come meanwhile: the agent hears of that first
        events.emit(tx, run, "action.recalled", action=stay.action, by=name)
        reservations.let_go(tx, run, stay.action)

    return Outcome(text=f"recalled: {stay.tool} does not happen", riders=[take_back])


def granted(tx: Transaction, run: RunId, number: int) -> None:
    """What a run waited for is there: it is told, or carries out what it had to wait with."""
    one = reservations.get(tx, number)
    if one is None or one.waits or one.run != run or one.key is None:
        return
    events.emit(tx, run, "resource.granted", action=one.key, resources=list(one.tokens))
    if one.scope == "action":
        mail.post(tx, run, "go", sender="baton", ref=one.key)
    else:
        mail.post(tx, run, "timer", sender="baton", text=f"[reserved] You have {told(one)}.")


def not_reserved(tx: Transaction, run: RunId, number: int) -> None:
    """A run waits for something no more; unless it has it."""
    one = reservations.give_up(tx, number)
    if one is not None and one.run == run:
        events.emit(tx, run, "resource.given_up", action=one.key, resources=list(one.tokens))
        mail.post(tx, run, "timer", sender="baton", text=f"[not reserved] {one.names} was not free in the time given.")


def run_out(tx: Transaction, number: int) -> None:
    """A lease has run out: the next one has what it was of, and the run that had it is told."""
    one = reservations.run_out(tx, number)
    if one is None or one.run is None or lock(tx, one.run) in (*ENDED, None):
        return
    events.emit(tx, one.run, "resource.lost", action=one.key, resources=list(one.tokens))
    if one.scope == "run":
        text = f"[reservation over] Your time with {one.names} is over; it may be somebody else's now."
        mail.post(tx, one.run, "timer", sender="baton", text=text)
