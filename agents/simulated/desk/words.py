"""The vocabulary: what a mail may want, in the words of seven languages."""

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml


def found(group: str, text: str) -> int:
    """How many times words of a group such as `thanks` or `money` stand in the text."""
    return _count(_vocabulary()[group], text)


def claims(text: str) -> dict[str, int]:
    """The claims a text may make and how many words say so, those with most first."""
    return _ranked(_vocabulary()["claims"], text)


def services(text: str) -> dict[str, int]:
    """The services that a text may ask for and how many words say so, those with most first."""
    return _ranked(_vocabulary()["services"], text)


def language(text: str) -> str:
    """The language of a text as a two-letter code; English when it does not show."""
    if re.search(r"[\u3040-\u30ff]", text):
        return "ja"
    words = re.findall(r"[^\W\d_]+", text.lower())
    known: Mapping[str, str] = _vocabulary()["languages"]
    scores = {code: sum(word in common.split() for word in words) for code, common in known.items()}
    best = max(scores, key=lambda code: scores[code])
    return best if scores[best] else "en"


@cache
def _vocabulary() -> dict[str, Any]:
    return dict(yaml.safe_load(Path(__file__).with_name("words.yaml").read_text("utf-8")))


def _ranked(intents: Mapping[str, Sequence[str]], text: str) -> dict[str, int]:
    counts = {name: _count(patterns, text) for name, patterns in intents.items()}
    return {name: count for name, count in sorted(counts.items(), key=lambda item: -item[1]) if count}


def _count(patterns: Sequence[str], text: str) -> int:
    return sum(_found(pattern, text) for pattern in patterns)


@lru_cache(maxsize=4096)  # each turn of a run asks about the same letter
def _found(pattern: str, text: str) -> int:
    return len(_compiled(pattern).findall(text))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    start = "" if re.search(r"[\u3040-\u9fff]", pattern) else r"(?<!\w)"
    groups_silent = re.sub(r"(?<!\\)\((?!\?)", "(?:", pattern)
    return re.compile(f"{start}(?:{groups_silent})", re.IGNORECASE)
