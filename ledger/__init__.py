"""The record: tables, migrations, the one write door, and the only SQL on them.

The modules `runs`, `leases`, `mail`, `transcript`, `journal`, `effects`, `reviews`, `decisions`, `remarks`, `events`,
`timers`, `waits`, `facts`, `spending`, `bodies`, `fingerprints`, `forks`, `rule_proposals`, `promises`, `audits`,
`corrections`, `turns`, `notices`, `keys`, `people`, `accounts`, `credentials`, `trail`, `forecasts`, `threads`,
`hook_calls` and
`checkpoints` hold plain functions that take a `Transaction`; hand them to `Ledger.write` or `Ledger.read`. `growth` and
`archive` keep the record small.
"""

from baton.ledger import (
    accounts,
    archive,
    audits,
    bodies,
    checkpoints,
    consolidation,
    corrections,
    credentials,
    decisions,
    effects,
    events,
    fact_changes,
    fact_threads,
    fact_vectors,
    fact_words,
    facts,
    feedback,
    fingerprints,
    forecasts,
    forgetting,
    forks,
    growth,
    handoffs,
    hook_calls,
    items,
    journal,
    keys,
    leases,
    mail,
    notices,
    people,
    promises,
    remarks,
    reviews,
    rule_proposals,
    runs,
    spending,
    superseding,
    suspicion,
    threads,
    timers,
    trail,
    transcript,
    triggers,
    turns,
    waits,
)
from baton.ledger.decisions import Decision, DecisionKind, Source
from baton.ledger.door import Ledger, Listener, database_of
from baton.ledger.effects import EffectRecord, EffectState
from baton.ledger.events import Event
from baton.ledger.fact_values import Claim, Fact, Kind, Passage
from baton.ledger.facts import Change
from baton.ledger.handoffs import Handoff, HandoffState
from baton.ledger.journal import Proposal
from baton.ledger.leases import Lease
from baton.ledger.lock import DispatchLock
from baton.ledger.mail import Message
from baton.ledger.reviews import Review, ReviewKind
from baton.ledger.runs import ENDED, Run
from baton.ledger.timers import Timer
from baton.ledger.transaction import Transaction, Work, confined
from baton.ledger.transcript import Line
from baton.ledger.waits import Wait
from baton.ledger.working import at_work
from baton.ledger.writers import News

__all__ = [
    "ENDED",
    "Change",
    "Claim",
    "Decision",
    "DecisionKind",
    "DispatchLock",
    "EffectRecord",
    "EffectState",
    "Event",
    "Fact",
    "Handoff",
    "HandoffState",
    "Kind",
    "Lease",
    "Ledger",
    "Line",
    "Listener",
    "Message",
    "News",
    "Passage",
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
    "archive",
    "at_work",
    "audits",
    "bodies",
    "checkpoints",
    "confined",
    "consolidation",
    "corrections",
    "credentials",
    "database_of",
    "decisions",
    "effects",
    "events",
    "fact_changes",
    "fact_threads",
    "fact_vectors",
    "fact_words",
    "facts",
    "feedback",
    "fingerprints",
    "forecasts",
    "forgetting",
    "forks",
    "growth",
    "handoffs",
    "hook_calls",
    "items",
    "journal",
    "keys",
    "leases",
    "mail",
    "notices",
    "people",
    "promises",
    "remarks",
    "reviews",
    "rule_proposals",
    "runs",
    "spending",
    "superseding",
    "suspicion",
    "threads",
    "timers",
    "trail",
    "transcript",
    "triggers",
    "turns",
    "waits",
]
