"""Baton itself: the agents, their record, and the engine that lets them work."""

import asyncio
import contextlib
import copy
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from baton.agents import (
    BUILTINS,
    SKILL,
    Agent,
    Endpoint,
    Mind,
    ObservedModel,
    SimpleMind,
    embedder_of,
    endpoint,
    open_model,
)
from baton.autonomy import hashes
from baton.conversing import Said, begin, go_on
from baton.core import (
    Action,
    Calendar,
    Clock,
    Fault,
    Forbidden,
    Goal,
    InvalidValue,
    JsonSchema,
    Label,
    LedgerError,
    Model,
    NotFound,
    Observer,
    Person,
    Prices,
    Promotion,
    Reading,
    Resource,
    RunId,
    Trust,
    Unobserved,
    Verdict,
    check_due,
    check_tenant,
    random_id,
)
from baton.flow import Alarms, Identity, Keeper, Measures, Staff, Stuck, Tell, read_measures, staff_of, stuck_work
from baton.graph import (
    Engine,
    Member,
    Office,
    Record,
    Replay,
    Team,
    compensate,
    engine_of,
    fork,
    judge,
    load_past,
    replay,
)
from baton.graph.hooks import CloudEvent, Hook, Start, Taken, take
from baton.graph.patterns import Workflow, team
from baton.graph.triggers import Trigger, Watchman
from baton.handles import Result, RunHandle, person
from baton.ledger import (
    Decision,
    DecisionKind,
    Ledger,
    Review,
    Run,
    Transaction,
    at_work,
    confined,
    people,
    runs,
    texting,
    transcript,
    waits,
)
from baton.ledger.alerts import Alert
from baton.ledger.handoffs import PERSON
from baton.ledger.shares import Shares
from baton.live import Live
from baton.memory import Memory, Tidier, counter
from baton.places import find_database, home_setting
from baton.policies import HeldBack, load_policy
from baton.policies.cedar import CedarPolicy
from baton.review import Answer, Audits, DeadLetter, Recheck, Retried, ReviewQueue, dead_letters, retry
from baton.review.notices import Courier, Notices, tell_alerts
from baton.review.wire import Applied, Shape, apply, decode, encode
from baton.sharing import Rules, Shared
from baton.telemetry import observer_of
from baton.watch import Watch

T = TypeVar("T")


class Baton:
    """Agents at work on one record. Use it with `async with`; everything it has accepted outlives it.

    Attributes:
        shared: Resources, actions that are held up, and records; known once it is entered.
        live: Where the text of the models is heard as it comes.
        prices: What the models cost; None where nobody says.
        promotion: What has to hold before agents write alone; None is nothing.

    ```python
    async with Baton(agents=[desk]) as baton:
        run = await baton.submit(Goal("Refund order 4417 if it arrived broken", deadline="2h"))
        result = await run.result()
    ```
    """

    def __init__(
        self,
        *,
        agents: Sequence[Agent | Workflow] = (),
        database: str | Path | None = None,
        model: Model | None = None,
        mind: Mind | None = None,
        concurrency: int = 32,
        shares: Mapping[str, float] | None = None,
        dispatch: bool = True,
        standby: bool = False,
        clock: Clock | None = None,
        notices: Notices | None = None,
        alarms: Alarms | None = None,
        people: Sequence[Person] | None = None,
        prices: Prices | None = None,
        triggers: Sequence[Trigger] = (),
        observer: Observer | None = None,
        promotion: Promotion | None = None,
        resources: Sequence[Resource] = (),
        windows: Mapping[str, Calendar] | None = None,
        limits: Mapping[str, int] | None = None,
    ) -> None:
        """Say who works here; nothing is opened yet.

        Args:
            agents: The roles, workflows among them. Without any, runs can be looked at but not advanced.
            database: The ledger's file, or a folder for it; None is BATON_DATABASE_URL, else `.baton/baton.db`.
            model: What every agent thinks with; None is the endpoint that OPENAI_API_KEY and OPENAI_BASE_URL name,
                and with neither the simulated model.
            mind: What the simulated model thinks with; None is the general rule-based mind.
            concurrency: Runs that are advanced at once.
            shares: How much each tenant weighs where several have something to do; who is not named has 1.
            dispatch: Whether this process advances runs; beside a file one at a time does.
            standby: On Postgres, whether it does so only while no other worker is there.
            clock: Where the time comes from; None is the machine's.
            notices: Who is told of reviews and runs, by webhook or mail; None tells nobody.
            alarms: What is told of how it goes, by the same ways; None tells nothing: it is only looked at and kept.
            people: Who answers questions, with their hours; kept in the record, for every process. None leaves those
                whom the record has: without any, everybody is always there.
            prices: What the models cost, so that people see it; None where nobody says.
            triggers: What starts runs by itself, for as long as this process lets the agents work.
            observer: Who watches how runs go, closed with Baton; None is who gets traces, where the environment or the
                program says where they go, else nobody.
            promotion: What has to hold before agents write alone: until then people are asked where policy would
                allow. None asks for nothing.
            resources: Things that only so many may use at once.
            windows: When actions may take effect, by the names that tools use.
            limits: By tenant, how many of its runs are advanced at once.

        Raises:
            InvalidValue: if two agents have one name, one hands off to nobody known, a share is not above 0, or an
                agent or tool names a resource or window that there is not.
        """
        members = team(*agents)
        self._agents = {agent.name: agent for agent in members}
        self._check(members)
        self._url = find_database(str(database) if database else None)
        self._given = model
        self._mind = mind or SimpleMind()
        self._concurrency, self._standby = concurrency, standby
        self._shares = dict(shares or {})
        Shares(self._shares)  # refuses what cannot be, before anything is opened
        self._dispatch, self._clock = dispatch and bool(agents), clock
        self._notices, self._alarms = notices, alarms
        self._people = people
        self.prices = prices
        self._rules = Rules(resources=resources, windows=dict(windows or {}), tenants=dict(limits or {}))
        self._rules.check(members)
        self._triggers = self._checked(triggers)
        self._observer = observer or observer_of()
        self.promotion, self._lacks = promotion, ""
        self._stack = contextlib.AsyncExitStack()
        self.live = Live()
        self._tenant: str | None = None
        self._policies: dict[str, CedarPolicy] = {}
        self.endpoint: Endpoint = endpoint()

    async def __aenter__(self) -> Self:
        """Open the record and let the agents work.

        Raises:
            LedgerError: if the database cannot be used; says what to do.
            PolicyError: if an agent's policy cannot be read.
            InvalidValue: if BATON_TIMEZONE names no time zone.
        """
        async with contextlib.AsyncExitStack() as stack:
            self.ledger = await Ledger.open(self._url, self._clock)
            stack.push_async_callback(self.ledger.close)
            self.ledger.database.weigh(self._shares)
            if (named := self._people) is not None:
                await self.ledger.write(lambda tx: people.keep(tx, named))
            if self._rules.resources or self._rules.limits(list(self._agents.values())):
                await self.ledger.write(lambda tx: self._rules.declare(tx, list(self._agents.values())))
            embedder = embedder_of(self.endpoint)
            self.memory = Memory(self.ledger, embedder=embedder)
            stack.callback(self.memory.close)
            if embedder is not None:
                stack.push_async_callback(embedder.aclose)
            model = self._given
            if model is None:
                model = await stack.enter_async_context(open_model(self.endpoint, self._mind, stream=True))
            stack.push_async_callback(asyncio.to_thread, self._observer.close)
            self._model = model if isinstance(self._observer, Unobserved) else ObservedModel(model, self._observer)
            self._setting = home_setting()
            stack.push_async_callback(self._close_tools)
            self._look_at_promotion()
            members = {agent.name: self._member(agent) for agent in self._agents.values()}
            self._team = Team(
                members=members,
                memory=self.memory,
                setting=self._setting,
                observer=self._observer,
                windows=dict(self._rules.windows),
                shares_places=bool(self._rules.tenants),
            )
            self._engine: Engine | None = None
            if self._dispatch:
                office = Office(ledger=self.ledger, team=self._team, live=self.live.of)
                self._engine = engine = engine_of(
                    office, self._concurrency, standby=self._standby, weights=self._shares
                )
                if self._notices is not None:  # before anything happens that is to be told
                    courier = Courier(self.ledger, self._notices, working=lambda: engine.leading)
                    await courier.start()
                    stack.push_async_callback(courier.stop)
                keeper = Keeper(
                    self.ledger,
                    self._alarms,
                    tell=self._teller(),
                    identity=self._identity(),
                    observer=self._observer,
                    working=lambda: engine.leading,
                )
                await keeper.start()
                stack.push_async_callback(keeper.stop)
                await self._engine.start()
                stack.push_async_callback(self._engine.stop)
                tidier = Tidier(self.ledger, working=lambda: engine.leading)
                tidier.start()
                stack.push_async_callback(tidier.stop)
                if self._triggers:
                    watchman = Watchman(
                        self.ledger, self._triggers, self._setting.tenant, working=lambda: engine.leading
                    )
                    watchman.start()
                    stack.push_async_callback(watchman.stop)
            if self._dispatch:
                await self._keep_texting()
            self._watch = Watch(self.ledger, self._failure)
            if self.ledger.database.pipe is not None:  # others may let the agents work, or listen
                from baton.relaying import Relay  # loads the driver: only where it is used

                relay = Relay(self.live, self.ledger.database.url)
                relay.start(at_work=self._dispatch)
                stack.push_async_callback(relay.stop)
            self.reviews = ReviewQueue(self.ledger)
            self.audits = Audits(self.ledger)
            self.shared = Shared(self.ledger, self._setting.tenant)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop working; what is under way goes on when Baton is opened again."""
        await self._stack.aclose()

    async def _keep_texting(self) -> None:
        """Keep what becomes of messages while an agent is at work, so that every process goes by it."""
        kept = await self.ledger.read(texting.known)
        new = {name: agent.double_texting for name, agent in self._agents.items()}
        changed = {name: how for name, how in new.items() if kept.get(name, "merge") != how}
        if changed:
            await self.ledger.write(lambda tx: texting.keep(tx, changed))

    def _identity(self) -> Identity:
        return Identity(
            name=f"{socket.gethostname()}:{os.getpid()}:{random_id('w')}",
            version=_version(),
            concurrency=self._concurrency,
            fingerprints=lambda: self._team.at_hand,
            policies=lambda: {name: policy.version for name, policy in self._policies.items()},
        )

    def _teller(self) -> Tell | None:
        notices, alarms, tenant = self._notices, self._alarms, self._setting.tenant
        if notices is None or alarms is None:
            return None
        rules = {rule.name: rule.tell for rule in alarms.rules}

        def tell(tx: Transaction, found: Sequence[Alert]) -> None:
            names = {one.name: rules.get(one.name, alarms.tell) for one in found}
            tell_alerts(tx, notices, tenant, found, names)

        return tell

    @property
    def agents(self) -> Mapping[str, Agent]:
        """The roles by name."""
        return self._agents

    @property
    def windows(self) -> Mapping[str, Calendar]:
        """When actions may take effect, by the names that tools and rules use."""
        return self._rules.windows

    @property
    def policies(self) -> Mapping[str, CedarPolicy]:
        """What each of them goes by, by its name; known once it is entered."""
        return self._policies

    @property
    def held_back(self) -> str:
        """Why agents may not write alone, whatever their policy allows; empty where nothing holds them back."""
        return self._lacks

    @property
    def tenant(self) -> str:
        """Whose runs are submitted here; known once it is entered."""
        return self._setting.tenant

    def within(self, tenant: str | None) -> "Baton":
        """This Baton, entered already, as one tenant sees it; whoever entered it leaves it.

        What is submitted there is the tenant's, and runs, questions and what is remembered are there as far as they are
        its own; those of others are not found. Agents, policies, people and promises are everybody's.

        Args:
            tenant: Whose; None is everybody's.

        Raises:
            InvalidValue: if it could be no tenant's name, or this is within another one already.
        """
        if tenant in (None, self._tenant):
            return self
        check_tenant(tenant or "")
        view = copy.copy(self)
        view.ledger, view._tenant = self.ledger.within(tenant), tenant
        view.reviews, view.audits = ReviewQueue(view.ledger), Audits(view.ledger)
        view.shared = Shared(view.ledger, tenant or "")
        view._setting = replace(self._setting, tenant=tenant or "")
        return view

    async def at_work(self) -> str | None:
        """Who else lets the agents of this database work; None if this process does, or nobody."""
        leading = self._engine is not None and self._engine.leading
        return None if leading else await at_work(self.ledger)

    async def leave(self, grace: float) -> None:
        """Work no more: runs are given back between two steps; what takes over `grace` seconds is cut off."""
        if self._engine is not None:
            await self._engine.stop(grace)

    def employ(self, member: Agent | Workflow) -> None:
        """Take an agent on, or put a changed one in place of the one with its name; its runs go on with it.

        Raises:
            PolicyError: if its policy cannot be read.
            InvalidValue: if it names a resource or window that there is not, or brings another limit along.
        """
        (agent,) = team(member)
        self._rules.check([agent], declared=list(self._agents.values()))
        self._agents[agent.name] = agent
        self._look_at_promotion()
        self._team.members[agent.name] = self._member(agent)

    async def submit(
        self, goal: Goal | str, *, agent: str | None = None, key: str | None = None, trust: Trust = Trust.USER
    ) -> RunHandle:
        """Hand a goal to an agent. Returns once it is recorded; nobody waits.

        Args:
            goal: What is wanted; a text is a goal's statement.
            agent: Who works on it; None is the first agent.
            key: Submitting again with the same key gives the same run.
            trust: How far what the goal says is trusted: a person's, or less where a program hands it in.

        Raises:
            NotFound: if there is no such agent.
            Conflict: if the key is known for another agent.
            InvalidValue: if the goal's deadline has passed.
        """
        wanted = Goal(goal) if isinstance(goal, str) else goal
        if wanted.requester is None:
            wanted = replace(wanted, requester=person())
        name = self._named(agent)

        def create(tx: Transaction) -> RunId:
            id, new = runs.create(tx, wanted, name, key=key, trust=trust, tenant=self._setting.tenant)
            if new and (due := wanted.due(tx.now)) is not None:
                check_due(due, tx.now, str(wanted.deadline))
            return id

        return self._handle(await self.ledger.write(create))

    async def converse(
        self,
        said: Sequence[Said] = (),
        *,
        agent: str | None = None,
        follow: RunId | None = None,
        key: str | None = None,
        by: str | None = None,
        trust: Trust = Trust.USER,
    ) -> RunHandle:
        """Begin a conversation, or one that follows a run that has ended.

        Args:
            said: What is said in it first; without anything the agent waits to be spoken to.
            agent: Who answers; None is the first agent.
            follow: The run before it.
            key: Beginning again with the same key gives the same run.
            by: Who begins it; None is the person at the keyboard.
            trust: How far they are trusted.

        Raises:
            NotFound: if there is no such agent.
            InvalidValue: if it is a workflow, which nobody talks with.
            Conflict: if the key is known for another agent.
        """
        name, tenant, who = self._named(agent), self._setting.tenant, by or person()
        if self._agents[name].composition is not None:
            raise InvalidValue("agent of a conversation", name, "an agent: a workflow takes goals")

        def create(tx: Transaction) -> RunId:
            return begin(tx, name, said, requester=who, trust=trust, tenant=tenant, follow=follow, key=key)

        return self._handle(await self.ledger.write(create))

    async def go_on(self, run: RunId, said: Sequence[Said], *, by: str | None = None) -> RunHandle:
        """Say something in a conversation. Where its run has ended, a new one goes on that knows all that was said.

        Args:
            run: The conversation.
            said: What is said.
            by: Who lets an ended one go on; None is the person at the keyboard.

        Returns:
            The run that hears it.
        """
        who = by or person()
        return self._handle(await self.ledger.write(lambda tx: go_on(tx, run, said, by=who)))

    async def publish(
        self, event: str, *, key: str = "", data: object = None, by: str | None = None, trust: Trust = Trust.EXTERNAL
    ) -> int:
        """Make known that something has happened, for the runs that wait for it and for those that will.

        Args:
            event: Its name, such as `order.shipped`.
            key: Which one, such as the order's number.
            data: What agents are told of it; anything that JSON can hold.
            by: Who says so; None is the person at the keyboard.
            trust: How far the data is trusted.

        Returns:
            To how many runs it goes at once.

        Raises:
            InvalidValue: if the name, the key or the data cannot be taken.
        """
        who = by or person()
        return await self.ledger.write(lambda tx: waits.publish(tx, event, key, data, trust=trust, sender=who))

    async def take(self, hook: Hook, id: str, content: str, event: CloudEvent) -> Taken:
        """Take an event from outside, once; see `hooks.take`. Who it is from has been looked at.

        Raises:
            Conflict: if that id was something else, or the run that it is for has ended.
            NotFound: if there is no such run, or no such agent.
            InvalidValue: if the hook takes no such events, or it lacks what it needs.
        """
        if isinstance(hook.does, Start):
            self._named(hook.does.agent)
        tenant = self._setting.tenant
        return await self.ledger.write(lambda tx: take(tx, hook, id, content, event, tenant=tenant))

    async def open(self, run: str) -> RunHandle:
        """The run with this id or beginning of an id.

        Raises:
            NotFound, Ambiguous: if none or several fit.
        """
        return self._handle(await self.ledger.read(lambda tx: runs.find(tx, run)))

    async def fork(
        self,
        run: str,
        *,
        at: int,
        live: bool = False,
        goal: str | None = None,
        say: str | None = None,
        by: str | None = None,
    ) -> RunHandle:
        """Start a run that shares another one's transcript up to and with turn `at`, and goes on by itself.

        Args:
            run: The id of the run to fork, or the beginning of one; it stays as it is.
            at: The last turn that is shared; 0 shares the goal alone.
            live: Whether it may write as its policy says; else what the other run did is answered from the record,
                and new writes are asked about.
            goal: What is wanted instead; None keeps the goal.
            say: What it is told first; None is nothing.
            by: Who asks for it; None is the person at the keyboard.

        Raises:
            InvalidValue: if the run has no such turn.
            Conflict: if the calls of that turn are not answered yet.
        """
        who = by or person()
        return self._handle(
            await self.ledger.write(lambda tx: fork(tx, runs.find(tx, run), at, live=live, goal=goal, say=say, by=who))
        )

    async def compensate(self, run: str, *, by: str | None = None) -> RunHandle:
        """Start the run that undoes what another one did, last things first, each call judged by policy.

        Args:
            run: The id of the run to undo, or the beginning of one.
            by: Who asks for it; None is the person at the keyboard.

        Raises:
            Conflict: if it is being undone already, or nothing of it can be undone; says why.
        """
        who = by or person()
        return self._handle(await self.ledger.write(lambda tx: compensate(tx, runs.find(tx, run), self._agents, who)))

    async def replay(self, run: str, *, to: int | None = None) -> Replay:
        """A run turn by turn from the record, up to turn `to`; no model and no tool is called.

        Raises:
            NotFound, Ambiguous: if no run fits, or several do.
        """
        return await self.ledger.read(lambda tx: replay(tx, run, self._agents, to=to))

    async def until(self, look: Callable[[Transaction], T | None]) -> T:
        """What `look` finds in the record, as soon as it finds something; it is asked after each change.

        Raises:
            LedgerError: if the engine cannot use the record, which nobody would mend by waiting.
        """
        return await self._watch.until(look if self._tenant is None else confined(look, self._tenant))

    async def runs(
        self, *, statuses: Sequence[str] = (), agent: str | None = None, limit: int | None = None
    ) -> list[Run]:
        """Runs, newest first."""
        return await self.ledger.read(lambda tx: runs.listed(tx, statuses=statuses, agent=agent, limit=limit))

    async def dead(self, *, fault: Fault | None = None, agent: str | None = None) -> list[DeadLetter]:
        """Runs in trouble, the oldest first: they go on only when a person says so."""
        return await dead_letters(self.ledger, fault=fault, agent=agent)

    async def retry(self, *wanted: str, by: str | None = None, note: str = "") -> list[Retried]:
        """Let runs in trouble go on, each in a transaction of its own; those that cannot are told with the reason."""
        return await retry(self.ledger, self.reviews, wanted, by=by or person(), note=note)

    async def stuck(self, staff: Staff | None = None) -> list[Stuck]:
        """What can never move again unless somebody does something, each with why and the ways out.

        Args:
            staff: Who may answer and when they are there; None is the roster of the record.
        """
        self._of_all("what is stuck")
        return await self.ledger.read(lambda tx: stuck_work(tx, staff or staff_of(tx)))

    async def measures(self, *, days: float = 30.0, staff: Staff | None = None) -> Measures:
        """How reviews go, by class and by person: what waiting consists of, misses, agreement, effects.

        Args:
            days: How far back: reviews closed since then count, and those that are open.
            staff: Who may answer and when they are on duty; None is the roster of the record.
        """
        self._of_all("how reviews go")
        return await self.ledger.read(lambda tx: read_measures(tx, tx.now - days * 86400.0, staff or staff_of(tx)))

    async def run(self, goal: Goal | str, *, agent: str | None = None, key: str | None = None) -> Result:
        """Submit a goal and wait until it is reached, refused, or waits for somebody."""
        return await (await self.submit(goal, agent=agent, key=key)).settled()

    def run_sync(self, goal: Goal | str, *, agent: str | None = None, key: str | None = None) -> Result:
        """`run` for code without an event loop; opens and closes Baton around it."""
        return self._sync(lambda: self.run(goal, agent=agent, key=key))

    async def decide(self, review: str, answer: Answer) -> Decision:
        """Answer a review; its run goes on at once. See ReviewQueue.decide."""
        recheck = await self._recheck(await self.reviews.get(review)) if answer.arguments is not None else None
        return await self.reviews.decide(review, answer, recheck)

    async def undo(self, review: str, *, by: str | None = None) -> Decision:
        """Take back a decision of one's own that is held, or that waits for others. See ReviewQueue.undo."""
        return await self.reviews.undo(review, by or person())

    async def approve(self, review: str, *, by: str | None = None, note: str = "", hold: float = 0.0) -> Decision:
        """Let an action go ahead as it was proposed; it can be undone for `hold` seconds, and goes ahead after them."""
        return await self.decide(review, _answer(DecisionKind.APPROVE, by, note, hold))

    async def edit(
        self, review: str, arguments: dict[str, Any], *, by: str | None = None, note: str = "", hold: float = 0.0
    ) -> Decision:
        """Let an action go ahead with other arguments; policy is asked again. `hold` as for `approve`."""
        return await self.decide(review, replace(_answer(DecisionKind.EDIT, by, note, hold), arguments=arguments))

    async def reject(self, review: str, reason: str, *, by: str | None = None, hold: float = 0.0) -> Decision:
        """Say no, and why. `hold` as for `approve`."""
        return await self.decide(review, _answer(DecisionKind.REJECT, by, reason, hold))

    async def respond(self, review: str, text: str, *, by: str | None = None, hold: float = 0.0) -> Decision:
        """Answer a question in words. `hold` as for `approve`."""
        return await self.decide(review, _answer(DecisionKind.RESPOND, by, text, hold))

    async def wire_request(self, *reviews: str, shape: Shape = "batched") -> Any:
        """Reviews as clients of LangChain's human-in-the-loop middleware or of Agent Inbox read them, for JSON.

        Args:
            reviews: Their ids, or the beginnings of them.
            shape: `batched` or `per_call`, which are LangChain's, or `inbox`, which takes one review.

        Raises:
            InvalidValue: if there is no such shape, or it does not take as many reviews.
        """
        return encode([await self.reviews.get(review) for review in reviews], shape, self._schema)

    async def wire_answer(
        self, said: object, *reviews: str, by: str | None = None, channel: str = "wire", delivery: str | None = None
    ) -> list[Applied]:
        """Take such a client's answer, in any of the shapes, and decide the reviews, each by itself.

        The same answer of the same person counts once, however often it comes.

        Args:
            said: The answer, read from JSON.
            reviews: What was asked, in the order of the request.
            by: Who answers; None is the person at the keyboard.
            channel: Where it came from.
            delivery: What the sender calls this delivery; None where it has no name.

        Returns:
            What became of each: the decision that stands, or why there is none.

        Raises:
            InvalidValue: if it is no answer to these reviews; nothing is decided then.
        """
        known = [await self.reviews.get(review) for review in reviews]
        name = delivery or random_id("dlv")
        answers = decode(known, said, by=by or person(), channel=channel, delivery=name)
        return await apply(self.decide, answers)

    def _schema(self, review: Review) -> JsonSchema:
        agent = self._agents.get(review.agent)
        spec = agent.specs.get(review.tool) if agent else None
        return spec.parameters if spec else {"type": "object"}

    def _sync(self, work: Callable[[], Awaitable[T]]) -> T:
        async def opened() -> T:
            async with self:
                return await work()

        return asyncio.run(opened())

    async def _recheck(self, review: Review) -> Recheck:
        """Checks an edit as the agent's own call is checked, with the person as the source of its arguments."""
        member = self._team.member(review.agent)
        past = await self.ledger.read(
            lambda tx: load_past(tx, review.run, transcript.WHOLE, members=self._team.members)
        )

        def recheck(action: Action) -> Verdict:
            spec = member.agent.specs.get(action.tool)
            if spec is None:
                raise NotFound("tool", action.tool, member.agent.specs)
            try:
                spec.validate(action.arguments)
            except ValueError as error:
                raise InvalidValue(f"edit of {action.tool}", action.arguments, str(error)) from error
            changed = {name: action.arguments[name] for name in action.edited & action.arguments.keys()}
            editor = Reading(source="user", content=changed, label=Label(Trust.USER))
            record = past.record([], member.agent.specs)
            seen: Record = replace(record, readings=(*record.readings, editor), echoes=())
            return judge(member, past.run, action, seen)

        return recheck

    async def _close_tools(self) -> None:
        """End what calls of tools have opened."""
        for agent in self._agents.values():
            for spec in agent.specs.values():
                if spec.close is not None:
                    await spec.close()

    def _member(self, agent: Agent) -> Member:
        specs = tuple(agent.specs.values())
        shadow = load_policy(agent.shadow, specs, agent.name) if agent.shadow is not None else None
        policy = load_policy(agent.policy, specs, agent.name)
        for one in (policy, shadow):
            if one is not None:
                one.check_windows(self.windows, BUILTINS)
        self._policies[agent.name] = policy
        return Member(
            agent=agent,
            policy=policy if self.promotion is None else HeldBack(policy, lambda: self._lacks),
            model=self._model,
            counter=counter(agent.model),
            setting=self._setting,
            shadow=shadow,
        )

    def _of_all(self, what: str) -> None:
        """Refuse a tenant what is of all of them.

        Raises:
            Forbidden: if this is within one.
        """
        if self._tenant is not None:
            raise Forbidden(f"tenant {self._tenant}", f"see {what}", "it is of all tenants")

    def _look_at_promotion(self) -> None:
        """See whether what is at work is what was promoted."""
        if self.promotion is not None:
            self._lacks = self.promotion.lacks(hashes(list(self._agents.values()), self.endpoint))

    def _handle(self, run: RunId) -> RunHandle:
        return RunHandle(run, self.ledger, self._watch, self.live)

    def _named(self, agent: str | None) -> str:
        if not self._agents:
            raise NotFound("agent", agent or "", hint="Give Baton(agents=[…]) the roles that work here.")
        name = agent or next(iter(self._agents))
        if name not in self._agents:
            raise NotFound("agent", name, self._agents)
        return name

    def _failure(self) -> LedgerError | None:
        return self._engine.failure if self._engine else None

    def _checked(self, triggers: Sequence[Trigger]) -> Sequence[Trigger]:
        names = [trigger.name for trigger in triggers]
        for trigger in triggers:
            if names.count(trigger.name) > 1:
                raise InvalidValue("trigger", trigger.name, "names that are given once")
            self._named(trigger.start.agent)
        return triggers

    @staticmethod
    def _check(agents: Sequence[Agent]) -> None:
        names = [agent.name for agent in agents]
        for agent in agents:
            if names.count(agent.name) > 1:
                raise InvalidValue("agent", agent.name, "names that are given once")
            for other in agent.hands_off_to:
                if other not in names and not other.startswith((PERSON, SKILL)):
                    allowed = f"{PERSON}NAME, {SKILL}NAME, or one of: {', '.join(names)}"
                    raise InvalidValue(f"hands_off_to of agent {agent.name}", other, allowed)


def _answer(kind: DecisionKind, by: str | None, note: str, hold: float) -> Answer:
    return Answer(kind=kind, by=by or person(), note=note, hold=hold)


def _version() -> str:
    """Of this Baton; a checkout that is not installed has none."""
    try:
        return version("baton")
    except PackageNotFoundError:
        return "a checkout"
