"""The rank files that tiktoken's encodings are made of: where they may be, and how they get there.

They are read with their sha256 checked, and nothing is ever deleted or changed in place. Only `fetch` asks the network.
"""

import base64
import hashlib
import importlib.util
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from baton.core import InvalidValue

USUAL = ("o200k_base", "cl100k_base")
"""The encodings of today's models, which `baton init --ranks` sets up."""

SECONDS = 60.0
"""How long one download may take to go on."""

_CARRIERS = {"litellm": "litellm_core_utils/tokenizers", "llama_index": "core/_static/tiktoken_cache"}
"""Packages that bring rank files, with the folder in them."""

Load = Callable[[str, str | None], dict[bytes, int]]
"""Gives the ranks at a URL whose content has that sha256."""


class NotAtHand(Exception):
    """The ranks of an encoding are nowhere, or not what they should be."""


@dataclass(frozen=True)
class RankFile:
    """One file of ranks.

    Attributes:
        url: Where tiktoken itself has it from.
        sha256: Of its content, in hex.
    """

    url: str
    sha256: str

    @property
    def name(self) -> str:
        """What tiktoken's own cache calls it."""
        return hashlib.sha1(self.url.encode(), usedforsecurity=False).hexdigest()

    def read(self, folders: Iterable[Path]) -> bytes | None:
        """Its content from the first of these folders that has it intact; None if none does."""
        for folder in folders:
            try:
                data = (folder / self.name).read_bytes()
            except OSError:
                continue
            if self.fits(data):
                return data
        return None

    def fits(self, data: bytes) -> bool:
        """Whether that is its content."""
        return hashlib.sha256(data).hexdigest() == self.sha256


def own_folder() -> Path:
    """Where Baton keeps rank files: BATON_RANKS, else a folder of its own in the user's cache."""
    named = os.environ.get("BATON_RANKS")
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named) if named else Path(cache, "baton", "tiktoken")


def folders() -> tuple[Path, ...]:
    """Where rank files are looked for: TIKTOKEN_CACHE_DIR, Baton's own folder, installed packages that carry them."""
    named = os.environ.get("TIKTOKEN_CACHE_DIR")
    return (*((Path(named),) if named else ()), own_folder(), *carriers())


def carriers() -> tuple[Path, ...]:
    """The folders of installed packages that bring rank files; the packages are not imported."""
    found: list[Path] = []
    for package, inside in _CARRIERS.items():
        spec = importlib.util.find_spec(package)
        places = spec.submodule_search_locations if spec is not None else None
        found += [Path(place, inside) for place in places or ()]
    return tuple(found)


def file_of(encoding: str) -> RankFile:
    """The file that an encoding is made of, as the installed tiktoken says.

    Raises:
        InvalidValue: if it has no encoding of that name that is made of one file.
    """
    seen: list[RankFile] = []

    def note(url: str, expected: str | None) -> dict[bytes, int]:
        seen.append(RankFile(url, expected or ""))
        raise NotAtHand(url)

    made = constructors(note)
    if encoding in made:
        try:
            made[encoding]()
        except NotAtHand:
            if seen:
                return seen[0]
    raise InvalidValue("encoding", encoding, f"one of {', '.join(USUAL)}")


def set_up(folder: Path, encodings: Iterable[str] = USUAL, *, network: bool) -> dict[str, str]:
    """Have rank files in a folder: those that are there stay, others are copied or, if that may be, downloaded.

    Args:
        folder: Where to.
        encodings: Which.
        network: Whether a file that no installed package carries may be downloaded from where tiktoken has it.

    Returns:
        For each encoding where its ranks came from: `there`, `copied`, `downloaded`, or `missing`.

    Raises:
        InvalidValue: if the folder cannot be written, or what was downloaded is not what it should be.
    """
    return {name: _one(file_of(name), folder, network=network) for name in encodings}


def _one(file: RankFile, folder: Path, *, network: bool) -> str:
    if file.read([folder]) is not None:
        return "there"
    data = file.read(folders())
    how = "copied"
    if data is None and network:
        data, how = fetch(file), "downloaded"
    if data is None:
        return "missing"
    _keep(folder / file.name, data)
    return how


def fetch(file: RankFile) -> bytes:
    """Download a file; its content is checked.

    Raises:
        InvalidValue: if it cannot be had, or is not what it should be.
    """
    import httpx

    hint = "Try again, or copy the file from another machine's TIKTOKEN_CACHE_DIR."
    try:
        answer = httpx.get(file.url, timeout=SECONDS, follow_redirects=True)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        why = str(error) or type(error).__name__
        raise InvalidValue("rank file", file.url, f"one that can be downloaded ({why})", hint) from error
    if not file.fits(answer.content):
        raise InvalidValue("rank file", file.url, f"one whose sha256 is {file.sha256}", hint)
    return answer.content


def _keep(file: Path, data: bytes) -> None:
    """Write a file so that nobody ever sees half of it."""
    part = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InvalidValue("folder for ranks", str(file.parent), f"one that can be written ({error})") from error


def read_ranks(places: Iterable[Path]) -> Load:
    """What loads ranks from these folders and from nowhere else."""
    looked = tuple(places)

    def load(url: str, expected: str | None) -> dict[bytes, int]:
        data = RankFile(url, expected or "").read(looked)
        if data is None:
            raise NotAtHand(url)
        pairs = (line.split() for line in data.splitlines() if line)
        return {base64.b64decode(token): int(rank) for token, rank in pairs}

    return load


def constructors(load: Load) -> Mapping[str, Callable[[], dict[str, Any]]]:
    """The encodings of tiktoken by name, whose ranks come from `load` and from nowhere else."""

    def ranks(url: str, expected_hash: str | None = None) -> dict[bytes, int]:
        return load(url, expected_hash)

    def none(**_: str) -> dict[bytes, int]:
        raise NotAtHand("gpt2")

    module = _copy()
    loaders = {"load_tiktoken_bpe": ranks, "data_gym_to_mergeable_bpe_ranks": none}
    if loaders.keys() - vars(module).keys():
        raise ImportError("this tiktoken loads its ranks in a way that Baton cannot keep off the network: use 0.14")
    vars(module).update(loaders)
    made: Mapping[str, Callable[[], dict[str, Any]]] = module.ENCODING_CONSTRUCTORS
    return made


def _copy() -> ModuleType:
    spec = importlib.util.find_spec("tiktoken_ext.openai_public")
    if spec is None or spec.loader is None:
        raise ImportError("tiktoken comes without its encodings: install it again")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
