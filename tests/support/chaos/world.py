"""The world outside the record: a file that remembers every call that reached it, whoever made it."""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Deed:
    """One call that reached a target.

    Attributes:
        target: `keyed` (honours keys), `asked` (can be asked whether it happened), `dumb` (neither).
        case: Whose run it was done for.
        step: Which of the run's writes it is.
        key: The idempotency key that came with it.
        pid: The process that did it.
        at: Seconds since 1970.
    """

    target: str
    case: str
    step: str
    key: str
    pid: int
    at: float


class World:
    """Appends in one system call: no process that is stopped in the middle holds up another."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def do(self, target: str, case: str, step: str, key: str) -> None:
        deed = Deed(target, case, step, key, os.getpid(), time.time())
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, json.dumps(asdict(deed)).encode() + b"\n")
        finally:
            os.close(file)

    def deeds(self) -> list[Deed]:
        if not self.path.exists():
            return []
        return [Deed(**json.loads(line)) for line in self.path.read_text(encoding="utf-8").splitlines()]

    def happened(self, key: str) -> bool:
        """What a target that can be asked says, and what a person finds who goes and looks."""
        return any(deed.key == key for deed in self.deeds())
