"""Small agents, tools and minds for tests: they run in the real runtime, over the real simulated endpoint."""

from support.minds import CountingMind, Says, call, calls, script
from support.office import (
    PATIENCE,
    SERIAL,
    on_both,
    open_office,
    reached,
    run_row,
    set_policy,
    soon,
    text_rows,
    tool_lines,
    until,
)
from support.staff import SmallStaff

__all__ = [
    "PATIENCE",
    "SERIAL",
    "CountingMind",
    "Says",
    "SmallStaff",
    "call",
    "calls",
    "on_both",
    "open_office",
    "reached",
    "run_row",
    "script",
    "set_policy",
    "soon",
    "text_rows",
    "tool_lines",
    "until",
]
