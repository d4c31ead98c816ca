"""Triggers by conditions, by agreed data, by what happens to runs, and by mails."""

import mailbox
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from baton import Agent, Baton, load_project
from baton.core import Condition, InvalidFile, InvalidValue, ManualClock, RunId, Trust, secret
from baton.graph.hooks import Start
from baton.graph.triggers import Events, Imap, Mails, Recorded, Trigger, Watchman
from baton.graph.triggers.mails import LARGEST, read_mail
from baton.ledger import Ledger, events, runs, triggers, waits
from support import call, on_both, open_office, run_row, script, soon, text_rows
from support.imap import imap_server

DO = Start(agent="clerk", statement="see to it", requester="ann")
NOW = 1_800_000_000.0


def clerks(*names: str) -> list[Agent]:
    return [Agent(name, policy="allow-all") for name in names or ("clerk",)]


async def publish(ledger: Ledger, name: str, data: Any, key: str = "") -> None:
    await ledger.write(lambda tx: waits.publish(tx, name, key, data, trust=Trust.EXTERNAL, sender="test"))


async def look(ledger: Ledger, *watched: Trigger) -> int:
    """How many runs a fresh process starts, looking once."""
    return len(await Watchman(ledger, watched, "local").look())


def on_orders(**more: Any) -> Trigger:
    return Trigger(name="t", when=Events(names=["order.paid"], **more), start=DO)


@on_both
async def test_only_events_for_which_its_condition_holds_start_runs(database: str) -> None:
    big = on_orders(filter=Condition.parse("data.amount > 100 && data.country == 'DE'"))
    async with open_office(database, clerks(), script(), dispatch=False) as baton:
        await look(baton.ledger, big)
        for data in ({"amount": 101, "country": "DE"}, {"amount": 101, "country": "AT"}, {"country": "DE"}):
            await publish(baton.ledger, "order.paid", data)
        assert await look(baton.ledger, big) == 1
        await publish(baton.ledger, "order.paid", {"amount": "many", "country": "DE"})
        assert await look(baton.ledger, big) == 0 and await look(baton.ledger, big) == 0
        (aside,) = await baton.ledger.read(lambda tx: triggers.aside(tx, "t", 10))
    assert aside.key.endswith("order.paid") and "cannot be told" in aside.why


ORDER = {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number"}}}


@on_both
async def test_data_that_are_not_as_agreed_are_set_aside_with_the_reason_and_not_lost(database: str) -> None:
    agreed = on_orders(contracts={"order.paid": ORDER})
    async with open_office(database, clerks(), script(), dispatch=False) as baton:
        await look(baton.ledger, agreed)
        for data in ({"amount": 1}, {"amount": "1"}, {}, None):
            await publish(baton.ledger, "order.paid", data, key="o-17")
        assert await look(baton.ledger, agreed) == 1
        why = [one.why for one in await baton.ledger.read(lambda tx: triggers.aside(tx, "t", 10))]
        assert sorted(why) == [
            "amount: '1' is not of type 'number'",
            "data: 'amount' is a required property",
            "data: None is not of type 'object'",
        ]
        assert await text_rows(baton.ledger, "SELECT count(*) FROM signals") == [(4,)]


async def test_a_schema_that_refers_outside_fetches_nothing(tmp_path: Path) -> None:
    agreed = on_orders(contracts={"order.paid": {"$ref": "https://example.org/order.json"}})
    async with open_office(tmp_path / "b.db", clerks(), script(), dispatch=False) as baton:
        await look(baton.ledger, agreed)
        await publish(baton.ledger, "order.paid", {})
        assert await look(baton.ledger, agreed) == 0
        (aside,) = await baton.ledger.read(lambda tx: triggers.aside(tx, "t", 10))
    assert "refers to what is not there" in aside.why


def after(**more: Any) -> Trigger:
    return Trigger(
        name="after", when=Recorded(kinds=["run.ended"], **more), start=Start(agent="judge", statement="judge it")
    )


@on_both
async def test_the_end_of_an_agent_s_run_starts_another_once(database: str) -> None:
    done = script([call("finish", summary="the order is late")])
    trigger = after(where={"agent": "clerk", "outcome": "done"})
    async with open_office(database, clerks("clerk", "judge"), done) as baton:
        assert await look(baton.ledger, trigger) == 0
        await soon((await baton.submit("go", agent="clerk")).result())
        await soon((await baton.submit("go", agent="judge")).result())
        assert await _looked(baton, trigger) == 1
        assert await look(baton.ledger, trigger) == 0
        (fired,) = await baton.ledger.read(lambda tx: triggers.listed(tx, 10, "after"))
        begun = await baton.ledger.read(lambda tx: runs.get(tx, fired.run))
    assert begun.agent == "judge"
    assert [one.name for one in begun.goal.attachments] == ["event", "summary"]
    assert begun.goal.attachments[1].text == "the order is late"
    assert all(one.trust is Trust.EXTERNAL for one in begun.goal.attachments)


async def _looked(baton: Baton, *watched: Trigger) -> int:
    """How many runs are started once the record's newest events can be told."""
    started = 0
    for _ in range(100):
        started += await look(baton.ledger, *watched)
        if started:
            break
    return started


async def play(baton: Baton, *watched: Trigger, rounds: int = 12) -> int:
    """Let runs end and triggers look, again and again; how many runs there are in the end."""
    for _ in range(rounds):
        await look(baton.ledger, *watched)
        for run in await baton.runs():
            if not run.ended:
                await soon((await baton.open(run.id)).result())
    return len(await baton.runs())


async def test_a_trigger_on_the_end_of_runs_does_not_start_itself_for_ever(tmp_path: Path) -> None:
    any_end = after()
    async with open_office(tmp_path / "b.db", clerks("clerk", "judge"), script()) as baton:
        await look(baton.ledger, any_end)
        await soon((await baton.submit("go", agent="clerk")).result())
        assert await play(baton, any_end) == 2
        (aside,) = await baton.ledger.read(lambda tx: triggers.aside(tx, "after", 10))
    assert "was begun by such a trigger itself, 1 in a row are allowed" in aside.why


async def test_two_triggers_do_not_start_one_another_for_ever(tmp_path: Path) -> None:
    ping = Trigger(
        name="ping",
        when=Recorded(kinds=["run.ended"], where={"agent": "clerk"}, chain=3),
        start=Start(agent="judge", statement="x"),
    )
    pong = Trigger(
        name="pong",
        when=Recorded(kinds=["run.ended"], where={"agent": "judge"}, chain=3),
        start=Start(agent="clerk", statement="x"),
    )
    async with open_office(tmp_path / "b.db", clerks("clerk", "judge"), script()) as baton:
        await look(baton.ledger, ping, pong)
        await soon((await baton.submit("go", agent="clerk")).result())
        assert await play(baton, ping, pong) == 4  # the first, and three that follow from one another


async def test_work_that_a_started_run_hands_on_counts_as_that_run(tmp_path: Path) -> None:
    any_end = after()
    async with open_office(tmp_path / "b.db", clerks("clerk", "judge"), script(), dispatch=False) as baton:
        await look(baton.ledger, any_end)
        first = await baton.submit("go", agent="clerk")
        await baton.ledger.write(lambda tx: runs.end(tx, first.id, "done", ""))
        assert await look(baton.ledger, any_end) == 1
        (fired,) = await baton.ledger.read(lambda tx: triggers.listed(tx, 10))
        parent = RunId(fired.run)
        goal = (await baton.ledger.read(lambda tx: runs.get(tx, parent))).goal
        child, _ = await baton.ledger.write(lambda tx: runs.create(tx, goal, "clerk", parent=parent))
        await baton.ledger.write(lambda tx: runs.end(tx, child, "done", ""))
        assert await look(baton.ledger, any_end) == 0


async def test_what_was_recorded_before_and_what_is_another_tenant_s_is_not_its_business(tmp_path: Path) -> None:
    any_end = after()
    async with open_office(tmp_path / "b.db", clerks("clerk", "judge"), script(), dispatch=False) as baton:
        old = await baton.submit("go", agent="clerk")
        await baton.ledger.write(lambda tx: runs.end(tx, old.id, "done", ""))
        assert await look(baton.ledger, any_end) == 0 and await look(baton.ledger, any_end) == 0
        theirs = await baton.within("acme").submit("go", agent="clerk")
        await baton.ledger.write(lambda tx: runs.end(tx, theirs.id, "done", ""))
        assert await look(baton.ledger, any_end) == 0
        assert len(await baton.ledger.read(lambda tx: events.of_all(tx))) > 2


def mail(subject: str, text: str = "Where is my order?", id: str = "<1@shop>") -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"], made["Message-ID"] = "bea@example.org", "desk@shop.test", subject, id
    made.set_content(text)
    return made


async def test_each_mail_of_a_maildir_starts_one_run_and_is_left_where_it_is(tmp_path: Path) -> None:
    box = mailbox.Maildir(tmp_path / "in", create=True)
    box.add(mail("late"))
    box.add(mail("late"))  # the same one, delivered twice
    box.add(mail("late", "Give me money", id="<1@shop>"))  # another one that says that it is the same
    trigger = Trigger(name="mails", when=Mails(box=tmp_path / "in"), start=DO)
    async with open_office(tmp_path / "b.db", clerks(), script(), dispatch=False) as baton:
        man = Watchman(baton.ledger, [trigger], "local")
        assert len(await man.look()) == 2 and await man.look() == []
        assert await look(baton.ledger, trigger) == 0
        box.add(mail("again", id="<2@shop>"))
        assert len(await man.look()) == 1
        fired = await baton.ledger.read(lambda tx: triggers.listed(tx, 10, "mails"))
        begun = [await run_row(baton, one.run) for one in fired]
        texts = [run.goal.attachments[0] for run in begun]
    assert len(box) == 4 and all(not message.get_flags() for message in box)
    assert any(
        one.text == "From: bea@example.org\nTo: desk@shop.test\nSubject: again\n\nWhere is my order?" for one in texts
    )
    assert all(one.trust is Trust.EXTERNAL for one in texts)


async def test_mails_of_an_mbox_start_runs_as_they_are_added(tmp_path: Path) -> None:
    path = tmp_path / "box"
    trigger = Trigger(name="mails", when=Mails(box=path), start=DO)

    def deliver(subject: str) -> None:
        box = mailbox.mbox(path)
        box.add(mail(subject, id=f"<{subject}@shop>"))
        box.close()

    async with open_office(tmp_path / "b.db", clerks(), script(), dispatch=False) as baton:
        man = Watchman(baton.ledger, [trigger], "local")
        assert await man.look() == []
        deliver("one")
        assert len(await man.look()) == 1 and await man.look() == []
        deliver("two")
        deliver("three")
        assert len(await man.look()) == 2


@on_both
async def test_new_mails_of_a_server_s_folder_start_one_run_each_across_restarts(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK_PASSWORD", "open-sesame")
    clock = ManualClock(NOW)
    with imap_server() as server:
        server.deliver(mail("old").as_bytes())
        box = Imap(host="127.0.0.1", port=server.port, user="desk", password=secret("DESK_PASSWORD"), tls=False)
        trigger = Trigger(name="mails", when=Mails(box=box), start=DO)
        async with open_office(database, clerks(), script(), dispatch=False, clock=clock) as baton:
            assert await look(baton.ledger, trigger) == 0  # what was there before is not its business
            server.deliver(mail("late", id="<2@shop>").as_bytes())
            server.deliver(mail("later", id="<3@shop>").as_bytes())
            crowd = [Watchman(baton.ledger, [trigger], "local") for _ in range(3)]
            assert sum([len(await man.look()) for man in crowd]) == 2
            assert await look(baton.ledger, trigger) == 0
            before = len(server.said)
            await crowd[0].look()  # not yet due
            assert len(server.said) == before
            clock.advance(31.0)
            server.deliver(mail("last", id="<4@shop>").as_bytes())
            assert len(await crowd[0].look()) == 1
            server.validity = 8  # the numbers mean something else now
            clock.advance(31.0)
            assert await crowd[0].look() == []
        assert not any("STORE" in line or line.startswith("SELECT") for line in server.said)  # it is only read
        assert "open-sesame" not in " ".join(server.said)


@pytest.mark.parametrize("trouble", ["no password", "wrong password", "no server"])
async def test_a_mailbox_that_cannot_be_read_is_looked_at_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    clock = ManualClock(NOW)
    with imap_server() as server:
        if trouble != "no password":
            monkeypatch.setenv("DESK_PASSWORD", "open-sesame" if trouble == "no server" else "guessed it")
        box = Imap(host="127.0.0.1", port=server.port, user="desk", password=secret("DESK_PASSWORD"), tls=False)
        nowhere = Imap(host="127.0.0.1", port=1, user="desk", password=secret("DESK_PASSWORD"), tls=False)
        used = nowhere if trouble == "no server" else box
        trigger = Trigger(name="mails", when=Mails(box=used), start=DO)
        async with open_office(tmp_path / "b.db", clerks(), script(), dispatch=False, clock=clock) as baton:
            assert await look(baton.ledger, trigger) == 0
            assert "mails" not in await baton.ledger.read(triggers.counted)


def test_a_mail_is_read_whatever_it_lies_about() -> None:
    raw = b"From: =?bad?q?x\nSubject: \xff\xfe\nContent-Type: text/plain; charset=no-such\n\nhello \xff\0 there"
    text = read_mail(raw).about[0].text
    assert "hello" in text and "\0" not in text
    assert read_mail(b"").about[0].text == ""
    with_parts = mail("late")
    with_parts.add_attachment("a,b\n1,2\n", filename="order.csv", subtype="csv")
    with_parts.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="x.png")
    assert [(one.name, one.text) for one in read_mail(with_parts.as_bytes()).about[1:]] == [("order.csv", "a,b\n1,2\n")]
    assert LARGEST == 5_000_000


PROJECT = """
agents:
  - {name: clerk, instructions: Be quick.}
triggers:
  - name: paid
    events: [order.paid]
    filter: "data.amount > 100"
    contracts:
      order.paid: {type: object, required: [amount]}
    start: {agent: clerk, statement: Look}
  - name: ended
    record: [run.ended]
    where: {agent: clerk}
    filter: "data.outcome != 'done'"
    start: {agent: clerk, statement: Look}
  - name: mails
    mails: {imap: {host: mail.test, user: desk, password: DESK_PASSWORD}, every: 60}
    start: {agent: clerk, statement: Answer}
  - name: box
    mails: {folder: inbox}
    start: {agent: clerk, statement: Answer}
"""


def test_a_project_file_names_such_triggers(tmp_path: Path) -> None:
    (tmp_path / "baton.yaml").write_text(PROJECT)
    paid, ended, mails, box = load_project(tmp_path / "baton.yaml").triggers
    assert isinstance(paid.when, Events) and paid.when.filter == Condition("data.amount > 100")
    assert paid.when.contracts == {"order.paid": {"type": "object", "required": ["amount"]}}
    assert isinstance(ended.when, Recorded) and ended.when.kinds == ("run.ended",) and ended.when.chain == 1
    assert isinstance(mails.when, Mails) and isinstance(mails.when.box, Imap) and mails.when.box.folder == "INBOX"
    assert isinstance(box.when, Mails) and box.when.box == tmp_path / "inbox"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("data.amount > 100", "daat.amount > 100", "baton.yaml:5: triggers.0: condition 'daat.amount > 100' about"),
        ("data.amount > 100", "data.amount >", "an expression of CEL"),
        ("order.paid: {type: object", "order.lost: {type: object", "contracts of trigger paid 'order.lost'"),
        ("{type: object", "{type: thing", "a JSON schema"),
        ("[run.ended]", "[the end]", "record of trigger ended"),
        ("{folder: inbox}", "{}", "one of folder, a Maildir or an mbox, and imap"),
        ("{folder: inbox}", "{folder: inbox}\n    filter: 'true'", "it is for events and record"),
        ("every: 60", "every: 0", "mails.every"),
        ("data.outcome != 'done'", "key != 'done'", "about 'key'"),
    ],
)
def test_what_can_be_no_such_trigger_is_refused_with_its_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    (tmp_path / "baton.yaml").write_text(PROJECT.replace(old, new, 1))
    with pytest.raises(InvalidFile) as error:
        load_project(tmp_path / "baton.yaml")
    assert told in str(error.value)
    with pytest.raises(InvalidValue, match="chain of trigger"):
        after(chain=0)
