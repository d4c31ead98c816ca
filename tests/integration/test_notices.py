"""Notices: told at least once, signed, in order of their time, and never in the way of runs."""

import asyncio
import base64
import contextlib
import json
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from cloudevents.core.formats.json import JSONFormat
from standardwebhooks import Webhook as Oracle

from baton import Agent, Baton, Goal, RunHandle, secret, tool
from baton.core import ManualClock, Retries, TryAgain
from baton.ledger import Ledger, Transaction, archive, events, notices
from baton.ledger.notices import HOLD_SECONDS, Notice
from baton.review.notices import Courier, Notices, Webhook, courier, senders
from baton.review.notices.fanning import STALE, behind
from baton.review.notices.sending import Gone, HookSender, Sender
from support import call, on_both, open_office, script, set_policy, soon, text_rows, until
from support.postgres import PostgresServer
from support.servers import Asked, WebServer, web_server
from support.servers import Says as Answer

KEY = b"0123456789abcdef0123456789abcdef"
ASK = '@id("ask") permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'
LATE = ASK.replace("permit", '@deadline("2h") permit')
PAY = script([call("pay", cents=500)])
QUICK = Retries(attempts=3, first_wait=0.01, longest_wait=0.02)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T_HOOK", f"whsec_{base64.b64encode(KEY).decode()}")
    monkeypatch.setattr(courier, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(courier, "GATHER_SECONDS", 0.01)
    monkeypatch.setattr(courier, "FAREWELL_SECONDS", 0.2)


@pytest.fixture
def clerk(tmp_path: Path) -> Callable[..., Agent]:
    def made(rule: str = ASK) -> Agent:
        @tool
        async def pay(cents: int) -> str:
            """Pay."""
            return f"paid {cents}"

        return Agent("clerk", tools=[pay], policy=set_policy(tmp_path / "till.cedar", rule))

    return made


def hook(port: int, name: str = "chat", **settings: object) -> Webhook:
    made = Webhook(name=name, url=f"http://127.0.0.1:{port}/in", secrets=(secret("T_HOOK"),), private=True)
    return replace(made, **settings)  # type: ignore[arg-type]


@contextlib.contextmanager
def receiver(answer: Callable[[Asked], Answer] = lambda _asked: Answer(204, b"")) -> Iterator[WebServer]:
    with web_server(answer) as server:
        yield server


@contextlib.asynccontextmanager
async def at_work(
    ledger: Ledger, config: Notices, by: Sequence[Sender] | None = None, retries: Retries = QUICK
) -> AsyncGenerator[Courier]:
    made = Courier(ledger, config, by=by, retries=retries)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def states(ledger: Ledger) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in await text_rows(ledger, "SELECT kind, state FROM notices ORDER BY at, kind")]


async def settled(ledger: Ledger, count: int) -> list[Notice]:
    """The notices, once there are so many and none waits."""

    def look(tx: Transaction) -> list[Notice] | None:
        found = notices.listed(tx, ["sent", "dead", "dropped"])
        return found if len(found) >= count and not notices.listed(tx, ["waiting"]) else None

    return await until(ledger, look)


async def asked(baton: Baton, goal: Goal | str = "go") -> RunHandle:
    run = await baton.submit(goal)
    await soon(run.settled())
    return run


@on_both
async def test_a_webhook_is_told_what_happens_signed_and_once(database: str, clerk: Callable[..., Agent]) -> None:
    with receiver() as server:
        config = Notices(webhooks=(hook(server.port),), base_url="https://baton.shop.example/x/")
        async with open_office(database, [clerk()], PAY, notices=config) as baton:
            run = await asked(baton)
            (review,) = await baton.reviews.waiting([run.id])
            await settled(baton.ledger, 1)
            await baton.approve(review.id, by="ann", note="fine")
            await soon(run.result())
            sent = await settled(baton.ledger, 3)
            assert {one.state for one in sent} == {"sent"}
    for request in server.asked:
        assert (request.method, request.path) == ("POST", "/in")
        assert request.headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
        assert Oracle(KEY).verify(request.body, request.headers) == json.loads(request.body)
    events = {event.get_type(): event for event in (JSONFormat().read(None, one.body) for one in server.asked)}
    assert list(events) == ["review.requested", "review.decided", "run.finished"]
    assert len({event.get_id() for event in events.values()}) == 3
    assert {one.headers["webhook-id"] for one in server.asked} == {event.get_id() for event in events.values()}
    assert {event.get_source() for event in events.values()} == {"urn:baton:local"}
    bodies = {name: json.loads(one.body) for name, one in zip(events, server.asked, strict=True)}
    requested, decided = bodies["review.requested"]["data"], bodies["review.decided"]["data"]
    assert requested["review"]["arguments"] == {"cents": 500} and requested["review"]["decision"] is None
    assert requested["url"] == f"https://baton.shop.example/x/reviews/{review.id}"
    assert (decided["review"]["decision"]["by"], decided["review"]["decision"]["note"]) == ("ann", "fine")
    assert bodies["run.finished"]["data"]["run"]["status"] == "done" and bodies["run.finished"]["subject"] == run.id


@on_both
async def test_what_fails_is_tried_again_then_given_up_and_may_be_replayed(
    database: str, clerk: Callable[..., Agent]
) -> None:
    says = {"status": 500}
    with receiver(lambda _asked: Answer(says["status"])) as server:
        config = Notices(webhooks=(hook(server.port, kinds=("review.requested",)),))
        async with open_office(database, [clerk()], PAY) as baton, at_work(baton.ledger, config):
            await asked(baton)
            (dead,) = await settled(baton.ledger, 1)
            assert (dead.state, dead.attempts, len(server.asked)) == ("dead", 3, 3)
            assert "500" in dead.said
            says["status"] = 200
            assert await baton.ledger.write(lambda tx: notices.again(tx, [dead.id])) == 1
            (sent,) = await settled(baton.ledger, 1)
            assert (sent.state, sent.id, sent.attempts) == ("sent", dead.id, 1)
    assert len({one.headers["webhook-id"] for one in server.asked}) == 1
    assert len({one.body for one in server.asked}) == 1


async def test_a_receiver_that_names_a_time_is_tried_then(tmp_path: Path, clerk: Callable[..., Agent]) -> None:
    with receiver(lambda _asked: Answer(429, headers={"Retry-After": "3600"})) as server:
        config = Notices(webhooks=(hook(server.port, kinds=("review.requested",)),))
        async with open_office(tmp_path, [clerk()], PAY) as baton, at_work(baton.ledger, config):
            await asked(baton)
            (waiting,) = await until(
                baton.ledger, lambda tx: [one for one in notices.listed(tx, ["waiting"]) if one.said]
            )
            assert 3590 < waiting.due - baton.ledger.clock.now() < 3601
    assert len(server.asked) == 1


@on_both
async def test_a_receiver_that_is_gone_is_asked_no_more_until_somebody_opens_it(
    database: str, clerk: Callable[..., Agent]
) -> None:
    says = {"status": 410}
    with receiver(lambda _asked: Answer(says["status"])) as server:
        config = Notices(webhooks=(hook(server.port, kinds=("review.requested",)),))
        async with open_office(database, [clerk()], PAY) as baton, at_work(baton.ledger, config):
            await asked(baton)
            (dead,) = await settled(baton.ledger, 1)
            assert (dead.state, dead.said) == ("dead", "it answered 410 Gone")
            assert list(await baton.ledger.read(notices.gone)) == ["chat"]
            await asked(baton)
            await until(baton.ledger, lambda tx: not behind(tx, config, (0, 0))[1])
            says["status"] = 200
            await baton.ledger.write(lambda tx: notices.again(tx, [dead.id]))
            await asyncio.sleep(0.2)
            assert len(server.asked) == 1  # also what is to be sent again waits for it
            assert await baton.ledger.write(lambda tx: notices.open_channel(tx, "chat"))
            await asked(baton)
            assert [one.state for one in await settled(baton.ledger, 2)] == ["sent", "sent"]
    assert len(server.asked) == 3


@on_both
async def test_a_receiver_that_hangs_holds_up_neither_runs_nor_others(
    database: str, clerk: Callable[..., Agent]
) -> None:
    with receiver(lambda _asked: Answer(pause=5.0, body=b"....")) as slow, receiver() as quick:
        hooks = (hook(slow.port, "slow", timeout=0.2), hook(quick.port, "quick"))
        config = Notices(webhooks=tuple(replace(one, kinds=("review.requested",)) for one in hooks))
        async with open_office(database, [clerk()], PAY) as baton, at_work(baton.ledger, config):
            begun = time.monotonic()
            await asyncio.gather(*(asked(baton) for _ in range(8)))
            await until(
                baton.ledger,
                lambda tx: [one for one in notices.listed(tx, ["sent"]) if one.channel == "quick"][7:],
            )
            assert time.monotonic() - begun < 10.0
            found = await settled(baton.ledger, 16)
    assert sorted({(one.channel, one.state) for one in found}) == [("quick", "sent"), ("slow", "dead")]
    assert len(quick.asked) == 8 and len(slow.asked) == 24


async def test_a_host_that_is_not_public_is_not_asked(tmp_path: Path, clerk: Callable[..., Agent]) -> None:
    async def resolver(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    inside = replace(hook(1), url="https://inside.example/in", private=False, kinds=("review.requested",))
    async with open_office(tmp_path, [clerk()], PAY) as baton:
        sender = HookSender(inside, baton.ledger.clock, resolver=resolver)
        async with at_work(baton.ledger, Notices(webhooks=(inside,)), [sender]):
            await asked(baton)
            (dead,) = await settled(baton.ledger, 1)
    assert (dead.state, dead.attempts) == ("dead", 1) and "not on the public internet" in dead.said


class Notes:
    """A sender that notes what it is given, and fails as it is told."""

    together = False

    def __init__(self, name: str = "chat", fail: Callable[[], Exception | None] = lambda: None) -> None:
        self.name, self._fail = name, fail
        self.sent: list[str] = []
        self.hangs = False

    async def send(self, delivery: Sequence[Notice]) -> str:
        self.sent += [one.event for one in delivery]
        if self.hangs:
            await asyncio.sleep(3600)
        error = self._fail()
        if error is not None:
            raise error
        return "fine"


CONFIG = Notices(webhooks=(hook(1, kinds=("review.requested", "run.finished")),))


async def test_several_couriers_make_each_attempt_once(record_url: str, clerk: Callable[..., Agent]) -> None:
    notes = Notes()
    async with open_office(record_url, [clerk()], PAY) as baton, contextlib.AsyncExitStack() as stack:
        for _ in range(4):
            other = await Ledger.open(record_url)
            stack.push_async_callback(other.close)
            await stack.enter_async_context(at_work(other, CONFIG, [notes]))
        await asyncio.gather(*(asked(baton) for _ in range(12)))
        found = await settled(baton.ledger, 12)
        assert [one.state for one in found] == ["sent"] * 12
    assert len(notes.sent) == len(set(notes.sent)) == 12


@on_both
async def test_what_a_dead_courier_had_taken_goes_to_another(database: str, clerk: Callable[..., Agent]) -> None:
    clock, first, second = ManualClock(), Notes(), Notes()
    first.hangs = True
    async with open_office(database, [clerk()], PAY, clock=clock) as baton:
        async with at_work(baton.ledger, CONFIG, [first]):
            await asked(baton)
            await until(baton.ledger, lambda _tx: first.sent)
        async with at_work(baton.ledger, CONFIG, [second]):
            await asyncio.sleep(0.2)
            assert second.sent == []  # it is held still
            clock.advance(HOLD_SECONDS)
            await settled(baton.ledger, 1)
    assert second.sent == first.sent


async def test_a_notice_that_kills_whoever_sends_it_is_given_up(tmp_path: Path, clerk: Callable[..., Agent]) -> None:
    clock, notes = ManualClock(), Notes()
    notes.hangs = True
    async with open_office(tmp_path, [clerk()], PAY, clock=clock) as baton:
        await baton.ledger.write(notices.begin)
        await asked(baton)
        for tries in range(1, 4):
            async with at_work(baton.ledger, CONFIG, [notes]):
                await until(baton.ledger, lambda _tx, tries=tries: len(notes.sent) == tries)  # type: ignore[misc]
            clock.advance(HOLD_SECONDS)
        async with at_work(baton.ledger, CONFIG, [notes]):
            (dead,) = await settled(baton.ledger, 1)
    assert (dead.state, dead.said) == ("dead", "begun 3 times, and never came to an end")


@on_both
async def test_whoever_records_need_not_know_who_is_told(database: str, clerk: Callable[..., Agent]) -> None:
    notes = Notes()
    async with open_office(database, [clerk()], PAY) as baton:
        await asked(baton)  # before anybody was to be told
        async with at_work(baton.ledger, CONFIG, [notes]):
            pass
        run = await asked(baton)  # while no courier is at work
        (review,) = await baton.reviews.waiting([run.id])
        await baton.reject(review.id, "no", by="ann")
        await soon(run.result())
        async with at_work(baton.ledger, CONFIG, [notes]):
            await settled(baton.ledger, 2)
        assert await states(baton.ledger) == [("review.requested", "sent"), ("run.finished", "sent")]


async def test_a_question_that_is_soon_late_is_told_unless_it_is_answered(
    tmp_path: Path, clerk: Callable[..., Agent]
) -> None:
    clock, notes = ManualClock(), Notes()
    config = Notices(webhooks=(hook(1, kinds=("review.late",)),), soon=1800.0)
    async with open_office(tmp_path, [clerk(LATE)], PAY, clock=clock) as baton:
        async with at_work(baton.ledger, config, [notes]):
            run, other = await asked(baton), await asked(baton)
            await until(baton.ledger, lambda tx: len(notices.listed(tx, ["waiting"])) == 2)
            (review,) = await baton.reviews.waiting([run.id])
            await baton.reject(review.id, "no", by="ann")
            clock.advance(5400.0)
            soon_late, dropped = sorted(await settled(baton.ledger, 2), key=lambda one: one.state, reverse=True)
            assert (soon_late.state, soon_late.run, dropped.state) == ("sent", other.id, "dropped")
            assert json.loads(soon_late.body)["data"]["late"] == "soon"
            clock.advance(1800.0)
            await baton.submit("go")  # so that the dispatcher looks at the clock
            (late,) = await until(
                baton.ledger,
                lambda tx: [one for one in notices.listed(tx, ["sent"]) if one.event != soon_late.event],
            )
            assert json.loads(late.body)["data"]["late"] == "over" and late.review == soon_late.review


async def test_what_is_old_is_no_news(tmp_path: Path, clerk: Callable[..., Agent]) -> None:
    clock, notes = ManualClock(), Notes()
    async with open_office(tmp_path, [clerk()], PAY, clock=clock) as baton:
        await baton.ledger.write(notices.begin)
        await asked(baton)
        clock.advance(STALE + 1)
        run = await asked(baton)
        async with at_work(baton.ledger, CONFIG, [notes]):
            (sent,) = await settled(baton.ledger, 1)
    assert (sent.run, notes.sent) == (run.id, [sent.event])


async def test_a_courier_goes_on_when_its_connections_were_cut(
    postgres: PostgresServer, postgres_url: str, clerk: Callable[..., Agent]
) -> None:
    notes = Notes()
    async with open_office(postgres_url, [clerk()], PAY) as baton, at_work(baton.ledger, CONFIG, [notes]):
        for number in range(1, 4):
            await asked(baton)
            await settled(baton.ledger, number)
            postgres.cut()
    assert len(set(notes.sent)) == 3


@on_both
async def test_whatever_a_server_says_can_be_noted(database: str, clerk: Callable[..., Agent]) -> None:
    errors: list[Exception | None] = [TimeoutError(), TryAgain("\0 \udc80" + "x" * 9999), None]
    notes = Notes(fail=lambda: errors.pop(0))
    async with open_office(database, [clerk()], PAY) as baton, at_work(baton.ledger, CONFIG, [notes]):
        await asked(baton)
        (sent,) = await settled(baton.ledger, 1)
    assert (sent.state, sent.attempts) == ("sent", 3)


async def test_what_is_not_foreseen_is_tried_again(tmp_path: Path, clerk: Callable[..., Agent]) -> None:
    errors: list[Exception | None] = [RuntimeError("a bug"), TryAgain("later"), None]
    notes = Notes(fail=lambda: errors.pop(0))
    async with open_office(tmp_path, [clerk()], PAY) as baton, at_work(baton.ledger, CONFIG, [notes]):
        await asked(baton)
        (sent,) = await settled(baton.ledger, 1)
    assert (sent.state, sent.attempts) == ("sent", 3)


async def test_what_was_read_is_noted_and_what_is_old_is_forgotten(tmp_path: Path, clerk: Callable[..., Agent]) -> None:
    clock, notes = ManualClock(), Notes()
    rare = Notices(webhooks=(hook(1, kinds=("run.finished",)),))
    async with open_office(tmp_path, [clerk()], PAY, clock=clock) as baton, at_work(baton.ledger, rare, [notes]):
        await finished(baton)
        await settled(baton.ledger, 1)
        await asked(baton)  # nobody is told of it
        clock.advance(courier.TIDY_SECONDS)
        await until(baton.ledger, lambda tx: notices.mark(tx) == events.last(tx))
        clock.advance(courier.KEPT_SECONDS)
        await until(baton.ledger, lambda tx: not notices.listed(tx, ["sent"]))
    assert len(notes.sent) == 1


async def test_what_was_given_up_goes_with_its_run(tmp_path: Path, clerk: Callable[..., Agent]) -> None:
    clock, notes = ManualClock(), Notes(fail=lambda: ValueError("no"))
    async with open_office(tmp_path, [clerk()], PAY, clock=clock) as baton, at_work(baton.ledger, CONFIG, [notes]):
        old, newest = await finished(baton), await finished(baton)
        assert {one.run for one in await settled(baton.ledger, 4)} == {old.id, newest.id}
        clock.advance(10.0)
        await archive.archive(baton.ledger, clock.now(), tmp_path / "old.jsonl")
        left = await baton.ledger.read(lambda tx: notices.listed(tx, ["dead"]))
        assert {one.run for one in left} == {newest.id}


async def finished(baton: Baton) -> RunHandle:
    run = await asked(baton)
    (review,) = await baton.reviews.waiting([run.id])
    await baton.reject(review.id, "no", by="ann")
    await soon(run.result())
    return run


def test_the_channels_of_a_config_have_senders(tmp_path: Path) -> None:
    async def names() -> list[str]:
        ledger = await Ledger.open(str(tmp_path / "baton.db"))
        try:
            return [sender.name for sender in senders(ledger, CONFIG)]
        finally:
            await ledger.close()

    assert asyncio.run(names()) == ["chat"]
    assert issubclass(Gone, Exception)
