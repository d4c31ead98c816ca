"""To whom work for a skill goes: by time, load and past success, the same for the same record."""

from hypothesis import given
from hypothesis import strategies as st

from baton.evals.intervals import wilson
from baton.graph.routing import USUAL, Candidate, likely, rank
from baton.ledger import PastWork


def one(name: str, *, capacity: int = 1, **past: object) -> Candidate:
    return Candidate(name=name, capacity=capacity, past=PastWork(**past))  # type: ignore[arg-type]


def names(*candidates: Candidate) -> list[str]:
    return [ranked.name for ranked in rank(candidates)]


def test_nobody_who_has_done_nothing_is_ranked_by_name() -> None:
    assert names(one("b"), one("a"), one("c")) == ["a", "b", "c"]
    assert {ranked.usual for ranked in rank([one("a")])} == {USUAL}


def test_the_quicker_the_less_loaded_and_the_surer_come_first() -> None:
    fair = {"returned": 10, "ended": 10}
    assert names(one("slow", seconds=(100.0,) * 3, **fair), one("swift", seconds=(10.0,) * 3, **fair))[0] == "swift"
    assert names(one("busy", capacity=9, open=8, **fair), one("idle", capacity=9, open=0, **fair))[0] == "idle"
    assert names(one("bad", returned=2, ended=10), one("good", returned=9, ended=10))[0] == "good"


def test_whoever_is_full_comes_last_however_good() -> None:
    best = one("best", capacity=2, open=2, returned=99, ended=99, seconds=(1.0,))
    assert names(best, one("worst", capacity=2, open=1, returned=0, ended=9)) == ["worst", "best"]


def test_whoever_is_new_is_neither_first_nor_left_out() -> None:
    proven, failing = one("proven", returned=50, ended=50), one("failing", returned=1, ended=50)
    assert names(proven, one("new"), failing) == ["proven", "new", "failing"]


def test_the_lower_end_of_wilsons_interval() -> None:
    for returned, ended in ((8, 10), (0, 7), (50, 50), (3, 400)):
        assert abs(likely(returned, ended) - wilson(returned, ended, 0.8)[0]) < 1e-9
    assert likely(0, 0) == 0.0 and likely(0, 5) == 0.0
    assert likely(80, 100) > likely(8, 10)


@given(st.permutations([one(name, returned=n, ended=n + 1, open=n % 3) for n, name in enumerate("abcdef")]))
def test_the_order_in_which_candidates_come_makes_no_difference(order: list[Candidate]) -> None:
    assert rank(order) == rank(sorted(order, key=lambda candidate: candidate.name))
