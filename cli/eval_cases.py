"""`baton eval case` and `cases`: cases for evaluation, made of what is on record."""

from pathlib import Path

from cyclopts import App

from baton.cli.opening import find_place, load, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.evals import cases_of, write_cases
from baton.evals.freezing import freeze
from baton.ledger import Transaction, runs

app = App(name="case", help="Make cases for evaluation.")


@app.command(name="from-run")
async def from_run(run: str, /, *, to: Path = Path("cases.jsonl"), common: Common = DEFAULTS) -> None:
    """Freeze a run as a case: its goal, what its tools gave back, and what was carried out in the end.

    What looks like a secret is taken out. Played again, its tools answer as they did; what they were never asked they
    do not know.

    Args:
        run: The id of the run, or the beginning of one.
        to: A file of JSON lines; a case that it has already stays.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    agents = {agent.name: agent for agent in load(place).agents}
    async with to_look(place) as ledger:
        case = await ledger.read(lambda tx: freeze(tx, runs.find(tx, run), agents))
    added = write_cases(to, [case])
    screen.document({"case": case.id, "file": str(to), "added": added})
    calls = len(case.trajectory.calls) if case.trajectory is not None else 0
    said = f"{case.id}: {len(case.world['results'])} results and {calls} writes are frozen"
    screen.show(f"{said} in {to}." if added else f"{case.id} is in {to} already; it stays as it is.")


async def cases(file: Path, /, *, agent: str | None = None, common: Common = DEFAULTS) -> None:
    """Make cases of what people have corrected, for a suite to read with `read_cases`; those in the file stay.

    Args:
        file: A file of JSON lines; cases that it has not are added.
        agent: Whose corrections (default: those of every agent on record).
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        found = await ledger.read(lambda tx: [c for name in _agents(tx, agent) for c in cases_of(tx, name)])
    added = write_cases(file, found)
    screen.document({"file": str(file), "corrections": len(found), "added": added})
    screen.show(f"{len(found)} runs were corrected; {added} new cases in {file}.")


def _agents(tx: Transaction, agent: str | None) -> list[str]:
    return [agent] if agent is not None else sorted({run.agent for run in runs.listed(tx)})
