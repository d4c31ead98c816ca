"""The pages of what an action rests on, of what happened meanwhile, and of what a model was told."""

from pathlib import Path
from typing import Any

from baton import Agent, Rest, tool
from baton.core import Label, ManualClock, Role, Trust
from baton.ledger import Claim
from support import call, script, set_policy, soon
from support.markup import harm_in
from support.serving import Office, kind_of, serve_office

HOSTILE = '<img src=x onerror="alert(1)"><script>alert(2)</script>\u202e'
HTML = {"accept": "text/html"}
DAY = 86400.0


async def shown(office: Office, path: str, who: dict[str, str]) -> str:
    answer = await office.http.get(path, headers=who | HTML)
    assert answer.status_code == 200, answer.text
    assert harm_in(answer.text) == [] and "\u202e" not in answer.text
    return answer.text


async def test_a_question_a_run_and_its_context_say_what_has_changed_and_hostile_words_stay_words(
    tmp_path: Path,
) -> None:
    prices: dict[str, Any] = {"cents": 1200, "note": f"cheap {HOSTILE}"}

    @tool(effect="read", verified=True, valid_for="1h")
    async def price_of(article: str) -> dict[str, Any]:
        """The price."""
        return prices

    @tool(rests_on=[Rest("price_of")])
    async def order(article: str, street: str) -> str:
        """Order."""
        return "ordered"

    rules = (
        'permit (principal, action == Action::"call", resource is Tool::price_of);',
        '@id("ask") permit (principal, action == Action::"call_with_approval", resource is Tool::order);',
    )
    agent = Agent("buyer", tools=[price_of, order], policy=set_policy(tmp_path / "shop.cedar", *rules))
    mind = script([call("price_of", article="T-100")], [call("order", article="T-100", street="12 Main Street")])
    clock = ManualClock()
    async with serve_office(str(tmp_path / "b.db"), agent, mind=mind, clock=clock) as office:
        told = Claim(
            scope="team",
            subject=f"anna {HOSTILE}",
            text=f"T-100 goes to 12 Main Street {HOSTILE}",
            label=Label(Trust.EXTERNAL),
            valid_to=clock.now() + DAY,
        )
        fact = await office.baton.memory.remember(told)
        run = await office.baton.submit("order T-100")
        await soon(run.settled())
        (first,) = await office.baton.reviews.waiting()
        clock.advance(10 * DAY)
        prices["cents"] = 1500
        who = await office.person("olga", Role.OWNER)

        page = await shown(office, f"/reviews/{first.id}", who)
        assert "price_of(article=&#34;T-100&#34;): {&#34;cents&#34;:1200" in page and "read 10 d ago" in page
        assert "no longer so, since it was asked" in page and f"{fact} about" in page
        meanwhile = await shown(office, f"/runs/{run.id}", who)
        assert "It has done nothing itself for 10 d" in meanwhile
        assert "read 10 d ago, holds for 1 h" in meanwhile and f"{fact} about" in meanwhile

        await office.baton.approve(first.id, by="ann")
        await soon(run.settled())
        (again,) = await office.baton.reviews.waiting()
        page = await shown(office, f"/reviews/{again.id}", who)
        assert "What it rests on is not as it was:" in page and "<del>1200</del> → <ins>1500</ins>" in page
        assert "has ended at" in page
        asked = (await office.http.get(f"/api/v1/reviews/{again.id}", headers=who)).json()
        assert [one["before"] for one in asked["drift"]] == ["1200", told.text]
        assert "what order rests on has changed" in await shown(office, f"/runs/{run.id}", who)

        first_turn = await shown(office, f"/parts/runs/{run.id}/context?turn=1", who)
        assert (
            "tokens for messages" in first_turn
            and f"tokens: {fact}" in first_turn
            and "instructions, goal" in first_turn
        )
        assert "&#34;trust&#34;:&#34;external&#34;" in first_turn
        missing = await office.http.get(f"/parts/runs/{run.id}/context?turn=9", headers=who)
        assert kind_of(missing) == (404, "NotFound")
        assert kind_of(await office.http.get(f"/parts/runs/{run.id}/context")) == (401, "SignInNeeded")
