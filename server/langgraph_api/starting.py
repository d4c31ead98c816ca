"""Beginning a run of LangGraph's: something is said to an agent, or a question is answered by a person."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from baton.app import Baton
from baton.conversing import begin, go_on
from baton.core import BatonError, Conflict, InvalidValue, NotFound, ReviewId, Role, RunId, Trust, random_id
from baton.ledger import Review, Run, Transaction, families, reviews, threads
from baton.ledger.threads import Exchange, Thread
from baton.review.wire import Applied, apply, decode
from baton.server.callers import Caller
from baton.server.langgraph_api.asked import GivenMessage, NewExchange
from baton.server.langgraph_api.saying import said as said_by
from baton.server.langgraph_api.standing import checkpoint_now, standing
from baton.server.protocols import no_agent_continues, own_run

CHANNEL = "langgraph"


async def start(baton: Baton, thread: str | None, asked: NewExchange, caller: Caller) -> Exchange:
    """Begin one; done once it is recorded.

    Args:
        baton: Who works here.
        thread: The thread; None makes one.
        asked: What is asked.
        caller: Who asks.

    Raises:
        NotFound: if there is no such agent or thread.
        Conflict: if the thread is another agent's, is at work and may not be, or has gone on since it was seen.
        Forbidden: if it is somebody else's, or an agent would decide.
    """
    if asked.assistant_id not in baton.agents:
        raise NotFound("assistant", asked.assistant_id, baton.agents)
    baton.live.expect()
    if asked.command is not None:
        if thread is None:
            raise InvalidValue("command", asked.command.resume, "an input: a new thread has no question to answer")
        return await _answer(baton, thread, asked, asked.command.resume, caller)
    given = asked.input.all if asked.input else []
    return await baton.ledger.write(lambda tx: _say(tx, baton, thread, asked, given, caller))


def _say(
    tx: Transaction, baton: Baton, named: str | None, asked: NewExchange, given: Sequence[GivenMessage], caller: Caller
) -> Exchange:
    known = _thread(tx, baton, named, asked, caller) if named is not None else None
    if known is None or known.run is None:
        run, after = _begun(tx, baton, asked, given, caller), 0
        known = known or Thread(
            id=run, run=run, person=None, metadata={}, created_at=tx.now, updated_at=tx.now, recorded=False
        )
    else:
        before = _fits(tx, known, asked)
        own_run(tx, before.id, caller, "speak to")
        no_agent_continues(tx, before.id, caller)
        news = said_by(tx, given, caller, before.conversation)
        run = go_on(tx, before.id, news, by=caller.person, urgent=asked.multitask_strategy == "interrupt")
        after = before.events if run == before.id else 0
    if named is not None:
        threads.keep(tx, known, run=run)
    return threads.begin(tx, known.id, str(uuid.uuid4()), run, "input", after=after, metadata=asked.metadata)


def _thread(tx: Transaction, baton: Baton, named: str, asked: NewExchange, caller: Caller) -> Thread:
    """The thread of this name, made where it may be."""
    threads.hold(tx, named)
    known = threads.find(tx, named)
    if known is None and asked.if_not_exists == "create":
        threads.make(tx, named, caller.person, {}, tenant=baton.tenant)
        known = threads.find(tx, named)
    if known is None:
        raise NotFound("thread", named)
    own_thread(known, caller, "speak in")
    return known


def own_thread(thread: Thread, caller: Caller, what: str) -> None:
    """Go on only where a thread in which nothing was said yet is the caller's, or they may take it for theirs.

    Raises:
        Forbidden: if it is somebody else's.
    """
    if thread.run is None and thread.person != caller.person:
        caller.need(Role.OWNER, f"{what} the thread {thread.id}, which {thread.person} made")


def _begun(tx: Transaction, baton: Baton, asked: NewExchange, given: Sequence[GivenMessage], caller: Caller) -> RunId:
    if asked.seen is not None:
        raise InvalidValue("checkpoint_id", asked.seen, "none: nothing was said yet")
    return begin(
        tx,
        asked.assistant_id,
        said_by(tx, given, caller, None),
        requester=caller.person,
        trust=Trust.AGENT if caller.agent else Trust.USER,
        tenant=baton.tenant,
    )


def _fits(tx: Transaction, thread: Thread, asked: NewExchange) -> Run:
    """The run of a thread, if it may go on as it is asked to."""
    how = standing(tx, thread)
    run = cast(Run, how.run)
    if run.agent != asked.assistant_id:
        raise Conflict(
            f"assistant_id {asked.assistant_id}", f"{run.agent} is at work in {thread.id}", "Make a new thread."
        )
    if asked.multitask_strategy == "reject" and how.status == "busy":
        raise Conflict(f"a run in {thread.id}", "another one is under way", "Wait for it, or enqueue this one.")
    if asked.seen is not None and asked.seen != (now := checkpoint_now(tx, run.id)):
        hint = "POST /api/v1/runs/RUN/fork goes on from an earlier turn."
        raise Conflict(f"checkpoint {asked.seen}", f"{thread.id} has gone on, and is at {now}", hint)
    return run


async def _answer(baton: Baton, named: str, asked: NewExchange, resume: Any, caller: Caller) -> Exchange:
    """Decide what is asked in a thread, each question by itself."""
    caller.need(Role.REVIEWER, f"answer a question in the thread {named}")

    def look(tx: Transaction) -> tuple[Thread, Run, list[Review]]:
        known = threads.get(tx, named)
        if known.run is None:
            raise Conflict(f"resume of {named}", "nothing was said in it yet, and nothing is asked")
        return known, _fits(tx, known, asked), _asked(tx, known, resume)

    thread, run, waiting = await baton.ledger.read(look)
    answers = decode(waiting, resume, by=caller.name, channel=CHANNEL, delivery=random_id("dlv"))
    identified = [(review, replace(answer, identity=caller.identity)) for review, answer in answers]
    _complain(await apply(baton.decide, identified))

    def note(tx: Transaction) -> Exchange:
        threads.hold(tx, named)
        id = str(uuid.uuid4())
        return threads.begin(tx, thread.id, id, run.id, "resume", after=run.events, metadata=asked.metadata)

    return await baton.ledger.write(note)


def _asked(tx: Transaction, thread: Thread, resume: Any) -> list[Review]:
    """The questions that an answer is about: those that it names, else all that wait.

    Raises:
        Conflict: if nothing waits.
    """
    family = set(families.ids(tx, cast(RunId, thread.run)))
    names = list(cast(dict[str, Any], resume)) if isinstance(resume, dict) else []
    if names and all(name.startswith("rev_") for name in names):
        named = [reviews.get(tx, ReviewId(name)) for name in names]
        strange = next((one.id for one in named if one.run not in family), None)
        if strange is not None:
            raise NotFound("interrupt", strange, [one.id for one in standing(tx, thread).asked])
        return named
    found = list(standing(tx, thread).asked)
    if not found:
        raise Conflict(f"resume of {thread.id}", "nothing waits for an answer in it, any more or yet")
    return found


def _complain(came: Sequence[Applied]) -> None:
    """Raise what kept answers from being taken, and say which were."""
    wrong: list[BatonError] = [one.error for one in came if one.error is not None]
    if not wrong:
        return
    if len(wrong) == len(came):
        raise wrong[0]
    told = (f"{one.review}: {one.error or (one.decision and one.decision.kind.value)}" for one in came)
    raise Conflict("resume", "; ".join(told))
