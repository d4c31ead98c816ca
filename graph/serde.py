"""Reading stored states back exactly, or not at all.

LangGraph's serializer in strict mode runs no foreign code, but it does not fail closed: a blocked type comes back as
a plain dict (langgraph #6970, #7066). Here it raises.
"""

import threading
from typing import Any

from langgraph.checkpoint.serde.event_hooks import SerdeEvent, register_serde_event_listener
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from baton.core import redact

_TYPES = frozenset({"null", "bytes", "bytearray", "msgpack"})


class _Blocked(threading.local):
    names: tuple[str, ...] = ()


_blocked = _Blocked()


def _note(event: SerdeEvent) -> None:
    if event["kind"] in ("msgpack_blocked", "msgpack_method_blocked"):
        _blocked.names = (*_blocked.names, f"{event['module']}.{event['name']}")


register_serde_event_listener(_note)


class StrictSerializer(JsonPlusSerializer):
    """Msgpack with LangGraph's list of safe types, and an error for any other."""

    def __init__(self) -> None:
        super().__init__(allowed_msgpack_modules=None)

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Write a value; an error as its repr, as LangGraph does, but without secrets."""
        return super().dumps_typed(redact(repr(obj)) if isinstance(obj, BaseException) else obj)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Read a value back.

        Raises:
            ValueError: if it is of a type that is not read back.
        """
        if data[0] not in _TYPES:
            raise ValueError(f"stored as {data[0]!r}, which is never read back")
        _blocked.names = ()
        value = super().loads_typed(data)
        if _blocked.names:
            raise ValueError(f"holds {', '.join(_blocked.names)}, which is not on the list of safe types")
        return value
