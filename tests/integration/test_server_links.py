"""Links at the server: a GET shows, a POST opens once, another decides what was shown."""

import html
import re
from pathlib import Path

import httpx

from baton.core import ReviewId, Role
from baton.ledger import Review
from baton.review.links import make_link
from support import on_both, soon
from support.serving import LEADS, Office, clerk, kind_of, serve_office

HOSTILE = '</pre><script src="//evil.example"></script><img src=x onerror=alert(1)>\u202e'


async def asked(office: Office, statement: str = "pay") -> Review:
    run = await office.baton.submit(statement)
    await soon(run.settled())
    (review,) = await office.baton.reviews.waiting([run.id])
    return review


async def link(office: Office, review: str, person: str) -> str:
    return f"/open/{await make_link(office.baton.ledger, ReviewId(review), person)}"


def deciding(page: httpx.Response) -> str:
    """The token in the forms of a page."""
    found = re.search(r'name="token" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return html.unescape(found[1])


@on_both
async def test_opening_shows_the_question_and_the_second_post_decides_it(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path), alone=True) as office:
        review = await asked(office, HOSTILE)
        url = await link(office, review.id, "ann")
        for _ in range(3):  # a program that looks through mail
            looked = await office.http.get(url)
            assert (looked.status_code, review.id in looked.text) == (200, False)
        shown = await office.http.post(url)
        assert "<script src=" not in shown.text.replace('<script src="/static/', "")
        assert "<img" not in shown.text
        assert html.escape("<script src=") in shown.text
        assert kind_of(await office.http.post(url)) == (409, "LinkUsed")
        said = {"token": deciding(shown), "decision": "approve", "note": "fine"}
        cross = await office.http.post("/decide", data=said, headers={"Origin": "https://evil.example"})
        assert kind_of(cross) == (403, "Forbidden")
        assert "ann approved it" in (await office.http.post("/decide", data=said)).text
        decided = (await office.baton.reviews.get(review.id)).decision
        assert decided is not None
        assert (decided.by, decided.channel, decided.note) == ("ann", "link", "fine")
        again = await office.http.post("/decide", data=said)
        assert kind_of(again) == (409, "LinkClosed")
        assert "ann decided it at" in again.json()["error"]["message"]


async def test_what_was_changed_since_is_not_decided(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path), alone=True) as office:
        review = await asked(office)
        shown = await office.http.post(await link(office, review.id, "ann"))
        await office.baton.reviews.claim(review.id, "bob")
        late = await office.http.post("/decide", data={"token": deciding(shown), "decision": "approve"})
        assert kind_of(late) == (409, "Conflict")
        forged = [
            ("/open/x.y", None),
            ("/decide", {"token": "x.y", "decision": "approve"}),
            ("/decide", {"token": deciding(shown)[:-2], "decision": "approve"}),
        ]
        for path, data in forged:
            assert kind_of(await office.http.post(path, data=data)) == (403, "LinkForged")
        for data in (
            {},
            {"token": "x"},
            {"token": "x", "decision": "edit"},
            {"token": "x", "decision": "approve", "by": "eve"},
        ):
            assert kind_of(await office.http.post("/decide", data=data)) == (422, "InvalidValue")


async def test_where_there_are_accounts_a_link_is_for_one_who_may_decide(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path, LEADS)) as office:
        await office.account("vic", Role.VIEWER, "lead")
        await office.account("ann", Role.REVIEWER)
        await office.account("lea", Role.REVIEWER, "lead")
        review = await asked(office)
        for person, why in (("bob", "no account"), ("vic", "takes the role reviewer"), ("ann", "it is for lead")):
            refused = await office.http.post(await link(office, review.id, person))
            assert kind_of(refused) == (403, "Forbidden")
            assert why in refused.json()["error"]["message"]
        shown = await office.http.post(await link(office, review.id, "lea"))
        said = {"token": deciding(shown), "decision": "reject", "note": "not now"}
        assert "lea rejected it" in (await office.http.post("/decide", data=said)).text
        page = await office.http.get(f"/reviews/{review.id}")
        assert kind_of(page) == (401, "SignInNeeded")
        seen = await office.http.get(f"/reviews/{review.id}", headers=await office.key("vic"))
        assert "lea rejected it: not now" in seen.text
