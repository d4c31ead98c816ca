"""The file tools: nothing outside their folder is read, written or deleted, whatever path and whoever meddles."""

import contextlib
import ctypes
import json
import os
import socket
import stat
import sys
import threading
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baton import Agent, file_tools
from baton.agents.shipped.folder import Folder
from baton.core import InvalidValue
from support import call, open_office, script, soon, tool_lines

CANARY = "what nobody may read"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the root, with a file that nobody may touch."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.txt").write_text(CANARY)
    (folder / "only-outside.txt").write_text(CANARY)
    return folder


@pytest.fixture
def root(tmp_path: Path, outside: Path) -> Path:
    """The root, with links that lead out of it in every way."""
    folder = tmp_path / "root"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "sub" / "b.txt").write_text("größe")
    (folder / ".env").write_text(CANARY)
    (folder / "link").symlink_to(outside)
    (folder / "link.txt").symlink_to(outside / "secret.txt")
    (folder / "sub" / "up").symlink_to("../..")
    (folder / "dangling").symlink_to(outside / "new.txt")
    (folder / "loop").symlink_to("loop")
    os.link(outside / "secret.txt", folder / "hard.txt")
    os.mkfifo(folder / "pipe")
    return folder


class Tools:
    """The tools by name, as plain functions."""

    def __init__(self, root: Path, **settings: Any) -> None:
        made = {tool.spec.name: tool for tool in file_tools(root, **{"deletes": True} | settings)}
        self.list, self.read = made["list_files"], made["read_file"]
        self._write, self._delete = made["write_file"], made["delete_file"]

    def write(self, path: str, text: str) -> Any:
        return self._write(path, text, key="k")

    def delete(self, path: str) -> Any:
        return self._delete(path, key="k")


def everything(folder: Path) -> dict[str, Any]:
    """What a folder holds, links as links."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        kind = stat.S_IFMT(about.st_mode)
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = (kind, content)
    return found


BAD = [
    *("", "/", "/etc/passwd", "..", "../outside/secret.txt", "sub/../../outside/secret.txt", "./a.txt", "a.txt/"),
    *("sub//b.txt", "a.txt\0", "a\0/../b", "..\\outside\\secret.txt", "C:\\secret.txt", "C:secret.txt", "a.txt:stream"),
    *("\\\\server\\share", "file:///etc/passwd", ".env", "sub/.hidden", "~root/x\n", "a\u202etxt.exe", "a\u200b.txt"),
    *("\uff0e\uff0e/outside", "a\ud800", "x" * 256, "ü" * 128, "/".join("a" * 40), " ", "%2e%2e/outside/secret.txt"),
    *("link/secret.txt", "link.txt", "link", "sub/up/outside/secret.txt", "dangling", "loop", "pipe", "sub/up/root/a"),
]
HARMLESS = (" ", "\uff0e\uff0e/outside", "%2e%2e/outside/secret.txt")
"""Names like any other to a file system, whatever they look like."""


@pytest.mark.parametrize("path", BAD)
def test_a_path_that_leads_elsewhere_is_refused(root: Path, outside: Path, path: str) -> None:
    tools, before = Tools(root), everything(outside)
    with contextlib.suppress(ValueError):
        assert CANARY not in tools.read(path)
    with contextlib.suppress(ValueError):
        assert not tools.delete(path)["was_there"]
    with contextlib.suppress(ValueError):
        assert tools.write(path, "mine")["new"]
        assert CANARY not in tools.read(path)  # it was a harmless name after all
        assert (root / path).is_file()
    with contextlib.suppress(ValueError):
        assert path == "" or tools.list(path) == []
    assert everything(outside) == before
    assert not any(entry.name == "new.txt" for entry in outside.iterdir())


@pytest.mark.parametrize("path", [path for path in BAD if path not in HARMLESS])
def test_and_told_so(root: Path, path: str) -> None:
    tools = Tools(root)
    with pytest.raises(ValueError):
        tools.read(path)
    with pytest.raises(ValueError):
        tools.write(path, "mine")


def test_what_is_there_is_listed_read_written_and_deleted(root: Path) -> None:
    tools = Tools(root)
    assert tools.list() == [
        {"name": "a.txt", "bytes": 1},
        {"name": "hard.txt", "bytes": len(CANARY)},
        {"name": "sub", "bytes": None},
    ]
    assert tools.list("sub") == [{"name": "b.txt", "bytes": 7}]
    assert tools.read("sub/b.txt") == "größe"
    assert tools.write("new/deep/c.txt", "c€") == {"path": "new/deep/c.txt", "bytes": 4, "new": True}
    assert tools.write("new/deep/c.txt", "d") == {"path": "new/deep/c.txt", "bytes": 1, "new": False}
    assert (root / "new/deep/c.txt").read_text() == "d"
    assert tools.delete("new/deep/c.txt") == {"path": "new/deep/c.txt", "was_there": True}
    assert tools.delete("new/deep/c.txt") == {"path": "new/deep/c.txt", "was_there": False}
    assert list((root / "new/deep").iterdir()) == []


def test_a_file_with_another_name_is_not_changed(root: Path, outside: Path) -> None:
    tools = Tools(root)
    with pytest.raises(ValueError, match="hard links"):
        tools.write("hard.txt", "mine")
    with pytest.raises(ValueError, match="hard links"):
        tools.delete("hard.txt")
    assert (outside / "secret.txt").read_text() == CANARY


def test_what_looks_the_same_is_the_same_file(root: Path) -> None:
    tools = Tools(root)
    tools.write(unicodedata.normalize("NFD", "größe.txt"), "one")
    assert tools.read(unicodedata.normalize("NFC", "größe.txt")) == "one"
    assert [entry.name for entry in root.iterdir() if entry.name.endswith("e.txt")] == [
        unicodedata.normalize("NFC", "größe.txt")
    ]
    (root / unicodedata.normalize("NFD", "wörter.txt")).write_text("not to be named")
    assert "rter" not in json.dumps(tools.list())


def test_only_plain_text_files_of_a_size_are_read_and_written(root: Path) -> None:
    tools = Tools(root, most_bytes=10)
    (root / "long.txt").write_text("x" * 11)
    (root / "image.png").write_bytes(b"\x89PNG\0")
    (root / "odd.txt").write_bytes(b"\xef\xbb\xbfa\xffb")
    with socket.socket(socket.AF_UNIX) as plug:
        plug.bind(str(root / "plug"))
        for path, told in [("long.txt", "longer"), ("image.png", "no text"), ("plug", "no plain"), ("sub", "no plain")]:
            with pytest.raises(ValueError, match=told):
                tools.read(path)
        for path in ("plug", "sub", "pipe"):
            with pytest.raises(ValueError, match="no plain"):
                tools.write(path, "mine")
    with pytest.raises(ValueError, match="11 bytes"):
        tools.write("w.txt", "x" * 11)
    assert tools.read("odd.txt") == "a\N{REPLACEMENT CHARACTER}b"
    with pytest.raises(ValueError, match="not there"):
        tools.read("nowhere.txt")
    with pytest.raises(InvalidValue):
        file_tools(root, most_bytes=0)


def test_a_folder_of_too_many_is_not_listed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baton.agents.shipped.folder.MOST_ENTRIES", 5)
    with pytest.raises(ValueError, match="too many to list"):
        Tools(root).list()


def test_a_write_is_whole_or_not_there(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = Tools(root)
    (root / "a.txt").chmod(0o640)
    moved: list[bytes] = []

    def rename(src: str, dst: str, **folders: int) -> None:
        moved.append((root / src).read_bytes())
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", rename)
        with pytest.raises(ValueError, match="No space left"):
            tools.write("a.txt", "new")
    assert moved == [b"new"]
    assert (root / "a.txt").read_text() == "a"
    assert [path.name for path in root.iterdir() if path.name.endswith(".part")] == []
    tools.write("a.txt", "new")
    assert stat.S_IMODE((root / "a.txt").stat().st_mode) == 0o640


def test_a_disk_that_does_not_confirm_leaves_a_doubt(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = os.fsync

    def fsync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(5, "Input/output error")
        kept(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(ConnectionError, match="does not confirm"):
        Tools(root).write("a.txt", "new")


def test_fewer_tools_are_made_where_fewer_are_wanted(root: Path) -> None:
    names = [[tool.spec.name for tool in file_tools(root, **wanted)] for wanted in ({}, {"writes": False})]
    assert names == [["list_files", "read_file", "write_file"], ["list_files", "read_file"]]
    assert file_tools(root / "nowhere")[0].spec.effect.value == "read"
    with pytest.raises(ValueError, match="not there"):
        file_tools(root / "nowhere")[0]()


PIECES = st.sampled_from(
    [
        *("..", ".", "", "sub", "link", "link.txt", "up", "a.txt", "secret.txt", "outside", "root", "dangling", "loop"),
        *(
            "\0",
            "\\",
            "C:",
            "~",
            "é",
            "e\u0301",
            "\uff0e\uff0e",
            "\u2025",
            ".. ",
            " ..",
            "hard.txt",
            "pipe",
            "new",
            "x" * 300,
        ),
    ]
)
PATHS = st.lists(PIECES | st.text(max_size=4), max_size=5).map("/".join) | st.text(max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(PATHS)
def test_nothing_outside_is_ever_read_or_written(root: Path, outside: Path, path: str) -> None:
    tools = Tools(root)
    before = everything(outside), sorted(entry.name for entry in root.parent.iterdir())
    for act in (tools.read, tools.list, lambda path: tools.write(path, "mine"), tools.delete):
        with contextlib.suppress(ValueError):
            said = json.dumps(act(path))
            assert CANARY not in said or unicodedata.normalize("NFC", path) == "hard.txt"
            assert "only-outside" not in said
    assert (everything(outside), sorted(entry.name for entry in root.parent.iterdir())) == before


EXCHANGE = 2
"""RENAME_EXCHANGE of Linux's renameat2: two names change places at once, so that there is no moment without either."""


@contextlib.contextmanager
def swapping(root: Path, outside: Path) -> Iterator[None]:
    """Somebody who makes `sub` a folder and a link to the outside by turns, as fast as it goes."""
    stop = threading.Event()
    renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    (root / ".link").symlink_to(outside)

    def swap() -> None:
        while not stop.is_set():
            assert renameat2(-100, bytes(root / ".link"), -100, bytes(root / "sub"), EXCHANGE) == 0

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux swaps two names at once")
def test_a_folder_that_is_swapped_for_a_link_is_no_way_out(root: Path, outside: Path) -> None:
    (outside / "b.txt").write_text(CANARY)
    tools, before, seen = Tools(root), everything(outside), set[str]()
    until = time.monotonic() + 2
    with swapping(root, outside):
        while time.monotonic() < until:
            for act in (
                lambda: tools.read("sub/b.txt"),
                lambda: str(tools.write("sub/w.txt", "mine")),
                lambda: str(tools.delete("sub/secret.txt")),
                lambda: str(tools.list("sub")),
            ):
                with contextlib.suppress(ValueError):
                    seen.add(act())
    assert any("größe" in said for said in seen)  # it was walked while it was a folder
    assert not any(CANARY in said or "only-outside" in said for said in seen)
    assert everything(outside) == before


def test_a_system_without_openat_gets_no_file_tools(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "supports_dir_fd", set[Any]())
    with pytest.raises(InvalidValue, match="openat"):
        Folder(root)


async def test_in_a_run_a_file_is_external_text_and_a_write_is_done_once(tmp_path: Path, root: Path) -> None:
    clerk = Agent("clerk", tools=file_tools(root), policy="allow-all")
    rounds = [[call("read_file", path="a.txt"), call("read_file", path="../outside/secret.txt")]]
    rounds += [[call("write_file", path="out.txt", text="written")], [call("list_files")]]
    async with open_office(tmp_path / "baton.db", [clerk], script(*rounds)) as baton:
        run = await baton.submit("go")
        assert (await soon(run.result())).status == "done"
        lines = [line for line in await run.transcript() if line.role == "tool"]
        told = await tool_lines(run)
    assert (lines[0].text, lines[0].trust.name) == ("a", "EXTERNAL")
    assert told[1].startswith("error: '../outside/secret.txt' is not allowed: no name may begin with a dot")
    assert json.loads(told[2]) == {"path": "out.txt", "bytes": 7, "new": True}
    assert (root / "out.txt").read_text() == "written"
