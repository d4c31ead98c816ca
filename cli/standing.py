"""How a promise stands, on a line of a terminal."""

from rich.text import Text

from baton.cli.tones import STYLES
from baton.policies.promises.looking import Look
from baton.promising import details, headline


def sentence(look: Look, now: float) -> Text:
    """The whole of it on one line."""
    said, tone = headline(look)
    return Text("; ").join([Text(said, STYLES[tone]), *(Text(fact) for fact in details(look, now))])
