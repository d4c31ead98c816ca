"""Flow and agents in a browser: usable at every width, whatever strangers wrote; a proposal is made and accepted."""

import re
from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import expect

from baton import Goal
from baton.ledger import audits
from support import Says, open_office, reached, soon
from support.browsing import open_site
from support.paying import ASK, HOSTILE, ask, pays
from support.till import Till


@pytest.mark.parametrize(("width", "dark"), [(390, True), (1440, False)])
async def test_flow_and_agents_are_usable_at_every_width(tmp_path: Path, width: int, dark: bool) -> None:
    till = Till(tmp_path, ASK)
    async with open_office(tmp_path / "baton.db", [till.agent(instructions=HOSTILE)], Says(pays)) as baton:
        await ask(baton, Goal(f"pay 11 {HOSTILE}", requester="req"))
        async with open_site(baton) as site, site.window(width=width, dark=dark) as me:
            for path, shows in (("/flow", "Questions open"), ("/agents", "clerk"), ("/agents/clerk", "What it may do")):
                await me.open(path)
                await me.sees(re.compile(shows), "main")
                assert await me.stays_inside(), path
                assert await me.hindrances() == [], path
                assert await me.page.locator("main img, main script, main iframe").count() == 0


async def test_always_allow_becomes_a_proposal_that_an_owner_accepts(tmp_path: Path) -> None:
    till = Till(tmp_path, ASK)
    async with open_office(tmp_path / "baton.db", [till.agent()], Says(pays)) as baton:
        (review,) = await ask(baton, "pay 11")
        await baton.approve(review.id, by="ann")
        await reached(lambda: till.paid == [11])
        async with open_site(baton) as site, site.window() as me:
            await me.open(f"/reviews/{review.id}")
            await me.page.get_by_role("button", name=re.compile("always allow")).click()
            await me.sees(re.compile("Proposed:"), "#toasts")
            await me.open("/agents/clerk")
            await me.page.get_by_role("button", name="Accept").click()
            await expect(me.page.get_by_role("button", name="Accept")).to_have_count(0, timeout=10_000)
        assert "as-approved" in till.policy.read_text()
        again = await baton.submit("pay 11")
        await soon(again.settled())
        assert till.paid == [11, 11]  # alone


async def test_what_ran_alone_is_looked_back_at(tmp_path: Path) -> None:
    till = Till(tmp_path, ASK)
    async with open_office(tmp_path / "baton.db", [till.agent()], Says(pays)) as baton:
        (review,) = await ask(baton, "pay 11")
        assert review.action is not None
        question = {"arguments": {"note": HOSTILE}, "confidence": 0.9, "reason": HOSTILE, "result": HOSTILE}
        ran = partial(
            audits.open_, action=review.action, look=1, run=review.run, agent="clerk", tool="pay", kind="clerk/pay"
        )
        await baton.ledger.write(lambda tx: ran(tx, question=question))
        async with open_site(baton) as site, site.window(width=390) as me:
            await me.open("/audits")
            await me.sees(re.compile("0.90, as the agent itself says"))
            assert await me.stays_inside()
            assert await me.hindrances() == []
            await me.page.fill("[name=note]", "eleven was too much")
            await me.press("Enter")
            await me.sees("Nothing to look back at")
        looked = await baton.ledger.read(partial(audits.of_action, action=review.action, look=1))
        assert looked is not None
        assert (looked.wrong, looked.by, looked.note) == (True, "me", "eleven was too much")
