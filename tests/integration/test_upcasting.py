"""Upcasters: what is open of an older version is asked anew in today's form, and only that runs."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from baton import Agent, Baton, RunHandle, tool
from baton.agents import upcast
from baton.core import InvalidValue
from baton.ledger import Review
from support import call, open_office, script, set_policy, soon, tool_lines

ASK = '@id("ask") @reviewers("lead") permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'
LIMIT = '@id("limit") forbid (principal, action, resource is Tool::pay) when { resource.args.euros > 9 };'


class Till:
    """Counts what was paid, in the words of the newest version."""

    def __init__(self, folder: Path) -> None:
        self.paid: list[Any] = []
        self.folder = folder

    def first(self) -> Agent:
        @tool
        async def pay(cents: int) -> str:
            """Pay."""
            self.paid.append(cents)
            return f"paid {cents} cents"

        return Agent("clerk", tools=[pay], policy=set_policy(self.folder / "first.cedar", ASK))

    def third(self, *rules: str, broken: bool = False) -> Agent:
        def euros(arguments: dict[str, Any]) -> dict[str, Any]:
            return {"euros": arguments["cents" if not broken else "pennies"] // 100}

        def to_shop(arguments: dict[str, Any]) -> dict[str, Any]:
            return arguments | {"to": "shop"}

        @tool(version="3", upcasters={"1": euros, "2": to_shop})
        async def pay(euros: int, to: str) -> str:
            """Pay."""
            self.paid.append((euros, to))
            return f"paid {euros} euros"

        return Agent("clerk", tools=[pay], policy=set_policy(self.folder / "third.cedar", *(rules or (ASK,))))


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "baton.db"


PAY = script([call("pay", cents=500)])


async def _asked(database: Path, till: Till, *, approved: bool) -> tuple[RunHandle, Review]:
    async with open_office(database, [till.first()], PAY) as baton:
        run = await baton.submit("go")
        (review,) = (await soon(run.settled())).reviews
    async with Baton(agents=[till.first()], database=database, dispatch=False) as elsewhere:
        if approved:
            await elsewhere.approve(review.id, by="ann")
        else:
            await (await elsewhere.open(run.id)).message("hello")
    return run, review


@pytest.mark.parametrize("approved", [True, False])
async def test_what_is_open_is_asked_anew_in_todays_form_and_runs_as_approved(
    database: Path, till: Till, approved: bool
) -> None:
    run, old = await _asked(database, till, approved=approved)
    async with open_office(database, [till.third()], PAY) as baton:
        run = await baton.open(run.id)
        (review,) = (await soon(run.settled())).reviews
        assert review.id != old.id
        assert (review.question["arguments"], review.reviewers) == ({"euros": 5, "to": "shop"}, ("lead",))
        assert review.question["was"] == {"version": "1", "arguments": {"cents": 500}}
        assert till.paid == []
        await baton.approve(review.id, by="bob")
        await soon(run.result())
        said = f'[review {review.id} approved by bob] pay({{"euros": 5, "to": "shop"}}): paid 5 euros'
        assert said in await tool_lines(run)
    assert till.paid == [(5, "shop")]


async def test_what_is_asked_anew_can_be_edited(database: Path, till: Till) -> None:
    run, _ = await _asked(database, till, approved=True)
    async with open_office(database, [till.third()], PAY) as baton:
        run = await baton.open(run.id)
        (review,) = (await soon(run.settled())).reviews
        await baton.edit(review.id, {"euros": 4, "to": "home"}, by="bob")
        await soon(run.result())
    assert till.paid == [(4, "home")]


@pytest.mark.parametrize("approved", [True, False])
@pytest.mark.parametrize(
    ("rules", "broken", "says"),
    [((ASK, LIMIT.replace("> 9", "> 4")), False, "limit forbids pay"), ((), True, "its upcasters fail")],
)
async def test_what_policy_or_the_upcasters_refuse_is_not_asked(
    database: Path, till: Till, rules: tuple[str, ...], broken: bool, says: str, approved: bool
) -> None:
    run, _ = await _asked(database, till, approved=approved)
    async with open_office(database, [till.third(*rules, broken=broken)], PAY) as baton:
        run = await baton.open(run.id)
        assert (await soon(run.settled())).status == "done"
        assert any(says in line for line in await tool_lines(run))
    assert till.paid == []


@pytest.mark.parametrize(("rule", "paid"), [("call", [(5, "shop")]), ("call_with_approval", [])])
async def test_what_needed_nobody_goes_ahead_in_todays_form_if_it_still_needs_nobody(
    database: Path, till: Till, rule: str, paid: list[Any]
) -> None:
    begun = asyncio.Event()

    @tool(effect="read")
    async def look() -> str:
        """Look."""
        begun.set()
        return await asyncio.Event().wait() and ""

    @tool(effect="read", name="look")
    async def look_at_once() -> str:
        """Look."""
        return "seen"

    both = script([call("look"), call("pay", cents=500)])
    old, new = till.first(), till.third(f'permit (principal, action == Action::"{rule}", resource is Tool::pay);')
    async with open_office(database, [replace(old, tools=[look, *old.tools], policy="allow-all")], both) as baton:
        run = await baton.submit("go")
        await soon(begun.wait())
    async with open_office(database, [replace(new, tools=[look_at_once, *new.tools])], both) as baton:
        run = await baton.open(run.id)
        asked = [review.question["arguments"] for review in (await soon(run.settled())).reviews]
    assert till.paid == paid
    assert asked == ([] if paid else [{"euros": 5, "to": "shop"}])


async def test_a_later_version_is_asked_about_once_more(database: Path, till: Till) -> None:
    """The form that was asked about counts, not the one that was proposed."""
    run, _ = await _asked(database, till, approved=True)
    async with open_office(database, [till.third()], PAY) as baton:
        run = await baton.open(run.id)
        (review,) = (await soon(run.settled())).reviews
    async with Baton(agents=[till.third()], database=database, dispatch=False) as elsewhere:
        await elsewhere.approve(review.id, by="bob")
    async with open_office(database, [till.first()], PAY) as baton:  # rolled back: version 3 is not version 1
        run = await baton.open(run.id)
        (trouble,) = (await soon(run.settled())).reviews
        assert "it was proposed for version 3, the tool is of version 1" in trouble.question["summary"]
    assert till.paid == []


def test_upcasters_lead_from_any_older_version_and_must_give_what_the_tool_takes(till: Till) -> None:
    spec = till.third().specs["pay"]
    assert upcast(spec, "1", {"cents": 700}) == {"euros": 7, "to": "shop"}
    assert upcast(spec, "2", {"euros": 7}) == {"euros": 7, "to": "shop"}
    with pytest.raises(ValueError, match="upcaster of version 1 raised KeyError"):
        upcast(spec, "1", {})
    with pytest.raises(ValueError, match="euros"):
        upcast(spec, "2", {"euros": "many"})
    with pytest.raises(InvalidValue, match="upcasters of tool look"):

        @tool(version="2", upcasters={"2": dict})
        def look() -> None: ...
