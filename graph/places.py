"""What an action needs while it is carried out: resources, and a place among the calls of its tool."""

from collections.abc import Mapping

from baton.core import Queued, ToolSpec
from baton.core.resources import places_in_words
from baton.graph.hold import Hold
from baton.graph.job import Job
from baton.graph.outcome import Outcome
from baton.graph.scene import Scene
from baton.ledger import Transaction, events, reservations
from baton.ledger.reservations import Reservation

SLACK = 60.0
"""Seconds beyond its tool's time-out for which a call keeps what it needs."""


def take_places(tx: Transaction, hold: Hold, scene: Scene, spec: ToolSpec, job: Job) -> Mapping[str, int] | Queued:
    """Have what an action needs, in the transaction that claims it: its tokens, or what it waits for."""
    run = scene.run
    got = reservations.claim(
        tx,
        spec.places,
        run=run.id,
        key=job.action.id,
        by=run.agent,
        tenant=run.tenant,
        at_least=spec.timeout + SLACK,
    )
    if not isinstance(got, Reservation):
        return {name: got[name] for name in spec.needs}
    before = reservations.ahead(tx, got)
    events.emit(tx, hold.run, "action.queued", action=job.action.id, tool=spec.name, of=list(got.tokens), ahead=before)
    return Queued(job.action.id, places_in_words(got.tokens), before)


def queued(error: Queued) -> Outcome:
    """What is told of an action that waits."""
    text = f"pending: it waits for {error.waits_for}, behind {error.ahead}; it is carried out when its turn comes"
    return Outcome(text=text, pending=True)


def free_places(tx: Transaction, spec: ToolSpec, job: Job) -> None:
    """Give back what an action needed: it is over."""
    if spec.places:
        reservations.give_back_of(tx, job.action.id)
