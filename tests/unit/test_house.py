"""The house is as it says: faces, links, the wheel, what files may name, who imports whom."""

import ast
import importlib
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]
LINKS = ROOT / "importable" / "baton"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WHEEL: dict[str, Any] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
FLOORS = sorted(folder for folder in WHEEL["packages"] if folder != "sdk")
FACES = sorted(path.parent for folder in FLOORS for path in (ROOT / folder).rglob("__init__.py"))

HOSTS = ("pypi." + "org", "python" + "hosted", "registry." + "npmjs", "debian." + "org", "/simple" + "/")
MACHINE = re.compile(r"(?<![\w.~/-])/(?:" + "work|tmp|root|home/[a-z]+" + r")/\w")


def tracked() -> list[str]:
    """Every file of the project, as git knows them."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def texts(*endings: str) -> dict[str, str]:
    """The text files with these endings, or all."""
    found: dict[str, str] = {}
    for name in tracked():
        path = ROOT / name
        if path.is_file() and not path.is_symlink() and name.endswith(endings or ("",)):
            found[name] = path.read_bytes().decode("utf-8", "replace")
    return found


def imported(folder: Path) -> ModuleType:
    return importlib.import_module(".".join(("baton", *folder.relative_to(ROOT).parts)))


def members(module: ModuleType) -> set[str]:
    """What a face holds, but for the modules that importing them has put there."""
    return {
        name for name, value in vars(module).items() if not name.startswith("_") and not isinstance(value, ModuleType)
    }


@pytest.mark.parametrize("folder", FACES, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_face_says_exactly_what_it_holds(folder: Path) -> None:
    module = imported(folder)
    said: list[str] = getattr(module, "__all__", [])
    assert len(said) == len(set(said))
    assert members(module) <= set(said)
    assert all(hasattr(module, name) for name in said)


@pytest.mark.parametrize("folder", FACES, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_face_only_imports(folder: Path) -> None:
    tree = ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))
    for statement in tree.body:
        docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        names = [ast.unparse(target) for target in statement.targets] if isinstance(statement, ast.Assign) else []
        assert docstring or isinstance(statement, ast.Import | ast.ImportFrom) or names == ["__all__"]


def test_the_sdk_gives_every_name_it_offers() -> None:
    baton = importlib.import_module("baton")
    homes: dict[str, str] = vars(baton)["_HOMES"]
    assert sorted(baton.__all__) == sorted(homes)
    for name, home in homes.items():
        assert getattr(baton, name) is getattr(importlib.import_module(home), name)


def test_type_checkers_are_told_of_the_same_homes() -> None:
    tree = ast.parse((ROOT / "sdk" / "__init__.py").read_text(encoding="utf-8"))
    (guarded,) = [statement for statement in tree.body if isinstance(statement, ast.If)]
    imports = [statement for statement in guarded.body if isinstance(statement, ast.ImportFrom)]
    told = {alias.name: statement.module for statement in imports for alias in statement.names}
    assert told == vars(importlib.import_module("baton"))["_HOMES"]


def test_links_mapping_and_folders_agree() -> None:
    folders = sorted(path.parent.name for path in ROOT.glob("*/__init__.py"))
    assert folders == sorted(WHEEL["packages"])
    mapping = {folder: f"baton/{folder}" for folder in FLOORS}
    assert WHEEL["sources"] == {"sdk": "baton", **mapping}
    links = {path.name: path.readlink().as_posix() for path in LINKS.iterdir() if path.name != "__pycache__"}
    modules = [path.name for path in (ROOT / "sdk").iterdir() if path.name != "__pycache__"]
    assert links == {name: f"../../{name}" for name in FLOORS} | {name: f"../../sdk/{name}" for name in modules}


def test_the_source_distribution_holds_what_the_wheel_is_made_of() -> None:
    only: list[str] = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["only-include"]
    assert set(WHEEL["packages"]) <= set(only)
    assert all((ROOT / name).exists() for name in only)


def test_the_wheel_holds_every_module_once_and_nothing_else(tmp_path: Path) -> None:
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(built) as wheel:
        names = wheel.namelist()
    sources = {"sdk": "baton", **{folder: f"baton/{folder}" for folder in FLOORS}}
    expected = [
        f"{sources[folder]}/{path.relative_to(ROOT / folder).as_posix()}"
        for folder in WHEEL["packages"]
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    assert sorted(name for name in names if ".dist-info/" not in name) == sorted(expected)
    assert {"baton/py.typed", "baton/policies/shipped/base.cedar"} <= set(names)
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_no_file_names_a_registry_or_a_place_on_a_machine() -> None:
    found = [
        f"{name}:{number}: {line.strip()[:80]}"
        for name, text in texts().items()
        for number, line in enumerate(text.splitlines(), 1)
        if any(host in line for host in HOSTS) or MACHINE.search(line)
    ]
    assert found == []


def test_nothing_is_imported_by_its_bare_folder_or_relatively() -> None:
    folders = {*WHEEL["packages"]}
    found: list[str] = []
    for name, text in texts(".py").items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                homes = ["." * node.level + (node.module or "")]
            else:
                homes = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found += [f"{name}: {home}" for home in homes if home.startswith(".") or home.partition(".")[0] in folders]
    assert found == []


def test_imports_run_downwards() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    linted = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_importing_baton_and_the_command_line_loads_nothing_heavy() -> None:
    heavy = ["langgraph", "langchain_core", "openai", "sqlalchemy", "chromadb", "pydantic", "tiktoken", "starlette"]
    heavy += ["pycrdt"]
    program = f"import sys, baton, baton.cli.main; print([name for name in {heavy} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_every_lock_pins_every_package_with_hashes() -> None:
    locks = {path.name: path.read_text(encoding="utf-8") for path in ROOT.glob("requirements*.lock")}
    assert sorted(locks) == [
        "requirements-agentdojo.lock",
        "requirements-conformance.lock",
        "requirements-dev.lock",
        "requirements-uv.lock",
        "requirements.lock",
    ]
    for text in locks.values():
        pinned = re.findall(r"^[a-z].*?(?=^[a-z#]|\Z)", text, re.MULTILINE | re.DOTALL)
        assert pinned
        assert all(re.match(r"[\w.\[\],-]+==", one) and "--hash=sha256:" in one for one in pinned)
    versions = {name: set(re.findall(r"^([\w.-]+==\S+)", text, re.MULTILINE)) for name, text in locks.items()}
    assert versions["requirements.lock"] <= versions["requirements-dev.lock"]
