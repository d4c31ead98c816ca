"""What is said of troubles: each in a sentence, with its cause, its figures and a way out. No I/O."""

from collections import Counter
from collections.abc import Sequence

from baton.core import format_duration, format_time
from baton.core.texts import one_line, percent
from baton.flow.reactions import ANYBODY, Missed
from baton.flow.shifts import Shift
from baton.flow.traffic import Submitted
from baton.flow.troubles import Trouble


def slow_model(model: str, shift: Shift) -> Trouble:
    """That a model answers slowly."""
    name = model or "the model"
    return Trouble(
        kind="slow model",
        about=model,
        says=f"{name} answers slowly: in {length(shift.now)}; {length(shift.usual)} is usual.",
        cause=f"the endpoint of {name} has slowed down {times(shift)}: each try is timed by itself",
        evidence=f"half of its answers take more than {length(shift.now)}",
        way_out="ask the endpoint's operator, or name another model for the agents that ask it",
        began=shift.began,
        found=shift.found,
    )


def failing_model(model: str, shift: Shift) -> Trouble:
    """That a model has to be asked again and again."""
    name = model or "the model"
    return Trouble(
        kind="failing model",
        about=model,
        says=f"{name} has to be asked again, or elsewhere: {percent(shift.now)} of questions are not answered at once.",
        cause=f"the endpoint of {name} refuses, breaks off or does not answer",
        evidence=f"{percent(shift.now)} of questions; {percent(shift.usual)} are usual",
        way_out="ask the endpoint's operator, or name another model for the agents that ask it",
        began=shift.began,
        found=shift.found,
    )


def slow_tool(tool: str, shift: Shift) -> Trouble:
    """That a tool is slow."""
    return Trouble(
        kind="slow tool",
        about=tool,
        says=f"{tool} takes {length(shift.now)}; {length(shift.usual)} is usual.",
        cause=f"what {tool} calls has slowed down {times(shift)}",
        evidence=f"half of its calls take more than {length(shift.now)}",
        way_out=f"look at what {tool} calls; a rule may deny it meanwhile",
        began=shift.began,
        found=shift.found,
    )


def failing_tool(tool: str, shift: Shift) -> Trouble:
    """That a tool fails."""
    return Trouble(
        kind="failing tool",
        about=tool,
        says=f"{tool} fails: {percent(shift.now)} of its calls; {percent(shift.usual)} are usual.",
        cause=f"what {tool} calls refuses or does not answer",
        evidence=f"{percent(shift.now)} of its calls have failed since {format_time(shift.began)}",
        way_out=f"look at what {tool} calls; a rule may deny it meanwhile",
        began=shift.began,
        found=shift.found,
    )


def more_asked(kind: str, shift: Shift) -> Trouble:
    """That people are asked more about a class."""
    return Trouble(
        kind="more asked",
        about=kind,
        says=f"People are asked far more about {kind}: {rate(shift.now)}; {rate(shift.usual)} is usual.",
        cause="the same runs ask more: a policy, a threshold or an agent has changed",
        evidence=f"{rate(shift.now)} since {format_time(shift.began)}",
        way_out=f"baton policy explain; baton promises show {kind}",
        began=shift.began,
        found=shift.found,
    )


def more_rejected(kind: str, shift: Shift) -> Trouble:
    """That people reject more of a class."""
    return Trouble(
        kind="more rejected",
        about=kind,
        says=f"People reject {percent(shift.now)} of {kind}; {percent(shift.usual)} are usual.",
        cause="what the agent proposes has become worse, or people judge it otherwise",
        evidence=f"{percent(shift.now)} rejected since {format_time(shift.began)}",
        way_out=f"baton review measures; baton promises show {kind}",
        began=shift.began,
        found=shift.found,
    )


def worker_died(at: float, many: int, now: float) -> Trouble:
    """That workers have died."""
    return Trouble(
        kind="worker died",
        about="workers",
        says=f"Workers have died: {many} {'run was' if many == 1 else 'runs were'} taken over.",
        cause="a worker stopped renewing its leases: it was killed, or lost the record",
        evidence=f"{many} taken over since {format_time(at)}",
        way_out="see the worker's log; baton runs dead",
        began=at,
        found=now,
    )


def nobody_works(ready: int, since: float, now: float) -> Trouble:
    """That runs have something to do and nobody does it."""
    return Trouble(
        kind="nobody works",
        about="workers",
        says=f"{ready} {'run has' if ready == 1 else 'runs have'} something to do, and nobody works.",
        cause="no worker runs, none has the code of these runs, or all of them hang",
        evidence=f"nothing was done since {format_time(since)}",
        way_out="baton worker; baton doctor",
        began=since,
        found=now,
    )


def slow_start(ready: int, shift: Shift) -> Trouble:
    """That runs wait long for a worker."""
    return Trouble(
        kind="slow start",
        about="workers",
        says=f"Runs wait {length(shift.now)} for a worker; {length(shift.usual)} is usual.",
        cause="more is to be done at once than the workers there are can do",
        evidence=f"{ready} {'run waits' if ready == 1 else 'runs wait'} for a worker now",
        way_out="start another worker, or raise its concurrency",
        began=shift.began,
        found=shift.found,
    )


def failing_agent(agent: str, said: str, shift: Shift) -> Trouble:
    """That runs of an agent cannot go on; `said` is what most of them say."""
    return Trouble(
        kind="failing agent",
        about=agent,
        says=f"Runs of {agent} fail to go on: {percent(shift.now)} of the tries since {format_time(shift.began)}.",
        cause=said,
        evidence=f"{percent(shift.now)} of tries fail; {percent(shift.usual)} are usual",
        way_out="baton runs dead",
        began=shift.began,
        found=shift.found,
    )


def flood(agent: str, runs: Sequence[Submitted], shift: Shift) -> Trouble:
    """That far more work comes for an agent than usual; `runs` are its newest."""
    came = [one for one in runs if one.at >= shift.began]
    return Trouble(
        kind="flood",
        about=agent,
        says=f"Far more work comes for {agent}: {rate(shift.now)}; {rate(shift.usual)} is usual.",
        cause=whose(came, [one for one in runs if one.at < shift.began]),
        evidence=f"{len(came)} runs since {format_time(shift.began)}",
        way_out=f"baton runs list --agent {agent}; stop where it comes from, or start more workers",
        began=shift.began,
        found=shift.found,
    )


def absent(missed: Missed) -> Trouble:
    """That somebody is missed."""
    anybody = missed.name == ANYBODY
    usual = f"; {length(missed.usual)} is usual" if missed.usual is not None else ""
    if missed.holds is not None:
        says = f"{missed.name} has had {missed.holds} for {length(missed.exposed)}{usual}."
    elif anybody:
        says = f"Nobody takes up a question since {format_time(missed.since)}."
    else:
        says = f"{missed.name} is on duty and takes up no question since {format_time(missed.since)}."
    alone = ", and nobody else is there who may answer" if missed.alone and not anybody else ""
    return Trouble(
        kind="absent",
        about=missed.name,
        says=says,
        cause=f"{'everybody' if anybody else missed.name} is away, or is not told{alone}",
        evidence=f"questions waited {length(missed.exposed)} for them{usual}; {missed.waiting} wait now",
        way_out="name a stand-in in people.yaml; or baton review delegate",
        began=missed.since,
        found=missed.since + missed.exposed,
    )


def whose(now: Sequence[Submitted], before: Sequence[Submitted]) -> str:
    """Where most of what comes is from, where that is not where it came from before."""
    for what in ("tenant", "requester"):
        names = Counter(str(getattr(one, what)) for one in now)
        name, many = names.most_common(1)[0] if now else ("", 0)
        share = many / max(1, len(now))
        was = sum(str(getattr(one, what)) == name for one in before) / max(1, len(before))
        if share > 0.6 and was < share / 1.5:
            return f"{percent(share)} of it is from {what} {one_line(name)}, of what came before {percent(was)}"
    return "it comes from where it always came from, only more of it"


def length(seconds: float | None) -> str:
    """A length of time."""
    if seconds is None:
        return "?"
    return f"{seconds:.1f} s" if seconds < 10 else format_duration(seconds)


def times(shift: Shift) -> str:
    """How far it has shifted."""
    return f"{shift.now / max(shift.usual, 1e-9):.1f} times"


def rate(each_second: float) -> str:
    """How often something comes."""
    minute = each_second * 60
    return f"{minute:.1f} a minute" if minute >= 1 else f"{minute * 60:.1f} an hour"
