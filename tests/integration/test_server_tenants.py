"""Tenants: what is one's own is there, and what is another's is nowhere, whichever address is asked."""

import contextlib
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from baton import Agent, Baton, tool
from baton.core import Forbidden, InvalidValue, Label, NotFound, Role, Trust
from baton.ledger import Claim, Review, Transaction, audits, events, facts, waits
from baton.server import Service, make_app
from baton.server.changes import Changes
from support import call, on_both, open_office, script, set_policy, soon
from support.serving import ASK, PAY, Office, clerk, serve_office

MARK = "the-secret-of-acme"

ID = {
    "run": "run",
    "review": "review",
    "audit": "audit",
    "thread_id": "run",
    "run_id": "exchange",
    "checkpoint_id": "turn",
    "number": "number",
    "fact": "fact",
}
"""What stands for the names in addresses."""

SAID = {"input": {"messages": [{"role": "user", "content": "hello"}]}, "assistant_id": "clerk"}
REVIEW = "/api/v1/reviews/{review}"
WRITES: dict[tuple[str, str], Any] = {
    ("POST", "/api/v1/runs/{run}/messages"): {"text": "hello"},
    ("POST", "/api/v1/runs/{run}/notes"): {"text": "hello"},
    ("POST", "/api/v1/runs/{run}/cancel"): None,
    ("POST", "/api/v1/runs/{run}/fork"): {"at": 0},
    ("POST", "/api/v1/runs/{run}/compensate"): None,
    ("POST", f"{REVIEW}/claim"): None,
    ("POST", f"{REVIEW}/release"): None,
    ("POST", f"{REVIEW}/decide"): {"decision": "approve", "version": 1},
    ("POST", f"{REVIEW}/undo"): None,
    ("POST", f"{REVIEW}/delegate"): {"to": "glo", "version": 1},
    ("POST", f"{REVIEW}/snooze"): {"seconds": 60},
    ("POST", f"{REVIEW}/comment"): {"text": "hello"},
    ("POST", f"{REVIEW}/ask"): {"text": "why?"},
    ("POST", f"{REVIEW}/propose"): None,
    ("POST", "/api/v1/audits/{audit}"): {"wrong": True, "note": "no"},
    ("DELETE", "/api/v1/memory/{fact}"): None,
    ("PATCH", "/threads/{thread_id}"): {"metadata": {"a": 1}},
    ("DELETE", "/threads/{thread_id}"): None,
    ("POST", "/threads/{thread_id}/state/checkpoint"): {"checkpoint": {"checkpoint_id": "1"}},
    ("POST", "/threads/{thread_id}/state"): {"values": None, "as_node": "__end__"},
    ("POST", "/threads/{thread_id}/history"): {},
    ("POST", "/threads/{thread_id}/runs"): SAID,
    ("POST", "/threads/{thread_id}/runs/stream"): SAID,
    ("POST", "/threads/{thread_id}/runs/wait"): SAID,
    ("POST", "/threads/{thread_id}/runs/{run_id}/cancel"): None,
}
"""What is sent to each address that changes one thing."""

ELSEWHERE = (
    "/v1/models/",
    "/assistants/",
    "/agents/",
    "/parts/agents/",
    "/open/",
    "/api/v1/promises/",
    "/flow/promises/",
)
"""What names nothing that is a tenant's; what is of all of them stands in OF_ALL, and a mail's link is its own key."""

OF_ALL = (
    "/api/v1/people",
    "/api/v1/promises",
    "/api/v1/promises/x",
    "/api/v1/proposals",
    "/api/v1/stuck",
    "/api/v1/measures",
    "/api/v1/flow",
    "/api/v1/trail",
    "/flow",
    "/parts/flow",
    "/parts/flow/waiting",
    "/parts/flow/time",
    "/flow/promises/x",
    "/agents",
    "/agents/clerk",
    "/parts/agents/clerk",
    "/metrics",
)


def routes(found: Any) -> Iterator[tuple[str, str]]:
    """Methods and addresses of all that the server answers."""
    for route in found:
        if isinstance(route, APIRoute):
            yield from ((method, route.path) for method in sorted(route.methods or ()))
        elif inner := getattr(route, "original_router", None):
            prefix: str = getattr(route, "prefix", "") or getattr(getattr(route, "include_context", None), "prefix", "")
            yield from ((method, prefix + path) for method, path in routes(inner.routes))
        else:
            assert isinstance(route, BaseRoute)


@dataclass
class Two:
    """A server with two tenants, of which one has all there is.

    Attributes:
        ids: What acme has, by what it is.
        acme: The header of its admin's key.
        globex: That of another tenant's admin.
        everybodys: That of an admin of all tenants.
    """

    office: Office
    ids: dict[str, str]
    acme: dict[str, str]
    globex: dict[str, str]
    everybodys: dict[str, str]

    def filled(self, path: str) -> str:
        """An address with what acme has in it."""
        for name, kind in ID.items():
            path = path.replace(f"{{{name}}}", self.ids[kind])
        return path


def asking(folder: Path) -> Agent:
    """An agent whose question, texts and files hold what nobody else may read."""

    @tool
    async def pay(cents: int, note: str) -> str:
        """Pay."""
        return f"paid {cents} {note}"

    return Agent("clerk", tools=[pay], policy=set_policy(folder / "till.cedar", ASK))


@contextlib.asynccontextmanager
async def two(database: str, folder: Path) -> AsyncGenerator[Two]:
    """The server, with a run of acme's that asks, another that is decided, and one to look back at."""
    mind = script([call("pay", cents=500, note=MARK)])
    async with serve_office(database, asking(folder), mind=mind) as office:
        keys = [await office.person(name, Role.ADMIN, tenant=of) for name, of in TENANTS.items()]
        said = {"statement": f"pay {MARK}", "attachments": [{"name": "a.txt", "text": MARK}], "key": "one"}
        runs = [await _asked(office, keys[0], said | {"key": key}) for key in ("one", "two")]
        review = (await office.http.get(f"/api/v1/runs/{runs[0]}/reviews", headers=keys[0])).json()["reviews"][0]
        done = (await office.http.get(f"/api/v1/runs/{runs[1]}/reviews", headers=keys[0])).json()["reviews"][0]
        await office.baton.approve(done["id"], by="acme", note=MARK)
        await soon((await office.baton.open(runs[1])).settled())
        decided = await office.baton.reviews.get(done["id"])
        audit = await office.baton.ledger.write(lambda tx: _audit(tx, decided))
        listed = await office.http.get(f"/threads/{runs[0]}/runs", headers=keys[0])
        ids = {"run": runs[0], "review": review["id"], "audit": audit, "number": "0", "turn": "1"}
        ids["exchange"] = listed.json()[0]["run_id"]
        claim = Claim(tenant="acme", scope="agent:clerk", subject="it", text=MARK, label=Label(Trust.USER))
        ids["fact"] = await office.baton.ledger.write(lambda tx: facts.record(tx, claim))
        yield Two(office, ids, *keys)


TENANTS = {"acme": "acme", "glo": "globex", "ops": None}


async def _asked(office: Office, key: dict[str, str], said: dict[str, Any]) -> str:
    made = await office.http.post("/api/v1/runs", json=said, headers=key)
    assert made.status_code == 201, made.text
    id: str = made.json()["id"]
    await soon((await office.baton.open(id)).settled())
    return id


def _audit(tx: Transaction, of: Review) -> str:
    assert of.action is not None
    made = audits.open_(
        tx,
        of.action,
        look=1,
        run=of.run,
        agent="clerk",
        tool="pay",
        kind="till",
        question={"says": MARK},
    )
    assert made is not None
    return made


def addresses() -> list[tuple[str, str]]:
    """All addresses of the server."""
    return sorted(set(routes(make_app(Service(baton=Baton())).routes)))


@on_both
async def test_nothing_of_another_tenants_is_found_whatever_is_asked(database: str, tmp_path: Path) -> None:
    async with two(database, tmp_path) as it:
        for path in [path for method, path in addresses() if method == "GET" and "{" in path]:
            if path.startswith(ELSEWHERE):
                continue
            theirs = await it.office.http.get(it.filled(path), headers=it.globex)
            assert theirs.status_code == 404, (path, theirs.text[:300])
            assert MARK not in theirs.text, path
            if not path.endswith(("/events", "/stream", "/join", "{checkpoint_id}")):  # which go on, or need a turn
                own = await it.office.http.get(it.filled(path), headers=it.acme)
                assert own.status_code == 200, (path, own.text[:300])


@on_both
async def test_nothing_of_another_tenants_can_be_changed(database: str, tmp_path: Path) -> None:
    changing = {
        (method, path) for method, path in addresses() if method != "GET" and any(f"{{{name}}}" in path for name in ID)
    }
    assert changing == set(WRITES), "an address that changes something is looked at here too"
    async with two(database, tmp_path) as it:
        before = await it.office.baton.ledger.read(events.last)
        for (method, path), body in WRITES.items():
            answer = await it.office.http.request(method, it.filled(path), json=body, headers=it.globex)
            assert answer.status_code == 404, (method, path, answer.text[:300])
            assert MARK not in answer.text, path
        elsewhere = await it.office.http.get("/api/v1/memory?tenant=acme", headers=it.globex)
        assert (elsewhere.status_code, MARK in elsewhere.text) == (422, False)
        assert await it.office.baton.ledger.read(events.last) == before


@on_both
async def test_no_list_shows_what_is_another_tenants(database: str, tmp_path: Path) -> None:
    lists = [
        ("GET", "/api/v1/runs", None),
        ("GET", "/api/v1/reviews?state=all", None),
        ("GET", "/api/v1/audits", None),
        ("POST", "/api/v1/reviews/next", {}),
        ("GET", "/reviews", None),
        ("GET", "/reviews?view=decided", None),
        ("GET", "/runs", None),
        ("GET", "/audits", None),
        ("GET", "/chat", None),
        ("GET", "/parts/waiting", None),
        ("GET", "/api/v1/memory", None),
        ("POST", "/threads/search", {}),
        ("POST", "/threads/search", {"status": "interrupted"}),
        ("POST", "/mcp", _mcp("list_reviews", {})),
    ]
    async with two(database, tmp_path) as it:
        shown: set[str] = set()
        for method, path, body in lists:
            headers = {"accept": "application/json, text/event-stream"} if path == "/mcp" else {}
            ids = {kind: it.ids[kind] for kind in ("run", "review", "audit", "fact")}
            for key in (it.globex, it.acme, it.everybodys):
                answer = await it.office.http.request(method, path, json=body, headers=key | headers)
                assert answer.status_code == 200, (path, answer.text[:300])
                found = {kind for kind, id in ids.items() if id in answer.text}
                shown |= found
                if key is it.globex:
                    assert not found, path
                    assert MARK not in answer.text, path
                if path.endswith("/next") and key is not it.globex:
                    assert answer.json()["review"]["id"] == ids["review"]
                    await it.office.http.post(f"/api/v1/reviews/{ids['review']}/release", headers=key)
        assert shown == set(ids)


@on_both
async def test_what_is_of_all_tenants_is_not_for_one(database: str, tmp_path: Path) -> None:
    async with two(database, tmp_path) as it:
        for path in OF_ALL:
            answer = await it.office.http.get(path, headers=it.acme)
            assert answer.status_code == 403, path
            assert "all tenants" in answer.text, path
            assert (await it.office.http.get(path, headers=it.everybodys)).status_code in (200, 404), path
        page = (await it.office.http.get("/runs", headers=it.acme)).text
        assert ">Flow<" not in page
        assert "of acme" in page


@on_both
async def test_agents_of_clients_reach_no_run_of_another_tenant(database: str, tmp_path: Path) -> None:
    async with two(database, tmp_path) as it:
        for name, said in (("get_run", "run"), ("wait_run", "run"), ("get_review", "review")):
            body = _mcp(name, {said: it.ids[said]})
            headers = it.globex | {"accept": "application/json, text/event-stream"}
            answer = await it.office.http.post("/mcp", json=body, headers=headers)
            assert "NotFound" in answer.text, (name, answer.text)
            assert MARK not in answer.text
        chat = {"model": "clerk", "messages": [{"role": "user", "content": "and?"}]}
        headers = it.globex | {"X-Baton-Run": it.ids["run"]}
        answer = await it.office.http.post("/v1/chat/completions", json=chat, headers=headers)
        assert answer.status_code == 404, answer.text
        wire = {"reviews": [it.ids["review"]], "answer": [{"type": "accept", "args": None}]}
        assert (await it.office.http.post("/api/v1/wire", json=wire, headers=it.globex)).status_code == 404
        together = {"reviews": [{"review": it.ids["review"], "version": 1}], "decision": "approve"}
        answer = await it.office.http.post("/api/v1/decide-together", json=together, headers=it.globex)
        assert answer.status_code == 404
        follow = {"text": "go on", "follow": it.ids["run"]}
        assert (await it.office.http.post("/api/v1/conversations", json=follow, headers=it.globex)).status_code == 404
        assert (await it.office.http.get(f"/live?run={it.ids['run']}", headers=it.globex)).status_code == 404


@on_both
async def test_two_tenants_may_use_the_same_key_and_name(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        ann = await office.person("ann", Role.REQUESTER, tenant="acme")
        bob = await office.person("bob", Role.REQUESTER, tenant="globex")
        said = {"statement": "pay", "key": "monday"}
        made = [(await office.http.post("/api/v1/runs", json=said, headers=key)).json() for key in (ann, bob, ann)]
        assert made[0]["id"] == made[2]["id"] != made[1]["id"]
        assert [one["tenant"] for one in made] == ["acme", "globex", "acme"]
        named = {"thread_id": "talk"}
        assert (await office.http.post("/threads", json=named, headers=ann)).status_code == 200
        taken = await office.http.post("/threads", json=named, headers=bob)
        assert taken.status_code == 409
        assert (await office.http.get("/threads/talk", headers=bob)).status_code == 404


@on_both
async def test_a_stream_tells_of_no_other_tenants_changes(database: str, tmp_path: Path) -> None:
    async with open_office(database, [clerk(tmp_path)], PAY) as baton:
        changes, acme, globex = Changes(baton), baton.within("acme"), baton.within("globex")
        mark = await baton.ledger.read(events.last)
        async with contextlib.aclosing(changes.follow(mark, "globex")) as heard:
            await soon((await acme.submit("pay")).settled())
            run = await globex.submit("pay")
            told = await soon(anext(heard))
            topics = set(told.topics or ())
            while run.id not in topics:
                topics |= (await soon(anext(heard))).topics or set()
            theirs = await acme.runs()
            assert topics.isdisjoint({theirs[0].id, *(one.id for one in await acme.reviews.waiting())})


@on_both
async def test_a_tenants_view_is_confined_and_the_policy_is_told_whose_run_it_is(database: str, tmp_path: Path) -> None:
    only = ASK.replace(";", ' when { context.tenant == "acme" };')
    async with open_office(database, [clerk(tmp_path, only)], PAY) as baton:
        acme, globex = baton.within("acme"), baton.within("globex")
        own, other = await acme.submit("pay"), await globex.submit("pay")
        assert len((await soon(own.settled())).reviews) == 1
        assert (await soon(other.settled())).reviews == ()
        assert [run.id for run in await acme.runs()] == [own.id]
        assert len(await baton.runs()) == 2
        with pytest.raises(NotFound):
            await globex.open(own.id)
        with pytest.raises(NotFound):
            await globex.open(own.id[:10] if own.id[:10] != other.id[:10] else own.id)
        with pytest.raises(Forbidden, match="all tenants"):
            await acme.measures()
        with pytest.raises(InvalidValue, match="globex"):
            acme.within("globex")
        with pytest.raises(InvalidValue, match="one line"):
            baton.within("a\nb")


@on_both
async def test_an_event_of_a_tenants_wakes_its_own_runs_alone(database: str, tmp_path: Path) -> None:
    waiting = script([call("wait_for", event="paid")])
    async with open_office(database, [Agent("clerk")], waiting) as baton:
        acme, globex = baton.within("acme"), baton.within("globex")
        mine, theirs = await acme.submit("wait"), await globex.submit("wait")
        for run in (mine, theirs):
            await soon(run.settled())
        assert await globex.publish("paid", data={"for": "globex"}) == 1
        await soon(theirs.result())
        late = await acme.submit("wait")
        await soon(late.settled())
        assert [wait.run for wait in await baton.ledger.read(waits.endless)] == [mine.id, late.id]
        assert await baton.publish("paid", data={"for": "everybody"}) == 2
        await soon(mine.result())


def _mcp(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    call_ = {"name": name, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call_}
