"""Tables without lines that fit the terminal."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from baton.cli.tones import STYLES
from baton.core.texts import one_line
from baton.rows import Row


def table(*columns: str, elastic: str, right: Sequence[str] = ()) -> Table:
    """An empty table: the `elastic` column gives way where the terminal is narrow, `right` ones are aligned so."""
    made = Table(box=None, pad_edge=False, expand=True, padding=(0, 2, 0, 0), header_style="dim")
    for name in columns:
        made.add_column(
            name,
            no_wrap=True,
            overflow="ellipsis",
            justify="right" if name in right else "left",
            ratio=1 if name == elastic else None,
            min_width=8 if name == elastic else None,
        )
    return made


def cell(text: str, style: str = "") -> Text:
    """Text for a cell, harmless and on one line."""
    return Text(one_line(text), style=style)


def pairs(rows: Sequence[Row | tuple[str, str | Text]]) -> Table:
    """Names and values, the values wrapped beside their names."""
    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for row in rows:
        made.add_row(row[0], Text(row.text, STYLES[row.tone]) if isinstance(row, Row) else row[1])
    return made
