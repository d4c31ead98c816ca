"""A till: the folder that TILL names, in which payments are lines of a file."""

import json
import os
import time
from pathlib import Path

from baton import tool, variable


def folder() -> Path:
    return Path(variable("TILL") or ".")


def due(account: str) -> int:
    return 100 * (int(account.removeprefix("A-")) % 37 + 1)


@tool(effect="read", verified=True)
def look(account: str) -> dict[str, object]:
    """Look an account up.

    Args:
        account: Its number.
    """
    return {"account": account, "cents": due(account)}


@tool(effect="write", repeatable=True)
def pay(account: str, cents: int, note: str = "", *, key: str) -> str:
    """Pay an account.

    Args:
        account: Its number.
        cents: How much.
        note: What is told with it.
        key: Idempotency key.
    """
    time.sleep(float(os.environ.get("TILL_SLOW", "0")))
    paid = folder() / "paid.jsonl"
    with paid.open("a", encoding="utf-8") as out:
        out.write(json.dumps({"key": key, "account": account, "cents": cents, "note": note}) + "\n")
        if os.environ.get("TILL_DOUBLED"):
            out.write(json.dumps({"key": f"{key}+", "account": account, "cents": cents, "note": note}) + "\n")
    return f"paid {cents}"


@tool(effect="write")
def wipe() -> str:
    """Wipe the books."""
    (folder() / "wiped").write_text("yes")
    return "wiped"
