"""Serve the simulated model by itself: `python -m baton.agents.simulated --mind simple --port 8765`."""

import asyncio
import signal
import sys

from cyclopts import App

from baton.agents.simulated.faults import Faults
from baton.agents.simulated.registry import find_mind
from baton.agents.simulated.server import SimulatedServer
from baton.core import BatonError

app = App(name="python -m baton.agents.simulated", help="Serve the simulated model over HTTP on 127.0.0.1.")


@app.default
def serve(
    *, mind: str = "simple", port: int = 8765, latency: float = 0.0, fault_rate: float = 0.0, seed: int = 0
) -> int:
    """Serve until interrupted.

    Parameters
    ----------
    mind:
        Name of the mind, or module:attribute of your own.
    port:
        TCP port; 0 takes a free one.
    latency:
        Seconds before each answer.
    fault_rate:
        Share of requests that meet a fault, 0 to 1.
    seed:
        Which requests those are.
    """
    try:
        faults = Faults(seed=seed, rate=fault_rate) if fault_rate else None
        server = SimulatedServer(find_mind(mind), faults=faults, latency=latency, port=port)
        asyncio.run(_serve(server, mind))
    except (BatonError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


async def _serve(server: SimulatedServer, mind: str) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):  # said here: a shell may have started us with SIGINT ignored
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with server:
        sys.stdout.write(f"simulated model ({mind}) at {server.base_url}\n")
        sys.stdout.flush()
        await stopped.wait()


if __name__ == "__main__":
    sys.exit(app())
