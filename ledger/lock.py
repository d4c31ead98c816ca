"""The lock that lets one process at a time dispatch the runs of a database."""

import fcntl
import os
import socket
from pathlib import Path
from typing import IO, Literal


class DispatchLock:
    """A lock file beside the database; the operating system gives it back when its holder ends, however that ends."""

    def __init__(self, database: Path) -> None:
        """Name the database; nothing is locked yet."""
        self._path = Path(f"{database}.dispatch")
        self._file: IO[str] | None = None

    @property
    def held(self) -> bool:
        """Whether this object has the lock."""
        return self._file is not None

    def take(self) -> bool:
        """Take the lock if it is free; whether this object has it now."""
        if self._file is None:
            self._file = self._locked("a", fcntl.LOCK_EX)
            if self._file is not None:
                self._file.truncate(0)
                self._file.write(f"process {os.getpid()} on {socket.gethostname()}")
                self._file.flush()
        return self.held

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def holder(self) -> str | None:
        """The process that has the lock, in words; None if none has."""
        if not self._path.exists():
            return None
        free = self._locked("r", fcntl.LOCK_SH)
        if free is None:
            return self._path.read_text(encoding="utf-8").strip() or "another process"
        free.close()
        return None

    def _locked(self, mode: Literal["a", "r"], how: int) -> IO[str] | None:
        file = self._path.open(mode, encoding="utf-8")
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        return file
