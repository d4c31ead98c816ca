"""Baton's policy layer as a plug-in of the AgentDojo replay: `--plugin bench.agentdojo_plugin:decide`.

Policy runs in a process of its own, agentdojo_judge.py, which is told what an agent has been asked and has read, and
nothing else: it cannot look at the harness.
"""

import atexit
import itertools
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import IO, Any

_RUNS = itertools.count()


def decide(tool: str, args: dict[str, Any], ctx: Any) -> str:
    """What policy says of a call, as the harness takes it: allow, ask or deny."""
    told = ctx.state.get("told", 0)
    asked = {
        "run": ctx.state.setdefault("run", f"run_{next(_RUNS)}"),
        "prompt": ctx.prompt,
        "results": [{"tool": one.tool, "args": one.args, "text": one.text} for one in ctx.results[told:]],
        "plan": ctx.plan,
        "number": len(ctx.decisions),
        "tool": tool,
        "args": args,
    }
    ctx.state["told"] = len(ctx.results)
    question, answer = _judge()
    question.write(json.dumps(asked, default=str) + "\n")
    question.flush()
    return answer.readline().strip()


@cache
def _judge() -> tuple[IO[str], IO[str]]:
    """The process, one for each process of the harness, by its standard input and output."""
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("agentdojo_judge.py"))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    atexit.register(process.stdin.close)  # which ends it
    return process.stdin, process.stdout
