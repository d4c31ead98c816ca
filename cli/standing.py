"""How a promise stands, in words."""

from rich.text import Text

from baton.core import Promise, format_duration
from baton.core.texts import one_line, percent
from baton.policies.promises import missing
from baton.policies.promises.looking import Look
from baton.policies.promises.standing import NOT_IN_SIGHT


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


def headline(look: Look) -> Text:
    """How much of the class runs alone, or what is missing until some does."""
    standing, kind = look.standing, one_line(look.row.kind)
    if standing is None or look.ended:
        return Text(f"begins anew with the next action: {look.ended}", style="yellow")
    if standing.threshold is not None:
        return Text(f"acting alone on {percent(standing.share)} of {kind}", style="green")
    needed, certified = standing.decisions_needed or 0, any(point.proven for point in look.curve)
    if 0 < needed <= NOT_IN_SIGHT and not (standing.paused or certified):
        return Text(f"needs about {about(needed)} more decisions before anything runs alone", style="yellow")
    return Text(f"nothing runs alone: {missing(standing, look.curve)}", style="yellow")


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


def sentence(look: Look, now: float) -> Text:
    """The whole of it on one line."""
    audit = f"last audit {ago(look.last_audit, now)}" if look.last_audit is not None else ""
    facts = [promised(look.row.promise), seen(look), audit, drift(look, now) if look.standing else ""]
    return Text("; ").join([headline(look), *(Text(fact) for fact in facts if fact)])
