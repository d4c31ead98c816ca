"""The newcomer's way: the demo ends with a link; one refund is approved in the browser, and its run is seen to end."""

import asyncio
import contextlib
import re
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

from playwright.async_api import async_playwright, expect

from support import PATIENCE
from support.browsing import FLAGS, find_chromium

ROOT = Path(__file__).parents[2]


@contextlib.asynccontextmanager
async def demo_served(folder: Path) -> AsyncGenerator[str]:
    """The link that the demo ends with, as long as it serves."""
    command = [sys.executable, "examples/desk/demo.py", "--serve", "--folder", str(folder)]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(6 * PATIENCE):
            async for line in process.stdout:
                if found := re.search(r"http://\S+/sign-in\?token=\S+", line.decode()):
                    yield found[0]
                    break
            process.terminate()
            assert await process.wait() == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()


async def test_a_newcomer_approves_a_refund_and_sees_its_run_end(tmp_path: Path) -> None:
    chromium = find_chromium()
    async with demo_served(tmp_path / "demo") as link, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = await browser.new_page()
        await page.goto(link)
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_text(re.compile("refund.*F-11729")).click()
        await expect(page.locator("#detail")).to_contain_text("left with us")  # what would change
        run = await page.locator("#goal").locator("xpath=..").get_by_role("link").first.get_attribute("href")
        await page.keyboard.press("a")
        await expect(page.locator("#toasts")).to_contain_text("Approved. It goes out in 5 s.")
        await page.goto(link.partition("/sign-in")[0] + (run or ""))
        await expect(page.locator("#run .status-done").first).to_be_visible(timeout=30_000)
        await expect(page.locator("#run")).to_contain_text("F-11729: refunded EUR 119.00")
        await browser.close()
