"""Two hundred people who take and decide questions at the same moment, some of whom go home with one."""

from support import on_both
from support.reviewing import Desk, ask, counts, decide_all

PEOPLE, QUESTIONS = 200, 400


@on_both
def test_each_question_is_decided_once_and_none_is_lost_or_held_for_ever(database: str) -> None:
    desks = [Desk(database), Desk(database)]
    try:
        desks[0].do(ask(desks[0].ledger, QUESTIONS))
        tally = decide_all(desks, PEOPLE)
        rows = desks[0].do(counts(desks[0].ledger))
    finally:
        for desk in desks:
            desk.close()
    assert len(tally.decided) == len(set(tally.decided)) == QUESTIONS
    assert rows == {"decided": QUESTIONS, "decisions": QUESTIONS, "told": QUESTIONS, "taken": 0}
