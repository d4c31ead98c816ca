"""Windows and recall as annotations of rules: what they let through takes effect then, as with a tool's own."""

from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import pytest

from baton import Agent, Baton, load_project, tool
from baton.core import (
    Action,
    ActionId,
    Calendar,
    Hours,
    ManualClock,
    PolicyError,
    Question,
    Ruling,
    RunId,
    Verdict,
    next_common,
)
from baton.examining import report
from baton.grounds import held_up
from baton.ledger import reviews, stays
from baton.permits import rule_in_words
from baton.policies import CedarPolicy, load_policy, policy_text
from baton.policies.analysis import analyse
from baton.policies.proposing import check_proposal, rule_for
from support import call, on_both, open_office, script, set_policy, soon, text_rows, until
from support.staged import FRIDAY, MONDAY, OFFICE, Outbox, held, opens_on_monday, patient

HALF_PAST_EIGHT = MONDAY + 1800.0
NIGHT = Calendar(zone="Europe/Berlin", hours=(Hours(weekday=0, start=time(8, 30), end=time(20)),))
SUNDAY = Calendar(hours=(Hours(weekday=6, start=time(8), end=time(9)),))
WINDOWS = {"office": OFFICE, "night": NIGHT, "sunday": SUNDAY}

FREE = '@id("free") permit (principal, action, resource) unless { resource is Tool::send };'
ALONE = '@id("alone") %s permit (principal, action == Action::"call", resource is Tool::send);'
ASKS = '@id("asks") %s permit (principal, action == Action::"call_with_approval", resource is Tool::send);'


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(FRIDAY)


def outbox(folder: Path, *rules: str, **settings: Any) -> tuple[Outbox, Agent]:
    box = Outbox(**settings)
    return box, box.agent(set_policy(folder / "p.cedar", *rules, FREE))


@on_both
async def test_what_a_rule_allows_waits_for_its_window(database: str, tmp_path: Path, clock: ManualClock) -> None:
    box, agent = outbox(tmp_path, ALONE % '@window("office")')
    assert "recall_action" in agent.specs
    async with open_office(database, [agent], patient(), clock=clock, windows=WINDOWS) as baton:
        run, _ = await opens_on_monday(baton, clock, box)
        await soon(run.result())
    assert box.sent == ["bob"]


@on_both
async def test_what_people_approved_waits_for_the_window_of_the_rule_that_asked(
    database: str, tmp_path: Path, clock: ManualClock
) -> None:
    box, agent = outbox(tmp_path, ASKS % '@window("office") @recall("10m")')
    async with open_office(database, [agent], patient(), clock=clock, windows=WINDOWS) as baton:
        run = await baton.submit("go")
        review = (await soon(run.settled())).reviews[0]
        assert [row.text for row in held_up((await baton.reviews.get(review.id)).verdict)] == [
            "takes effect in: office",
            "can be recalled for 10 min before it takes effect",
        ]
        await baton.approve(review.id, by="ann")
        (stay,) = await until(baton.ledger, stays.listed)
        assert (stay.kind, stay.until) == ("recall", MONDAY) and box.sent == []
        clock.advance(MONDAY - FRIDAY)
        assert (await soon(run.result())).summary == f"[review {review.id} approved by ann] send: sent to bob"
    assert box.sent == ["bob"]


@pytest.mark.parametrize(
    ("rule", "settings", "until_", "kind"),
    [
        ('@window("night")', {"window": "office"}, HALF_PAST_EIGHT, "window"),  # both have to be open
        ('@window("office")', {"window": NIGHT}, HALF_PAST_EIGHT, "window"),
        ('@recall("10m")', {"recall": "5m"}, FRIDAY + 600, "recall"),  # the longer holds
        ('@recall("10m")', {"recall": "20m"}, FRIDAY + 1200, "recall"),
        ('@recall("63h")', {"window": "office"}, FRIDAY + 63 * 3600, "recall"),
    ],
)
async def test_where_tool_and_rule_both_say_it_both_hold(
    tmp_path: Path, clock: ManualClock, rule: str, settings: dict[str, Any], until_: float, kind: str
) -> None:
    _, agent = outbox(tmp_path, ALONE % rule, **settings)
    async with open_office(tmp_path / "b.db", [agent], patient(), clock=clock, windows=WINDOWS) as baton:
        await held(baton)
        (stay,) = await baton.shared.staged()
    assert (stay.kind, stay.until) == (kind, until_)


async def test_windows_that_are_never_open_together_are_a_no(tmp_path: Path) -> None:
    box, agent = outbox(tmp_path, ALONE % '@window("sunday")', window="office")
    async with open_office(tmp_path / "b.db", [agent], patient(), windows=WINDOWS) as baton:
        summary = (await soon((await baton.submit("go")).result())).summary
    assert summary == "denied: the windows in which send may take effect are never open together" and box.sent == []


async def test_a_person_recalls_what_a_rule_lets_be_recalled(tmp_path: Path, clock: ManualClock) -> None:
    box, agent = outbox(tmp_path, ALONE % '@recall("10m")')
    async with open_office(tmp_path / "b.db", [agent], patient(), clock=clock) as baton:
        run, action = await held(baton)
        await baton.shared.recall(action, by="ann", note="no")
        assert (await soon(run.result())).summary == f"[send {action} recalled by ann] It does not happen. no"
    assert box.sent == []


@on_both
async def test_a_policy_that_has_changed_meanwhile_is_asked_and_its_window_holds(
    database: str, tmp_path: Path, clock: ManualClock
) -> None:
    box, agent = outbox(tmp_path, ASKS % '@window("office")')
    async with open_office(database, [agent], patient(), clock=clock, windows=WINDOWS) as baton:
        run = await baton.submit("go")
        review = (await soon(run.settled())).reviews[0].id
        await baton.approve(review, by="ann")
        await until(baton.ledger, stays.listed)
    set_policy(tmp_path / "p.cedar", ASKS % '@window("night")', FREE)
    clock.advance(MONDAY - FRIDAY)
    async with open_office(
        database, [box.agent(tmp_path / "p.cedar")], patient(), clock=clock, windows=WINDOWS
    ) as baton:
        (stay,) = await until(
            baton.ledger, lambda tx: [one for one in stays.listed(tx) if one.until == HALF_PAST_EIGHT]
        )
        assert box.sent == [] and stay.kind == "window"
        clock.advance(1800.0)
        summary = (await soon((await baton.open(run.id)).result())).summary
        assert await baton.ledger.read(lambda tx: len(reviews.of_run(tx, run.id))) == 1  # the approval stands
    assert box.sent == ["bob"] and summary == f"[review {review} approved by ann] send: sent to bob"


@tool(needs=["press"])
async def send(to: str) -> str:
    """Send."""
    return to


@tool(effect="read")
async def look(to: str) -> str:
    """Look."""
    return to


def policy(*rules: str) -> CedarPolicy:
    text = "\n".join(rules)
    Path("w.cedar").write_text(text)
    return load_policy("w.cedar", (send.spec, look.spec), "clerk")


def judged(made: CedarPolicy, confidence: float | None = None) -> Verdict:
    call_ = Action(
        id=ActionId("run_1.1.0"), run=RunId("run_1"), agent="clerk", tool="send", version="1",
        arguments={"to": "bob"}, confidence=confidence,
    )  # fmt: skip
    return made.judge(Question(action=call_, tool=send.spec))


PERMIT = '@id("%s") %s permit (principal, action == Action::"%s", resource is Tool::send);'


@pytest.mark.parametrize(
    ("rules", "confidence", "windows", "recall"),
    [  # of several that let it through each window has to be open, and the longest recall holds
        ((("a", '@window("w1")', "call"), ("b", '@window("w2") @recall("1m")', "call")), None, ("w1", "w2"), 60.0),
        ((("a", "", "call"), ("b", '@window("w2")', "call")), None, ("w2",), None),
        ((("a", '@recall("2m")', "call"), ("b", '@recall("1m")', "call")), None, (), 120.0),
        ((("a", '@limit("calls <= 9 per run") @window("w1")', "call"), ("b", "", "call")), None, (), None),
        ((("a", '@window("w1")', "call_with_approval"), ("b", "", "call_with_approval")), None, ("w1",), None),
        # what lacked confidence lets nothing through where another rule asks, and all where none does
        ((("a", '@min_confidence("0.8") @window("w1")', "call"), ("b", "", "call_with_approval")), 0.5, (), None),
        ((("a", '@min_confidence("0.8") @window("w1")', "call"),), 0.5, ("w1",), None),
    ],
)
def test_of_several_rules_the_choice_is_defined(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rules: tuple[tuple[str, str, str], ...],
    confidence: float | None,
    windows: tuple[str, ...],
    recall: float | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    for order in (rules, rules[::-1]):
        verdict = judged(policy(*(PERMIT % rule for rule in order)), confidence)
        assert verdict.ruling is not Ruling.DENY
        assert (set(verdict.windows), verdict.recall) == (set(windows), recall)


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ('@id("a") @window("") permit (principal, action, resource is Tool::send);', "@window ''"),
        ('@id("a") @recall("soon") permit (principal, action, resource is Tool::send);', "duration 'soon'"),
        ('@id("a") @recall("0s") permit (principal, action, resource is Tool::send);', "@recall '0s'"),
        ('@id("a") @reserve("x") permit (principal, action, resource is Tool::send);', "@reserve 'x'"),
        ('@id("a") @window("w") forbid (principal, action, resource is Tool::send);', "@window means nothing here"),
        (
            '@id("a") @reserve permit (principal, action == Action::"call", resource is Tool::send);',
            "@reserve means nothing here",
        ),
        ('@id("a") @recall("1m") permit (principal, action, resource is Tool::look);', "@recall on look, which reads"),
        ('@id("a") @reserve permit (principal, action, resource is Tool::look);', "@reserve on look, which needs"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PolicyError) as error:
        policy("", rule)
    assert told in str(error.value) and "w.cedar:2" in str(error.value)


async def test_a_window_that_the_project_does_not_name_is_refused_at_the_start(tmp_path: Path) -> None:
    _, agent = outbox(tmp_path, ALONE % '@window("nights")')
    with pytest.raises(PolicyError) as error:
        async with Baton(agents=[agent], database=tmp_path / "b.db", windows=WINDOWS):
            pass
    told = (
        "p.cedar:1: rule 'alone': @window 'nights' is no window; allowed is one of the project's: office, night, sunday"
    )
    assert told in str(error.value)
    assert "add it to `windows` of the project" in str(error.value)
    assert "@window 'nights'" in report(agent, WINDOWS).problem and report(agent, ["nights"]).problem == ""


async def test_a_tool_of_batons_own_takes_effect_at_once_and_a_rule_that_says_otherwise_is_refused(
    tmp_path: Path,
) -> None:
    rule = '@id("w") @window("office") permit (principal, action, resource is Tool::write_record);'
    agent = Agent("clerk", records={"a": "merge"}, policy=set_policy(tmp_path / "p.cedar", rule))
    with pytest.raises(PolicyError, match=r"@window on Tool::write_record, a tool of Baton's own"):
        async with Baton(agents=[agent], database=tmp_path / "b.db", windows=WINDOWS):
            pass


PROJECT = """
agents:
  - {name: clerk, instructions: Be quick., tools: ["tools.py:send"], policy: p.yaml}
resources: [{name: press}]
windows:
  office: {hours: {mon-fri: "08:00-17:00"}}
"""
YAML = """
rules:
  - {id: ask, ask: send, window: office, recall: 10m, reserve: true}
"""


async def test_a_policy_in_yaml_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text(
        "from baton import tool\n\n@tool(needs=['press'])\ndef send(to: str) -> str:\n    '''Send.'''\n    return to\n"
    )
    (tmp_path / "baton.yaml").write_text(PROJECT)
    (tmp_path / "p.yaml").write_text(YAML)
    project = load_project(tmp_path / "baton.yaml")
    (agent,) = project.agents
    assert "recall_action" in agent.specs
    written = policy_text(agent.policy or "", agent.specs.values()).text
    assert '@window("office")' in written and '@recall("10m")' in written and '@reserve("true")' in written
    (rule,) = [one for one in load_policy(agent.policy, agent.specs.values(), "clerk").rules if one.id == "ask"]
    assert rule_in_words(rule, "clerk").terms == (
        "anybody decides",
        "what it needs is reserved before",
        "takes effect in the window office",
        "can be recalled for 10 min",
    )
    async with Baton(**project.settings, database=tmp_path / "b.db", dispatch=False):
        pass
    (tmp_path / "p.yaml").write_text(YAML.replace("office", "nights"))
    with pytest.raises(PolicyError, match=r"p\.yaml, as Cedar:\d+: rule 'ask': @window 'nights'"):
        async with Baton(**project.settings, database=tmp_path / "b.db", dispatch=False):
            pass


def test_a_rule_with_a_window_is_no_superfluous_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    same = policy(PERMIT % ("a", "", "call"), PERMIT % ("b", "", "call"))
    apart = policy(PERMIT % ("a", "", "call"), PERMIT % ("b", '@window("w")', "call"))
    assert [one.rule for one in analyse(same.rules)] and not [
        one for one in analyse(apart.rules) if one.rule in ("a", "b")
    ]


def test_a_rule_that_a_decision_becomes_takes_effect_in_the_same_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = policy(PERMIT % ("a", '@window("w") @recall("90s")', "call_with_approval"))
    verdict = judged(made)
    action = Action(
        id=ActionId("run_1.1.0"), run=RunId("run_1"), agent="clerk", tool="send", version="1", arguments={"to": "bob"}
    )  # fmt: skip
    rule, tests = rule_for(action, verdict, send.spec, id="always", until=2e9, by="ann")
    text = policy_text("w.cedar", ())
    changed = check_proposal(rule, tests, [text], "clerk", (send.spec, look.spec))
    allowed = judged(changed)
    assert (allowed.ruling, allowed.windows, allowed.recall) == (Ruling.ALLOW, ("w",), 90.0)


def test_the_first_moment_at_which_all_are_there() -> None:
    at = datetime(2026, 3, 27, 16, 0, tzinfo=UTC).timestamp()
    assert next_common([], at) == at
    assert next_common([OFFICE], at) == MONDAY == OFFICE.next_on_duty(at)
    assert next_common([OFFICE, NIGHT], at) == HALF_PAST_EIGHT
    assert next_common([OFFICE, SUNDAY], at) is None


async def test_what_policy_said_of_windows_is_on_record(tmp_path: Path, clock: ManualClock) -> None:
    _, agent = outbox(tmp_path, ALONE % '@window("office") @recall("10m")')
    mind = script([call("send", to="bob")])
    async with open_office(tmp_path / "b.db", [agent], mind, clock=clock, windows=WINDOWS) as baton:
        await held(baton)
        ((text,),) = await text_rows(baton.ledger, "SELECT verdict FROM actions")
    assert '"windows":["office"]' in text.replace(" ", "") and '"recall":600' in text.replace(" ", "")
