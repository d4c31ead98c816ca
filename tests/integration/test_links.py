"""Links: signed, for a while, once; opening shows and never decides."""

import asyncio
import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton import Agent, Answer, Baton, tool
from baton.core import (
    BadLink,
    Conflict,
    LinkClosed,
    LinkExpired,
    LinkForged,
    LinkUsed,
    ManualClock,
    ReviewId,
)
from baton.ledger import DecisionKind, Ledger, Review
from baton.review.links import DECIDING_SECONDS, LINK_SECONDS, look_at, make_link, may_decide, open_link
from support import call, on_both, open_office, script, set_policy, soon, text_rows

ASK = '@id("ask") permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'
PAY = script([call("pay", cents=500)])


@pytest.fixture
def clerk(tmp_path: Path) -> Agent:
    @tool
    async def pay(cents: int) -> str:
        """Pay."""
        return f"paid {cents}"

    return Agent("clerk", tools=[pay], policy=set_policy(tmp_path / "till.cedar", ASK))


async def asked(baton: Baton) -> Review:
    run = await baton.submit("go")
    await soon(run.settled())
    (review,) = await baton.reviews.waiting([run.id])
    return review


@on_both
async def test_a_link_opens_once_and_what_is_shown_is_what_is_decided(database: str, clerk: Agent) -> None:
    async with open_office(database, [clerk], PAY) as baton:
        review = await asked(baton)
        token = await make_link(baton.ledger, review.id, "ann")
        for _ in range(3):  # a program that looks through mail, and the person's own GET
            link = await look_at(baton.ledger, token)
        assert (link.review, link.person) == (review.id, "ann")
        opened = await open_link(baton.ledger, token)
        assert (opened.review, opened.person) == (review, "ann")
        assert (await baton.reviews.get(review.id)).open
        for use in (look_at, open_link):
            with pytest.raises(LinkUsed, match=f"this link to {review.id} was used at"):
                await use(baton.ledger, token)
        deciding = await may_decide(baton.ledger, opened.token)
        assert (deciding.review, deciding.person, deciding.version) == (review.id, "ann", review.version)
        answer = Answer(
            kind=DecisionKind.APPROVE,
            by=deciding.person,
            version=deciding.version,
            channel="link",
            delivery="post_1",
        )
        decision = await baton.decide(deciding.review, answer)
        assert (decision.by, decision.channel) == ("ann", "link")
        with pytest.raises(LinkClosed, match=f"{review.id} needs no answer any more: ann decided it at .*: approve"):
            await may_decide(baton.ledger, opened.token)
        with pytest.raises(LinkClosed):
            await look_at(baton.ledger, await make_link(baton.ledger, review.id, "bob"))


@on_both
async def test_what_is_decided_must_be_what_was_shown(database: str, clerk: Agent) -> None:
    async with open_office(database, [clerk], PAY) as baton:
        review = await asked(baton)
        opened = await open_link(baton.ledger, await make_link(baton.ledger, review.id, "ann"))
        await baton.reviews.claim(review.id, "bob")
        deciding = await may_decide(baton.ledger, opened.token)
        answer = Answer(kind=DecisionKind.APPROVE, by=deciding.person, version=deciding.version)
        with pytest.raises(Conflict, match="it has changed since you looked"):
            await baton.decide(deciding.review, answer)


@on_both
async def test_of_two_clicks_at_once_one_opens(database: str, clerk: Agent) -> None:
    async with open_office(database, [clerk], PAY) as baton:
        review = await asked(baton)
        token = await make_link(baton.ledger, review.id, "ann")
        other = await Ledger.open(database)
        try:
            clicks = [open_link(ledger, token) for ledger in (baton.ledger, other) * 6]
            came = await asyncio.gather(*clicks, return_exceptions=True)
        finally:
            await other.close()
    assert sum(not isinstance(one, BaseException) for one in came) == 1
    assert sum(isinstance(one, LinkUsed) for one in came) == 11


async def test_a_link_and_what_it_opened_expire(tmp_path: Path, clerk: Agent) -> None:
    clock = ManualClock()
    async with open_office(tmp_path, [clerk], PAY, clock=clock) as baton:
        review = await asked(baton)
        first, second = [await make_link(baton.ledger, review.id, "ann") for _ in range(2)]
        opened = await open_link(baton.ledger, first)
        clock.advance(DECIDING_SECONDS)
        with pytest.raises(LinkExpired):
            await may_decide(baton.ledger, opened.token)
        clock.advance(LINK_SECONDS - DECIDING_SECONDS - 1)
        await look_at(baton.ledger, second)
        third = await make_link(baton.ledger, review.id, "ann")
        clock.advance(1)
        for use in (look_at, open_link):
            with pytest.raises(LinkExpired, match=f"this link to {review.id} has expired at"):
                await use(baton.ledger, second)
        clock.advance(1)
        await open_link(baton.ledger, third)
        kept = await text_rows(baton.ledger, "SELECT count(*) FROM used_links")
        assert kept == [(1,)]  # of what has expired nobody needs to know


async def test_what_was_not_made_here_opens_nothing(tmp_path: Path, clerk: Agent) -> None:
    async with open_office(tmp_path / "a", [clerk], PAY) as baton:
        with pytest.raises(LinkForged):
            await look_at(baton.ledger, "WyJvcGVuIl0.AAAA")  # before there is a key
        review = await asked(baton)
        token = await make_link(baton.ledger, review.id, "ann")
        opened = await open_link(baton.ledger, await make_link(baton.ledger, review.id, "ann"))
        payload, signature = token.split(".")
        said = json.loads(base64.urlsafe_b64decode(payload + "=="))
        said[2] = "eve"
        forged = base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()
        for bad in (
            "",
            ".",
            token[:-1],
            f"{token}A",
            f"{token}=",
            f" {token}",
            f"{forged}.{signature}",
            payload,
            "ü.ü",
        ):
            with pytest.raises(LinkForged, match="not made here"):
                await open_link(baton.ledger, bad)
        with pytest.raises(LinkForged):
            await may_decide(baton.ledger, token)  # each token is for one thing
        with pytest.raises(LinkForged):
            await open_link(baton.ledger, opened.token)
        await open_link(baton.ledger, token)
    async with open_office(tmp_path / "b", [clerk], PAY) as elsewhere:
        await make_link(elsewhere.ledger, ReviewId("rev_1"), "ann")
        with pytest.raises(LinkForged):
            await look_at(elsewhere.ledger, token)


async def test_no_changed_link_opens_anything(tmp_path: Path, clerk: Agent) -> None:
    async with open_office(tmp_path, [clerk], PAY) as baton:
        review = await asked(baton)
        token = await make_link(baton.ledger, review.id, "ann")
        tried: list[str] = []

        @settings(deadline=None, max_examples=200)
        @given(st.integers(0, len(token) - 1), st.characters(codec="ascii"))
        def change(at: int, char: str) -> None:
            tried.append(token[:at] + char + token[at + 1 :])

        change()
        for changed in dict.fromkeys(tried):
            if changed != token:
                with pytest.raises(BadLink):
                    await look_at(baton.ledger, changed)
        await open_link(baton.ledger, token)
