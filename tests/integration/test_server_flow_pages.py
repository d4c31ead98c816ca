"""The pages of the flow and of promises: what the record says, whoever looks; and nothing of a stranger's as markup."""

import re
from pathlib import Path

from baton.core import Absence, Adaptive, ManualClock, Person, Role
from baton.flow import grid_until, read_pace
from baton.ledger import alerts, limits, people, rates, reservations
from baton.ledger.alerts import Finding
from baton.ledger.rates import Grid
from support import on_both, soon
from support.markup import harm_in
from support.promised import Stream
from support.serving import LEADS, Office, clerk, kind_of, serve_office

API = "/api/v1"
LIMITED = (
    '@id("small") @limit("cents <= 1000 per agent in 1d; calls <= 3 per user") '
    'permit (principal, action == Action::"call", resource is Tool::pay);'
)
HTML = {"accept": "text/html"}


async def shown(office: Office, path: str, who: dict[str, str]) -> str:
    answer = await office.http.get(path, headers=who | HTML)
    assert answer.status_code == 200, answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert harm_in(answer.text) == []
    return answer.text


async def approve(office: Office, review: dict[str, object], who: dict[str, str]) -> None:
    said = {"decision": "approve", "version": review["version"]}
    assert (await office.http.post(f"{API}/reviews/{review['id']}/decide", json=said, headers=who)).status_code == 200
    await soon((await office.baton.open(str(review["run"]))).result())


async def test_an_empty_record_says_what_to_do(tmp_path: Path) -> None:
    async with serve_office(str(tmp_path / "b.db"), clerk(tmp_path)) as office:
        vic = await office.person("vic", Role.VIEWER)
        text = await shown(office, "/flow", vic)
        assert "Nothing has run yet" in text and "nothing is" in text and "@at_most" in text
        for span in ("hour", "day", "week", "month"):
            assert 'aria-current="page">' in await shown(office, f"/flow?span={span}", vic)
            assert "No question was open or closed" in await shown(office, f"/parts/flow/waiting?span={span}", vic)
        wrong = await office.http.get("/flow?span=year", headers=vic)
        assert kind_of(wrong) == (422, "InvalidValue")
        gone = await office.http.get("/flow/promises/pay", headers=vic)
        assert kind_of(gone) == (404, "NotFound")
        assert kind_of(await office.http.get("/flow")) == (401, "SignInNeeded")


@on_both
async def test_the_flow_shows_what_ended_what_is_open_and_what_waiting_was(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        ann = await office.person("ann", Role.REVIEWER)
        await approve(office, await office.asked(ann), ann)
        await office.asked(ann)
        text = await shown(office, "/parts/flow", ann)
        assert "1 done" in text and "2 asked, 1 closed in this time" in text
        assert "a person&#39;s answer: 1" in text
        assert text.count('role="img"') >= 4
        waiting = await shown(office, "/parts/flow/waiting", ann)
        assert "All waits" in waiting and "as proposed: 1 of 1" in waiting and ">ann<" in waiting


async def test_links_lead_to_where_the_server_is(tmp_path: Path) -> None:
    async with serve_office(str(tmp_path / "b.db"), clerk(tmp_path), base_path="/baton") as office:
        await office.account("vic", Role.VIEWER)
        vic = await office.key("vic")
        for path in ("/baton/flow", "/baton/parts/flow", "/baton/agents", "/baton/agents/clerk"):
            text = await shown(office, path, vic)
            assert all(link.startswith("/baton/") for link in re.findall(r'(?:href|src|hx-get)="(/[^"]*)"', text)), path


async def test_what_is_stuck_stands_with_its_chain_and_the_ways_out(tmp_path: Path) -> None:
    away = Person(name="lena", roles=frozenset({"lead"}), absences=(Absence(start=0.0),))
    async with serve_office(str(tmp_path / "b.db"), clerk(tmp_path, LEADS), people=[away]) as office:
        vic, owner = await office.person("vic", Role.VIEWER), await office.person("olga", Role.OWNER)
        asked = await office.asked(owner)
        text = await shown(office, "/flow", owner)
        assert "lena</b> is never on duty again" in text and "name a stand-in for lena" in text
        assert f'href="/reviews/{asked["id"]}">approve or reject' in text
        assert f'data-ask="runs/{asked["run"]}/cancel"' in text
        assert "data-ask" not in await shown(office, "/flow", vic)  # who may not is shown no button
        await office.baton.ledger.write(lambda tx: people.keep(tx, []))
        assert "never on duty" not in await shown(office, "/flow", owner)


@on_both
async def test_limits_stand_with_what_is_used_of_them(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path, LIMITED)) as office:
        ann = await office.person("ann", Role.REVIEWER)
        before = await shown(office, "/flow", ann)
        assert "0 of 1000" in before and "nothing yet" in before
        made = await office.http.post(f"{API}/runs", json={"statement": "pay"}, headers=ann)
        await soon((await office.baton.open(made.json()["id"])).result())
        text = await shown(office, "/flow", ann)
        assert "500 of 1000" in text and "agent clerk" in text
        assert "1 of 3" in text and "user ann" in text


async def test_the_page_of_a_promise_draws_what_is_known_and_says_what_is_not(tmp_path: Path) -> None:
    clock = ManualClock()
    async with serve_office(str(tmp_path / "b.db"), clerk(tmp_path), clock=clock) as office:
        await office.account("vic", Role.VIEWER)
        kind = 'refund/<b onclick="x">'
        stream = Stream(office.baton.ledger, clock, "billing", kind, risk=0.02, seed=1)
        await stream.go_on(5)
        key = await office.key("vic")
        few = await shown(office, "/flow/promises/refund%2F%3Cb%20onclick=%22x%22%3E", key)
        assert "too little to show: 5 actions so far" in few and "not known yet" in few
        await stream.go_on(900)
        key = await office.key("vic")
        text = await shown(office, "/flow/promises/refund%2F%3Cb%20onclick=%22x%22%3E?agent=billing", key)
        assert "<b onclick" not in text and "refund/&lt;b onclick" in text
        assert "acting alone on" in text and "in force" in text and text.count('role="img"') == 3
        listed = await shown(office, "/parts/flow", key)
        assert "acting alone on" in listed and 'href="/flow/promises/refund/%3Cb' in listed


@on_both
async def test_what_came_and_went_is_counted_where_it_happened(database: str, tmp_path: Path) -> None:
    clock = ManualClock(1_800_000_000.0)
    async with serve_office(database, clerk(tmp_path), clock=clock) as office:
        ann = await office.person("ann", Role.REVIEWER)
        first = await office.asked(ann)
        clock.advance(5400.0)
        ann = await office.key("ann")
        await approve(office, first, ann)
        await office.asked(ann)
        clock.advance(1800.0)
        pace = await office.baton.ledger.read(lambda tx: read_pace(tx, grid_until(tx.now, 3600.0, 4)))
        assert pace.grid == Grid(start=1_800_007_200.0 - 3 * 3600.0, step=3600.0, count=4)
        assert pace.ended == {"done": [0, 0, 1, 0]} and list(pace.asked) == [0, 1, 1, 0]
        assert list(pace.answered) == [0, 0, 1, 0]
        assert list(pace.depth) == [0, 0, 1, 1, 1] and list(pace.work) == [0, 0, 1, 1, 1]
        (left,) = pace.open
        assert (left.agent, left.asking, left.all) == ("clerk", 1, 1)
        (busy,) = pace.busy
        assert (busy.runs, busy.since) == (2, 1_800_000_000.0) and busy.tokens > 0
        found = await office.baton.ledger.read(lambda tx: rates.answered_since(tx, 0.0, 1))
        assert found == 1_800_005_400.0
        assert await office.baton.ledger.read(lambda tx: rates.answered_since(tx, 7.0, 2)) == 7.0


@on_both
async def test_the_page_says_where_time_goes_and_what_is_wrong(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        ann = await office.person("ann", Role.REVIEWER)
        assert "No run has ended" in await shown(office, "/parts/flow/time", ann)
        await approve(office, await office.asked(ann), ann)
        text = await shown(office, "/parts/flow/time", ann)
        assert "1 run, half within" in text and "Minutes until a run ended" in text
        wrong = Finding(
            name="slow model",
            about="m",
            severity="warning",
            says="m <b>answers</b> slowly.",
            cause="it <i>is</i> slow",
            evidence="10 s",
            way_out="ask",
            began=office.baton.ledger.clock.now() - 60.0,
        )
        await office.baton.ledger.write(
            lambda tx: reservations.declare_limit(tx, "tool", "<b>pay", Adaptive(least=2, most=9))
        )
        await office.baton.ledger.write(lambda tx: limits.adapt(tx, "tool <b>pay", {}, 5, {"until": 1.0}, "it <i>went"))
        text = await shown(office, "/parts/flow/time", ann)
        assert "5, from 2 to 9 by how it goes" in text and "4 to 5, it &lt;i&gt;went" in text
        told = (await office.http.get(f"{API}/flow", headers=ann)).json()
        assert [(one["name"], one["capacity"]) for one in told["limits"]] == [("tool <b>pay", 5)]
        await office.baton.ledger.write(lambda tx: alerts.settle(tx, [wrong]))
        text = await shown(office, "/parts/flow", ann)
        assert "What is wrong" in text and "m &lt;b&gt;answers" in text
        told = (await office.http.get(f"{API}/flow", headers=ann)).json()
        assert (told["all"]["runs"], told["alerts"][0]["name"]) == (1, "slow model")
        figures = (await office.http.get("/metrics", headers=ann)).text
        assert 'baton_alerts{name="slow model"} 1.0' in figures and "baton_workers_wanted" in figures
        await office.baton.ledger.write(lambda tx: alerts.settle(tx, []))
        assert "1 found in this time, and over" in await shown(office, "/parts/flow", ann)
