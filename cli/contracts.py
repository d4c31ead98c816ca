"""`baton contracts`: the kinds of work that agents hand on, and whether a change of them breaks what is under way."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cyclopts import App
from rich.text import Text

from baton.cli.opening import find_place, load
from baton.cli.options import DEFAULTS, Common, Exit
from baton.cli.output import Screen
from baton.core import Contract, InvalidFile, NotFound, broken
from baton.core.texts import one_line

NAME = "contracts.json"
"""The released contracts, beside the project file."""

app = App(name="contracts", help="See what agents hand on, and whether a change of it breaks what is under way.")


@app.default
@app.command(name="list")
async def list_(*, common: Common = DEFAULTS) -> None:
    """List the contracts of the project's agents: versions that are understood, and who takes such work.

    Args:
        common: Options of every command.
    """
    screen, agents = Screen(common.json), load(find_place(common)).agents
    found = {contract.name: contract for agent in agents for contract in agent.contracts}
    by = {name: [agent.name for agent in agents if name in agent.contracts_by_name] for name in found}
    screen.document({"contracts": [found[name].document() | {"agents": by[name]} for name in sorted(found)]})
    if not found:
        screen.show("No agent has a contract: work is handed on in words alone.")
    for name in sorted(found):
        screen.show(Text.assemble((found[name].supported, "bold"), f"  {one_line(', '.join(by[name]))}"))


@app.command
async def release(*, to: Path | None = None, common: Common = DEFAULTS) -> None:
    """Write the contracts down as they are released; `check` holds later ones against them.

    Args:
        to: The file (default: contracts.json beside the project file).
        common: Options of every command.
    """
    screen, (file, known) = Screen(common.json), _known(common, to)
    file.write_text(json.dumps([one.document() for one in known], indent=2, sort_keys=True) + "\n", encoding="utf-8")
    screen.document({"file": str(file), "contracts": len(known)})
    screen.show(f"{file} has {len(known)} contract{'' if len(known) == 1 else 's'}.")


@app.command
async def check(*, against: Path | None = None, common: Common = DEFAULTS) -> int:
    """Say what of the released contracts would no longer be understood; 1 where something would not.

    Args:
        against: The file that `release` has written (default: contracts.json beside the project file).
        common: Options of every command.
    """
    screen, (file, known) = Screen(common.json), _known(common, against)
    found = broken(_released(file), known)
    screen.document({"file": str(file), "broken": found})
    for problem in found:
        screen.show(Text.assemble(("✗ ", "red"), one_line(problem)))
    if not found:
        screen.show(f"What was released in {file} is understood.")
    return Exit.FAILED if found else Exit.OK


def _known(common: Common, file: Path | None) -> tuple[Path, list[Contract]]:
    """The file of released contracts, and those of the agents, by name."""
    project = load(find_place(common))
    known = {contract.name: contract for agent in project.agents for contract in agent.contracts}
    return file or project.path.parent / NAME, [known[name] for name in sorted(known)]


def _released(file: Path) -> Sequence[dict[str, Any]]:
    if not file.is_file():
        raise NotFound("file of released contracts", str(file), hint="`baton contracts release` writes it.")
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
        for one in said:
            _ = one["name"], int(one["version"]), one["payload"], one["answer"]
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidFile(str(file), None, "contracts", str(error), "what `baton contracts release` writes") from error
    return said  # type: ignore[no-any-return]
