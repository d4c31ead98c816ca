"""`baton flow` and what stands under it, on a record of real runs."""

from collections.abc import Sequence
from pathlib import Path

from baton import Agent
from baton.core import Person
from baton.flow import Keeper
from support import open_office, script, soon
from support.commands import baton


async def played(folder: Path, people: Sequence[Person] | None = None) -> str:
    async with open_office(folder, [Agent("clerk")], script(), people=people) as office:
        for _ in range(3):
            await soon((await office.submit("go")).result())
        await Keeper(office.ledger).look()
    return str(folder / "baton.db")


async def test_where_time_goes_is_said(tmp_path: Path) -> None:
    database = await played(tmp_path)
    found = baton(tmp_path, "flow", "-d", database)
    assert found.code == 0
    assert "3 runs, half within" in found.out and "models" in found.out
    assert "Nothing is found to be wrong." in found.out
    told = baton(tmp_path, "flow", "-d", database, "--json").json
    assert (told["all"]["runs"], told["alerts"]) == (3, [])
    assert "No run is open." in baton(tmp_path, "flow", "ends", "-d", database).out
    refused = baton(tmp_path, "flow", "whatif", "-d", database)
    assert refused.code == 2 and "people.yaml" in refused.err


async def test_what_another_model_would_change_is_said(tmp_path: Path) -> None:
    database = await played(tmp_path, [Person(name="ann")])
    told = baton(tmp_path, "flow", "whatif", "-d", database, "--thinking", "0.5", "--json").json
    assert told["runs"]["count"] == told["runs_changed"]["count"] == 3
    assert 0 < told["runs_changed"]["p50"] < told["runs"]["p50"]
    same = baton(tmp_path, "flow", "whatif", "-d", database, "--model", "gpt-5-mini", "--json").json
    assert same["runs_changed"] == same["runs"]  # it is the one that all have asked
    refused = baton(tmp_path, "flow", "whatif", "-d", database, "--model", "gpt-9")
    assert refused.code == 2
    assert "gpt-5-mini" in refused.err


async def test_a_plan_has_its_times_and_is_refused_where_it_contradicts_itself(tmp_path: Path) -> None:
    database, plan = await played(tmp_path), tmp_path / "plan.yaml"
    plan.write_text(
        "deadline: 5h\nsteps:\n"
        "  - {name: read, agent: clerk}\n"
        "  - {name: ask, takes: 2h, after: [read]}\n"
        "  - {name: send, takes: 1h, after: [ask]}\n"
    )
    found = baton(tmp_path, "flow", "plan", str(plan), "-d", database)
    assert found.code == 0 and "because of read, ask, send" in found.out and "in time 100 %" in found.out
    plan.write_text("deadline: 2h\nsteps:\n  - {name: ask, takes: 3h}\n  - {name: other, takes: 1h}\n")
    refused = baton(tmp_path, "flow", "plan", str(plan), "-d", database)
    assert refused.code == 2
    assert "plan 'all is over within 2 h; ask takes at least 3 h'" in refused.err and "1 h apart" in refused.err
