"""An endpoint that streams a fixed answer slowly, and knows when it sent each piece."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

PIECES = [f"word{number} " for number in range(8)]


@dataclass
class TimedEndpoint:
    """The endpoint: its address, and of each answer when its pieces were sent (`time.monotonic`)."""

    url: str = ""
    sent: list[list[float]] = field(default_factory=list[list[float]])
    pause: float = 0.05

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(int(length.split(b":")[1]))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
            self.sent.append([])
            for piece in PIECES:
                await asyncio.sleep(self.pause)
                self.sent[-1].append(time.monotonic())
                writer.write(_event({"content": piece}))
            writer.write(_event({}, "stop") + b"data: [DONE]\n\n")
            await writer.drain()
        writer.close()


def _event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
    return f"data: {json.dumps(body)}\n\n".encode()


@contextlib.asynccontextmanager
async def timed_endpoint() -> AsyncGenerator[TimedEndpoint]:
    """The endpoint on loopback."""
    endpoint = TimedEndpoint()
    server = await asyncio.start_server(endpoint._serve, "127.0.0.1", 0)
    endpoint.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with server:
        yield endpoint
