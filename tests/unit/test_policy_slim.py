"""Cedar is told only what some rule looks at: with all of it, it says the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baton.core import Action, ActionId, Effect, Label, Question, Reading, RunId, ToolSpec, Trust
from baton.policies import CedarPolicy, PolicyText
from baton.policies.slim import slim, tree_of

TOOL = ToolSpec(
    name="pay",
    description="",
    parameters={
        "type": "object",
        "properties": {
            "cents": {"type": "integer"},
            "note": {"type": "string"},
            "to": {"type": "object", "properties": {"iban": {"type": "string"}, "name": {"type": "string"}}},
        },
        "required": ["cents"],
    },
    run=print,
    effect=Effect.WRITE,
    destinations=("to",),
)
CONDITIONS = (
    "resource.args.cents < 500",
    "resource.args has note",
    "!(resource.args has note)",
    'resource.args has note && resource.args.note like "*due*"',
    'resource.args has to && resource.args.to has iban && resource.args.to.iban == "DE1"',
    "resource.args has to && resource.args.to has name",
    "resource.trust.cents >= 2",
    'resource.from.cents.contains("goal")',
    "resource.destination_trust >= 3 || context.count < 2",
    'if context has confidence then context.confidence >= 80 else resource.effect == "read"',
    "context has requester",
    "context has confidence",
    '[context.tenant, "x"].contains("local")',
    "resource.vouched.cents == context.planned",
    "resource.trust == resource.trust",
    "context.read_trust + resource.secrecy.cents > 1",
)
RULES = st.lists(
    st.tuples(st.sampled_from(("permit", "forbid")), st.sampled_from(("", "call", "call_with_approval"))).flatmap(
        lambda head: st.lists(st.sampled_from(CONDITIONS), max_size=3).map(lambda found: (*head, found))
    ),
    min_size=1,
    max_size=6,
)
CALLS = st.fixed_dictionaries(
    {"cents": st.sampled_from((100, 499, 500))},
    optional={
        "note": st.sampled_from(("is due", "no")),
        "to": st.fixed_dictionaries({}, optional={"iban": st.sampled_from(("DE1", "DE2")), "name": st.just("Eve")}),
    },
)


def policy(rules: list[tuple[str, str, list[str]]]) -> CedarPolicy:
    texts: list[str] = []
    for number, (effect, action, conditions) in enumerate(rules):
        scope = f'action == Action::"{action}"' if action else "action"
        when = f"when {{ {' && '.join(f'({one})' for one in conditions)} }}" if conditions else ""
        texts.append(f'@id("r{number}") {effect} (principal, {scope}, resource is Tool::pay) {when};')
    return CedarPolicy.compile([PolicyText("p.cedar", "\n".join(texts))], [TOOL], agent="clerk", name="p")


@settings(max_examples=150, deadline=None)
@given(RULES, CALLS, st.sampled_from((None, 0.5, 0.9)), st.sampled_from((None, "ann")))
def test_a_rulebook_says_the_same_when_it_tells_cedar_everything(
    rules: list[tuple[str, str, list[str]]],
    arguments: dict[str, object],
    confidence: float | None,
    requester: str | None,
) -> None:
    action = Action(
        id=ActionId("run_a.1.0"),
        run=RunId("run_a"),
        agent="clerk",
        tool="pay",
        version="1",
        arguments=dict(arguments),
        confidence=confidence,
    )
    goal = Reading(source="goal", content="Pay 499 to DE1.", label=Label(Trust.USER))
    question = Question(action=action, tool=TOOL, readings=(goal,), requester=requester)
    told = policy(rules).judge(question)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("baton.policies.engine.tree_of", lambda _paths: {"resource": None, "context": None})
        whole = policy(rules).judge(question)
    assert told == whole


def test_what_is_looked_at_as_a_whole_is_told_whole() -> None:
    values = {"a": {"b": 1, "c": {"d": 2, "e": 3}}, "f": 4}
    assert slim(values, "x", tree_of([("x", "a", "c", "d"), ("x", "g")])) == {"a": {"c": {"d": 2}}}
    assert slim(values, "x", tree_of([("x", "a", "c", "d"), ("x", "a")])) == {"a": values["a"]}
    assert slim(values, "x", tree_of([("x",), ("x", "a", "b")])) == values
    assert slim(values, "x", tree_of([("y", "a")])) == {}
