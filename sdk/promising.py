"""How a promise stands and what it rests on, in words."""

from collections.abc import Sequence
from typing import NamedTuple

from baton.core import Promise, format_duration, format_time
from baton.core.texts import one_line, percent
from baton.ledger.promises import Entry
from baton.policies.promises import Point, missing
from baton.policies.promises.figures import signals_known
from baton.policies.promises.looking import Look, Page
from baton.policies.promises.scoring import NAMES, RULE_WEIGHTS
from baton.policies.promises.standing import NOT_IN_SIGHT
from baton.rows import Row
from baton.telling import Tone

FEW = 30
"""Labels, or decisions, below which nothing is drawn."""

FEW_IN_A_ROW = 10
"""Labels below which a single share says nothing."""

_SAYS = {
    "confidence": "how sure the agent says it is",
    "agreement": "further samples that propose the same call",
    "judge": "what a second model says of the call",
    "verified": "the tool's own check",
    "margin": "how clearly the model chose the call's words",
    "grounded": "arguments that come from the user or from verified records",
    "errors": "few calls that failed in the run so far",
    "novelty": "how like earlier calls it is",
    "history": "right ones among the latest of this class and tool",
}

_STRENGTHS = ((0.8, "strong"), (0.3, "clear"), (0.1, "slight"), (0.0, "next to nothing"))


class Signal(NamedTuple):
    """What a score is made of: a signal, how much it counts, of what share it is known (empty is all), what it says."""

    name: str
    weight: str
    known: str
    says: str


def about(count: int) -> str:
    """A number that is an estimate: its first two digits."""
    size = 10 ** max(len(str(count)) - 2, 0)
    return f"{round(count / size) * size:,}"


def ago(at: float, now: float) -> str:
    """How long ago something was, in its largest unit: `2 h ago`."""
    return " ".join(format_duration(now - at).split()[:2]) + " ago"


def promised(promise: Promise) -> str:
    """What is promised: `at most 5 % wrong (95 % certain)`."""
    return f"at most {100 * promise.most_wrong:g} % wrong ({100 * promise.certainty:g} % certain)"


def headline(look: Look) -> tuple[str, Tone]:
    """How much of the class runs alone, or what is missing until some does; and whether that is well."""
    standing, kind = look.standing, one_line(look.row.kind)
    if standing is None or look.ended:
        return f"begins anew with the next action: {look.ended}", "asks"
    if standing.threshold is not None:
        return f"acting alone on {percent(standing.share)} of {kind}", "good"
    needed, certified = standing.decisions_needed or 0, any(point.proven for point in look.curve)
    if 0 < needed <= NOT_IN_SIGHT and not (standing.paused or certified):
        return f"needs about {about(needed)} more decisions before anything runs alone", "asks"
    return f"nothing runs alone: {missing(standing, look.curve)}", "asks"


def seen(look: Look) -> str:
    """The share of errors among what ran alone, with a 95 % interval of it; empty where nothing did."""
    standing = look.standing
    if standing is None or not standing.alone:
        return ""
    if standing.observed is None or standing.interval is None:
        return "none looked at yet"
    low, high = (f"{100 * share:.1f}" for share in standing.interval)
    return f"seen {percent(standing.observed, 1)} [{low}, {high}]"


def drift(look: Look, now: float) -> str:
    """When a change last revoked the certificate."""
    standing = look.standing
    if standing is None or not standing.alarms:
        return "drift alarm none"
    times = f", {standing.alarms} in all" if standing.alarms > 1 else ""
    when = ago(look.last_alarm, now) if look.last_alarm is not None else "before"
    return f"drift alarm {when}{times}"


def details(look: Look, now: float) -> list[str]:
    """What goes behind the headline: what is promised, what was seen, when it was last looked at, whether it drifts."""
    audit = f"last audit {ago(look.last_audit, now)}" if look.last_audit is not None else ""
    found = (promised(look.row.promise), seen(look), audit, drift(look, now) if look.standing else "")
    return [fact for fact in found if fact]


def facts(page: Page, now: float) -> list[Row]:
    """What a certificate is and has taken in, as names and values."""
    look, row, decided = page.look, page.look.row, of_kind(page, "decided")
    alone = sum(entry.alone for entry in decided)
    among = f"of the latest {len(page.entries):,} entries, " if page.left_out else ""
    rows = [
        Row("certificate", f"{row.id}, began {format_time(row.began_at)}, last used {ago(look.used_at, now)}"),
        Row("thinks with", one_line(row.basis)),
        Row(
            "decided",
            f"{among}{len(decided):,} actions: {alone:,} ran alone, {len(decided) - alone:,} went to a person",
        ),
    ]
    standing = look.standing
    if standing is None:
        return [*rows, Row("standing", f"cannot be read any more: {look.ended}")]
    if standing.threshold is not None:
        rows.append(Row("threshold", f"score {standing.threshold:.2f}{_next(standing.decisions_needed)}"))
    if standing.alone:
        left = f"; {len(look.waiting)} still to look at" if look.waiting else ""
        looked = f"{standing.audited:,} of {standing.alone:,} that ran alone were looked at{left}"
        rows.append(Row("audits", looked))
    overlooked = of_kind(page, "overlooked")
    if overlooked:
        share = percent(overlooked[-1].score or 0.0)
        rows.append(Row("overlooked", f"people overlook about {share} of the errors, by what second looks have found"))
    alarms = ", ".join(format_time(at) for at in page.alarms)
    return [*rows, Row("drift", f"a change was found {alarms}" if alarms else "no change was found")]


def of_kind(page: Page, kind: str) -> list[Entry]:
    """The entries of a kind."""
    return [entry for entry in page.entries if entry.kind == kind]


def distinct(points: Sequence[Point]) -> list[Point]:
    """Those whose thresholds differ; of equal ones the last, or the one in force."""
    found: dict[float, Point] = {}
    for point in points:
        known = found.get(point.threshold)
        if known is None or not known.in_force:
            found[point.threshold] = point
    return list(found.values())


def picked(points: Sequence[Point]) -> list[Point]:
    """For every tenth of the actions the nearest threshold, and the one in force."""
    wanted = [tenth / 10 for tenth in range(1, 10)]
    wanted = [share for share in wanted if not any(one.in_force and abs(one.share - share) < 0.05 for one in points)]
    near = {min(points, key=lambda point: abs(point.share - share)).threshold for share in wanted}
    return [point for point in points if point.in_force or point.threshold in near]


def unknown_curve(page: Page) -> str:
    """Why nothing can be said yet of what more would cost; empty where something can."""
    points = page.look.curve
    if not points:
        decided = len(of_kind(page, "decided"))
        return f"not known yet: thresholds are laid out after the first actions, and there are {decided}"
    return (
        f"not known yet: only {points[-1].labels:.0f} actions were labelled lately" if points[-1].labels < FEW else ""
    )


def signals_of(page: Page) -> list[Signal]:
    """What the score is made of, the strongest signal first; those that no action had left out."""
    known, fitted = signals_known(page.entries), page.scorer
    weights = _weights(page)
    return [
        Signal(
            name,
            _strength(weights[name]) if fitted else f"counts {weights[name]:g}",
            percent(known[name]) if known[name] < 1 else "",
            _SAYS.get(name, ""),
        )
        for name in sorted((name for name in weights if name in known), key=lambda name: -abs(weights[name]))
    ]


def scored_by(page: Page) -> str:
    """What makes the score."""
    if page.scorer is None:
        return "the fixed rule: a weighted mean"
    return f"{page.scorer.id}, fitted to earlier labels: the stronger a signal, the more it moves the score"


def never_known(page: Page) -> list[str]:
    """Signals that no action had."""
    known = signals_known(page.entries)
    return [name for name in _weights(page) if name not in known]


def _weights(page: Page) -> dict[str, float]:
    return dict(zip(NAMES, page.scorer.weights, strict=False)) if page.scorer else dict(RULE_WEIGHTS)


def _strength(weight: float) -> str:
    word = next(word for least, word in _STRENGTHS if abs(weight) >= least)
    return f"{weight:+.2f} {word}" + (", turned round" if weight <= -_STRENGTHS[2][0] else "")


def _next(needed: int | None) -> str:
    if needed is None or needed > NOT_IN_SIGHT:
        return "; a lower one is not in sight, as too much is wrong there"
    return f"; about {about(needed)} more decisions until a lower one is certified" if needed else ""
