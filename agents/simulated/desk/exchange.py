"""The agents of an exchange: each is handed one kind of work, and does it by rules. Which one it is, its tools show."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from baton.agents.simulated.desk import facts
from baton.agents.simulated.desk.letter import Letter
from baton.agents.simulated.desk.script import Outcome, Script

_WORK = re.compile(r"\[hand-off \S+ from \S+\] ([a-z-]+) \d+: ")


def exchanging(letter: Letter, script: Script) -> None:
    """Do the work of whichever agent of an exchange this is, to its end; nothing where it is none of them."""
    for tool, work in _AGENTS.items():
        if script.offers(tool):
            work(letter, script)
    if script.offers("hand_off") and script.offers("read_price_list") and not script.offers("send_reply"):
        _front(letter, script)


def _front(letter: Letter, script: Script) -> NoReturn:
    """The desk: find the order and the wanted article, and hand the exchange on."""
    numbers = facts.orders(letter.own)
    order = script.do("find_order", order_id=numbers[0]).value if numbers else {}
    prices = script.do("read_price_list", query="").value.get("articles", [])
    came = next(iter(order.get("lines", [])), None)
    named = [one for one in prices if one["name"].split()[0].lower() in letter.own.lower()]
    wanted = next((one for one in named if came is not None and one["article"] != came["article"]), None)
    if came is None or wanted is None or wanted["cents"] > came["cents"]:
        _end(letter, script, "nothing that can be exchanged by the rules; a person should read this", "refused")
    payload = {
        "order_id": order["order_id"],
        "instead_of": came["article"],
        "wanted": wanted["article"],
        "cents": came["cents"] - wanted["cents"],
    }
    task = f"Exchange {came['name']} for {wanted['name']}, order {order['order_id']}."
    done = script.do("hand_off", 0.95, "", to="exchange", contract="exchange", task=task, payload=payload)
    told = done.value.get("answer", {}).get("told", done.text)
    _end(letter, script, f"{order['order_id']}: {told}", "done")


def _warehouse(letter: Letter, script: Script) -> NoReturn:
    kind, said = _work(letter, script)
    if kind == "release":
        _answered(letter, script, script.do("release_stock", reference=said["reference"]))
    units = script.do("read_stock", article=said["article"]).value.get("units", 0)
    if not units:
        _end(letter, script, f"there is no {said['article']} left", "refused")
    _answered(letter, script, script.do("reserve_stock", order_id=said["order_id"], article=said["article"]))


def _accounts(letter: Letter, script: Script) -> NoReturn:
    kind, said = _work(letter, script)
    if kind == "charge":
        _answered(letter, script, script.do("charge", 0.95, "", **said))
    order = script.do("find_order", order_id=said["order_id"]).value
    if not said["cents"]:
        _end(letter, script, "there is no difference", "done", {"reference": "none"})
    given = {"order_id": order["order_id"], "customer": order["email"]}
    paid = script.do("refund", 0.95, said["reason"], **given, cents=said["cents"], reason=said["reason"])
    _answered(letter, script, paid, "key")


def _shipping(letter: Letter, script: Script) -> NoReturn:
    _, said = _work(letter, script)
    order = script.do("find_order", order_id=said["order_id"]).value
    sent = script.do("book_parcel", order_id=order["order_id"], article=said["article"], address=order["address"])
    _answered(letter, script, sent)


def _care(letter: Letter, script: Script) -> NoReturn:
    """Ask after parcels; or, where the events of an exchange are at hand, thank for it."""
    complete = facts.orders(script.told[0]) if "thank" in letter.statement.lower() else []
    if complete:
        order = script.do("find_order", order_id=complete[0]).value
        body = "The article that you sent back has arrived, and your exchange is complete. Thank you."
        script.do("send_reply", to=order["email"], subject=f"Complete: {order['order_id']}", body=body)
        _end(letter, script, f"thanked for {order['order_id']}", "done")
    parcels: list[dict[str, Any]] = json.loads(script.do("find_parcels").text)
    for parcel in parcels:
        order = script.do("find_order", order_id=parcel["order_id"]).value
        body = f"Your {parcel['article']} should have arrived. Is all well? Just answer this mail."
        script.do("send_reply", to=order["email"], subject=f"Is all well with {order['order_id']}?", body=body)
        script.do("mark_asked", reference=parcel["reference"])
    _end(letter, script, f"asked after {len(parcels)} parcels", "done")


_AGENTS: Mapping[str, Callable[[Letter, Script], NoReturn]] = {
    "reserve_stock": _warehouse,
    "charge": _accounts,
    "book_parcel": _shipping,
    "find_parcels": _care,
}


def _work(letter: Letter, script: Script) -> tuple[str, dict[str, Any]]:
    """The kind of work that was handed over, and what was said with it."""
    for text in script.told:
        if found := _WORK.match(text):
            said: dict[str, Any] = json.JSONDecoder().raw_decode(text, found.end())[0]
            return found[1], said
    _end(letter, script, "nothing was handed over", "failed")


def _answered(letter: Letter, script: Script, done: Outcome, field: str = "reference") -> NoReturn:
    """The reference of what was done, or why it was not."""
    if done.state != "done":
        _end(letter, script, done.text, "failed" if done.state == "failed" else "refused")
    _end(letter, script, str(done.value.get("done", done.text)), "done", {"reference": str(done.value.get(field, ""))})


def _end(letter: Letter, script: Script, summary: str, outcome: Any, answer: dict[str, Any] | None = None) -> NoReturn:
    evidence = [f"{criterion} {summary}" for criterion in letter.criteria] or [summary]
    script.finish(summary, evidence, outcome, answer)
