"""`baton resources`, `effects`, `records` and `triggers` as a user types them."""

from pathlib import Path
from typing import Any

from baton import Agent, Baton, Resource, tool
from baton.core import Calendar
from baton.ledger import stays
from support import call, open_office, script, set_policy, soon
from support.commands import baton

PROJECT = """
agents:
  - {name: clerk, instructions: Be quick., resources: [press]}
resources:
  - {name: press, lease: 1h}
  - {name: oven, lease: null}
triggers:
  - name: mornings
    cron: "0 8 * * mon-fri"
    zone: Europe/Berlin
    start: {agent: clerk, statement: Look}
  - name: paid
    events: [order.paid]
    filter: "data.amount > 100"
    start: {agent: clerk, statement: Look}
"""


def test_people_reserve_wait_and_give_back(tmp_path: Path) -> None:
    (tmp_path / "agents.yaml").write_text(PROJECT)
    mine = baton(tmp_path, "resources", "reserve", "press")
    assert mine.code == 0 and "You have press (token 1) for 1 h." in " ".join(mine.out.split())
    waits = baton(tmp_path, "resources", "reserve", "press", "oven", "--json")
    assert waits.code == 3
    assert (waits.json["waits"], waits.json["ahead"], waits.json["tokens"]) == (True, 1, {"oven": None, "press": None})
    listed = baton(tmp_path, "resources", "list", "--json").json
    assert [(one["name"], one["held"], one["waiting"]) for one in listed["resources"]] == [
        ("oven", 0, 1),
        ("press", 1, 1),
    ]
    shown = baton(tmp_path, "resources").out
    assert "has press" in shown and "waits for oven and press" in shown
    assert "has given back press" in baton(tmp_path, "resources", "release", "1").out
    (left,) = baton(tmp_path, "resources", "--json").json["reservations"]
    assert left["tokens"] == {"oven": 1, "press": 2}
    wrong = baton(tmp_path, "resources", "reserve", "lathe")
    assert wrong.code == 2 and "there is no resource 'lathe'; there is: oven, press" in wrong.err


def test_people_write_records_and_see_their_versions(tmp_path: Path) -> None:
    assert baton(tmp_path, "records", "write", "stock", '{"left": 3}').code == 0
    again = baton(tmp_path, "records", "write", "stock", '{"left": 2}')
    assert again.code == 1 and "has written version 1" in again.err and "you have read version 0" in again.err
    assert "stock is at version 2" in baton(tmp_path, "records", "write", "stock", '{"left": 2}', "--read", "1").out
    versions = baton(tmp_path, "records", "show", "stock", "--json").json["versions"]
    assert [(one["version"], one["value"]) for one in versions] == [(1, {"left": 3}), (2, {"left": 2})]
    assert "stock" in baton(tmp_path, "records").out
    assert "give JSON" in baton(tmp_path, "records", "write", "stock", "{").err


async def held(folder: Path) -> str:
    """An action that is held up; its id."""

    @tool(recall="10m")
    async def send(to: str) -> str:
        """Send."""
        return f"sent to {to}"

    agents = [Agent("clerk", tools=[send], policy="allow-all")]
    async with open_office(folder / "baton.db", agents, script([call("send", to="bob")])) as office:
        await soon((await office.submit("go")).settled())
        return (await office.shared.staged())[0].action


async def test_people_see_what_has_not_taken_effect_and_recall_it(tmp_path: Path) -> None:
    action = await held(tmp_path)
    place = ("-d", str(tmp_path / "baton.db"))
    assert ", when send takes effect" in baton(tmp_path, "runs", "list", *place).out
    (staged,) = baton(tmp_path, "effects", "--json", *place).json["staged"]
    assert (staged["action"], staged["tool"], staged["arguments"]) == (action, "send", {"to": "bob"})
    assert "can be recalled" in baton(tmp_path, "effects", "staged", *place).out
    said = baton(tmp_path, "effects", "recall", action, "--note", "wrong", *place)
    assert said.code == 0 and "does not happen" in said.out
    late = baton(tmp_path, "effects", "release", action, *place)
    assert late.code == 1 and "has recalled it" in late.err
    async with Baton(database=tmp_path / "baton.db", dispatch=False) as office:
        assert await office.ledger.read(stays.listed) == []


async def test_what_a_question_holds_is_named_with_whom_it_waits_for_and_the_ways_out(tmp_path: Path) -> None:
    @tool(needs=["press"])
    async def stamp() -> str:
        """Stamp."""
        return "stamped"

    policy = set_policy(
        tmp_path / "p.cedar",
        '@id("asks") @reserve @reviewers("lead,bob") @window("office") @recall("10m") '
        'permit (principal, action == Action::"call_with_approval", resource is Tool::stamp);',
    )
    agents = [Agent("clerk", tools=[stamp], policy=policy)]
    shared: dict[str, Any] = {"resources": [Resource("press")], "windows": {"office": Calendar()}}
    async with open_office(tmp_path / "baton.db", agents, script([call("stamp")]), **shared) as office:
        run = await office.submit("go")
        review = (await soon(run.settled())).reviews[0].id
    place = ("-d", str(tmp_path / "baton.db"))
    (one,) = baton(tmp_path, "resources", "--json", *place).json["reservations"]
    assert one["question"] == {"review": review, "waits_for": ["lead", "bob"]} and one["until"] is None
    said = " ".join(baton(tmp_path, "resources", *place).out.split())
    assert f"press is held by the question {review} of clerk, stamp, which waits for lead or bob: answer it" in said
    assert f"review show {review}" in said and f"resources release {one['number']}" in said
    shown = " ".join(baton(tmp_path, "review", "show", review, *place).out.split())
    assert "takes effect in: office" in shown and "what it needs, before people are asked" in shown
    explained = baton(tmp_path, "policy", "explain", run.id, "--json", *place).json
    (judged,) = [each for each in explained["actions"] if each["tool"] == "stamp"]
    assert (judged["windows"], judged["recall"], judged["reserve"]) == (["office"], 600.0, True)
    assert "can be recalled for 10 min" in " ".join(baton(tmp_path, "policy", "explain", run.id, *place).out.split())
    assert baton(tmp_path, "resources", "release", str(one["number"]), *place).code == 0
    assert baton(tmp_path, "resources", "--json", *place).json["reservations"] == []


def test_triggers_say_what_they_wait_for(tmp_path: Path) -> None:
    (tmp_path / "agents.yaml").write_text(PROJECT)
    assert baton(tmp_path, "resources", "reserve", "press").code == 0  # makes the record
    rows = {one["name"]: one for one in baton(tmp_path, "triggers", "--json").json["triggers"]}
    assert rows["mornings"]["next"] is not None and rows["mornings"]["when"] == "0 8 * * mon-fri (Europe/Berlin)"
    assert rows["paid"]["when"] == "each of order.paid, where data.amount > 100" and rows["paid"]["started"] == 0
    assert "It has started nothing yet." in baton(tmp_path, "triggers", "show", "paid").out
