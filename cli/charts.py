"""Small charts of letters: readable without colour, and as wide as they are told."""

from collections.abc import Sequence

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"


def bar(share: float, width: int, mark: float | None = None) -> str:
    """A bar over `share` of `width` columns, with a line at `mark`, a share too; what is longer ends in an arrow."""
    eighths = round(max(share, 0.0) * width * 8)
    cells = [_EIGHTHS[min(max(eighths - 8 * at, 0), 8)] for at in range(width)]
    if mark is not None:
        cells[min(round(mark * width), width - 1)] = "│"
    if share > 1:
        cells[-1] = "▸"
    return "".join(cells)


def levels(shares: Sequence[float]) -> list[str]:
    """A letter for each share, the higher the larger."""
    return [_LEVELS[min(int(share * len(_LEVELS)), len(_LEVELS) - 1)] for share in shares]
