"""Reviews over the API: who may answer, whose answer it is, who was first."""

import asyncio
from pathlib import Path
from typing import Any

from baton.core import Role
from baton.review.queue import CLAIM_SECONDS
from support import call, on_both, script, soon, text_rows
from support.serving import LEADS, clerk, kind_of, serve_office

EYES = (
    '@id("eyes") @four_eyes @quorum("2") permit (principal, action == Action::"call_with_approval", '
    "resource is Tool::pay);"
)
API = "/api/v1"


def approve(review: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"decision": "approve", "version": review["version"], **more}


@on_both
async def test_a_question_is_found_taken_and_decided_and_its_run_goes_on(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        ann = await office.person("ann", Role.REVIEWER)
        asked = await office.asked(ann)
        found = (await office.http.get(f"{API}/reviews", headers=ann)).json()
        assert [one["id"] for one in found["reviews"]] == [asked["id"]]
        assert found["next"] is None
        taken = (await office.http.post(f"{API}/reviews/next", json={}, headers=ann)).json()["review"]
        assert (taken["id"], taken["claimed_by"]) == (asked["id"], "ann")
        assert taken["answers"] == ["approve", "edit", "reject"]
        assert next(one["kind"] for one in taken["story"]) == "run.submitted"
        assert taken["goal"]["requester"] == "ann"
        said = await office.http.post(f"{API}/reviews/{asked['id']}/decide", json=approve(taken), headers=ann)
        decided = said.json()["decision"]
        assert (decided["kind"], decided["by"], decided["channel"], decided["source"]) == (
            "approve",
            "ann",
            "api",
            "person",
        )
        run = await office.baton.open(asked["run"])
        assert (await soon(run.result())).status == "done"
        late = await office.http.post(f"{API}/reviews/{asked['id']}/decide", json=approve(taken), headers=ann)
        assert kind_of(late) == (409, "Conflict")
        assert "ann decided it at" in late.json()["error"]["message"]
        steps = await text_rows(office.baton.ledger, "SELECT who, about, says FROM trail WHERE kind = 'review.decided'")
        assert steps == [("ann", asked["id"], "approve")]


@on_both
async def test_of_two_who_answer_at_once_one_has_and_the_other_is_told(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        people = [await office.person(name, Role.REVIEWER) for name in ("ann", "bob", "cid")]
        asked = await office.asked(people[0])
        url = f"{API}/reviews/{asked['id']}/decide"
        came = await asyncio.gather(*(office.http.post(url, json=approve(asked), headers=who) for who in people))
        assert sorted(one.status_code for one in came) == [200, 409, 409]
        rows = await text_rows(office.baton.ledger, "SELECT count(*) FROM trail WHERE kind = 'review.decided'")
        assert rows == [(1,)]


@on_both
async def test_whom_the_rules_do_not_name_neither_takes_nor_answers_it(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path, LEADS)) as office:
        ann, lea = await office.person("ann", Role.ADMIN), await office.person("lea", Role.REVIEWER, "lead")
        asked = await office.asked(ann)
        for path, said in (("claim", None), ("decide", approve(asked))):
            refused = await office.http.post(f"{API}/reviews/{asked['id']}/{path}", json=said, headers=ann)
            assert kind_of(refused) == (403, "Forbidden")
            assert "it is for lead" in refused.json()["error"]["message"]
        wired = {"reviews": [asked["id"]], "answer": {"decisions": [{"type": "approve"}]}}
        (outcome,) = (await office.http.post(f"{API}/wire", json=wired, headers=ann)).json()["outcomes"]
        assert outcome["error"]["kind"] == "Forbidden"
        together = {"decision": "approve", "reviews": [{"review": asked["id"], "version": asked["version"]}]}
        (outcome,) = (await office.http.post(f"{API}/decide-together", json=together, headers=ann)).json()["outcomes"]
        assert outcome["error"]["kind"] == "Forbidden"
        nothing = await office.http.post(f"{API}/reviews/next", json={}, headers=ann)
        assert nothing.json() == {"review": None}
        allowed = await office.http.post(f"{API}/reviews/{asked['id']}/decide", json=approve(asked), headers=lea)
        assert allowed.status_code == 200


@on_both
async def test_four_eyes_and_two_people_hold_for_accounts(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path, EYES)) as office:
        ann, bob, cid = [await office.person(name, Role.REVIEWER) for name in ("ann", "bob", "cid")]
        asked = await office.asked(await office.key("ann", "agent"))
        url = f"{API}/reviews/{asked['id']}"
        own = await office.http.post(f"{url}/decide", json=approve(asked), headers=ann)
        assert kind_of(own) == (403, "Forbidden")  # what her agent asked for is hers
        first = await office.http.post(f"{url}/decide", json=approve(asked), headers=bob)
        assert first.json()["review"]["state"] == "open"
        now = first.json()["review"]
        twice = await office.http.post(f"{url}/decide", json=approve(now), headers=bob)
        assert kind_of(twice) == (409, "Conflict")
        undone = await office.http.post(f"{url}/undo", headers=bob)
        assert undone.json()["undone"]["by"] == "bob"
        for who in (bob, cid):
            now = (await office.http.get(url, headers=who)).json()
            assert (await office.http.post(f"{url}/decide", json=approve(now), headers=who)).status_code == 200
        assert (await office.http.get(url, headers=ann)).json()["state"] == "closed"


async def test_what_is_held_can_be_undone_and_what_was_said_stands_on_the_page(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        ann, bob = await office.person("ann", Role.REVIEWER), await office.person("bob", Role.REVIEWER)
        asked = await office.asked(ann)
        url = f"{API}/reviews/{asked['id']}"
        held = (await office.http.post(f"{url}/decide", json=approve(asked, hold=60), headers=ann)).json()["review"]
        assert held["held"]["by"] == "ann"
        assert kind_of(await office.http.post(f"{url}/undo", headers=bob)) == (403, "Forbidden")
        assert (await office.http.post(f"{url}/undo", headers=ann)).status_code == 200
        page = await office.http.post(f"{url}/comment", json={"text": "I know them"}, headers=bob)
        assert [one["text"] for one in page.json()["remarks"]] == ["I know them"]
        given = await office.http.post(f"{url}/delegate", json={"to": "bob"}, headers=ann)
        assert given.json()["assigned"] == "bob"
        claimed = await office.http.post(f"{url}/claim", headers=bob)
        assert claimed.json()["claimed_by"] == "bob"
        assert kind_of(await office.http.post(f"{url}/claim", headers=ann)) == (409, "Conflict")
        snoozed = await office.http.post(f"{url}/snooze", json={"seconds": CLAIM_SECONDS}, headers=bob)
        assert snoozed.json()["claimed_by"] is None
        assert (await office.http.post(f"{url}/ask", json={"text": "why?"}, headers=ann)).status_code == 200
        edit = {"decision": "edit", "arguments": {"cents": 200}}
        seen = (await office.http.get(url, headers=ann)).json()
        stale = await office.http.post(f"{url}/decide", json=edit | {"version": 0}, headers=ann)
        assert kind_of(stale) == (409, "Conflict")
        wrong = edit | {"version": seen["version"], "arguments": {"cents": "many"}}
        assert kind_of(await office.http.post(f"{url}/decide", json=wrong, headers=ann)) == (422, "InvalidValue")
        edited = await office.http.post(f"{url}/decide", json=edit | {"version": seen["version"]}, headers=ann)
        assert edited.json()["decision"]["arguments"] == {"cents": 200}


async def test_those_that_are_alike_are_decided_together(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        ann = await office.person("ann", Role.REVIEWER)
        for _ in range(2):
            await office.asked(ann)
        first, *_ = found = (await office.http.get(f"{API}/reviews", headers=ann)).json()["reviews"]
        alike = (await office.http.get(f"{API}/reviews/{first['id']}/alike", headers=ann)).json()["reviews"]
        assert [one["id"] for one in alike] == [one["id"] for one in found[1:]]
        seen = [{"review": one["id"], "version": one["version"]} for one in found]
        seen[-1]["version"] = 0
        together = {"decision": "reject", "note": "no", "reviews": seen}
        came = (await office.http.post(f"{API}/decide-together", json=together, headers=ann)).json()["outcomes"]
        assert [one["error"] and one["error"]["kind"] for one in came] == [None, "Conflict"]
        shown = await office.http.get(f"{API}/wire", params={"review": found[-1]["id"]}, headers=ann)
        assert [one["name"] for one in shown.json()["action_requests"]] == ["pay"]
        wired = {"reviews": [found[-1]["id"]], "answer": {"decisions": [{"type": "approve"}]}, "delivery": "d1"}
        for _ in range(2):  # delivered twice
            (outcome,) = (await office.http.post(f"{API}/wire", json=wired, headers=ann)).json()["outcomes"]
            assert (outcome["decision"]["kind"], outcome["error"]) == ("approve", None)


async def test_pages_of_a_list_hold_each_question_once(database: str, tmp_path: Path) -> None:
    mind = script([call("pay", cents=cents) for cents in range(5)])
    async with serve_office(database, clerk(tmp_path), mind=mind) as office:
        ann = await office.person("ann", Role.VIEWER)
        run = await office.baton.submit("pay")
        await soon(run.settled())
        seen: list[str] = []
        more: dict[str, Any] = {}
        while True:
            page = (await office.http.get(f"{API}/reviews", params={"limit": 2, **more}, headers=ann)).json()
            seen += [one["id"] for one in page["reviews"]]
            if page["next"] is None:
                break
            more = {"after": page["next"]}
        assert len(seen) == len(set(seen)) == 5
        for filters in ({"state": "closed"}, {"agent": "other"}, {"kind": "doubt"}, {"claimed_by": "ann"}):
            empty = await office.http.get(f"{API}/reviews", params=filters, headers=ann)
            assert empty.json() == {"reviews": [], "next": None}
