"""What agents and people say, as HTML: Markdown without images or raw HTML, so that nothing is fetched or run."""

from collections.abc import Sequence
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

from baton.core.texts import safe

_TAGS = {
    *("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "code", "em", "strong", "s"),
    *("ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td", "a"),
}
_LINKS = {"http", "https", "mailto"}


def _picture(_self: RendererHTML, tokens: Sequence[Token], at: int, _options: Any, _env: Any) -> str:
    """A picture as the words for it and where it is; nobody fetches it."""
    return escapeHtml(f"[picture: {tokens[at].content} {tokens[at].attrGet('src') or ''}]")


_MARKDOWN = MarkdownIt("js-default", {"html": False, "linkify": False})
_MARKDOWN.add_render_rule("image", _picture)


def rendered(text: str) -> Markup:
    """A text as HTML: no scripts, no pictures, and links that the style sheet writes out."""
    html = _MARKDOWN.render(safe(text))
    clean = nh3.clean(html, tags=_TAGS, attributes={"a": {"href"}}, url_schemes=_LINKS)
    return Markup(clean.replace("></a>", ">link</a>"))  # a link without words still has a name
