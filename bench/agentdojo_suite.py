"""AgentDojo as an evaluation: `PYTHONPATH=.venv/agentdojo baton eval run bench/agentdojo_suite.py`.

Banking and workspace, each user task alone and with injections 0 to 5, under the policy in agentdojo/*.cedar. The agent
is simulated and hijacked, the person who is asked is simulated and never mistaken. DOJO_STRIDE=4 plays every fourth
user task.
"""

import os
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from agentdojo_tools import TOOLS  # noqa: E402

from baton.evals.importing.agentdojo import agentdojo_suite  # noqa: E402


def policy(name: str) -> Path:
    """A suite's rules and the common ones in one file, as an agent has one policy."""
    file = Path(tempfile.mkdtemp(prefix="agentdojo-")) / f"{name}.cedar"
    file.write_text("\n".join((HERE / "agentdojo" / f"{part}.cedar").read_text("utf-8") for part in ("common", name)))
    return file


SUITE = agentdojo_suite(
    TOOLS, {name: policy(name) for name in ("banking", "workspace")}, stride=int(os.environ.get("DOJO_STRIDE", "1"))
)
