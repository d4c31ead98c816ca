"""`baton serve` as a process: signed in at, killed while it streams, told to end."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from support.commands import SECONDS, baton, environment

PROJECT = """
agents:
  - name: payer
    instructions: Pay when asked to.
    tools: [tools.py:pay]
    policy: ask-writes
"""

TOOLS = '''
from baton import tool

@tool(effect="write")
def pay(*, key: str) -> str:
    """Pay."""
    with open("paid", "a") as file:
        file.write(key + "\\n")
    return "paid"
'''

PASSWORD = "correct horse battery"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "agents.yaml").write_text(PROJECT)
    (tmp_path / "tools.py").write_text(TOOLS)
    return tmp_path


@contextlib.contextmanager
def served(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A server, and what it says when it is there."""
    command = [sys.executable, "-m", "baton.cli", "serve", "--json", "--port", "0", *words]
    variables = environment(PYTHONUNBUFFERED="1")
    with subprocess.Popen(command, cwd=folder, env=variables, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    return process.wait(SECONDS)


@contextlib.contextmanager
def signed_in(said: dict[str, Any]) -> Iterator[httpx.Client]:
    """The browser of whoever follows the link."""
    token = re.fullmatch(r".*/sign-in\?token=(baton_[\w-]{43})", said["link"])
    assert token is not None
    with httpx.Client(base_url=said["url"], timeout=SECONDS) as http:
        answer = http.post("/api/v1/session", json={"token": token[1]})
        http.headers["X-CSRF-Token"] = answer.json()["csrf"]
        yield http


def events(http: httpx.Client, run: str, last: str | None, until: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a stream tells behind an id: ids and events, up to and with the first of a kind."""
    headers = {"Last-Event-ID": last} if last else {}
    with http.stream("GET", f"/api/v1/runs/{run}/events", headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        id = ""
        for line in stream.iter_lines():
            if line.startswith("id: "):
                id = line[4:]
            elif line.startswith("data: ") and id:
                told = json.loads(line[6:])
                yield id, told
                if told["kind"] == until:
                    return


def test_a_server_that_is_killed_while_it_streams_loses_no_event_and_doubles_none(folder: Path) -> None:
    with served(folder) as (first, said), signed_in(said) as http:
        run = http.post("/api/v1/runs", json={"statement": "pay"}).json()["id"]
        told = list(events(http, run, None, "review.opened"))
        cookies = http.cookies
        csrf = http.headers["X-CSRF-Token"]
        first.kill()  # before anybody was told that more came
        first.wait(SECONDS)
    with served(folder) as (second, said):
        headers = {"X-CSRF-Token": csrf}
        with httpx.Client(base_url=said["url"], cookies=cookies, headers=headers, timeout=SECONDS) as http:
            (review,) = http.get("/api/v1/reviews").json()["reviews"]
            approve = {"decision": "approve", "version": review["version"]}
            assert http.post(f"/api/v1/reviews/{review['id']}/decide", json=approve).status_code == 200
            told += events(http, run, told[-1][0], "run.ended")
            whole = http.get(f"/api/v1/runs/{run}/story", params={"limit": 1000}).json()["story"]
        assert [one["seq"] for _, one in told] == [one["seq"] for one in whole] == list(range(1, len(whole) + 1))
        assert len((folder / "paid").read_text().split()) == 1
        assert ended(second) == 0


def test_it_ends_at_once_though_somebody_listens_and_gives_the_runs_back(folder: Path) -> None:
    with served(folder) as (process, said), signed_in(said) as http:
        run = http.post("/api/v1/runs", json={"statement": "pay"}).json()["id"]
        list(events(http, run, None, "review.opened"))
        with http.stream("GET", f"/api/v1/runs/{run}/events") as stream:
            lines = stream.iter_lines()
            next(lines)
            os.kill(process.pid, signal.SIGINT)
            for _ in lines:  # until it ends
                pass
        assert process.wait(10) == 0
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"state": "ended"}


def test_a_newcomers_programs_have_a_key_before_anybody_has_an_account(folder: Path) -> None:
    made = baton(folder, "keys", "create", "--label", "mine", "--json").json
    assert (made["scope"], made["label"]) == ("local", "mine")
    assert baton(folder, "keys", "create", "--scope", "viewer").code == 2
    assert baton(folder, "keys", "create", "nobody", "--scope", "viewer").code == 2
    with served(folder) as (process, said), openai.OpenAI(base_url=f"{said['url']}/v1", api_key=made["key"]) as client:
        assert [one.id for one in client.models.list()] == ["payer"]
        answer = client.chat.completions.create(model="payer", messages=[{"role": "user", "content": "hello"}])
        assert answer.choices[0].message.content
        assert ended(process) == 0
    assert baton(folder, "users", "add", "ann", "--role", "admin", "--json", typed=f"{PASSWORD}\n").code == 0
    assert baton(folder, "keys", "create").code == 1


def test_others_can_reach_it_only_where_somebody_has_an_account(folder: Path) -> None:
    short = baton(folder, "users", "add", "ann", "--role", "reviewer", "--json", typed="short\n")
    assert (short.code, "short" in short.out) == (2, False)
    added = baton(folder, "users", "add", "ann", "--role", "reviewer", "--json", typed=f"{PASSWORD}\n")
    assert (added.json["name"], added.json["role"]) == ("ann", "reviewer")
    assert baton(folder, "users", "add", "ann", "--role", "owner", typed=f"{PASSWORD}\n").code == 1
    made = baton(folder, "keys", "create", "ann", "--scope", "agent", "--days", "1", "--json").json
    assert baton(folder, "keys", "create", "ann", "--scope", "admin").code == 1
    with served(folder, "--host", "0.0.0.0") as (process, said):
        assert said["link"] is None
        url = said["url"].replace("0.0.0.0", "127.0.0.1")
        with httpx.Client(base_url=url, timeout=SECONDS) as http:
            assert http.get("/readyz").json() == {"status": "ready", "at_work": None}
            assert http.get("/api/v1/runs").status_code == 401
            key = {"Authorization": f"Bearer {made['key']}"}
            assert http.get("/api/v1/session", headers=key).json()["name"] == "agent:ann"
            assert baton(folder, "keys", "revoke", made["id"], "--json").json == {"revoked": made["id"], "held": True}
            assert http.get("/api/v1/runs", headers=key).status_code == 401
            assert http.post("/api/v1/session", json={"name": "ann", "password": PASSWORD}).json()["role"] == "reviewer"
            assert baton(folder, "users", "role", "ann", "viewer", "--json").json["role"] == "viewer"
            assert http.get("/api/v1/session").json()["role"] == "viewer"
            assert [one["scope"] for one in baton(folder, "keys", "--json").json["keys"]] == ["agent"]
            assert baton(folder, "users", "remove", "ann", "--json").json == {"removed": "ann"}
            assert http.get("/api/v1/session").status_code == 401
        assert baton(folder, "users", "--json").json == {"users": []}
        assert ended(process) == 0
    refused = baton(folder, "serve", "--host", "0.0.0.0", "--port", "0", "--json")
    assert refused.code == 1
    assert "nobody has an account yet" in refused.json["error"]["message"]
