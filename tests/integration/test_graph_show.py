"""`baton graph show`: the team, a workflow, and where a run of it stands."""

from pathlib import Path

import pytest

from baton import Baton, load_project
from baton.graph.patterns import (
    Choice,
    Compute,
    Discriminator,
    Fail,
    FirstOf,
    Ladder,
    Loop,
    Map,
    Milestone,
    MultiChoice,
    On,
    Parallel,
    Race,
    Reviewed,
    Saga,
    Sequence,
    Skip,
    Stop,
    Undoable,
    When,
    Workflow,
)
from baton.graph.patterns.drawing import graph, lines, outline
from support import commands, soon

FILE = """
agents:
  - {name: helper, instructions: help, policy: allow-all}
  - {name: desk, instructions: ask, hands_off_to: [change, "person:lead"]}
workflows:
  - name: change
    steps:
      - {do: helper, name: ask, task: help}
      - choice:
          - when: ask.outcome == "returned"
            then: {do: "person:lead", name: look, task: look}
        otherwise: {fail: "no", name: none}
triggers:
  - {name: nightly, cron: "0 3 * * *", start: {agent: change, statement: go}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "agents.yaml").write_text(FILE)
    return tmp_path


def test_a_workflow_is_drawn_as_a_tree(project: Path) -> None:
    shown = commands.baton(project, "graph", "show", "change")
    assert shown.out.splitlines() == [
        "workflow change",
        "└─ all_steps  sequence",
        "   ├─ ask  do helper",
        "   └─ choice_look  choice",
        '      ├─ (ask.outcome == "returned") look  do person:lead',
        "      └─ (otherwise) none  fail",
    ]


def test_a_team_is_drawn_with_who_hands_to_whom_and_what_starts_whom(project: Path) -> None:
    shown = commands.baton(project, "graph", "show").out.splitlines()
    assert "workflow change" in shown
    assert [line for line in shown if "nightly" in line] == ["├─ ← trigger nightly"]
    assert [line for line in shown if line.endswith("→ person:lead")]
    drawn = commands.baton(project, "graph", "show", "--format", "mermaid").out
    assert drawn.startswith("flowchart LR")
    assert drawn.count("-->") == 4
    assert drawn.count("-.->") == 1


def test_who_is_not_there_is_told_with_those_who_are(project: Path) -> None:
    wrong = commands.baton(project, "graph", "show", "nobody")
    assert wrong.code == 2
    assert "there is: helper, desk, change" in wrong.err


async def test_where_a_run_stands_is_said_with_each_step(project: Path) -> None:
    known = load_project(project / "agents.yaml")
    database = project / ".baton" / "baton.db"
    async with Baton(agents=known.agents, database=database, mind=known.mind) as baton:
        run = await baton.submit("go", agent="change")
        await soon(run.settled())
        while (await soon(run.settled())).reviews == ():
            pass
    shown = commands.baton(project, "graph", "show", "--run", run.id).out
    assert "ask  do helper  [returned]" in shown
    assert "look  do person:lead  [open]" in shown
    assert "none  fail\n" in shown
    told = commands.baton(project, "graph", "show", "--run", run.id, "--json").json
    assert told["steps"]["parts"][0]["state"] == "returned"


def test_every_pattern_is_drawn_with_all_its_steps() -> None:
    body = Sequence(
        Parallel(Skip("a"), Skip("b")),
        MultiChoice(When(lambda data: True, Skip("c"))),
        Choice(When(lambda data: True, Skip("d")), otherwise=Stop("e")),
        Loop(Skip("f"), until=lambda data: True, most=2),
        Map([1], Skip("g")),
        FirstOf(On(Skip("h"), Skip("i")), On(Skip("j"))),
        Race(Skip("k"), Skip("l")),
        Discriminator(Skip("m"), Skip("n")),
        Milestone(Skip("o"), after="a"),
        Saga(Undoable(Skip("p"), Skip("q")), Undoable(Skip("r"), Skip("s")), Skip("t")),
        Ladder(Skip("u"), Skip("v")),
        Reviewed(Skip("w"), Skip("x")),
        Compute("y", 1, on_failure=Fail("z", "no")),
    )
    flow = Workflow("all", body)
    leaves = {chr(code) for code in range(ord("a"), ord("z") + 1)}
    drawn = graph(flow).get_graph()
    assert leaves <= drawn.nodes.keys()
    assert leaves <= {line.split("─ ")[-1].split(") ")[-1].split("  ")[0] for line in lines(outline(body))}
    reached, todo = set[str](), ["__start__"]
    while todo:
        node = todo.pop()
        reached.add(node)
        todo += [edge.target for edge in drawn.edges if edge.source == node and edge.target not in reached]
    assert leaves | {"__end__"} <= reached  # what undoes is reached by a failure, which is drawn too
