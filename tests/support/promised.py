"""Simulated decisions about a class of actions, put on record as runs and people would."""

import random
from functools import partial
from typing import Any

from sqlalchemy import insert

from baton.core import Action, ActionId, ManualClock, Promise, RunId, dump, random_id
from baton.ledger import Ledger, Transaction, bodies, promises
from baton.ledger.promises import Source
from baton.ledger.schema_people import audits
from baton.policies.promises import Certificates, Kept

PROMISE = Promise(most_wrong=0.05, certainty=0.95)
MODEL = "gpt-5-mini"
"""What the agents of tests think with: of another, another certificate would speak."""

_AT_ONCE = 5


class Stream:
    """An agent that is surer of itself than it should be, and people who look at what it does.

    Args:
        ledger: Where it goes on record.
        clock: The ledger's.
        agent: Its name.
        kind: The class of what it does.
        risk: The share of errors in the worst case; in the best there are none.
        honest: Whether its confidence tells these apart; else only where its arguments come from does.
        seed: Of all that is drawn.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: ManualClock,
        agent: str,
        kind: str,
        *,
        risk: float = 0.25,
        honest: bool = True,
        seed: int = 1,
    ) -> None:
        self.ledger, self.clock, self.agent, self.kind = ledger, clock, agent, kind
        self.risk, self.honest = risk, honest
        self._draw, self._number, self._known = random.Random(seed), 0, Certificates()

    async def go_on(self, count: int, *, pause: float = 3600.0) -> None:
        """Put so many further actions on record, a few at once, with `pause` seconds between them."""
        for _ in range(0, count, _AT_ONCE):
            kept = await self.ledger.read(lambda tx: self._known.kept(tx, self.agent, {self.kind: PROMISE}, MODEL))
            await self.ledger.write(partial(self._enter, kept[self.kind]))
            self.clock.advance(_AT_ONCE * pause)

    def _enter(self, certificate: Kept, tx: Transaction) -> None:
        for _ in range(_AT_ONCE):
            self._number += 1
            true = self._draw.random()
            wrong = self._draw.random() < self.risk * (1 - true) ** 2
            stated, other = (true, 1.0) if self.honest else (self._draw.random(), true)
            signals = {"confidence": 0.5 + stated / 2, "errors": float(self._draw.random() < 0.1), "grounded": other}
            action = self._action(signals["confidence"])
            assessed = certificate.assess(action, signals, self._draw.random())
            promises.decided(tx, self.agent, action.id, action.tool, assessed, alone=assessed.alone)
            if assessed.audited or not assessed.alone:
                source: Source = "audit" if assessed.alone else "review"
                promises.labelled(tx, action.id, wrong=wrong, source=source, by="ann")
                if assessed.alone:
                    tx.execute(insert(audits).values(self._audit(tx, action, wrong)))

    def _audit(self, tx: Transaction, action: Action, wrong: bool) -> dict[str, Any]:
        """An audit that was opened and answered; there is no run that could be told of it."""
        question = {"arguments": action.arguments, "reason": "", "confidence": action.confidence, "result": "done"}
        return {
            "id": random_id("aud"),
            "action": action.id,
            "look": 1,
            "run": action.run,
            "agent": self.agent,
            "tool": action.tool,
            "class": self.kind,
            "question": bodies.store(tx, dump(question)),
            "state": "closed",
            "opened_at": tx.now,
            "wrong": int(wrong),
            "by": "ann",
            "at": tx.now,
        }

    def _action(self, confidence: float) -> Action:
        run = RunId(f"run_{self.agent}{self._number}")
        return Action(
            id=ActionId(f"{run}.1.0"),
            run=run,
            agent=self.agent,
            tool="refund",
            version="1",
            arguments={"order_id": f"F-{self._draw.randrange(10_000)}", "cents": self._draw.randrange(5000)},
            confidence=confidence,
        )
