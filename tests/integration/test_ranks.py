"""Rank files: copied from a package that carries them, downloaded only where that is asked for, always checked."""

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import respx

from baton.core import InvalidValue
from baton.memory import ranks
from baton.memory.tokens import BYTES, counter

TOKENS = [bytes([byte]) for byte in range(256)] + [b"th", b"the", b" the"]
CONTENT = b"".join(base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(TOKENS))
URL = "https://ranks.example/o200k_base.tiktoken"
FILE = ranks.RankFile(URL, hashlib.sha256(CONTENT).hexdigest())


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Baton's own folder, empty, and a tiktoken whose one encoding is the small one."""
    monkeypatch.setenv("BATON_RANKS", str(tmp_path / "own"))
    monkeypatch.setattr(ranks, "file_of", lambda _encoding: FILE)  # pyright: ignore[reportUnknownLambdaType,reportUnknownArgumentType]
    return tmp_path / "own"


def carry(monkeypatch: pytest.MonkeyPatch, folder: Path, content: bytes) -> None:
    """A package that is installed and carries the file, with this content."""
    inside = folder / "carrier" / "data"
    inside.mkdir(parents=True)
    (folder / "carrier" / "__init__.py").write_text("raise ImportError('a carrier is not imported')")
    (inside / FILE.name).write_bytes(content)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(ranks, "_CARRIERS", {"carrier": "data", "no_such_package": "data"})


def test_they_are_copied_from_a_package_that_carries_them(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry(monkeypatch, tmp_path / "site", CONTENT)
    assert ranks.set_up(own, ["o200k_base"], network=False) == {"o200k_base": "copied"}
    assert (own / FILE.name).read_bytes() == CONTENT
    assert ranks.set_up(own, ["o200k_base"], network=False) == {"o200k_base": "there"}
    assert [one.name for one in own.iterdir()] == [FILE.name]


def test_what_a_package_carries_is_not_copied_when_it_is_not_what_it_should_be(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry(monkeypatch, tmp_path / "site", CONTENT + b"\n")
    assert ranks.set_up(own, ["o200k_base"], network=False) == {"o200k_base": "missing"}
    assert not own.exists()


@respx.mock
def test_they_are_downloaded_where_that_is_asked_for_and_checked(own: Path) -> None:
    route = respx.get(URL).mock(return_value=httpx.Response(200, content=CONTENT))
    assert ranks.set_up(own, ["o200k_base"], network=False) == {"o200k_base": "missing"}
    assert not route.called
    assert ranks.set_up(own, ["o200k_base"], network=True) == {"o200k_base": "downloaded"}
    assert (own / FILE.name).read_bytes() == CONTENT


@pytest.mark.parametrize("answer", [httpx.Response(200, content=b"AA== 0\n"), httpx.Response(404)])
@respx.mock
def test_a_download_that_is_not_what_it_should_be_is_refused(own: Path, answer: httpx.Response) -> None:
    respx.get(URL).mock(return_value=answer)
    with pytest.raises(InvalidValue, match=r"ranks\.example"):
        ranks.set_up(own, ["o200k_base"], network=True)
    assert not own.exists()


def test_a_file_that_was_spoilt_is_replaced(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    carry(monkeypatch, tmp_path / "site", CONTENT)
    own.mkdir()
    (own / FILE.name).write_bytes(CONTENT[:-5])
    assert ranks.set_up(own, ["o200k_base"], network=False) == {"o200k_base": "copied"}


def test_a_counter_takes_the_first_intact_file_wherever_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over tiktoken's real table of encodings, whose file is replaced by a small one with the sha256 it has."""
    real = ranks.file_of("o200k_base")
    small = ranks.RankFile(real.url, hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setattr(ranks.RankFile, "fits", lambda _file, data: small.sha256 == hashlib.sha256(data).hexdigest())  # pyright: ignore[reportUnknownLambdaType,reportUnknownArgumentType]
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, content in ((first, b"AA== 0\n"), (second, CONTENT)):
        folder.mkdir()
        (folder / real.name).write_bytes(content)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(first))
    monkeypatch.setenv("BATON_RANKS", str(tmp_path / "none"))
    assert counter("gpt-4o").name == BYTES
    monkeypatch.setenv("BATON_RANKS", str(second))
    counting = counter("gpt-4o")
    assert (counting.name, counting.exact, counting.count("the the")) == ("o200k_base", True, 2)


def test_the_installed_tiktoken_names_the_files_of_the_usual_encodings() -> None:
    names = [ranks.file_of(name).name for name in ranks.USUAL]
    assert names == ["fb374d419588a4632f3f557e76b4b70aebbca790", "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"]
    with pytest.raises(InvalidValue, match="gpt2"):
        ranks.file_of("gpt2")


def test_init_says_what_it_cannot_get_and_writes_nothing(tmp_path: Path) -> None:
    """Without a network: the address of the proxy is this machine's, where nobody listens."""
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "BATON_RANKS": str(tmp_path / "ranks")}
    for words, status in ((["init", "--ranks"], 2), (["init", "starter", "--json"], 0)):
        done = subprocess.run(
            [sys.executable, "-m", "baton.cli", *words],
            cwd=tmp_path,
            env={**os.environ, **nowhere},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, done.stderr
    assert json.loads(done.stdout)["files"]
    assert [one.name for one in tmp_path.iterdir()] == ["starter"]
