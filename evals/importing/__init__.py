"""Other people's benchmarks as suites; each needs its own package, which is loaded when its suite is made."""

from baton.evals.importing.live import LiveWorlds

__all__ = ["LiveWorlds"]
