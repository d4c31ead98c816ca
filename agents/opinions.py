"""What else may say how likely a proposed call is right: further samples, a second model, the tool's own check.

Each costs time or tokens, so only calls that a promise speaks of are asked about, and only by agents that want it. None
of them decides anything: they are signals for the score by which a promise ranks (policies/promises/scoring.py).
"""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from baton.agents.agent import Agent
from baton.agents.previews import asked
from baton.agents.proposing import ParsedCall, parse
from baton.core import ChatMessage, Model, ModelError, ModelReply, ModelRequest, ToolSpec, Usage, dump, logger

_ASKED = """
You judge one proposed tool call. The conversation above is all that is known. Proposed: {call}
How likely is it that this call, with exactly these arguments, is right: what a careful colleague would do now?
Answer with one number from 0 (surely wrong) to 1 (surely right) and nothing else.
""".strip()

_NUMBER = re.compile(r"(?<![\d.])(?:0(?:\.\d+)?|1(?:\.0+)?|\.\d+)(?![\d.])")
_log = logger()


async def opinions(
    agent: Agent, model: Model, request: ModelRequest, calls: Sequence[ParsedCall], wanted: Sequence[bool]
) -> tuple[list[dict[str, float]], Usage]:
    """What is thought of the calls of one reply, and the tokens that it took.

    Args:
        agent: Whose calls they are; says what is asked.
        model: What answers.
        request: What the reply was an answer to.
        calls: The calls.
        wanted: For each whether anybody is asked.

    Returns:
        For each call `agreement`, `judge` and `verified`, each from 0 to 1, as far as there was an answer.
    """
    about = [call for call, is_wanted in zip(calls, wanted, strict=True) if is_wanted]
    sampled = [_answer(model, request) for _ in range(agent.samples - 1)]
    judged = [_answer(model, _judging(agent.judge, request, call)) for call in about] if agent.judge else []
    checked = [_checked(agent.specs[call.tool], call) for call in about]
    replies, verified = await asyncio.gather(asyncio.gather(*sampled, *judged), asyncio.gather(*checked))
    samples = [reply for reply in replies[: len(sampled)] if reply is not None]
    judges = list(replies[len(sampled) :]) or [None] * len(about)
    said = iter(zip(about, judges, verified, strict=True))
    found = [_of_one(agent, *next(said), samples) if is_wanted else {} for is_wanted in wanted]
    usages = [reply.usage for reply in replies if reply is not None]
    return found, Usage(prompt=sum(one.prompt for one in usages), completion=sum(one.completion for one in usages))


def _of_one(
    agent: Agent, call: ParsedCall, judge: ModelReply | None, verified: bool | None, samples: Sequence[ModelReply]
) -> dict[str, float]:
    number = _NUMBER.search(judge.text) if judge is not None else None
    known = {
        "agreement": _agreement(call, samples, agent.specs) if samples else None,
        "judge": float(number[0]) if number else None,
        "verified": None if verified is None else float(verified),
    }
    return {name: value for name, value in known.items() if value is not None}


def _agreement(call: ParsedCall, samples: Sequence[ModelReply], tools: Mapping[str, ToolSpec]) -> float:
    """The share of further samples that hold the same call."""
    same = _same(call)
    return sum(any(_same(parse(one, tools)) == same for one in reply.calls) for reply in samples) / len(samples)


def _same(call: ParsedCall) -> tuple[str, str]:
    return call.tool, dump(dict(sorted(call.arguments.items())))


def _judging(judge: str | None, request: ModelRequest, call: ParsedCall) -> ModelRequest:
    told = f"{call.tool}({json.dumps(call.arguments, ensure_ascii=False)})"
    asked: ChatMessage = {"role": "user", "content": _ASKED.format(call=told)}
    return replace(request, model=judge or request.model, messages=(*request.messages, asked), tools=())


async def _answer(model: Model, request: ModelRequest) -> ModelReply | None:
    """An answer; None where there is none: an opinion less is no reason to stop."""
    try:
        return await model.complete(request)
    except ModelError as error:
        _log.info("an opinion could not be had: %s", error)
        return None


async def _checked(spec: ToolSpec, call: ParsedCall) -> bool | None:
    """What the tool's own check says; None where it has none."""
    if spec.check is None:
        return None
    try:
        async with asyncio.timeout(spec.timeout):
            return bool(await asked(spec.check, spec.validate(call.arguments)))
    except Exception as error:  # whatever it raises, it has not found the call right
        _log.info("the check of %s failed: %s", spec.name, error)
        return False
