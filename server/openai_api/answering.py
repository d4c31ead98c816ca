"""One exchange: what was said goes to an agent, and what comes of it until it waits is the answer."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field

from starlette.requests import Request

from baton.app import Baton
from baton.conversing import Said, before
from baton.core import Conflict, NotFound, RunId, Trust
from baton.handles import RunHandle
from baton.ledger import Transaction, runs
from baton.server.callers import Caller, baton_of
from baton.server.openai_api.asked import Chat
from baton.server.openai_api.saying import said as said_by
from baton.server.openai_api.speaking import Delta, Speaking
from baton.server.openai_api.wire import Head
from baton.server.protocols import link_to, no_agent_continues, own_run
from baton.server.service import Service, service_of
from baton.story import Waiting, waiting


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A turn of a conversation.

    Attributes:
        handle: The run that answers.
        seen: What had happened in it before.
        links: Makes of a review's id the address of its page.
    """

    service: Service
    caller: Caller
    request: Request
    handle: RunHandle
    seen: Mapping[RunId, int]
    head: Head
    speaking: Speaking = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "speaking", Speaking(self.handle.id))

    async def deltas(self) -> AsyncGenerator[Delta]:
        """The answer in pieces, as it comes."""
        async for one in self.handle.live(self.seen):
            for delta in self.speaking.hear(one):
                yield delta
        result, waits = await self.handle.stands(), await self._waits()
        links = [link_to(self.request, one.id) for one in waits.reviews if one.held is None]
        for delta in self.speaking.end(result, waits, links):
            yield delta

    async def _waits(self) -> Waiting:
        return await baton_of(self.request).ledger.read(lambda tx: waiting(tx, self.handle.id))


async def begin(request: Request, said: Chat, caller: Caller, header: str | None, key: str | None) -> Exchange:
    """Hand what was said to the agent; done once it is recorded.

    Raises:
        NotFound: if there is no such agent, or no such run.
        Conflict: if the run is another agent's.
        Forbidden: if the run is somebody else's.
    """
    service, baton = service_of(request), baton_of(request)
    if said.model not in baton.agents:
        raise NotFound("model", said.model, baton.agents)
    baton.live.expect()
    run = said.run(header)
    if run is None:
        handle, seen = await _new(baton, said, caller, key), dict[RunId, int]()
    else:
        handle, seen = await _old(baton, said, caller, run, key)
    known = await handle.status()
    number = seen.get(handle.id, 0)
    head = Head(
        id=f"chatcmpl-{handle.id}-{number}",
        created=int(baton.ledger.clock.now()),
        model=said.model,
        run=known.id,
    )
    return Exchange(service=service, caller=caller, request=request, handle=handle, seen=seen, head=head)


async def _new(baton: Baton, said: Chat, caller: Caller, key: str | None) -> RunHandle:
    """A conversation, begun with all that the client says was said."""
    trust = Trust.AGENT if caller.agent else Trust.USER
    return await baton.converse(
        said_by(said.messages, caller, None),
        agent=said.model,
        key=None if key is None else f"openai {caller.person} {key}",
        by=caller.person,
        trust=trust,
    )


async def _old(
    baton: Baton, said: Chat, caller: Caller, named: str, key: str | None
) -> tuple[RunHandle, dict[RunId, int]]:
    """A conversation that goes on, and what had happened in it before."""
    news: Sequence[Said] = said_by(said.news(), caller, key)

    def look(tx: Transaction) -> RunId:
        run = own_run(tx, named, caller, "speak to")
        known = runs.get(tx, run)
        if known.agent != said.model:
            raise Conflict(f"model {said.model} for {run}", f"{known.agent} is at work on it", f"Ask {known.agent}.")
        no_agent_continues(tx, run, caller)
        return run

    run = await baton.ledger.read(look)
    seen = await (await baton.open(run)).seen()
    handle = await baton.go_on(run, news, by=caller.person)
    if key is not None:
        seen[handle.id] = await baton.ledger.read(lambda tx: before(tx, handle.id, news))
    elif handle.id != run:
        seen = {}
    return handle, seen
