"""Round trips are limited: what people have said no to again and again is brought before them as trouble."""

from pathlib import Path

import pytest

from baton import Agent, Baton, RunHandle
from baton.agents import Mind
from baton.core import InvalidValue
from baton.ledger import Review
from support import call, on_both, open_office, script, soon, tool_lines
from support.till import Till

RULES = (
    '@id("asks") permit (principal, action == Action::"call_with_approval", resource is Tool::pay);',
    '@id("free") permit (principal, action, resource) unless { resource is Tool::pay };',
)


@pytest.fixture
def till(tmp_path: Path) -> Till:
    return Till(tmp_path, *RULES)


def pays(*cents: int) -> Mind:
    return script(*([call("pay", cents=each)] for each in cents))


async def waiting(run: RunHandle) -> Review:
    (review,) = (await soon(run.settled())).reviews
    return review


async def reject(baton: Baton, run: RunHandle, times: int) -> None:
    for number in range(times):
        review = await waiting(run)
        assert review.kind == "action"
        await baton.reject(review.id, f"no {number + 1}", by="ann")


@on_both
async def test_after_three_times_no_people_are_asked_what_to_do_with_the_history(database: str, till: Till) -> None:
    async with open_office(database, [till.agent()], pays(1, 2, 3, 4, 5)) as baton:
        run = await baton.submit("go")
        await reject(baton, run, 3)
        trouble = await waiting(run)
        assert trouble.kind == "trouble"
        assert trouble.question["summary"] == "clerk goes on proposing pay, in vain 3 times in a row"
        assert trouble.question["known"] == {
            "1. pay": '{"cents": 1}; ann: no 1',
            "2. pay": '{"cents": 2}; ann: no 2',
            "3. pay": '{"cents": 3}; ann: no 3',
            "once more": '{"cents": 4}',
        }
        assert "people have answered 3 such proposals of this run in vain" in (await tool_lines(run))[-1]
        await run.message("[by the way] hello")  # which is no answer
        await soon(run.settled())
        assert (await waiting(run)).id == trouble.id
        await baton.approve(trouble.id, by="ann")
        again = await waiting(run)  # from here on it is counted anew
        assert (again.kind, again.question["arguments"]) == ("action", {"cents": 5})
        await baton.approve(again.id, by="ann")
        assert (await soon(run.result())).status == "done"
    assert till.paid == [5]


@on_both
async def test_the_same_again_counts_though_nobody_is_asked_again(database: str, till: Till) -> None:
    async with open_office(database, [till.agent()], pays(1, 1, 1, 1, 1, 1, 1, 1)) as baton:
        run = await baton.submit("go")
        await reject(baton, run, 1)
        trouble = await waiting(run)
        assert (trouble.kind, (await run.status()).turns) == ("trouble", 4)
        assert list(trouble.question["known"].values()) == [
            '{"cents": 1}; ann: no 1',
            '{"cents": 1}; not asked again: ann: no 1',
            '{"cents": 1}; not asked again: ann: no 1',
            '{"cents": 1}',
        ]
        await baton.reject(trouble.id, "enough", by="ann")
        assert (await soon(run.settled())).status == "failed"


async def test_a_yes_in_between_begins_anew(tmp_path: Path, till: Till) -> None:
    async with open_office(tmp_path, [till.agent()], pays(*range(1, 8))) as baton:
        run = await baton.submit("go")
        await reject(baton, run, 2)
        await baton.approve((await waiting(run)).id, by="ann")
        await reject(baton, run, 3)
        assert (await waiting(run)).kind == "trouble"
    assert till.paid == [3]


async def test_several_that_are_refused_at_once_with_one_answer_are_one_round(tmp_path: Path, till: Till) -> None:
    twice = [call("pay", cents=1), call("pay", cents=1)]
    async with open_office(tmp_path, [till.agent()], script(twice, twice, *([call("pay", cents=2)],))) as baton:
        run = await baton.submit("go")
        await reject(baton, run, 1)
        trouble = await waiting(run)  # one round, and both again: the next is one too many
        assert (trouble.kind, len(trouble.question["known"])) == ("trouble", 4)


async def test_the_same_question_is_not_answered_for_ever_but_others_are(tmp_path: Path) -> None:
    def asks(*questions: str) -> Mind:
        return script(*([call("ask_person", question=each)] for each in questions))

    for number, (mind, last) in enumerate(
        ((asks("A?", "B?", "C?", "D?", "E?"), "question"), (asks(*["A?"] * 5), "trouble"))
    ):
        async with open_office(tmp_path / str(number), [Agent("clerk", policy="allow-all")], mind) as baton:
            run = await baton.submit("go")
            for _ in range(3):
                review = await waiting(run)
                assert review.kind == "question"
                await baton.respond(review.id, "yes", by="ann")
            assert (await waiting(run)).kind == last


async def test_how_often_is_the_agents_own_matter(tmp_path: Path, till: Till) -> None:
    strict = till.agent(round_trips=1)
    async with open_office(tmp_path, [strict], pays(1, 2)) as baton:
        run = await baton.submit("go")
        await reject(baton, run, 1)
        assert (await waiting(run)).kind == "trouble"
    with pytest.raises(InvalidValue, match="round_trips of agent clerk"):
        Agent("clerk", round_trips=0)
