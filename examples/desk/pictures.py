"""Pictures of the pages, for docs/img: the desk at work on its inbox, looked at in Chromium.

With the report of `make eval` where there is one.

python examples/desk/pictures.py [--into docs/img]
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mail import read_inbox
from playwright.async_api import Browser, Page, async_playwright
from world import make_world

from baton import Baton, load_project
from baton.handles import person
from baton.places import NAME
from baton.server import Server, Service, link_for

HERE = Path(__file__).parent
REPORT = Path(".evaluation/report.html")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")


@dataclass(frozen=True)
class Shot:
    """A picture.

    Attributes:
        name: Of its file.
        path: Of the page.
        keys: What is pressed there.
        width: Of the window, in pixels.
        height: Of the window, in pixels.
        dark: Whether it is dark.
    """

    name: str
    path: str
    keys: Sequence[str] = ()
    width: int = 1360
    height: int = 850
    dark: bool = False


def main() -> int:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--into", type=Path, default=Path("docs/img"), help="the folder that they are put into")
    into: Path = parser.parse_args().into
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("pictures: there is no Chromium here: apt-get install chromium", file=sys.stderr)
        return 1
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="desk-") as folder:
        asyncio.run(_take(Path(folder), into, chromium))
    return 0


async def _take(folder: Path, into: Path, chromium: str) -> None:
    make_world(folder)
    os.environ["DESK_WORLD"] = str(folder)
    project = load_project(HERE / "agents.yaml")
    async with Baton(agents=project.agents, mind=project.mind, database=folder / NAME) as baton:
        goals = read_inbox(HERE / "inbox")
        runs = {name: await baton.submit(goal, agent="desk", key=name[:-4]) for name, goal in goals.items()}
        for run in runs.values():
            await run.settled()
        asked = next(run for name, run in runs.items() if "lucia" in name)
        refund = next(one for one in await baton.reviews.waiting() if one.tool == "refund")
        shots = (
            Shot("review", f"/reviews/{refund.id}"),
            Shot("review-dark", f"/reviews/{refund.id}", ("e",), dark=True),
            Shot("review-phone", f"/reviews/{refund.id}", width=390, height=844),
            Shot("chat", f"/chat/{asked.id}"),
            Shot("run", f"/runs/{asked.id}", height=1050),
            Shot("flow", "/flow", height=1050),
            Shot("agents", "/agents/billing", height=1050),
        )
        reported = await asyncio.to_thread(REPORT.exists)
        async with Server(Service(baton=baton, alone=True), host="127.0.0.1", port=0) as server:
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
                if reported:
                    await _shoot_report(browser, into)
                for shot in shots:
                    await _shoot(browser, server.url, await link_for(baton.ledger, person()), shot, into)
                await browser.close()


async def _shoot_report(browser: Browser, into: Path) -> None:
    for name, dark in (("evaluation", False), ("evaluation-dark", True)):
        context = await browser.new_context(
            viewport={"width": 1120, "height": 1360}, color_scheme="dark" if dark else "light"
        )
        page = await context.new_page()
        await page.goto(await asyncio.to_thread(lambda: REPORT.resolve().as_uri()))
        await page.screenshot(path=into / f"{name}.png")
        print(into / f"{name}.png")
        await context.close()


async def _shoot(browser: Browser, url: str, token: str, shot: Shot, into: Path) -> None:
    context = await browser.new_context(
        viewport={"width": shot.width, "height": shot.height}, color_scheme="dark" if shot.dark else "light"
    )
    page: Page = await context.new_page()
    await page.goto(f"{url}/sign-in?token={token}")
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_load_state()
    await page.goto(url + shot.path)
    for key in shot.keys:
        await page.keyboard.press(key)
    await page.wait_for_timeout(400)
    file = into / f"{shot.name}.png"
    await page.screenshot(path=file)
    print(file)
    await context.close()


if __name__ == "__main__":
    sys.exit(main())
