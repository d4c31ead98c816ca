"""The pages in a real browser, over a real socket; whatever a page should never do is noticed."""

import contextlib
import os
import re
import shutil
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, ConsoleMessage, Page, Request, async_playwright

from baton import Baton
from baton.core import Role
from baton.ledger import accounts
from baton.server import Server, Service, link_for
from support.serving import HASHED, PASSWORD

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MOST = 10_000.0
"""Milliseconds in which what is waited for has to be there."""

_GONE = re.compile(r"net::ERR_(CONNECTION_REFUSED|INCOMPLETE_CHUNKED_ENCODING|CONNECTION_RESET|EMPTY_RESPONSE)")
"""What a browser logs when a server is gone."""

_REFUSED = re.compile(r"the server responded with a status of 4\d\d")


def find_chromium() -> str:
    """Debian's browser. Where there is none a test is skipped, and fails where tests have to be run."""
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if found is None:
        why = "no Chromium is installed: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    return found


@dataclass
class Window:
    """Somebody's window.

    Attributes:
        page: What Playwright drives.
        wrong: What no page should do: ask another host, log an error, break its own content policy.
        down: Whether the server is meant to be gone, which browsers log.
        refused: Whether the server is meant to refuse something, which browsers log.
    """

    page: Page
    url: str
    wrong: list[str] = field(default_factory=list[str])
    down: bool = False
    refused: bool = False

    async def open(self, path: str) -> None:
        """Go to a page of the server."""
        await self.page.goto(self.url + path)

    async def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        for key in keys:
            await self.page.keyboard.press(key)

    async def sees(self, text: str | re.Pattern[str], within: str = "body") -> None:
        """Wait until a text is there to be seen."""
        await self.page.locator(within).get_by_text(text).locator("visible=true").first.wait_for(timeout=MOST)

    async def sees_no_more(self, text: str, within: str = "body") -> None:
        """Wait until a text is gone."""
        await self.page.locator(within).get_by_text(text).first.wait_for(state="hidden", timeout=MOST)

    async def stays_inside(self) -> bool:
        """Whether nothing is wider than the window."""
        return bool(await self.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))

    async def hindrances(self) -> list[str]:
        """What keeps people from using the page, by axe-core: what is serious or critical."""
        found: dict[str, Any] = (await Axe().run(self.page)).response
        grave = [one for one in found["violations"] if one["impact"] in ("serious", "critical")]
        return [f"{one['id']}: {[node['html'][:120] for node in one['nodes'][:3]]}" for one in grave]


@dataclass
class Site:
    """A server with browsers before it."""

    baton: Baton
    browser: Browser
    port: int = 0
    alone: bool = True
    _stack: contextlib.AsyncExitStack = field(default_factory=contextlib.AsyncExitStack)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Serve; again at the same port."""
        server = Server(Service(baton=self.baton, alone=self.alone), host="127.0.0.1", port=self.port)
        await self._stack.enter_async_context(server)
        self.port = int(server.url.rpartition(":")[2])

    async def stop(self) -> None:
        """Be gone."""
        await self._stack.aclose()

    async def account(self, name: str, role: Role = Role.REVIEWER, *acts_as: str) -> None:
        """Give somebody an account."""
        self.alone = False
        await self.baton.ledger.write(lambda tx: accounts.add(tx, name, role, HASHED, acts_as=acts_as, by="test"))

    @contextlib.asynccontextmanager
    async def window(
        self,
        name: str | None = None,
        *,
        width: int = 1280,
        height: int = 860,
        dark: bool = False,
        refused: bool = False,
    ) -> AsyncGenerator[Window]:
        """Somebody's window, signed in; in the end nothing may be wrong.

        Args:
            name: Of an account; None is whoever works alone.
            width: In pixels.
            height: In pixels.
            dark: Whether they like it dark.
            refused: Whether the server is meant to refuse them something.
        """
        scheme: Literal["dark", "light"] = "dark" if dark else "light"
        context = await self.browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        context.set_default_timeout(MOST)
        window = Window(await context.new_page(), self.url, refused=refused)
        self._watch(window)
        try:
            await self._sign_in(window, name)
            yield window
            assert not window.wrong, window.wrong
        finally:
            await context.close()

    async def _sign_in(self, window: Window, name: str | None) -> None:
        if name is None:
            await window.open(f"/sign-in?token={await link_for(self.baton.ledger, 'me')}")
        else:
            await window.open("/sign-in")
            await window.page.fill("[name=name]", name)
            await window.page.fill("[name=password]", PASSWORD)
        await window.page.get_by_role("button", name="Sign in").click()
        await window.page.wait_for_url(re.compile(r"/(reviews|runs)$"))

    def _watch(self, window: Window) -> None:
        def asked(request: Request) -> None:
            if not request.url.startswith((f"{self.url}/", "data:")):
                window.wrong.append(f"asked for {request.url}")

        def logged(message: ConsoleMessage) -> None:
            expected = (window.down and _GONE.search(message.text)) or (
                window.refused and _REFUSED.search(message.text)
            )
            if message.type in ("error", "warning") and not expected:
                window.wrong.append(f"logged {message.text}")

        window.page.on("request", asked)
        window.page.on("console", logged)
        window.page.on("pageerror", lambda error: window.wrong.append(f"failed: {error}"))
        window.page.on("dialog", lambda dialog: window.wrong.append(f"opened {dialog.message}"))


@contextlib.asynccontextmanager
async def open_site(baton: Baton, *accounts: str) -> AsyncGenerator[Site]:
    """A server over an office, with a browser; reviewers of these names, who act as leads, have accounts."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        site = Site(baton, browser)
        for name in accounts:
            await site.account(name, Role.OWNER, "lead")
        await site.start()
        try:
            yield site
        finally:
            await site.stop()
            await browser.close()
