"""Chat and runs in a browser: an answer as it comes, a question decided where it is asked, an attachment, a fork."""

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from baton import Goal
from baton.agents.simulated import Answer, Conversation, Fault, Faults, SimulatedCall
from baton.review import queue
from support import Says, open_office, soon
from support.browsing import open_site
from support.paying import ASK, HOSTILE, ask, pays
from support.till import Till


def talks(conversation: Conversation) -> Answer:
    """Says what was said, and pays where that is wanted."""
    said = [text for text in conversation.user_texts() if not text.startswith("[")][-1]
    if "pay" not in said:
        return Answer(text=f"You said: {said}")
    if any(conversation.results()):
        return Answer(text="**Paid.** See [the receipt](https://example.com/receipt).")
    return Answer(calls=(SimulatedCall(name="pay", arguments={"cents": 7}),))


async def test_a_conversation_with_a_question_decided_where_it_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "HOLD_SECONDS", 0.0)
    till = Till(tmp_path, ASK)
    async with open_office(tmp_path / "baton.db", [till.agent()], Says(talks)) as baton:
        async with open_site(baton) as site, site.window() as me:
            await me.open("/chat")
            await me.page.keyboard.type("hello")
            await me.press("Enter")
            await me.sees("You said: hello", "#talk")
            await me.page.set_input_files(
                "#file", {"name": "mail.txt", "mimeType": "text/plain", "buffer": b"a stranger's"}
            )
            await me.sees("mail.txt", "[data-files]")
            await me.page.fill(".compose textarea", "please pay")
            await me.press("Enter")
            await me.sees("clerk wants to call pay", "#talk")
            await me.sees("mail.txt", "#talk")
            assert till.paid == []
            await me.page.get_by_role("button", name="Edit").click()
            await me.page.fill("[data-review] [name=cents]", "9")
            await me.press("Enter")
            await me.sees(re.compile("me approved it with changes"), "#talk")
            await me.sees("Paid.", "#talk")
            await expect(me.page.locator("#talk strong")).to_have_text("Paid.")
            assert till.paid == [9]
            await expect(me.page.locator("#working")).to_have_count(0)
            assert await me.hindrances() == []
            await me.open("/chat")
            await me.page.get_by_role("link", name=re.compile("^hello")).click()
            await me.sees("Paid.", "#talk")  # an old conversation goes on
            await me.page.fill(".compose textarea", "and now?")
            await me.press("Enter")
            await me.sees("You said: and now?", "#talk")


async def test_words_are_seen_before_the_answer_is_whole(tmp_path: Path) -> None:
    till = Till(tmp_path, ASK)
    long = " ".join(f"word{number}" for number in range(400))
    slow = Faults(rate=1.0, kinds=[Fault.SLOW], pause=0.02)
    mind = Says(lambda _: Answer(text=long))
    async with open_office(tmp_path / "baton.db", [till.agent()], mind, faults=slow, stream=True) as baton:
        async with open_site(baton) as site, site.window() as me:
            await me.open("/chat")
            await me.page.keyboard.type("talk")
            await me.press("Enter")
            await expect(me.page.locator(".coming .said")).to_contain_text("word10 ", timeout=10_000)
            assert "word399" not in await me.page.locator("body").inner_text()
            await expect(me.page.locator("#talk .by-agent .said")).to_contain_text("word399", timeout=20_000)
            await expect(me.page.locator(".coming")).to_have_count(0)


async def test_a_run_is_seen_spoken_to_forked_and_ended(tmp_path: Path) -> None:
    till = Till(tmp_path, ASK)
    async with open_office(tmp_path / "baton.db", [till.agent()], Says(pays)) as baton:
        (review,) = await ask(baton, "pay 11")
        async with open_site(baton) as site, site.window() as me:
            await me.open("/runs")
            await me.page.get_by_role("link", name=re.compile("pay 11")).click()
            await me.sees("Waits for people")
            await me.page.get_by_text("Actions: verdicts, rules and effects").click()
            await me.sees("a person decides", "#actions")
            assert await me.hindrances() == []
            await me.page.fill("[name=text]", "hurry up")
            await me.press("Enter")
            await me.sees(re.compile("me: hurry up"), "#run")
            await me.page.get_by_role("button", name="Fork from turn 1").first.click()
            await me.page.fill("#fork [name=say]", "do not pay")
            await me.page.get_by_role("button", name="Fork", exact=True).click()
            await me.page.wait_for_url(lambda url: review.run not in url)
            await me.sees(re.compile("forked from"))
            await me.open(f"/runs/{review.run}")
            await me.page.get_by_role("button", name="End the run").first.click()
            await me.page.locator("#sure [data-sure]").click()
            await expect(me.page.locator("#run .status-cancelled").first).to_be_visible(timeout=10_000)


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1440, True)])
async def test_hostile_texts_are_shown_as_texts_everywhere(tmp_path: Path, width: int, dark: bool) -> None:
    till = Till(tmp_path, ASK)

    def echoes(conversation: Conversation) -> Answer:
        return Answer(text=HOSTILE + conversation.user_texts()[0][:200])

    async with open_office(tmp_path / "baton.db", [till.agent()], Says(echoes)) as baton:
        run = await baton.converse(by="me")
        await soon(run.say(HOSTILE * 300))
        other = await baton.submit(Goal(HOSTILE, criteria=[HOSTILE], requester="me"))
        await soon(other.settled())
        async with open_site(baton) as site, site.window(width=width, dark=dark) as me:
            for path in ("/chat", f"/chat/{run.id}", "/runs", f"/runs/{run.id}", f"/runs/{other.id}"):
                await me.open(path)
                assert await me.stays_inside(), path
                assert await me.hindrances() == [], path
                assert await me.page.locator("main img, main script, main iframe, main form[action]").count() == 0
                for link in await me.page.locator("main a").all():
                    assert not (await link.get_attribute("href") or "").startswith("javascript")
