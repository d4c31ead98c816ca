"""Mails: one for what comes close together, at once for what is urgent, none for what is decided; with a way to it."""

import base64
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from baton import Agent, Baton, Goal, RunHandle, secret, tool
from baton.core import ManualClock, Retries
from baton.core.post import Server
from baton.ledger import Ledger, Transaction, notices
from baton.ledger.notices import Notice
from baton.review.links import open_link
from baton.review.notices import AddressBook, Courier, Mailbox, Notices, courier
from support import call, on_both, open_office, script, set_policy, soon, until
from support.servers import MailServer, mail_server, serving, trusting

ASK = (
    '@id("ask") @reason("payments are asked about") '
    'permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'
)
LEAD = ASK.replace("permit", '@reviewers("lead") permit')
URGENT = LEAD.replace("permit", '@deadline("30m") permit')
PAY = script([call("pay", cents=500)])
BOOK = AddressBook(
    people={"ann": "ann@shop.example", "bob": "bob@shop.example"}, roles={"lead": ("ann",)}, anybody=("bob",)
)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(courier, "GATHER_SECONDS", 0.01)


@pytest.fixture
def clerk(tmp_path: Path) -> Callable[..., Agent]:
    def made(rule: str = LEAD) -> Agent:
        @tool
        async def pay(cents: int) -> str:
            """Pay."""
            return f"paid {cents}"

        return Agent("clerk", tools=[pay], policy=set_policy(tmp_path / "till.cedar", rule))

    return made


def mailing(server: MailServer, base_url: str | None = None, **settings: object) -> Notices:
    smtp = Server(host="127.0.0.1", port=server.port, security="none", user=None, password=None, timeout=5.0, tls=None)
    mailbox = Mailbox(sender="baton@shop.example", server=smtp, book=BOOK)
    return Notices(mail=replace(mailbox, **settings), base_url=base_url)  # type: ignore[arg-type]


async def asked(baton: Baton, goal: Goal | str = "go") -> RunHandle:
    run = await baton.submit(goal)
    await soon(run.settled())
    return run


def parsed(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def text(raw: bytes) -> str:
    content: str = parsed(raw).get_content()
    return content


def at_work(ledger: Ledger, config: Notices) -> Courier:
    return Courier(ledger, config, retries=Retries(attempts=3, first_wait=0.01, longest_wait=0.02))


def waiting(count: int) -> Callable[[Transaction], list[Notice] | None]:
    return lambda tx: found if len(found := notices.listed(tx, ["waiting"])) == count else None


def ended(count: int) -> Callable[[Transaction], list[Notice] | None]:
    return lambda tx: found if len(found := notices.listed(tx, ["sent", "dead", "dropped"])) >= count else None


@on_both
async def test_what_comes_close_together_is_one_mail(database: str, clerk: Callable[..., Agent]) -> None:
    clock = ManualClock()
    with mail_server() as server:
        async with open_office(database, [clerk()], PAY, clock=clock) as baton:
            post = at_work(baton.ledger, mailing(server))
            await post.start()
            first, second, third = [await asked(baton) for _ in range(3)]
            await until(baton.ledger, waiting(3))
            assert server.mails == []
            (over,) = await baton.reviews.waiting([third.id])
            await baton.reject(over.id, "no", by="ann")
            clock.advance(300.0)
            told = await until(baton.ledger, ended(3))
            assert sorted(one.state for one in told) == ["dropped", "sent", "sent"]
            assert len({one.letter for one in told if one.state == "sent"}) == 1
            await post.stop()
            shown = [review.id for run in (first, second) for review in await baton.reviews.waiting([run.id])]
    (mail,) = map(parsed, server.mails)
    assert (mail["To"], mail["Subject"]) == ("ann@shop.example", "2 questions wait for you")
    text = mail.get_content()
    assert sorted(re.findall(r"baton review show (\S+)", text)) == sorted(shown)
    assert text.count("Why it is asked: payments are asked about") == 2 and "cents: 500" in text


@on_both
async def test_what_is_urgent_goes_at_once_with_what_waits(database: str, clerk: Callable[..., Agent]) -> None:
    clock = ManualClock()
    with mail_server() as server:
        config = mailing(server, "https://baton.shop.example")
        async with open_office(database, [clerk()], PAY, clock=clock) as baton:
            post = at_work(baton.ledger, config)
            await post.start()
            await asked(baton)
            await until(baton.ledger, waiting(1))
            clock.advance(1.0)
            baton.employ(clerk(URGENT))
            urgent = await asked(baton)
            await until(baton.ledger, ended(2))
            (mail,) = map(parsed, server.mails)
            assert mail["Subject"] == "2 questions wait for you"
            tokens = re.findall(r"https://baton.shop.example/open/(\S+)", mail.get_content())
            opened = [await open_link(baton.ledger, token) for token in tokens]
            assert [one.person for one in opened] == ["ann", "ann"]
            assert opened[1].review.run == urgent.id and opened[1].review.open
            clock.advance(1800.0)
            await baton.submit("go")  # so that the dispatcher looks at the clock
            await until(
                baton.ledger, lambda _tx: any("Late: May clerk" in parsed(raw).get_content() for raw in server.mails)
            )
            await post.stop()


async def test_what_anybody_may_answer_and_what_is_over_goes_to_whom_it_concerns(
    tmp_path: Path, clerk: Callable[..., Agent]
) -> None:
    kinds = ("review.requested", "review.decided", "run.finished")
    with mail_server() as server:
        config = mailing(server, digest=0.0, kinds=kinds)
        async with open_office(tmp_path, [clerk(ASK)], PAY, notices=config) as baton:
            run = await asked(baton, Goal("pay ann", requester="ann"))
            (review,) = await baton.reviews.waiting([run.id])
            await until(baton.ledger, ended(1))
            await baton.approve(review.id, by="bob", note="fine")
            await soon(run.result())
            await until(baton.ledger, ended(3))
    mails = [parsed(raw) for raw in server.mails]
    assert [mail["To"] for mail in mails[:2]] == ["bob@shop.example", "ann@shop.example"]
    rest = "".join(mail.get_content() for mail in mails[1:])
    assert "bob has decided: approve" in rest and "pay ann" in rest
    assert {mail["To"] for mail in mails[1:]} == {"ann@shop.example"}


async def test_a_server_that_is_down_is_tried_again_and_one_that_refuses_is_not(
    tmp_path: Path, clerk: Callable[..., Agent]
) -> None:
    with mail_server(MAIL="451 later") as server:
        config = mailing(server, digest=0.0)
        async with open_office(tmp_path, [clerk()], PAY) as baton:
            post = at_work(baton.ledger, config)
            await post.start()
            await asked(baton)
            await until(baton.ledger, lambda tx: [one for one in notices.listed(tx, ["waiting"]) if one.said])
            server.answers["MAIL"] = "250 fine"
            (sent,) = await until(baton.ledger, ended(1))
            assert sent.state == "sent" and sent.attempts > 1
            server.answers["RCPT"] = "550 nobody here"
            await asked(baton)
            dead = (await until(baton.ledger, ended(2)))[1]
            assert (dead.state, dead.attempts) == ("dead", 1) and "550 nobody here" in dead.said
            await post.stop()
    assert len(server.mails) == 1


class _Taking:
    """Takes mails of those who have logged in, on a connection that is encrypted."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert session.ssl is not None and session.authenticated
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content)
        return "250 fine"


def _knows(server: SMTP, session: Session, envelope: Envelope, mechanism: str, auth: object) -> AuthResult:
    good = isinstance(auth, LoginPassword) and (auth.login, auth.password) == (b"baton", b"smtp-password-1")
    return AuthResult(success=good)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


class _Controller(Controller):
    def __init__(self, handler: _Taking, tls: ssl.SSLContext) -> None:
        super().__init__(handler, hostname="127.0.0.1", port=_free_port())
        self._tls = tls

    def factory(self) -> SMTP:
        return SMTP(
            self.handler, tls_context=self._tls, require_starttls=True, auth_required=True, authenticator=_knows
        )


async def test_a_real_server_takes_a_mail_over_starttls_with_a_password(
    tmp_path: Path, clerk: Callable[..., Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("T_SMTP", "smtp-password-1")
    taking = _Taking()
    server = _Controller(taking, serving())
    server.start()
    try:
        context = trusting()
        context.check_hostname = False
        smtp = Server(
            host="127.0.0.1",
            port=server.port,
            security="starttls",
            user="baton",
            password=secret("T_SMTP"),
            timeout=5.0,
            tls=context,
        )
        config = Notices(mail=Mailbox(sender="baton@shop.example", server=smtp, book=BOOK, digest=0.0))
        async with open_office(tmp_path, [clerk()], PAY, notices=config) as baton:
            await asked(baton)
            await until(baton.ledger, ended(1))
    finally:
        server.stop()
    (mail,) = map(parsed, taking.mails)
    assert mail["Subject"] == "clerk asks: May clerk call pay?"
    assert base64.b64encode(b"smtp-password-1") not in taking.mails[0]


async def test_whom_a_question_is_given_to_is_told_at_once(tmp_path: Path, clerk: Callable[..., Agent]) -> None:
    with mail_server() as server:
        async with open_office(tmp_path, [clerk()], PAY, notices=mailing(server)) as baton:
            run = await asked(baton)
            (review,) = await baton.reviews.waiting([run.id])
            await baton.reviews.delegate(review.id, "bob", by="ann", note="you know them")
            await until(baton.ledger, lambda _tx: server.mails)
    mail = parsed(server.mails[0])
    assert mail["To"] == "bob@shop.example"
    assert mail["Subject"].startswith("Given to you: clerk asks") and "May clerk call pay" in mail.get_content()
