"""Lets a mind be written as one procedure although it is asked afresh each turn.

The procedure runs from its start every time. A call that the conversation has already answered returns at once; the
first one that it has not is raised as the next thing to say. So the place in the procedure is nowhere stored, and
since the procedure is finite, so is the conversation.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, cast

from baton.agents.simulated.minds import Answer, Conversation, SimulatedCall

State = Literal["done", "failed", "denied", "rejected", "answered"]
Ending = Literal["done", "refused", "failed"]

ROUNDS = 40
"""Rounds of calls after which a mind stops, in case its calls come back so changed that it cannot know them again."""

_REVIEW = re.compile(
    r"\[review (\S+)(?: [\w-]+)?? ((?:approved|edited|rejected|answered|expired|withdrawn|denied)[^\]]*)\]\s*(.*)",
    re.DOTALL,
)
_RETURNED = re.compile(r"\[hand-off to (\S+) [^\]]*\]\s*(.*)", re.DOTALL)


class Said(Exception):
    """Control flow: the procedure has come to the next thing to say."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


@dataclass(frozen=True)
class Outcome:
    """What came of a call.

    Attributes:
        state: done, failed, denied by policy, rejected by a person, or answered by one.
        text: The result, the error, the reason or the answer.
    """

    state: State
    text: str

    @property
    def value(self) -> dict[str, Any]:
        """The result as an object; empty when it is none."""
        try:
            value = json.loads(self.text)
        except json.JSONDecodeError:
            return {}
        return cast(dict[str, Any], value) if isinstance(value, dict) else {}


class Script:
    """The conversation so far, seen from a procedure that runs from its start."""

    def __init__(self, conversation: Conversation) -> None:
        self._offered = frozenset(conversation.tools)
        self._past = list(conversation.results())
        self.told = conversation.user_texts()
        self._reviews, self._returned = _notices(self.told)

    def offers(self, tool: str) -> bool:
        """Whether the agent has the tool."""
        return tool in self._offered

    def do(self, tool: str, confidence: float = 0.95, why: str = "", /, **arguments: Any) -> Outcome:
        """What came of a call; proposes it if it was not made yet, waits while a person or agent has it."""
        return self.do_all([SimulatedCall(name=tool, arguments=arguments, confidence=confidence, reason=why)])[0]

    def do_all(self, calls: Sequence[SimulatedCall]) -> list[Outcome]:
        """What came of several calls that are made in one round."""
        known = [self._offered_result(call) for call in calls]
        missing = tuple(call for call, text in zip(calls, known, strict=True) if text is None)
        if missing:
            self.say(Answer(calls=missing))
        outcomes = [self._outcome(call, text or "") for call, text in zip(calls, known, strict=True)]
        if None in outcomes:
            self.say(Answer(text="waiting"))
        return [outcome for outcome in outcomes if outcome is not None]

    def finish(
        self, summary: str, evidence: Sequence[str], outcome: Ending, answer: Mapping[str, Any] | None = None
    ) -> NoReturn:
        """End the run; once a finish was not taken, or where there is none, with plain words."""
        if not self.offers("finish") or any(tool == "finish" for tool, _, _ in self._past):
            self.say(Answer(text=summary))
        arguments: dict[str, Any] = {"summary": summary, "evidence": list(evidence), "outcome": outcome}
        arguments |= {"answer": dict(answer)} if answer is not None else {}
        self.say(Answer(calls=(SimulatedCall(name="finish", arguments=arguments),)))

    def say(self, answer: Answer) -> NoReturn:
        """Say this next."""
        raise Said(answer)

    def _offered_result(self, call: SimulatedCall) -> str | None:
        if not self.offers(call.name):
            return f"error: there is no tool {call.name}"
        for index, (tool, arguments, text) in enumerate(self._past):
            if tool == call.name and _same(call.arguments, arguments):
                del self._past[index]
                return text
        return None

    def _outcome(self, call: SimulatedCall, text: str) -> Outcome | None:
        if not text.startswith("pending:"):
            return _read(text)
        if review := re.match(r"pending: review (\w+)", text):
            return self._reviews.get(review[1])
        waiting = self._returned.get(str(_argument(call, "to")), [])
        return Outcome("done", waiting.pop(0)) if waiting else None


def _same(wanted: dict[str, Any] | str, made: Mapping[str, Any]) -> bool:
    return isinstance(wanted, dict) and all(made.get(name) == value for name, value in wanted.items())


def _argument(call: SimulatedCall, name: str) -> Any:
    return call.arguments.get(name) if isinstance(call.arguments, dict) else None


def _read(text: str) -> Outcome:
    for prefix, state in (("error: ", "failed"), ("denied: ", "denied")):
        if text.startswith(prefix):
            return Outcome("failed" if state == "failed" else "denied", text.removeprefix(prefix))
    return Outcome("done", text)


def _notices(texts: Sequence[str]) -> tuple[dict[str, Outcome], dict[str, list[str]]]:
    reviews: dict[str, Outcome] = {}
    returned: dict[str, list[str]] = {}
    for text in texts:
        if review := _REVIEW.match(text):
            reviews[review[1]] = _decided(review[2], review[3])
        elif handed := _RETURNED.match(text):
            returned.setdefault(handed[1], []).append(handed[2])
    return reviews, returned


def _decided(head: str, text: str) -> Outcome:
    if head.startswith("answered"):
        return Outcome("answered", text)
    if head.startswith(("approved", "edited")):
        return _read(
            re.sub(r"^\w+(?:\(\{.*?\}\))?: ", "", text, count=1)
            if not text.startswith(("error: ", "denied: "))
            else text
        )
    return Outcome("rejected", text or head)
