import json
from datetime import timedelta
from pathlib import Path

import pytest

from baton.core import Goal, InvalidFile, InvalidValue
from baton.evals import Call, Case, Condition, Dataset, Trajectory, Turn, User, read_dataset, write_cases
from baton.evals.freezing import clean
from baton.evals.trajectories import deviation

PAY, SEND = ("pay", {"to": "ann", "cents": 5}), ("send", {"to": "ann"})


def calls(*names: str) -> tuple[Call, ...]:
    return tuple(Call(tool=name) for name in names)


@pytest.mark.parametrize(
    ("mode", "wanted", "made", "fits"),
    [
        ("strict", calls("pay", "send"), [PAY, SEND], True),
        ("strict", calls("pay", "send"), [SEND, PAY], False),
        ("strict", calls("pay"), [PAY, SEND], False),
        ("strict", calls("pay", "send"), [PAY], False),
        ("unordered", calls("send", "pay"), [PAY, SEND], True),
        ("unordered", calls("send", "pay"), [PAY, PAY], False),
        ("subset", calls("pay", "send"), [SEND], True),
        ("subset", calls("pay"), [PAY, PAY], False),
        ("superset", calls("pay"), [SEND, PAY], True),
        ("superset", calls("pay", "pay"), [SEND, PAY], False),
        ("unordered", (Call(tool="pay", arguments={"cents": 5}),), [PAY], True),
        ("unordered", (Call(tool="pay", arguments={"cents": 6}),), [PAY], False),
        ("strict", (), [], True),
    ],
)
def test_trajectories(mode: str, wanted: tuple[Call, ...], made: list[object], fits: bool) -> None:
    found = deviation(Trajectory(calls=wanted, mode=mode), made)  # type: ignore[arg-type]
    assert (found == "") is fits, found


def test_a_call_that_fits_several_leaves_the_other_for_the_call_that_fits_only_that() -> None:
    wanted = (Call(tool="pay"), Call(tool="pay", arguments={"cents": 5}))
    assert deviation(Trajectory(calls=wanted, mode="unordered"), [PAY, ("pay", {"cents": 9})]) == ""
    assert deviation(Trajectory(calls=wanted[::-1], mode="unordered"), [("pay", {"cents": 9}), PAY]) == ""


def test_cases_are_read_as_they_were_written(tmp_path: Path) -> None:
    user = User(turns=(Turn(text="Never mind", after=timedelta(hours=2), share=0.3),), vanishes=0.1)
    case = Case(
        id="one",
        goal=Goal("Pay", criteria=("It is paid",)),
        expected={"refunds": {"F-1": 3}},
        trajectory=Trajectory(calls=(Call(tool="pay", arguments={"cents": 3}),), mode="subset"),
        after=timedelta(minutes=5),
        user=user,
        risk="high",
        cost=12.5,
        cluster="ann",
    )
    file = tmp_path / "cases.jsonl"
    assert write_cases(file, [case, Case(id="two", goal=Goal("x"))]) == 2
    assert write_cases(file, [case]) == 0
    found = read_dataset(file)
    assert found.cases[0] == case
    assert found.cases[1].group == "two"
    assert found.digest == Dataset("other name", [*reversed(found.cases)]).digest
    changed = Dataset("x", [case, Case(id="two", goal=Goal("y"))])
    assert changed.digest != found.digest


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "a case as `baton eval case` writes it"),
        ('{"id": "", "goal": {"statement": "x"}}', "id"),
        ('{"id": "a", "goal": {"statement": "x"}, "costs": 3}', "costs"),
        ('{"id": "a", "goal": {"statement": "x"}, "cost": -3}', "cost"),
        ('{"id": "a", "goal": {"statement": "x"}, "user": {"vanishes": 2}}', "vanishes"),
        ('{"id": "a", "goal": {"statement": "x"}, "trajectory": {"calls": [], "mode": "loose"}}', "mode"),
    ],
)
def test_a_line_that_is_no_case_is_refused_by_its_number(tmp_path: Path, line: str, says: str) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text(json.dumps({"id": "ok", "goal": {"statement": "x"}}) + "\n" + line + "\n")
    with pytest.raises(InvalidFile, match=says) as raised:
        read_dataset(file)
    assert raised.value.line == 2


def test_an_id_twice_and_no_case_at_all_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "cases.jsonl"
    file.write_text((json.dumps({"id": "a", "goal": {"statement": "x"}}) + "\n") * 2)
    with pytest.raises(InvalidFile, match="ids that are given once"):
        read_dataset(file)
    file.write_text("")
    with pytest.raises(InvalidValue, match="one case or more"):
        read_dataset(file)


def test_what_looks_like_a_secret_is_taken_out_and_other_numbers_stay() -> None:
    said = {"text": "card 4111 1111 1111 1111, key sk-abcdefghijklmnop, order 4111 1111 1111 1112", "n": 3}
    assert clean(said) == {"text": "card [removed], key [removed], order 4111 1111 1111 1112", "n": 3}
    assert clean(["Bearer abcdefghijklmnopqrstuv"]) == ["[removed]"]


def test_conditions_that_cannot_be_are_refused() -> None:
    with pytest.raises(InvalidValue, match="a share from 0 to 1"):
        Condition(name="x", crashes=1.5)
    with pytest.raises(InvalidValue, match="letters, digits and hyphens"):
        Condition(name="a/b")
