"""Claims in conflict: settled by the operators' rules, by what they rest on, or by a person, and recorded with why."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baton import Agent, Goal, tool
from baton.agents.simulated import Answer, Conversation
from baton.core import Attachment, InvalidValue, Label, Trust
from baton.graph.claims import RULES, Side, agree, decided
from baton.ledger import Claim, events, facts
from support import Says, call, calls, on_both, open_office, script, soon, tool_lines

PRICES = {"A": "10"}


@tool(effect="read")
def price_of(article: str) -> str:
    """What an article costs."""
    return PRICES[article]


@tool(effect="read")
def guess(article: str) -> str:
    """What an article may cost."""
    return "12"


def plays(says: dict[str, str], reads: dict[str, str], after: Any = None) -> Says:
    """A boss that has each of `says` look, and settles what they answer; each reads with its tool first."""

    def answer(conversation: Conversation) -> Answer:
        later = conversation.user_texts()[1:]
        done = list(conversation.results())
        me = next((name for name in says if f"you are {name}" in json.dumps(conversation.body["messages"][0])), "boss")
        if me != "boss":
            if me in reads and not done:
                return calls(call(reads[me], article="A"))
            return calls(call("finish", summary=says[me]))
        if not done:
            return calls(*(call("hand_off", to=name, task="what does A cost?") for name in says))
        settled = [text for name, _, text in done if name == "settle_claims"]
        if settled and "pending" not in settled[0]:
            return calls(call("finish", summary=settled[0]))
        if any("claims settled by" in text for text in later):
            return calls(call("finish", summary=later[-1]))
        if sum("returned]" in text for text in later) < len(says) or settled:
            return Answer(text="waiting")
        if after is not None:
            after()
        ids = [text.split()[2] for name, _, text in done if name == "hand_off"]
        return calls(call("settle_claims", claims=ids, question="What does A cost?"))

    return Says(answer)


def team(rules: list[str], says: dict[str, str], tools: dict[str, Any]) -> list[Agent]:
    more = [
        Agent(name, f"you are {name}", tools=[tools[name]] if name in tools else [], policy="allow-all")
        for name in says
    ]
    return [Agent("boss", policy="allow-all", hands_off_to=list(says), settles=rules), *more]


@on_both
async def test_the_majority_holds_and_why_is_recorded(database: str) -> None:
    says = {"ann": "10", "bob": "12", "cat": "10"}
    async with open_office(database, team(["majority"], says, {}), plays(says, {})) as baton:
        run = await baton.submit("find out")
        told = json.loads((await soon(run.result())).summary)
        (settled,) = await baton.ledger.read(lambda tx: events.latest(tx, run.id, "claims.settled"))
    assert (told["holds"], told["by"], told["why"]) == ("10", "majority", RULES["majority"])
    assert settled.data["rule"] == "majority" and len(settled.data["claims"]) == 3


@on_both
async def test_the_claim_holds_whose_reading_says_the_same_when_it_is_read_again(database: str) -> None:
    """Both read; meanwhile the price changes, so what ann has read is no longer so."""
    says, reads = {"ann": "10", "bob": "12"}, {"ann": "price_of", "bob": "guess"}
    PRICES["A"] = "10"
    tools = {"ann": price_of, "bob": guess}
    mind = plays(says, reads, lambda: PRICES.update(A="11"))
    async with open_office(database, team(["evidence"], says, tools), mind) as baton:
        run = await baton.submit("find out")
        summary = (await soon(run.result())).summary
        assert summary.startswith("{"), summary
        told = json.loads(summary)
    assert (told["holds"], told["by"]) == ("12", "evidence")
    assert [side["holds"] for side in told["sides"]] == [False, True]
    assert "says 11 today" in told["sides"][0]["evidence"][0]


@on_both
async def test_where_no_rule_tells_them_apart_a_person_is_shown_both_sides(database: str) -> None:
    says, reads = {"ann": "10", "bob": "12"}, {"ann": "price_of", "bob": "guess"}
    PRICES["A"] = "10"
    agents = team(["evidence", "majority", "person"], says, {"ann": price_of, "bob": guess})
    async with open_office(database, agents, plays(says, reads)) as baton:
        run = await baton.submit("find out")
        (review,) = (await soon(run.settled())).reviews
        assert "1. 10 (ann, " in review.question["summary"] and "2. 12 (bob, " in review.question["summary"]
        with pytest.raises(InvalidValue):
            await baton.respond(review.id, '{"side": 3}', by="dora")
        await baton.respond(review.id, '{"side": 2}', by="dora")
        assert '"holds":"12"' in (await soon(run.result())).summary
        (settled,) = await baton.ledger.read(lambda tx: events.latest(tx, run.id, "claims.settled"))
    assert (settled.data["rule"], settled.data["by"]) == ("person", "dora")


@on_both
async def test_a_field_of_the_notes_gets_the_value_that_holds(database: str) -> None:
    mind = script([call("settle_claims", claims=["note:price"], question="What does it cost?")])
    agent = Agent("clerk", policy="allow-all", notes=True, settles=["newest", "person"])
    async with open_office(database, [agent], mind, dispatch=False) as baton:
        run = await baton.submit("go")
        await run.notes.set("price", "10", by="ann")
        await run.notes.set("price", "12", by="bob", seen=0)
    async with open_office(database, [agent], mind) as baton:
        run = await baton.open(run.id)
        result = await soon(run.settled())
        found = await run.notes.show()
        if result.reviews:  # both were written at the very same moment
            await baton.respond(result.reviews[0].id, '{"side": 2}', by="cat")
            await soon(run.settled())
            found = await run.notes.show()
        told = await tool_lines(run)
    assert [one.text for one in found.fields["price"]] in (["12"], ["10", "12", "12"]), told


@on_both
async def test_of_disputed_facts_the_others_are_retired_but_a_stranger_wins_over_nobody(database: str) -> None:
    async with open_office(database, [Agent("x")], script(), dispatch=False) as baton:
        said = [("Oslo", Trust.USER), ("Lyon", Trust.EXTERNAL)]
        claims = [
            Claim(scope="team", subject="anna", predicate="city", object=city, text=f"in {city}", label=Label(trust))
            for city, trust in said
        ]
        ids = [await baton.memory.remember(claim) for claim in claims]
    for rules, stand in ((["newest"], 2), (["newest", "most_trusted"], 1)):
        agent = Agent("clerk", policy="allow-all", settles=rules)
        async with open_office(
            database, [agent], script([call("settle_claims", claims=list(ids), question="Where?")])
        ) as baton:
            run = await baton.submit("go")
            await soon(run.result())
            left = [
                one for one in await baton.ledger.read(lambda tx: facts.get(tx, "local", ids)) if not one.retired_at
            ]
            assert len(left) == stand, await tool_lines(run)
    assert left[0].object == "Oslo"


async def test_what_is_no_claim_is_refused_with_what_is(tmp_path: Path) -> None:
    assert "settle_claims" not in Agent("a").specs
    with pytest.raises(InvalidValue, match="newest, most_trusted, majority, evidence, person"):
        Agent("a", settles=["loudest"])
    mind = script([call("settle_claims", claims=["hnd_1"], question="?")])
    async with open_office(tmp_path / "b.db", [Agent("a", policy="allow-all", settles=["newest"])], mind) as baton:
        run = await baton.submit(Goal("go", attachments=[Attachment("a", "b")]))
        await soon(run.result())
        assert "note:FIELD of the notes" in (await tool_lines(run))[0]


def side(id: str, value: str, trust: Trust = Trust.AGENT, at: float = 0.0, holds: bool | None = None) -> Side:
    return Side(id=id, value=value, by="x", label=Label(trust), at=at, holds=holds)


def test_rules_tell_apart_or_do_not() -> None:
    a, b, c = side("a", "1", at=1, holds=True), side("b", "2", at=2, holds=False), side("c", "1", at=1)
    assert decided([a, b], "newest") == b and decided([a, b], "evidence") == a and decided([a, b, c], "majority") == a
    assert decided([a, b], "majority") is None and decided([a, b], "most_trusted") is None
    assert decided([side("a", "1", at=1), side("b", "2", at=1)], "newest") is None
    assert decided([side("a", "1", holds=True), side("b", "2", holds=True)], "evidence") is None
    assert decided([a, b], "person") is None


@given(
    st.lists(st.tuples(st.sampled_from("12"), st.sampled_from(list(Trust)), st.integers(0, 3)), min_size=2, max_size=6),
    st.sampled_from(["newest", "most_trusted", "majority", "evidence"]),
)
def test_no_rule_has_what_is_trusted_less_win(said: list[tuple[str, Trust, int]], rule: str) -> None:
    sides = [side(f"{n}", value, trust, at, holds=at > 1) for n, (value, trust, at) in enumerate(said)]
    best = decided(sides, rule)
    if best is not None and not agree(sides):
        assert all(one.label.trust <= best.label.trust for one in sides if one.value != best.value)
