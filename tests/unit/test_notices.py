"""Notices without I/O: signatures, what a project may say, and what stands in a mail."""

import base64
import json
import os
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from standardwebhooks import Webhook as Oracle
from standardwebhooks import WebhookVerificationError

from baton.core import InvalidValue, NotFound, ReviewId, RunId, Secret, secret
from baton.core.post import Rules
from baton.ledger.notices import Notice
from baton.review.notices import AddressBook, NoticesEntry, Webhook
from baton.review.notices.letters import written
from baton.review.notices.signing import signed

RULES = Rules(sender="b@shop.example", domains=None, most_recipients=1, most_bytes=2_000_000)


@settings(deadline=None, max_examples=25)  # each secret that is revealed is looked for from then on
@given(st.binary(min_size=24, max_size=64), st.binary(min_size=24, max_size=64), st.text(max_size=200))
def test_signatures_are_those_of_the_specification(new: bytes, old: bytes, text: str) -> None:
    values = {"T_NEW": new, "T_OLD": old}
    os.environ.update({name: f"whsec_{base64.b64encode(key).decode()}" for name, key in values.items()})
    try:
        body = json.dumps({"text": text}).encode()
        headers = signed("run_1.2", datetime.now(UTC).timestamp(), body, [Secret("T_NEW"), Secret("T_OLD")])
    finally:
        for name in values:
            del os.environ[name]
    for key in (new, old):  # while one takes the other's place, a receiver with either is content
        assert Oracle(key).verify(body, headers) == {"text": text}
    with pytest.raises(WebhookVerificationError):
        Oracle(b"another").verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Oracle(new).verify(body + b" ", headers)


@pytest.mark.parametrize("value", ["c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "whsec_short", "whsec_not+base64!!", "whsec_"])
def test_a_secret_that_is_none_is_refused_without_being_shown(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T_HOOK", value.ljust(8, "="))
    with pytest.raises(InvalidValue, match=r"secret T_HOOK '\*\*\*' is not allowed: give whsec_ and the base64"):
        signed("id", 0.0, b"{}", [secret("T_HOOK")])
    monkeypatch.delenv("T_HOOK")
    with pytest.raises(NotFound, match="T_HOOK"):
        signed("id", 0.0, b"{}", [secret("T_HOOK")])


HOOK: dict[str, Any] = {"name": "chat", "url": "https://chat.example/in", "secrets": [{"secret": "T_HOOK"}]}
PEOPLE = {"ann": "ann@shop.example", "bob": "bob@shop.example"}
MAIL: dict[str, Any] = {"sender": "b@shop.example", "host": "mail.shop.example", "people": PEOPLE}


def test_what_a_project_says_is_what_is_done() -> None:
    said = {
        "base_url": "https://baton.shop.example/x",
        "soon": "30m",
        "webhooks": [HOOK | {"events": ["review.late"]}],
        "mail": MAIL | {"roles": {"lead": ["ann"]}, "anybody": ["bob"], "digest": "1m", "events": ["run.finished"]},
    }
    notices = NoticesEntry.model_validate(said).made()
    assert (notices.soon, notices.base_url) == (1800.0, "https://baton.shop.example/x")
    assert sorted(notices.kinds) == ["review.late", "run.finished"]
    assert notices.mail is not None
    assert (notices.mail.digest, notices.mail.server.port, notices.mail.server.security) == (60.0, 587, "starttls")
    assert notices.webhooks[0].secrets == (secret("T_HOOK"),)
    plain = NoticesEntry.model_validate({"webhooks": [HOOK], "mail": MAIL}).made()
    assert (plain.soon, plain.mail and plain.mail.digest, plain.webhooks[0].timeout) == (3600.0, 300.0, 10.0)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"webhooks": [HOOK | {"name": "Chat!"}]}, "name of a webhook 'Chat!' is not allowed: give a-z"),
        ({"webhooks": [HOOK | {"name": "mail"}]}, "not mail"),
        ({"webhooks": [HOOK, HOOK]}, "names that are given once"),
        ({"webhooks": [HOOK | {"url": "http://chat.example/in"}]}, "https, or http to a host that is private: true"),
        ({"webhooks": [HOOK | {"url": "ftp://chat.example/in"}]}, "url of webhook chat"),
        ({"webhooks": [HOOK | {"url": "https://u:p@chat.example/in"}]}, "user name or password"),
        ({"webhooks": [HOOK | {"secrets": []}]}, "one secret or more"),
        ({"webhooks": [HOOK | {"secrets": ["whsec_abc"]}]}, "no secret stands in this file"),
        ({"webhooks": [HOOK | {"events": ["review.opened"]}]}, "review.requested"),
        ({"webhooks": [HOOK | {"events": []}]}, "some of: review.requested"),
        ({"webhooks": [HOOK | {"timeout": 31}]}, "up to 30"),
        ({"webhooks": [HOOK | {"retries": 3}]}, "retries"),
        ({"base_url": "baton.shop.example"}, "base_url"),
        ({"base_url": "https://baton.shop.example/?a=b"}, "question mark"),
        ({"soon": "2 weeks"}, "duration"),
        ({"soon": "8d"}, "up to a week"),
        ({"mail": MAIL | {"sender": "Baton <b@shop.example>"}}, "sender of mail"),
        ({"mail": MAIL | {"people": {"ann": "ann"}}}, "address of ann 'ann' is not allowed"),
        ({"mail": MAIL | {"people": PEOPLE | {"eve": "Ann@shop.example"}}}, "of their own; ann has this one"),
        ({"mail": MAIL | {"roles": {"lead": ["eve"]}}}, "role lead 'eve' is not allowed: give people with an address"),
        ({"mail": MAIL | {"anybody": ["lead"]}}, "anybody 'lead'"),
        ({"mail": MAIL | {"user": "b"}}, "a user with a password"),
        ({"mail": MAIL | {"security": "none", "user": "b", "password": {"secret": "T_SMTP"}}}, "encrypted"),
        ({"mail": MAIL | {"digest": "2d"}}, "up to a day"),
    ],
)
def test_what_cannot_be_is_refused(said: dict[str, Any], told: str) -> None:
    with pytest.raises((InvalidValue, ValidationError), match=told):
        NoticesEntry.model_validate(said).made()


def test_a_url_names_the_one_host_that_is_asked() -> None:
    hooks = [
        Webhook(name="a", url=url, secrets=(secret("T_HOOK"),), private=True)
        for url in ("https://chat.example/in", "https://chat.example:8443/in", "http://127.0.0.1:8080/in")
    ]
    assert [str(hook.hosts) for hook in hooks] == ["chat.example", "chat.example:8443", "127.0.0.1:8080"]


def test_who_is_written_to() -> None:
    book = AddressBook(people=PEOPLE, roles={"lead": ("ann", "bob"), "night": ("bob",)}, anybody=("bob",))
    assert book.reviewers([]) == ["bob"]
    assert book.reviewers(["lead"]) == ["ann", "bob"]
    assert book.reviewers(["night", "lead", "ann"]) == ["bob", "ann"]
    assert book.reviewers(["nobody"]) == ["bob"]


def notice(kind: str = "review.requested", **data: Any) -> Notice:
    review = {
        "id": "rev_1",
        "agent": "clerk",
        "tool": "pay",
        "summary": "May clerk call pay?",
        "arguments": {"cents": 500, "to": "ann"},
        "reason": "it broke",
        "why": {"reason": "payments are asked about"},
        "deadline": "2026-11-26T14:30:00.000+00:00",
        "on_deadline": "deny",
        "decision": {"by": "bob", "kind": "approve", "note": "fine"},
    }
    run = {"id": "run_1", "agent": "clerk", "status": "done", "goal": "Pay ann", "summary": "Paid."}
    body = {"data": {"run": run} if kind == "run.finished" else {"review": review | data.pop("review", {}), **data}}
    return Notice(
        id="ntc_1",
        channel="mail",
        recipient="ann",
        event="run_1.1",
        kind=kind,
        run=RunId("run_1"),
        review=None if kind == "run.finished" else ReviewId("rev_1"),
        body=json.dumps(body),
        state="waiting",
        at=0.0,
        due=0.0,
        letter=None,
        attempts=1,
        held_until=None,
        said="",
        ended_at=None,
    )


WAY = {"rev_1": "baton review show rev_1"}


def test_a_mail_says_what_is_asked_why_until_when_and_the_way() -> None:
    subject, body = written([notice()], WAY)
    assert subject == "clerk asks: May clerk call pay?"
    assert body == (
        "May clerk call pay?\n\n  cents: 500\n  to: ann\n\nWhy it is asked: payments are asked about\n\n"
        "In the agent's own words: it broke\n\nUntil 2026-11-26 14:30 UTC; then it counts as rejected.\n\n"
        f"baton review show rev_1\n\n{'-' * 60}\nSent by Baton."
    )
    assert written([notice()], {"rev_1": "https://b/open/t"})[1].endswith("for you alone: pass it on to nobody.")


def test_several_are_one_mail_and_others_say_what_they_are() -> None:
    subject, body = written([notice(), notice()], WAY)
    assert subject == "2 questions wait for you"
    assert body.startswith("1. May clerk") and "\n\n2. May clerk" in body
    assert written([notice("review.late", late="soon")], WAY)[0] == "Late soon: clerk asks: May clerk call pay?"
    assert written([notice("review.late", late="over")], WAY)[0] == "Late: clerk asks: May clerk call pay?"
    assert written([notice("review.decided")], WAY)[0] == "Decided: May clerk call pay?"
    assert "bob has decided: approve\n\nfine" in written([notice("review.decided")], WAY)[1]
    assert written([notice("run.finished")], {})[1].startswith("Pay ann\n\ndone: Paid.\n\nbaton runs show run_1")
    assert written([notice(), notice("run.finished")], WAY)[0].startswith("2 notices: clerk asks")


@settings(deadline=None)
@given(st.text(), st.text(), st.dictionaries(st.text(), st.text() | st.integers(), max_size=3))
def test_whatever_an_agent_says_can_be_sent_and_is_no_more_than_text(
    summary: str, reason: str, arguments: dict[str, Any]
) -> None:
    told = [notice(review={"summary": summary, "reason": reason, "arguments": arguments})]
    for delivery in (told, told * 3):
        subject, body = written(delivery, WAY)
        mail = RULES.write(["ann@shop.example"], subject, body, "k")
        assert mail.to == ("ann@shop.example",)
        assert body.count("baton review show rev_1") >= len(delivery)


def test_a_text_without_end_is_cut() -> None:
    subject, body = written([notice(review={"summary": "x" * 300, "reason": "y" * 1_000_000})], WAY)
    assert len(subject) == 200 and len(body) < 5000
