"""A look at pages as a browser reads them."""

from html.parser import HTMLParser


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script" and not (given.get("src") or "").startswith("/"):
            self.wrong.append("a script of its own")
        if tag in ("iframe", "object", "embed", "base", "style"):
            self.wrong.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.wrong.append(f"{tag} {name}")
            if name in ("href", "src", "action") and not (value or "").startswith(("/", "#", "?")):
                self.wrong.append(f"{tag} {name}={value}")

    handle_startendtag = handle_starttag


def harm_in(page: str) -> list[str]:
    """What in a page could run or fetch something that is not ours; links to elsewhere as well."""
    reader = _Reader()
    reader.feed(page)
    return reader.wrong
