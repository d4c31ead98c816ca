"""A second endpoint, for while the first does not answer: it is left, and returned to once it answers again."""

from dataclasses import dataclass, field, replace

from baton.core import Delta, Model, ModelReply, ModelRequest, ModelUnavailable, logger

log = logger()


@dataclass
class FallbackModel:
    """Asks a model, and another where that does not answer; implements `baton.core.Model`.

    When to leave the first alone and when to look whether it answers again is its breaker's to say: while that is
    closed it is asked first, and once it has cooled down one question goes there to see.

    Attributes:
        first: Asked first.
        second: Asked where the first is unavailable; what it refuses for good is refused.
        name: Where the second is, for the record: each of its answers says so.
        model: What the model is called there; None is the same.
    """

    first: Model
    second: Model
    name: str
    model: str | None = None
    _away: bool = field(default=False, init=False)

    async def complete(self, request: ModelRequest, on_delta: Delta | None = None) -> ModelReply:
        """Ask; see `Model.complete`.

        Raises:
            ModelUnavailable: if neither answers; says what the first came to.
            ModelRefused: if the one that was asked refuses for good.
        """
        try:
            answered = await self.first.complete(request, on_delta)
        except ModelUnavailable as error:
            self._leave(error)
            wanted = request if self.model is None else replace(request, model=self.model)
            try:
                reply = await self.second.complete(wanted, on_delta)
            except ModelUnavailable:
                raise error from None
            return replace(reply, instead=self.name)
        if self._away:
            self._away = False
            log.warning("the model's endpoint answers again; it is returned to")
        return answered

    def _leave(self, error: ModelUnavailable) -> None:
        if not self._away:
            self._away = True
            log.warning("the model's endpoint does not answer; another is asked", instead=self.name, error=str(error))
