"""Workflows in a project file: what they say is what is done, and what they say wrong is told with its place."""

from pathlib import Path

import pytest

from baton import Baton, Goal, load_project
from baton.core import Attachment, InvalidFile
from baton.graph.patterns import Workflow
from support import soon

TOOLS = """
from baton import tool

@tool(effect="write")
def reserve(order: int) -> dict[str, int]:
    "Reserve."
    return {"order": order, "units": 3}

@tool(effect="write")
def release(order: int) -> str:
    "Release."
    return "released"

@tool(effect="write")
def ship(order: int) -> str:
    "Ship."
    raise ValueError("no stock")
"""

FILE = """
agents:
  - name: helper
    instructions: help
    policy: allow-all
workflows:
  - name: change
    description: changes orders
    tools: [shop.py:reserve, shop.py:release, shop.py:ship]
    policy: allow-all
    summary: "{way.said}, {count.answer}"
    steps:
      - call: reserve
        name: hold
        arguments: {order: "{given.order}"}
      - choice:
          - when: hold.units > 2
            then:
              - {do: helper, name: ask, task: "say so about {goal}"}
              - {compute: "asked {ask.outcome}", name: first}
        otherwise: {fail: "only {hold.units}", name: few}
      - saga:
          - step: {call: reserve, name: again, arguments: {order: 2}}
            undo: {call: release, name: back, arguments: {order: 2}}
          - step: {call: ship, name: send, arguments: {order: 2}}
        name: way
        on_failure: go on
      - map: [1, 2, 3]
        name: all
        step: {compute: "{item}", name: each}
      - loop: {compute: "{round}", name: count}
        until: round == 2
        most: 3
      - first_of:
          - of: {wait: 1h, name: hour}
          - of: {compute: 1, name: now}
            then: {skip: , name: done}
      - race: [{compute: 1, name: one}, {event: nothing.comes, name: none}]
"""


def written(folder: Path, text: str = FILE) -> Path:
    (folder / "shop.py").write_text(TOOLS)
    (folder / "agents.yaml").write_text(text)
    return folder / "agents.yaml"


async def test_a_file_s_workflow_does_what_it_says(tmp_path: Path) -> None:
    project = load_project(written(tmp_path))
    assert [agent.name for agent in project.agents] == ["helper", "change"]
    flow = project.agents[1].composition
    assert isinstance(flow, Workflow)
    assert project.agents[1].hands_off_to == ("helper",)
    async with Baton(agents=project.agents, database=tmp_path / "b.db", mind=project.mind) as baton:
        goal = Goal("change it", attachments=(Attachment("order.json", '{"order": 7}'),))
        result = await soon((await baton.submit(goal, agent="change")).result())
    assert result.summary == "send failed: no stock; undone: again, 2"


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        (
            "call: reserve\n        name: hold",
            "cal: reserve\n        name: hold",
            13,
            "a step, which is one of: do, call",
        ),
        ("name: hold\n", "nam: hold\n", 13, "name"),
        ("hold.units > 2", "hold.units >", 17, "an expression of CEL"),
        ("hold.units > 2", "nothing.units > 2", 7, "one of: "),
        ("{hold.units}", "{hodl.units}", 7, "one of: "),
        ("shop.py:ship]", "shop.py:shop]", 9, "a function of shop.py"),
        ("call: ship", "call: shop", 7, "one of its tools"),
        ("most: 3", "most: many", 33, "whole number|integer"),
        ("name: few", "name: hold", 7, "names that are given once"),
        ("on_failure: go on", "on_failure: goon", 27, "a step, which is one of"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    assert old in FILE
    with pytest.raises(InvalidFile, match=says) as error:
        load_project(written(tmp_path, FILE.replace(old, new, 1)))
    assert f"agents.yaml:{line}" in str(error.value)
