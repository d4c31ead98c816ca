"""The multi-turn tasks of the Berkeley Function Calling Leaderboard as a suite, scored by BFCL's own checker.

Needs the package bfcl-eval (Apache-2.0), which has the tasks, the tools and the checker; nothing of it is copied. The
simulated model makes the calls of the ground truth: what is measured is whether Baton carries them out faithfully.
Every tool is offered from the first turn on, also where a task would hold one back.
"""

import ast
import copy
import importlib
import inspect
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from baton.agents import Agent
from baton.agents.simulated import Answer, Conversation, ScriptedMind, SimulatedCall
from baton.core import Goal, InvalidValue, JsonSchema, NotFound, ToolSpec
from baton.evals.attempt import Attempt, Score, Scorer
from baton.evals.cases import Call, Case, Trajectory, Turn, User
from baton.evals.importing.live import LiveWorlds, Result
from baton.evals.scorers import ending, exactly_once, trajectory
from baton.evals.suite import Suite
from baton.project import Project

CATEGORIES = ("base", "miss_func", "miss_param", "long_context")

_TYPES = {"dict": "object", "float": "number", "tuple": "array"}
_checks = itertools.count()


@dataclass(frozen=True)
class Task:
    """A task as BFCL has it.

    Attributes:
        entry: Its own record.
        turns: What the user says, a list of messages a turn.
        calls: The ground truth, a list of calls a turn.
        texts: The same as BFCL writes it, for its checker.
    """

    category: str
    entry: Mapping[str, Any]
    turns: Sequence[Sequence[str]]
    calls: Sequence[Sequence[Call]]
    texts: Sequence[Sequence[str]]

    @property
    def id(self) -> str:
        """BFCL's name of it."""
        return str(self.entry["id"])


def bfcl_suite(categories: Sequence[str] = CATEGORIES, *, stride: int = 1) -> Suite:
    """A suite of every `stride`-th task of some categories.

    Raises:
        NotFound: if the package is not there; says how to get it.
        InvalidValue: for a category that there is not.
    """
    tasks = [task for name in categories for task in itertools.islice(_tasks(name), 0, None, stride)]
    worlds = LiveWorlds(_make, _execute)
    project = Project(
        path=Path("bfcl"),
        agents=tuple(_agent(task, worlds) for task in tasks),
        simulated="simple",
        database=None,
    )
    by_id = {task.id: task for task in tasks}
    return Suite(
        name="bfcl",
        project=Path("bfcl"),
        given=project,
        prepare=worlds.prepare,
        environment=worlds.environment,
        cases=[_case(task) for task in tasks],
        scorers=(ending, exactly_once, trajectory, _valid(by_id)),
        mind=_Mind({task.id: ScriptedMind(_script(task)) for task in tasks}),
        together=False,
        at_once=8,
    )


class _Mind:
    """Speaks the script of the task that the model is named after."""

    def __init__(self, scripts: Mapping[str, ScriptedMind]) -> None:
        self._scripts = scripts

    def answer(self, conversation: Conversation) -> Answer:
        return self._scripts[str(conversation.body["model"])].answer(conversation)


def _tasks(category: str) -> Iterator[Task]:
    if category not in CATEGORIES:
        raise InvalidValue("category of BFCL", category, f"one of: {', '.join(CATEGORIES)}")
    data = Path(str(_package("bfcl_eval").__file__)).parent / "data"
    name = f"BFCL_v4_multi_turn_{category}.json"
    answers = {row["id"]: row["ground_truth"] for row in _lines(data / "possible_answer" / name)}
    for entry in _lines(data / name):
        docs = _docs(tuple(entry["involved_classes"]))
        parameters = {doc["name"]: list(doc["parameters"]["properties"]) for doc in docs}
        texts = answers[entry["id"]]
        yield Task(
            category=category,
            entry=entry,
            turns=[[message["content"] for message in turn] or [_more()] for turn in entry["question"]],
            calls=[[_call(text, parameters) for text in turn] for turn in texts],
            texts=texts,
        )


def _case(task: Task) -> Case:
    """A conversation, in which each message is said once the agent waits for the user."""
    messages = [text for turn in task.turns for text in turn]
    world = {"classes": task.entry["involved_classes"], "config": task.entry["initial_config"]}
    return Case(
        id=task.id,
        goal=Goal(f"The conversation of {task.id}", conversation=True),
        agent=task.id,
        expected={"ends": "waiting", "turns": [len(turn) for turn in task.turns]},
        trajectory=Trajectory(
            calls=tuple(call for turn in task.calls for call in turn),
            tools=tuple(doc["name"] for doc in _docs(tuple(task.entry["involved_classes"]))),
        ),
        world={**world, "long": task.category == "long_context"},
        user=User(turns=tuple(Turn(text=text) for text in messages), spread=0.0),
        provenance=f"bfcl-eval, {task.category}",
    )


def _script(task: Task) -> list[list[list[SimulatedCall]]]:
    """For each message the rounds of calls that answer it: one call at a time in half of the tasks, else together."""
    apart = int(task.id.rsplit("_", 1)[1]) % 2 == 0
    script: list[list[list[SimulatedCall]]] = []
    for messages, calls in zip(task.turns, task.calls, strict=True):
        made = [SimulatedCall(name=call.tool, arguments=call.arguments) for call in calls]
        script += [[] for _ in messages[1:]]
        script.append([[call] for call in made] if apart else [made] if made else [])
    return script


def _agent(task: Task, worlds: LiveWorlds[dict[str, Any]]) -> Agent:
    tools = [_tool(doc, worlds) for doc in _docs(tuple(task.entry["involved_classes"]))]
    return Agent(task.id, model=task.id, tools=tools, policy="allow-all", context_tokens=10_000_000)


def _tool(doc: Mapping[str, Any], worlds: LiveWorlds[dict[str, Any]]) -> ToolSpec:
    """A tool of BFCL's, without the types that its docs declare: some of its ground truth does not fit them."""
    name, said = str(doc["name"]), doc["parameters"]
    untyped = {each: {"description": about.get("description", "")} for each, about in said["properties"].items()}
    schema: JsonSchema = {"type": "object", "properties": untyped, "required": said.get("required", [])}

    def run(*, key: str, **arguments: Any) -> str:
        return worlds.call(name, arguments, key)

    return ToolSpec(
        name=name, description=str(doc["description"]), parameters=schema, run=run, wants_key=True, repeatable=True
    )


def _make(world: dict[str, Any]) -> dict[str, Any]:
    """BFCL's objects in a task's initial state, and their methods by name."""
    config = _package("bfcl_eval.constants.executable_backend_config")
    methods: dict[str, Any] = {}
    for name in world["classes"]:
        thing = getattr(importlib.import_module(config.CLASS_FILE_PATH_MAPPING[name]), name)()
        if name not in config.STATELESS_CLASSES:
            thing._load_scenario(copy.deepcopy(world["config"].get(name, {})), long_context=world["long"])
        methods |= {each: found for each, found in inspect.getmembers(thing, inspect.ismethod) if each[0] != "_"}
    return methods


def _execute(methods: dict[str, Any], tool: str, arguments: dict[str, Any]) -> Result:
    """A call's result; what the tool refuses is a result too, as BFCL has it."""
    try:
        result = methods[tool](**copy.deepcopy(arguments))
    except Exception as error:
        return f"Error during execution: {error}", False
    return (result if isinstance(result, str) else json.dumps(result, default=str)), False


def _valid(tasks: Mapping[str, Task]) -> Scorer:
    """A scorer that is BFCL's own checker."""

    def valid(attempt: Attempt) -> Score:
        task = tasks[attempt.case.id]
        checker = _package("bfcl_eval.eval_checker.multi_turn_eval.multi_turn_checker")
        name = f"baton{next(_checks)}"  # under which the checker keeps states in its module
        steps = [[[_text(call) for call in turn]] for turn in executed(attempt, task)]
        result: dict[str, Any] = checker.multi_turn_checker(
            steps, task.texts, task.entry, f"multi_turn_{task.category}", name
        )
        _tidy(name)
        passed = bool(result["valid"])
        return Score("BFCL", passed, "" if passed else str(result.get("error_message", ""))[:400])

    return valid


def executed(attempt: Attempt, task: Task) -> list[list[Call]]:
    """What the record says was carried out, by the task's turns."""
    done = {effect.key for effect in attempt.effects if effect.state.value in ("done", "failed")}
    by_message: list[list[Call]] = []
    proposals = {one.action.id: one for one in attempt.proposals}
    ordered = sorted(attempt.events, key=lambda event: event.id)
    for event in ordered:
        if event.kind == "message.user":
            by_message.append([])
        elif event.kind == "action.judged" and by_message and event.data["action"] in done:
            action = proposals[event.data["action"]].action
            by_message[-1].append(Call(tool=action.tool, arguments=action.arguments))
    turns, at = list[list[Call]](), 0
    for messages in task.turns:
        part = by_message[at : at + len(messages)]
        turns.append([call for calls in part for call in calls])
        at += len(messages)
    return turns


def _tidy(name: str) -> None:
    utils: Any = _package("bfcl_eval.eval_checker.multi_turn_eval.multi_turn_utils")
    kept: dict[str, Any] = utils.__dict__
    for each in [each for each in kept if each.startswith(f"{name}_")]:
        del kept[each]


def _call(text: str, parameters: Mapping[str, Sequence[str]]) -> Call:
    """`sort('a.txt')` as a call."""
    node = ast.parse(text, mode="eval").body
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise InvalidValue("ground truth of BFCL", text, "a plain call")
    arguments = {
        name: ast.literal_eval(value) for name, value in zip(parameters[node.func.id], node.args, strict=False)
    }
    arguments |= {one.arg: ast.literal_eval(one.value) for one in node.keywords if one.arg}
    return Call(tool=node.func.id, arguments=arguments)


def _text(call: Call) -> str:
    return f"{call.tool}({', '.join(f'{name}={value!r}' for name, value in call.arguments.items())})"


@lru_cache
def _docs(classes: tuple[str, ...]) -> list[dict[str, Any]]:
    config = _package("bfcl_eval.constants.executable_backend_config")
    folder = Path(str(_package("bfcl_eval").__file__)).parent / "data" / "multi_turn_func_doc"
    files = [folder / config.MULTI_TURN_FUNC_DOC_FILE_MAPPING[name] for name in classes]
    return [_typed(doc) for file in files for doc in _lines(file)]


def _typed(node: Any) -> Any:
    """BFCL's names of types as JSON schema has them, at every depth."""
    if isinstance(node, list):
        return list(map(_typed, cast("Iterable[Any]", node)))
    if not isinstance(node, dict):
        return node
    found = {name: _typed(value) for name, value in cast("dict[str, Any]", node).items()}
    kind = found.get("type")
    return {**found, "type": _TYPES.get(kind, kind)} if isinstance(kind, str) else found


def _more() -> str:
    return str(_package("bfcl_eval.constants.default_prompts").DEFAULT_USER_PROMPT_FOR_ADDITIONAL_FUNCTION_FC)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        hint = "Install it: pip install --no-deps bfcl-eval mpmath."
        raise NotFound("package", name.partition(".")[0], hint=f"{hint} ({error})") from error
