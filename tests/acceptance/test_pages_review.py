"""The queue in a browser: decided by keyboard, raced for, undone, edited, gone stale, and back after the server was."""

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from baton import Answer, Attachment, Baton, Goal
from baton.ledger import DecisionKind, Review
from baton.review import queue
from support import Says, open_office, reached
from support.browsing import Window, open_site
from support.paying import ASK, GRAVE, HOSTILE, ask, pays
from support.till import Till


async def looks_at(window: Window, review: Review) -> None:
    """Wait until a window shows a question."""
    await expect(window.page.locator("#review")).to_have_attribute("data-review", review.id)


async def kinds(baton: Baton, *wanted: Review) -> list[str | None]:
    """How questions were decided; None of one that is open."""
    found = [(await baton.reviews.get(one.id)).decision for one in wanted]
    return [None if one is None else one.kind.value for one in found]


async def test_a_queue_is_decided_by_keyboard_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "HOLD_SECONDS", 0.4)
    till = Till(tmp_path, ASK)
    async with open_office(tmp_path / "baton.db", [till.agent()], Says(pays)) as baton:
        first, second, third = await ask(baton, "pay 11", "pay 22", "pay 33")
        async with open_site(baton) as site, site.window() as me:
            await me.press("j")
            await looks_at(me, first)
            await me.press("a")
            await me.sees("Approved. It goes out in 0.4 s.")
            await looks_at(me, second)
            await me.press("r")
            await me.page.keyboard.type("not that one")
            await me.press("Tab", "Enter")
            await me.sees("Rejected.")
            await looks_at(me, third)
            await me.press("c")
            await me.sees(re.compile("you have it"), "#detail")
            await me.press("c")
            await expect(me.page.locator("#review")).to_have_attribute("data-mine", "")
            await me.press("?")
            await me.sees(re.compile("take the last decision back"), "#keys")
            await me.press("Escape", "b")
            await me.page.keyboard.type("whose is it?")
            await me.press("Tab", "Enter")
            await me.sees("whose is it?", "#talk-card")
            await reached(lambda: till.paid == [11])
        assert await kinds(baton, first, second, third) == ["approve", "reject", None]


async def test_two_race_for_one_and_the_second_is_told_who_was_first(tmp_path: Path) -> None:
    till = Till(tmp_path, ASK)
    async with open_office(tmp_path / "baton.db", [till.agent()], Says(pays)) as baton:
        (review,) = await ask(baton, "pay 11")
        async with (
            open_site(baton, "ann", "bob") as site,
            site.window("ann") as ann,
            site.window("bob", refused=True) as bob,
        ):
            await ann.open(f"/reviews/{review.id}")
            await bob.open(f"/reviews/{review.id}")
            await ann.press("c")
            await bob.sees(re.compile("ann has it"), "#detail")
            await bob.sees("ann has it", "#list")
            await bob.press("c")
            await bob.sees(re.compile("ann has it until"), "#toasts")
            await bob.press("r")
            await bob.page.keyboard.type("I would rather not")
            await ann.press("a")
            await bob.sees(re.compile("This question has changed meanwhile"), "#detail")
            await bob.press("Tab", "Enter")
            await bob.sees(re.compile("ann"), "#detail [data-panel=note] [role=alert]")
            assert await bob.page.locator("[data-panel=note] textarea").input_value() == "I would rather not"
            await bob.press("Escape")
            await reached(lambda: till.paid == [11])
            await bob.sees("ann approved it", "#detail")


async def test_a_decision_is_undone_while_it_is_held(tmp_path: Path) -> None:
    till = Till(tmp_path, ASK)
    async with open_office(tmp_path / "baton.db", [till.agent()], Says(pays)) as baton:
        (review,) = await ask(baton, "pay 11")
        async with open_site(baton) as site, site.window() as me:
            await me.open(f"/reviews/{review.id}")
            await me.press("a")
            await me.sees(re.compile("me approved it; it goes out"), "#detail")
            await me.press("u")
            await me.sees("Taken back; it is open again.")
            await expect(me.page.locator("#review")).to_have_attribute("data-undecided", "yes")
        again = await baton.reviews.get(review.id)
        assert (again.open, again.held, till.paid) == (True, None, [])


async def test_an_edit_is_checked_judged_and_carried_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "HOLD_SECONDS", 0.0)
    till = Till(tmp_path, ASK)
    async with open_office(tmp_path / "baton.db", [till.agent()], Says(pays)) as baton:
        (review,) = await ask(baton, "pay 11")
        async with open_site(baton) as site, site.window(refused=True) as me:
            await me.open(f"/reviews/{review.id}")
            await me.press("e")
            cents = me.page.locator("[data-panel=edit] [name=cents]")
            await cents.fill("eleven")
            await me.press("Enter")
            await me.sees(re.compile("cents: eleven is not a value"), "#detail")
            await cents.fill('"12"')
            await me.press("Enter")
            await me.sees(re.compile("is not allowed"), "#detail")
            await cents.fill("12")
            await me.press("Enter")
            await me.sees("Approved with changes.")
            await reached(lambda: till.paid == [12])


async def test_a_grave_one_is_not_approved_by_one_stroke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "HOLD_SECONDS", 0.0)
    till = Till(tmp_path, GRAVE)
    async with open_office(tmp_path / "baton.db", [till.agent()], Says(pays)) as baton:
        (review,) = await ask(baton, "pay 11")
        async with open_site(baton) as site, site.window() as me:
            await me.open(f"/reviews/{review.id}")
            await me.press("a")
            await me.sees("Approve this?", "#sure")
            await me.press("Enter")  # what has the focus is "not yet"
            await expect(me.page.locator("#sure")).to_be_hidden()
            assert await kinds(baton, review) == [None]
            await me.press("a")
            await me.page.get_by_role("button", name="Yes, I approve").click()
            await reached(lambda: till.paid == [11])


async def test_the_very_same_questions_are_decided_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "HOLD_SECONDS", 0.0)
    till = Till(tmp_path, ASK)
    async with open_office(tmp_path / "baton.db", [till.agent()], Says(pays)) as baton:
        first, _, other = await ask(baton, "pay 11 to Ann", "pay 11 to Bob", "pay 22")
        async with open_site(baton) as site, site.window() as me:
            await me.open(f"/reviews/{first.id}")
            await me.sees(re.compile("1 more ask for the very same"), "#detail")
            await me.press("x", "a")
            await me.sees("Approved 2 questions.")
            await reached(lambda: till.paid == [11, 11])
            await looks_at(me, other)


async def test_a_page_comes_back_after_the_server_was_gone_and_has_missed_nothing(tmp_path: Path) -> None:
    till = Till(tmp_path, ASK)
    async with open_office(tmp_path / "baton.db", [till.agent()], Says(pays)) as baton:
        (review,) = await ask(baton, "pay 11")
        async with open_site(baton) as site, site.window() as me:
            await me.open(f"/reviews/{review.id}")
            me.down = True
            await site.stop()
            await me.sees(re.compile("The connection is lost"))
            await me.press("c")
            await me.sees(re.compile("The server is not reached. Nothing was sent"))
            await baton.decide(review.id, Answer(kind=DecisionKind.APPROVE, by="somebody"))
            (more,) = await ask(baton, "pay 22")
            await site.start()
            await me.sees_no_more("The connection is lost", "#lost")
            await me.sees("somebody approved it", "#detail")
            await expect(me.page.locator(f"#item-{more.id}")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 768, 1440])
async def test_everybody_can_use_it_at_every_width(tmp_path: Path, width: int, dark: bool) -> None:
    till = Till(tmp_path, ASK)
    attached = [Attachment("mail", HOSTILE + " word" * 20_000)]
    async with open_office(tmp_path / "baton.db", [till.agent()], Says(pays)) as baton:
        await ask(baton, Goal(f"pay 11 {HOSTILE}", attachments=attached, requester=HOSTILE))
        (review, _) = await ask(baton, "pay 22")
        await baton.reviews.comment(review.id, HOSTILE, by="ann")
        async with open_site(baton) as site, site.window(width=width, dark=dark) as me:
            for path in ("/reviews", f"/reviews/{review.id}", "/reviews?view=decided"):
                await me.open(path)
                assert await me.stays_inside()
                assert await me.hindrances() == []
            await me.open(f"/reviews/{review.id}")
            await me.sees(re.compile("<script>alert"), "#detail")
            await me.press("e")
            assert await me.hindrances() == []
            assert await me.page.locator("img, script:not([src^='/static/'])").count() == 0
            for link in await me.page.locator("a").all():
                assert not (await link.get_attribute("href") or "").startswith("javascript")
