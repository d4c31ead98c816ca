"""A project as a file: agents in YAML, tools in Python files beside it."""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from baton.agents import MINDS, Agent, McpServer, Mind, Tool, find_mind
from baton.agents.agent import DoubleTexting
from baton.alerts import alarms_of
from baton.core import (
    Calendar,
    Contract,
    InvalidFile,
    InvalidValue,
    NotFound,
    Person,
    Price,
    Prices,
    Promotion,
    Resource,
    ToolSpec,
)
from baton.core.yaml_file import line_of, read_yaml, refused
from baton.flow import Alarms
from baton.graph.hooks import Hook, HookEntry, Start
from baton.graph.patterns import Steps, Workflow, WorkflowEntry
from baton.graph.triggers import Trigger, TriggerEntry
from baton.people import people_of
from baton.policies import YAML
from baton.review.notices import Notices, NoticesEntry
from baton.sharing import Rules
from baton.sharing_file import (
    Limit,
    LimitsEntry,
    ResourceEntry,
    WindowEntry,
    at_once_of,
    limits_of,
    resources_of,
    windows_of,
)


class _AgentEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    instructions: str
    description: str = ""
    model: str = "gpt-5-mini"
    tools: list[Any] = []
    policy: str | None = None
    shadow: str | None = None
    hands_off_to: list[str] = []
    contracts: list[str] = []
    memory: str = "team"
    notes: bool = False
    skills: list[str] = []
    capacity: int = Field(8, ge=1)
    double_texting: DoubleTexting = "merge"
    awards: str | dict[str, float] | None = None
    settles: list[str] = []
    speculates: bool = False
    context_tokens: int = Field(100_000, ge=1000)
    answer_tokens: int = Field(4000, ge=0)
    open_questions: int = Field(20, ge=1)
    round_trips: int = Field(3, ge=1)
    prepares: bool = False
    brief_after: float | str | None = "1h"
    samples: int = Field(1, ge=1, le=20)
    judge: str | None = None
    resources: list[str] = []
    records: dict[str, str] = {}
    at_once: Limit | None = None


class _PromotionEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    record: str
    key: str


class _PriceEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    input: float = Field(ge=0, lt=1e9)
    output: float = Field(ge=0, lt=1e9)


class _PricesEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    currency: str = Field("USD", pattern=r"^[A-Z]{3}$")
    models: dict[str, _PriceEntry] = Field(min_length=1)

    def made(self) -> Prices:
        """The prices."""
        models = {name: Price(input=said.input, output=said.output) for name, said in self.models.items()}
        return Prices(currency=self.currency, models=models)


class _ProjectFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    agents: list[_AgentEntry] = Field(min_length=1)
    workflows: list[WorkflowEntry] = []
    simulated: str = "simple"
    database: str | None = None
    notices: NoticesEntry | None = None
    hooks: list[HookEntry] = []
    triggers: list[TriggerEntry] = []
    prices: _PricesEntry | None = None
    promotion: _PromotionEntry | None = None
    resources: list[ResourceEntry] = []
    windows: dict[str, WindowEntry] = {}
    limits: LimitsEntry | None = None


@dataclass(frozen=True, kw_only=True)
class Project:
    """What a project file says.

    Attributes:
        path: The file.
        agents: In the file's order, workflows behind them; the first one is asked when none is named.
        simulated: Name of the mind that the simulated model thinks with.
        database: The ledger: a server's URL, or a file relative to the project file; None is the default.
        notices: Who is told of reviews and runs; None is nobody.
        hooks: Where signed events come in.
        triggers: What starts runs by itself.
        prices: What the models cost; None where that is not said.
        promotion: What has to hold before the agents write alone; None is nothing.
        alarms: What is told of how it goes, as `alerts.yaml` beside the file says; None where there is no such file.
        resources: Things that only so many may use at once.
        windows: When actions may take effect, by the names that tools use.
        limits: By tenant, how many of its runs are advanced at once.
        people: Who answers questions, as `people.yaml` beside the file says; None where there is no such file.
    """

    path: Path
    agents: tuple[Agent, ...]
    simulated: str
    database: str | None
    notices: Notices | None = None
    hooks: tuple[Hook, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    prices: Prices | None = None
    alarms: Alarms | None = None
    people: tuple[Person, ...] | None = None
    promotion: Promotion | None = None
    resources: tuple[Resource, ...] = ()
    windows: Mapping[str, Calendar] = field(default_factory=dict[str, Calendar])
    limits: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def mind(self) -> Mind:
        """The mind of that name."""
        return find_mind(self.simulated)

    @property
    def settings(self) -> dict[str, Any]:
        """What `Baton` takes of it, beside where its record is."""
        return {name: getattr(self, name) for name in _SETTINGS}


_SETTINGS = (
    "agents",
    "mind",
    "notices",
    "alarms",
    "people",
    "prices",
    "triggers",
    "promotion",
    "resources",
    "windows",
    "limits",
)


def load_project(path: str | Path) -> Project:
    """Read a project file.

    Raises:
        NotFound: if it is not there.
        InvalidFile: if it says something that is not allowed: names file, line, field, value and what is allowed.
    """
    file = Path(path)
    if not file.exists():
        raise NotFound("project file", str(file), hint="`baton init` writes a starter project.")
    entry, tree = read_yaml(file, _ProjectFile)
    return _project(file, entry, tree)


def mcp_servers(path: str | Path) -> "list[tuple[McpServer, Path]]":
    """The MCP servers that a project file names, each with the file of its pins; no tool is loaded.

    Raises:
        NotFound: if the file is not there.
        InvalidFile: if it says something that is not allowed.
    """
    from baton.agents.shipped import ShippedTools

    file = Path(path)
    if not file.exists():
        raise NotFound("project file", str(file), hint="`baton init` writes a starter project.")
    entry, tree = read_yaml(file, _ProjectFile)
    found: dict[str, tuple[McpServer, Path]] = {}
    members = [("agents", number, one.tools) for number, one in enumerate(entry.agents)]
    members += [("workflows", number, one.tools) for number, one in enumerate(entry.workflows)]
    for where, number, tools in members:
        for position, said in enumerate(tools):
            if not isinstance(said, dict) or "mcp" not in said:
                continue
            place = (where, number, "tools", position)
            try:
                mcp = ShippedTools.model_validate(said).mcp
                if mcp is not None:
                    found.setdefault(mcp.name, (mcp.server(file.parent), file.parent / mcp.pins))
            except ValidationError as error:
                raise refused(file, error, tree, ShippedTools, place) from error
            except InvalidValue as error:
                raise InvalidFile(str(file), line_of(tree, place), error.what, error.value, error.allowed) from error
    return list(found.values())


def _project(file: Path, entry: _ProjectFile, tree: yaml.Node | None) -> Project:
    if entry.simulated not in MINDS:
        line = line_of(tree, ("simulated",))
        raise InvalidFile(str(file), line, "simulated", entry.simulated, f"one of: {', '.join(MINDS)}")
    agents = tuple(_agent(file, number, agent, tree) for number, agent in enumerate(entry.agents))
    agents += tuple(_workflow(file, number, said, tree).agent for number, said in enumerate(entry.workflows))
    notices = _notices(file, entry.notices, tree) if entry.notices is not None else None
    made = Project(
        path=file,
        agents=agents,
        simulated=entry.simulated,
        database=entry.database,
        notices=notices,
        hooks=_hooks(file, entry, tree),
        triggers=_triggers(file, entry, tree),
        prices=entry.prices.made() if entry.prices is not None else None,
        alarms=alarms_of(file),
        people=people_of(file),
        promotion=_promotion(file, entry.promotion, tree) if entry.promotion is not None else None,
        resources=resources_of(file, entry.resources, tree),
        windows=windows_of(file, entry.windows, tree),
        limits=limits_of(file, entry.limits, tree),
    )
    return _shared(file, made, tree)


def _shared(file: Path, made: Project, tree: yaml.Node | None) -> Project:
    """The project, where what its agents and tools share is there."""
    rules = Rules(resources=made.resources, windows=made.windows, tenants=made.limits)
    for number, agent in enumerate(made.agents):
        try:
            rules.check([agent])
        except InvalidValue as error:
            line = line_of(tree, ("agents", number))
            raise InvalidFile(str(file), line, f"agents.{number}: {error.what}", error.value, error.allowed) from error
    return made


def _promotion(file: Path, entry: _PromotionEntry, tree: yaml.Node | None) -> Promotion:
    try:
        return Promotion(record=file.parent / entry.record, key=entry.key)
    except InvalidValue as error:
        line = line_of(tree, ("promotion", "key"))
        raise InvalidFile(str(file), line, "promotion.key", error.value, error.allowed) from error


def _hooks(file: Path, entry: _ProjectFile, tree: yaml.Node | None) -> tuple[Hook, ...]:
    hooks: list[Hook] = []
    agents = _names(entry)
    for number, said in enumerate(entry.hooks):
        try:
            hook = said.made()
            if hook.name in (other.name for other in hooks):
                raise InvalidValue("name", hook.name, "names that are given once")
            if isinstance(hook.does, Start) and hook.does.agent not in agents:
                raise InvalidValue("start.agent", hook.does.agent, f"one of: {', '.join(agents)}")
        except InvalidValue as error:
            line = line_of(tree, ("hooks", number))
            raise InvalidFile(str(file), line, f"hooks.{number}: {error.what}", error.value, error.allowed) from error
        hooks.append(hook)
    return tuple(hooks)


def _names(entry: _ProjectFile) -> list[str]:
    """Of its agents and workflows."""
    return [*(agent.name for agent in entry.agents), *(flow.name for flow in entry.workflows)]


def _triggers(file: Path, entry: _ProjectFile, tree: yaml.Node | None) -> tuple[Trigger, ...]:
    triggers: list[Trigger] = []
    agents = _names(entry)
    for number, said in enumerate(entry.triggers):
        try:
            trigger = said.made(file.parent)
            if trigger.name in (other.name for other in triggers):
                raise InvalidValue("name", trigger.name, "names that are given once")
            if trigger.start.agent not in agents:
                raise InvalidValue("start.agent", trigger.start.agent, f"one of: {', '.join(agents)}")
        except InvalidValue as error:
            line, what = line_of(tree, ("triggers", number)), f"triggers.{number}: {error.what}"
            raise InvalidFile(str(file), line, what, error.value, error.allowed) from error
        triggers.append(trigger)
    return tuple(triggers)


def _notices(file: Path, entry: NoticesEntry, tree: yaml.Node | None) -> Notices:
    try:
        return entry.made()
    except InvalidValue as error:
        line = line_of(tree, ("notices",))
        raise InvalidFile(str(file), line, f"notices: {error.what}", error.value, error.allowed) from error


def _agent(file: Path, number: int, entry: _AgentEntry, tree: yaml.Node | None) -> Agent:
    tools = _tools(file, entry.tools, ("agents", number), tree)
    try:
        settings: dict[str, Any] = entry.model_dump() | {
            "tools": tools,
            "contracts": _contracts(file, ("agents", number), entry.contracts, tree),
            "policy": _policy(file, entry.policy),
            "shadow": _policy(file, entry.shadow),
            "at_once": at_once_of("at_once", entry.at_once),
        }
        return Agent(**settings)
    except InvalidValue as error:
        line = line_of(tree, ("agents", number))
        raise InvalidFile(str(file), line, f"agents.{number}: {error.what}", error.value, error.allowed) from error


def _workflow(file: Path, number: int, entry: WorkflowEntry, tree: yaml.Node | None) -> Workflow:
    place = ("workflows", number)
    body = Steps(file, tree).body(entry.steps, (*place, "steps"))
    try:
        return Workflow(
            entry.name,
            body,
            tools=_tools(file, entry.tools, place, tree),
            policy=_policy(file, entry.policy),
            shadow=_policy(file, entry.shadow),
            contracts=_contracts(file, place, entry.contracts, tree),
            description=entry.description,
            summary=entry.summary,
            answer=entry.answer,
        )
    except InvalidValue as error:
        line, what = line_of(tree, place), f"workflows.{number}: {error.what}"
        raise InvalidFile(str(file), line, what, error.value, error.allowed) from error


def _policy(file: Path, named: str | None) -> str | Path | None:
    """A policy as the project file names it: a file beside it, or one that is shipped."""
    return file.parent / named if named is not None and named.endswith((".cedar", *YAML)) else named


def _tools(
    file: Path, named: Sequence[Any], within: tuple[int | str, ...], tree: yaml.Node | None
) -> "list[ToolSpec | Tool[..., Any]]":
    """The tools that an agent or a workflow names."""
    tools: list[ToolSpec | Tool[..., Any]] = []
    for position, said in enumerate(named):
        place = (*within, "tools", position)
        if isinstance(said, str):
            tools.append(_tool(file, said, line_of(tree, place), ".".join(map(str, place))))
        else:
            tools += _shipped(file, said, place, tree)
    return tools


def _contracts(
    file: Path, within: tuple[int | str, ...], named: Sequence[str], tree: yaml.Node | None
) -> list[Contract]:
    """The contracts that `work.py:REFUND` or `package.module:REFUND` names."""
    found: list[Contract] = []
    for position, name in enumerate(named):
        place = (*within, "contracts", position)
        line, field = line_of(tree, place), ".".join(map(str, place))
        module, thing = _named(file, name, line, field)
        if not isinstance(thing, Contract):
            known = [key for key, value in vars(module).items() if isinstance(value, Contract)]
            allowed = "a Contract" + (f", such as: {', '.join(known)}" if known else "")
            raise InvalidFile(str(file), line, field, name, allowed)
        found.append(thing)
    return found


def _tool(file: Path, name: str, line: int | None, field: str) -> "ToolSpec | Tool[..., Any]":
    """The tool that `tools.py:find_order` or `package.module:find_order` names."""
    module, thing = _named(file, name, line, field)
    if thing is None or not (isinstance(thing, Tool | ToolSpec) or callable(thing)):
        tools = [key for key, value in vars(module).items() if isinstance(value, Tool)]
        home = name.partition(":")[0]
        allowed = f"a function of {home}" + (f", such as: {', '.join(tools)}" if tools else "")
        raise InvalidFile(str(file), line, field, name, allowed)
    return cast("ToolSpec | Tool[..., Any]", thing)


def _named(file: Path, name: str, line: int | None, field: str) -> tuple[ModuleType, object]:
    """The module that `file.py:name` or `package.module:name` names, and what it has by that name; None for nothing."""
    home, colon, attribute = name.partition(":")
    if not colon or not attribute:
        raise InvalidFile(str(file), line, field, name, "'file.py:function' or 'package.module:function'")
    try:
        module = _module(file.parent / home) if home.endswith(".py") else importlib.import_module(home)
    except (ImportError, OSError) as error:
        raise InvalidFile(str(file), line, field, name, f"a module that can be imported ({error})") from error
    return module, getattr(module, attribute, None)


def _shipped(
    file: Path, said: object, place: tuple[int | str, ...], tree: yaml.Node | None
) -> "Sequence[ToolSpec | Tool[..., Any]]":
    """The shipped tools that an entry such as `files: {root: data}` asks for."""
    if not isinstance(said, dict):
        allowed = "'file.py:function', or http, files, mail or mcp with settings"
        raise InvalidFile(str(file), line_of(tree, place), ".".join(map(str, place)), said, allowed)
    from baton.agents.shipped import ShippedTools

    try:
        return ShippedTools.model_validate(said).made(file.parent)
    except ValidationError as error:
        raise refused(file, error, tree, ShippedTools, place) from error
    except NotFound as error:
        line, where = line_of(tree, place), ".".join(map(str, place))
        raise InvalidFile(str(file), line, where, error.name, str(error)) from error
    except InvalidValue as error:
        where = f"{'.'.join(map(str, place))}: {error.what}"
        raise InvalidFile(str(file), line_of(tree, place), where, error.value, error.allowed) from error


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
