"""Workflows drawn: as an indented outline, and as a LangGraph graph whose nodes are the steps."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from baton.core import Condition
from baton.graph.patterns.beside import Discriminator, FirstOf, Milestone, Parallel, Race
from baton.graph.patterns.data import Test
from baton.graph.patterns.flows import Choice, Loop, MultiChoice
from baton.graph.patterns.maps import Map
from baton.graph.patterns.pattern import Pattern
from baton.graph.patterns.sagas import Ladder, Reviewed, Saga
from baton.graph.patterns.steps import Fail, Stop
from baton.graph.patterns.workflow import Workflow


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a workflow, as it is drawn.

    Attributes:
        name: What it is called.
        does: What it is, or does and with whom, with its settings.
        when: On what it is done: a condition, a failure, as what undoes another; empty for always.
        parts: What is within it.
    """

    name: str
    does: str
    when: str
    parts: tuple["Part", ...]

    def document(self, states: Mapping[str, str] | None = None) -> dict[str, Any]:
        """As JSON; with what it has come to, where that is given."""
        told = {"name": self.name, "does": self.does, **({"when": self.when} if self.when else {})}
        if states is not None and self.name in states:
            told["state"] = states[self.name]
        inner = [part.document(states) for part in self.parts]
        return {**told, **({"parts": inner} if inner else {})}


def outline(pattern: Pattern, when: str = "") -> Part:
    """A pattern as it is drawn."""
    parts = [outline(part, said) for said, part in _inner(pattern)]
    if isinstance(pattern.on_failure, Pattern):
        parts.append(outline(pattern.on_failure, "if it fails"))
    return Part(name=pattern.label, does=_does(pattern), when=when, parts=tuple(parts))


def lines(part: Part, states: Mapping[str, str] | None = None, lead: str = "", last: bool = True) -> Iterator[str]:
    """An outline as lines of text; with what each part has come to, where that is given."""
    said = f"{part.name}  {part.does}" if part.does != part.name else part.name
    state = f"  [{states[part.name]}]" if states is not None and part.name in states else ""
    yield f"{lead}{'└─ ' if last else '├─ '}{f'({part.when}) ' if part.when else ''}{said}{state}"
    for number, inner in enumerate(part.parts, 1):
        yield from lines(inner, states, lead + ("   " if last else "│  "), number == len(part.parts))


def _does(pattern: Pattern) -> str:
    settings = {
        "join": getattr(pattern, "join", "all"),
        "others": getattr(pattern, "others", "cancel") if isinstance(pattern, Parallel) else "cancel",
        "at_once": getattr(pattern, "at_once", None),
        "most": getattr(pattern, "most", None),
        "within": getattr(pattern, "within", None),
        "failures": getattr(pattern, "failures", "fail"),
        "on_failure": "go on" if pattern.on_failure == "go on" else None,
    }
    plain = (None, "all", "cancel", "fail")
    told = [f"{name.replace('_', ' ')} {value}" for name, value in settings.items() if value not in plain]
    if isinstance(pattern, Loop):
        told += [f"while {_test(pattern.while_)}"] if pattern.while_ is not None else []
        told += [f"until {_test(pattern.until)}"] if pattern.until is not None else []
    return ", ".join([pattern.what if not isinstance(pattern, Map) else "map", *told])


def _inner(pattern: Pattern) -> list[tuple[str, Pattern]]:
    """What is within a pattern, each with on what it is done."""
    match pattern:
        case Choice() | MultiChoice():
            ways = [(_test(way.test), way.then) for way in pattern.ways]
            return ways if pattern.otherwise is None else [*ways, ("otherwise", pattern.otherwise)]
        case FirstOf():
            pairs = [(("", way.trigger), (f"if {way.trigger.label} is first", way.then)) for way in pattern.ways]
            return [(said, part) for pair in pairs for said, part in pair if part is not None]
        case Saga():
            pairs = [(("", act.do), (f"undoes {act.do.label}", act.undo)) for act in pattern.acts]
            return [(said, part) for pair in pairs for said, part in pair if part is not None]
        case Milestone():
            until = f", before {pattern.before}" if pattern.before is not None else ""
            return [(f"after {pattern.after}{until}", pattern.body)]
        case _:
            return [("", part) for part in pattern.parts]


def _test(test: Test | None) -> str:
    if isinstance(test, Condition):
        return test.text
    name = getattr(test, "__name__", type(test).__name__)
    return "a function" if name == "<lambda>" else f"{name}()"


class _Nothing(TypedDict):
    at: dict[str, Any]


Drawn = CompiledStateGraph[_Nothing, None, _Nothing, _Nothing]


def graph(workflow: Workflow) -> Drawn:
    """A LangGraph graph of a workflow, to be looked at: its nodes are the steps, its edges what comes after what.

    It does nothing when it is invoked: what runs is the workflow's run, from the record.
    """
    drawing = _Drawing()
    last = drawing.add(workflow.body, [(START, "")])
    drawing.join([*last, *drawing.failed], END)
    return drawing.compiled()


_Ends = list[tuple[str, str]]
"""Nodes from which it goes on, each with what is said of the way."""


class _Drawing:
    """A graph in the making."""

    def __init__(self) -> None:
        self.failed: _Ends = []  # nodes that nothing within follows where they, or what they undo, have failed
        self._nodes: list[str] = []
        self._edges: list[tuple[str, str, str]] = []

    def node(self, name: str, before: _Ends) -> str:
        """A node that comes after others."""
        self._nodes.append(name)
        self.join(before, name)
        return name

    def join(self, before: _Ends, name: str) -> None:
        """Ways from some nodes to one."""
        self._edges += [(source, name, said) for source, said in before]

    def add(self, pattern: Pattern, before: _Ends) -> _Ends:
        """A pattern that comes after some nodes; the nodes from which it goes on."""
        known = len(self.failed)
        ends = self._added(pattern, before)
        if isinstance(pattern.on_failure, Pattern):
            ends = [*ends, *self.add(pattern.on_failure, [(source, "if it fails") for source, _ in ends])]
        elif pattern.on_failure == "go on":
            ends = [*ends, *self._failed_since(known)]
        return ends

    def _failed_since(self, known: int) -> _Ends:
        """The nodes that have failed behind these many, which are led on from here."""
        found, self.failed = self.failed[known:], self.failed[:known]
        return found

    def _added(self, pattern: Pattern, before: _Ends) -> _Ends:
        if not pattern.parts:
            return self._step(pattern, before)
        match pattern:
            case Choice() | MultiChoice():
                return self._ways(pattern, before)
            case Parallel() | Race() | Discriminator():
                return self._beside(pattern, before)
            case FirstOf():
                return self._first(pattern, before)
            case Loop() | Map() | Reviewed():
                return self._again(pattern, before)
            case Saga():
                return self._saga(pattern, before)
            case Ladder():
                return self._ladder(pattern, before)
            case _:
                for part in pattern.parts:
                    before = self.add(part, before)
                return before

    def _step(self, pattern: Pattern, before: _Ends) -> _Ends:
        node = self.node(pattern.label, before)
        if isinstance(pattern, Stop):
            self.join([(node, "")], END)
        if isinstance(pattern, Fail):
            self.failed.append((node, ""))
        return [] if isinstance(pattern, Fail | Stop) else [(node, "")]

    def _ways(self, pattern: Choice | MultiChoice, before: _Ends) -> _Ends:
        node = self.node(pattern.label, before)
        ends = [end for said, part in _inner(pattern) for end in self.add(part, [(node, said)])]
        return ends if pattern.otherwise is not None or isinstance(pattern, Choice) else [*ends, (node, "none")]

    def _beside(self, pattern: Pattern, before: _Ends) -> _Ends:
        node = self.node(pattern.label, before)
        ends = [end for part in pattern.parts for end in self.add(part, [(node, "")])]
        return [(self.node(f"{pattern.label} joined", ends), "")]

    def _first(self, pattern: FirstOf, before: _Ends) -> _Ends:
        node = self.node(pattern.label, before)
        ends: _Ends = []
        for way in pattern.ways:
            first = self.add(way.trigger, [(node, "")])
            ends += self.add(way.then, [(source, "first") for source, _ in first]) if way.then is not None else first
        return ends

    def _again(self, pattern: Pattern, before: _Ends) -> _Ends:
        node, ends = self.node(pattern.label, before), [(pattern.label, "")]
        for part in pattern.parts:
            ends = self.add(part, ends)
        self.join([(source, "again") for source, _ in ends], node)
        return [(node, "over")] if not isinstance(pattern, Reviewed) else [(source, "accepted") for source, _ in ends]

    def _saga(self, pattern: Saga, before: _Ends) -> _Ends:
        undo: str | None = None
        for act in pattern.acts:
            known = len(self.failed)
            done = self.add(act.do, before)
            failing = [*self._failed_since(known), *((source, "fails") for source, _ in done if act.do.parts == ())]
            if undo is None:
                self.failed += failing
            else:
                self.join(failing, undo)
            if act.undo is not None:
                ends = self.add(act.undo, [])
                if undo is None:
                    self.failed += ends
                else:
                    self.join(ends, undo)
                undo = ends[0][0]
            before = done
        return before

    def _ladder(self, pattern: Ladder, before: _Ends) -> _Ends:
        ends: _Ends = []
        for rung in pattern.rungs:
            found = self.add(rung, before)
            ends, before = [*ends, *found], [(source, "no answer") for source, _ in found]
        return ends

    def compiled(self) -> Drawn:
        """The graph."""
        made: Any = StateGraph(_Nothing)
        for name in self._nodes:
            made.add_node(name, _nothing)
        for source in dict.fromkeys(source for source, _, _ in self._edges):
            self._leave(made, source)
        compiled: Drawn = made.compile()
        return compiled

    def _leave(self, made: Any, source: str) -> None:
        """The ways from one node: those of which something is said are conditional."""
        ways = [(target, said) for start, target, said in self._edges if start == source]
        plain = [target for target, said in ways if not said]
        for target in dict.fromkeys(plain):
            made.add_edge(source, target)
        if told := {said: target for target, said in ways if said}:
            made.add_conditional_edges(source, _nothing, told)


def _nothing(_state: _Nothing) -> dict[str, Any]:
    return {}
