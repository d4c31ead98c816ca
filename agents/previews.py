"""What a call would change, as its tool says it, for the people who are asked about it."""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from baton.core import ToolSpec, dump

_MOST = 20_000
"""Characters of a preview that are kept."""


async def previewed(spec: ToolSpec, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What a call would change, for the question about it.

    Returns:
        `changes`, by name how it is and how it would be, None for what is not there; or `changes_unknown`, why that
        cannot be said; nothing where the tool has no preview.
    """
    if spec.preview is None:
        return {}
    try:
        async with asyncio.timeout(spec.timeout):
            found = await asked(spec.preview, spec.validate(dict(arguments)))
        changes = {str(name): list(sides) for name, sides in dict(found).items()}
        if any(len(sides) != 2 for sides in changes.values()):
            raise ValueError("each change takes how it is and how it would be")
        if len(dump(changes)) > _MOST:
            raise ValueError(f"it takes more than {_MOST} characters to show")
    except Exception as error:  # whatever it raises: people decide without it, and are told so
        return {"changes_unknown": f"{type(error).__name__}: {error}"}
    return {"changes": changes}


async def asked(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """What a function of a tool says that changes nothing, sync or async."""
    if inspect.iscoroutinefunction(function):
        return await function(**arguments)
    return await asyncio.to_thread(function, **arguments)
