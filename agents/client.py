"""The model as an endpoint that speaks OpenAI's chat completions."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2
import openai

from baton.agents.assembly import Assembly
from baton.agents.breakers import Breaker
from baton.agents.failures import Target, Transient, names_parameter, translate
from baton.agents.retries import RetryPolicy, Sleep, tries
from baton.agents.transport import AioTransport
from baton.core import (
    Clock,
    Delta,
    InvalidValue,
    ModelRefused,
    ModelReply,
    ModelRequest,
    ModelUnavailable,
    SystemClock,
    logger,
)

log = logger()

_OPTIONAL = ("logprob", "stream_options", "seed")
"""What a request can do without, by the word that an endpoint's refusal has."""


class OpenAIModel:
    """Asks an OpenAI-compatible endpoint; implements `baton.core.Model`.

    Keeps connections open: use it within one event loop, and close it.
    """

    def __init__(
        self,
        *,
        base_url: str | None,
        api_key: str,
        timeout: float = 120.0,
        retries: RetryPolicy | None = None,
        stream: bool = True,
        logprobs: bool = False,
        key_variable: str = "OPENAI_API_KEY",
        clock: Clock | None = None,
        sleep: Sleep = asyncio.sleep,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """Prepare to ask; nothing is sent yet.

        Args:
            base_url: Address of the endpoint; None for OPENAI_BASE_URL, or OpenAI's own.
            api_key: The key; endpoints that need none take any text.
            timeout: Seconds to wait for a connection, and for each piece of an answer.
            retries: How long to go on trying.
            stream: Whether to stream where somebody listens; off for endpoints that cannot.
            logprobs: Whether to ask for log-probabilities, which give calls their margin; left out for good once the
                endpoint refuses them.
            key_variable: Environment variable that the key came from, for hints.
            clock: Tells the time of `Retry-After` dates and how long a request took.
            sleep: Waits between tries.
            transport: What sends the requests; None is the network.

        Raises:
            InvalidValue: if the address or the key cannot be one.
        """
        key = api_key.strip()
        if not key or not key.isascii() or not key.isprintable() or " " in key:
            raise InvalidValue("API key", "***" if key else "", "one word of ASCII", f"Set {key_variable}")
        if base_url is not None and not (base_url.startswith(("http://", "https://")) and urlsplit(base_url).hostname):
            raise InvalidValue(
                "base URL", base_url.rpartition("@")[2], "an address such as 'https://api.openai.com/v1'"
            )
        http = openai.DefaultAsyncHttpxClient(transport=transport or AioTransport(), timeout=timeout)
        self._client = openai.AsyncOpenAI(
            base_url=base_url, api_key=key, timeout=timeout, max_retries=0, http_client=http
        )
        address = self._client.base_url
        self._target = Target(
            model="",
            endpoint=f"{address.scheme}://{address.netloc.decode()}{address.path}".rstrip("/"),
            key=key,
            key_variable=key_variable,
        )
        self._breaker = Breaker(self._target.endpoint)
        self._retries, self._stream = retries or RetryPolicy(), stream
        self._without: set[str] = set() if logprobs else {"logprob"}
        self._clock, self._sleep = clock or SystemClock(), sleep

    async def __aenter__(self) -> Self:
        """Enter; leaving closes."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def complete(self, request: ModelRequest, on_delta: Delta | None = None) -> ModelReply:
        """Ask, and ask again while what fails may pass.

        Args:
            request: What to ask.
            on_delta: Gets the text piece by piece. After a stream that broke an empty piece comes, and then the text
                again from its start.

        Raises:
            ModelUnavailable: if the last try failed too, the deadline passed, or the endpoint has failed so often that
                it is left alone for a while.
            ModelRefused: if the endpoint refuses for good; the message says what to do.
        """
        started = self._clock.now()
        rest = self._breaker.refuses(started)
        if rest is not None:
            raise ModelUnavailable(request.model, self._breaker.why(), after=rest)
        self._breaker.began()
        target = replace(self._target, model=request.model)
        failures: list[Transient] = []
        deadline = asyncio.timeout(self._retries.deadline)
        try:
            async with deadline:
                again = tries(self._retries, self._sleep, failures, self._breaker.may_retry)
                reply: ModelReply = await again(self._ask, request, on_delta, target)
        except ModelRefused:
            self._answered()
            raise
        except Transient:
            raise self._unavailable(target, failures) from None
        except TimeoutError:
            if not deadline.expired():
                raise
            raise self._unavailable(target, failures, unfinished=1) from None
        self._answered()
        seconds = max(0.0, self._clock.now() - started)
        return replace(reply, seconds=seconds, attempts=len(failures) + 1)

    async def _ask(self, request: ModelRequest, on_delta: Delta | None, target: Target) -> ModelReply:
        """One try; again at once when the endpoint refuses a parameter that it can do without."""
        try:
            return await self._read(request, on_delta, target)
        except _Unwanted as error:
            self._without.add(error.word)
        return await self._ask(request, on_delta, target)

    async def _read(self, request: ModelRequest, on_delta: Delta | None, target: Target) -> ModelReply:
        assembly = Assembly()
        streams = self._stream and on_delta is not None
        told = False
        try:
            async with aclosing(self._bodies(self._parameters(request, streams), target)) as bodies:
                async for body in bodies:
                    text = assembly.add(body)
                    if text and on_delta:
                        on_delta(text)
                        told = True
        except Transient:
            if not assembly.finish:
                _void(on_delta if told else None)
                raise
        if not assembly.finish:
            _void(on_delta if told else None)
            raise Transient(target.redact(f"the answer broke off before its end{assembly.complaint}"))
        return assembly.reply()

    async def _bodies(self, parameters: dict[str, Any], target: Target) -> AsyncGenerator[object]:
        """The chunks of a stream, or the one whole answer, as plain JSON.

        `post` rather than `chat.completions.create`: half the time, and nothing is read into types that compatible
        endpoints do not keep to.
        """
        path = "/chat/completions"
        try:
            if not parameters.get("stream"):
                yield await self._client.post(path, body=parameters, cast_to=object)
                return
            stream_cls = openai.AsyncStream[object]
            async with await self._client.post(
                path, body=parameters, cast_to=object, stream=True, stream_cls=stream_cls
            ) as stream:
                if "json" in stream.response.headers.get("content-type", ""):  # it does not stream, and did not say so
                    yield json.loads(await stream.response.aread())
                    return
                async for chunk in stream:
                    yield chunk
        except openai.APIStatusError as error:
            for word in _OPTIONAL:
                if any(name.startswith(word) for name in parameters) and names_parameter(error, word):
                    raise _Unwanted(word) from None
            raise translate(error, target, self._clock.now()) from None
        except (openai.OpenAIError, httpx2.TransportError, ValueError) as error:
            raise translate(error, target, self._clock.now()) from None

    def _parameters(self, request: ModelRequest, streams: bool) -> dict[str, Any]:
        parameters: dict[str, Any] = {"model": request.model, "messages": list(request.messages)}
        if request.tools:
            parameters["tools"] = list(request.tools)
        if request.seed is not None and "seed" not in self._without:
            parameters["seed"] = request.seed
        if "logprob" not in self._without:
            parameters |= {"logprobs": True, "top_logprobs": 2}
        if streams:
            parameters["stream"] = True
        if streams and "stream_options" not in self._without:
            parameters["stream_options"] = {"include_usage": True}
        return parameters

    def _answered(self) -> None:
        if self._breaker.answered():
            log.warning("breaker closed", endpoint=self._target.endpoint)

    def _unavailable(self, target: Target, failures: list[Transient], *, unfinished: int = 0) -> ModelUnavailable:
        if self._breaker.failed(self._clock.now()):
            log.warning("breaker opened", endpoint=target.endpoint, failures=self._breaker.failures)
        tries = len(failures) + unfinished
        last = failures[-1] if failures else f"no answer within {self._retries.deadline:g} s"
        hint = f"Try again later; or check that {target.endpoint} is right and can be reached"
        return ModelUnavailable(target.model, f"no answer in {tries} {'try' if tries == 1 else 'tries'}: {last}", hint)


def _void(on_delta: Delta | None) -> None:
    """Say that the text that was told may come again."""
    if on_delta:
        on_delta("")


class _Unwanted(Exception):
    """The endpoint refuses a parameter that the request can do without."""

    def __init__(self, word: str) -> None:
        self.word = word
        super().__init__(word)
