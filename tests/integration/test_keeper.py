"""The keeper: what is wrong is settled once, told by the notices that there are, and over when it is."""

import json
from pathlib import Path

from baton import Agent
from baton.core import ManualClock, Secret
from baton.flow import Alarms, Identity, Keeper, Rule, read_times, staff_of
from baton.ledger import Ledger, alerts, lives, notices
from baton.review.notices import Notices, Webhook, tell_alerts
from support import on_both, open_office, script, soon

AGENTS = [Agent("clerk")]


@on_both
async def test_that_nobody_works_is_found_told_once_and_over_when_somebody_does(database: str) -> None:
    clock = ManualClock()
    config = Notices(webhooks=(Webhook(name="chat", url="https://chat.example/x", secrets=(Secret("HOOK"),)),))
    async with open_office(database, AGENTS, script(), clock=clock, dispatch=False) as baton:
        run = await baton.submit("go")
        began = clock.now()
        keepers = [
            Keeper(baton.ledger, Alarms(), tell=lambda tx, found: tell_alerts(tx, config, "local", found, {}))
            for _ in range(2)  # as two workers have one each
        ]
        for keeper in keepers:
            await keeper.look()
        assert await baton.ledger.read(alerts.open_) == []
        clock.advance(300.0)
        for keeper in (*keepers, *keepers):
            await keeper.look()
        (alert,) = await baton.ledger.read(alerts.open_)
        assert (alert.name, alert.severity, alert.began, alert.told) == ("nobody works", "urgent", began, clock.now())
        (notice,) = await baton.ledger.read(lambda tx: notices.listed(tx, ["waiting"]))
        told = json.loads(notice.body)
        assert (notice.kind, told["type"], told["data"]["alerts"][0]["name"]) == ("flow.alert",) * 2 + ("nobody works",)
    async with open_office(database, AGENTS, script(), clock=clock) as baton:
        await soon((await baton.open(run.id)).result())
    async with open_office(database, AGENTS, script(), clock=clock, dispatch=False) as baton:
        await Keeper(baton.ledger).look()
        assert await baton.ledger.read(alerts.open_) == []
        (alert,) = await baton.ledger.read(lambda tx: alerts.listed(tx, 0.0))
        assert alert.ended == clock.now()


@on_both
async def test_lives_are_kept_once_and_say_the_same_as_the_events(database: str) -> None:
    async with open_office(database, AGENTS, script(), clock=ManualClock()) as baton:
        for _ in range(3):
            await soon((await baton.submit("go")).result())
        now = baton.ledger.clock.now()
        before = await baton.ledger.read(lambda tx: read_times(tx, now - 60.0, now + 1.0, staff_of(tx)))
        keeper = Keeper(baton.ledger)
        await keeper.look()
        await keeper.look()
        kept = await baton.ledger.read(lambda tx: lives.between(tx, 0.0, now + 1.0))
        assert len(kept) == 3
        after = await baton.ledger.read(lambda tx: read_times(tx, now - 60.0, now + 1.0, staff_of(tx)))
        assert before == after
        assert after.all.runs == 3


async def test_several_are_told_together_and_not_before_the_group_is_over(tmp_path: Path) -> None:
    clock, told = ManualClock(), list[list[str]]()
    ledger = await Ledger.open(str(tmp_path / "baton.db"), clock)
    rules = (
        Rule(name="first", figure="runs_ended", below=1.0),
        Rule(name="second", figure="runs_open", below=1.0, lasting=60.0),
        Rule(name="third", figure="runs_ready", below=1.0, lasting=60.0),
    )
    keeper = Keeper(
        ledger, Alarms(rules=rules, group=600.0), tell=lambda _, found: told.append([one.name for one in found])
    )
    await keeper.look()
    clock.advance(120.0)
    await keeper.look()
    assert told == [["first"]]
    clock.advance(600.0)
    await keeper.look()
    assert [sorted(names) for names in told] == [["first"], ["second", "third"]]
    await ledger.close()


def identity(name: str, code: str = "c1", policy: str = "p1", version: str = "1") -> Identity:
    return Identity(
        name=name,
        version=version,
        concurrency=8,
        fingerprints=lambda: {"clerk": code},
        policies=lambda: {"clerk": policy},
    )


@on_both
async def test_what_differs_between_workers_is_named_until_they_are_alike(database: str) -> None:
    clock = ManualClock()
    ledger = await Ledger.open(database, clock)
    keepers = [Keeper(ledger, identity=identity(name)) for name in ("w1", "w2")]
    keepers.append(Keeper(ledger, identity=identity("w3", policy="p2", version="2")))
    for keeper in keepers:
        await keeper.look()
    policy, version = sorted(await ledger.read(alerts.open_), key=lambda one: one.about)
    assert (policy.about, version.about) == ("policy of clerk", "version")
    assert policy.cause == "not as most: w3"
    await keepers[2].stop()
    clock.advance(61.0)  # who says nothing is gone
    await keepers[0].look()
    assert await ledger.read(alerts.open_) == []
    await ledger.close()
