"""What the desk says, in the customer's language."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from string import Formatter

import yaml


def phrase(occasion: str, language: str, /, **facts: object) -> str:
    """The sentences for an occasion with the facts filled in; English where there is no translation."""
    texts = all_texts()[occasion]
    return texts.get(language, texts["en"]).format_map(facts)


def letter(paragraphs: list[str], language: str, name: str) -> str:
    """A whole mail: greeting, paragraphs, closing."""
    greeting = phrase("greeting", language, name=name) if name else phrase("greeting_nameless", language)
    return "\n\n".join([greeting, *paragraphs, phrase("closing", language)])


def money(cents: int) -> str:
    """An amount for people."""
    return f"EUR {cents / 100:.2f}"


def fields(text: str) -> set[str]:
    """The names that a text fills in."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@cache
def all_texts() -> Mapping[str, Mapping[str, str]]:
    """Every occasion with its text in each language."""
    return dict(yaml.safe_load(Path(__file__).with_name("replies.yaml").read_text("utf-8")))
