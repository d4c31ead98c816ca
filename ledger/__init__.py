"""The record: tables, migrations, the one write door, and the only SQL on them.

The modules `runs`, `mail`, `transcript`, `journal`, `effects`, `reviews`, `events`, `timers`, `facts`, `bodies`,
`fingerprints`, `forks` and `checkpoints` hold plain functions that take a `Transaction`; hand them to `Ledger.write` or
`Ledger.read`.
"""

from baton.ledger import (
    bodies,
    checkpoints,
    effects,
    events,
    facts,
    fingerprints,
    forks,
    journal,
    mail,
    reviews,
    runs,
    timers,
    transcript,
)
from baton.ledger.door import Ledger, Listener, Transaction, Work
from baton.ledger.effects import EffectRecord, EffectState
from baton.ledger.events import Event
from baton.ledger.facts import Fact
from baton.ledger.journal import Proposal
from baton.ledger.lock import DispatchLock
from baton.ledger.mail import Message
from baton.ledger.reviews import Decision, DecisionKind, Review, ReviewKind
from baton.ledger.runs import ENDED, Lease, Run
from baton.ledger.timers import Timer
from baton.ledger.transcript import Line

__all__ = [
    "ENDED",
    "Decision",
    "DecisionKind",
    "DispatchLock",
    "EffectRecord",
    "EffectState",
    "Event",
    "Fact",
    "Lease",
    "Ledger",
    "Line",
    "Listener",
    "Message",
    "Proposal",
    "Review",
    "ReviewKind",
    "Run",
    "Timer",
    "Transaction",
    "Work",
    "bodies",
    "checkpoints",
    "effects",
    "events",
    "facts",
    "fingerprints",
    "forks",
    "journal",
    "mail",
    "reviews",
    "runs",
    "timers",
    "transcript",
]
