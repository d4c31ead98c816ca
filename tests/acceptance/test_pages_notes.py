"""Shared notes on the page of a run, in a browser: a conflict is seen and settled, an entry is written."""

import os
from pathlib import Path

from baton import Agent
from support import call, open_office, script, soon
from support.browsing import open_site


async def test_a_conflict_in_the_notes_is_seen_and_settled_and_an_entry_written(tmp_path: Path) -> None:
    write = call("write_note", field="carrier", value="DHL"), call("write_note", text="<b>It left the depot at 09:12")
    clerk = Agent("clerk", notes=True, policy="allow-all")
    async with open_office(tmp_path / "baton.db", [clerk], script([*write])) as baton:
        run = await baton.submit("Find out who carries order 4417")
        await soon(run.result())
        await run.notes.set("carrier", "UPS", by="bob", seen=0)
        async with open_site(baton) as site, site.window() as me:
            await me.open(f"/runs/{run.id}")
            await me.sees("In conflict: carrier", "#run")
            await me.sees("<b>It left the depot", "#run")
            if folder := os.environ.get("PICTURES"):
                await me.page.screenshot(path=f"{folder}/notes.png", full_page=True)
            await me.page.fill("[data-form=note] [name=field]", "carrier")
            await me.page.fill("[data-form=note] [name=text]", "UPS")
            await me.page.get_by_role("button", name="Write").click()
            await me.sees_no_more("In conflict: carrier", "#run")
            await me.page.fill("[data-form=note] [name=text]", "The customer called")
            await run.notes.add("said meanwhile", by="bob")
            await me.sees("said meanwhile", "#run")  # what is being typed stays
            await me.press("Enter")
            await me.sees("The customer called", "#run")
            assert await me.hindrances() == []
            await me.page.set_viewport_size({"width": 390, "height": 800})
            assert await me.stays_inside()
        stands = await run.notes.show()
    assert [one.text for one in stands.fields["carrier"]] == ["UPS"]
    assert stands.disputed == ()
