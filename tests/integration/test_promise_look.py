"""Looking at promises: figures over entries, certificates read back from the ledger, pages that fit the terminal."""

import io
import random
import re
from collections.abc import AsyncGenerator

import pytest
from rich.console import Console

from baton.cli.charts import bar, levels
from baton.cli.opening import Place
from baton.cli.output import Screen
from baton.cli.promise_page import show_promise
from baton.cli.standing import sentence
from baton.core import ActionId, InvalidValue, ManualClock, NotFound
from baton.ledger import Ledger, promises
from baton.ledger.promises import Entry, Kind
from baton.policies.promises import Certificates, looking
from baton.policies.promises.figures import Bin, Stretch, reliability, signals_known, stretches
from baton.policies.promises.looking import Page
from baton.policies.promises.scoring import ENOUGH, GAIN, Labelled, compare
from baton.promising import about, headline
from support import on_both
from support.promised import MODEL, PROMISE, Stream


def entry(seq: int, kind: Kind, action: str, *, alone: bool = False, wrong: bool = False, **signals: float) -> Entry:
    """An entry; what ran alone is looked at with a probability of 1/4."""
    return Entry(
        certificate="cert_1",
        seq=seq,
        kind=kind,
        action=ActionId(action),
        tool="refund",
        score=0.5,
        alone=alone,
        audit=0.25,
        audited=alone,
        wrong=wrong,
        source=None,
        by=None,
        details={"signals": signals},
        at=float(seq),
    )


ENTRIES = [
    entry(1, "decided", "a", confidence=0.91),
    entry(2, "decided", "b", alone=True, confidence=0.99),
    entry(3, "decided", "c", confidence=1.0, margin=2.0),
    entry(4, "decided", "d", margin=1.0),
    entry(5, "decided", "e", confidence=0.3),
    entry(6, "labelled", "a", wrong=True),
    entry(7, "labelled", "b"),
    entry(8, "labelled", "c"),
    entry(9, "labelled", "d", wrong=True),
    entry(10, "reported", "e", wrong=True),
]


def test_stated_confidence_is_held_against_labels_weighted_by_their_probability() -> None:
    (found,) = reliability(ENTRIES)
    assert found == Bin(low=0.9, high=1.0, stated=(0.91 + 4 * 0.99 + 1.0) / 6, right=5 / 6, labels=3)


def test_history_is_cut_into_parts_of_equal_size() -> None:
    assert stretches(ENTRIES, 2) == [
        Stretch(began_at=1.0, ended_at=2.0, decided=2, alone=1),
        Stretch(began_at=3.0, ended_at=5.0, decided=3, alone=0),
    ]
    assert stretches(ENTRIES[:1], 10) == [Stretch(began_at=1.0, ended_at=1.0, decided=1, alone=0)]
    assert signals_known(ENTRIES) == {"confidence": 0.8, "margin": 0.4}


@pytest.mark.parametrize(
    ("share", "mark", "drawn"),
    [
        (0.0, None, "        "),
        (0.5, None, "████    "),
        (0.5625, None, "████▌   "),
        (1.0, None, "████████"),
        (0.25, 0.5, "██  │   "),
        (0.75, 0.5, "████│█  "),
        (3.0, 0.5, "████│██▸"),
    ],
)
def test_a_bar_shows_its_share_and_the_mark(share: float, mark: float | None, drawn: str) -> None:
    assert bar(share, 8, mark) == drawn


def test_levels_and_estimates_are_rounded() -> None:
    assert levels([0.0, 0.5, 0.99, 1.0]) == ["▁", "▅", "█", "█"]
    assert [about(count) for count in (7, 99, 144, 1450, 98_765)] == ["7", "99", "140", "1,400", "99,000"]


def test_a_fitted_score_is_worth_what_it_ranks_better() -> None:
    draw = random.Random(1)
    sure = [draw.random() for _ in range(ENOUGH)]
    labels = [Labelled({"grounded": one, "confidence": draw.random()}, draw.random() > one, 1.0) for one in sure]
    found = compare(labels)
    assert found is not None and found.better and found.learnt > found.used + GAIN
    assert (found.labels, found.wrong) == (ENOUGH, sum(one.wrong for one in labels))
    same = compare(labels, found.fitted.score)
    assert same is not None and not same.better
    blind = compare(labels, lambda _signals: 0.5)
    assert blind is not None and blind.used == 0.5
    right = {id(one.signals): float(not one.wrong) for one in labels}
    oracle = compare(labels, lambda signals: right[id(signals)])
    assert oracle is not None and oracle.used == 1.0
    assert compare(labels[:-1]) is None and compare([one for one in labels if not one.wrong] * 3) is None


class Desk:
    """A ledger that streams of decisions go to."""

    def __init__(self, ledger: Ledger, clock: ManualClock) -> None:
        self.ledger, self.clock = ledger, clock

    def stream(self, agent: str = "billing", kind: str = "refund-small", risk: float = 0.1, seed: int = 1) -> Stream:
        return Stream(self.ledger, self.clock, agent, kind, risk=risk, seed=seed)

    async def page(self, kind: str = "refund-small", agent: str | None = None) -> Page:
        return await self.ledger.read(lambda tx: looking.page(tx, kind, agent))

    def shown(self, page: Page, width: int) -> str:
        out = io.StringIO()
        screen = Screen(out=Console(file=out, width=width, force_terminal=True, no_color=True, highlight=False))
        show_promise(screen, page, Place("x.db", None, ""), self.clock.now())
        return re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())


@pytest.fixture
async def desk(database: str) -> AsyncGenerator[Desk]:
    clock = ManualClock()
    ledger = await Ledger.open(database, clock)
    yield Desk(ledger, clock)
    await ledger.close()


@on_both
async def test_the_certificate_used_last_is_shown_whether_its_state_was_kept_or_not(desk: Desk) -> None:
    await desk.stream().go_on(300)
    seen = (await desk.page()).look
    known = await desk.ledger.read(lambda tx: Certificates().kept(tx, "billing", {"refund-small": PROMISE}, MODEL))
    kept = known["refund-small"]
    assert kept.id == seen.row.id and seen.standing is not None and seen.standing.threshold is not None
    state = kept.state()
    await desk.ledger.write(lambda tx: promises.keep(tx, seen.row.id, kept.folded, state))
    again = (await desk.page()).look
    assert (again.standing, again.curve, again.last_audit) == (seen.standing, seen.curve, seen.last_audit)
    assert again.row.folded == kept.folded


@on_both
async def test_alarms_are_told_with_their_times(desk: Desk) -> None:
    stream = desk.stream()
    await stream.go_on(500)
    changed = desk.clock.now()
    stream.risk = 0.9
    await stream.go_on(150)
    page = await desk.page()
    assert page.look.standing is not None and page.look.standing.alarms == len(page.alarms) >= 1
    assert all(changed < at < desk.clock.now() for at in page.alarms)
    assert page.look.last_alarm == page.alarms[-1]
    assert "drift alarm 2 d" in sentence(page.look, page.alarms[-1] + 2 * 86400).plain


async def test_what_is_certified_may_be_more_than_what_is_in_force(desk: Desk) -> None:
    stream = desk.stream()
    await stream.go_on(400)
    stream.risk, held_back = 0.25, 0
    for _ in range(10):
        await stream.go_on(20)
        look = (await desk.page()).look
        in_force = [place for place, point in enumerate(look.curve) if point.in_force]
        assert look.standing is not None
        assert [look.curve[place].threshold for place in in_force] == [look.standing.threshold]
        proven = [point.proven for point in look.curve]
        assert proven == sorted(proven, reverse=True) and proven[in_force[0]]
        held_back += sum(proven) > in_force[0] + 1
    assert held_back


async def test_a_class_of_two_agents_needs_the_agent_too(desk: Desk) -> None:
    await desk.stream().go_on(10)
    await desk.stream("desk").go_on(5)
    looks = await desk.ledger.read(looking.looks)
    assert [look.row.agent for look in looks] == ["billing", "desk"]
    with pytest.raises(InvalidValue, match="with --agent: billing, desk"):
        await desk.page()
    assert len((await desk.page(agent="desk")).entries) == 10
    with pytest.raises(NotFound, match="refund-small of keeper"):
        await desk.page(agent="keeper")


async def test_what_another_method_made_is_not_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.stream().go_on(100)
    monkeypatch.setattr("baton.policies.promises.keeping._METHOD", 99)
    page = await desk.page()
    assert page.look.standing is None and page.look.curve == ()
    assert headline(page.look)[0] == "begins anew with the next action: the method has changed"
    assert "cannot be read any more" in desk.shown(page, 80)
    await desk.stream(seed=2).go_on(5)
    anew = await desk.page()
    assert anew.look.standing is not None and [row.id for row in anew.earlier] == [page.look.row.id]
    assert "earlier certificates" in desk.shown(anew, 80)


@pytest.mark.parametrize("width", [80, 120])
async def test_a_page_fits_the_terminal_and_needs_no_colour(desk: Desk, width: int) -> None:
    await desk.stream().go_on(400)
    shown = desk.shown(await desk.page(), width)
    lines = shown.splitlines()
    assert max(len(line) for line in lines) <= width and "…" not in shown
    (in_force,) = [line for line in lines if "in force" in line]
    assert "certified" in in_force and in_force.index("│") < width - 30
    assert str(PROMISE.most_wrong * 100).rstrip("0").rstrip(".") + " %" in shown
