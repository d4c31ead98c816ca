"""The mail tool: what may be sent, over a server and into a folder, and what a failure is called."""

import asyncio
import socket
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton import Agent, TryAgain, mail_tools, secret
from baton.core import InvalidValue
from baton.core.post import Rules, mail_id
from baton.ledger import ReviewKind
from support import call, open_office, script, soon, tool_lines
from support.servers import mail_server, serving, trusting

SENDER = "desk@shop.example"
RULES = Rules(sender=SENDER, domains=("shop.example", "*.partner.example"), most_recipients=2, most_bytes=100)
ANNA = "anna@shop.example"


def parsed(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.mark.parametrize(
    ("to", "subject", "body", "told"),
    [
        ([f"{ANNA}\r\nBcc: x@evil.example"], "s", "b", "no address"),
        ([f"{ANNA}\nX: y"], "s", "b", "no address"),
        ([ANNA], "s\r\nBcc: x@evil.example", "b", "one line"),
        ([ANNA], "s\nX", "b", "one line"),
        ([ANNA], "s\rX", "b", "one line"),
        ([ANNA], "s\u2028X", "b", "one line"),
        ([ANNA], "s\x85X", "b", "one line"),
        ([ANNA], "s\0", "b", "one line"),
        ([ANNA], "s" * 201, "b", "one line"),
        ([ANNA], "s", "a\0b", "control characters"),
        ([ANNA], "s", "a\x1b[31mb", "control characters"),
        ([ANNA], "s", " \n ", "some text"),
        ([ANNA], "s", "ü" * 60, "at most 100 bytes"),
        ([], "s", "b", "1 to 2 addresses, not 0"),
        ([ANNA] * 3, "s", "b", "1 to 2 addresses, not 3"),
        ([f"Anna <{ANNA}>"], "s", "b", "no address"),
        ([f"{ANNA}, x@evil.example"], "s", "b", "no address"),
        ([f"{ANNA}@evil.example"], "s", "b", "no address"),
        (['"a b"@shop.example'], "s", "b", "no address"),
        (["anna@[127.0.0.1]"], "s", "b", "no address"),
        (["anna@localhost"], "s", "b", "no address"),
        (["ännä@shop.example"], "s", "b", "no address"),
        ([".a@shop.example"], "s", "b", "no address"),
        (["a" * 65 + "@shop.example"], "s", "b", "no address"),
        (["x@evil.example"], "s", "b", "who may: shop.example"),
        (["x@shop.example.evil.example"], "s", "b", "who may"),
        (["x@evilshop.example"], "s", "b", "who may"),
        (["x@partner.example"], "s", "b", "who may"),
    ],
)
def test_what_may_not_be_sent_is_refused(to: list[str], subject: str, body: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        RULES.write(to, subject, body, "k")


def test_a_mail_says_what_it_was_told_and_nothing_else() -> None:
    mail = RULES.write([ANNA, "x@a.partner.EXAMPLE"], "Größe: 4711", "Hällo\r\n.\r\nFrom here\rto there", "run_1.2.0")
    message = parsed(mail.raw)
    ours = {"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"}
    assert {*message.keys()} == ours | {"MIME-Version", "Content-Type", "Content-Transfer-Encoding"}
    assert (message["From"], message["To"]) == (SENDER, f"{ANNA}, x@a.partner.EXAMPLE")
    assert message["Subject"] == "Größe: 4711"
    assert message["Message-ID"] == mail.message_id == f"<{mail_id('run_1.2.0')}@shop.example>"
    assert message.get_content().splitlines() == ["Hällo", ".", "From here", "to there"]
    assert b"\n" not in mail.raw.replace(b"\r\n", b"") and b"\r" not in mail.raw.replace(b"\r\n", b"")
    assert mail.raw.isascii()
    assert (
        RULES.write([ANNA], "other", "text", "run_1.2.0").id == mail.id != RULES.write([ANNA], "s", "b", "run_1.2.1").id
    )


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=30))
def test_no_text_becomes_a_header(subject: str, body: str, address: str) -> None:
    try:
        mail = RULES.write([ANNA, address] if address else [ANNA], subject, body, "k")
    except ValueError:
        return
    message = parsed(mail.raw)
    assert len(message.keys()) == 9
    assert message.get_all("To") == [", ".join([ANNA, address]) if address else ANNA]
    assert message.get_content().split() == body.split()


def send(**settings: Any) -> Any:
    """`send_mail` of tools with these settings."""
    (tool,) = mail_tools(sender=SENDER, **settings)
    return tool


async def test_a_server_gets_the_mail_as_it_was_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHIPPED_MAIL", "shipped-mail-1")
    with mail_server(serving()) as server:
        context = trusting()
        context.check_hostname = False
        tool = send(
            **{"host": "127.0.0.1", "port": server.port, "security": "tls", "tls": context},
            **{"user": "desk", "password": secret("SHIPPED_MAIL")},
        )
        sent = await asyncio.to_thread(tool, [ANNA], "Hello", ".dots\n..more", key="k1")
    (mail,) = server.mails
    assert parsed(mail)["Message-ID"] == sent["message_id"]
    assert b"\r\n..dots\r\n...more\r\n" in mail  # dots at the beginning of a line are doubled on the way
    assert [line for line in server.said if line.startswith(("mail", "rcpt"))] == [
        f"mail FROM:<{SENDER}>",
        f"rcpt TO:<{ANNA}>",
    ]
    assert tool.spec.repeatable is False


@pytest.mark.parametrize(
    ("answers", "raised", "told"),
    [
        ({"MAIL": "550 no"}, ValueError, "550 no"),
        ({"RCPT": "550 no such user"}, ValueError, "550 no such user"),
        ({"RCPT": "450 later"}, TryAgain, "450 later"),
        ({"DATA": "451 later"}, TryAgain, "451"),
        ({"DATA": "554 no"}, ValueError, "554"),
        ({"END": "554 spam"}, ValueError, "554 spam"),
        ({"END": "451 later"}, TryAgain, "451 later"),
        ({"MAIL": None}, TryAgain, "does not answer"),
        ({"RCPT": None}, TryAgain, "does not answer"),
        ({"END": None}, ConnectionError, "may have taken"),
    ],
)
def test_a_failure_says_whether_it_may_have_happened(answers: dict[str, str | None], raised: Any, told: str) -> None:
    with mail_server(None, **answers) as server:
        tool = send(host="127.0.0.1", port=server.port, security="none", timeout=5.0)
        with pytest.raises(raised, match=told):
            tool(["a@b.example"], "s", "b", key="k")
    with pytest.raises(TryAgain, match="does not answer"):  # nobody listens any more
        tool(["a@b.example"], "s", "b", key="k")


def test_one_refused_address_keeps_the_mail_from_all() -> None:
    with mail_server(RCPT="550 no") as server:
        tool = send(host="127.0.0.1", port=server.port, security="none")
        with pytest.raises(ValueError):
            tool(["a@b.example", "c@d.example"], "s", "b", key="k")
    assert server.mails == []


def test_a_server_without_encryption_gets_neither_password_nor_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHIPPED_MAIL", "shipped-mail-1")
    with mail_server() as server:
        tool = send(host="127.0.0.1", port=server.port, user="desk", password=secret("SHIPPED_MAIL"))
        with pytest.raises(ValueError, match="cannot do that"):
            tool(["a@b.example"], "s", "b", key="k")
    with mail_server(serving()) as other:
        tool = send(host="127.0.0.1", port=other.port, security="tls")
        with pytest.raises(TryAgain, match="certificate"):
            tool(["a@b.example"], "s", "b", key="k")
    assert server.mails == other.mails == []
    assert not any("AUTH" in line for line in server.said)


def test_the_outbox_holds_a_mail_once_for_each_key(tmp_path: Path) -> None:
    outbox = tmp_path / "outbox"
    tool = send(outbox=outbox)
    assert tool.spec.reconcile("k1") is None
    first = tool([ANNA], "Hello", "one", key="k1")
    again = tool([ANNA], "Hello", "one", key="k1")
    assert first == again == {"message_id": f"<{mail_id('k1')}@shop.example>", "to": [ANNA]}
    (file,) = outbox.iterdir()
    assert (file.name, parsed(file.read_bytes()).get_content().strip()) == (f"{mail_id('k1')}.eml", "one")
    assert tool.spec.reconcile("k1") == f"the mail {mail_id('k1')} is in the outbox"
    (outbox / "sent").mkdir()
    file.rename(outbox / "sent" / file.name)
    assert tool.spec.reconcile("k1") is not None
    tool([ANNA], "Hello", "one", key="k1")
    assert [path.name for path in outbox.iterdir()] == ["sent"]
    assert tool.spec.reconcile("k2") is None


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"host": "a.example", "outbox": "out"},
        {"outbox": "out", "sender": "desk"},
        {"outbox": "out", "sender": "a@b.example\nBcc: c@d.example"},
        {"outbox": "out", "domains": ["@a.example"]},
        {"outbox": "out", "most_recipients": 0},
        {"outbox": "out", "most_bytes": 0},
        {"host": "a.example", "user": "desk"},
        {"host": "a.example", "user": "desk", "password": secret("SHIPPED_MAIL"), "security": "none"},
        {"outbox": "out", "timeout": 0},
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        mail_tools(**{"sender": SENDER} | settings)


async def test_in_a_run_a_mail_of_unknown_fate_is_asked_about_and_one_in_the_outbox_is_not(tmp_path: Path) -> None:
    mail = call("send_mail", to=[ANNA], subject="Hello", body="text")

    def clerk(tools: Any) -> list[Agent]:
        return [Agent("clerk", tools=tools, policy="allow-all")]

    with socket.create_server(("127.0.0.1", 0)) as silent:
        tools = mail_tools(sender=SENDER, host="127.0.0.1", port=silent.getsockname()[1], security="none", timeout=0.3)
        async with open_office(tmp_path / "a.db", clerk(tools), script([mail])) as baton:
            (review,) = (await soon((await baton.submit("go")).settled())).reviews
    assert review.kind is ReviewKind.DOUBT
    tools = mail_tools(sender=SENDER, outbox=tmp_path / "outbox")
    async with open_office(tmp_path / "b.db", clerk(tools), script([mail])) as baton:
        run = await baton.submit("go")
        assert (await soon(run.result())).status == "done"
        told = await tool_lines(run)
    assert f"<{mail_id(f'{run.id}.1.0')}@shop.example>" in told[0]
    assert (tmp_path / "outbox" / f"{mail_id(f'{run.id}.1.0')}.eml").is_file()
