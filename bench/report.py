"""A small table on the terminal and the same as JSON, for every benchmark."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured figure.

    Attributes:
        goal: With its comparator, such as `<= 2`, or from and to, such as `87 to 93`; empty where there is none.
        rival: What it is compared with, measured in the same run; None for nothing.
    """

    metric: str
    value: float
    unit: str
    goal: str = ""
    rival: str | None = None
    rival_value: float | None = None


def report(name: str, figures: Sequence[Figure]) -> None:
    """Print the figures and write `results/NAME.json`."""
    print(f"\n{name}")
    width = max(len(figure.metric) for figure in figures)
    for figure in figures:
        met = "" if not figure.goal else "  met" if _met(figure) else "  MISSED"
        rival = (
            f"   {figure.rival}: {figure.rival_value:.4g}" if figure.rival and figure.rival_value is not None else ""
        )
        goal = f"   goal {figure.goal}{met}" if figure.goal else ""
        print(f"  {figure.metric:{width}}  {figure.value:>9.4g} {figure.unit:10}{goal}{rival}")
    RESULTS.mkdir(exist_ok=True)
    rows = [asdict(figure) for figure in figures]
    (RESULTS / f"{name}.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def _met(figure: Figure) -> bool:
    if " to " in figure.goal:
        least, most = figure.goal.split(" to ")
        return float(least) <= figure.value <= float(most)
    comparator, bound = figure.goal.split()
    return figure.value <= float(bound) if comparator == "<=" else figure.value >= float(bound)
