"""Policies through Cedar itself: who may do what, and that everything broken is a deny."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.core import (
    Action,
    ActionId,
    Assessed,
    Effect,
    Label,
    PolicyError,
    Question,
    Reading,
    Ruling,
    RunId,
    ToolSpec,
    Trust,
    Verdict,
)
from baton.policies import BUILT_IN, SHIPPED, CedarPolicy, DenyAll, PolicyText, load_policy


def tool(name: str, effect: Effect = Effect.WRITE, required: tuple[str, ...] = (), **properties: Any) -> ToolSpec:
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return ToolSpec(name=name, description="", parameters=parameters, run=print, effect=effect)


TEXT, NUMBER, WHOLE = {"type": "string"}, {"type": "number"}, {"type": "integer"}
REFUND = tool("refund", required=("order", "amount"), order=TEXT, amount=NUMBER, pieces=WHOLE, extra={"type": "object"})
FIND = tool("find-order", Effect.READ, ("id",), id=TEXT)
TOOLS = (REFUND, FIND, *(tool(name) for name in BUILT_IN))

REFUNDS = """
@id("small") @min_confidence("0.8") @class("refunds/small")
permit (principal == Agent::"desk", action == Action::"call", resource is Tool::refund)
when { resource.args.amount.lessThanOrEqual(decimal("50.0")) && resource.trust.order >= 2 };

@id("large") @reviewers("lead, finance") @deadline("4h") @on_deadline("deny") @reason("refunds are looked at")
permit (principal, action == Action::"call_with_approval", resource is Tool::refund)
when { resource.from.order.contains("find-order.id") };

@id("often") @reason("three refunds are enough")
forbid (principal, action, resource is Tool::refund) when { context.count >= 3 };
"""
FOUND = Reading(source="find-order", content={"id": "A-1023", "total": 20}, label=Label(Trust.VERIFIED_TOOL))


def compiled(*texts: str, tools: tuple[ToolSpec, ...] = TOOLS) -> CedarPolicy:
    sources = [PolicyText(f"p{number}.cedar", text) for number, text in enumerate(texts)]
    return CedarPolicy.compile(sources, tools, agent="desk", name="p")


def question(
    spec: ToolSpec = REFUND,
    confidence: float | None = 0.9,
    agent: str = "desk",
    **more: Any,
) -> Question:
    arguments = more.pop("arguments", {"order": "A-1023", "amount": 20})
    action = Action(
        id=ActionId("run_a.1.0"),
        run=RunId("run_a"),
        agent=agent,
        tool=spec.name,
        version="1",
        arguments=arguments,
        confidence=confidence,
    )
    given: dict[str, Any] = {"readings": (FOUND,), "now": 100.5, **more}
    return Question(action=action, tool=spec, **given)


def refund(**arguments: Any) -> dict[str, Any]:
    return {"order": "A-1023", "amount": 20, **arguments}


def test_a_call_that_is_permitted_goes_ahead_and_says_why() -> None:
    verdict = compiled(REFUNDS).judge(question(requester="ann", counts={"refund": 2}))
    assert (verdict.ruling, verdict.rules, verdict.kind) == (Ruling.ALLOW, ("small",), "refunds/small")
    assert (verdict.threshold, verdict.value, verdict.reason) == (0.8, 0.9, "small allows refund")
    assert verdict.policy.startswith("p@")
    arguments, internal = verdict.evidence["arguments"], {"confidentiality": "internal"}
    found = ["find-order", "find-order.id"]
    assert arguments["order"] == {"trust": "verified_tool", "from": found, "vouched": False} | internal
    assert arguments["pieces"] == {"trust": "agent", "from": ["absent"], "vouched": True} | internal
    context = {"now": 100, "count": 2, "requester": "ann", "confidence": 90, "called": ["refund"]}
    context |= {"planned": False, "read_trust": 2, "read_secrecy": 1}
    assert {name: verdict.evidence["context"][name] for name in context} == context
    json.dumps(verdict.evidence)


def test_a_call_that_needs_approval_is_asked_about() -> None:
    verdict = compiled(REFUNDS).judge(question(arguments=refund(amount=99.5)))
    assert (verdict.ruling, verdict.rules, verdict.kind) == (Ruling.ASK, ("large",), "desk/refund")
    assert (verdict.reviewers, verdict.deadline, verdict.on_deadline) == (("lead", "finance"), 14400.0, "deny")
    assert (verdict.reason, verdict.threshold, verdict.value) == ("refunds are looked at", None, None)


@pytest.mark.parametrize(
    ("confidence", "ruling", "said"),
    [
        (1.0, Ruling.ALLOW, "small allows refund"),
        (0.8, Ruling.ALLOW, "small allows refund"),
        (0.7999, Ruling.ASK, "confidence 0.7999 is below 0.8; refunds are looked at"),
        (None, Ruling.ASK, "no confidence was given, and acting alone takes 0.8; refunds are looked at"),
        (1.01, Ruling.DENY, "confidence 1.01"),
        (float("nan"), Ruling.DENY, "confidence nan"),
    ],
)
def test_confidence_is_held_against_the_threshold(confidence: float | None, ruling: Ruling, said: str) -> None:
    verdict = compiled(REFUNDS).judge(question(confidence=confidence))
    assert verdict.ruling is ruling
    assert said in verdict.reason
    if ruling is Ruling.ASK:
        assert (verdict.rules, verdict.threshold, verdict.value) == (("small", "large"), 0.8, confidence)
        assert verdict.reviewers == ("lead", "finance")


def test_too_little_confidence_asks_anybody_where_no_rule_names_reviewers() -> None:
    text = '@id("a") @min_confidence("0.9") permit (principal, action == Action::"call", resource);'
    verdict = compiled(text).judge(question(confidence=0.5))
    assert (verdict.ruling, verdict.rules, verdict.reviewers) == (Ruling.ASK, ("a",), ())
    forbidden = text + '@id("b") forbid (principal, action == Action::"call_with_approval", resource);'
    assert compiled(forbidden).judge(question(confidence=0.5)).ruling is Ruling.DENY


def test_one_permit_without_a_threshold_is_enough() -> None:
    text = REFUNDS + '@id("free") permit (principal, action == Action::"call", resource is Tool::refund);'
    verdict = compiled(text).judge(question(confidence=None))
    assert (verdict.ruling, verdict.rules, verdict.threshold) == (Ruling.ALLOW, ("free",), None)


def test_rules_that_name_reviewers_and_deadlines_outweigh_those_that_do_not() -> None:
    open_rule = '@id("open") permit (principal, action == Action::"call_with_approval", resource);'
    other = open_rule.replace('@id("open")', '@id("soon") @deadline("1h") @reviewers("lead,cfo")')
    verdict = compiled(open_rule, other, REFUNDS).judge(question(arguments=refund(amount=99)))
    assert verdict.rules == ("open", "soon", "large")
    assert (verdict.reviewers, verdict.deadline, verdict.on_deadline) == (("lead", "cfo", "finance"), 3600.0, "deny")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (question(counts={"refund": 3}), "three refunds are enough"),
        (question(arguments=refund(order="A-9", amount=99)), "no rule allows refund; nearest is large"),
        (question(FIND, arguments={"id": "x"}), "no rule allows find-order"),
        (question(tool("unheard_of"), arguments={}), "does not know the tool 'unheard_of'"),
        (question(agent="other"), "for agent 'desk', not for 'other'"),
        (question(arguments=refund(amount="20")), "arguments.amount '20'"),
        (question(arguments=refund(order=3)), "arguments.order 3"),
        (question(arguments=refund(order=None)), "all of: amount, order"),
        (question(arguments=refund(pieces=1.5)), "a whole number"),
        (question(arguments=refund(pieces=2**63)), "at most 64 bits"),
        (question(arguments=refund(pieces=10**5000)), "cannot be evaluated"),
        (question(arguments=refund(amount=0.00001)), "at most 4 decimals"),
        (question(arguments=refund(order="A\0")), "without NUL"),
        (question(arguments=refund(order="\ud800")), "without NUL and without lone surrogates"),
        (question(arguments=refund(extra={"a": [{"\udfff": 1}]})), "without lone surrogates"),
        (question(arguments=refund(extra={"n": 2**70})), "JSON that every reader takes alike"),
        (question(arguments=refund(more=1)), "field of arguments 'more'"),
        (question(arguments=refund(amount=object())), "object"),
        (question(now=float("inf")), "cannot be evaluated"),
        (question(requester="\ud800"), "cannot be evaluated"),
    ],
)
def test_what_is_not_allowed_or_does_not_fit_is_denied_with_a_reason(asked: Question, said: str) -> None:
    verdict = compiled(REFUNDS).judge(asked)
    assert verdict.ruling is Ruling.DENY
    assert said in verdict.reason
    json.dumps(verdict.reason, ensure_ascii=False).encode()


def test_arguments_too_deep_to_write_down_are_denied() -> None:
    deep: Any = {}
    for _ in range(20_000):
        deep = {"a": deep}
    assert compiled(REFUNDS).judge(question(arguments=refund(extra=deep))).ruling is Ruling.DENY


@pytest.mark.parametrize("kind", ["call", "call_with_approval"])
def test_a_forbid_that_cannot_be_evaluated_lets_nothing_through(kind: str) -> None:
    overflow = f"""
    @id("safe") permit (principal, action == Action::"{kind}", resource is Tool::refund);
    @id("broken") forbid (principal, action, resource is Tool::refund)
    when {{ resource.args has pieces && resource.args.pieces + 9223372036854775807 > 5 }};
    """
    policy = compiled(overflow)
    assert policy.judge(question()).ruling is (Ruling.ALLOW if kind == "call" else Ruling.ASK)
    verdict = policy.judge(question(arguments=refund(pieces=1)))
    assert verdict.ruling is Ruling.DENY
    assert "'broken'" in verdict.reason
    assert "overflow" in verdict.reason
    assert verdict.evidence["context"]


def test_an_edit_has_the_trust_of_the_person_who_made_it() -> None:
    asked = question()
    edited = asked.action.edit(refund(order="A-9"), "ann")
    verdict = compiled(REFUNDS).judge(replace(asked, action=edited))
    assert verdict.ruling is Ruling.ALLOW
    order = verdict.evidence["arguments"]["order"]
    assert (order["trust"], order["from"], order["vouched"]) == ("user", ["person:ann"], True)
    amount = verdict.evidence["arguments"]["amount"]
    assert amount == compiled(REFUNDS).judge(asked).evidence["arguments"]["amount"]  # what was left alone


@pytest.mark.parametrize("text", ["", "// nothing"])
def test_an_empty_policy_denies(text: str) -> None:
    assert compiled(text).judge(question()).ruling is Ruling.DENY


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("permit (principal, action, resource is Tool::refnd);", "Tool::refund"),
        ('permit (principal, action == Action::"cal", resource);', 'Action::"call_with_approval"'),
        ("permit (principal, action, resource is Tool::refund) when { resource.args.amunt == 3 };", "order, amount"),
        ("permit (principal, action, resource is Tool::refund) when { resource.args.pieces == 3 };", "Ask first"),
        ('permit (principal, action, resource) when { resource.args.order == "x" };', "confine it"),
        ("permit (principal, action, resource) when { context.hours == 3 };", "now, date, clock, hour"),
        ('permit (principal in Team::"x", action, resource);', "There is: Agent"),
        ("permit (principal, action, resource is Tool::refund) when { resource.args.order == 3 };", "the types"),
    ],
)
def test_a_rule_that_does_not_fit_the_tools_is_refused(rule: str, said: str) -> None:
    with pytest.raises(PolicyError) as error:
        compiled(REFUNDS, f'\n\n@id("x")\n{rule}')
    assert "policy p1.cedar:3: rule 'x'" in str(error.value)
    assert said in str(error.value)


def test_names_that_are_one_in_cedar_are_refused() -> None:
    with pytest.raises(PolicyError, match="'find-order' and 'find_order' are both Tool::find_order"):
        compiled("", tools=(FIND, tool("find_order")))


def test_a_tool_cannot_pass_for_one_of_batons_own() -> None:
    with pytest.raises(PolicyError, match="'read-on' would pass for Tool::read_on"):
        load_policy(None, (tool("read-on"),), "desk")


def test_an_argument_cannot_have_a_name_that_cedar_keeps() -> None:
    with pytest.raises(PolicyError, match="'__extn'"):
        compiled("", tools=(tool("odd", __extn=TEXT),))


def test_odd_names_can_be_spoken_of() -> None:
    odd = (tool("2fa-send"), tool("in"), tool("Agent"), tool("Set"))
    rules = [
        f'@id("{name}") permit (principal, action == Action::"call", resource is Tool::{name});'
        for name in ("_2fa_send", "in_", "Agent_", "Set")
    ]
    policy = compiled(*rules, tools=odd)
    for spec in odd:
        assert policy.judge(question(spec, arguments={})).ruling is Ruling.ALLOW


def test_the_version_changes_with_rules_and_tools() -> None:
    texts = {compiled(REFUNDS).version, compiled(REFUNDS.replace("50.0", "51.0")).version}
    assert len(texts | {compiled(REFUNDS, tools=(*TOOLS, tool("more"))).version}) == 3
    assert compiled(REFUNDS).version in texts


@pytest.mark.parametrize("name", [*SHIPPED, "base", None])
def test_baton_s_own_tools_work_under_every_shipped_policy(name: str | None) -> None:
    policy = load_policy(name, TOOLS, "desk")
    rulings = {spec.name: policy.judge(question(spec, arguments={})).ruling for spec in TOOLS[2:]}
    assert rulings == dict.fromkeys(BUILT_IN, Ruling.ALLOW) | {"ask_person": Ruling.ASK}


@pytest.mark.parametrize(
    ("name", "write", "read"),
    [
        ("ask-writes", Ruling.ASK, Ruling.ALLOW),
        ("allow-all", Ruling.ALLOW, Ruling.ALLOW),
        ("base", Ruling.DENY, Ruling.DENY),
        (None, Ruling.DENY, Ruling.DENY),
    ],
)
def test_shipped_policies(name: str | None, write: Ruling, read: Ruling) -> None:
    policy = load_policy(name, (REFUND, FIND), "desk")
    assert policy.judge(question()).ruling is write
    assert policy.judge(question(FIND, arguments={"id": "x"})).ruling is read


def test_no_policy_says_so_and_what_to_write() -> None:
    reason = load_policy(None, (REFUND,), "desk").judge(question()).reason
    assert "no policy is given" in reason
    assert "ask-writes" in reason


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "refunds.cedar"
    file.write_text(REFUNDS)
    verdict = load_policy(str(file), TOOLS, "desk").judge(question())
    assert verdict.ruling is Ruling.ALLOW
    assert verdict.policy.startswith("refunds@")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("p.cedar", None, "No such file"),
        ("p.cedar", b"permit (", "p.cedar:1: unexpected end"),
        ("p.cedar", b"\xff", "not UTF-8"),
        ("p.cedar", b'@id("base.plan") permit (principal, action, resource);', "base.cedar"),
        ("p.txt", b"", "ask-writes"),
        ("p.yaml", b"", "a mapping with: rules"),
    ],
)
def test_a_missing_or_broken_file_is_an_error(tmp_path: Path, name: str, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(PolicyError) as error:
        load_policy(tmp_path / name, TOOLS, "desk")
    assert said in str(error.value)


def test_a_run_whose_policy_broke_is_denied_everything() -> None:
    verdict = DenyAll("policy p.cedar:1: unexpected end").judge(question())
    assert (verdict.ruling, verdict.reason) == (Ruling.DENY, "policy p.cedar:1: unexpected end")


CONDITIONS = st.sampled_from(
    [
        "",
        'when { resource.effect == "write" }',
        "when { context.count < 2 }",
        "when { context has confidence && context.confidence >= 80 }",
        "unless { context has requester }",
        "when { 9223372036854775807 + context.count > 0 }",
    ]
)
SCOPES = st.sampled_from(["action", 'action == Action::"call"', 'action == Action::"call_with_approval"'])
RESOURCES = st.sampled_from(["resource", "resource is Tool::refund", "resource is Tool::find_order"])
QUESTIONS = [
    question(confidence=confidence, counts={"refund": count}, requester=requester)
    for confidence in (None, 0.7, 0.9)
    for count in (0, 2)
    for requester in (None, "ann")
]
ORDER = [Ruling.DENY, Ruling.ASK, Ruling.ALLOW]


@st.composite
def rules(draw: st.DrawFn, effect: str, name: str) -> str:
    scope = draw(SCOPES)
    threshold = (
        '@min_confidence("0.8")' if effect == "permit" and "approval" not in scope and draw(st.booleans()) else ""
    )
    return f'@id("{name}") {threshold} {effect} (principal, {scope}, {draw(RESOURCES)}) {draw(CONDITIONS)};'


def rulings(*texts: str) -> list[Verdict]:
    policy = compiled(*texts, tools=(REFUND, FIND))
    return [policy.judge(asked) for asked in QUESTIONS]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_one_more_forbid_never_allows_more(data: st.DataObject) -> None:
    effects = data.draw(st.lists(st.sampled_from(["permit", "permit", "forbid"]), max_size=4))
    texts = [data.draw(rules(effect, f"r{number}")) for number, effect in enumerate(effects)]
    before = rulings(*texts)
    after = rulings(*texts, data.draw(rules("forbid", "more")))
    for first, second in zip(before, after, strict=True):
        assert ORDER.index(second.ruling) <= ORDER.index(first.ruling)
        assert second.reason


PROMISED = (
    '@id("promised") @class("refunds") @at_most("5%") '
    'permit (principal, action == Action::"call", resource is Tool::refund);'
)


def test_a_promise_without_a_certificate_lets_nothing_run_alone() -> None:
    verdict = compiled(PROMISED).judge(question(confidence=1.0))
    assert verdict.ruling is Ruling.ASK and verdict.assessed is None
    assert "no certificate of refunds is at hand" in verdict.reason
    other = {"returns": Breaks()}
    assert compiled(PROMISED).judge(replace(question(), certificates=other)).ruling is Ruling.ASK


def test_a_certificate_that_fails_denies() -> None:
    verdict = compiled(PROMISED).judge(replace(question(), certificates={"refunds": Breaks()}))
    assert verdict.ruling is Ruling.DENY and "cannot be evaluated: the state is torn" in verdict.reason


class Breaks:
    """A certificate that cannot say anything."""

    def assess(self, action: Action, signals: Mapping[str, float], coin: float) -> Assessed:
        raise RuntimeError("the state is torn")

    def still_allows(self, assessed: Assessed) -> bool:
        raise RuntimeError("the state is torn")
