"""Shared notes by the ways of people: the command line, the API, and the page of a run."""

from pathlib import Path

from baton import Agent
from baton.core import Role
from support import on_both, open_office, script, soon
from support.commands import baton
from support.serving import clerk, serve_office


async def test_at_a_terminal_notes_are_written_taken_along_and_brought_back(tmp_path: Path) -> None:
    async with open_office(tmp_path / ".baton" / "baton.db", [Agent("clerk")], script()) as office:
        run = await office.submit("go")
        await soon(run.result())
    assert baton(tmp_path, "notes", "show", run.id).out == "Nothing was written yet.\n"
    assert baton(tmp_path, "notes", "set", run.id, "status", "open").out == "Written, as version 1.\n"
    assert baton(tmp_path, "notes", "pull", run.id, "trip.notes").code == 0
    assert "push trip.notes" in baton(tmp_path, "notes", "set", "trip.notes", "status", "sent").out
    assert "sent" in baton(tmp_path, "notes", "show", "trip.notes").out
    baton(tmp_path, "notes", "set", run.id, "status", "lost")
    pushed = baton(tmp_path, "notes", "push", "trip.notes", "--json").json
    assert ([one["text"] for one in pushed["written"]], pushed["disputed"]) == (["sent"], ["status"])
    shown = baton(tmp_path, "notes", "show", run.id)
    assert shown.out.count("in conflict") == 2
    baton(tmp_path, "notes", "set", run.id, "status", "sent")
    known = baton(tmp_path, "notes", "history", run.id, "--json").json["notes"]
    assert [one["text"] for one in known] == ["open", "lost", "sent", "sent"]
    wrong = baton(tmp_path, "notes", "push", "nowhere.notes")
    assert (wrong.code, "notes pull" in wrong.err) == (2, True)


@on_both
async def test_over_http_who_may_write_does_and_the_page_shows_conflicts(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        ann, bob = await office.person("ann", Role.REQUESTER), await office.person("bob", Role.REQUESTER)
        lead, viewer = await office.person("lea", Role.REVIEWER), await office.person("vic", Role.VIEWER)
        run = (await office.asked(ann))["run"]
        where = f"/api/v1/runs/{run}/notes"
        made = await office.http.post(where, json={"text": "10", "field": "price"}, headers=ann)
        assert (made.status_code, made.json()["by"], made.json()["trust"]) == (201, "ann", "user")
        again = await office.http.post(where, json={"text": "12", "field": "price", "seen": 0}, headers=lead)
        assert again.status_code == 201
        for who in (bob, viewer):
            assert (await office.http.post(where, json={"text": "x"}, headers=who)).status_code == 403
        for bad in ({"text": ""}, {"text": "x", "field": "a b"}, {"text": "x", "more": 1}):
            assert (await office.http.post(where, json=bad, headers=ann)).status_code == 422, bad
        agent = await office.key("ann", scope="agent")
        noted = await office.http.post(where, json={"text": "<b>from a program"}, headers=agent)
        assert noted.json()["trust"] == "agent"
        shown = (await office.http.get(where, headers=viewer)).json()
        assert shown["disputed"] == ["price"]
        assert (await office.http.get(f"{where}?version=9", headers=viewer)).status_code == 422
        assert len((await office.http.get(f"{where}/history", headers=viewer)).json()["notes"]) == 3
        page = (await office.http.get(f"/runs/{run}", headers=lead)).text
        assert "In conflict: price" in page
        assert 'data-notes="3"' in page
        assert "&lt;b&gt;from a program" in page
        assert "agent trust" in page
        assert (
            "data-form" not in (await office.http.get(f"/runs/{run}", headers=viewer)).text.partition("Notes")[2][:2000]
        )
