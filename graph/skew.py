"""Old runs under new code: what differs, what of it a run cannot live with, and what is to be asked again. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from baton.core import ActionId, ReviewId
from baton.graph.fingerprint import Fingerprint, ToolPrint
from baton.graph.open_matters import How, Matter
from baton.graph.state import GRAPH
from baton.policies import asked_form

READABLE = frozenset({GRAPH})
"""Versions of the graph whose states this one goes on with."""

Kind = Literal["orphaned", "misread", "asked again"]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that a run has left open and that the code at hand does not fit.

    Attributes:
        kind: `orphaned` (its agent or tool is gone), `misread` (it would mean something else), or `asked again`
            (upcasters lead to it; a person is asked anew).
        action: The open action; None where the whole run is meant.
        review: The question about it that is open; None where none is.
        says: What differs, in a sentence.
    """

    kind: Kind
    action: ActionId | None
    review: ReviewId | None
    says: str


def differences(old: Fingerprint, new: Fingerprint) -> list[str]:
    """What differs between two fingerprints of an agent, in words; for people to know, whatever it means for a run."""
    said = [f"graph {old.graph} → {new.graph}"] if old.graph != new.graph else []
    said += sorted(name for name in new.prose if old.prose.get(name) != new.prose[name])
    if old.hands_off_to != new.hands_off_to:
        said.append(f"hands off to {', '.join(new.hands_off_to) or 'nobody'}")
    for name in sorted({*old.contracts, *new.contracts}):
        if (was := old.contracts.get(name)) != (now := new.contracts.get(name)):
            said.append(f"contract {was} → {now or 'gone'}" if was else f"contract {name} is new")
    for name in sorted({*old.tools, *new.tools}):
        before, after = old.tools.get(name), new.tools.get(name)
        if before is None or after is None:
            said.append(f"tool {name} is {'new' if before is None else 'gone'}")
        elif before != after:
            said.append(f"tool {name}: {_changes(before, after)}")
    return said


def skew(
    agent: str,
    old: Fingerprint | None,
    new: Fingerprint | None,
    matters: Sequence[Matter],
    begun: Mapping[str, str] | None = None,
) -> list[Problem]:
    """What keeps code from going on with a run.

    Args:
        agent: The run's agent.
        old: What the run was begun with, or last found to fit; None where that is not known.
        new: The code at hand; None where it has no such agent.
        matters: What of the run is open.
        begun: Of a workflow's run, what the steps do that it has begun, by name; None where it has begun none.
    """
    if new is None:
        return [_whole("orphaned", f"there is no agent {agent!r} any more")]
    if old is not None and old.graph not in READABLE:
        known = ", ".join(map(str, sorted(READABLE)))
        return [_whole("misread", f"its state is of graph version {old.graph}; this code reads: {known}")]
    found = [_whole("misread", said) for said in _other_steps(begun or {}, new.steps)]
    for matter in matters:
        before = old.tools.get(matter.action.tool) if old else None
        problem = _misfit(matter, before, new.tools.get(matter.action.tool))
        if problem is not None:
            review = matter.review.id if matter.review is not None and matter.review.open else None
            kind, says = problem
            said = f"{_SAID[matter.how]} {matter.action.tool} ({matter.action.id}): {says}"
            found.append(Problem(kind=kind, action=matter.action.id, review=review, says=said))
    return found


def _misfit(matter: Matter, before: ToolPrint | None, now: ToolPrint | None) -> tuple[Kind, str] | None:
    """Why a tool is not the one that an open action was proposed for; None if it is."""
    action = matter.action if matter.review is None else asked_form(matter.action, matter.review.question)
    version = action.version
    if now is None:
        return "orphaned", "the tool is gone"
    if version != now.version:
        if version in now.upcasts and matter.how != "begun":
            return "asked again", f"version {version} becomes {now.version} by its upcasters"
        hint = "" if matter.how == "begun" else ", and no upcaster leads there"
        return "misread", f"it was proposed for version {version}, the tool is of version {now.version}{hint}"
    if before is None or before.version != version:
        return None
    same = before.schema == now.schema and before.effect == now.effect
    return None if same else ("misread", f"of the same version {version}, but {_changes(before, now)}")


def _other_steps(begun: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Steps that were begun and are others now, or are gone, in words."""
    said: list[str] = []
    for name, what in sorted(begun.items()):
        if name not in now:
            said.append(f"step {name} ({what}) was begun and is gone")
        elif now[name] != what:
            said.append(f"step {name} was begun as `{what}` and is `{now[name]}` now")
    return said


def _changes(before: ToolPrint, after: ToolPrint) -> str:
    old, new = asdict(before), asdict(after)
    said = [
        f"{name} differs" if name == "schema" else f"{name} {old[name]} → {new[name]}"
        for name in old
        if old[name] != new[name] and name != "upcasts"
    ]
    return ", ".join(said) or "other upcasters"


def _whole(kind: Kind, says: str) -> Problem:
    return Problem(kind=kind, action=None, review=None, says=says)


_SAID: dict[How, str] = {
    "to do": "to be carried out:",
    "under review": "under review:",
    "approved": "approved:",
    "begun": "begun, outcome unknown:",
}
