"""The record: tables, migrations, the one write door, and the only SQL on them.

The modules `runs`, `leases`, `mail`, `transcript`, `journal`, `effects`, `reviews`, `decisions`, `remarks`, `events`,
`timers`, `waits`, `facts`, `spending`, `bodies`, `fingerprints`, `forks`, `rule_proposals`, `promises`, `audits`,
`corrections`, `turns`, `notices`, `keys`, `people`, `accounts`, `credentials`, `trail`, `forecasts`, `threads`,
`hook_calls`, `history`, `lives`, `alerts`, `workers` and `checkpoints` hold plain functions that take a `Transaction`;
hand them to `Ledger.write` or `Ledger.read`. `growth` and `archive` keep the record small.
"""

from baton.ledger import (
    accounts,
    alerts,
    archive,
    audits,
    bodies,
    checkpoints,
    corrections,
    credentials,
    decisions,
    effects,
    events,
    facts,
    fingerprints,
    forecasts,
    forks,
    growth,
    history,
    hook_calls,
    journal,
    keys,
    leases,
    lives,
    mail,
    notices,
    people,
    promises,
    remarks,
    reviews,
    rule_proposals,
    runs,
    spending,
    threads,
    timers,
    trail,
    transcript,
    turns,
    waits,
    workers,
)
from baton.ledger.decisions import Decision, DecisionKind, Source
from baton.ledger.door import Ledger, Listener, database_of
from baton.ledger.effects import EffectRecord, EffectState
from baton.ledger.events import Event
from baton.ledger.facts import Fact
from baton.ledger.journal import Proposal
from baton.ledger.leases import Lease
from baton.ledger.lock import DispatchLock
from baton.ledger.mail import Message
from baton.ledger.reviews import Review, ReviewKind
from baton.ledger.runs import ENDED, Run
from baton.ledger.timers import Timer
from baton.ledger.transaction import Transaction, Work
from baton.ledger.transcript import Line
from baton.ledger.waits import Wait
from baton.ledger.working import at_work
from baton.ledger.writers import News

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
    "News",
    "Proposal",
    "Review",
    "ReviewKind",
    "Run",
    "Source",
    "Timer",
    "Transaction",
    "Wait",
    "Work",
    "accounts",
    "alerts",
    "archive",
    "at_work",
    "audits",
    "bodies",
    "checkpoints",
    "corrections",
    "credentials",
    "database_of",
    "decisions",
    "effects",
    "events",
    "facts",
    "fingerprints",
    "forecasts",
    "forks",
    "growth",
    "history",
    "hook_calls",
    "journal",
    "keys",
    "leases",
    "lives",
    "mail",
    "notices",
    "people",
    "promises",
    "remarks",
    "reviews",
    "rule_proposals",
    "runs",
    "spending",
    "threads",
    "timers",
    "trail",
    "transcript",
    "turns",
    "waits",
    "workers",
]
