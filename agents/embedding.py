"""Vectors from an OpenAI-compatible endpoint."""

from collections.abc import Sequence

import openai

from baton.core import ModelUnavailable


class OpenAIEmbedder:
    """Asks an endpoint for embeddings; implements `baton.memory.Embedder`."""

    def __init__(self, *, base_url: str | None, api_key: str, model: str) -> None:
        """Prepare to ask; None for `base_url` is OpenAI's own."""
        self._client = openai.AsyncOpenAI(base_url=base_url, api_key=api_key, max_retries=3)
        self._model = model

    @property
    def name(self) -> str:
        """Model and endpoint."""
        return f"{self._model} at {self._client.base_url}"

    async def embed(self, texts: Sequence[str]) -> list[Sequence[float]]:
        """One vector a text.

        Raises:
            ModelUnavailable: if the endpoint gives none.
        """
        try:
            answer = await self._client.embeddings.create(model=self._model, input=list(texts))
        except openai.OpenAIError as error:
            hint = "Unset BATON_EMBEDDING_MODEL to search by keywords alone."
            raise ModelUnavailable(self._model, f"no embeddings: {type(error).__name__}", hint) from error
        return [row.embedding for row in sorted(answer.data, key=lambda row: row.index)]

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()
