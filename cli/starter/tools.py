"""What the agent can look up and do: plain typed functions. The model is told their signatures and docstrings."""

import json
from pathlib import Path
from typing import TypedDict

from baton import tool

STOCK = Path(__file__).with_name("stock.json")


class Article(TypedDict):
    """An article of the shop; `orders` holds what was ordered, by key."""

    name: str
    left: int
    orders: dict[str, int]


@tool(effect="read", verified=True)
def find_stock(code: str) -> Article:
    """Look up how much is left of an article.

    Args:
        code: The article's code, such as T-100.
    """
    return _article(_read(), code)


@tool(effect="write", repeatable=True)
def order_article(code: str, quantity: int, *, key: str) -> str:
    """Order more of an article from the wholesaler.

    Args:
        code: The article's code, such as T-100.
        quantity: How many packets.
        key: Comes from Baton, the same for every try of one call, so that nothing is ordered twice.
    """
    stock = _read()
    _article(stock, code)["orders"].setdefault(key, quantity)
    STOCK.write_text(json.dumps(stock, indent=2) + "\n", encoding="utf-8")
    return f"ordered {quantity} of {code}"


def _read() -> dict[str, Article]:
    stock: dict[str, Article] = json.loads(STOCK.read_text(encoding="utf-8"))
    return stock


def _article(stock: dict[str, Article], code: str) -> Article:
    if code not in stock:
        raise ValueError(f"there is no article {code}; there is: {', '.join(stock)}")
    return stock[code]
