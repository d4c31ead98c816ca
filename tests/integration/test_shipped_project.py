"""The shipped tools in a project file: what may stand there, and what is said of anything else."""

import json
from pathlib import Path

import pytest

from baton import BatonError, load_project
from baton.agents import BUILTINS
from baton.core import Effect, ToolSpec
from support.commands import baton as command

HEAD = """agents:
  - name: desk
    instructions: Help.
    policy: allow-all
    tools:
"""
WHOLE = (
    HEAD
    + """      - shop.py:find_order
      - http:
          hosts: [api.shop.example, "*.partner.example"]
          private: ["127.0.0.1:8080"]
          headers:
            api.shop.example:
              Authorization: {secret: PROJECT_TOKEN, prefix: "Bearer "}
              Accept-Language: en
          repeatable: true
          timeout: 5
      - files: {root: data, deletes: true}
      - mail: {sender: desk@shop.example, outbox: out, domains: [shop.example]}
"""
)
SHOP = '''from baton import tool


@tool(effect="read")
def find_order(order_id: str) -> str:
    """Look up an order."""
    return order_id
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    return tmp_path / "agents.yaml"


def specs(project: Path, text: str) -> dict[str, ToolSpec]:
    project.write_text(text)
    (agent,) = load_project(project).agents
    return {name: spec for name, spec in agent.specs.items() if name not in BUILTINS}


def test_a_project_names_the_shipped_tools_beside_its_own(project: Path) -> None:
    found = specs(project, WHOLE)
    assert list(found) == [
        *("find_order", "fetch_url", "send_http", "list_files", "read_file", "write_file", "delete_file", "send_mail")
    ]
    assert (found["send_http"].repeatable, found["fetch_url"].timeout) == (True, 5)
    found["write_file"].run("a.txt", "a", key="k")
    assert (project.parent / "data" / "a.txt").read_text() == "a"
    found["send_mail"].run(["anna@shop.example"], "s", "b", key="k")
    assert len(list((project.parent / "out").iterdir())) == 1


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            "- 5",
            ":6: agents.0.tools.0 5 is not allowed: give 'file.py:function', or http, files, mail or mcp with settings",
        ),
        ("- ftp: {}", ":6: agents.0.tools.0.ftp {} is not allowed: give one of: http, files, mail"),
        ("- {}", ":6: agents.0.tools.0 {} is not allowed: give one of http, files, mail and mcp, with its settings"),
        ("- {files: {root: a}, mail: {sender: b}}", "give one of http, files, mail and mcp"),
        ("- files: {}", ":6: agents.0.tools.0.files.root {} is not allowed: give field required"),
        ("- files: {root: a, rot: b}", ":6: agents.0.tools.0.files.rot 'b' is not allowed: give one of: root, writes"),
        (
            "- http:\n          host: [a.example]",
            ":7: agents.0.tools.0.http.host ['a.example'] is not allowed: give one of",
        ),
        ("- http: {hosts: ['https://a']}", "host of http_tools 'https://a' is not allowed: give a name such as"),
        ("- http: {headers: {a.example: {X: {secret: A, pre: b}}}}", "secret, prefix"),
        ("- http: {headers: {a.example: {X: {secret: 'A B'}}}}", "name of a secret 'A B' is not allowed"),
        ("- http: {hosts: a.example}", "agents.0.tools.0.http.hosts 'a.example' is not allowed: give input should be"),
        ("- mail: {sender: desk, outbox: a}", "sender of mail_tools 'desk' is not allowed: give an address"),
        (
            "- mail: {sender: a@b.example}",
            "outbox of mail_tools (None, None) is not allowed: give one of the two",
        ),
        ("- mail: {sender: a@b.example, host: c, security: ssl}", "'starttls', 'tls' or 'none'"),
        (
            "- mail: {sender: a@b.c, host: d, user: e, password: hunter2}",
            "password '***' is not allowed: give a ref",
        ),
        ("- http: {headers: {a.b: {X: [hunter2]}}}", "give a reference such as {secret: SHOP_TOKEN}"),
    ],
)
def test_anything_else_is_an_error_with_its_place(project: Path, entry: str, said: str) -> None:
    with pytest.raises(BatonError) as error:
        specs(project, f"{HEAD}      {entry}\n")
    assert str(error.value).startswith(f"{project}:")
    assert said in str(error.value)
    assert "hunter2" not in str(error.value)


def test_every_shipped_tool_that_reaches_somewhere_says_where(project: Path) -> None:
    found = {name: spec for name, spec in specs(project, WHOLE).items() if name != "find_order"}
    reaches = {name: spec for name, spec in found.items() if spec.effect is Effect.WRITE or spec.egress}
    assert set(reaches) == {"fetch_url", "send_http", "write_file", "delete_file", "send_mail"}
    assert all(spec.destinations for spec in reaches.values())
    assert {name for name, spec in reaches.items() if spec.content} == {"send_http", "write_file", "send_mail"}
    assert not any(spec.verified for spec in found.values())


def test_doctor_names_the_secrets_that_are_missing(project: Path) -> None:
    project.write_text(WHOLE)
    missing = command(project.parent, "doctor", "--json")
    assert missing.code == 1
    (finding,) = [each for each in missing.json["findings"] if each["about"] == "secret PROJECT_TOKEN"]
    assert (finding["state"], finding["says"].partition(":")[0]) == ("broken", "it is missing")
    there = command(project.parent, "doctor", "--json", PROJECT_TOKEN="a-token-of-the-shop")
    assert there.code == 0
    assert {"about": "secrets", "state": "ok", "says": "all there: PROJECT_TOKEN"} in there.json["findings"]
    assert "a-token-of-the-shop" not in json.dumps(there.json)
