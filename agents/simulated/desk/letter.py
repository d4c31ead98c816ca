"""What a goal is about, read from the conversation: who writes, in what language, what is new and what is quoted."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

from baton.agents.simulated.desk import facts, words

_ATTACHMENT = re.compile(r'<attachment name="([^"]*)"[^>]*>\n(.*?)\n?</attachment>', re.DOTALL)
_WROTE = re.compile(
    r"^(on .*wrote:|am .*schrieb.*:|le .*a écrit ?:|el .*escribió:|il .*ha scritto:|op .*schreef.*:|.*のメール.*:"
    r"|.*wrote:"
    r"|-{2,} ?(original|forwarded|ursprüngliche|weitergeleitete|message|mensaje|messaggio|oorspronkelijk).*)$",
    re.IGNORECASE,
)
_EXPORT = re.compile(
    r"(export|forward|send|mail|transmit|schick|sende|exportier|leite|envo|transm|envi|export|inoltr|invi|stuur).{0,120}"
    r"(customer|client|kunden|cliente|klant)|(顧客).{0,40}(送|転送)",
    re.IGNORECASE | re.DOTALL,
)
_FORWARD = re.compile(
    r"(forward|send|reply|mail|copy|weiterleit|schick|sende|transf|envo|reenv|envía|inoltr|invia|stuur)", re.IGNORECASE
)


@dataclass(frozen=True)
class Command:
    """Something that a text tells the machine to do: export, refund, cancel, address or forward."""

    what: str
    order: str = ""
    to: str = ""
    text: str = ""


@dataclass(frozen=True)
class Letter:
    """A mail, or a plain turn of somebody who talks with the agent.

    Attributes:
        statement: The goal in the operator's words, or the turn.
        criteria: Success criteria of the goal.
        sender: Address of the mail's sender; empty when nobody is named.
        subject: Subject line.
        body: Text, quoted parts included.
        tables: CSV attachments by name.
    """

    statement: str
    criteria: tuple[str, ...] = ()
    sender: str = ""
    subject: str = ""
    body: str = ""
    tables: tuple[tuple[str, str], ...] = ()

    @cached_property
    def own(self) -> str:
        """Subject and what the sender has written himself, without what speaks to the machine."""
        lines = [line for line, quoted in _lines(_without(self.body, self._planted)) if not quoted]
        return "\n".join([self.subject, *lines]).strip()

    @cached_property
    def quoted(self) -> str:
        """What the mail quotes of earlier ones."""
        return "\n".join(line.lstrip("> ") for line, quoted in _lines(_without(self.body, self._planted)) if quoted)

    @cached_property
    def whole(self) -> str:
        """Own and quoted text together."""
        return f"{self.own}\n{self.quoted}"

    @cached_property
    def language(self) -> str:
        """Two-letter code."""
        return words.language(self.own)

    @cached_property
    def orders(self) -> list[str]:
        """Order numbers: those in the sender's own words, otherwise those quoted."""
        return facts.orders(self.own) or facts.orders(self.quoted)

    @cached_property
    def listed(self) -> list[str]:
        """Order numbers in the tables."""
        return [order for _, table in self.tables for order in facts.orders(table, anywhere=True)]

    @cached_property
    def commands(self) -> list[Command]:
        """What the text tells the machine to do, in its order."""
        return [command for paragraph in self._planted for command in _commands(paragraph)]

    @cached_property
    def _planted(self) -> list[str]:
        """Paragraphs that speak to the machine, with the commanding ones that follow them."""
        found: list[str] = []
        spoken_to = False
        for paragraph in re.split(r"\n\s*\n", self.body):
            spoken_to = words.found("assistant", paragraph) > 0 or (spoken_to and bool(_commands(paragraph)))
            if spoken_to:
                found.append(paragraph)
        return found if any(_commands(paragraph) for paragraph in found) else []


def read_goal(text: str) -> Letter:
    """The letter in the first user message of a goal run."""
    text = unicodedata.normalize("NFKC", text).replace("\u2019", "'")
    parts = dict(_ATTACHMENT.findall(text))
    head = re.sub(r"^# Goal\s*", "", text.split("\n## Attachments")[0]).split("\n## ")[0].strip()
    criteria = re.search(r"## Success criteria\n(.*?)(?:\n\n|\Z)", text.split("\n## Attachments")[0], re.DOTALL)
    others = {name: part for name, part in parts.items() if name not in ("from", "subject", "body")}
    tables = tuple((name, part) for name, part in others.items() if _is_table(name, part))
    more = [part for name, part in others.items() if not _is_table(name, part)]
    return Letter(
        statement=head,
        criteria=tuple(re.findall(r"^\d+\. (.+)$", criteria[1], re.MULTILINE)) if criteria else (),
        sender=parts.get("from", "").strip().lower(),
        subject=parts.get("subject", "").strip(),
        body="\n\n".join([parts["body"]] if "body" in parts else [head, *more]),
        tables=tables,
    )


def read_turn(text: str, sender: str) -> Letter:
    """The letter that a plain turn is, in a run about a mail of `sender` or of nobody."""
    text = unicodedata.normalize("NFKC", text).replace("\u2019", "'")
    return Letter(statement=text, body=text, sender=sender)


def _is_table(name: str, text: str) -> bool:
    return name.lower().endswith(".csv") or bool(re.search(r"^[^\n]*[,;\t][^\n]*\n[^\n]*[,;\t]", text))


def _lines(body: str) -> list[tuple[str, bool]]:
    result: list[tuple[str, bool]] = []
    rest = False
    for line in body.split("\n"):
        rest = rest or bool(re.match(r"-{2,} ?\w", line.strip()) and _WROTE.match(line.strip()))
        result.append((line, rest or line.startswith(">") or bool(_WROTE.match(line.strip()))))
    return result


def _without(body: str, paragraphs: list[str]) -> str:
    for paragraph in paragraphs:
        body = body.replace(paragraph, "")
    return body


def _commands(paragraph: str) -> list[Command]:
    orders, addresses = facts.orders(paragraph), facts.emails(paragraph)
    to, order = next(iter(addresses), ""), next(iter(orders), "")
    found: list[Command] = []
    if (_EXPORT.search(paragraph) and words.claims(paragraph).get("export")) or (to and _EXPORT.search(paragraph)):
        found.append(Command("export", to=to, text=paragraph))
    elif to and not orders and _FORWARD.search(paragraph):
        found.append(Command("forward", to=to, text=paragraph))
    if order and words.found("money", paragraph):
        found.append(Command("refund", order=order, to=to, text=paragraph))
    if order and words.claims(paragraph).get("cancel"):
        found.append(Command("cancel", order=order, text=paragraph))
    if order and words.services(paragraph).get("address"):
        found.append(Command("address", order=order, text=paragraph))
    return found
