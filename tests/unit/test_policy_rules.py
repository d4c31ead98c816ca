"""Reading policy texts: annotations, places and what is refused."""

import pytest

from baton.core import PolicyError
from baton.policies.rules import ACTIONS, PolicyText, Rule, read_rules

PERMIT = "permit (principal, action, resource);"
CALL = 'permit (principal, action == Action::"call", resource);'
APPROVAL = 'permit (principal, action == Action::"call_with_approval", resource);'


def read(text: str) -> tuple[Rule, ...]:
    return read_rules([PolicyText("p.cedar", text)])


def test_annotations_are_read() -> None:
    (rule,) = read(
        '@id("a") @class("money") @min_confidence("0.85") @reviewers("lead, finance") @deadline("4h") '
        '@on_deadline("deny") @reason(" why ") permit (principal, action, resource is Tool::refund);'
    )
    assert (rule.id, rule.kind, rule.min_confidence, rule.reason) == ("a", "money", 0.85, "why")
    assert (rule.reviewers, rule.deadline, rule.on_deadline) == (("lead", "finance"), 14400.0, "deny")
    assert (rule.permits, rule.actions, rule.resource) == (True, ACTIONS, "Tool::refund")


def test_places_are_told_whatever_strings_and_comments_hold() -> None:
    text = (
        '// one; two\n@id("a") @reason("a; b // c \\" d")\n'
        + PERMIT
        + '\n\n  // "\n@id("b")\n'
        + PERMIT
        + ' @id("c") '
        + PERMIT
    )
    assert [(rule.id, rule.where) for rule in read(text)] == [
        ("a", "p.cedar:2"),
        ("b", "p.cedar:6"),
        ("c", "p.cedar:7"),
    ]


@pytest.mark.parametrize("text", ["", "\n  \n", "// nothing here"])
def test_an_empty_text_has_no_rules(text: str) -> None:
    assert read(text) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PERMIT, "p.cedar:1: a rule has no @id"),
        ("@id " + PERMIT, "no @id"),
        (f'@id("a") {PERMIT}\n@id("a") {PERMIT}', 'p.cedar:2: @id("a") is taken by p.cedar:1'),
        ('\n@id("a") permit (principal, action, resource)', "p.cedar:2: unexpected end"),
        ('@id("a") permit (principal, action, resource) when { 1 ++ 1 };', "unexpected token"),
        (f'@id("a")\n{PERMIT}\n"', "p.cedar:3"),
        ('@id("a") permit (principal == ?principal, action, resource);', "template"),
        (f'@id("a") @reviewer("x") {PERMIT}', "@reviewer means nothing here"),
        (f'@id("a") @min_confidence("0.8") {APPROVAL}', "@min_confidence means nothing here"),
        (f'@id("a") @deadline("4h") {CALL}', "@deadline means nothing here"),
        (f'@id("a") @reviewers("x") {PERMIT.replace("permit", "forbid")}', "@reviewers means nothing here"),
        (f'@id("a") @min_confidence("80") {PERMIT}', "a number from 0 to 1"),
        (f'@id("a") @min_confidence("nan") {PERMIT}', "a number from 0 to 1"),
        (f'@id("a") @min_confidence("0.805") {PERMIT}', "two decimals"),
        (f'@id("a") @reviewers("a,,b") {PERMIT}', "names or roles"),
        (f'@id("a") @deadline("soon") {PERMIT}', "duration 'soon'"),
        (f'@id("a") @deadline("0s") {PERMIT}', "more than nothing"),
        (f'@id("a") @deadline("4h") @on_deadline("allow") {PERMIT}', "deny, escalate, park, approve"),
        (f'@id("a") @on_deadline("deny") {PERMIT}', "@on_deadline without @deadline"),
        (f'@id("a") @class("") {PERMIT}', "some words"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as error:
        read(text)
    assert said in str(error.value)
    assert str(error.value).startswith("policy p.cedar:")
