"""`baton review` at a terminal of 80 by 24, with keys alone."""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.commands import SECONDS, baton, environment

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A command that runs at a terminal of its own, and what it has written."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        command = [sys.executable, "-m", "baton.cli", *words]
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(TERM="xterm", COLUMNS="80", LINES="24"),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def wait_for(self, words: str) -> str:
        """Read until these words are on the screen; what came before them since the last time."""
        end = time.monotonic() + SECONDS
        while words not in self._plain():
            assert time.monotonic() < end, f"{words!r} did not come:\n{self._plain()[-2000:]}"
            if select.select([self.master], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.master, 65536).decode(errors="replace")
                except OSError:  # the other side is closed
                    assert words in self._plain(), self._plain()[-2000:]
        found, _, self.seen = self._plain().partition(words)
        return found

    def press(self, keys: str) -> None:
        time.sleep(0.3)  # what is typed before a question is shown is dropped, and decides nothing
        os.write(self.master, keys.encode())

    def _plain(self) -> str:
        return _ESCAPES.sub("", self.seen).replace("\N{NO-BREAK SPACE}", " ")


@contextlib.contextmanager
def terminal(folder: Path, *words: str) -> Iterator[Terminal]:
    one = Terminal(folder, *words)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.wait()
        os.close(one.master)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A starter project with three orders that wait for a person."""
    assert baton(tmp_path, "init").code == 0
    for quantity in (12, 13, 14):
        assert baton(tmp_path, "run", f"Order {quantity} of article T-100").code == 3
    return tmp_path


def test_questions_are_decided_one_after_the_other_by_keys(shop: Path) -> None:
    with terminal(shop, "review") as screen:
        first = screen.wait_for("? help")
        assert "order_article" in first and "12" in first and "a approve" in first
        assert max(map(len, first.splitlines())) <= 82
        screen.press("a")
        assert "13" in screen.wait_for("takes it back")
        screen.wait_for("? help")
        screen.press("u")
        assert "12" in screen.wait_for("is open again")
        screen.wait_for("? help")
        screen.press("r")
        screen.wait_for("why?")
        screen.press("we have enough\r")
        screen.wait_for("rejected")
        screen.wait_for("? help")
        screen.press("e")
        screen.wait_for("name=value")
        screen.press("quantity=3\r")
        screen.wait_for("→  3")
        screen.press("\r")
        screen.wait_for("approved with changes")
        screen.wait_for("? help")
        screen.press("z")
        screen.wait_for("? lists the keys")
        screen.press("s")
        screen.wait_for("for how long")
        screen.press("1h\r")
        screen.wait_for("Nothing waits for you any more")
        screen.wait_for("is carried out")
        assert screen.process.wait(SECONDS) == 0
    left = baton(shop, "review", "list", "--json").json["reviews"]
    assert [review["arguments"]["quantity"] for review in left] == [14]
    assert (left[0]["claimed_by"], left[0]["decision"]) == (None, None)
    stock = (shop / "stock.json").read_text("utf-8")
    assert "3" in stock and "12" not in stock


def test_leaving_gives_the_question_back(shop: Path) -> None:
    with terminal(shop, "review") as screen:
        screen.wait_for("? help")
        assert len([one for one in baton(shop, "review", "list", "--json").json["reviews"] if one["claimed_by"]]) == 1
        screen.press("q")
        assert screen.process.wait(SECONDS) == 0
    assert all(one["claimed_by"] is None for one in baton(shop, "review", "list", "--json").json["reviews"])
