"""`baton eval staff`: how long people would be waited for, and what they would overlook, by how many they are."""

from contextlib import closing
from pathlib import Path

from rich.table import Table

from baton.cli.opening import find_place, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import InvalidValue, format_duration
from baton.core.texts import percent
from baton.evals import load_suite
from baton.evals.results import read_results
from baton.evals.reviewers import fit
from baton.evals.staffing import DISCIPLINES, Staffed, copies, questions_of, simulate
from baton.evals.store import open_store
from baton.ledger.courses import courses


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
