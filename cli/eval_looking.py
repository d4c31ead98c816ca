"""`baton eval whatif` and `staff`: what would have been under another policy, threshold, order or staff."""

from contextlib import closing
from pathlib import Path

from rich.table import Table

from baton.cli.opening import find_place, load, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import InvalidValue, format_duration, parse_duration
from baton.core.texts import one_line, percent
from baton.evals import load_suite
from baton.evals.results import read_results
from baton.evals.reviewers import fit
from baton.evals.staffing import DISCIPLINES, Staffed, copies, questions_of, simulate
from baton.evals.store import open_store
from baton.evals.whatif import WhatIf, what_if, with_threshold
from baton.ledger.courses import courses
from baton.ledger.judged import judged
from baton.policies import load_policy


async def whatif(
    *,
    policy: Path | None = None,
    threshold: float | None = None,
    rule: str | None = None,
    agent: str | None = None,
    over: str = "90d",
    errs: float = 0.02,
    common: Common = DEFAULTS,
) -> None:
    """Say what recorded runs would look like under another policy or threshold: verdicts exact, outcomes as bounds.

    Args:
        policy: Another policy's file.
        threshold: Another least confidence for acting alone, in place of a policy.
        rule: The rule that it is for (default: every rule that has one).
        agent: Whose actions (default: the first agent's).
        over: How far back, such as 90d.
        errs: Share of people's answers that are taken to be mistaken.
        common: Options of every command.
    """
    from baton.cli.policies import chosen

    if (policy is None) is (threshold is None):
        raise InvalidValue("what is changed", policy or threshold, "--policy FILE or --threshold NUMBER, one of them")
    screen, place = Screen(common.json), find_place(common)
    wanted = chosen(load(place).agents, agent)[0]
    specs = tuple(wanted.specs.values())
    other = (
        with_threshold(wanted, threshold or 0.0, rule) if policy is None else load_policy(policy, specs, wanted.name)
    )
    async with to_look(place) as ledger:
        since = ledger.clock.now() - parse_duration(over).total_seconds()
        history = await ledger.read(lambda tx: judged(tx, wanted.name, since))
    found = what_if(history, other, specs, errs=errs)
    screen.document(_json(wanted.name, found))
    screen.show(_told(wanted.name, found, errs))


async def staff(
    suite: Path,
    evaluation: str = "latest",
    /,
    *,
    most: int = 6,
    discipline: str = "urgent",
    fitted: bool = False,
    seed: int = 0,
    store: Path = Path(".baton/evals.db"),
    common: Common = DEFAULTS,
) -> None:
    """Say how long people would be waited for, how loaded they are and what is overlooked, by how many they are.

    The questions of an evaluation are put to simulated people like the suite's. What is said of them is assumed, or
    their times are fitted to what people took on record.

    Args:
        suite: A Python file with a SUITE that has people.
        evaluation: Whose questions, by its id (default: the latest).
        most: Up to how many people.
        discipline: In which order questions are taken: urgent, oldest or due.
        fitted: Fit the people's times to the record that --database names.
        seed: Of all chance.
        store: Where evaluations are kept.
        common: Options of every command.
    """
    screen, people = Screen(common.json), list(load_suite(suite).people)
    if not people:
        raise InvalidValue(f"people of {suite}", "none", "a suite with simulated people")
    if fitted:
        async with to_look(find_place(common)) as ledger:
            known = await ledger.read(lambda tx: courses(tx, 0.0))
        people = [fit(one, known) for one in people]
    with closing(open_store(store)) as kept:
        results = read_results(kept, evaluation)
    asked = [one for one in questions_of(results) if one.id.startswith("0 ")]
    found = [simulate(asked, copies(people, count), discipline=discipline, seed=seed) for count in range(1, most + 1)]
    screen.document({"questions": len(asked), "discipline": discipline, "staff": [vars(one) for one in found]})
    screen.show(_staff_table(found))
    screen.show(f"{len(asked)} questions of one repeat, taken {discipline} first (others: {', '.join(DISCIPLINES)})")
    for one in people:
        screen.show(f"{one.name}: simulated, {one.basis}")


def _staff_table(found: list[Staffed]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("people", "answered", "half within", "90 % within", "late", "load", "overlooked", "cost of delay"):
        table.add_column(name, justify="right")
    for one in found:
        times = (format_duration(one.median), format_duration(one.p90))
        costs = (f"€ {one.overlooked:.2f}", f"€ {one.delay:.2f}")
        table.add_row(str(one.people), str(one.answered), *times, percent(one.late), percent(one.load, 1), *costs)
    return table


def _told(agent: str, found: WhatIf, errs: float) -> str:
    low, high = found.wrong
    lines = [
        f"{agent}: {found.found.judged} actions judged again, {found.found.unjudged} could not be; "
        f"{len(found.found.changes)} verdicts differ (exact)",
        f"questions: {found.asked_before} before, {found.asked_now} now",
        f"{found.automated} more would have run alone; of these {low} to {high} are wrong, "
        f"{found.unknown} of them unknown",
    ]
    if found.automated:
        share = f"{percent(found.share[0], 1)} to {percent(found.share[1], 1)}"
        lines.append(f"wrong among them, if people err in {percent(errs, 1)} of their answers: {share} (95 %)")
    return "\n".join(one_line(line) for line in lines)


def _json(agent: str, found: WhatIf) -> dict[str, object]:
    return {
        "agent": agent,
        "judged": found.found.judged,
        "unjudged": found.found.unjudged,
        "changed": len(found.found.changes),
        "asked_before": found.asked_before,
        "asked_now": found.asked_now,
        "automated": found.automated,
        "wrong": {"at_least": found.wrong[0], "at_most": found.wrong[1]},
        "share_wrong": {"at_least": found.share[0], "at_most": found.share[1]},
        "unknown": found.unknown,
    }
