"""Secrets by reference: shown by name alone, looked up where they are used, and kept out of every text."""

import base64
import copy
import json
import pickle
import time
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton.agents.failures import Target
from baton.core import InvalidValue, fill_in, redact, secret
from baton.core.redaction import Redactor


@pytest.fixture(autouse=True)
def _value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNIT_TOKEN", 'c4n/ry+"ünit"&9')


def test_a_reference_shows_its_name_whatever_writes_it() -> None:
    reference = secret("UNIT_TOKEN", prefix="Bearer ")
    shown = [str(reference), repr(reference), f"{reference}", json.dumps(reference), str([reference])]
    assert shown == ["secret:UNIT_TOKEN"] * 3 + ['"secret:UNIT_TOKEN"', "[secret:UNIT_TOKEN]"]
    assert reference.reveal() == 'Bearer c4n/ry+"ünit"&9'
    for twin in (copy.deepcopy(reference), pickle.loads(pickle.dumps(reference))):
        assert (str(twin), twin.reveal()) == ("secret:UNIT_TOKEN", reference.reveal())


@pytest.mark.parametrize("name", ["", "A B", "../passwd", "A/B", "9A", "A=B", "A\0"])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidValue):
        secret(name)


def test_only_references_that_are_allowed_are_filled_in() -> None:
    text = "token {{secret:UNIT_TOKEN}} and {{ secret:UNIT_TOKEN }}"
    assert fill_in(text, ["UNIT_TOKEN"]) == 'token c4n/ry+"ünit"&9 and c4n/ry+"ünit"&9'
    assert fill_in("{{UNIT_TOKEN}} {secret:UNIT_TOKEN}", ["UNIT_TOKEN"]) == "{{UNIT_TOKEN}} {secret:UNIT_TOKEN}"
    for other in ("{{secret:HOME}}", "{{secret:}}", "{{secret:UNIT_TOKEN2}}", "{{secret: ../x}}"):
        with pytest.raises(InvalidValue, match="one of: UNIT_TOKEN"):
            fill_in(other, ["UNIT_TOKEN"])


def _shapes(value: str) -> Iterator[str]:
    yield from (
        value,
        repr({"a": value}),
        repr(f"'{value}"),
        repr(f'"{value}'),
        repr(f"'\"{value}"),
        json.dumps({"a": value}),
        json.dumps([value], ensure_ascii=False),
    )
    yield from (
        quote(value),
        quote(value, safe=""),
        quote_plus(value),
        value.encode().hex(),
        value.encode().hex().upper(),
    )
    for before in ("", "a", "ab", "abc", "user:"):
        yield base64.b64encode(f"{before}{value} after".encode()).decode()
        yield base64.urlsafe_b64encode(f"{before}{value}".encode()).decode()


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs"]), min_size=8, max_size=40), st.text(max_size=20))
def test_a_known_value_is_found_in_all_its_shapes(value: str, around: str) -> None:
    redactor = Redactor(lambda _name: None, lambda: ())
    redactor.learn("X", value)
    for shape in _shapes(value):
        said = redactor.redact(f"{around}{shape}{around}")
        assert "[secret:X]" in said
        assert value not in said


def test_an_overlong_secret_and_one_that_begins_like_another_are_told_apart() -> None:
    redactor = Redactor(lambda _name: None, lambda: ())
    redactor.learn("SHORT", "sk-12345678")
    redactor.learn("LONG", "sk-12345678-and-more")
    pem = "-----BEGIN KEY-----\n" + "x" * 60_000 + "\n-----END KEY-----"
    redactor.learn("PEM", pem)
    assert redactor.redact("sk-12345678 sk-12345678-and-more sk-1234567") == "[secret:SHORT] [secret:LONG] sk-1234567"
    assert redactor.redact(json.dumps(pem)) == '"[secret:PEM]"'
    every = "".join(map(chr, range(1, 128)))
    redactor.learn("EVERY", every)
    assert redactor.redact(f"<{every}>") == "<[secret:EVERY]>"


def test_half_a_surrogate_pair_hides_nothing() -> None:
    redactor = Redactor(lambda _name: None, lambda: ())
    redactor.learn("X", "canary-canary")
    assert redactor.redact("\ud800canary-canary") == "\ud800[secret:X]"
    assert redactor.redact("\ud800canary") == "\ud800canary"


def test_a_megabyte_is_looked_through_in_one_quick_pass() -> None:
    redactor, text = Redactor(lambda _name: None, lambda: ()), "a text without any secret in it " * 31_250
    for number in range(20):
        redactor.learn(f"X{number}", f"sk-{number:02}-{'abcdefghij' * 3}")
    taken: list[float] = []
    for _ in range(5):
        started = time.perf_counter()
        assert redactor.redact(text) == text
        taken.append(time.perf_counter() - started)
    assert min(taken) < 0.02  # a tenth of a millisecond on an idle machine; looking for each in turn takes 50


def test_keys_of_the_environment_stay_known_when_they_are_rotated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-first-key-1")
    assert redact("sk-first-key-1") == "[secret:OPENAI_API_KEY]"
    monkeypatch.setenv("OPENAI_API_KEY", "sk-second-key-2")
    assert redact("sk-first-key-1 sk-second-key-2") == "[secret:OPENAI_API_KEY] [secret:OPENAI_API_KEY]"
    monkeypatch.setenv("UNIT_LISTED", "listed-value")
    assert redact("listed-value") == "listed-value"
    monkeypatch.setenv("BATON_SECRETS", "UNIT_OTHER, UNIT_LISTED")
    assert redact("listed-value") == "[secret:UNIT_LISTED]"


def test_a_secret_is_kept_out_from_the_moment_that_it_is_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    secret("UNIT_LATER")
    monkeypatch.setenv("UNIT_LATER", "set-after-it-was-declared")
    assert redact("set-after-it-was-declared") == "[secret:UNIT_LATER]"


def test_what_a_model_endpoint_repeats_is_kept_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-endpoint-key-3")
    target = Target(model="m", endpoint="http://localhost", key="sk-endpoint-key-3", key_variable="OPENAI_API_KEY")
    encoded = base64.b64encode(b"sk-endpoint-key-3").decode()
    assert target.redact(f"wrong key sk-endpoint-key-3, {encoded}") == "wrong key ***, [secret:OPENAI_API_KEY]M="
