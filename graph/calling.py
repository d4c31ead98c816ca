"""Calling a tool: with its key, its time-out, and its result as text."""

import asyncio
import inspect
import json
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_jsonable_python

from baton.core import Action, ToolError, ToolSpec, ToolTimeout, TryAgain, fill_in, redact, storable


async def call_tool(
    spec: ToolSpec, action: Action, until: float | None = None, tokens: Mapping[str, int] | None = None
) -> str:
    """Call a tool with an action's arguments and the action's id as idempotency key; its result as JSON text.

    A sync tool runs in a thread. After a time-out the thread cannot be stopped: what it still does is covered by
    the effect's record, which says that nobody knows.

    Args:
        spec: The tool.
        action: What to call it with.
        until: When the call ends, as the event loop counts time, so that a process that was stopped between its claim
            and its call does not act late; None is the tool's time-out from now.
        tokens: Fencing tokens of what it needs, by name; None where it needs nothing.

    Raises:
        TryAgain: if the tool says so: it did not happen, and may later.
        ToolTimeout: if it did not return in time, lost its connection, or was cut off: nobody knows if it happened.
        ToolError: if it raised anything else: by that a tool says that nothing happened.
    """
    try:
        arguments = _revealed(spec, spec.validate(action.arguments))
        if spec.wants_key:
            arguments["key"] = action.id
        if spec.wants_tokens:
            arguments["tokens"] = dict(tokens or {})
        now = asyncio.get_running_loop().time()
        if until is not None and now >= until:
            raise TimeoutError
        async with asyncio.timeout_at(now + spec.timeout if until is None else until):
            result = await _run(spec, arguments)
    except TimeoutError as error:
        raise ToolTimeout(spec.name, f"no answer within {spec.timeout:g} s") from error
    except asyncio.CancelledError as error:
        worker = asyncio.current_task()
        if worker is None or worker.cancelling():
            raise
        raise ToolTimeout(spec.name, "it was cancelled from within") from error
    except ConnectionError as error:
        raise ToolTimeout(spec.name, _told(f"the connection was lost: {error}")) from error
    except TryAgain as error:
        raise TryAgain(_told(error.reason), after=error.after) from error
    except Exception as error:
        raise ToolError(spec.name, _told(str(error)) or type(error).__name__) from error
    return as_text(result)


async def ask_world(spec: ToolSpec, key: str) -> str | None:
    """Ask a tool's `reconcile` whether the effect with this key happened: its result as text, None if it did not.

    Raises:
        ToolError: if that cannot be told now.
    """
    assert spec.reconcile is not None
    try:
        async with asyncio.timeout(spec.timeout):
            if inspect.iscoroutinefunction(spec.reconcile):
                result = await spec.reconcile(key)
            else:
                result = await asyncio.to_thread(spec.reconcile, key)
    except Exception as error:
        raise ToolError(spec.name, _told(f"cannot tell whether it happened: {error}")) from error
    return None if result is None else as_text(result)


def as_text(result: Any) -> str:
    """A tool's result as the model reads it: text as it is, anything else as JSON, what JSON lacks as its repr.

    Half a surrogate pair and NUL, which no database keeps, are replaced, and so are known secrets.
    """
    text = result if isinstance(result, str) else _json(to_jsonable_python(result, fallback=repr))
    return _told(text)


def _told(text: str) -> str:
    """A text as it is recorded and told."""
    return redact(storable(text))


def _revealed(spec: ToolSpec, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments with the values of the secrets that they refer to, where the tool takes any."""
    given = {name: names for name, names in spec.secrets.items() if isinstance(arguments.get(name), str)}
    return arguments | {name: fill_in(arguments[name], names) for name, names in given.items()}


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:  # JSON has no NaN and no infinity: they become texts
        return json.dumps(json.loads(json.dumps(value), parse_constant=str), ensure_ascii=False)


async def _run(spec: ToolSpec, arguments: dict[str, Any]) -> Any:
    if inspect.iscoroutinefunction(spec.run):
        return await spec.run(**arguments)
    result = await asyncio.to_thread(spec.run, **arguments)
    return await result if inspect.isawaitable(result) else result
