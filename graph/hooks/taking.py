"""Taking an event, once: what it does and that it was taken are one transaction."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from baton.core import Attachment, Conflict, Goal, InvalidValue, RunId, Trust, check_due, storable
from baton.core.goal import Deadline
from baton.graph.hooks.cloud_events import CloudEvent
from baton.graph.hooks.hook import Happen, Hook, Say, Start
from baton.ledger import Transaction, hook_calls, mail, runs, waits

_ID = re.compile(r"run_[0-9a-z]{1,40}")


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What became of an event.

    Attributes:
        did: `started` a run, `said` it to one, or `happened` for those that wait.
        run: The run that was started or spoken to; None where it happened for any.
        runs: To how many runs it went at once.
        again: Whether it had been taken before, and nothing was done now.
    """

    did: str
    run: RunId | None
    runs: int
    again: bool = False


def take(tx: Transaction, hook: Hook, id: str, content: str, event: CloudEvent, *, tenant: str) -> Taken:
    """Take an event.

    Args:
        tx: The transaction.
        hook: Where it came in.
        id: What its sender calls this delivery: the same again does nothing.
        content: A digest of what was sent.
        event: The event.
        tenant: Whose the runs are that it starts.

    Raises:
        Conflict: if that id was something else, or the run that it is for has ended.
        NotFound: if there is no such run.
        InvalidValue: if the hook takes no such events, or it lacks what it needs.
    """
    known = hook_calls.find(tx, hook.name, id)
    if known is not None:
        if known.content != content:
            raise Conflict(f"webhook {id}", "that id was taken with another content", "Give each an id of its own.")
        return Taken(**json.loads(known.did) | {"again": True})
    if hook.types and event.find("type") not in hook.types:
        raise InvalidValue("type of the event", event.type, f"one of: {', '.join(hook.types)}")
    done = _done(tx, hook, event, tenant)
    hook_calls.note(tx, hook.name, id, content, json.dumps({"did": done.did, "run": done.run, "runs": done.runs}))
    return done


def _done(tx: Transaction, hook: Hook, event: CloudEvent, tenant: str) -> Taken:
    match hook.does:
        case Start():
            return _started(tx, hook, hook.does, event, tenant)
        case Say():
            return _said(tx, hook, hook.does, event)
        case Happen():
            return _happened(tx, hook, hook.does, event)


def _started(tx: Transaction, hook: Hook, does: Start, event: CloudEvent, tenant: str) -> Taken:
    run = begun(tx, does, [Attachment(hook.name, event.text)], tenant)
    return Taken(did="started", run=run, runs=1)


def begun(tx: Transaction, does: Start, about: Sequence[Attachment], tenant: str) -> RunId:
    """A run for something. The goal is the operator's template; what it is about is a stranger's."""
    goal = Goal(
        does.statement,
        criteria=does.criteria,
        attachments=about,
        deadline=cast("Deadline | None", does.deadline),
        requester=does.requester,
    )
    run, _ = runs.create(tx, goal, does.agent, trust=Trust.SYSTEM, tenant=tenant)
    if (due := goal.due(tx.now)) is not None:
        check_due(due, tx.now, str(goal.deadline))
    return run


def _said(tx: Transaction, hook: Hook, does: Say, event: CloudEvent) -> Taken:
    wanted, data = _needed(event, does.run), event.data
    if not _ID.fullmatch(wanted):
        raise InvalidValue(f"{does.run} of the event", wanted[:100], "the id of a run")
    run = RunId(wanted)  # the whole id: what begins so might be another one
    text = storable(data if isinstance(data, str) else json.dumps(data, ensure_ascii=False))
    mail.post(tx, run, "user", sender=_sender(hook), text=text, trust=Trust.EXTERNAL)
    return Taken(did="said", run=run, runs=1)


def _happened(tx: Transaction, hook: Hook, does: Happen, event: CloudEvent) -> Taken:
    key = _needed(event, does.key) if does.key is not None else ""
    name = does.name or str(event.find("type"))
    to = waits.publish(tx, name, key, event.data, trust=Trust.EXTERNAL, sender=_sender(hook))
    return Taken(did="happened", run=None, runs=to)


def _needed(event: CloudEvent, path: str) -> str:
    found = event.find(path)
    if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
        raise InvalidValue(f"{path} of the event", found, "a text or a whole number: this hook needs it")
    return str(found)


def _sender(hook: Hook) -> str:
    return f"hook:{hook.name}"
