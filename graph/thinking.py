"""The think step: read the mail; then carry out what was approved, or ask the model what to do and judge it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from baton.agents import opinions, parse
from baton.core import (
    Certificate,
    Fault,
    Model,
    ModelReply,
    ModelRequest,
    ReviewId,
    Ruling,
    ToolSpec,
    Trust,
    Usage,
    call_id,
    derived,
    metered,
)
from baton.graph.asking import known_of
from baton.graph.briefing import brief, brief_text
from baton.graph.builtins import finish, still_open
from baton.graph.context import own_label
from baton.graph.ending import end
from baton.graph.facts import new_facts
from baton.graph.handing import taken_up, takers
from baton.graph.hold import Hold
from baton.graph.judging import Record, flooded, judge_reply
from baton.graph.move import Move, Office
from baton.graph.observing import tell_waits
from baton.graph.outcome import End, Rider
from baton.graph.packing import packed
from baton.graph.past import Past, certificates_of, load
from baton.graph.patterns import Workflow
from baton.graph.promised import record_decisions
from baton.graph.receive import News, one_turn, receive, still_asked, unread
from baton.graph.reserving import reserves
from baton.graph.rounds import refused, rounds, told
from baton.graph.scene import Scene
from baton.graph.state import Place
from baton.graph.step_facts import facts, pieces
from baton.graph.team import Member, Team
from baton.graph.trouble import open_for, open_trouble
from baton.graph.undoing import Undoing, plan_of
from baton.graph.weaving import weave
from baton.ledger import (
    Fact,
    Line,
    Message,
    Proposal,
    Review,
    Transaction,
    consolidation,
    effects,
    events,
    handoffs,
    journal,
    promises,
    spending,
    transcript,
)
from baton.review.learning import corrections_of, instructions_of

STRIKES = 3
"""Model answers in a row that cannot be used before people are asked."""

RECALLED = 20
"""Facts that are looked up for each model call, at most; their section's quota says how many are shown."""

_LONGEST_QUERY = 4000


async def think(office: Office, hold: Hold, place: Place) -> Move | None:
    """Take the step; None means that there is nothing to do until mail comes."""
    found = await office.ledger.read(lambda tx: _look(tx, office.team, hold, place))
    if found is None:
        return None
    mail, asked, past = found
    tell_waits(office.team.observer, asked.values())
    news = receive(mail, asked, place.cursor, place.turn + 1)
    if (reminder := still_asked(mail, asked, past.reviews, place.turn + 1)) is not None:
        news.lines.append(reminder)
    if past.run.goal.conversation and not (mail or past.lines):
        return None  # nobody has said anything yet
    step = _Step(office, hold, past, news, place)
    if news.cancelled_by is not None:
        return step.ended(End(outcome="cancelled", summary=f"cancelled by {news.cancelled_by}"))
    if news.stopped is not None:
        return step.ended(End(outcome="failed", summary=news.stopped))
    if news.todo:
        return step.move("act", todo=tuple(dict.fromkeys(news.todo)))
    if place.turn == 0:
        if (why := await _take_up(step)) is not None:
            return step.ended(End(outcome="refused", summary=why))
        step.lines += await _instructed(office, past)
    if _was_away(step):
        step.lines = [*await _brief(step), *step.lines]
    return await (_propose(step) if step.workflow is None else _woven(step, step.workflow))


async def _take_up(step: "_Step") -> str | None:
    """Take the work that was handed to this run, where it was; why it cannot be taken, None where it can."""
    run, agent = step.past.run, step.member.agent
    if run.parent is None:
        return None
    found = await step.office.ledger.read(lambda tx: taken_up(tx, run, agent, step.place.turn + 1))
    if isinstance(found, str) or found is None:
        return found
    handoff, line = found
    step.lines += [line] if line is not None else []
    step.riders.append(lambda tx: handoffs.take(tx, handoff))
    return None


def _look(
    tx: Transaction, team: Team, hold: Hold, place: Place
) -> tuple[Sequence[Message], Mapping[ReviewId, Review], Past] | None:
    """The mail, the reviews that it is about, and the run so far; None where it waits and there is no mail."""
    mail, asked = unread(tx, hold.run, place.cursor)
    if place.waiting and not mail:
        return None
    past = load(tx, hold.run, place.head, hold.memo, team.members)
    member = team.members.get(past.run.agent)
    if member is not None and member.agent.double_texting == "queue":
        mail = one_turn(mail, resting=place.waiting or place.turn == 0)
    about = {message.ref for message in mail if message.kind == "decision"}
    return mail, {id: review for id, review in asked.items() if id in about}, past


@dataclass
class _Step:
    """A think step in the making."""

    office: Office
    hold: Hold
    past: Past
    news: News
    place: Place

    def __post_init__(self) -> None:
        self.lines = list(self.news.lines)
        self.riders: list[Rider] = []
        self.strikes = 0 if self.news.granted else self.place.strikes
        self.allowance = self.place.allowance
        if self.news.granted and self.past.run.goal.budget.turns is not None:
            self.allowance = self.place.turn + self.past.run.goal.budget.turns

    @property
    def member(self) -> Member:
        return self.office.team.member(self.past.run.agent)

    @property
    def workflow(self) -> Workflow | None:
        """What is worked off in place of asking a model; None where one is asked, and in what undoes a run."""
        composed = self.member.agent.composition
        return composed if isinstance(composed, Workflow) and self.past.run.compensates is None else None

    def say(self, text: str, trust: Trust = Trust.SYSTEM) -> None:
        """Add a notice that the model reads next."""
        self.lines.append(Line(role="notice", turn=self.place.turn + 1, text=text, trust=trust))

    def move(self, goto: Literal["think", "act", "end"], **changes: object) -> Move:
        """The move: mail read, lines written, and what the caller changes."""
        run, head, lines = self.hold.run, self.place.head, tuple(self.lines)
        here = self.place.moved(
            cursor=self.news.cursor,
            head=head + len(lines),
            waiting=False,
            strikes=self.strikes,
            allowance=self.allowance,
            todo=(),
        ).moved(**changes)
        riders: tuple[Rider, ...] = (lambda tx: transcript.append(tx, run, head, lines), *self.riders)
        return Move(goto=goto, place=here, riders=riders)

    def parked(self) -> Move:
        """Nothing more to do until mail comes."""
        return self.move("think", waiting=True)

    def ended(self, how: End) -> Move:
        """The run ends, unless mail has come meanwhile."""
        run, cursor = self.past.run, self.news.cursor
        member = self.office.team.members.get(run.agent)  # a cancelled run may end where its agent is not
        tools = member.agent.specs if member else dict[str, ToolSpec]()
        label = own_label(run, [*self.past.lines, *self.lines], self.past.proposals, tools)
        observer = self.office.team.observer
        self.riders.append(lambda tx: end(tx, run, cursor, how, label, observer))
        return self.move("end")

    def troubled(self, problem: str, fault: Fault, known: Mapping[str, str] | None = None) -> Move:
        """People are asked what to do; until they answer, the run waits."""
        run = self.past.run
        self.riders.append(lambda tx: open_trouble(tx, run, problem, fault, known))
        self.strikes = 0
        return self.parked()


async def _woven(step: _Step, workflow: Workflow) -> Move:
    """A workflow goes on by what its steps have come to: nobody is asked, and nothing is recalled or packed."""
    run, past, turn, agent = step.past.run, step.past, step.place.turn + 1, step.member.agent
    found = await step.office.ledger.read(lambda tx: facts(tx, run.id, past.proposals, past.reviews))
    news = step.news.granted or step.news.cursor != step.place.cursor
    lines = [*past.lines, *step.lines]
    come = weave(workflow, agent, past, found, lines, turn, news)
    if come.wanted:
        found = await step.office.ledger.read(lambda tx: pieces(tx, run.id, found, come.wanted))
        come = weave(workflow, agent, past, found, lines, turn, news)
    step.riders += come.riders
    if come.trouble is not None:
        return step.troubled(come.trouble, Fault.LASTING)
    if not come.calls:
        return step.parked()
    reply = ModelReply(calls=come.calls, finish="tool_calls")
    record = replace(past.record(step.lines, agent.specs), certificates=await _certificates(step, reply))
    step.lines.append(Line(role="assistant", turn=turn, text="", trust=Trust.AGENT))
    step.riders.append(lambda tx: journal.record_call(tx, run.id, turn, agent.model, reply, 0))
    proposals = judge_reply(step.member, run, turn, reply, record)
    return await _at_its_end(step, proposals) or await _called(step, proposals, record)


async def _at_its_end(step: _Step, proposals: Sequence[Proposal]) -> Move | None:
    """The end of a workflow in the step that proposes it, where policy lets it end and nothing is open; else None."""
    only = proposals[0]
    if len(proposals) > 1 or only.action.tool != "finish" or only.verdict.ruling is not Ruling.ALLOW or only.problem:
        return None
    office, member, run, action = step.office, step.member, step.past.run, only.action
    label = own_label(run, [*step.past.lines, *step.lines], step.past.proposals, member.agent.specs)
    cursor = step.news.cursor
    scene = Scene(ledger=office.ledger, team=office.team, member=member, run=run, label=label, cursor=cursor)
    arguments = member.agent.specs["finish"].validate(action.arguments)
    with office.team.observer.calling(action.tool, action.id, action.arguments) as came:
        outcome = await finish(scene, action, arguments)
        came(outcome.text)
    if (how := outcome.end) is None:
        return None
    step.lines.append(Line(role="tool", turn=only.turn, text=outcome.text, ref=action.id))
    step.riders.append(lambda tx: journal.record_proposals(tx, proposals))
    step.riders.append(lambda tx: end(tx, run, cursor, how, label, office.team.observer))
    return step.move("end", turn=only.turn)


async def _propose(step: _Step) -> Move:
    run, turn = step.past.run, step.place.turn + 1
    limit = step.allowance or run.goal.budget.turns
    if limit is not None and turn > limit:
        return step.troubled(f"{run.agent} has used its budget of {limit} model calls and is not done", Fault.EXHAUSTED)
    used, tokens = run.prompt_tokens + run.completion_tokens, run.goal.budget.tokens
    if tokens is not None and used >= tokens and not step.news.granted:
        spent = f"{run.agent} has used {used} of its budget of {tokens} tokens and is not done"
        return step.troubled(spent, Fault.EXHAUSTED)
    most = step.member.agent.open_questions
    if not step.news.granted and flooded(most, step.past.reviews, step.past.proposals):
        kept = f"{run.agent} keeps asking: {most} of its questions wait, as many as may"
        return step.troubled(kept, Fault.EXHAUSTED)
    again = None if step.news.granted else refused(step.past.proposals, step.place.turn)
    if again is not None:
        return _told_no(step, again)
    if step.strikes >= STRIKES:
        return step.troubled(f"{run.agent}: {STRIKES} answers of its model in a row could not be used", Fault.LASTING)
    facts = await _recalled(step)
    packing = packed(
        step.member,
        run,
        [*step.past.lines, *step.lines],
        step.past.proposals,
        takers(step.office.team, step.member.agent),
        step.past.reviews,
        facts,
        replace(step.place, allowance=step.allowance),
    )
    step.lines += new_facts(packing.facts, [*step.past.lines, *step.lines], turn)
    name, model = await _thinker(step)
    request = ModelRequest(
        model=name,
        messages=packing.messages,
        tools=step.member.agent.offers,
    )
    reply = await _answered(step, model, request)
    if reply is None:
        return _interrupted(step)
    step.place = step.place.moved(thought=step.past.now)
    record = replace(
        step.past.record(step.lines, step.member.agent.specs), certificates=await _certificates(step, reply)
    )
    asked, reply = await _opinions(step, request, reply, record)
    tokens, meters = reply.usage.prompt + reply.usage.completion, step.member.policy.meters(step.member.scopes(run))
    record = replace(record, spent=metered(step.past.spent, meters, tokens))
    step.lines.append(Line(role="assistant", turn=turn, text=reply.text, trust=Trust.AGENT))

    def record_call(tx: Transaction) -> None:
        journal.record_call(tx, run.id, turn, name, reply, packing.left_out, packing.context.document())
        spending.meter(tx, run.id, call_id(run.id, turn), meters, tokens)

    step.riders.append(record_call)
    if reply.calls:
        return await _called(step, judge_reply(step.member, run, turn, reply, record, asked), record)
    return await _spoke(step, reply)


async def _answered(step: _Step, model: Model, request: ModelRequest) -> ModelReply | None:
    """What the model answers; None where a message comes first that is to be read at once."""
    run, at_once = step.past.run.id, step.member.agent.double_texting == "interrupt"
    call = asyncio.ensure_future(model.complete(request, step.office.live(run, step.place.turn + 1)))
    bell = asyncio.ensure_future(step.office.doorbell.rings(run, step.news.cursor, any_message=at_once))
    try:
        await asyncio.wait({call, bell}, return_when=asyncio.FIRST_COMPLETED)
        return call.result() if call.done() else None
    finally:
        call.cancel()
        bell.cancel()
        await asyncio.gather(call, bell, return_exceptions=True)  # whatever comes of a call now, nobody needs it


def _interrupted(step: _Step) -> Move:
    """The turn is abandoned: what it was told stays, what the model may have said is void, and the mail is read."""
    run, turn = step.past.run.id, step.place.turn + 1
    step.riders.append(lambda tx: events.emit(tx, run, "turn.interrupted", turn=turn))
    return step.move("think")


def _told_no(step: _Step, again: Proposal) -> Move:
    """People see what they have said no to, and what is proposed once more."""
    before = step.past.proposals[: step.past.proposals.index(again)]
    found = rounds(again.action, again.verdict.kind, before, step.past.reviews)
    problem = f"{step.past.run.agent} goes on proposing {again.action.tool}, in vain {len(found)} times in a row"
    return step.troubled(problem, Fault.EXHAUSTED, told(found, again, step.past.reviews))


async def _certificates(step: _Step, reply: ModelReply) -> Mapping[str, Certificate]:
    """Those of the agent's promises, as they stand now that the model has answered."""
    run, member, team = step.past.run, step.member, step.office.team
    if not (reply.calls and member.policy.promises):
        return {}
    found = await step.office.ledger.read(lambda tx: certificates_of(tx, run, member, team.certificates))
    for id, (folded, state) in team.certificates.to_keep().items():
        step.riders.append(partial(promises.keep, certificate=id, folded=folded, state=state))
    return found


async def _opinions(
    step: _Step, request: ModelRequest, reply: ModelReply, record: Record
) -> tuple[Sequence[Mapping[str, float]], ModelReply]:
    """What else may say how likely the calls are right that a promise speaks of; the reply with the tokens it took."""
    member, run, turn = step.member, step.past.run, step.place.turn + 1
    asks = member.agent.samples > 1 or member.agent.judge or any(spec.check for spec in member.agent.specs.values())
    if not record.certificates or not asks:
        return (), reply
    wanted = [one.verdict.assessed is not None for one in judge_reply(member, run, turn, reply, record)]
    if not any(wanted):
        return (), reply
    calls = [parse(call, member.agent.specs) for call in reply.calls]
    found, used = await opinions(member.agent, member.model, request, calls, wanted)
    usage = Usage(prompt=reply.usage.prompt + used.prompt, completion=reply.usage.completion + used.completion)
    return found, replace(reply, usage=usage)


async def _thinker(step: _Step) -> tuple[str, Model]:
    """Who thinks, with its name: the agent's model; in a compensation nobody, its plan is worked off."""
    run, plan = step.past.run, plan_of(step.past.run)
    if plan is None:
        return step.member.agent.model, step.member.model
    done = await step.office.ledger.read(lambda tx: effects.of_run(tx, run.id))
    waits = any(review.open for review in step.past.reviews)
    return "undo", Undoing(plan, step.place.turn + 1, done, waits=waits)


async def _called(step: _Step, proposals: Sequence[Proposal], record: Record) -> Move:
    run, turn = step.past.run, step.place.turn + 1
    usable = any(proposal.problem is None for proposal in proposals)
    step.strikes = 0 if usable else step.strikes + 1
    known = {review.id for review in step.past.reviews} | {one.review for one in step.past.proposals}
    asking: dict[ReviewId, Proposal] = {}
    for proposal in proposals:
        if proposal.review and proposal.review not in known and proposal.verdict.ruling is Ruling.ASK:
            asking.setdefault(proposal.review, proposal)
    opening = [one for one in asking.values() if not reserves(step.member, one)]  # the others have to wait their turn
    lines = [*step.past.lines, *step.lines]
    told = [await known_of(step.office.ledger, step.member, step.past, one, lines, record) for one in opening]

    def journal_them(tx: Transaction) -> None:
        journal.record_proposals(tx, proposals)
        record_decisions(tx, proposals, asking)
        for proposal, said in zip(opening, told, strict=True):
            open_for(tx, run, proposal, said)

    step.riders.append(journal_them)
    return step.move("act", turn=turn, todo=tuple(proposal.action.id for proposal in proposals))


async def _spoke(step: _Step, reply: ModelReply) -> Move:
    """The model answered in words: a turn of a conversation, the end of a goal, or nothing that can be used."""
    step.place = step.place.moved(turn=step.place.turn + 1)
    problem = _unusable(reply)
    if problem is not None:
        step.strikes += 1
        step.say(f"[unusable answer] {problem}")
        return step.move("think")
    run, cursor = step.past.run, step.news.cursor
    open_ends = await step.office.ledger.read(lambda tx: still_open(tx, run.id, cursor))
    if run.goal.conversation or open_ends:
        step.strikes = 0
        return step.parked()
    if run.goal.criteria:
        step.strikes += 1
        step.say("[not finished] The goal has success criteria: call `finish` and cite evidence for each.")
        return step.move("think")
    return step.ended(End(outcome="done", summary=reply.text))


def _unusable(reply: ModelReply) -> str | None:
    if reply.refusal:
        return f"You refused: {reply.refusal}. Do what you can of the goal, or call `finish` with outcome refused."
    if reply.finish == "length":
        return "Your answer was cut off at the length limit. Answer shorter, or in several calls."
    if reply.finish == "content_filter":
        return "Your answer was withheld by the endpoint's content filter. Say it in another way."
    return None if reply.text.strip() else "It was empty. Call a tool or answer in words."


async def _instructed(office: Office, past: Past) -> list[Line]:
    """What owners have told the agent, as the first thing after the goal; a workflow is told nothing."""
    if office.team.member(past.run.agent).agent.composition is not None:
        return []
    told = await office.team.memory.believed([instructions_of(past.run.agent)], tenant=past.run.tenant)
    if not told:
        return []
    label, text = derived(fact.label for fact in told), "\n".join(fact.text for fact in told)
    said = f"[instructions of your owners]\n{text}"
    return [Line(role="notice", turn=1, text=said, trust=label.trust, confidentiality=label.confidentiality)]


def _was_away(step: _Step) -> bool:
    """Whether so much time has passed since the model was asked that it is told what happened."""
    after, thought = step.member.agent.away_seconds, step.place.thought
    return after is not None and thought is not None and step.past.now - thought >= after


async def _brief(step: _Step) -> list[Line]:
    """What has happened meanwhile; with the facts that it tells of anew, so that their labels are on record."""
    run, since, turn = step.past.run.id, step.place.thought or 0.0, step.place.turn + 1
    told = await step.office.ledger.read(lambda tx: brief(tx, run, since, step.member.agent.specs))
    heirs = [fact for change in told.changed for fact in change.by]
    return [Line(role="notice", turn=turn, text=brief_text(told)), *new_facts(heirs, step.past.lines, turn)]


async def _recalled(step: _Step) -> list[Fact]:
    """What is known that bears on the goal and on the newest mail."""
    goal, agent = step.past.run.goal, step.member.agent
    said = [line.text for line in (*step.past.lines, *step.lines) if line.role in ("user", "notice")]
    query = " ".join([goal.statement, *(attachment.text for attachment in goal.attachments), *said[-1:]])
    scopes = [agent.memory, corrections_of(agent.name), consolidation.outcomes_of(agent.name)]
    memory, tenant = step.office.team.memory, step.past.run.tenant
    return [one.fact for one in await memory.recall(query[:_LONGEST_QUERY], scopes, RECALLED, tenant=tenant)]
