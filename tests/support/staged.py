"""An agent whose mails are held up, and when they go out."""

from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

from baton import Agent, Baton, RunHandle, tool
from baton.agents.simulated import Answer, Conversation
from baton.core import Calendar, Hours, ManualClock
from support.minds import Says, call, calls
from support.office import soon, tool_lines

FRIDAY = datetime(2026, 3, 27, 16, 0, tzinfo=UTC).timestamp()  # 17:00 in Berlin, two days before the clocks change
MONDAY = datetime(2026, 3, 30, 6, 0, tzinfo=UTC).timestamp()  # 08:00 in Berlin
OFFICE = Calendar(zone="Europe/Berlin", hours=tuple(Hours(weekday=d, start=time(8), end=time(17)) for d in range(5)))


class Outbox:
    """What was sent."""

    def __init__(self, **settings: Any) -> None:
        self.sent: list[str] = []

        @tool(**settings)
        async def send(to: str) -> str:
            """Send."""
            self.sent.append(to)
            return f"sent to {to}"

        self.send = send

    def agent(self, policy: str | Path = "allow-all") -> Agent:
        return Agent("clerk", tools=[self.send], policy=policy)


def patient() -> Says:
    """Sends, waits while that is held up, and finishes with what it is told."""

    def answer(conversation: Conversation) -> Answer:
        told = [str(m["content"]) for m in conversation.messages if m["role"] in ("user", "tool")]
        over = [text for text in told if "sent to" in text or "recalled" in text or "denied" in text]
        if over:
            return calls(call("finish", summary=over[-1]))
        played = any(message.get("tool_calls") for message in conversation.messages)
        return Answer(text="I wait.") if played else calls(call("send", to="bob"))

    return Says(answer)


async def held(baton: Baton) -> tuple[RunHandle, str]:
    """A run whose mail is held up, and the action's id."""
    run = await baton.submit("go")
    await soon(run.settled())
    (stay,) = await baton.shared.staged()
    return run, stay.action


async def opens_on_monday(baton: Baton, clock: ManualClock, box: Outbox) -> tuple[RunHandle, str]:
    """A run whose mail has waited since Friday, to the second, for the office to open; and the action's id."""
    run, action = await held(baton)
    assert (await tool_lines(run))[0] == (
        f"pending: it takes effect at 2026-03-30 06:00 UTC, as its window opens then (office); "
        f'recall_action(action="{action}") takes it back'
    )
    clock.advance(MONDAY - FRIDAY - 1)
    await baton.ledger.write(lambda tx: None)
    assert box.sent == [] and (await soon(run.settled())).status == "waiting"
    clock.advance(1)
    return run, action
