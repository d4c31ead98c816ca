"""`baton init`: write a starter project."""

from importlib import resources
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from baton.cli.output import Screen
from baton.core import Conflict, InvalidValue

FILES = ("agents.yaml", "tools.py", "policy.cedar", "stock.json", "README.md")

FIRST = 'baton run "Order 12 of article T-100"'


def init(folder: Path = Path(), /, *, json: Annotated[bool, Parameter(name="--json")] = False) -> None:
    """Write a starter project: an agent, two tools, a policy. It works at once; nothing is overwritten.

    Args:
        folder: Where (default: here).
        json: Print one JSON document and nothing else.
    """
    screen = Screen(json)
    there = [name for name in FILES if (folder / name).exists()]
    if there:
        raise Conflict(f"init in {folder}", f"{', '.join(there)} there already", "Name an empty folder.")
    _write(folder)
    screen.document({"folder": str(folder.resolve()), "files": list(FILES)})
    screen.show(f"Wrote {', '.join(FILES)} to {folder if folder != Path() else 'this folder'}.")
    screen.show("next:")
    if folder != Path():
        screen.show(Text(f"  cd {folder}", style="bold cyan"))
    screen.show(Text(f"  {FIRST}", style="bold cyan"), Text("  baton review", style="bold cyan"))


def _write(folder: Path) -> None:
    starter = resources.files("baton.cli") / "starter"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write((starter / name).read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidValue("folder", str(folder), f"one that can be written ({error.strerror})") from error
