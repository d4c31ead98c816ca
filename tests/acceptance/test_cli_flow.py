"""`baton stuck` as a user types it."""

from pathlib import Path

from baton.core import ActionId, Goal, RunId
from baton.ledger import Ledger, Transaction, leases, runs, waits
from support.commands import baton


async def parked(database: Path) -> RunId:
    """A run that waits, but for nothing, beside one that waits for the world."""

    def create(tx: Transaction) -> RunId:
        id, _ = runs.create(tx, Goal("go"), "clerk")
        lease = leases.take(tx, id, "w", 30)
        assert lease is not None
        leases.park(tx, lease)
        other, _ = runs.create(tx, Goal("go"), "clerk")
        waits.begin(tx, other, ActionId("act"), "order.shipped", "4417", None)
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
        "1 stuck, in one chain.",
        "1 run waits without limit for what has to be published: order.shipped 4417.",
    ]
    found = baton(tmp_path, "stuck", "--json", *place).json
    assert [one["event"] for one in found["endless"]] == ["order.shipped 4417"]
    (one,) = found["stuck"]
    assert (one["id"], one["kind"], one["circle"], one["awaited"]) == (run, "run", None, False)
    assert "1 can never move: `baton stuck`" in baton(tmp_path, "doctor", *place).out


def test_measures_say_how_reviews_went(tmp_path: Path) -> None:
    assert baton(tmp_path, "init").code == 0
    assert "No review was open or closed in the last" in baton(tmp_path, "review", "measures", "-d", made(tmp_path)).out
    assert baton(tmp_path, "run", "Order 12 of article T-100", "--key", "tea").code == 3
    (review,) = baton(tmp_path, "review", "--json").json["reviews"]
    assert baton(tmp_path, "review", "claim", review["id"]).code == 0
    assert "has taken" in baton(tmp_path, "runs", "show", review["run"]).out
    assert baton(tmp_path, "review", "approve", review["id"]).code == 0
    said = baton(tmp_path, "review", "measures", "--since", "1d")
    assert said.code == 0
    of_class, of_person = said.out.split("\n\n")[:2]
    for part in ("1 answered, half within", "thinking", "as proposed: 1 of 1", "1 done"):
        assert part in of_class and part in of_person
    assert "queueing" not in said.out and "Little" not in said.out  # nobody was at another; one review proves no law
    found = baton(tmp_path, "review", "measures", "--json").json
    (of_class,) = found["classes"]
    assert of_class["name"] == review["why"]["class"]
    assert sum(of_class["parts"].values()) == of_class["wait"]["all"] > 0
    assert [one["answered"] for one in found["people"]] == [1]
    refused = baton(tmp_path, "review", "measures", "--since", "soon")
    assert (refused.code, "soon" in refused.err) == (2, True)


def made(folder: Path) -> str:
    """An empty record."""
    assert baton(folder, "run", "say nothing", "-d", str(folder / "other.db")).code == 0
    return str(folder / "other.db")
