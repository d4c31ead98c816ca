"""Firing triggers: what is due starts runs, each time, file and event one, in the transaction that says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from croniter import croniter

from baton.core import Attachment, RunId, Trust, dump, format_time
from baton.graph.hooks.taking import begun
from baton.graph.triggers.folding import fold, matches
from baton.graph.triggers.mails import Mail, Place
from baton.graph.triggers.sifting import broken, holds
from baton.graph.triggers.trigger import Cron, Events, Recorded, Trigger
from baton.ledger import Event, Transaction, events, runs, triggers
from baton.ledger.triggers import Happened

MOST = 100
"""Runs that one trigger starts in one transaction, and times that it makes up for."""

ON_TIME = 60.0
"""Seconds after which a time has been missed."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A file that a trigger may be for.

    Attributes:
        key: Its name and a digest of its content: another content is another file.
        text: Its content; of bytes that are no text, what can be read of them.
    """

    name: str
    key: str
    text: str


def next_time(when: Cron, after: float) -> float:
    """The first time of a schedule after another one, both in seconds since 1970.

    Where clocks are put forward, a time that is left out comes at that moment; where they are put back, one of a named
    hour that comes twice is taken once.
    """
    local = datetime.fromtimestamp(after, ZoneInfo(when.zone))
    times: Any = croniter(when.times, local)  # it tells no types
    at = float(times.get_next(float))
    twice = datetime.fromtimestamp(at, ZoneInfo(when.zone)).fold == 1 and not when.times.split()[1].startswith("*")
    return next_time(when, at) if twice else at


def fire_times(tx: Transaction, trigger: Trigger, when: Cron, tenant: str) -> tuple[list[RunId], float]:
    """Start the runs whose times have come; also when the next one comes."""
    since, state = triggers.hold(tx, trigger.name)
    last = float(state.get("last", since))
    due: list[float] = []
    at = next_time(when, last)
    while at <= tx.now and len(due) < MOST:
        due.append(at)
        at = next_time(when, at)
    wanted = _made_up_for(when, due, tx.now)
    started = [_start(tx, trigger, f"time {format_time(one)}", _of_time(one), tenant) for one in wanted]
    if due:
        triggers.keep(tx, trigger.name, {"last": due[-1]})
    return [run for run in started if run is not None], at


def _made_up_for(when: Cron, due: Sequence[float], now: float) -> Sequence[float]:
    """Those of the times that came which start a run; those that were missed as the trigger says."""
    if when.missed == "all":
        return due
    latest = due[-1:]
    return [at for at in latest if when.missed == "one" or now - at <= ON_TIME]


def _of_time(at: float) -> list[Attachment]:
    return [Attachment("time", f"This was due at {format_time(at)}.", Trust.SYSTEM)]


def fire_files(tx: Transaction, trigger: Trigger, found: Sequence[Found], tenant: str) -> list[RunId]:
    """Start a run for each file that none was started for."""
    triggers.hold(tx, trigger.name)
    known = triggers.known(tx, trigger.name, [one.key for one in found])
    new = [one for one in found if one.key not in known][:MOST]
    started = [_start(tx, trigger, one.key, [Attachment(one.name, one.text)], tenant) for one in new]
    return [run for run in started if run is not None]


def fire_events(tx: Transaction, trigger: Trigger, when: Events, tenant: str) -> tuple[list[RunId], float | None]:
    """Start the runs that events, or their not coming, come to; also when time alone may start another."""
    since, state = triggers.hold(tx, trigger.name)
    news = triggers.unseen(tx, trigger.name, when.names, since, MOST)
    made = fold(when, state, [one for one in news if _taken(tx, trigger, when, one)], tx.now)
    triggers.see(tx, trigger.name, [one.number for one in news])
    if made.state != state:
        triggers.keep(tx, trigger.name, made.state)
    started = [_start(tx, trigger, group.key, _of_events(group.texts), tenant) for group in made.groups]
    due = tx.now if len(news) == MOST else made.due
    return [run for run in started if run is not None], due


def _taken(tx: Transaction, trigger: Trigger, when: Events, event: Happened) -> bool:
    """Whether an event is one for a trigger; one of which that cannot be told is set aside."""
    why = broken(when.contracts.get(event.name), event.data)
    if why is None:
        fits = holds(when.filter, {"data": event.data, "name": event.name, "key": event.key})
        if isinstance(fits, bool):
            return fits
        why = fits
    triggers.set_aside(tx, trigger.name, f"event {event.number} {event.name} {event.key}".rstrip(), why)
    return False


def fire_recorded(tx: Transaction, trigger: Trigger, when: Recorded, tenant: str) -> list[RunId]:
    """Start a run for each event of the record that a trigger is for, but for what it would bring about itself."""
    _, state = triggers.hold(tx, trigger.name)
    newest = events.last(tx)
    if "mark" not in state:  # what was before is not its business
        triggers.keep(tx, trigger.name, {"mark": newest})
        return []
    after = (int(state["mark"][0]), int(state["mark"][1]))
    found = events.of_kinds(tx, when.kinds, after, newest, MOST)
    mark = found[-1].mark if len(found) == MOST else newest
    if mark != after:
        triggers.keep(tx, trigger.name, {"mark": mark})
    started = [_for_event(tx, trigger, when, event, tenant) for event in found]
    return [run for run in started if run is not None]


def _for_event(tx: Transaction, trigger: Trigger, when: Recorded, event: Event, tenant: str) -> RunId | None:
    run = runs.get(tx, event.run)
    if run.tenant != tenant:
        return None
    of_run = {"run": run.id, "agent": run.agent, "tenant": run.tenant, "requester": run.requester, "status": run.status}
    data = {**of_run, **event.data}
    fits = matches(when.where, data) and holds(when.filter, {"data": data, "name": event.kind})
    key = f"{triggers.RECORDED}{event.id}"
    if isinstance(fits, str):
        triggers.set_aside(tx, trigger.name, key, fits)
    elif fits and triggers.links(tx, run.id, when.chain) >= when.chain:
        why = f"{run.id} of {run.agent} was begun by such a trigger itself, {when.chain} in a row are allowed"
        triggers.set_aside(tx, trigger.name, key, why)
    elif fits:
        about = [Attachment("event", f"[{event.kind} at {format_time(event.at)}] {dump(data)}")]
        about += [Attachment("summary", run.summary)] if run.summary else []
        return _start(tx, trigger, key, about, tenant)
    return None


def fire_mails(
    tx: Transaction, trigger: Trigger, found: Sequence[Mail], place: Place | None, tenant: str
) -> list[RunId]:
    """Start a run for each mail that none was started for, and keep how far a server's folder has been read."""
    triggers.hold(tx, trigger.name)
    started = [_start(tx, trigger, mail.key, mail.about, tenant) for mail in found]
    if place is not None:
        triggers.keep(tx, trigger.name, {"validity": place.validity, "last": place.last})
    return [run for run in started if run is not None]


def read_so_far(tx: Transaction, trigger: Trigger) -> Place | None:
    """How far a server's folder has been read; None where it never was."""
    known = triggers.counted(tx).get(trigger.name)
    if known is None or "last" not in known.state:
        return None
    return Place(validity=int(known.state["validity"]), last=int(known.state["last"]))


def _of_events(texts: Sequence[str]) -> list[Attachment]:
    return [Attachment(f"event {number}", text) for number, text in enumerate(texts, 1)]


def _start(tx: Transaction, trigger: Trigger, key: str, about: Sequence[Attachment], tenant: str) -> RunId | None:
    """Start a run, unless one was started for this very thing."""
    if triggers.known(tx, trigger.name, [key]):
        return None
    run = begun(tx, trigger.start, about, tenant)
    triggers.note(tx, trigger.name, key, run)
    return run
