"""Holding up what may go ahead: until its window opens, and for so long as it can be recalled.

An action that was allowed or approved is held up before anything is claimed, with its reason and its time on record.
When that comes it is looked at as after any pause: the approval, the policy, what it rests on. Until then a person or
its agent can recall it, and a person can let it go ahead at once.
"""

from collections.abc import Mapping

from baton.core import Action, ActionId, Calendar, ToolSpec, format_time
from baton.graph.builtins import BUILTIN
from baton.graph.job import Job
from baton.graph.outcome import Outcome, denial
from baton.graph.scene import Scene
from baton.ledger import EffectState, Transaction, events, mail, stays
from baton.ledger.stays import Why


async def held_up(scene: Scene, job: Job) -> Job | Outcome:
    """The job if it may take effect now, else what is told of it: it waits, or was recalled."""
    spec = scene.member.agent.specs.get(job.action.tool)
    begun = job.known is not None and job.known.state is not EffectState.POSTPONED
    if begun or job.off or spec is None or spec.name in BUILTIN or (spec.recall is None and spec.window is None):
        return job
    action = job.action
    stay = await scene.ledger.read(lambda tx: stays.get(tx, action.id))
    if stay is not None and stay.state == "recalled":
        return denial(f"{stay.by} recalled it: {stay.note or 'no reason given'}")
    if stay is not None and stay.state == "open":
        return _pending(stay.kind, stay.until, action, spec)
    if stay is not None and stay.by is not None:
        return job  # a person has let it go ahead at once
    return _held(scene, job, spec, first=stay is None)


def _held(scene: Scene, job: Job, spec: ToolSpec, *, first: bool) -> Job | Outcome:
    now = scene.ledger.clock.now()
    free = now + spec.recall if first and spec.recall is not None else now
    window = window_of(scene.team.windows, spec)
    opens = free if window is None else window.next_on_duty(free)
    if opens is None:
        return denial(f"the window in which {spec.name} may take effect never opens")
    if opens <= now:
        return job
    kind: Why = "recall" if free > now else "window"
    action, run = job.action, scene.run

    def begin(tx: Transaction) -> None:
        said = {"action": action.id, "tool": spec.name, "why": kind, "until": opens}
        stays.begin(tx, run.id, action.id, tool=spec.name, tenant=run.tenant, kind=kind, until=opens)
        events.emit(tx, run.id, "action.postponed", **said)

    outcome = _pending(kind, opens, action, spec)
    outcome.riders.append(begin)
    return outcome


def window_of(windows: Mapping[str, Calendar], spec: ToolSpec) -> Calendar | None:
    """When a tool may take effect; None is always."""
    return windows[spec.window] if isinstance(spec.window, str) else spec.window


def _pending(kind: str, until: float, action: Action, spec: ToolSpec) -> Outcome:
    where = f" ({spec.window})" if isinstance(spec.window, str) else ""
    why = "it can be recalled until then" if kind == "recall" else f"its window opens then{where}"
    more = f'; recall_action(action="{action.id}") takes it back'
    return Outcome(text=f"pending: it takes effect at {format_time(until)}, as {why}{more}", pending=True)


def go_ahead(tx: Transaction, action: ActionId) -> None:
    """An action's time has come: its run carries it out, unless somebody has recalled it."""
    stay = stays.get(tx, action)
    if stay is not None and stays.pass_(tx, action):
        events.emit(tx, stay.run, "action.due", action=action, by=stay.by)
        mail.post(tx, stay.run, "go", sender=stay.by or "baton", ref=action)
