"""Who may do what: accounts, sessions, keys, the link of whoever works alone; and what an attacker tries."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from baton.core import Conflict, ManualClock, Role, Trust
from baton.ledger import accounts, credentials
from baton.server import link_for, local_key, make_app
from baton.server.pacing import Pace
from support import on_both, run_row, soon, text_rows
from support.serving import HOST, PASSWORD, Office, clerk, kind_of, serve_office

API = "/api/v1"
CSRF = "X-CSRF-Token"


async def signed_in(office: Office, name: str, password: str = PASSWORD) -> httpx.Response:
    return await office.http.post(f"{API}/session", json={"name": name, "password": password})


@on_both
async def test_somebody_signs_in_with_a_password_and_out_again(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        await office.account("ann", Role.REVIEWER, "lead")
        answer = await signed_in(office, "ann")
        assert answer.json() | {"csrf": ""} == {
            "csrf": "",
            "name": "ann",
            "role": "reviewer",
            "agent": False,
            "tenant": None,
            "acts_as": ["ann", "lead"],
        }
        cookie = answer.headers["set-cookie"]
        assert re.search("; HttpOnly; Max-Age=43200; Path=/; SameSite=strict$", cookie)
        csrf = {CSRF: answer.json()["csrf"]}
        assert (await office.http.get(f"{API}/session")).json()["csrf"] == csrf[CSRF]
        made = await office.http.post(f"{API}/runs", json={"statement": "pay"}, headers=csrf)
        assert (made.status_code, made.json()["requester"]) == (201, "ann")
        jar = dict(office.http.cookies)
        assert (await office.http.delete(f"{API}/session", headers=csrf)).status_code == 204
        office.http.cookies.update(jar)  # somebody has kept it
        assert kind_of(await office.http.get(f"{API}/runs")) == (401, "SignInNeeded")
        kinds = [kind for (kind,) in await text_rows(office.baton.ledger, "SELECT kind FROM trail ORDER BY id")]
        assert kinds == ["user.added", "sign-in.tried", "session.made", "sign-in.done", "session.ended"]
        stored = str(await text_rows(office.baton.ledger, "SELECT * FROM credentials"))
        assert jar["baton_session"] not in stored


async def test_a_cookie_is_secure_wherever_it_may_travel(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path), base_path="/baton") as office:
        await office.account("ann", Role.VIEWER)
        said = {"name": "ann", "password": PASSWORD}
        answer = await office.http.post(f"https://baton.example/baton{API}/session", json=said)
        assert answer.headers["set-cookie"].endswith("; HttpOnly; Max-Age=43200; Path=/baton; SameSite=strict; Secure")


@on_both
async def test_wrong_passwords_are_counted_for_a_name_and_nobody_learns_which_names_there_are(
    database: str, tmp_path: Path
) -> None:
    clock = ManualClock(1_800_000_000.0)
    async with serve_office(database, clerk(tmp_path), clock=clock) as office:
        await office.account("ann", Role.REVIEWER)
        said = [(await signed_in(office, name, "wrong")).json() for name in ("ann", "nobody")]
        assert said[0] == said[1]
        for _ in range(9):
            assert kind_of(await signed_in(office, "ann", "wrong")) == (401, "SignInNeeded")
        refused = await signed_in(office, "ann")
        assert kind_of(refused) == (429, "TooManyTries")
        assert refused.headers["retry-after"] == "300"
        clock.advance(301)
        assert (await signed_in(office, "ann")).status_code == 200


@on_both
async def test_the_link_of_whoever_works_alone_signs_in_once(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path), alone=True) as office:
        token = await link_for(office.baton.ledger, "me")
        for _ in range(2):  # a program that looks, and the person
            page = await office.http.get("/sign-in", params={"token": token})
            assert (page.status_code, "<button" in page.text) == (200, True)
        entered = await office.http.post("/sign-in", data={"token": token})
        assert (entered.status_code, entered.headers["location"]) == (303, "/")
        me = (await office.http.get(f"{API}/session")).json()
        assert (me["name"], me["role"], me["acts_as"]) == ("me", "admin", None)
        again = await office.http.post(f"{API}/session", json={"token": token})
        assert kind_of(again) == (409, "Conflict")
        assert "it was used at" in again.json()["error"]["message"]
        other = await office.http.get(f"{API}/runs", headers={"Host": "evil.example:8600"})
        assert kind_of(other) == (403, "Forbidden")  # a name of theirs that leads here
        for name in ("localhost", "127.0.0.2:1", "[::1]:8600"):
            assert (await office.http.get("/healthz", headers={"Host": name})).status_code == 200
        unused = await link_for(office.baton.ledger, "me")
        await office.account("ann", Role.ADMIN)
        assert kind_of(await office.http.get(f"{API}/runs")) == (401, "SignInNeeded")
        assert kind_of(await office.http.post(f"{API}/session", json={"token": unused})) == (401, "SignInNeeded")


async def test_a_key_of_whoever_works_alone_holds_at_this_machine_until_there_are_accounts(
    database: str, tmp_path: Path
) -> None:
    async with serve_office(database, clerk(tmp_path), alone=True) as office:
        _, secret = await office.baton.ledger.write(lambda tx: local_key(tx, "me", seconds=60))
        for headers in {"x-api-key": secret}, {"Authorization": f"Bearer {secret}"}:
            who = (await office.http.get(f"{API}/session", headers=headers)).json()
            assert (who["name"], who["role"], who["csrf"]) == ("me", "admin", None)
        asked = await office.asked({"x-api-key": secret})
        approve = {"decision": "approve", "version": asked["version"]}
        decided = await office.http.post(f"{API}/reviews/{asked['id']}/decide", json=approve, headers=headers)
        assert decided.json()["decision"]["by"] == "me"
        far = httpx.ASGITransport(make_app(office.service), client=("192.0.2.7", 5000))
        async with httpx.AsyncClient(transport=far, base_url=HOST) as elsewhere:
            assert kind_of(await elsewhere.get(f"{API}/runs", headers=headers)) == (401, "SignInNeeded")
        await office.account("ann", Role.VIEWER)
        assert kind_of(await office.http.get(f"{API}/runs", headers=headers)) == (401, "SignInNeeded")
        with pytest.raises(Conflict):
            await office.baton.ledger.write(lambda tx: local_key(tx, "me", seconds=60))


@on_both
async def test_a_key_may_no_more_than_its_scope_and_its_account_and_until_it_ends(
    database: str, tmp_path: Path
) -> None:
    clock = ManualClock(1_800_000_000.0)
    async with serve_office(database, clerk(tmp_path), clock=clock) as office:
        ledger = office.baton.ledger
        await office.account("ann", Role.OWNER)
        small, whole = await office.key("ann", "viewer"), await office.key("ann", "admin", seconds=7200)

        async def role(key: dict[str, str]) -> Any:
            return (await office.http.get(f"{API}/session", headers=key)).json()["role"]

        assert [await role(small), await role(whole)] == ["viewer", "owner"]
        await ledger.write(lambda tx: accounts.change(tx, "ann", Role.REQUESTER, by="test"))
        assert await role(whole) == "requester"
        clock.advance(3601)
        expired = await office.http.get(f"{API}/runs", headers=small)
        assert kind_of(expired) == (401, "SignInNeeded")
        assert "has expired at" in expired.json()["error"]["message"]
        newest = next(key for key in await ledger.read(credentials.keys_of) if key.scope == "admin")
        await ledger.write(lambda tx: credentials.end(tx, newest.id, by="test"))
        revoked = await office.http.get(f"{API}/runs", headers=whole)
        assert (kind_of(revoked), revoked.headers["www-authenticate"]) == ((401, "SignInNeeded"), "Bearer")
        another = await office.key("ann")
        await ledger.write(lambda tx: accounts.remove(tx, "ann", by="test"))
        await office.account("ann", Role.ADMIN)  # another ann
        assert kind_of(await office.http.get(f"{API}/runs", headers=another)) == (401, "SignInNeeded")


@on_both
async def test_an_agents_key_asks_for_work_with_an_agents_trust_and_never_decides(
    database: str, tmp_path: Path
) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        await office.account("ann", Role.ADMIN)
        agent = await office.key("ann", "agent")
        asked = await office.asked(agent)
        run = await run_row(office.baton, asked["run"])
        assert (run.requester, run.trust) == ("ann", Trust.AGENT)
        await office.http.post(f"{API}/runs/{run.id}/messages", json={"text": "approve it"}, headers=agent)
        said = await text_rows(office.baton.ledger, "SELECT sender, trust FROM messages WHERE kind = 'user'")
        assert said == [("agent:ann", int(Trust.AGENT))]
        review = f"{API}/reviews/{asked['id']}"
        approve = {"decision": "approve", "version": asked["version"]}
        together = {"decision": "approve", "reviews": [{"review": asked["id"], "version": asked["version"]}]}
        tried: list[tuple[str, Any]] = [
            (f"{review}/decide", approve),
            (f"{review}/claim", None),
            (f"{review}/undo", None),
            (f"{review}/delegate", {"to": "agent"}),
            (f"{review}/snooze", {"seconds": 60}),
            (f"{review}/comment", {"text": "fine"}),
            (f"{review}/ask", {"text": "why?"}),
            (f"{API}/reviews/next", {}),
            (f"{API}/decide-together", together),
            (f"{API}/wire", {"reviews": [asked["id"]], "answer": {"decisions": [{"type": "approve"}]}}),
            (f"{API}/audits/x", {"wrong": False}),
            (f"{API}/runs/{run.id}/fork", {"at": 0}),
        ]
        for path, body in tried:
            refused = await office.http.post(path, json=body, headers=agent)
            assert kind_of(refused) == (403, "Forbidden"), path
            assert ("an agent never decides" in refused.text) != path.endswith("/fork")
        assert kind_of(await office.http.get(f"{API}/trail", headers=agent)) == (403, "Forbidden")
        assert (await office.baton.reviews.get(asked["id"])).open


async def test_a_role_may_what_those_before_it_may_and_no_more(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        people = {role: await office.person(role.word, role) for role in Role}
        asked = await office.asked(people[Role.REQUESTER])
        run = f"{API}/runs/{asked['run']}"
        table: list[tuple[str, str, Any, Role]] = [
            ("GET", f"{API}/runs", None, Role.VIEWER),
            ("POST", f"{API}/runs", {"statement": "pay"}, Role.REQUESTER),
            ("POST", f"{API}/reviews/{asked['id']}/comment", {"text": "hm"}, Role.REVIEWER),
            ("POST", f"{run}/messages", {"text": "hm"}, Role.OWNER),
            ("POST", f"{run}/fork", {"at": 0}, Role.OWNER),
            ("GET", f"{API}/trail", None, Role.ADMIN),
        ]
        for method, path, body, least in table:
            for role, key in people.items():
                own = role is Role.REQUESTER and path.startswith(run)  # who asked for it
                answer = await office.http.request(method, path, json=body, headers=key)
                assert answer.is_success == (role >= least or own), (method, path, role, answer.text)
                if not answer.is_success:
                    assert kind_of(answer) == (403, "Forbidden")
        assert (await office.http.post(f"{run}/cancel", headers=people[Role.REQUESTER])).status_code == 202
        assert kind_of(await office.http.get(f"{API}/runs")) == (401, "SignInNeeded")


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, "is missing or wrong"),
        ({CSRF: "0" * 64}, "is missing or wrong"),
        ({CSRF: "right", "Origin": "https://evil.example"}, "a page of another site"),
        ({CSRF: "right", "Origin": "null"}, "a page of another site"),
        ({CSRF: "right", "Origin": HOST}, None),
        ({CSRF: "right"}, None),
    ],
)
async def test_a_cookie_alone_changes_nothing(
    database: str, tmp_path: Path, headers: dict[str, str], refused: str | None
) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        await office.account("ann", Role.REVIEWER)
        csrf = (await signed_in(office, "ann")).json()["csrf"]
        sent = {name: csrf if value == "right" else value for name, value in headers.items()}
        answer = await office.http.post(f"{API}/runs", json={"statement": "pay"}, headers=sent)
        if refused is None:
            assert answer.status_code == 201
        else:
            assert kind_of(answer) == (403, "Forbidden")
            assert refused in answer.json()["error"]["message"]
            assert await office.baton.runs() == []


async def test_another_site_cannot_sign_somebody_in(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        await office.account("eve", Role.VIEWER)
        for path, body in ((f"{API}/session", {"json": True}), ("/sign-in", {"json": False})):
            said = {"name": "eve", "password": PASSWORD}
            sent: dict[str, Any] = {"json": said} if body["json"] else {"data": said}
            answer = await office.http.post(path, headers={"Origin": "https://evil.example"}, **sent)
            assert kind_of(answer) == (403, "Forbidden")
            assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "shown",
    [
        "Bearer ",
        "Bearer baton_forged",
        "Bearer baton_forged extra",
        "Basic YW5uOnBhc3N3b3Jk",
        "Bearer \u00e9",
        "nonsense",
    ],
)
async def test_what_was_not_made_here_opens_nothing_beside_a_good_cookie(
    database: str, tmp_path: Path, shown: str
) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        await office.account("ann", Role.ADMIN)
        await signed_in(office, "ann")
        answer = await office.http.get(f"{API}/runs", headers=[(b"Authorization", shown.encode())])
        assert kind_of(answer) == (401, "SignInNeeded")


async def test_a_session_is_no_key_and_a_key_no_session(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        key = await office.person("ann", Role.ADMIN)
        await signed_in(office, "ann")
        cookie = office.http.cookies["baton_session"]
        office.http.cookies.clear()
        swapped = ({"Authorization": f"Bearer {cookie}"}, {"Cookie": f"baton_session={key['Authorization'][7:]}"})
        for headers in swapped:
            assert kind_of(await office.http.get(f"{API}/runs", headers=headers)) == (401, "SignInNeeded")


@on_both
async def test_another_deployments_key_is_unknown_here(database: str, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    async with (
        serve_office(database, clerk(tmp_path)) as office,
        serve_office(str(tmp_path / "other" / "baton.db"), clerk(tmp_path / "other")) as other,
    ):
        await office.account("ann", Role.ADMIN)
        key = await other.person("ann", Role.ADMIN)
        assert kind_of(await office.http.get(f"{API}/runs", headers=key)) == (401, "SignInNeeded")
        assert (await soon(other.http.get(f"{API}/runs", headers=key))).status_code == 200


@on_both
async def test_whoever_asks_too_often_waits_and_others_do_not(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        now = [0.0]
        pace = Pace(a_second=2, at_once=3, clock=lambda: now[0])
        object.__setattr__(office.service, "pace", pace)
        ann, bob = await office.person("ann", Role.VIEWER), await office.person("bob", Role.VIEWER)
        again = await office.key("ann")

        async def ask(key: dict[str, str]) -> int:
            return (await office.http.get(f"{API}/runs", headers=key)).status_code

        assert [await ask(key) for key in (ann, again, ann, ann, again, bob)] == [200, 200, 200, 429, 429, 200]
        refused = await office.http.get(f"{API}/runs", headers=ann)
        assert (kind_of(refused), refused.headers["retry-after"]) == ((429, "TooManyRequests"), "1")
        now[0] += 0.5
        assert [await ask(ann), await ask(ann)] == [200, 429]
        now[0] += 3600
        assert [await ask(ann) for _ in range(4)] == [200, 200, 200, 429]
