"""A model of which each question is told to whoever watches."""

from dataclasses import dataclass

from baton.core import Delta, Model, ModelReply, ModelRequest, Observer


@dataclass(frozen=True)
class ObservedModel:
    """Asks another model; implements `baton.core.Model`."""

    model: Model
    observer: Observer

    async def complete(self, request: ModelRequest, on_delta: Delta | None = None) -> ModelReply:
        """Ask it; see `Model.complete`."""
        with self.observer.asking(request) as came:
            reply = await self.model.complete(request, on_delta)
            came(reply)
            return reply
