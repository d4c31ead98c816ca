"""The request's messages under the agent's token budget, with the account of what was left out."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from baton.agents import Agent
from baton.core import ChatMessage, dump
from baton.graph.beside import beside, render
from baton.graph.context import chat, opening
from baton.graph.facts import fenced
from baton.graph.state import Place
from baton.graph.team import Member
from baton.ledger import Fact, Line, Proposal, Review, Run
from baton.memory import (
    Dropped,
    Manifest,
    Part,
    arranged,
    pack_request,
    turns_dropped,
)


@dataclass(frozen=True, kw_only=True)
class Context:
    """The account of one request, as it is kept with the model call.

    Attributes:
        manifest: What was taken, section by section, and what was left out, and why.
        reserve: Tokens that were kept free for the answer.
        tools: Tokens that the tools on offer took.
        note: What stood beside the conversation but the facts, which have lines of their own; empty for nothing.
        digest: The first half of the SHA-256 of the messages, in hex.
    """

    manifest: Manifest
    reserve: int
    tools: int
    note: str
    digest: str

    def document(self) -> str:
        """As it is stored, in few bytes: the same for the same request, byte for byte."""
        told = self.manifest
        parts = [[p.name, p.tokens, p.quota, p.kept, [[one.id, one.reason] for one in p.dropped]] for p in told.parts]
        head = [told.counter, told.budget, told.total, self.reserve, self.tools, self.note, self.digest]
        return dump([*head, parts])

    @classmethod
    def read(cls, document: str) -> "Context":
        """As it was stored."""
        counter, budget, total, reserve, tools, note, digest, parts = json.loads(document)
        manifest = Manifest(counter=counter, budget=budget, total=total, parts=tuple(map(_part, parts)))
        return cls(manifest=manifest, reserve=reserve, tools=tools, note=note, digest=digest)


def _part(fields: Sequence[Any]) -> Part:
    name, tokens, quota, kept, dropped = fields
    left = tuple(Dropped(*one) for one in dropped)
    return Part(name=name, tokens=tokens, quota=quota, kept=tuple(kept), dropped=left)


@dataclass(frozen=True)
class Packing:
    """What the model is shown.

    Attributes:
        left_out: Messages that did not fit.
        facts: The facts that are shown.
        context: The account of it.
    """

    messages: tuple[ChatMessage, ...]
    left_out: int
    facts: tuple[Fact, ...]
    context: Context


def packed(
    member: Member,
    run: Run,
    lines: Sequence[Line],
    proposals: Sequence[Proposal],
    others: Mapping[str, str],
    reviews: Sequence[Review] = (),
    facts: Sequence[Fact] = (),
    place: Place | None = None,
) -> Packing:
    """Instructions and goal, what stands beside the conversation, and as much of that as fits, the newest first.

    Args:
        member: Who is asked.
        run: The run.
        lines: Its transcript.
        proposals: Its actions.
        others: Agents that it may hand work to, with what they are good for.
        reviews: Its questions to people.
        facts: What was recalled, the most fitting first.
        place: Where it stands; None is its beginning.

    Raises:
        InvalidValue: if what must stay is over the budget.
    """
    agent, counter = member.agent, member.counter
    reserve, tools = reserve_of(agent), member.tools_tokens
    room = agent.context_tokens - reserve - tools
    turns = chat(lines, proposals)
    sections = beside(run, proposals, reviews, facts, place or Place(), room, counter)
    package = pack_request(opening(agent, run, others), turns, sections, render, room, counter)
    manifest = package.manifest
    gone, _ = turns_dropped(manifest)
    shown = {name: manifest.part(name).kept for name in ("budget", "plan", "questions", "facts")}
    texts = {
        section.name: [item.content for item in section.items if item.id in shown[section.name]] for section in sections
    }
    note = {name: said for name, said in texts.items() if name != "facts" and said}
    context = Context(
        manifest=manifest,
        reserve=reserve,
        tools=tools,
        note=dump(note) if note else "",
        digest=digest_of(package.contents),
    )
    return Packing(
        messages=package.contents,
        left_out=sum(map(len, turns[:gone])),
        facts=tuple(fact for fact in facts if fact.id in manifest.part("facts").kept),
        context=context,
    )


def unpacked(
    agent: Agent,
    run: Run,
    context: Context,
    lines: Sequence[Line],
    proposals: Sequence[Proposal],
    others: Mapping[str, str],
) -> tuple[ChatMessage, ...]:
    """The messages of a request that was packed before, from its account.

    Args:
        agent: Who was asked, as it is now.
        run: The run.
        context: The account.
        lines: The transcript up to the answer.
        proposals: The run's actions.
        others: Agents that it may hand work to, with what they are good for.
    """
    told = {line.ref: line.text for line in lines if line.role == "fact"}
    texts: dict[str, list[str]] = json.loads(context.note) if context.note else {}
    if shown := [fenced(told.get(id, "")) for id in context.manifest.part("facts").kept]:
        texts["facts"] = shown
    gone, notice = turns_dropped(context.manifest)
    note = render(texts) if texts else None
    return arranged(opening(agent, run, others), chat(lines, proposals), gone, note, notice=notice)


def reserve_of(agent: Agent) -> int:
    """Tokens that are kept free for an agent's answer: never more than a quarter of all."""
    return min(agent.answer_tokens, agent.context_tokens // 4)


def digest_of(messages: Sequence[ChatMessage]) -> str:
    """The first half of the SHA-256 of messages as they are sent, in hex."""
    return hashlib.sha256(dump(list(messages)).encode("utf-8", "replace")).hexdigest()[:32]
