"""What the lives of runs consist of, from the record of real runs."""

from pathlib import Path

from baton import Agent, tool
from baton.core import ManualClock
from baton.flow.life_time import fold
from support import SmallStaff, call, on_both, open_office, script, set_policy, soon

HOUR = 3600.0
FREE = '@id("free") permit (principal, action, resource) unless { resource is Tool::pay };'
ASKS = '@id("asks") permit (principal, action == Action::"call_with_approval", resource is Tool::pay);'


def clerk(folder: Path) -> Agent:
    @tool
    async def pay(cents: int) -> str:
        """Pay."""
        if cents == 13:
            raise ValueError("no luck")
        return f"paid {cents}"

    return Agent("clerk", tools=[pay], policy=set_policy(folder / "till.cedar", ASKS, FREE))


PAY = script([call("pay", cents=500)])


@on_both
async def test_a_life_is_split_and_its_parts_are_all_of_it(database: str, tmp_path: Path) -> None:
    clock = ManualClock()
    start = clock.now()
    staff = SmallStaff({"ann": [(start + HOUR, start + 9 * HOUR)]})
    agent = clerk(tmp_path)
    async with open_office(database, [agent], PAY, clock=clock, dispatch=False) as baton:
        run = await baton.submit("go")
        clock.advance(120.0)  # nobody works
    async with open_office(database, [agent], PAY, clock=clock) as baton:
        run = await baton.open(run.id)
        review = (await soon(run.settled())).reviews[0].id
        clock.advance(2 * HOUR - 120.0)  # 58 minutes nobody is there, an hour nobody looks
        await baton.reviews.claim(review, "ann")
        clock.advance(600.0)
    async with open_office(database, [agent], PAY, clock=clock, dispatch=False) as baton:
        await baton.approve(review, by="ann")
        clock.advance(60.0)  # nobody works again
    async with open_office(database, [agent], PAY, clock=clock) as baton:
        await soon((await baton.open(run.id)).result())
        (life,) = await baton.ledger.read(lambda tx: fold(tx, [run.id], staff))
        spent = life.spent
        assert (spent.off_duty, spent.not_looked_at, spent.deciding) == (HOUR - 120.0, HOUR, 600.0)
        assert spent.queueing + spent.thinking == 180.0  # the model's time is the machine's, not the clock's
        assert (spent.in_line, spent.rework, spent.elsewhere, spent.transmission) == (0.0, 0.0, 0.0, 0.0)
        assert spent.whole == life.ended - life.began == 2 * HOUR + 660.0
        assert (life.agent, life.tenant, life.outcome) == ("clerk", "local", "done")
