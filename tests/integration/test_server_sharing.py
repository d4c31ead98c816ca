"""What is shared, over HTTP: seen by those who may look, recalled by reviewers, by no agent and by no other tenant."""

from pathlib import Path

from baton import Agent, Resource, tool
from baton.agents.simulated import Answer, Conversation
from baton.core import Role
from support import Says, call, calls, on_both, soon
from support.serving import clerk, kind_of, serve_office

API = "/api/v1"


def _once(conversation: Conversation) -> Answer:
    played = any(message.get("tool_calls") for message in conversation.messages)
    return Answer(text="I wait.") if played else calls(call("send", to="bob"))


@on_both
async def test_reviewers_recall_what_is_held_up_and_nobody_else_does(database: str) -> None:
    sent: list[str] = []

    @tool(recall="10m")
    async def send(to: str) -> str:
        """Send."""
        sent.append(to)
        return "sent"

    agent = Agent("clerk", tools=[send], policy="allow-all")
    async with serve_office(database, agent, mind=Says(_once)) as office:
        ann, bob = await office.person("ann", Role.REVIEWER), await office.person("bob", Role.VIEWER)
        other = await office.person("cem", Role.REVIEWER, tenant="acme")
        by_agent = await office.key("ann", "agent")
        made = await office.http.post(f"{API}/runs", json={"statement": "go"}, headers=ann)
        await soon((await office.baton.open(made.json()["id"])).settled())
        (stay,) = await office.baton.shared.staged()
        action = stay.action
        (staged,) = (await office.http.get(f"{API}/staged", headers=bob)).json()["staged"]
        assert (staged["action"], staged["arguments"], staged["kind"]) == (action, {"to": "bob"}, "recall")
        assert staged["until"].startswith("20")
        assert (await office.http.get(f"{API}/staged", headers=other)).json() == {"staged": []}
        for path in (f"{API}/staged/{action}/recall", f"{API}/staged/{action}/release"):
            assert kind_of(await office.http.post(path, json={}, headers=bob)) == (403, "Forbidden")
            assert kind_of(await office.http.post(path, json={}, headers=by_agent)) == (403, "Forbidden")
            assert kind_of(await office.http.post(path, json={}, headers=other)) == (404, "NotFound")
        done = await office.http.post(f"{API}/staged/{action}/recall", json={"note": "no"}, headers=ann)
        assert done.status_code == 200, done.text
        again = await office.http.post(f"{API}/staged/{action}/release", json={}, headers=ann)
        assert kind_of(again) == (409, "Conflict") and "ann has recalled it" in again.text
    assert sent == []


async def test_resources_stand_with_who_has_them(tmp_path: Path) -> None:
    press = Resource("press", lease=None)
    async with serve_office(str(tmp_path / "b.db"), clerk(tmp_path), resources=[press]) as office:
        ann, cem = await office.person("ann", Role.VIEWER), await office.person("cem", Role.VIEWER, tenant="acme")
        await office.baton.shared.reserve("press", by="ann")
        told = (await office.http.get(f"{API}/resources", headers=ann)).json()
        assert [(one["name"], one["held"], one["lease"]) for one in told["resources"]] == [("press", 1, None)]
        assert [(one["by"], one["tokens"], one["until"]) for one in told["reservations"]] == [
            ("ann", {"press": 1}, None)
        ]
        other = (await office.http.get(f"{API}/resources", headers=cem)).json()
        assert other["resources"][0]["held"] == 1 and other["reservations"] == []
