"""A folder that nothing leads out of: each name of a path is opened beneath the folder before it, links never.

Whoever swaps a folder for a link while a path is walked gains nothing: the walk holds the folder it has opened, not
its name. (openat with O_NOFOLLOW; see CWE-59 and CWE-367.)
"""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from baton.agents.shipped.paths import is_usable
from baton.core import InvalidValue

MOST_ENTRIES = 10_000
"""Things in a folder that are listed."""

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True)
class Entry:
    """One thing in a folder; `size` is in bytes, None for a folder."""

    name: str
    size: int | None


class Missing(ValueError):
    """There is no such file or folder."""


class Folder:
    """A folder and what is beneath it."""

    def __init__(self, root: str | Path) -> None:
        """Name the folder; it need not be there yet.

        Raises:
            InvalidValue: if this system cannot open a file beneath an open folder.
        """
        if os.open not in os.supports_dir_fd:
            raise InvalidValue("root of file_tools", str(root), "a folder on a system with openat: Linux, macOS, a BSD")
        self.root = Path(root).absolute()

    def entries(self, names: Sequence[str]) -> list[Entry]:
        """What is in a folder, by name: folders and plain files that an agent can name; no links, nothing hidden.

        Raises:
            ValueError: if it is no folder of this one, or holds more than can be shown.
        """
        found: list[Entry] = []
        with self._opened(names) as folder:
            there = os.listdir(folder)
            if len(there) > MOST_ENTRIES:
                raise ValueError(f"{'/'.join(names) or 'the folder'} holds {len(there)} things, too many to list")
            for name in sorted(filter(is_usable, there)):
                with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                    about = os.stat(name, dir_fd=folder, follow_symlinks=False)
                    if stat.S_ISDIR(about.st_mode):
                        found.append(Entry(name, None))
                    elif stat.S_ISREG(about.st_mode):
                        found.append(Entry(name, about.st_size))
        return found

    def read(self, names: Sequence[str], most: int) -> bytes:
        """A plain file's bytes.

        Raises:
            ValueError: if there is none, or it is longer than `most` bytes.
        """
        with self._opened(names[:-1]) as folder:
            if self._plain(folder, names) is None:
                raise Missing(f"{'/'.join(names)!r} is not there")
            with _explained(names):
                handle = os.open(names[-1], _READ, dir_fd=folder)
            with os.fdopen(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise ValueError(f"{'/'.join(names)!r} is no plain file")
                raw = file.read(most + 1)
        if len(raw) > most:
            raise ValueError(f"{'/'.join(names)!r} is longer than the {most} bytes that may be read")
        return raw

    def holds(self, names: Sequence[str]) -> bool:
        """Whether there is a plain file; a folder on the way that is missing makes it no."""
        try:
            with self._opened(names[:-1]) as folder:
                return self._plain(folder, names) is not None
        except Missing:
            return False

    def write(self, names: Sequence[str], raw: bytes) -> bool:
        """Put a file there, whole or not at all, in place of a plain one; folders on the way are made.

        Returns:
            Whether there was one before.

        Raises:
            ValueError: if something else is there, or the file has other names (hard links).
            ConnectionError: if it was done, but the disk does not confirm it.
        """
        with self._opened(names[:-1], make=True) as folder:
            known = self._plain(folder, names, alone=True)
            making = f".{secrets.token_hex(8)}.part"
            with _explained(names):
                handle = os.open(making, _MAKE, 0o666, dir_fd=folder)
                try:
                    with os.fdopen(handle, "wb") as file:
                        if known is not None:
                            os.fchmod(file.fileno(), known.st_mode & 0o777)  # no set-user-ID
                        file.write(raw)
                        file.flush()
                        os.fsync(file.fileno())
                    os.rename(making, names[-1], src_dir_fd=folder, dst_dir_fd=folder)
                except BaseException:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(making, dir_fd=folder)
                    raise
            _settle(folder, names)
        return known is not None

    def delete(self, names: Sequence[str]) -> bool:
        """Delete a plain file; whether there was one.

        Raises:
            ValueError: if something else is there, or the file has other names (hard links).
            ConnectionError: if it was done, but the disk does not confirm it.
        """
        with self._opened(names[:-1]) as folder:
            if self._plain(folder, names, alone=True) is None:
                return False
            with _explained(names):
                os.unlink(names[-1], dir_fd=folder)
            _settle(folder, names)
        return True

    @contextlib.contextmanager
    def _opened(self, names: Sequence[str], *, make: bool = False) -> Generator[int]:
        """The folder that these names lead to, open."""
        if make:
            self.root.mkdir(parents=True, exist_ok=True)
        with _explained(("the folder of these tools",)):
            here = os.open(self.root, _FOLDER & ~getattr(os, "O_NOFOLLOW", 0))
        try:
            for depth, name in enumerate(names, 1):
                with _explained(names[:depth]):
                    there = _step(here, name, make=make)
                os.close(here)
                here = there
            yield here
        finally:
            os.close(here)

    def _plain(self, folder: int, names: Sequence[str], *, alone: bool = False) -> os.stat_result | None:
        """What a name is, None if nothing has it; looked at before it is opened, which a device might notice."""
        try:
            about = os.stat(names[-1], dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(about.st_mode):
            raise ValueError(f"{'/'.join(names)!r} is no plain file")
        if alone and about.st_nlink > 1:
            raise ValueError(f"{'/'.join(names)!r} has other names too (hard links): it is not changed")
        return about


def _step(folder: int, name: str, *, make: bool) -> int:
    if make:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, dir_fd=folder)
    return os.open(name, _FOLDER, dir_fd=folder)


def _settle(folder: int, names: Sequence[str]) -> None:
    """Have the disk keep what has just been done in a folder.

    Raises:
        ConnectionError: if it does not say so: by any other error the caller would be told that nothing happened.
    """
    try:
        os.fsync(folder)
    except OSError as error:
        raise ConnectionError(f"the disk does not confirm {'/'.join(names)!r}: {error.strerror}") from error


@contextlib.contextmanager
def _explained(names: Sequence[str]) -> Generator[None]:
    """What the system refuses, in words that do not tell where the folder is."""
    try:
        yield
    except FileNotFoundError as error:
        raise Missing(f"{'/'.join(names)!r} is not there") from error
    except OSError as error:
        told = "it leads over a link, or is no folder" if error.errno in _NO_WAY else error.strerror
        raise ValueError(f"{'/'.join(names)!r} cannot be used: {told}") from error


_NO_WAY = (errno.ELOOP, errno.ENOTDIR)
