"""Holding up what may go ahead: until its window opens, and for so long as it can be recalled.

An action that was allowed or approved is held up before anything is claimed, with its reason and its time on record.
When that comes it is looked at as after any pause: the approval, the policy, what it rests on. Until then a person or
its agent can recall it, and a person can let it go ahead at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from baton.core import Action, ActionId, Calendar, Effect, ToolSpec, Verdict, format_time, next_common
from baton.graph.builtins import BUILTIN
from baton.graph.job import Job
from baton.graph.outcome import Outcome, denial
from baton.graph.scene import Scene
from baton.ledger import EffectState, Transaction, events, mail, stays
from baton.ledger.stays import Why


@dataclass(frozen=True, kw_only=True)
class _Terms:
    """When an action takes effect, as its tool and the rules that let it through say together.

    Attributes:
        windows: All of them have to be open.
        names: Of those that have one.
        recall: Seconds for which it can be recalled; None where it cannot.
    """

    windows: tuple[Calendar, ...]
    names: tuple[str, ...]
    recall: float | None


async def held_up(scene: Scene, job: Job) -> Job | Outcome:
    """The job if it may take effect now, else what is told of it: it waits, or was recalled."""
    spec = scene.member.agent.specs.get(job.action.tool)
    begun = job.known is not None and job.known.state is not EffectState.POSTPONED
    if begun or job.off or spec is None or spec.name in BUILTIN:
        return job
    missing = [name for name in job.verdict.windows if name not in scene.team.windows]
    if missing:
        return denial(f"the rules let it take effect in the window {missing[0]}, which the project does not name")
    terms = _terms(scene.team.windows, spec, job.verdict)
    if terms.recall is None and not terms.windows:
        return job
    action = job.action
    stay = await scene.ledger.read(lambda tx: stays.get(tx, action.id))
    if stay is not None and stay.state == "recalled":
        return denial(f"{stay.by} recalled it: {stay.note or 'no reason given'}")
    if stay is not None and stay.state == "open":
        return _pending(stay.kind, stay.until, action, terms)
    if stay is not None and stay.by is not None:
        return job  # a person has let it go ahead at once
    return _held(scene, job, terms, first=stay is None)


def _held(scene: Scene, job: Job, terms: _Terms, *, first: bool) -> Job | Outcome:
    now = scene.ledger.clock.now()
    free = now + terms.recall if first and terms.recall is not None else now
    opens = next_common(terms.windows, free)
    if opens is None:
        window = "window" if len(terms.windows) == 1 else "windows"
        opens_never = "never opens" if len(terms.windows) == 1 else "are never open together"
        return denial(f"the {window} in which {job.action.tool} may take effect {opens_never}")
    if opens <= now:
        return job
    kind: Why = "recall" if free > now else "window"
    action, run = job.action, scene.run

    def begin(tx: Transaction) -> None:
        said = {"action": action.id, "tool": action.tool, "why": kind, "until": opens}
        stays.begin(tx, run.id, action.id, tool=action.tool, tenant=run.tenant, kind=kind, until=opens)
        events.emit(tx, run.id, "action.postponed", **said)

    outcome = _pending(kind, opens, action, terms)
    outcome.riders.append(begin)
    return outcome


def _terms(known: Mapping[str, Calendar], spec: ToolSpec, verdict: Verdict) -> _Terms:
    """What a tool and a verdict say together: each window has to be open, the longer recall holds; reads have none."""
    of_tool = spec.window if isinstance(spec.window, str) else None
    names = tuple(dict.fromkeys((*([of_tool] if of_tool is not None else ()), *verdict.windows)))
    own = (spec.window,) if isinstance(spec.window, Calendar) else ()
    by_rules = verdict.recall if spec.effect is Effect.WRITE else None
    recalls = [seconds for seconds in (spec.recall, by_rules) if seconds is not None]
    return _Terms(windows=(*own, *(known[name] for name in names)), names=names, recall=max(recalls, default=None))


def _pending(kind: str, until: float, action: Action, terms: _Terms) -> Outcome:
    opens = "its window opens then" if len(terms.windows) == 1 else "its windows are open then"
    where = f" ({', '.join(terms.names)})" if terms.names else ""
    why = "it can be recalled until then" if kind == "recall" else f"{opens}{where}"
    more = f'; recall_action(action="{action.id}") takes it back'
    return Outcome(text=f"pending: it takes effect at {format_time(until)}, as {why}{more}", pending=True)


def go_ahead(tx: Transaction, action: ActionId) -> None:
    """An action's time has come: its run carries it out, unless somebody has recalled it."""
    stay = stays.get(tx, action)
    if stay is not None and stays.pass_(tx, action):
        events.emit(tx, stay.run, "action.due", action=action, by=stay.by)
        mail.post(tx, stay.run, "go", sender=stay.by or "baton", ref=action)
