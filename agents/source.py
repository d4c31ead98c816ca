"""Which model answers: the endpoint that the environment names, or the simulated one on loopback."""

import contextlib
import os
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass

from baton.agents.client import OpenAIModel
from baton.agents.embedding import OpenAIEmbedder
from baton.agents.fallback import FallbackModel
from baton.agents.simulated import Mind
from baton.agents.simulated.inside import ADDRESS, SimulatedTransport
from baton.core import Model


@dataclass(frozen=True)
class Endpoint:
    """Where models are asked.

    Attributes:
        base_url: None is OpenAI's own.
        api_key: Empty where the endpoint needs none; never shown.
        simulated: Whether the simulated model answers, because neither a key nor an address is set.
        embedding_model: What makes vectors for memory; None searches by keywords alone.
        fallback: Where models are asked while that does not answer; None is nowhere.
        fallback_key: Empty where that one needs none; never shown.
        fallback_model: What the model is called there; None is the same.
    """

    base_url: str | None
    api_key: str
    simulated: bool
    embedding_model: str | None = None
    fallback: str | None = None
    fallback_key: str = ""
    fallback_model: str | None = None

    def __repr__(self) -> str:
        """Where, never with which key."""
        return f"Endpoint({self.describe()!r})"

    def describe(self) -> str:
        """In words for people."""
        if self.simulated:
            return "simulated model (no OPENAI_API_KEY and no OPENAI_BASE_URL is set)"
        said = f"{self.base_url or 'the OpenAI API'} ({'with a key' if self.api_key else 'without a key'})"
        return said if self.fallback is None else f"{said}, else {self.fallback}"


def endpoint(environment: Mapping[str, str] | None = None) -> Endpoint:
    """Read `OPENAI_API_KEY`, `OPENAI_BASE_URL` and `BATON_EMBEDDING_MODEL`; without key and address, the simulated
    model answers and memory searches by keywords alone. `BATON_FALLBACK_BASE_URL`, `BATON_FALLBACK_API_KEY` and
    `BATON_FALLBACK_MODEL` name what is asked while the first does not answer.

    Args:
        environment: None is the process's own.
    """
    found = os.environ if environment is None else environment
    key, url = found.get("OPENAI_API_KEY", "").strip(), found.get("OPENAI_BASE_URL", "").strip()
    embedding = found.get("BATON_EMBEDDING_MODEL", "").strip()
    simulated = not key and not url
    fallback, model = (found.get(f"BATON_FALLBACK_{name}", "").strip() or None for name in ("BASE_URL", "MODEL"))
    return Endpoint(
        url or None,
        key,
        simulated,
        None if simulated else embedding or None,
        None if simulated else fallback,
        found.get("BATON_FALLBACK_API_KEY", "").strip(),
        model,
    )


def embedder_of(where: Endpoint) -> OpenAIEmbedder | None:
    """What makes vectors at an endpoint; None where no embedding model is named."""
    if where.embedding_model is None:
        return None
    return OpenAIEmbedder(base_url=where.base_url, api_key=where.api_key or "none", model=where.embedding_model)


@contextlib.asynccontextmanager
async def open_model(where: Endpoint, mind: Mind, *, stream: bool = False) -> AsyncGenerator[Model]:
    """A model to ask while the context lasts; `mind` is what the simulated one thinks with."""
    async with contextlib.AsyncExitStack() as stack:
        if where.simulated:
            asked = OpenAIModel(
                base_url=ADDRESS, api_key="simulated", stream=stream, transport=SimulatedTransport(mind)
            )
        else:
            asked = OpenAIModel(base_url=where.base_url, api_key=where.api_key or "none", stream=stream)
        model = await stack.enter_async_context(asked)
        if where.fallback is None:
            yield model
            return
        second = OpenAIModel(base_url=where.fallback, api_key=where.fallback_key or "none", stream=stream)
        await stack.enter_async_context(second)
        yield FallbackModel(model, second, where.fallback, where.fallback_model)
