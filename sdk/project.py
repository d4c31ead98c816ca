"""A project as a file: agents in YAML, tools in Python files beside it."""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from baton.agents import MINDS, Agent, Mind, Tool, find_mind
from baton.core import InvalidFile, InvalidValue, NotFound, ToolSpec


class _AgentEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    instructions: str
    description: str = ""
    model: str = "gpt-5-mini"
    tools: list[Any] = []
    policy: str | None = None
    hands_off_to: list[str] = []
    memory: str = "team"
    context_tokens: int = Field(100_000, ge=1000)


class _ProjectFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    agents: list[_AgentEntry] = Field(min_length=1)
    simulated: str = "simple"
    database: str | None = None


@dataclass(frozen=True, kw_only=True)
class Project:
    """What a project file says.

    Attributes:
        path: The file.
        agents: In the file's order; the first one is asked when none is named.
        simulated: Name of the mind that the simulated model thinks with.
        database: The ledger: a server's URL, or a file relative to the project file; None is the default.
    """

    path: Path
    agents: tuple[Agent, ...]
    simulated: str
    database: str | None

    @property
    def mind(self) -> Mind:
        """The mind of that name."""
        return find_mind(self.simulated)


def load_project(path: str | Path) -> Project:
    """Read a project file.

    Raises:
        NotFound: if it is not there.
        InvalidFile: if it says something that is not allowed: names file, line, field, value and what is allowed.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise NotFound("project file", str(file), hint="`baton init` writes a starter project.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFile(str(file), None, "file", str(error), "a readable text file in UTF-8") from error
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        said = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        raise InvalidFile(str(file), mark.line + 1 if mark else None, "YAML", problem, "valid YAML") from error
    try:
        entry = _ProjectFile.model_validate(said)
    except ValidationError as error:
        raise _refused(file, error, tree) from error
    return _project(file, entry, tree)


def _project(file: Path, entry: _ProjectFile, tree: yaml.Node | None) -> Project:
    if entry.simulated not in MINDS:
        line = _line(tree, ("simulated",))
        raise InvalidFile(str(file), line, "simulated", entry.simulated, f"one of: {', '.join(MINDS)}")
    agents = tuple(_agent(file, number, agent, tree) for number, agent in enumerate(entry.agents))
    return Project(path=file, agents=agents, simulated=entry.simulated, database=entry.database)


def _agent(file: Path, number: int, entry: _AgentEntry, tree: yaml.Node | None) -> Agent:
    tools: list[ToolSpec | Tool[..., Any]] = []
    for position, said in enumerate(entry.tools):
        place = ("agents", number, "tools", position)
        if isinstance(said, str):
            tools.append(_tool(file, said, _line(tree, place), ".".join(map(str, place))))
        else:
            tools += _shipped(file, said, place, tree)
    policy: str | Path | None = entry.policy
    if entry.policy is not None and entry.policy.endswith(".cedar"):
        policy = file.parent / entry.policy
    try:
        settings: dict[str, Any] = entry.model_dump() | {"tools": tools, "policy": policy}
        return Agent(**settings)
    except InvalidValue as error:
        line = _line(tree, ("agents", number))
        raise InvalidFile(str(file), line, f"agents.{number}: {error.what}", error.value, error.allowed) from error


def _tool(file: Path, name: str, line: int | None, field: str) -> "ToolSpec | Tool[..., Any]":
    """The tool that `tools.py:find_order` or `package.module:find_order` names."""
    home, colon, attribute = name.partition(":")
    if not colon or not attribute:
        raise InvalidFile(str(file), line, field, name, "'file.py:function' or 'package.module:function'")
    try:
        module = _module(file.parent / home) if home.endswith(".py") else importlib.import_module(home)
    except (ImportError, OSError) as error:
        raise InvalidFile(str(file), line, field, name, f"a module that can be imported ({error})") from error
    thing = getattr(module, attribute, None)
    if thing is None or not (isinstance(thing, Tool | ToolSpec) or callable(thing)):
        tools = [key for key, value in vars(module).items() if isinstance(value, Tool)]
        allowed = f"a function of {home}" + (f", such as: {', '.join(tools)}" if tools else "")
        raise InvalidFile(str(file), line, field, name, allowed)
    return cast("ToolSpec | Tool[..., Any]", thing)


def _shipped(file: Path, said: object, place: tuple[int | str, ...], tree: yaml.Node | None) -> list[Tool[..., Any]]:
    """The shipped tools that an entry such as `files: {root: data}` asks for."""
    if not isinstance(said, dict):
        allowed = "'file.py:function', or http, files or mail with settings"
        raise InvalidFile(str(file), _line(tree, place), ".".join(map(str, place)), said, allowed)
    from baton.agents.shipped import ShippedTools

    try:
        return ShippedTools.model_validate(said).made(file.parent)
    except ValidationError as error:
        raise _refused(file, error, tree, place) from error
    except InvalidValue as error:
        where = f"{'.'.join(map(str, place))}: {error.what}"
        raise InvalidFile(str(file), _line(tree, place), where, error.value, error.allowed) from error


def _module(path: Path) -> ModuleType:
    """Import a file once, under a name of its own, so that two projects' `tools.py` do not collide."""
    whole = path.resolve()
    name = f"baton_project_{hashlib.sha256(str(whole).encode()).hexdigest()[:12]}_{whole.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, whole)
    if spec is None or spec.loader is None or not whole.is_file():
        raise ImportError(f"there is no file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _line(node: yaml.Node | None, path: tuple[int | str, ...]) -> int | None:
    """The line (from 1) of what a path leads to, or of the last thing on the way that is there."""
    if node is None:
        return None
    line: int = node.start_mark.line + 1
    for part in path:
        found: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == part:
                    line, found = key.start_mark.line + 1, value
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            item: yaml.Node = node.value[part]
            line, found = item.start_mark.line + 1, item
        if found is None:
            return line
        node = found
    return line


def _refused(
    file: Path, error: ValidationError, tree: yaml.Node | None, within: tuple[int | str, ...] = ()
) -> InvalidFile:
    """The first thing that is wrong, with its place; `within` is where what was read stands."""
    first = error.errors()[0]
    path = (*within, *first["loc"])
    field = ".".join(str(part) for part in path) or "file"
    value = "***" if {"headers", "password"} & set(path) else _short(first["input"])  # it may be a secret itself
    return InvalidFile(str(file), _line(tree, path), field, value, _allowed(first, path))


def _allowed(error: Any, path: tuple[int | str, ...]) -> str:
    if error["type"] == "extra_forbidden":
        return f"one of: {', '.join(_fields(path))}"
    message: str = error["msg"].removeprefix("Value error, ")
    return message[0].lower() + message[1:]


def _fields(path: tuple[int | str, ...]) -> Sequence[str]:
    """What may stand where something else does."""
    match path:
        case ("agents", int(), "tools", int(), *rest):
            from baton.agents.shipped import shipped_fields

            return shipped_fields(rest)
        case ("agents", int(), *_):
            return tuple(_AgentEntry.model_fields)
        case _:
            return tuple(_ProjectFile.model_fields)


def _short(value: object) -> object:
    text = repr(value)
    return value if len(text) <= 80 else text[:77] + "…"
