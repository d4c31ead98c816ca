"""Faults: which request meets which, and what they do to an answer."""

import json

import pytest

from baton.agents.simulated import CONTENT, TRANSPORT, Fault, Faults
from baton.agents.simulated.faults import spoil
from baton.agents.simulated.wire import SpokenCall, Utterance

DIGESTS = [f"{n:064x}" for n in range(400)]


def utterance(calls: int = 2, text: str = "some text") -> Utterance:
    spoken = tuple(SpokenCall(id=f"c{n}", name="f", arguments='{"a":1}') for n in range(calls))
    return Utterance(text=text, calls=spoken, finish="tool_calls" if calls else "stop", refusal=None, confidence=0.9)


def test_every_fault_is_of_the_transport_or_of_the_content() -> None:
    assert (len(Fault), len(TRANSPORT), len(CONTENT)) == (15, 8, 7)
    assert Fault.NO_DONE in TRANSPORT and Fault.MALFORMED in CONTENT


def test_no_faults_unless_asked_for() -> None:
    faults = Faults()
    assert {faults.meet(digest) for digest in DIGESTS} == {None}


def test_the_order_of_requests_changes_nothing() -> None:
    one, other = Faults(seed=7, rate=0.5), Faults(seed=7, rate=0.5)
    forwards = {digest: one.meet(digest) for digest in DIGESTS}
    backwards = {digest: other.meet(digest) for digest in reversed(DIGESTS)}
    assert forwards == backwards
    assert forwards != {digest: Faults(seed=8, rate=0.5).meet(digest) for digest in DIGESTS}


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 1.0])
def test_the_rate_is_the_share_that_fails(rate: float) -> None:
    faults = Faults(rate=rate)
    met = [faults.meet(digest) for digest in DIGESTS]
    assert sum(fault is not None for fault in met) / len(met) == pytest.approx(rate, abs=0.06)
    if rate == 1.0:
        assert set(met) == set(Fault)


@pytest.mark.parametrize("persistent", [False, True])
def test_faults_of_the_transport_vanish_when_the_request_comes_again(persistent: bool) -> None:
    faults = Faults(rate=1.0, kinds=sorted(TRANSPORT), persistent=persistent)
    first = [faults.meet(digest) for digest in DIGESTS]
    again = [faults.meet(digest) for digest in DIGESTS]
    assert None not in first and set(again) == {None}


@pytest.mark.parametrize("persistent", [False, True])
def test_faults_of_the_content_stay_or_come_once(persistent: bool) -> None:
    faults = Faults(rate=1.0, kinds=sorted(CONTENT), persistent=persistent)
    first = [faults.meet(digest) for digest in DIGESTS]
    again = [faults.meet(digest) for digest in DIGESTS]
    assert again == (first if persistent else [None] * len(DIGESTS))


def test_a_schedule_counts_each_request_by_itself() -> None:
    faults = Faults(schedule=[Fault.UNAVAILABLE, None, Fault.EMPTY])
    assert [faults.meet("a") for _ in range(4)] == [Fault.UNAVAILABLE, None, Fault.EMPTY, None]
    assert faults.meet("b") is Fault.UNAVAILABLE
    faults.reset()
    assert faults.meet("a") is Fault.UNAVAILABLE


@pytest.mark.parametrize("kind", sorted(TRANSPORT))
def test_faults_of_the_transport_leave_the_content(kind: Fault) -> None:
    assert spoil(utterance(), kind) == utterance()


@pytest.mark.parametrize("kind", sorted(CONTENT - {Fault.LENGTH, Fault.REFUSAL, Fault.EMPTY}))
def test_faults_of_calls_need_calls(kind: Fault) -> None:
    assert spoil(utterance(0), kind) == utterance(0)
    assert spoil(utterance(), kind) != utterance()


@pytest.mark.parametrize("arguments", ["{}", '{"a":1}', '{"a":{"b":2}}'])
def test_malformed_arguments_are_no_json(arguments: str) -> None:
    call = SpokenCall(id="c", name="f", arguments=arguments)
    spoilt = spoil(Utterance(text="", calls=(call,), finish="stop", refusal=None, confidence=1), Fault.MALFORMED)
    with pytest.raises(ValueError):
        json.loads(spoilt.calls[0].arguments)


def test_ids_are_the_same_or_missing() -> None:
    assert len({call.id for call in spoil(utterance(), Fault.DUPLICATE_IDS).calls}) == 1
    assert {call.id for call in spoil(utterance(), Fault.MISSING_IDS).calls} == {None}


def test_a_cut_off_answer_is_shorter_and_says_so() -> None:
    text, calls = spoil(utterance(0), Fault.LENGTH), spoil(utterance(), Fault.LENGTH)
    assert (text.text, text.finish) == ("some", "length")
    assert (calls.calls[-1].arguments, calls.finish) == ('{"a', "length")


def test_a_refusal_and_an_empty_answer_say_nothing_else() -> None:
    refusal, empty = spoil(utterance(), Fault.REFUSAL), spoil(utterance(), Fault.EMPTY)
    assert refusal.refusal and not empty.refusal
    for said in (refusal, empty):
        assert (said.text, said.calls, said.finish) == ("", (), "stop")
