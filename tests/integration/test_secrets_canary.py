"""Canaries: values that are secret go through everything that can show them, and are found nowhere."""

import asyncio
import base64
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from baton import Agent, Baton, Retries, TryAgain, http_tools, mail_tools, secret, tool
from baton.cli.main import main
from baton.core import Delta, InvalidValue, ModelReply, ModelRequest, logger
from baton.ledger import Ledger, runs
from support import call, on_both, open_office, script, soon, text_rows, tool_lines
from support.commands import baton as command
from support.servers import Asked, Says, mail_server, serving, trusting, web_server

CANARIES = {
    "CANARY_TOKEN": "c4n4ry-env/1+token",
    "CANARY_ODD": 'c4n4ry-"odd"-ä\\2',
    "CANARY_LISTED": "c4n4ry-listed-3",
    "CANARY_FILE": "c4n4ry-file-4",
    "CANARY_MAIL": "c4n4ry-mail-5",
    "OPENAI_API_KEY": "c4n4ry-sk-key-6",
}
TOKEN, ODD, MAIL = (CANARIES[name] for name in ("CANARY_TOKEN", "CANARY_ODD", "CANARY_MAIL"))
REFERENCE = "{{secret:CANARY_TOKEN}}"
RECEIVED: list[str] = []


@pytest.fixture(autouse=True)
def _planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "CANARY_FILE").write_text(CANARIES["CANARY_FILE"] + "\n")
    for name, value in CANARIES.items():
        if name != "CANARY_FILE":
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("BATON_SECRETS", "CANARY_LISTED,CANARY_FILE,CANARY_ODD")
    monkeypatch.setenv("BATON_SECRETS_DIR", str(folder))


def shapes(value: str) -> Iterator[str]:
    """What would give a value away."""
    raw = value.encode()
    yield from (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], quote(value, safe=""))
    yield from (raw.hex(), raw.hex().upper())
    for before in range(3):
        whole = base64.b64encode(bytes(before) + raw).decode()
        yield whole[4 if before else 0 : -4]


def given_away(text: str) -> list[str]:
    return [f"{name}: {shape}" for name, value in CANARIES.items() for shape in shapes(value) if shape in text]


@tool(effect="read")
def look_around() -> dict[str, Any]:
    """Show everything, as a careless tool does."""
    values = list(CANARIES.values())
    return {
        "environment": {name: os.environ.get(name) for name in CANARIES},
        "plain": values,
        "encoded": [base64.b64encode((pad + value).encode()).decode() for pad in ("", "a", "ab") for value in values],
        "hex": [value.encode().hex() for value in values],
        "url": [f"https://example.org/?token={quote(value, safe='')}" for value in values],
        "json in json": json.dumps(values),
    }


@tool(effect="write", secrets={"token": ["CANARY_TOKEN"]})
def use_token(order: str, token: str, *, key: str) -> str:
    """Do something that needs a token."""
    RECEIVED.append(token)
    return f"{order} done with {token}"


@tool(effect="read")
def break_down() -> str:
    """Fail, and say too much."""
    raise RuntimeError(f"401 from https://u:{TOKEN}@example.org; {base64.b64encode(ODD.encode()).decode()}; {ODD}")


@tool(effect="read", retries=Retries(attempts=2, first_wait=0.01))
def later() -> str:
    """Ask for another try, and say too much."""
    raise TryAgain(f"token {TOKEN} is not good yet")


def world(key: str) -> str | None:
    raise RuntimeError(f"cannot ask with {TOKEN}")


@tool(effect="write", reconcile=world)
async def hang_up(*, key: str) -> str:
    """Lose the connection, and say too much."""
    raise ConnectionError(f"reset while sending {TOKEN}")


@tool(effect="write", timeout=0.05)
async def sleep_long(*, key: str) -> str:
    """Time out with a secret at hand."""
    held = secret("CANARY_TOKEN").reveal()
    await asyncio.sleep(60)
    return held


OWN = (look_around, use_token, break_down, later, hang_up, sleep_long)


def _headers(asked: Asked) -> Says:
    return Says(body=json.dumps(asked.headers).encode(), headers={"Content-Type": "application/json"})


async def _record(database: str, folder: Path) -> str:
    """All of the record: of a file, its log and its index the bytes, read in two ways; of a server every row."""
    if database.startswith("postgresql"):
        ledger = await Ledger.open(database)
        tables = await text_rows(ledger, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        rows = [await text_rows(ledger, f'SELECT t::text FROM "{name}" t') for (name,) in tables]
        await ledger.close()
        assert len(rows) > 15
        text = "\n".join(row for found in rows for (row,) in found)
        return text + text.replace('""', '"').replace("\\\\", "\\")  # as they were before they became a row's text
    files = sorted(path for path in folder.glob("baton.*") if path.is_file())
    assert Path(database) in files
    raw = b"\n".join(path.read_bytes() for path in files)
    return raw.decode("latin-1") + raw.decode("utf-8", "replace")


async def _play(database: str) -> tuple[str, list[str], str]:
    """The run's id, those of its reviews, and everything that was told on the way."""
    refusal = f"535 {base64.b64encode(f'{chr(0)}desk{chr(0)}{MAIL}'.encode()).decode()} {MAIL}"
    with web_server(_headers) as web, mail_server(serving(), AUTH=refusal) as post:
        here = f"127.0.0.1:{web.port}"
        bearer = {"Authorization": secret("CANARY_TOKEN", prefix="Bearer "), "X-Key": secret("CANARY_FILE")}
        context = trusting()
        context.check_hostname = False
        tools: list[Any] = [
            *OWN,
            *http_tools(hosts=[], private=[here], headers={"127.0.0.1": bearer}),
            *mail_tools(
                sender="desk@shop.example",
                host="127.0.0.1",
                port=post.port,
                security="tls",
                tls=context,
                user="desk",
                password=secret("CANARY_MAIL"),
            ),
        ]
        letter = call("send_mail", to=["anna@example.org"], subject="Hello", body="Your order is on its way.")
        post_it = call("send_http", url=f"http://{here}/y", method="POST", body=f'"{REFERENCE}"')
        mind = script(
            [call("look_around"), call("break_down"), call("later")],
            [call("use_token", order=REFERENCE, token=f"Bearer {REFERENCE}")],
            [call("use_token", order="1", token="{{secret:HOME}}")],
            [call("fetch_url", url=f"http://{here}/x"), post_it, letter],
            [call("hang_up"), call("sleep_long"), call("look_around")],
        )
        agents = [Agent("clerk", tools=tools, policy="allow-all"), Agent("other")]
        async with open_office(database, agents, mind) as baton:
            run = await baton.submit("go")
            asked = (await soon(run.settled())).reviews
            assert sorted(str(review.kind) for review in asked) == ["doubt", "doubt"]
            told = [str(review) for review in asked] + [str(moment) async for moment in run.story()]
            for review in asked:
                await baton.respond(review.id, "it did")
            await soon(run.result())
            chat = await baton.converse(agent="other")  # the newest run is not archived
            await soon(chat.say("more"))
            told += await tool_lines(run)
        assert b'"{{secret:CANARY_TOKEN}}"' in web.asked[1].body
        assert web.asked[0].headers["Authorization"] == f"Bearer {TOKEN}"
        assert any(MAIL in base64.b64decode(line.split()[-1]).decode() for line in post.said if "AUTH" in line)
    return run.id, [str(review.id) for review in asked], "\n".join(told)


@on_both
async def test_canaries_are_found_nowhere(
    database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    archive = tmp_path / "all.jsonl"
    RECEIVED.clear()
    run, reviews, told = await _play(database)
    assert RECEIVED == [f"Bearer {TOKEN}"]
    assert f"{REFERENCE} done with Bearer [secret:CANARY_TOKEN]" in told
    assert "secret 'HOME' is not allowed: give one of: CANARY_TOKEN" in told
    assert [name for name in CANARIES if f"[secret:{name}]" not in told] == []
    shown = {
        "told": told,
        "record": await _record(database, tmp_path),
        "logs": caplog.text + str([vars(entry) for entry in caplog.records if entry.name == "baton"]),
        "printed": "".join(capsys.readouterr()),
    }
    commands = [["runs", "show", run], ["runs", "show", run, "--json"], ["runs", "tail", run], ["replay", run]]
    commands += [["replay", run, "--json"], *(["review", "show", review] for review in reviews)]
    commands += [["db", "archive", "--before", "0s", "--to", str(archive), "--keep"]]
    for words in commands:  # in a process that knows no secret: what it could leak is in the record
        done = await asyncio.to_thread(command, tmp_path, *words, "-d", database)
        shown[" ".join(words)] = done.out + done.err
        assert done.code == 0, done.err
    shown["archive"] = archive.read_text(encoding="utf-8")
    assert {name: given_away(text) for name, text in shown.items() if given_away(text)} == {}
    assert "[secret:CANARY_TOKEN]" in shown[f"replay {run}"]


class _BadModel:
    """A model whose client fails in an unforeseen way, and says too much."""

    async def complete(self, request: ModelRequest, on_delta: Delta | None = None) -> ModelReply:
        raise RuntimeError(f"no TLS with key {CANARIES['OPENAI_API_KEY']}")


@on_both
async def test_what_stops_a_run_is_told_without_secrets(
    database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Baton(agents=[Agent("clerk")], database=database, model=_BadModel()) as baton:
        run = await baton.submit("go")
        await soon(baton.until(lambda tx: runs.get(tx, run.id).attempts or None))
    record = await _record(database, tmp_path)
    assert "no TLS with key [secret:OPENAI_API_KEY]" in record
    assert "no TLS with key [secret:OPENAI_API_KEY]" in caplog.text
    assert given_away(record + caplog.text) == []


def test_logs_and_their_tracebacks_hold_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError(f"within {ODD}")
    except ValueError as error:
        logger().error("it broke", url=f"https://x?{TOKEN}", odd=ODD, exc_info=error)
    assert "[secret:CANARY_TOKEN]" in caplog.text
    assert "ValueError: within [secret:CANARY_ODD]" in caplog.text
    assert given_away(caplog.text) == []


SHOP = '''import logging, os
from baton import secret, tool
TOKEN = secret("CANARY_TOKEN")


@tool(effect="read")
def find_order() -> str:
    """Look up an order."""
    logging.getLogger("shop").warning("with %s", os.environ["CANARY_TOKEN"])
    return "found"
'''
AGENTS = """agents:
  - {name: desk, instructions: Help., policy: allow-all, tools: ["shop.py:find_order"]}
"""


def test_the_command_line_hides_them_in_what_others_log(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "agents.yaml").write_text(AGENTS)
    done = command(tmp_path, "run", "Find order", CANARY_TOKEN=TOKEN)
    assert done.code == 0
    assert "WARNING with [secret:CANARY_TOKEN]" in done.err
    assert given_away(done.out + done.err) == []


@pytest.mark.parametrize("error", [InvalidValue("thing", TOKEN, ODD), RuntimeError(f"{TOKEN} {ODD}")])
def test_the_command_line_hides_them_in_errors_and_tracebacks(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_words: object, **_options: object) -> None:
        raise error

    monkeypatch.setenv("BATON_DEBUG", "1")
    monkeypatch.setattr("baton.cli.doctor.version", broken)
    with pytest.raises(SystemExit):
        main(["version"])
    said = "".join(capsys.readouterr())
    assert "Traceback" in said
    assert "[secret:CANARY_TOKEN]" in said
    assert given_away(said) == []


@pytest.mark.parametrize("secrets", [{"nothing": ["A"]}, {"count": ["A"]}, {"token": ["no name"]}])
def test_only_texts_can_take_secrets(secrets: dict[str, list[str]]) -> None:
    with pytest.raises(InvalidValue):

        @tool(secrets=secrets)
        def use(token: str, count: int) -> str:  # pyright: ignore[reportUnusedFunction]
            return token * count


def test_the_model_is_told_which_secrets_a_parameter_takes() -> None:
    described = use_token.spec.parameters["properties"]["token"]["description"]
    assert described == "May hold {{secret:CANARY_TOKEN}}, filled in when it is called."
