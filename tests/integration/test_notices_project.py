"""Notices as a project names them, and the commands that look after them."""

import asyncio
import base64
import json
from pathlib import Path

import pytest

from baton import BatonError, load_project, secret
from baton.core import RunId
from baton.ledger import Ledger, Transaction, notices
from support.commands import baton as command
from support.servers import Says, web_server

PROJECT = """agents:
  - name: desk
    instructions: Help.
    tools: [shop.py:book]
    policy: ask-writes
notices:
  soon: 30m
  webhooks:
    - name: chat
      url: http://127.0.0.1:PORT/in
      private: true
      secrets: [{secret: T_CHAT}]
      events: [review.requested]
"""
SHOP = '''from baton import tool


@tool(effect="write")
def book(order_id: str) -> str:
    """Book an order."""
    return order_id
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    return tmp_path / "agents.yaml"


def test_a_project_says_who_is_told(project: Path) -> None:
    project.write_text(PROJECT.replace("PORT", "8080"))
    found = load_project(project).notices
    assert found is not None
    (hook,) = found.webhooks
    assert (hook.name, hook.kinds, hook.secrets, found.soon) == (
        "chat",
        ("review.requested",),
        (secret("T_CHAT"),),
        1800.0,
    )
    project.write_text(PROJECT.partition("notices:")[0])
    assert load_project(project).notices is None


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "private: true",
            "privat: true",
            "agents.yaml:11: notices.webhooks.0.privat True is not allowed: give one of: name, url",
        ),
        ("private: true", "private: false", "agents.yaml:6: notices: url of webhook chat"),
        ("[{secret: T_CHAT}]", "[whsec_abcdef]", "agents.yaml:12: notices.webhooks.0.secrets.0 '***' is not"),
        ("[review.requested]", "[review.opened]", "agents.yaml:13: notices.webhooks.0.events.0"),
        ("soon: 30m", "soon: later", "agents.yaml:7: notices.soon 'later' is not allowed"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(project: Path, old: str, new: str, told: str) -> None:
    project.write_text(PROJECT.replace("PORT", "8080").replace(old, new))
    with pytest.raises(BatonError) as error:
        load_project(project)
    assert told in str(error.value)


def test_a_command_tells_what_it_has_done_before_it_ends(project: Path) -> None:
    key = f"whsec_{base64.b64encode(b'k' * 32).decode()}"
    with web_server(lambda _asked: Says(204, b"")) as server:
        project.write_text(PROJECT.replace("PORT", str(server.port)))
        done = command(project.parent, "run", "Book order 4417", T_CHAT=key)
        assert done.code == 3, done.err
        listed = command(project.parent, "notices", "list", "--all", "--json")
    (event,) = [json.loads(one.body) for one in server.asked]
    assert event["type"] == "review.requested" and event["data"]["review"]["tool"] == "book"
    (sent,) = json.loads(listed.out)["notices"]
    assert (sent["state"], sent["channel"], sent["event"]) == ("sent", "chat", event["id"])
    assert key not in listed.out + done.out + done.err
    findings = json.loads(command(project.parent, "doctor", "--json").out)["findings"]
    told = {each["about"]: (each["state"], each["says"]) for each in findings}
    assert told["notices"] == ("ok", "to chat")
    assert told["secret T_CHAT"][0] == "broken"
    assert "Nothing waits to be told" in command(project.parent, "notices").out


def test_what_was_given_up_is_listed_and_sent_again(tmp_path: Path) -> None:
    asyncio.run(_given_up(tmp_path / "baton.db"))
    listed = command(tmp_path, "notices", "-d", "baton.db")
    assert "it answered 500" in listed.out and "notices replay ID" in listed.out
    assert "chat is told nothing since" in listed.out and "notices open chat -d baton.db" in listed.out
    (dead,) = json.loads(command(tmp_path, "notices", "list", "--json", "-d", "baton.db").out)["notices"]
    assert "is not allowed: give ids of notices" in command(tmp_path, "notices", "replay", "-d", "baton.db").err
    done = command(tmp_path, "notices", "replay", dead["id"][:8], "-d", "baton.db")
    assert f"{dead['id']} is sent again" in done.out
    again = command(tmp_path, "notices", "replay", dead["id"], "-d", "baton.db")
    assert again.code == 1 and "it waits to be sent anyway" in again.err
    assert command(tmp_path, "notices", "replay", "--dead", "-d", "baton.db").out.startswith("0 notices")
    assert "chat is told what happens from now on" in command(tmp_path, "notices", "open", "chat", "-d", "baton.db").out
    assert "there is none" in command(tmp_path, "notices", "open", "chat", "-d", "baton.db").err
    assert command(tmp_path, "notices", "replay", "ntc_nothing", "-d", "baton.db").code == 2


async def _given_up(path: Path) -> None:
    """A record with a notice that was given up, and a channel that is gone."""
    ledger = await Ledger.open(str(path))

    def make(tx: Transaction) -> None:
        notices.add(
            tx,
            "chat",
            event="run_1.1",
            kind="run.finished",
            run=RunId("run_1"),
            review=None,
            body="{}",
            at=tx.now,
            due=tx.now,
        )
        for held in notices.take(tx, "chat", 1, together=False):
            notices.end(tx, held, "dead", "it answered 500")
        notices.close_channel(tx, "chat", "it answered 410 Gone")

    await ledger.write(make)
    await ledger.close()
