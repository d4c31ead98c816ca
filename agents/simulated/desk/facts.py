"""Finds order numbers, amounts, addresses, phone numbers and times in what people write."""

import re

_ORDER = re.compile(
    r"(?<![\w.,/+-])(?:(?P<sure>F\s?[-\u2013]?\s?)|(?P<near>(?:#|(?:order|bestell|auftrag|commande|pedido|ordine|bestelling"
    r"|n[°ºor.]|nr|no|ref|注文)[^\n\d]{0,20})))(?P<number>\d{4,7})(?![\w-]|[.,]\d)",
    re.IGNORECASE,
)
_BARE = re.compile(r"(?<![\w.,/+-])(?:F\s?-?\s?)?(\d{5})(?![\w-]|[.,]\d)", re.IGNORECASE)
_AND = re.compile(r"\s*(?:,|and|und|et|y|e|en|&|と|、)\s*(?:F\s?-?\s?)?(\d{4,7})(?![\w.,-])", re.IGNORECASE)
_AMOUNT = re.compile(
    r"(?:€|EUR|euros?)\s?(\d{1,6})(?:[.,](\d{2}))?(?!\d)|(?<![\d.,])(\d{1,6})(?:[.,](\d{2}))?\s?(?:€|EUR|euros?)(?!\w)",
    re.IGNORECASE,
)
_PHONE = re.compile(r"(?<![\w-])(?:\+\d|0)[\d\s/().-]{6,}\d")
_TIME = re.compile(
    r"\b\d{1,2}(?:[:.]\d\d)?\s?(?:uhr|h\b|am\b|pm\b|a\.m|p\.m|o'clock|時)|\b\d{1,2}[:h]\d\d\b|"
    r"\b(?:tomorrow|monday|tuesday|wednesday|thursday|friday|morning|afternoon|evening|morgen|montag|dienstag|mittwoch"
    r"|donnerstag|freitag|vormittag\w*|nachmittag\w*|demain|lundi|mardi|mercredi|jeudi|vendredi|matin|après-midi"
    r"|mañana|lunes|martes|miércoles|jueves|viernes|tarde|domani|lunedì|martedì|mercoledì|giovedì|venerdì|mattina"
    r"|pomeriggio|maandag|dinsdag|woensdag|donderdag|vrijdag|middag)\b|明日|午前|午後|[月火水木金]曜",
    re.IGNORECASE,
)
_POST_CODE = re.compile(
    r"(?<![\w-])(?:\d{4}\s?[A-Z]{2}\s+[^\W\d_]|\d{5}\s+[^\W\d_]|[A-Z]\d[\dW]\s?[A-Z0-9]{4}\b|\d{3}-\d{4}(?!\d)"
    r"|[A-Z]{1,2}\d[\dA-Z]?\s\d[A-Z]{2}\b)"
)


def orders(text: str, anywhere: bool = False) -> list[str]:
    """Order numbers in the form F-10417, each once, in their order.

    Args:
        text: What to search.
        anywhere: Whether five digits are a number even when no word says so, as in a table.
    """
    found: list[str] = []
    if anywhere:
        found = [match[1] for match in _BARE.finditer(text)]
    for match in _ORDER.finditer(text):
        found.append(match["number"])
        end = match.end()
        while more := _AND.match(text, end):
            found.append(more[1])
            end = more.end()
    return list(dict.fromkeys(f"F-{number}" for number in found))


def amounts(text: str) -> list[int]:
    """Amounts of euros in cents."""
    pairs = ((match[1] or match[3], match[2] or match[4] or "0") for match in _AMOUNT.finditer(text))
    return [int(euros) * 100 + int(cents) for euros, cents in pairs]


def emails(text: str) -> list[str]:
    """E-mail addresses, each once."""
    return list(dict.fromkeys(re.findall(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", text.lower())))


def when_to_call(text: str) -> str:
    """The sentences that name a phone number or a time, as they were written; empty without a number."""
    if not _PHONE.search(text):
        return ""
    sentences = re.split(r"(?<=[.!?。])\s+(?!\d)|\n\s*\n", " ".join(text.split("\n")))
    return " ".join(each.strip() for each in sentences if _PHONE.search(each) or _TIME.search(each))[:200]


def postal_address(text: str) -> str:
    """The postal address in a text on one line; empty when there is none.

    It is the line that holds a post code, with the short lines before it; or what follows the colon in that line.
    """
    lines = [line.strip() for line in text.split("\n")]
    for index, line in enumerate(lines):
        if _POST_CODE.search(line):
            before: list[str] = []
            for earlier in reversed(lines[max(0, index - 3) : index]):
                if not earlier or len(earlier) > 50 or earlier.endswith((":", ".", ",", "!", "?", "。")):
                    break
                before.insert(0, earlier)
            inline = re.split(r":\s|:$", line)[-1] if not before else line
            return _trimmed(", ".join([*before, inline.strip()]))
    return ""


def names(text: str, first: str) -> bool:
    """Whether a word that starts with `first` stands in the text."""
    return re.search(rf"(?<!\w){re.escape(first)}", text, re.IGNORECASE) is not None


def _trimmed(address: str) -> str:
    """Without a sentence around it: `…, bitte an Goethestr. 3, 50667 Köln. Danke` keeps the address."""
    code = _POST_CODE.search(address)
    end = re.search(r"[.;!?。](\s|$)", address[code.end() :]) if code else None
    return (address[: code.end() + end.start()] if code and end else address).strip(" .,")
