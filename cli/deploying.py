"""`baton doctor --deploy`, and what it offers: keep runs on the old code, or have what no longer fits asked again."""

from functools import partial
from typing import TYPE_CHECKING, Any

from rich.text import Text

from baton.cli.opening import find_place, load, quiet, to_look
from baton.cli.options import DEFAULTS, Common, Exit
from baton.cli.output import Screen
from baton.core import BatonError, InvalidValue, RunId
from baton.core.texts import one_line
from baton.handles import person
from baton.ledger import Ledger, Transaction, Work, runs

if TYPE_CHECKING:
    from baton.graph.deploying import Survey
    from baton.ledger import Run

_STYLES = {"orphaned": ("✗", "bold red"), "misread": ("✗", "red"), "asked again": ("?", "yellow")}


async def deploy(common: Common) -> int:
    """Say which open runs and questions the agents at hand would orphan, misread or ask again; 1 if any is lost."""
    quiet()
    screen, place = Screen(common.json), find_place(common)
    project = load(place)
    from baton.graph.deploying import survey

    async with to_look(place) as ledger:
        found = await ledger.read(lambda tx: survey(tx, project.agents))
    screen.document(_json(found))
    _show(screen, found)
    lost = [run.id for run, problems in found.unfit if any(one.kind != "asked again" for one in problems)]
    if lost:
        misread = [run.id for run, problems in found.unfit if all(one.action for one in problems) and run.id in lost]
        screen.show("", Text("what to do", style="bold underline"))
        _offer(screen, "keep them on the old code", place.command(f"runs pin {' '.join(lost)}"))
        if misread:
            _offer(screen, "or drop what no longer fits", place.command(f"runs reask {' '.join(misread)}"))
            _offer(screen, "or migrate", '@tool(version="2", upcasters={"1": …}) takes what version 1 was given')
    return Exit.FAILED if lost else Exit.OK


def _show(screen: Screen, found: "Survey") -> None:
    for run, problems in found.unfit:
        screen.show(Text.assemble((run.id, "bold"), f"  {one_line(run.agent)}  ", (one_line(_title(run), 80), "dim")))
        for problem in problems:
            mark, style = _STYLES[problem.kind]
            review = f"  {problem.review}" if problem.review else ""
            screen.show(
                Text.assemble(f"  {mark} ", (problem.kind, style), f"  {one_line(problem.says)}", (review, "dim"))
            )
    for run in found.pinned:
        screen.show(Text.assemble((run.id, "bold"), f"  {one_line(run.agent)}  ", "· pinned to ", str(run.pinned)))
    if not found.fine and (found.unfit or found.pinned):
        return
    others = "other " if found.unfit or found.pinned else ""
    fine = (
        f"{found.fine} {others}open run{'' if found.fine == 1 else 's'} fit{'s' if found.fine == 1 else ''} this code."
    )
    screen.show(Text.assemble(("✓ ", "green"), fine))


def _title(run: "Run") -> str:
    return run.key or run.goal.statement


def _offer(screen: Screen, what: str, how: str) -> None:
    screen.show(Text.assemble(f"  {what:28}", (how, "bold cyan")))


def _json(found: "Survey") -> dict[str, Any]:
    return {
        "safe": found.safe,
        "fine": found.fine,
        "pinned": [{"run": run.id, "agent": run.agent, "pinned": run.pinned} for run in found.pinned],
        "unfit": [
            {
                "run": run.id,
                "agent": run.agent,
                "status": run.status,
                "fingerprint": run.fingerprint,
                "problems": [
                    {"kind": one.kind, "action": one.action, "review": one.review, "says": one.says} for one in problems
                ],
            }
            for run, problems in found.unfit
        ],
    }


async def pin(*run: str, common: Common = DEFAULTS) -> int:
    """Keep runs for workers with the code that they were begun with; all others leave them alone.

    Args:
        run: Ids, or the beginnings of them.
        common: Options of every command.
    """
    from baton.graph.deploying import pin

    def keep(id: RunId, tx: Transaction) -> str:
        return f"is kept for code {pin(tx, id)}; `baton runs unpin` lets it go"

    return await _each(run, common, keep)


async def unpin(*run: str, common: Common = DEFAULTS) -> int:
    """Let any code that runs fit go on with them.

    Args:
        run: Ids, or the beginnings of them.
        common: Options of every command.
    """
    from baton.graph.deploying import unpin

    def let_go(id: RunId, tx: Transaction) -> str:
        unpin(tx, id)
        return "goes on with any code that it fits"

    return await _each(run, common, let_go)


async def reask(*run: str, common: Common = DEFAULTS) -> int:
    """Withdraw what the agents at hand no longer fit; the runs' agents propose it anew.

    Args:
        run: Ids, or the beginnings of them.
        common: Options of every command.
    """
    agents = {agent.name: agent for agent in load(find_place(common)).agents}
    from baton.graph.deploying import reask

    def anew(id: RunId, tx: Transaction) -> str:
        found = reask(tx, id, agents, person())
        return f"proposes anew: {'; '.join(one.says for one in found)}"

    return await _each(run, common, anew)


async def _each(names: tuple[str, ...], common: Common, work: Any) -> int:
    """Do something to each run, in a transaction of its own; what is refused is told, and the others go on."""
    if not names:
        raise InvalidValue("runs", "", "one id or more", "`baton runs list` shows what there is.")
    screen, place = Screen(common.json), find_place(common)
    told: list[dict[str, object]] = []
    async with to_look(place) as ledger:
        for name in names:
            told.append(await _one(ledger, name, work))
    screen.document({"runs": told})
    for one in told:
        screen.show(Text.assemble((str(one["run"]), "bold"), f"  {one_line(str(one['says']))}"))
    return Exit.OK if all(one["ok"] for one in told) else Exit.FAILED


async def _one(ledger: Ledger, name: str, work: Any) -> dict[str, object]:
    try:
        id = await ledger.read(lambda tx: runs.find(tx, name))
        todo: Work[str] = partial(work, id)
        return {"run": id, "ok": True, "says": await ledger.write(todo)}
    except BatonError as error:
        return {"run": name, "ok": False, "says": str(error)}
