"""The simulated endpoint without its transport: a request's bytes in, a reply in pieces out.

Both mounts play the same replies: server.py over HTTP, mount.py inside a test's process.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from baton.agents.simulated import wire
from baton.agents.simulated.checks import BadRequest, read_chat, read_embeddings
from baton.agents.simulated.faults import Fault, Faults, spoil
from baton.agents.simulated.minds import Answer, Conversation, Mind
from baton.core import Clock, SystemClock

DEFAULT_MODEL = "simulated"
"""What the list of models calls a mind that answers to every name."""

_log = logging.getLogger(__name__)
_SSE = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What is sent back, and how.

    Attributes:
        status: HTTP status.
        headers: HTTP headers, besides the one that says the model is simulated.
        pieces: The body, in the pieces that it is sent in.
        content_type: Its media type.
        pause: Seconds before each piece.
        hang: Seconds to wait for the client to give up before anything is sent.
        cut: Whether the connection breaks after the pieces.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    pieces: tuple[bytes, ...]
    content_type: str = "application/json"
    pause: float = 0.0
    hang: float = 0.0
    cut: bool = False


class Endpoint:
    """Answers requests with minds, and with faults where there are to be some."""

    def __init__(
        self, minds: Mind | Mapping[str, Mind], faults: Faults | None = None, clock: Clock | None = None
    ) -> None:
        """Take one mind for every model name, or minds by model name, `*` for all other names."""
        self._minds: Mapping[str, Mind] = minds if isinstance(minds, Mapping) else {"*": minds}
        self._faults, self._clock = faults, clock or SystemClock()

    def chat(self, raw: bytes) -> Reply:
        """Answer POST /v1/chat/completions."""
        try:
            body = read_chat(raw)
            mind = self._mind(body["model"])
            digest = wire.request_digest(body)
            fault = self._faults.meet(digest) if self._faults else None
            if self._faults and (failed := self._failure(fault, self._faults)):
                return failed
            utterance = wire.speak(_think(mind, body), body, digest)
        except BadRequest as error:
            return refused(error)
        if fault:
            utterance = spoil(utterance, fault)
        if body.get("stream"):
            reply = Reply(pieces=tuple(wire.stream(utterance, body, digest)), content_type=_SSE)
        else:
            reply = Reply(pieces=(wire.encode(wire.completion(utterance, body, digest)),))
        return self._disturbed(reply, fault)

    def embeddings(self, raw: bytes) -> Reply:
        """Answer POST /v1/embeddings."""
        try:
            texts, model, dimensions, as_base64 = read_embeddings(raw)
        except BadRequest as error:
            return refused(error)
        return Reply(pieces=(wire.encode(wire.embeddings(texts, model, dimensions, as_base64)),))

    def models(self) -> Reply:
        """Answer GET /v1/models."""
        names = [name for name in self._minds if name != "*"] or [DEFAULT_MODEL]
        return Reply(pieces=(wire.encode(wire.models(names)),))

    def _mind(self, model: str) -> Mind:
        mind = self._minds.get(model) or self._minds.get("*")
        if mind is None:
            message = f"The model '{model}' does not exist; there is: {', '.join(self._minds)}"
            raise BadRequest("model", message, status=404, code="model_not_found")
        return mind

    def _failure(self, fault: Fault | None, faults: Faults) -> Reply | None:
        """The reply that stands for a failing endpoint; None where it answers."""
        match fault:
            case Fault.RATE_LIMIT:
                return _busy(str(faults.retry_after))
            case Fault.RATE_LIMIT_DATE:
                at = datetime.fromtimestamp(self._clock.now() + faults.retry_after, UTC)
                return _busy(format_datetime(at, usegmt=True))
            case Fault.SERVER_ERROR:
                return failure(500, "The server had an error (simulated)", kind="server_error")
            case Fault.UNAVAILABLE:
                return failure(503, "The engine is overloaded (simulated)", kind="server_error")
            case Fault.HANG:
                return failure(503, "The server hung (simulated)", kind="server_error", hang=faults.hang)
            case _:
                return None

    def _disturbed(self, reply: Reply, fault: Fault | None) -> Reply:
        pieces = reply.pieces
        if self._faults and fault is Fault.SLOW:
            return Reply(pieces=pieces, content_type=reply.content_type, pause=self._faults.pause)
        if fault is Fault.CUT:
            half = pieces[: len(pieces) // 2] or (pieces[0][: len(pieces[0]) // 2],)
            return Reply(pieces=half, content_type=reply.content_type, cut=True)
        if fault is Fault.NO_DONE and pieces[-1] == wire.DONE:
            return Reply(pieces=pieces[:-1], content_type=reply.content_type)
        return reply


def failure(
    status: int,
    message: str,
    *,
    kind: str = "invalid_request_error",
    param: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
    hang: float = 0.0,
) -> Reply:
    """An error in OpenAI's shape."""
    error: dict[str, Any] = {"message": message, "type": kind, "param": param, "code": code}
    return Reply(status=status, headers=headers or {}, pieces=(wire.encode({"error": error}),), hang=hang)


def refused(error: BadRequest) -> Reply:
    """The reply to a request that is wrong."""
    return failure(error.status, str(error), param=error.param, code=error.code)


def _busy(retry_after: str) -> Reply:
    message = "Rate limit reached (simulated)"
    return failure(429, message, kind="requests", code="rate_limit_exceeded", headers={"retry-after": retry_after})


def _think(mind: Mind, body: dict[str, Any]) -> Answer:
    try:
        return mind.answer(Conversation(body))
    except Exception as error:
        # A mind is the user's code. 400, because clients repeat a 500, and the mind would fail the same way again.
        _log.exception("the mind %s failed", type(mind).__name__)
        message = f"the simulated mind {type(mind).__name__} failed: {type(error).__name__}: {error}"
        raise BadRequest(None, message, code="mind_failed") from error
