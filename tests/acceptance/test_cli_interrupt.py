"""Ctrl-C, and a tool that never returns: nothing is lost, and the command ends all the same."""

import signal
import subprocess
import sys
from pathlib import Path

from support.commands import SECONDS, baton, environment

PROJECT = """
agents:
  - name: sleeper
    instructions: Sleep when asked to.
    tools: [tools.py:sleep_long]
    policy: allow-all
"""

TOOLS = '''
import time
from pathlib import Path

from baton import tool

@tool(effect="read", timeout=3600)
def sleep_long() -> str:
    """Sleep long."""
    if Path("awake").exists():
        return "awake"
    time.sleep(3600)
    return "slept"
'''


def test_ctrl_c_says_how_to_go_on_although_a_tool_never_returns(tmp_path: Path) -> None:
    (tmp_path / "agents.yaml").write_text(PROJECT)
    (tmp_path / "tools.py").write_text(TOOLS)
    command = [sys.executable, "-m", "baton.cli", "run", "sleep long"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(PYTHONUNBUFFERED="1"),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored where the tests run in background
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "sleep_long()" in line:
                break
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(SECONDS) == 130
    assert "Nothing is lost" in rest and "Traceback" not in rest
    run = rest.split("run --resume ")[1].split()[0]
    (tmp_path / "awake").touch()
    done = baton(tmp_path, "run", "--resume", run)
    assert done.code == 0 and "awake" in done.out, done
