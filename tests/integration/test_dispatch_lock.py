"""The lock of the dispatching process: one holder, known by name, free again when it ends."""

import os
import subprocess
import sys
from pathlib import Path

from baton.ledger import DispatchLock

HOLD = """
import sys
from pathlib import Path
from baton.ledger import DispatchLock
lock = DispatchLock(Path(sys.argv[1]))
print(lock.take(), flush=True)
sys.stdin.read()
"""


def test_one_has_it_and_is_known_by_name(tmp_path: Path) -> None:
    first, second = DispatchLock(tmp_path / "b.db"), DispatchLock(tmp_path / "b.db")
    assert second.holder() is None
    assert first.take() and first.take() and not second.take()
    assert f"process {os.getpid()} " in (second.holder() or "")
    first.release()
    assert second.holder() is None and second.take() and not first.take()
    second.release()


def test_a_killed_holder_gives_it_back(tmp_path: Path) -> None:
    mine = DispatchLock(tmp_path / "b.db")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "b.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == "True"
        assert not mine.take() and f"process {other.pid} " in (mine.holder() or "")
        other.kill()
        other.wait()
    assert mine.take()
    mine.release()
