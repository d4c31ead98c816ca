"""Changing a policy: YAML that becomes Cedar, tests beside it, what holds without any call, hindsight, proposals."""

from pathlib import Path
from typing import Any

import pytest

from baton import Agent, Baton, tool
from baton.core import Conflict, InvalidFile, PolicyError, Ruling
from baton.ledger import rule_proposals
from baton.ledger.judged import judged
from baton.policies import CedarPolicy, load_policy, policy_texts
from baton.policies.analysis import analyse
from baton.policies.hindsight import Outcome, Replayed, compare, recorded, shadow
from baton.policies.proposing import check_proposal, rule_for
from baton.policies.trials import Trial, read_trials, run_trial, trial_file
from support import call, open_office, script, set_policy, soon


@tool(effect="read", verified=True)
def find_order(order_id: str) -> dict[str, object]:
    """Look up."""
    return {"order_id": order_id, "email": "ann@shop.example", "cents": 4000}


@tool
def refund(order_id: str, cents: int, to: str, note: str | None = None, share: float = 0.0) -> str:
    """Refund."""
    return "refunded"


TOOLS = (find_order.spec, refund.spec)
SPECS = {spec.name: spec for spec in TOOLS}

FRONT = """
rules:
  - id: look-up
    allow: find_order
  - id: small
    allow: refund
    when:
      cents: {at_most: 5000}
      share: {under: 0.5}
      order_id: {from: find_order.order_id}
      to: {domains: [shop.example, shop.test], trusted: verified_tool}
      note: {given: false}
    hours: 08:00-18:00
    days: mon-fri
    environment: production
    requesters: [ann, bob]
    limit: cents <= 9000 per agent in 1d
    confidence: 0.8
    reason: small refunds of known orders
  - id: large
    ask: refund
    reviewers: [lead]
    quorum: 2
    deadline: 4h
    on_deadline: deny
    class: refund-large
  - id: never
    deny: [refund, find_order]
    when:
      order_id: {like: "X-*"}
    reason: test orders
"""

READ = [{"source": "find_order", "content": {"order_id": "F-1", "email": "ann@shop.example"}}]
GIVEN = {"order_id": "F-1", "cents": 4000, "to": "ann@shop.example", "share": 0.1}


def written(tmp_path: Path, text: str = FRONT, name: str = "p.yaml") -> Path:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


def trial(expect: str, **more: Any) -> Trial:
    given: dict[str, Any] = {"call": "refund", "arguments": GIVEN, "confidence": 0.9, "read": READ, **more}
    return Trial.model_validate({"name": "t", "expect": expect, **given})


@pytest.mark.parametrize(
    ("expect", "more"),
    [
        ("allow", {}),
        ("allow", {"call": "find_order", "arguments": {"order_id": "F-2"}}),
        ("deny", {"call": "find_order", "arguments": {"order_id": "X-2"}}),
        ("ask", {"arguments": {**GIVEN, "cents": 5001}}),
        ("ask", {"arguments": {**GIVEN, "share": 0.5}}),
        ("ask", {"arguments": {**GIVEN, "order_id": "F-9"}}),
        ("ask", {"arguments": {**GIVEN, "note": "x"}}),
        ("ask", {"read": [*READ, {"source": "mail", "content": "eve@evil.example", "trust": "user"}],
                 "arguments": {**GIVEN, "to": "eve@evil.example"}}),
        ("ask", {"read": [*READ, {"source": "u", "content": "eve@evil.example,ann@shop.example", "trust": "user"}],
                 "arguments": {**GIVEN, "to": "eve@evil.example,ann@shop.example"}}),
        ("ask", {"at": "2026-07-01T18:00:00"}),
        ("ask", {"at": "2026-07-04T12:00:00"}),
        ("ask", {"at": "2026-07-01T17:30:00", "zone": "Europe/Lisbon", "environment": "test"}),
        ("allow", {"at": "2026-07-01T17:59:00+02:00"}),
        ("ask", {"requester": "eve"}),
        ("ask", {"requester": None}),
        ("ask", {"confidence": 0.7}),
        ("ask", {"spent": {"cents": 5001}}),
        ("allow", {"spent": {"cents": 5000}}),
    ],
)  # fmt: skip
def test_yaml_becomes_cedar_that_says_the_same(tmp_path: Path, expect: str, more: dict[str, Any]) -> None:
    policy = load_policy(written(tmp_path), TOOLS, "desk")
    tried = run_trial(trial(expect, **more), policy, "desk", SPECS)
    assert not tried.wrong
    if tried.verdict.ruling is Ruling.ASK:
        assert (tried.verdict.quorum, tried.verdict.reviewers, tried.verdict.deadline) == (2, ("lead",), 14400.0)


def test_the_cedar_is_shown_and_is_what_decides(tmp_path: Path) -> None:
    (_, text) = policy_texts(written(tmp_path), TOOLS)
    assert '@id("never.find_order")' in text.text
    assert 'resource.args.share.lessThan(decimal("0.5"))' in text.text
    by_hand = CedarPolicy.compile([text], TOOLS, agent="desk", name="p")
    assert not run_trial(trial("allow"), by_hand, "desk", SPECS).wrong


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("allow: find_order", "allow: find_ordr", r"p.yaml:3: .*'find_ordr'.*find_order"),
        ("cents: {at_most: 5000}", "dollars: {at_most: 5000}", r"p.yaml:5: .*'dollars'.*cents"),
        ("cents: {at_most: 5000}", "cents: {at_mst: 5000}", r"p.yaml:8: .*at_mst.*at_most"),
        ("cents: {at_most: 5000}", "cents: {at_most: 0.5}", r"p.yaml:5: .*a whole number"),
        ("08:00-18:00", "8-18", r"p.yaml:5: .*08:00-18:00"),
        ("mon-fri", "monday", r"p.yaml:5: .*workdays"),
        ("trusted: verified_tool", "trusted: friend", r"p.yaml:5: .*external, agent, verified_tool"),
        ("ask: refund", "ask: refund\n    allow: refund", r"exactly one of allow, ask"),
        ("confidence: 0.8", "confidence: 2", r"@min_confidence"),
        ("cents <= 9000 per agent", "cents <= 9000 per day", r"@limit"),
        ("rules:", "rulez:", r"p.yaml:2: .*rules"),
        ("rules:", "rules: [", "YAML"),
    ],
)
def test_bad_yaml_is_an_error_that_says_where(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        load_policy(written(tmp_path, FRONT.replace(old, new, 1)), TOOLS, "desk")


def test_text_cannot_break_out_of_its_quotes(tmp_path: Path) -> None:
    odd = 'a" || true || "\\\n\u0000b\u00e9'
    text = f"rules:\n  - id: r\n    allow: refund\n    when: {{to: {{equal: {odd!r}}}}}\n"
    text = text.replace(repr(odd), '"a\\" || true || \\"\\\\ \\n b\\u00e9"')
    policy = load_policy(written(tmp_path, text), TOOLS, "desk")
    assert not run_trial(trial("deny"), policy, "desk", SPECS).wrong
    same = {**GIVEN, "to": 'a" || true || "\\ \n b\u00e9'}
    assert not run_trial(trial("allow", arguments=same), policy, "desk", SPECS).wrong


def test_tests_beside_a_policy_are_read_and_say_what_is_wrong(tmp_path: Path) -> None:
    policy = written(tmp_path)
    file = trial_file(policy)
    file.write_text("tests:\n  - {name: n, call: refund, expect: allow, rules: [small], reason: because}\n")
    (found,) = read_trials(file, SPECS)
    tried = run_trial(found, load_policy(policy, TOOLS, "desk"), "desk", SPECS)
    assert [said.split(",")[0] for said in tried.wrong] == [
        "expected allow",
        "expected the rules small",
        "expected a reason with 'because'",
    ]
    file.write_text("tests:\n  - {name: n, call: refnd, expect: allow}\n")
    with pytest.raises(InvalidFile, match=r"p.test.yaml:2: tests.0.call 'refnd'.*find_order, refund"):
        read_trials(file, SPECS)


def permit(id: str, when: str = "", action: str = "call", head: str = "") -> str:
    condition = f"when {{ {when} }}" if when else ""
    return f'@id("{id}") {head} permit (principal, action == Action::"{action}", resource is Tool::refund) {condition};'


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ([permit("a", "resource.args.cents <= 5 && resource.args.cents > 5")], "a never applies"),
        ([permit("a", "resource.args.cents < 5 && 3 < resource.args.cents")], None),
        ([permit("a", "resource.args.cents < 5 && 4 < resource.args.cents")], "a never applies"),
        ([permit("a", 'resource.args.to == "x" && resource.args.to == "y"')], "a never applies"),
        ([permit("a", "resource.trust.to >= 5")], "a never applies"),
        ([permit("a", "context.hour > 23")], "a never applies"),
        ([permit("a", "false")], "a never applies"),
        ([permit("a", "resource.args has share && resource.args.share.lessThan(decimal(\"0.5\")) "
                      "&& resource.args.share.greaterThan(decimal(\"0.5\"))")], "a never applies"),
        ([permit("a", "resource.args.cents <= 5"), permit("b", "resource.args.cents <= 9")], "a adds nothing: b"),
        ([permit("a", "resource.args.cents <= 9"), permit("b", "resource.args.cents <= 5")], "b adds nothing: a"),
        ([permit("a", "context.count <= 5"), permit("b", "context.count <= 9", "call_with_approval")], None),
        ([permit("a", "resource.args.cents <= 5"),
          permit("b", "resource.args.cents <= 9", head='@min_confidence("0.5")')], None),
        ([permit("a"), permit("b")], "b adds nothing: a"),
        ([permit("a", 'resource.args.cents == 3 && resource.args.to == "x"'),
          '@id("no") forbid (principal, action, resource) when { resource.effect == "write" };'], None),
        ([permit("a", 'resource.args.cents == 3 && resource.args.to == "x"'),
          '@id("no") forbid (principal, action, resource is Tool::refund) when { resource.args.cents < 9 };'],
         "a never permits anything: no"),
    ],
)  # fmt: skip
def test_what_can_be_said_without_any_call(tmp_path: Path, rules: list[str], told: str | None) -> None:
    policy = load_policy(set_policy(tmp_path / "p.cedar", *rules), TOOLS, "desk")
    found = [f"{one.rule} {one.told.removeprefix('it ')}" for one in analyse(policy.rules)]
    assert [one[: len(told or "")] for one in found] == ([told] if told else [])


async def recorded_office(tmp_path: Path, *rules: str, shadow: Path | None = None) -> tuple[Agent, Any]:
    path = set_policy(tmp_path / "p.cedar", *rules)
    agent = Agent("desk", tools=[find_order, refund], policy=path, shadow=shadow)
    mind = script(
        [call("find_order", order_id="F-1")],
        [call("refund", **GIVEN), call("refund", **{**GIVEN, "cents": 8000}), call("refund", **{**GIVEN, "cents": 9})],
    )
    return agent, mind


READS = '@id("reads") permit (principal, action == Action::"call", resource is Tool::find_order);'
ASKS = permit("asks", action="call_with_approval")


async def decided(baton: Baton) -> None:
    """One refund is approved, one rejected, one changed."""
    run = await baton.submit("go")
    await soon(run.settled())
    waiting = await baton.reviews.waiting([run.id])
    tiny, small, large = sorted(waiting, key=lambda one: int(one.question["arguments"]["cents"]))
    await baton.approve(small.id, by="ann")
    await baton.reject(large.id, "too much", by="ann")
    await baton.edit(tiny.id, {**GIVEN, "cents": 10}, by="ann")
    await soon(run.result())


async def test_another_policy_is_held_against_the_record_and_makes_nothing_up(tmp_path: Path) -> None:
    lax = set_policy(tmp_path / "lax.cedar", READS, permit("all"))
    agent, mind = await recorded_office(tmp_path, READS, ASKS, shadow=lax)
    async with open_office(tmp_path / "b.db", [agent], mind) as baton:
        await decided(baton)
        history = await baton.ledger.read(lambda tx: judged(tx, "desk", 0.0))
    assert [one.decision for one in history] == [None, "approve", "reject", "edit"]

    now = Replayed(load_policy(lax, agent.specs.values(), "desk"), agent.specs.values())
    found = compare(history, recorded, now)
    assert (found.judged, found.unjudged, found.fewer_questions) == (4, 0, 3)
    assert [change.outcome for change in found.changes] == [Outcome.APPROVED, Outcome.REJECTED, Outcome.CHANGED]
    assert (len(found.against_people), found.wrong) == (2, (2, 2))
    assert "1 that people rejected would have run alone" in found.told("all")
    assert [(one.before, one.now.ruling) for one in compare(history, recorded, shadow).changes] == [
        (Ruling.ASK, Ruling.ALLOW)
    ] * 3

    live = load_policy(agent.policy, agent.specs.values(), "desk")
    same = compare(history, recorded, Replayed(live, agent.specs.values()))
    assert (same.judged, same.changes) == (4, ())  # judged again, it says what it said

    strict = load_policy(set_policy(tmp_path / "s.cedar", permit("a", head='@limit("calls <= 2 per agent")')),
                         agent.specs.values(), "desk")  # fmt: skip
    limited = compare(history, recorded, Replayed(strict, agent.specs.values()))
    assert [change.now.ruling for change in limited.changes] == [Ruling.DENY, Ruling.ALLOW, Ruling.ALLOW, Ruling.DENY]


async def test_a_decision_becomes_a_rule_as_narrow_as_it_was(tmp_path: Path) -> None:
    agent, mind = await recorded_office(tmp_path, READS, ASKS)
    async with open_office(tmp_path / "b.db", [agent], mind) as baton:
        await decided(baton)
        (approved,) = [
            one for one in await baton.ledger.read(lambda tx: judged(tx, "desk", 0.0)) if one.decision == "approve"
        ]
        action, verdict = approved.proposal.action, approved.proposal.verdict
        until = baton.ledger.clock.now() + 3600
        rule, tests = rule_for(action, verdict, refund.spec, id="always", until=until, by="ann")
        texts = policy_texts(agent.policy, agent.specs.values())
        changed = check_proposal(rule, tests, texts, "desk", tuple(agent.specs.values()))
        assert [test["expect"] for test in tests] == ["allow", "not allow", "not allow"]
        assert 'resource.from.order_id.contains("find_order.order_id")' in rule
        assert "resource.args.cents <= 4000" in rule
        assert "!(resource.args has note)" in rule
        for wrong in ({"cents": 4001}, {"to": "eve@evil.example"}, {"note": "x"}, {"order_id": "F-2"}):
            other = trial("ask", arguments={**GIVEN, **wrong})
            assert not run_trial(other, changed, "desk", agent.specs).wrong

        wide = rule[: rule.index("when")] + ";"
        with pytest.raises(Conflict, match="near miss: expected not allow, got allow"):
            check_proposal(wide, tests, texts, "desk", tuple(agent.specs.values()))

        review = approved.proposal.review
        assert review is not None
        made = await baton.ledger.write(lambda tx: rule_proposals.propose(tx, "desk", review, rule, tests, "ann"))
        await baton.ledger.write(lambda tx: rule_proposals.decide(tx, made.id, "accepted", "lead"))
        with pytest.raises(Conflict, match="lead accepted it"):
            await baton.ledger.write(lambda tx: rule_proposals.decide(tx, made.id, "declined", "ann"))
        assert await baton.ledger.read(rule_proposals.listed) == []
