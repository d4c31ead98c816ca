"""What agents do with shared records: read them, and write them where they still are as they were read."""

import json
from dataclasses import replace
from typing import Any

from baton.core import Action, Conflict, InvalidValue, ReviewId, Ruling, dump, format_time, random_id
from baton.graph.outcome import Outcome, denial, refusal
from baton.graph.scene import Scene
from baton.graph.trouble import open_review
from baton.ledger import ReviewKind, Transaction, decisions, events, journal, records

LARGEST = 20_000
"""Characters that a record holds as JSON, at most."""


async def read_record(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Read a shared record; it is told with its version, and labelled as it was written."""
    name, version = arguments["name"], arguments["version"]
    if _rule(scene, name) is None:
        return _foreign(scene, name)
    tenant = scene.run.tenant
    found = await scene.ledger.read(lambda tx: records.get(tx, tenant, name, version))
    if found is None:
        return Outcome(text=dump({"name": name, "version": 0, "value": None}))
    said = {"name": name, "version": found.version, "value": found.value, "by": found.by, "at": format_time(found.at)}
    return Outcome(text=dump(said), trust=found.label.trust, confidentiality=found.label.confidentiality)


async def write_record(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Write a shared record, if it still is as it was read; else as the record's rule says."""
    name, value = arguments["name"], arguments["value"]
    rule = _rule(scene, name)
    if rule is None:
        return _foreign(scene, name)
    if len(dump(value)) > LARGEST:
        return refusal(f"a record holds at most {LARGEST} characters")
    label = replace(scene.label, sources=frozenset({f"action:{action.id}"}))
    run = scene.run
    wish = records.Wish(name=name, value=value, read=arguments["version"], by=run.agent, label=label, action=action.id)

    def put(tx: Transaction) -> records.Written | Conflict:
        asked = rule == "ask" and decisions.approved_by(tx, action.id) is not None
        return records.put(tx, run.tenant, wish, on_conflict="last" if asked else rule)

    try:
        written = await scene.ledger.write(put)
    except InvalidValue as error:
        return refusal(str(error))
    if isinstance(written, Conflict):
        return (
            await _ask(scene, action, written) if rule == "ask" else refusal(f"{written}. Read it, then decide anew.")
        )
    return _told(scene, action, name, written)


def _told(scene: Scene, action: Action, name: str, written: records.Written) -> Outcome:
    said = {"record": name, "version": written.version, "how": written.how, "over": written.over, "action": action.id}
    text = f"written: {name} is at version {written.version}"
    if written.how == "merged":
        text += f", merged with what {written.other} wrote: {json.dumps(written.value, ensure_ascii=False)}"
    elif written.how == "over":
        text += f", over version {written.over} by {written.other}, which you had not read; it stays readable"
    label, run = written.label, scene.run.id

    def note(tx: Transaction) -> None:
        events.emit(tx, run, "record.written", **said)

    return Outcome(text=text, trust=label.trust, confidentiality=label.confidentiality, riders=[note])


async def _ask(scene: Scene, action: Action, conflict: Conflict) -> Outcome:
    """People are shown both; who approves has this write go over the other one."""
    judged = (await scene.ledger.read(lambda tx: journal.proposal(tx, action.id))).verdict
    review, run = ReviewId(random_id("rev")), scene.run
    question: dict[str, Any] = {
        "summary": f"May {run.agent} write over {action.arguments['name']}? Another has written it meanwhile.",
        "arguments": action.arguments,
        "version": action.version,
        "confidence": action.confidence,
        "reason": action.reason,
        "known": {"conflict": conflict.happened},
    }
    verdict = replace(judged, ruling=Ruling.ASK, reason=conflict.happened)

    def ask(tx: Transaction) -> None:
        open_review(tx, run, review, ReviewKind.ACTION, question, verdict, action=action.id, tool=action.tool)
        journal.set_review(tx, action.id, review)

    return Outcome(text=f"pending: review {review}: {conflict}", pending=True, review=review, riders=[ask])


def _foreign(scene: Scene, name: str) -> Outcome:
    return denial(f"{name} is no record of yours; yours are: {', '.join(scene.member.agent.records)}")


def _rule(scene: Scene, name: str) -> str | None:
    """What the agent's records say of conflicts about this one, the longest name first; None for none of its own."""
    fits = [(len(key), rule) for key, rule in scene.member.agent.records.items() if _fits(key, name)]
    return max(fits)[1] if fits else None


def _fits(key: str, name: str) -> bool:
    return name.startswith(key[:-1]) if key.endswith("*") else name == key
