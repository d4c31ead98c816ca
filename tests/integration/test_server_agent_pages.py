"""The pages of agents: what each may do, its tests, what is proposed, what it has learnt; hostile words stay words."""

from dataclasses import replace
from pathlib import Path

from baton import Agent, tool
from baton.core import Label, Role, Trust
from baton.ledger import Claim, facts, rule_proposals
from support import set_policy, soon
from support.markup import harm_in
from support.serving import ASK, Office, clerk, kind_of, serve_office

HTML = {"accept": "text/html"}
HOSTILE = '<img src=x onerror="alert(1)"><script>alert(2)</script>\u202e javascript:alert(3)'
API = "/api/v1"


async def shown(office: Office, path: str, who: dict[str, str]) -> str:
    answer = await office.http.get(path, headers=who | HTML)
    assert answer.status_code == 200, answer.text
    assert harm_in(answer.text) == [] and "\u202e" not in answer.text
    return answer.text


def shop(folder: Path) -> Agent:
    """An agent with a tool of each sort."""

    @tool(effect="read", verified=True)
    async def look(id: str) -> str:
        """Look up."""
        return id

    @tool(effect="read", egress=True)
    async def fetch(url: str) -> str:
        """Fetch."""
        return url

    @tool(undo="take")
    async def pay(cents: int) -> str:
        """Pay <b>."""
        return str(cents)

    @tool(repeatable=True)
    async def take(cents: int) -> str:
        """Take."""
        return str(cents)

    rules = (
        '@id("look") permit (principal, action == Action::"call", resource is Tool::look);',
        '@id("small") @limit("calls <= 3 per agent in 1d") @min_confidence("0.8") permit (principal, action == '
        'Action::"call", resource is Tool::pay) when { resource.args.cents <= 5000 };',
        '@id("large") @reviewers("lead") @quorum("2") @deadline("4h") @on_deadline("deny") @reason("much money") '
        'permit (principal, action == Action::"call_with_approval", resource is Tool::pay);',
        '@id("never") forbid (principal, action, resource is Tool::pay) when { resource.args.cents > 90000 };',
        '@id("takes") permit (principal, action == Action::"call", resource is Tool::take);',
    )
    policy = set_policy(folder / "shop.cedar", *rules)
    return Agent("shop", instructions=f"Sell. {HOSTILE}", tools=[look, fetch, pay, take], policy=policy)


async def test_what_an_agent_may_do_stands_in_words(tmp_path: Path) -> None:
    async with serve_office(str(tmp_path / "b.db"), shop(tmp_path)) as office:
        vic = await office.person("vic", Role.VIEWER)
        cards = await shown(office, "/agents", vic)
        assert 'href="/agents/shop"' in cards and "1 tool reads" in cards and "3 tools change something" in cards
        assert "1 never allowed" in cards
        text = await shown(office, "/agents/shop", vic)
        for part in (
            "within calls &lt;= 3 per agent in 1d, when it is at least 80 % sure",
            "where cents is at most 5000",
            "2 of lead decide, within 4 h, then it counts as no",
            "“much money”",
            "where cents is over 90000",
            "undone by take",
            "safe to repeat",
            "sends something out",
            "its results are trusted",
            "no rule permits it",  # fetch
            "There are none. Write them in <code>shop.test.yaml</code>",
            "Sell. &lt;img src=x onerror=",
            "Pay &lt;b&gt;.",
        ):
            assert part in text, part
        gone = await office.http.get("/agents/nobody", headers=vic)
        assert kind_of(gone) == (404, "NotFound")
        assert kind_of(await office.http.get("/agents")) == (401, "SignInNeeded")


async def test_tests_beside_a_policy_are_run_against_its_file(tmp_path: Path) -> None:
    agent = shop(tmp_path)
    async with serve_office(str(tmp_path / "b.db"), agent) as office:
        vic = await office.person("vic", Role.VIEWER)
        tests = tmp_path / "shop.test.yaml"
        tests.write_text(
            "tests:\n"
            "  - {name: 'small <b>', call: pay, arguments: {cents: 10}, confidence: 0.9, expect: allow}\n"
            "  - {name: wrong, call: pay, arguments: {cents: 10}, confidence: 0.9, expect: deny}\n"
        )
        text = await shown(office, "/agents/shop", vic)
        assert "1 of 2 as expected" in text and "small &lt;b&gt;" in text and "expected deny, got allow" in text
        tests.write_text("tests: 1\n")
        assert "They cannot be run" in await shown(office, "/agents/shop", vic)
        tests.unlink()
        policy = Path(str(agent.policy))
        before = policy.read_text()
        policy.write_text(before + '\n@id("more") forbid (principal, action, resource is Tool::take);')
        assert "has changed since the agent was started" in await shown(office, "/agents/shop", vic)
        policy.write_text("permit what?")
        assert "cannot be read as it stands" in await shown(office, "/agents/shop", vic)


async def test_proposals_are_shown_to_all_and_decided_by_owners(tmp_path: Path) -> None:
    async with serve_office(str(tmp_path / "b.db"), clerk(tmp_path)) as office:
        ann, owner = await office.person("ann", Role.REVIEWER), await office.person("olga", Role.OWNER)
        asked = await office.asked(ann)
        said = {"decision": "approve", "version": asked["version"], "note": HOSTILE}
        await office.http.post(f"{API}/reviews/{asked['id']}/decide", json=said, headers=ann)
        await soon((await office.baton.open(asked["run"])).result())
        made = (await office.http.post(f"{API}/reviews/{asked['id']}/propose", json={}, headers=ann)).json()["proposal"]
        await office.baton.ledger.write(
            lambda tx: rule_proposals.propose(tx, "clerk", asked["id"], HOSTILE, [], HOSTILE, "instruction", HOSTILE)
        )
        assert "2 to accept or decline" in await shown(office, "/agents", ann)
        text = await shown(office, "/agents/clerk", ann)
        assert made["id"] in text and "Owners accept or decline it." in text and "data-ask" not in text
        assert "where the time is under" in text and "a near miss" in text
        text = await shown(office, "/agents/clerk", owner)
        assert f'data-ask="proposals/{made["id"]}/accept"' in text
        assert f'data-ask="proposals/{made["id"]}/decline"' in text
        url = f"{API}/proposals/{made['id']}"
        assert (await office.http.post(f"{url}/accept", json={}, headers=owner)).status_code == 200
        text = await shown(office, "/parts/agents/clerk", owner)
        assert "olga accepted the rule" in text and "3 of 3 as expected" in text
        assert f"as-approved-{asked['id'].removeprefix('rev_')}" in text
        assert "has changed since" not in text  # it goes by the new one already


async def test_what_people_corrected_and_what_a_shadow_said_is_shown(tmp_path: Path) -> None:
    shadow = set_policy(tmp_path / "lax.cedar", "permit (principal, action, resource);")
    async with serve_office(str(tmp_path / "b.db"), replace(clerk(tmp_path, ASK), shadow=shadow)) as office:
        ann = await office.person("ann", Role.REVIEWER)
        assert "Nothing was judged by both yet" in await shown(office, "/agents/clerk", ann)
        asked = await office.asked(ann)
        said = {"decision": "reject", "version": asked["version"], "note": f"not due {HOSTILE}"}
        await office.http.post(f"{API}/reviews/{asked['id']}/decide", json=said, headers=ann)
        await soon((await office.baton.open(asked["run"])).result())
        told = Label(Trust.SYSTEM, frozenset({"rule_1"}))
        await office.baton.ledger.write(
            lambda tx: facts.record(
                tx, Claim(scope="instructions/clerk", subject="pay", text=f"Heed {HOSTILE}", label=told)
            )
        )
        text = await shown(office, "/agents/clerk", ann)
        assert "not due &lt;img" in text and f'href="/reviews/{asked["id"]}"' in text
        assert "It is told at the beginning of each run" in text and "Heed &lt;img" in text
        assert "lax.cedar would have said" in text and "1 that people rejected would have run alone" in text
