"""What an action rests on is looked at again before it is carried out: as it was it runs once, changed it is asked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from baton import Agent, Baton, Goal, Rest, Retries, RunHandle, TryAgain, tool
from baton.agents.simulated import Answer, Conversation
from baton.core import InvalidValue, Label, ManualClock, Trust
from baton.ledger import Claim, Review, events
from support import Says, call, calls, on_both, open_office, script, set_policy, soon, text_rows, tool_lines

DAY = 86400.0
RULES = (
    'permit (principal, action == Action::"call", resource is Tool::price_of);',
    '@id("ask") permit (principal, action == Action::"call_with_approval", resource is Tool::order);',
)
ALONE = 'permit (principal, action == Action::"call", resource is Tool::order);'
LOOK, ORDER = call("price_of", article="T-100"), call("order", article="T-100", count=12)


@dataclass
class Shop:
    """A shop whose prices change, and what was ordered there.

    Attributes:
        fails: What reading a price raises.
    """

    cents: int = 1200
    stock: int = 40
    orders: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    reads: int = 0
    fails: Callable[[], Exception] | None = None

    def agent(self, folder: Path, *rules: str, valid_for: float | str | None = "1h", **settings: Any) -> Agent:
        """Somebody who orders there."""

        @tool(effect="read", verified=True, valid_for=valid_for, retries=Retries(attempts=2, first_wait=0.0))
        async def price_of(article: str) -> dict[str, Any]:
            """The price of an article."""
            self.reads += 1
            if self.fails is not None:
                raise self.fails()
            return {"article": article, "cents": self.cents, "stock": self.stock}

        @tool(**{"rests_on": [Rest("price_of", {"article": "article"}, fields=("cents",))], **settings})
        async def order(article: str, count: int) -> str:
            """Order an article."""
            self.orders.append((article, count))
            return f"ordered {count} of {article}"

        return Agent("buyer", tools=[price_of, order], policy=set_policy(folder / "shop.cedar", *(rules or RULES)))


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def asked(baton: Baton, run: RunHandle) -> Review:
    await soon(run.settled())
    (review,) = await baton.reviews.waiting([run.id])
    return review


async def checked(baton: Baton, run: RunHandle) -> list[dict[str, Any]]:
    happened = await baton.ledger.read(lambda tx: events.of_run(tx, run.id))
    return [dict(event.data) for event in happened if event.kind == "action.checked"]


@on_both
async def test_after_ten_days_a_changed_price_is_asked_about_and_what_is_as_it_was_then_runs_once(
    database: str, tmp_path: Path, shop: Shop, clock: ManualClock
) -> None:
    async with open_office(database, [shop.agent(tmp_path)], script([LOOK], [ORDER]), clock=clock) as baton:
        run = await baton.submit("order 12 of T-100")
        first = await asked(baton, run)
        (rests,) = first.question["rests_on"]
        assert (rests["tool"], rests["said"]) == ("price_of", '{"cents":1200}')
        assert shop.reads == 1  # what the agent has just read is not read again to ask

    clock.advance(6 * DAY)
    shop.cents, shop.stock = 1500, 39
    async with open_office(database, [shop.agent(tmp_path)], script([LOOK], [ORDER]), clock=clock) as baton:
        await baton.approve(first.id, by="ann")
        run = await baton.open(run.id)
        second = await asked(baton, run)
        assert second.question["summary"].endswith("What it rests on has changed since ann approved it.")
        (drift,) = second.question["drift"]
        assert (drift["name"], drift["before"], drift["after"]) == ('price_of(article="T-100") cents', "1200", "1500")
        assert shop.orders == []
        (said,) = await checked(baton, run)
        assert said["asked"] == first.id and said["drift"] == [drift]

        clock.advance(4 * DAY)
        await baton.approve(second.id, by="ann")
        await soon(run.result())
        assert shop.orders == [("T-100", 12)]
        assert shop.reads == 3
        same = (await checked(baton, run))[-1]
        assert (same["asked"], same["drift"]) == (second.id, [])
        lines = await tool_lines(run)
        assert lines[-2] == f"[review {second.id} approved by ann] order: ordered 12 of T-100"
        assert lines[-1].startswith("[coming back] You were away for 10 d")
        assert 'price_of(article="T-100"): read 10 d ago, holds for 1 h' in lines[-1]
        effects = await text_rows(baton.ledger, "SELECT tool, state FROM effects ORDER BY claimed_at")
        assert effects == [("price_of", "done"), ("order", "done")]


@on_both
async def test_an_approval_stands_where_nothing_that_matters_has_changed(
    database: str, tmp_path: Path, shop: Shop, clock: ManualClock
) -> None:
    async with open_office(database, [shop.agent(tmp_path)], script([LOOK], [ORDER]), clock=clock) as baton:
        run = await baton.submit("order 12 of T-100")
        review = await asked(baton, run)
        clock.advance(5 * DAY)
        shop.stock = 12
        await baton.approve(review.id, by="ann")
        await soon(run.result())
        assert shop.orders == [("T-100", 12)]
        assert len(await baton.reviews.waiting()) == 0


async def test_an_expired_and_a_replaced_fact_are_asked_about(tmp_path: Path, shop: Shop, clock: ManualClock) -> None:
    @tool
    async def send(street: str, contact: str) -> str:
        """Send it."""
        shop.orders.append((street, 1))
        return "sent"

    policy = '@id("ask") permit (principal, action == Action::"call_with_approval", resource is Tool::send);'
    agent = Agent("sender", tools=[send], policy=set_policy(tmp_path / "send.cedar", policy))
    mind = script([call("send", street="12 Main Street", contact="bea@shop.example")])
    label = Label(Trust.USER)
    async with open_office(tmp_path / "baton.db", [agent], mind, clock=clock) as baton:
        lives = Claim(scope="team", subject="anna", text="Anna's parcels go to 12 Main Street", label=label)
        asks = Claim(scope="team", subject="shop", text="Parcels: ask bea@shop.example", label=label)
        await baton.memory.remember(
            Claim(**{**vars(lives), "valid_to": clock.now() + 3 * DAY, "subject": "anna's parcels"})
        )
        contact = await baton.memory.remember(asks)
        other = Claim(scope="team", subject="parcels", text="Parcels are brown", label=label)
        brown = await baton.memory.remember(other)
        run = await baton.submit("send Anna's parcels")
        first = await asked(baton, run)
        assert len(first.question["facts"]) == 2

        clock.advance(5 * DAY)
        await baton.memory.supersede(contact, Claim(**{**vars(asks), "text": "Parcels: ask carl@shop.example"}))
        await baton.memory.supersede(brown, Claim(**{**vars(other), "text": "Parcels are blue"}))
        await baton.approve(first.id, by="ann")
        second = await asked(baton, run)
        ended, replaced = second.question["drift"]
        assert "has ended at" in ended["why"] and ended["before"] == "Anna's parcels go to 12 Main Street"
        assert (replaced["before"], replaced["after"]) == (
            "Parcels: ask bea@shop.example",
            "Parcels: ask carl@shop.example",
        )
        assert shop.orders == []
        clock.advance(DAY)
        await baton.approve(second.id, by="ann")
        await soon(run.result())
    assert shop.orders == [("12 Main Street", 1)]


async def test_a_fact_that_the_agent_has_looked_up_itself_is_looked_at_again(
    tmp_path: Path, shop: Shop, clock: ManualClock
) -> None:
    @tool
    async def send(street: str) -> str:
        """Send it."""
        shop.orders.append((street, 1))
        return "sent"

    agent = Agent("sender", tools=[send], policy="ask-writes")
    mind = script([call("recall", query="zebra depot")], [call("send", street="7 Oak Lane")])
    async with open_office(tmp_path / "baton.db", [agent], mind, clock=clock) as baton:
        told = Claim(scope="team", subject="zebra", text="The depot is at 7 Oak Lane", label=Label(Trust.USER))
        fact = await baton.memory.remember(told)
        run = await baton.submit("send it")
        first = await asked(baton, run)
        assert list(first.question["facts"]) == [fact]
        clock.advance(DAY)
        await baton.memory.supersede(fact, Claim(**{**vars(told), "text": "The depot is at 9 Elm Road"}))
        await baton.approve(first.id, by="ann")
        (drift,) = (await asked(baton, run)).question["drift"]
        assert (drift["before"], drift["after"]) == ("The depot is at 7 Oak Lane", "The depot is at 9 Elm Road")
    assert shop.orders == []


async def test_what_nobody_was_asked_about_is_not_carried_out_on_what_has_changed_and_the_agent_looks_again(
    tmp_path: Path, shop: Shop, clock: ManualClock
) -> None:
    def answer(conversation: Conversation) -> Answer:
        done = list(conversation.results())
        if not done:
            return calls(LOOK)
        if len(done) == 1 and "on" not in conversation.user_texts():
            return Answer(text="ready when you are")
        if done[-1][0] == "order":
            return calls(LOOK) if done[-1][2].startswith("error: ") else Answer(text="done")
        return calls(ORDER)

    agent = shop.agent(tmp_path, RULES[0], ALONE)
    goal = Goal("order 12 of T-100", conversation=True)
    async with open_office(tmp_path / "baton.db", [agent], Says(answer), clock=clock) as baton:
        run = await baton.submit(goal)
        await run.message("look")
        await soon(run.settled())
        clock.advance(2 * DAY)
        shop.cents = 1500
        await run.message("on")
        await soon(run.settled())
        lines = [line for line in await run.transcript() if line.role == "tool"]
        told = lines[1]
        assert told.text == (
            "error: not carried out, as what it rests on has changed: "
            'price_of(article="T-100") cents was 1200, is 1500. Look again, then decide anew.'
        )
        assert told.trust is Trust.AGENT
        assert [line.text for line in lines[2:]][1] == "ordered 12 of T-100"
    assert shop.orders == [("T-100", 12)]


async def test_what_an_action_rests_on_and_nobody_has_read_is_read_to_ask_and_refused_alone(
    tmp_path: Path, shop: Shop
) -> None:
    async with open_office(tmp_path / "asks.db", [shop.agent(tmp_path)], script([ORDER])) as baton:
        review = await asked(baton, await baton.submit("order 12 of T-100"))
        assert [one["said"] for one in review.question["rests_on"]] == ['{"cents":1200}']
    alone = shop.agent(tmp_path, RULES[0], ALONE)
    async with open_office(tmp_path / "alone.db", [alone], script([ORDER])) as baton:
        run = await baton.submit("order 12 of T-100")
        await soon(run.settled())
        assert "was not read before" in (await tool_lines(run))[0]
    assert shop.orders == []


@pytest.mark.parametrize(
    ("fails", "why"),
    [
        (lambda: RuntimeError("no such article"), "no such article"),
        (lambda: TryAgain("busy", after=0), "busy"),
        (lambda: ConnectionError("gone"), "connection was lost"),
    ],
)
async def test_what_cannot_be_read_again_is_asked_about_and_the_answer_to_that_stands(
    tmp_path: Path, shop: Shop, clock: ManualClock, fails: Callable[[], Exception], why: str
) -> None:
    async with open_office(tmp_path / "b.db", [shop.agent(tmp_path)], script([LOOK], [ORDER]), clock=clock) as baton:
        run = await baton.submit("order 12 of T-100")
        first = await asked(baton, run)
        clock.advance(DAY)
        shop.fails = fails
        await baton.approve(first.id, by="ann")
        second = await asked(baton, run)
        (drift,) = second.question["drift"]
        assert why in drift["why"] and drift["before"] == '{"cents":1200}'
        assert shop.orders == []
        await baton.approve(second.id, by="ann")
        await soon(run.result())
    assert shop.orders == [("T-100", 12)]


async def test_a_reading_that_policy_would_ask_about_is_not_made_by_itself(
    tmp_path: Path, shop: Shop, clock: ManualClock
) -> None:
    asks = '@id("look") permit (principal, action == Action::"call_with_approval", resource is Tool::price_of);'
    agent = shop.agent(tmp_path, asks, RULES[1])
    async with open_office(tmp_path / "baton.db", [agent], script([ORDER]), clock=clock) as baton:
        review = await asked(baton, await baton.submit("order 12 of T-100"))
        (rests,) = review.question["rests_on"]
    assert "policy says ask" in rests["problem"] and shop.reads == 0


async def test_a_value_that_was_read_is_read_again_when_it_is_older_than_it_holds(
    tmp_path: Path, shop: Shop, clock: ManualClock
) -> None:
    """Nothing is declared of the write: the argument was traced to a reading that holds for an hour."""

    @tool(effect="read", verified=True, valid_for="1h")
    async def email_of(customer: str) -> dict[str, str]:
        """Where a customer is reached."""
        return {"email": f"{customer}.{shop.cents}@mail.example"}

    @tool
    async def write(to: str) -> str:
        """Write to somebody."""
        shop.orders.append((to, 1))
        return "sent"

    rules = (
        'permit (principal, action == Action::"call", resource is Tool::email_of);',
        ('@id("ask") permit (principal, action == Action::"call_with_approval", resource is Tool::write);'),
    )
    agent = Agent("writer", tools=[email_of, write], policy=set_policy(tmp_path / "write.cedar", *rules))
    mind = script([call("email_of", customer="anna")], [call("write", to="anna.1200@mail.example")])
    async with open_office(tmp_path / "baton.db", [agent], mind, clock=clock) as baton:
        run = await baton.submit("write to anna")
        first = await asked(baton, run)
        clock.advance(1800)
        (rests,) = first.question["rests_on"]
        assert (rests["tool"], rests["arguments"]) == ("email_of", {"customer": "anna"})
        clock.advance(1801)
        shop.cents = 7
        await baton.approve(first.id, by="ann")
        second = await asked(baton, run)
        (drift,) = second.question["drift"]
        assert (drift["before"], drift["after"]) == ("anna.1200@mail.example", "anna.7@mail.example")
        await baton.reject(second.id, "she has moved", by="ann")
        await soon(run.settled())
    assert shop.orders == []


async def test_an_edit_is_looked_at_for_what_it_says_itself(tmp_path: Path, shop: Shop, clock: ManualClock) -> None:
    async with open_office(tmp_path / "b.db", [shop.agent(tmp_path)], script([LOOK], [ORDER]), clock=clock) as baton:
        run = await baton.submit("order 12 of T-100")
        first = await asked(baton, run)
        await baton.edit(first.id, {"article": "T-200", "count": 3}, by="ann")
        second = await asked(baton, run)
        assert second.question["arguments"] == {"article": "T-200", "count": 3}
        assert 'price_of(article="T-200") was not read before' in str(second.question["drift"][0]["name"]) + " " + str(
            second.question["drift"][0]["why"]
        )
        await baton.approve(second.id, by="ann")
        await soon(run.result())
    assert shop.orders == [("T-200", 3)]


async def test_a_fork_that_answers_from_the_record_knows_what_was_read(
    tmp_path: Path, shop: Shop, clock: ManualClock
) -> None:
    async with open_office(tmp_path / "b.db", [shop.agent(tmp_path)], script([LOOK], [ORDER]), clock=clock) as baton:
        run = await baton.submit("order 12 of T-100")
        await asked(baton, run)
        fork = await baton.fork(run.id, at=1)
        review = await asked(baton, fork)
        (rests,) = review.question["rests_on"]
        assert rests["said"] == '{"cents":1200}'


def nothing() -> None:
    """Nothing."""


def test_what_cannot_be_rested_on_is_refused() -> None:
    @tool(effect="read")
    def price(article: str) -> int:
        """Price."""
        return 1

    with pytest.raises(InvalidValue, match="valid_for of tool nothing"):
        tool(valid_for=60.0)(nothing)
    with pytest.raises(InvalidValue, match=r"rests_on of tool nothing.*write alone"):
        tool(effect="read", rests_on=["price"])(nothing)
    with pytest.raises(InvalidValue, match=r"rests_on of tool nothing.*article"):
        tool(rests_on=[Rest("price", {"article": "article"})])(nothing)
    writes = tool(rests_on=["price"])(nothing)
    with pytest.raises(InvalidValue, match="article is missing"):
        Agent("a", tools=[price, writes])
    with pytest.raises(InvalidValue, match="reads: none"):
        Agent("a", tools=[writes])
