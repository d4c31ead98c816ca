"""The redactor: values that are known to be secret, in the forms that they may take in a text, are replaced."""

import base64
import html
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from urllib.parse import quote, quote_plus

_HEAD = 16
"""Characters of each form that the filter looks for: with these few it takes one pass at memory speed."""


def forms(value: str) -> Iterator[str]:
    """How a value may stand in a text."""
    raw = value.encode()
    quoted = (quote(value), quote(value, safe=""), quote_plus(value))
    yield from (value, repr(value)[1:-1], repr(f"'\"{value}")[4:-1], html.escape(value), json.dumps(value)[1:-1])
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield from (*quoted, *(_ESCAPE.sub(lambda found: found[0].lower(), each) for each in quoted))
    yield from (raw.hex(), raw.hex().upper())
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield from (_within(encode, raw, before) for before in range(3))


_ESCAPE = re.compile("%[0-9A-F]{2}")


def _within(encode: Callable[[bytes], bytes], raw: bytes, before: int) -> str:
    """The part of a base64 text that comes from `raw` alone, whatever stands around it, `before` bytes in."""
    whole = encode(bytes(before) + raw).decode()
    return whole[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]


def _is_whole(text: str) -> bool:
    """Whether a text has no half of a surrogate pair: of one that has, the filter says nothing."""
    try:
        text.encode()  # quick after the filter, which has Python keep the encoded form
    except UnicodeEncodeError:
        return False
    return True


class Redactor:
    """What is known to be secret, compiled anew when it changes."""

    def __init__(self, look_up: Callable[[str], str | None], always: Callable[[], tuple[str, ...]]) -> None:
        """Begin with nothing.

        Args:
            look_up: Gives the value of a name, None where there is none that can be kept out of texts.
            always: Gives the names that count as secret without being declared.
        """
        self._look_up, self._always = look_up, always
        self.declared: tuple[str, ...] = ()
        self._lock = threading.Lock()
        self._environment: tuple[str | None, ...] = ()
        self._names: dict[str, str] = {}
        self._suspects: Callable[[str], bool] | None = None
        self._pattern = re.compile("")
        self._shown: dict[str, str] = {}

    def watch(self, name: str) -> None:
        """Keep out what this name stands for, now and when the environment changes."""
        with self._lock:
            if name not in self.declared:
                self.declared = (*self.declared, name)
        self._peek(name)

    def learn(self, name: str, value: str) -> None:
        """Keep out this value too; what was known before stays known, for it may be a key that was rotated."""
        if self._names.get(value) is None:
            with self._lock:
                self._names[value] = name
                self._compile()

    def redact(self, text: str) -> str:
        """The text with each known value replaced by `[secret:NAME]`."""
        self._look_around()
        if self._suspects is None:
            return text
        if not self._suspects(text) and (text.isascii() or _is_whole(text)):
            return text
        return self._pattern.sub(lambda found: f"[secret:{self._shown[found[0]]}]", text)

    def _look_around(self) -> None:
        """Learn what the environment holds under the names that count as secret."""
        names = (*self._always(), *self.declared)
        now = tuple(os.environ.get(name) for name in names)
        if now == self._environment:
            return
        self._environment = now
        for name in names:
            self._peek(name)

    def _peek(self, name: str) -> None:
        value = self._look_up(name)
        if value is not None:
            self.learn(name, value)

    def _compile(self) -> None:
        from pydantic_core import SchemaValidator, core_schema

        shown: dict[str, str] = {}
        for value, name in self._names.items():
            for form in forms(value.strip()):
                shown.setdefault(form, name)
        longest_first = sorted(shown, key=len, reverse=True)
        heads = sorted({"".join(f"\\x{{{ord(char):x}}}" for char in form[:_HEAD]) for form in shown})
        schema = core_schema.str_schema(pattern="|".join(heads), regex_engine="rust-regex")
        self._shown, self._pattern = shown, re.compile("|".join(map(re.escape, longest_first)))
        self._suspects = SchemaValidator(schema).isinstance_python  # Rust's regex finds many words in one pass
