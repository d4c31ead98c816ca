"""What the built-in tools do. Their rows ride with the step that calls them: exactly once, without a claim."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from baton.core import (
    Action,
    BodyId,
    FactId,
    Forgotten,
    InvalidValue,
    Label,
    MailArrived,
    RunId,
    Trust,
    check_due,
    derived,
    dump,
    parse_time,
    read_moment,
    storable,
    tell_time,
    time_zone,
)
from baton.graph import giving, handing, negotiating, noting, recording, settling, sharing
from baton.graph.outcome import End, Outcome, refusal
from baton.graph.planning import plan
from baton.graph.scene import Builtin, Scene
from baton.ledger import (
    Claim,
    DecisionKind,
    HandoffState,
    Kind,
    Review,
    ReviewKind,
    Transaction,
    bodies,
    calls,
    consolidation,
    decisions,
    events,
    facts,
    forks,
    handoffs,
    mail,
    notes,
    remarks,
    reservations,
    reviews,
    runs,
    stays,
    timers,
    waits,
)
from baton.memory import Recalled
from baton.review.learning import corrections_of

UNREAD = "there is a new message, read it first"
"""What keeps a run from ending that has mail."""

PIECE = 8000
"""Characters that `read_on` gives at a time."""


async def remember(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Keep a fact, with the label of what the agent has read and this action as its source."""
    label = replace(scene.label, sources=frozenset({f"action:{action.id}"}))
    procedure = arguments["kind"] == "procedure"
    approved = await scene.ledger.read(lambda tx: decisions.approved_by(tx, action.id)) if procedure else None
    if procedure and approved is None:
        return refusal("a procedure is kept once a person has approved it, and nobody has: keep it as a fact")
    if approved is not None:
        label = replace(label, trust=Trust.USER, sources=label.sources | {f"review:{approved}"})
    try:
        claim = _claim(scene, arguments, label)
        await scene.ledger.read(lambda tx: facts.check(tx, claim))
    except (InvalidValue, Forgotten) as error:
        return refusal(str(error))
    run = scene.run.id

    def keep(tx: Transaction) -> FactId | None:
        try:
            fact = facts.record(tx, claim)
        except Forgotten:  # since it was looked at
            events.emit(tx, run, "fact.refused", action=action.id, why="it was to be forgotten")
            return None
        events.emit(tx, run, "fact.recorded", fact=fact, action=action.id)
        return fact

    return Outcome(text="remembered", riders=[keep])


def _claim(scene: Scene, arguments: dict[str, Any], label: Label) -> Claim:
    """What an agent wants kept, beginning when it says so; where it does not, nobody knows since when it is true."""
    zone = scene.team.setting.zone
    since, until = arguments["since"], arguments["until"]
    return Claim(
        tenant=scene.run.tenant,
        scope=scene.member.agent.memory,
        kind=Kind.PROCEDURAL if arguments["kind"] == "procedure" else Kind.SEMANTIC,
        subject=storable(arguments["subject"]),
        text=storable(arguments["text"]),
        predicate=storable(arguments["predicate"]) if arguments["predicate"] else None,
        object=storable(arguments["value"]) if arguments["value"] else None,
        label=label,
        valid_from=read_moment(since, zone) if since else None,
        valid_to=read_moment(until, zone, through=True) if until else None,
        run=scene.run.id,
    )


async def recall(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Look facts up; each is told with its trust."""
    agent = scene.member.agent
    scopes = [agent.memory, corrections_of(agent.name), consolidation.outcomes_of(agent.name)]
    found = await scene.team.memory.recall(arguments["query"], scopes, tenant=scene.run.tenant)
    rows = [_told(one) for one in found]
    label = derived(one.fact.label for one in found) if found else Label(Trust.SYSTEM)
    return Outcome(text=dump(rows), trust=label.trust, confidentiality=label.confidentiality)


def _told(one: Recalled) -> dict[str, Any]:
    fact = one.fact
    row: dict[str, Any] = {"about": fact.subject, "fact": fact.text, "trust": fact.label.trust.name.lower()}
    return {**row, "id": fact.id, **({"disputed_by": list(one.disputed)} if one.disputed else {})}


async def read_on(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Read a piece of a long result of this very run."""
    body, offset = BodyId(arguments["handle"]), arguments["offset"]

    def piece(tx: Transaction) -> tuple[str, int] | None:
        return (
            bodies.piece(tx, body, offset, PIECE)
            if bodies.shown_to(tx, forks.lineage(tx, scene.run.id), body)
            else None
        )

    found = await scene.ledger.read(piece)
    if found is None:
        return refusal(f"this run has no result with handle {body}")
    text, length = found
    end = offset + len(text)
    more = f"\n[characters {offset} to {end} of {length}; go on with offset={end}]" if end < length else ""
    return Outcome(text=text + more, trust=Trust.EXTERNAL, confidentiality=scene.label.confidentiality)


async def wait(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Start a timer."""
    zone: str = arguments["zone"] or scene.team.setting.zone
    try:
        due = _due(scene, arguments["duration"], arguments["until"], zone)
    except InvalidValue as error:
        return refusal(str(error))
    if due is None:
        return refusal("say how long (duration) or until when (until)")
    return Outcome(
        text=f"pending: you are told at {tell_time(due, zone)}",
        pending=True,
        riders=[lambda tx: timers.start(tx, scene.run.id, due, "wait", action.id)],
    )


async def wait_for(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Wait for an event, or for an event or a time."""
    zone: str = arguments["zone"] or scene.team.setting.zone
    event, key = arguments["event"], arguments["key"] or ""
    if not key and event.startswith(notes.EVENT):
        field = event.removeprefix(notes.EVENT)
        key, there = await scene.ledger.read(lambda tx: notes.awaited(tx, scene.run, field))
        if there:
            return Outcome(text=f"{field} has a value already that you have not read: see read_notes")
    try:
        waits.check_name("event", event)
        if key:
            waits.check_name("key", key)
        until = _due(scene, arguments["within"], arguments["until"], zone)
    except InvalidValue as error:
        return refusal(str(error))
    what = f"the event {event} {key}".rstrip()
    return Outcome(
        text=f"pending: you are told of {what}" + (f", or at {tell_time(until, zone)}" if until is not None else ""),
        pending=True,
        riders=[lambda tx: waits.begin(tx, scene.run.id, action.id, event, key, until)],
    )


def _due(scene: Scene, duration: timedelta | None, until: str | None, zone: str) -> float | None:
    """When a wait is over, in seconds since 1970; None where no time was given.

    Raises:
        InvalidValue: if two times were given, or one that cannot be.
    """
    now = scene.ledger.clock.now()
    time_zone(zone)
    if duration is not None and until is not None:
        raise InvalidValue("time", until, "either a duration or a time, not both")
    if until is not None:
        return parse_time(until, now=now, zone=zone)
    return None if duration is None else check_due(now + duration.total_seconds(), now, str(duration))


async def finish(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """End the run, unless something is open or a criterion lacks its evidence."""
    evidence: list[str] = arguments["evidence"] or []
    criteria = scene.run.goal.criteria
    outcome = arguments["outcome"]
    if outcome == "done" and len(evidence) < len(criteria):
        return refusal(f"cite evidence for each of the {len(criteria)} success criteria, in their order")
    open_ends, handoff = await scene.ledger.read(
        lambda tx: (still_open(tx, scene.run.id, scene.cursor), handoffs.of_child(tx, scene.run.id))
    )
    if open_ends == [UNREAD] and scene.member.agent.double_texting == "queue":
        return Outcome(text=f"pending: {UNREAD}: it has the next turn", pending=True)
    if open_ends:
        return refusal(f"not yet: {', '.join(open_ends)}")
    answer = arguments["answer"]
    if outcome == "done" and (wrong := handing.answer_of(handoff, answer)) is not None:
        return refusal(f"the answer does not fit: {wrong}")
    end = End(outcome=outcome, summary=arguments["summary"], evidence=tuple(evidence), answer=answer)
    return Outcome(text="finished", end=end)


def still_open(tx: Transaction, run: RunId, cursor: int) -> list[str]:
    """What keeps a run from ending, in words; empty if nothing does."""
    found: list[str] = []
    if count := reviews.count_open(tx, run):
        found.append(f"{count} question{'s' if count > 1 else ''} to people open")
    if left := runs.open_children(tx, run):
        open_ones = {one.child: one for one in handoffs.open_of_run(tx, run)}
        given_up = handoffs.ended_of(tx, left)
        found += [
            f"hand-off {child}{f' to {open_ones[child].taker}' if child in open_ones else ''} open"
            for child in left
            if child not in given_up
        ]
    found += [f"hand-off {id} is about to be offered to {taker}" for id, taker in handoffs.following_of(tx, run)]
    found += [f"the call for proposals {one} is open" for one in calls.open_of(tx, run)]
    mine = handoffs.of_child(tx, run)
    if mine is not None and mine.state is HandoffState.ASKED:
        found.append(f"what you asked {mine.giver} is not answered")
    if timers.pending(tx, run, "wait") is not None:
        found.append("you are waiting for a time")
    found += [f"you are waiting for the event {wait.event}" for wait in waits.pending(tx, run)]
    found += [f"{stay.tool} ({stay.action}) has not taken effect yet" for stay in stays.of_run(tx, run)]
    found += [f"you are waiting for {one.names}" for one in reservations.of_run(tx, run) if one.waits]
    if mail.has_unread(tx, run, cursor):
        found.append(UNREAD)
    return found


async def ask_person(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Only reached when policy lets an agent ask without asking, which would leave nobody to answer."""
    return refusal("a question to a person needs a policy that says `ask` for ask_person")


async def answer_reviewer(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Tell people something about a question that they have not decided yet."""
    asked, text = await _own_question(scene, arguments["review"]), arguments["text"]
    if isinstance(asked, Outcome):
        return asked
    run, agent = scene.run.id, scene.member.agent.name
    return Outcome(text="told", riders=[lambda tx: remarks.add(tx, run, asked.id, "answer", agent, text)])


async def withdraw_question(scene: Scene, action: Action, arguments: dict[str, Any]) -> Outcome:
    """Withdraw a question that no longer matters; what it was about does not happen."""
    asked = await _own_question(scene, arguments["review"])
    if isinstance(asked, Outcome):
        return asked
    if asked.kind not in (ReviewKind.ACTION, ReviewKind.QUESTION):
        return refusal(f"only a person can settle {asked.id}")

    def withdraw(tx: Transaction) -> None:
        why = f"{scene.member.agent.name} took it back: {arguments['reason']}"
        now = reviews.get(tx, asked.id)
        if now.held is not None or not reviews.close_unanswered(tx, now, DecisionKind.WITHDRAWN, why):
            raise MailArrived(scene.run.id)  # somebody has decided it meanwhile: the agent hears of that first

    return Outcome(text="taken back: it does not happen", riders=[withdraw])


async def _own_question(scene: Scene, id: str) -> Review | Outcome:
    """An open question of this run that nobody has decided; a refusal where it is none."""
    waiting = await scene.ledger.read(lambda tx: reviews.waiting(tx, runs=[scene.run.id]))
    found = next((review for review in waiting if review.id == id and review.held is None), None)
    if found is not None:
        return found
    return refusal(f"{id} is no open question of yours; open are: {', '.join(one.id for one in waiting) or 'none'}")


BUILTIN: Mapping[str, Builtin] = {
    "plan": plan,
    "remember": remember,
    "recall": recall,
    "read_on": read_on,
    "hand_off": giving.hand_off,
    "hand_off_each": giving.hand_off_each,
    "call_for_proposals": negotiating.call_for_proposals,
    "answer_handoff": giving.answer_handoff,
    "withdraw_handoff": giving.withdraw_handoff,
    "ask_giver": giving.ask_giver,
    "settle_claims": settling.settle_claims,
    "read_notes": noting.read_notes,
    "write_note": noting.write_note,
    "wait": wait,
    "wait_for": wait_for,
    "answer_reviewer": answer_reviewer,
    "withdraw_question": withdraw_question,
    "reserve_resources": sharing.reserve,
    "release_resources": sharing.release,
    "recall_action": sharing.recall_action,
    "read_record": recording.read_record,
    "write_record": recording.write_record,
    "finish": finish,
    "ask_person": ask_person,
}
"""By the tool's name."""
