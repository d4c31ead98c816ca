"""What agents and people say, as HTML: Markdown without images or raw HTML, so that nothing is fetched or run."""

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from baton.core.texts import safe

_TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "code", "em", "strong", "s"),
    *("ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "a"),
}
_LINKS = {"http", "https", "mailto"}

_MARKDOWN = MarkdownIt("js-default", {"html": False, "linkify": False}).disable("image")


def rendered(text: str) -> Markup:
    """A text as HTML: no scripts, no pictures, and links that the style sheet writes out."""
    html = _MARKDOWN.render(safe(text))
    return Markup(nh3.clean(html, tags=_TAGS, attributes={"a": {"href"}}, url_schemes=_LINKS))
