"""Which tools a text asks for, by their words."""

import re
from collections import Counter
from collections.abc import Mapping

from baton.agents.simulated.minds import JsonObject

RESERVED = frozenset(
    {"finish", "ask_person", "plan", "remember", "recall", "hand_off", "wait", "wait_for", "read_on"}
    | {"answer_reviewer", "withdraw_question", "read_notes", "write_note", "call_for_proposals", "settle_claims"}
)
"""Built-in tools; no word of a text asks for them."""

_COMMON = frozenset(
    "the a an and or of to in on at by for from with without into is are was be it its this that these those as not no "
    "if then than so do does did can could should would will please you your our we me my i he she they his her their "
    "all any each every one two some what when where which who how why get has have had there here about over under "
    "use used using return returns given".split()
)
_READS = ("find", "look", "search", "list", "read", "show", "check", "get")


def words_of(text: str) -> list[str]:
    """The telling words of a text in their basic form, in order; `findOrder` and `find_order` give find, order."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).replace("_", " ")
    return [_stem(word) for word in re.findall(r"[^\W\d]{2,}", apart.lower()) if word not in _COMMON]


def matching(text: str, tools: Mapping[str, JsonObject]) -> dict[str, list[str]]:
    """The tools that a text asks for, in the order in which it does, with the words that say so.

    A tool matches when the text has all the words of its name, a word that only its name has, or two words that only
    its description has. When none does, the tool that shares the most words is taken, reading ones first.
    """
    asked = words_of(text)
    offered = {name: tool for name, tool in tools.items() if name not in RESERVED}
    names = {name: set(words_of(name)) for name in offered}
    descriptions = {name: set(words_of(tool.get("description") or "")) - names[name] for name, tool in offered.items()}
    in_names = Counter(word for words in names.values() for word in words)
    in_all = in_names + Counter(word for words in descriptions.values() for word in words)

    found: dict[str, list[str]] = {}
    for name in offered:
        by_name = [word for word in dict.fromkeys(asked) if word in names[name]]
        by_description = [word for word in dict.fromkeys(asked) if word in descriptions[name] and in_all[word] == 1]
        telling = any(in_names[word] == 1 for word in by_name) or names[name] <= set(by_name)
        if (by_name and telling) or len(by_description) >= 2:
            found[name] = by_name + by_description
    found = found or _nearest(asked, names, descriptions)
    return dict(sorted(found.items(), key=lambda item: min(asked.index(word) for word in item[1])))


def _nearest(
    asked: list[str], names: Mapping[str, set[str]], descriptions: Mapping[str, set[str]]
) -> dict[str, list[str]]:
    shared = {
        name: [word for word in dict.fromkeys(asked) if word in names[name] | descriptions[name]] for name in names
    }
    scores = {
        name: (sum(2 if word in names[name] else 1 for word in words), name.startswith(_READS))
        for name, words in shared.items()
        if words
    }
    if not scores:
        return {}
    best = max(scores, key=lambda name: scores[name])
    return {best: shared[best]}


def _stem(word: str) -> str:
    """A rough basic form: cancel for cancels, cancelled and cancelling."""
    for ending in ("ing", "ies", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)] + ("y" if ending == "ies" else "")
            break
    return re.sub(r"(.)\1$", r"\1", word.rstrip("e") if len(word) > 3 else word)
