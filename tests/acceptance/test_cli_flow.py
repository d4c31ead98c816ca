"""`baton stuck` as a user types it."""

from pathlib import Path

from baton.core import Goal, RunId
from baton.ledger import Ledger, Transaction, leases, runs
from support.commands import baton


async def parked(database: Path) -> RunId:
    """A run that waits, but for nothing."""

    def create(tx: Transaction) -> RunId:
        id, _ = runs.create(tx, Goal("go"), "clerk")
        lease = leases.take(tx, id, "w", 30)
        assert lease is not None
        leases.park(tx, lease)
        return id

    ledger = await Ledger.open(str(database))
    try:
        return await ledger.write(create)
    finally:
        await ledger.close()


async def test_stuck_says_what_can_never_move_why_and_what_would_free_it(tmp_path: Path) -> None:
    ledger = await Ledger.open(str(tmp_path / "baton.db"))
    await ledger.close()
    place = ("-d", str(tmp_path / "baton.db"))
    nothing = baton(tmp_path, "stuck", *place)
    assert (nothing.code, nothing.out) == (0, "Nothing is stuck.\n")

    run = await parked(tmp_path / "baton.db")
    said = baton(tmp_path, "stuck", *place)
    assert said.code == 3
    assert said.out.splitlines() == [
        f"{run} of clerk waits, but for nothing that is open",
        f"  way out: say something to {run}, or cancel it",
        "",
        "1 stuck, in 1 chains.",
    ]
    (one,) = baton(tmp_path, "stuck", "--json", *place).json["stuck"]
    assert (one["id"], one["kind"], one["circle"], one["awaited"]) == (run, "run", None, False)
    assert "1 can never move: `baton stuck`" in baton(tmp_path, "doctor", *place).out
