"""What stands in a mail: for each question what is asked, why, until when, and the way to it. No I/O."""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from baton.core.post.letters import MOST_SUBJECT
from baton.ledger.notices import Notice

_RULE = "-" * 60

_LONGEST = 2_000
"""Characters of each text of an agent, or of each argument, that a mail shows."""


def written(delivery: Sequence[Notice], ways: Mapping[str, str]) -> tuple[str, str]:
    """The subject and the text of a mail.

    Args:
        delivery: What it tells, one thing or several.
        ways: By review, the link or the command that leads to it.
    """
    told = [_told(notice, json.loads(notice.body)["data"], ways) for notice in delivery]
    subject, body = told[0]
    if len(told) > 1:
        asked = all(notice.kind == "review.requested" for notice in delivery)
        subject = f"{len(told)} questions wait for you" if asked else f"{len(told)} notices: {subject}, …"
        body = f"\n\n{_RULE}\n\n".join(f"{number}. {text}" for number, (_, text) in enumerate(told, 1))
    linked = any("://" in way for way in ways.values())
    foot = " A link opens its question once, for you alone: pass it on to nobody." if linked else ""
    return _line(subject)[:MOST_SUBJECT], f"{body}\n\n{_RULE}\nSent by Baton.{foot}"


def _told(notice: Notice, data: Mapping[str, Any], ways: Mapping[str, str]) -> tuple[str, str]:
    if notice.kind == "run.finished":
        run: Mapping[str, Any] = data["run"]
        ended = f"{run['status']}: {run['summary']}"
        return f"{run['agent']}: {run['status']}", _text([run["goal"], ended, f"baton runs show {run['id']}"])
    if notice.kind == "flow.alert":
        return _alerts(data["alerts"], data["url"])
    review: Mapping[str, Any] = data["review"]
    way = ways.get(notice.review or "", "")
    if notice.kind == "review.decided":
        decision: Mapping[str, Any] = review["decision"]
        said = f"{decision['by']} has decided: {decision['kind']}"
        return f"Decided: {_asked(review)}", _text([_asked(review), said, decision["note"], way])
    head = {"over": "Late: ", "soon": "Late soon: "}.get(data.get("late", ""), "")
    head = {"escalated": "You are asked as well: ", "delegated": "Given to you: "}.get(data.get("how", ""), head)
    return f"{head}{review['agent']} asks: {_asked(review)}", _text([f"{head}{_asked(review)}", *_why(review), way])


def _alerts(found: Sequence[Mapping[str, Any]], url: str | None) -> tuple[str, str]:
    """What is wrong with how it goes, one thing or several."""
    parts: list[str] = []
    for one in found:
        cause = f"Cause: {one['cause']}." if one["cause"] else ""
        since = f"Since {one['began'][:16].replace('T', ' ')} UTC; {one['evidence']}."
        parts += [one["says"], cause, since, f"What to do: {one['way_out']}" if one["way_out"] else ""]
    subject = str(found[0]["says"]) if len(found) == 1 else f"{len(found)} things are wrong: {found[0]['says']} …"
    return subject, _text([*parts, url or "baton flow shows how it goes."])


def _why(review: Mapping[str, Any]) -> list[str]:
    arguments: Mapping[str, Any] = review["arguments"] or {}
    call = "\n".join(f"  {name}: {_value(said)}" for name, said in arguments.items())
    why = f"Why it is asked: {review['why']['reason']}"
    own = f"In the agent's own words: {review['reason']}" if review["reason"] else ""
    return [call, why, own, _until(review)]


def _until(review: Mapping[str, Any]) -> str:
    if review["deadline"] is None:
        return ""
    then = "it counts as rejected" if review["on_deadline"] == "deny" else "it stays open, and is late"
    return f"Until {review['deadline'][:16].replace('T', ' ')} UTC; then {then}."


def _asked(review: Mapping[str, Any]) -> str:
    return _line(str(review["summary"] or review["tool"]))


def _text(parts: Sequence[str]) -> str:
    return "\n\n".join(_plain(part) for part in parts if part)


def _value(said: Any) -> str:
    return _line(said if isinstance(said, str) else json.dumps(said, ensure_ascii=False))


def _line(text: str) -> str:
    """A text on one line, without what is hidden."""
    return " ".join(_plain(text).split())


def _plain(text: str) -> str:
    """A text that is no longer than people read, without control characters: those could pass for something else."""
    kept = "".join(char if char in "\n\t" or not _hidden(char) else "\N{REPLACEMENT CHARACTER}" for char in text)
    return kept if len(kept) <= _LONGEST else f"{kept[:_LONGEST]}… (cut)"


def _hidden(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")
