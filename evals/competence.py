"""A simulated model whose competence is stated: how often it is right, and how sure it then says it is, are known.

What evaluation measures of it, such as its calibration, can so be held against what is true.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from baton.agents import Mind
from baton.agents.simulated import Answer, Conversation, SimulatedCall
from baton.agents.simulated.minds import JsonObject, text_of
from baton.core import InvalidValue, dump

Spoil = Callable[[str, Mapping[str, Any], float], dict[str, Any] | None]
"""Makes the arguments of a call wrong: tool, arguments, and a number from 0 to 1 to choose by; None leaves them."""


@runtime_checkable
class Seeded(Protocol):
    """A mind that answers differently each time a case is played."""

    def seeded(self, seed: int, repeat: int) -> Mind:
        """The mind for one time."""
        ...


@dataclass(frozen=True, kw_only=True)
class Competent:
    """Another mind, wrong now and then in some calls, and as sure as it is told to be.

    How likely each call is right differs from call to call, around `right`. What it says of it is that probability,
    bent by `sharpness` and `shift` in logits: 1 and 0 are calibrated, a shift above 0 is overconfident.

    Attributes:
        mind: What is right.
        spoil: Makes a call wrong.
        tools: Whose calls; the others stay as they are.
        right: Probability of a right call, on the average of logits.
        varied: Standard deviation of that, in logits.
        sharpness: Factor of what is said, in logits.
        shift: Added to it, in logits.
        needs: A text that its instructions have to hold; empty needs none.
        without: What `right` is where they do not: a model that is told less knows less.
        seed: Of its chance.
    """

    mind: Mind
    spoil: Spoil
    tools: frozenset[str]
    right: float = 0.9
    varied: float = 1.2
    sharpness: float = 1.0
    shift: float = 0.0
    needs: str = ""
    without: float = 0.5
    seed: str = "0"

    def __post_init__(self) -> None:
        """Refuse a competence that is none.

        Raises:
            InvalidValue: for a probability that is not between 0 and 1.
        """
        if not 0 < self.right < 1:
            raise InvalidValue("right of a competent mind", self.right, "a probability between 0 and 1")

    def seeded(self, seed: int, repeat: int) -> "Competent":
        """The same with other chance."""
        return replace(self, seed=f"{seed} {repeat}")

    def answer(self, conversation: Conversation) -> Answer:
        """The next thing to say: the same for the same conversation."""
        said = self.mind.answer(self._as_meant(conversation))
        about, told = next(iter(conversation.user_texts()), ""), text_of(conversation.messages[0])
        right = self.right if self.needs in told else self.without
        return replace(said, calls=tuple(self._call(about, call, right) for call in said.calls))

    def probability(self, about: str, call: SimulatedCall, right: float | None = None) -> float:
        """How likely a call is right: what is true of it. `right` stands in for its own."""
        normal = math.sqrt(-2 * math.log(1 - self._draw(about, call, "a"))) * math.cos(
            2 * math.pi * self._draw(about, call, "b")
        )  # Box & Muller, 1958
        return _sigmoid(_logit(right or self.right) + self.varied * normal)

    def stated(self, probability: float) -> float:
        """How sure it says it is."""
        return round(_sigmoid(self.sharpness * _logit(probability) + self.shift), 4)

    def _as_meant(self, conversation: Conversation) -> Conversation:
        """The conversation with the calls as the mind meant them: it would not know again what was made wrong."""
        messages: list[JsonObject] = []
        for message in conversation.messages:
            if any(one["function"]["name"] in self.tools for one in message.get("tool_calls") or ()):
                meant = self.mind.answer(Conversation({**conversation.body, "messages": messages})).calls
                calls = [_restored(one, meant, at) for at, one in enumerate(message["tool_calls"])]
                message = {**message, "tool_calls": calls}
            messages.append(message)
        return Conversation({**conversation.body, "messages": messages})

    def _call(self, about: str, call: SimulatedCall, right: float) -> SimulatedCall:
        if call.name not in self.tools or isinstance(call.arguments, str):
            return call
        probability = self.probability(about, call, right)
        sure = replace(call, confidence=self.stated(probability))
        if self._draw(about, call, "right") < probability:
            return sure
        wrong = self.spoil(call.name, call.arguments, self._draw(about, call, "which"))
        return sure if wrong is None else replace(sure, arguments=wrong)

    def _draw(self, about: str, call: SimulatedCall, what: str) -> float:
        marks = dump([self.seed, what, about, call.name, call.arguments])
        return int.from_bytes(hashlib.sha256(marks.encode()).digest()[:7]) / 2**56


def _restored(said: JsonObject, meant: Sequence[SimulatedCall], at: int) -> JsonObject:
    """A call of a conversation with the arguments that were meant."""
    if at >= len(meant) or meant[at].name != said["function"]["name"]:
        return said
    arguments_ = meant[at].arguments
    if isinstance(arguments_, str):
        return said
    given: dict[str, Any] = json.loads(said["function"]["arguments"])
    kept = {name: value for name, value in given.items() if name.startswith("_")}
    arguments = json.dumps({**arguments_, **kept}, ensure_ascii=False)
    return {**said, "function": {**said["function"], "arguments": arguments}}


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))
