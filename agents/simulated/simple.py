"""The general mind: works with any tools by their words, for agents that have no key."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from baton.agents.simulated.filling import fill
from baton.agents.simulated.matching import RESERVED, matching
from baton.agents.simulated.minds import Answer, Conversation, JsonObject, SimulatedCall, text_of

_REVIEW = re.compile(r"pending: review (\S+)")
_NOTICE = re.compile(r"\[([^\]]*)\]\s*(.*)", re.DOTALL)
_LONGEST = 200  # characters of a result that a summary repeats


class SimpleMind:
    """Picks tools whose words the latest turn has, one call a round, fills them from the text, and sums up.

    It reads the whole conversation: values come from the turn, from people's answers since, and from the fields of
    earlier results. A tool is called once a turn, and never twice with the same arguments. After a result that is
    denied or an error it stops and says so; while something is pending it waits. In a goal run it ends with `finish`
    and asks people through `ask_person`, where these are offered; otherwise in text.
    """

    def answer(self, conversation: Conversation) -> Answer:
        """The next call, a question, or the summary."""
        turn = _Turn.read(conversation)
        if _failed(turn.done):
            return _end(turn, conversation)
        wanted = matching(turn.request, conversation.tools)
        already = {name for name, _, _ in turn.done}
        unfilled: dict[str, tuple[str, ...]] = {}
        for name, words in wanted.items():
            if name in already:
                continue
            filled = fill(conversation.tools[name].get("parameters") or {}, turn.material, turn.known)
            if filled.missing:
                unfilled[name] = filled.missing
            elif not turn.called_before(name, filled.arguments):
                reason = f"the request speaks of {' and '.join(words)}"
                confidence = 0.7 if filled.guessed else 0.95
                return _call(name, filled.arguments, confidence, reason)
        if turn.is_waiting:
            return Answer(text="Simulated model: waiting for what is pending.")
        if unfilled:
            return _ask(unfilled, turn, conversation)
        return _end(turn, conversation)


@dataclass(frozen=True, kw_only=True)
class _Turn:
    """The latest turn of the user, and what came of it so far.

    Attributes:
        request: What is asked for; of a goal its statement.
        material: Where values are looked for: the whole turn and what people answered since.
        criteria: Success criteria of the goal.
        done: Answered calls of this turn: tool, arguments, result. Where a review decided, the result it brought.
        earlier: Answered calls of earlier turns.
        known: Fields of results by name, newer ones first.
        is_waiting: Whether a call is pending still.
    """

    request: str
    material: str
    criteria: tuple[str, ...]
    done: tuple[tuple[str, JsonObject, str], ...]
    earlier: tuple[tuple[str, JsonObject, str], ...]
    known: Mapping[str, Any]
    is_waiting: bool

    @classmethod
    def read(cls, conversation: Conversation) -> "_Turn":
        """Read it off a conversation."""
        messages = conversation.messages
        start = (conversation.turn_starts() or [0])[-1]
        text = text_of(messages[start])
        since = [text_of(message) for message in messages[start + 1 :] if message["role"] == "user"]
        notices = [(match[1], match[2]) for notice in since if (match := _NOTICE.match(notice))]
        everything = [
            (name, _plain(given), _settled(result, notices)) for name, given, result in conversation.results()
        ]
        before = sum(1 for message in messages[:start] if message["role"] == "tool")
        answers = [body for header, body in notices if "answered" in header]
        known: dict[str, Any] = {}
        for _, _, result in everything:
            known |= dict(_fields(result))
        return cls(
            request=_section(text, "# Goal") or text,
            material="\n".join([text, *answers]),
            criteria=tuple(re.findall(r"^\s*\d+\.\s+(.+)$", _section(text, "## Success criteria"), re.MULTILINE)),
            done=tuple(everything[before:]),
            earlier=tuple(everything[:before]),
            known=known,
            is_waiting=any(result.startswith("pending:") for _, _, result in everything[before:]),
        )

    def called_before(self, name: str, arguments: JsonObject) -> bool:
        """Whether the conversation has this very call."""
        return any((name, arguments) == (tool, given) for tool, given, _ in (*self.earlier, *self.done))


def _ask(unfilled: Mapping[str, tuple[str, ...]], turn: _Turn, conversation: Conversation) -> Answer:
    """Ask for the first missing parameter by name: a person in a goal run, the reader otherwise."""
    tool, names = next(iter(unfilled.items()))
    question = f"Which {' and '.join(f'`{name}`' for name in names)} should I use for {tool}?"
    if not (conversation.is_goal_run and "ask_person" in conversation.tools):
        return Answer(text=f"Simulated model: {question}")
    if turn.called_before("ask_person", {"question": question}):
        return _end(turn, conversation, missing=question)
    reason = f"the text does not say {' or '.join(names)}"
    return _call("ask_person", {"question": question}, 0.9, reason)


def _end(turn: _Turn, conversation: Conversation, missing: str = "") -> Answer:
    """The summary: through `finish` in a goal run, unless that was called already, else as text."""
    results = [*turn.done, *_repeated(turn)]
    told = [f"{name}: {_short(result)}" for name, _, result in results if name not in RESERVED]
    summary = f"Simulated model: {'; '.join(told) or 'no tool on offer fits the request'}."
    if missing:
        summary += f" Nobody answered: {missing}"
    finished = any(name == "finish" for name, _, _ in turn.done)
    if finished or not conversation.is_goal_run or "finish" not in conversation.tools:
        return Answer(text=summary)
    evidence = told or ["no tool was called"]
    if turn.criteria:
        evidence = [f"{criterion}: {'; '.join(evidence)}" for criterion in turn.criteria]
    outcome = "failed" if missing else _failed(turn.done) or "done"
    arguments = {"summary": summary, "evidence": evidence, "outcome": outcome}
    return _call("finish", arguments, 0.95, "nothing is left to do")


def _call(name: str, arguments: dict[str, Any], confidence: float, reason: str) -> Answer:
    return Answer(calls=(SimulatedCall(name=name, arguments=arguments, confidence=confidence, reason=reason),))


def _repeated(turn: _Turn) -> list[tuple[str, JsonObject, str]]:
    """Results of earlier turns that answer this one: their call would be made again, and is not."""
    return (
        [] if turn.done else [call for call in turn.earlier if any(word in turn.material for word in _values(call[1]))]
    )


def _values(arguments: JsonObject) -> list[str]:
    return [str(value) for value in arguments.values() if str(value)]


def _failed(done: tuple[tuple[str, JsonObject, str], ...]) -> str:
    """How the turn failed: `refused`, `failed`, or empty when it did not."""
    for name, _, result in done:
        if result.startswith("denied:"):
            return "refused"
        if result.startswith("error:") and name != "finish":
            return "failed"
    return ""


def _settled(result: str, notices: list[tuple[str, str]]) -> str:
    """A result; where a review was pending and a notice tells its outcome, that outcome."""
    review = _REVIEW.match(result)
    for header, body in notices if review else ():
        if review and review[1].rstrip(".,;:") in header:
            approved = any(word in header for word in ("approved", "edited", "answered", "responded"))
            return re.sub(r"^[\w-]+(?:\(\{.*?\}\))?: ", "", body) if approved else f"denied: {header}: {body}"
    return result


def _plain(arguments: JsonObject) -> JsonObject:
    return {name: value for name, value in arguments.items() if not name.startswith("_")}


def _section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next one; empty without the heading."""
    match = re.search(rf"^{heading}[^\n]*\n(.*?)(?=^#|\Z)", text, re.DOTALL | re.MULTILINE)
    return match[1].strip() if match else ""


def _fields(result: str) -> Iterator[tuple[str, Any]]:
    try:
        value: Any = json.loads(result)
    except json.JSONDecodeError:
        return
    if isinstance(value, dict):
        yield from cast(dict[str, Any], value).items()


def _short(result: str) -> str:
    return result if len(result) <= _LONGEST else result[: _LONGEST - 1] + "…"
