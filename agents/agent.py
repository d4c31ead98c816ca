"""An agent: a role with instructions, a model, tools, a policy and a scope of memory."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from baton.agents.builtin import BUILTINS, SKILLED
from baton.agents.proposing import offer
from baton.agents.tool import Tool, as_spec
from baton.core import AtOnce, Contract, Effect, InvalidValue, Rest, ToolSpec, parse_duration, read_at_once

_NOTES = ("read_notes", "write_note")
_GIVING = ("hand_off", "hand_off_each", "answer_handoff", "withdraw_handoff")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
RULES = ("refuse", "merge", "last", "ask")
"""What becomes of a write to a shared record that has not read its newest version."""

AWARDS, WEIGHED = ("cheapest", "fastest", "surest"), ("cost", "seconds", "doubt")
"""The rules by which work is awarded that several have made a proposal for, and what else may be weighed."""

SETTLING = ("newest", "most_trusted", "majority", "evidence", "person")
"""The rules by which claims in conflict may be settled."""

DoubleTexting = Literal["merge", "queue", "interrupt", "reject"]
_SKILL = re.compile(r"[^\W_][\w. -]{0,63}")
_LEAST = {"capacity": 1, "context_tokens": 1000, "answer_tokens": 0, "open_questions": 1, "round_trips": 1}


SKILL = "skill:"
"""What an entry of `hands_off_to` begins with that is a skill, and not somebody."""


class Composition(Protocol):
    """What an agent works off in place of asking a model."""

    @property
    def outline(self) -> str:
        """All of it as text: another one is another composition."""
        ...

    @property
    def begun(self) -> Mapping[str, str]:
        """What each of its steps does and with whom, by name: of a step that was begun it must stay so."""
        ...


@dataclass(frozen=True)
class Agent:
    """A role.

    Attributes:
        name: Letters, digits, `_` and `-`.
        instructions: The system prompt.
        tools: Typed functions, decorated with `@tool` or not, or ready specs.
        model: Name of the model at the endpoint.
        policy: A `.cedar` file, or the name of a shipped policy (`ask-writes`, `allow-all`). None denies every tool
            but the built-in ones: nothing is allowed that nobody allowed.
        samples: How often its model is asked for calls that a promise speaks of; how far the answers agree counts for
            their score. 1 is once, and says nothing of it.
        judge: A model at the same endpoint that is asked how likely such calls are right; None for none.
        shadow: A policy that is asked beside it, of which nothing follows: what it says is recorded, to be compared.
        hands_off_to: Names of agents it may hand work to; `person:NAME`, or a role, is a piece of work for people,
            `skill:NAME` for whoever has a skill: agents and people.
        contracts: The kinds of work that it takes and gives, beside work in words alone.
        memory: The scope of what it remembers; agents with the same scope share it.
        context_tokens: What one request to its model may hold, with its tools and the answer.
        answer_tokens: What of it is kept free for the answer; never more than a quarter is.
        open_questions: How many questions of one run may wait for people; a run that keeps asking beyond is stopped.
        round_trips: How often in a row people may answer in vain, with a no to one class of actions or to the same
            question; a run that comes with it once more is stopped.
        prepares: Whether it is asked, while a question waits, what it can look up for when it is answered; that takes a
            model call more for each question.
        brief_after: After how long away an agent that goes on is first told what has happened meanwhile: seconds, or a
            text such as `1h`. None never tells.
        resources: Names of resources of the project that it may reserve over several turns.
        records: Shared records that it may read and write, by name or, with a `*` at the end, by the beginning of one;
            with what becomes of a write that has not read the newest version: `refuse`, `merge`, `last` or `ask`.
        at_once: How many of its runs are advanced at once, over all workers: a number, `auto`, or None for any.
        skills: What it can do, by short names, for work that is handed to whoever has a skill.
        capacity: Pieces of work that it has at once before others with the skill are asked first.
        double_texting: What becomes of a message that comes while a run is at work. `merge`: all that is unread is read
            before the next model call. `queue`: each message has its own turn, in order. `interrupt`: the turn under
            way is abandoned between two actions, and the message is read at once. `reject`: it is refused.
        awards: Whether it may call for proposals, and to whom the work goes then: `cheapest`, `fastest`, `surest`, or
            weights of `cost`, `seconds` and `doubt`, of which the lowest sum wins. None is not at all.
        settles: The rules, in their order, by which it may settle claims in conflict: `newest`, `most_trusted`,
            `majority`, `evidence` (what it was read from still says so), `person`. None is not at all.
        speculates: Whether, while people are asked about an action, what comes after it is read ahead.
        description: What it is good for, told to agents that may hand work to it.
        notes: Whether it reads and writes the notes that everybody shares who works on a goal.
        composition: What it works off in place of asking its model, where it is a workflow; None where it is none.
    """

    name: str
    instructions: str = "You are a careful assistant."
    tools: Sequence["ToolSpec | Tool[..., Any] | Callable[..., Any]"] = ()
    model: str = "gpt-5-mini"
    policy: str | Path | None = None
    hands_off_to: Sequence[str] = ()
    contracts: Sequence[Contract] = ()
    memory: str = "team"
    context_tokens: int = 100_000
    answer_tokens: int = 4000
    open_questions: int = 20
    round_trips: int = 3
    prepares: bool = False
    samples: int = 1
    judge: str | None = None
    shadow: str | Path | None = None
    brief_after: float | str | None = "1h"
    resources: Sequence[str] = ()
    records: Mapping[str, str] = field(default_factory=dict[str, str])
    at_once: AtOnce | Literal["auto"] = None
    description: str = ""
    composition: Composition | None = None
    notes: bool = False
    skills: Sequence[str] = ()
    capacity: int = 8
    double_texting: DoubleTexting = "merge"
    awards: str | Mapping[str, float] | None = None
    settles: Sequence[str] = ()
    speculates: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            InvalidValue: for a bad name, a doubled tool, an `undo` that is no tool of its own, a `rests_on` that cannot
                be read, a rule of a record that there is not, a context too small to hold anything, less than nothing
                for the answer, no question at all, no round trip.
        """
        if not _NAME.fullmatch(self.name):
            raise InvalidValue("agent name", self.name, "a letter, then letters, digits, _ or -, 64 at most")
        for setting, least in _LEAST.items():
            if getattr(self, setting) < least:
                raise InvalidValue(f"{setting} of agent {self.name}", getattr(self, setting), f"{least} or more")
        if not 1 <= self.samples <= 20:
            raise InvalidValue(f"samples of agent {self.name}", self.samples, "a number from 1 to 20")
        if not (self.away_seconds or 0) >= 0:  # not a number is no length of time either
            raise InvalidValue(f"brief_after of agent {self.name}", self.brief_after, "seconds from 0 on, or None")
        self._check_shared()
        if self.double_texting not in get_args(DoubleTexting):
            allowed = " or ".join(get_args(DoubleTexting))
            raise InvalidValue(f"double_texting of agent {self.name}", self.double_texting, allowed)
        self._check_awards()
        for skill in self.skills:
            if not _SKILL.fullmatch(skill):
                raise InvalidValue(
                    f"skill of agent {self.name}", skill, "a letter or digit, then those, _ . - or spaces"
                )
        self._check_tools()

    def _check_shared(self) -> None:
        read_at_once(f"at_once of agent {self.name}", self.at_once)
        for name, rule in self.records.items():
            if rule not in RULES:
                raise InvalidValue(f"records of agent {self.name}: {name}", rule, f"one of: {', '.join(RULES)}")

    def _check_awards(self) -> None:
        for rule in self.settles:
            if rule not in SETTLING:
                raise InvalidValue(f"settles of agent {self.name}", rule, f"some of: {', '.join(SETTLING)}")
        if isinstance(self.awards, str) and self.awards not in AWARDS:
            raise InvalidValue(f"awards of agent {self.name}", self.awards, f"{' or '.join(AWARDS)}, or weights")
        if isinstance(self.awards, Mapping):
            good = all(name in WEIGHED and 0 <= weight < math.inf for name, weight in self.awards.items())
            if not good or not any(self.awards.values()):
                allowed = f"weights of {', '.join(WEIGHED)} from 0 on, one of them above"
                raise InvalidValue(f"awards of agent {self.name}", dict(self.awards), allowed)

    def _check_tools(self) -> None:
        kinds = [contract.name for contract in self.contracts]
        for name in kinds:
            if kinds.count(name) > 1:
                raise InvalidValue(f"contract of agent {self.name}", name, "names that are given once")
        names = [spec.name for spec in self._own]
        for name in names:
            if names.count(name) > 1 or name in BUILTINS:
                raise InvalidValue(f"tool of agent {self.name}", name, "names that are given once and not built in")
        for spec in self._own:
            if spec.undo is not None and spec.undo not in names:
                allowed = f"the name of another tool of agent {self.name}"
                raise InvalidValue(f"undo of tool {spec.name}", spec.undo, allowed, f"Its tools: {', '.join(names)}.")
            for kind, rests in (("rests_on", spec.rests_on), ("prefetch", spec.prefetch)):
                for rest in rests:
                    self._check_rest(f"{kind} of tool {spec.name}", spec, rest)

    def _check_rest(self, about: str, spec: ToolSpec, rest: Rest) -> None:
        """Refuse what an action cannot rest on: no tool of this agent, one that writes, parameters that are not there.

        Raises:
            InvalidValue: names those that there are.
        """
        reads = {one.name: one for one in self._own if one.effect is Effect.READ}
        if rest.tool not in reads:
            raise InvalidValue(
                about, rest.tool, f"a tool of agent {self.name} that reads: {', '.join(reads) or 'none'}"
            )
        parameters = reads[rest.tool].parameters
        needed, known = set(parameters.get("required", ())), set(parameters.get("properties", {}))
        given = set(spec.parameters.get("properties", {})) if rest.arguments is None else set(rest.arguments)
        if rest.arguments is not None and not given <= known:
            raise InvalidValue(about, ", ".join(sorted(given - known)), f"parameters of {rest.tool}: {sorted(known)}")
        if not needed <= given:
            missing = ", ".join(sorted(needed - given))
            raise InvalidValue(about, rest.tool, f"values for all that it needs; {missing} is missing")

    @cached_property
    def _own(self) -> tuple[ToolSpec, ...]:
        return tuple(as_spec(thing) for thing in self.tools)

    @cached_property
    def specs(self) -> Mapping[str, ToolSpec]:
        """All tools it is offered by name: its own, then the built-in ones that make sense for it."""
        offered = [spec for spec in BUILTINS.values() if self._uses(spec.name)]
        if any(name.startswith(SKILL) for name in self.hands_off_to):
            offered = [SKILLED.get(spec.name, spec) for spec in offered]
        return {spec.name: spec for spec in (*self._own, *offered)}

    @cached_property
    def contracts_by_name(self) -> Mapping[str, Contract]:
        """Its contracts by their names."""
        return {contract.name: contract for contract in self.contracts}

    def _uses(self, builtin: str) -> bool:
        """Whether a built-in tool makes sense for it."""
        if builtin == "hand_off_each" and self.composition is None:
            return False
        if builtin in _GIVING:
            return bool(self.hands_off_to)
        if builtin == "call_for_proposals":
            return bool(self.hands_off_to) and self.awards is not None
        if builtin == "recall_action":
            return any(spec.recall is not None or spec.window is not None for spec in self._own) or self._is_held_up
        needed: dict[str, Any] = {
            "ask_giver": self.contracts,
            "settle_claims": self.settles,
            **dict.fromkeys(_NOTES, self.notes),
            **dict.fromkeys(("reserve_resources", "release_resources"), self.resources),
            **dict.fromkeys(("read_record", "write_record"), self.records),
        }
        return bool(needed.get(builtin, True))

    @cached_property
    def _is_held_up(self) -> bool:
        """Whether its policy has something take effect later."""
        from baton.policies import holds_up  # loads Cedar: only where somebody asks for the tools

        return holds_up(self.policy)

    @cached_property
    def away_seconds(self) -> float | None:
        """`brief_after` in seconds.

        Raises:
            InvalidValue: if it is a text that says no length of time.
        """
        after = self.brief_after
        return parse_duration(after).total_seconds() if isinstance(after, str) else after

    @cached_property
    def basis(self) -> str:
        """What its actions and their scores come from: of another, earlier decisions say little."""
        asked = f", {self.samples} samples" if self.samples > 1 else ""
        return f"{self.model}{asked}{f', judged by {self.judge}' if self.judge else ''}"

    @cached_property
    def offers(self) -> tuple[dict[str, Any], ...]:
        """The same tools as chat completions take them."""
        return tuple(offer(spec) for spec in self.specs.values())


def meant(name: str, agents: Iterable[Agent]) -> list[str]:
    """The agents that an entry of `hands_off_to` means: that of this name, or those with the skill; none of people."""
    if name.startswith(SKILL):
        return sorted(agent.name for agent in agents if name.removeprefix(SKILL) in agent.skills)
    return [agent.name for agent in agents if agent.name == name]
