"""What a call needs is reserved before people are asked about it, and kept until it is over or is not to be."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from baton import Agent, Baton, Resource, RunHandle, Workflow, tool
from baton.agents.simulated import Answer, Conversation
from baton.core import ManualClock, ReviewId
from baton.graph.alarms import fire_due
from baton.graph.open_matters import open_matters
from baton.graph.patterns import Call, Race, Sequence, Until
from baton.ledger import Review, Transaction, reservations, reviews, stays, transcript
from baton.ledger.reservations import Reservation
from baton.story import waiting
from baton.telling import tell
from support import Says, SmallStaff, call, calls, on_both, open_office, set_policy, soon, text_rows, tool_lines, until

NOW = 1_800_000_000.0
LEASE = 600.0
PRESS = Resource("press", lease=LEASE)
GONE = SmallStaff({"lead": []})

FREE = '@id("free") permit (principal, action, resource) unless { resource is Tool::stamp };'
ASKS = '@id("asks") %s permit (principal, action == Action::"call_with_approval", resource is Tool::stamp);'
RESERVES = '@reserve @reviewers("lead")'


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


class Press:
    """A thing that stamps; knows what it has stamped, with which token."""

    def __init__(self, folder: Path, terms: str = RESERVES, **settings: Any) -> None:
        self.stamped: list[tuple[str, int]] = []
        self.policy = set_policy(folder / "press.cedar", ASKS % terms, FREE)

        @tool(needs=["press"], **settings)
        async def stamp(what: str, *, tokens: dict[str, int]) -> str:
            """Stamp."""
            self.stamped.append((what, tokens["press"]))
            return f"stamped {what}"

        self.stamp = stamp

    def agent(self, **settings: Any) -> Agent:
        return Agent("clerk", tools=[self.stamp], policy=self.policy, resources=["press"], **settings)


def mind(*rounds: Any, ends: bool = True) -> Says:
    """Plays rounds, waits while something is pending, and finishes with the last that it was told, if it `ends`."""

    def answer(conversation: Conversation) -> Answer:
        played = sum(bool(message.get("tool_calls")) for message in conversation.messages)
        if played < len(rounds):
            return calls(*rounds[played])
        over = [text for text in conversation.user_texts() if text.startswith(("[review", "[stamp"))]
        if ends and over and "pending: " not in over[-1]:
            return calls(call("finish", summary=over[-1]))
        return Answer(text="I wait.")

    return Says(answer)


STAMP = mind([call("stamp", what="deed")])


async def asked(baton: Baton, many: int = 1) -> list[Review]:
    return await until(baton.ledger, lambda tx: found if len(found := reviews.waiting(tx)) == many else None)


async def held(baton: Baton) -> Reservation:
    (one,) = [one for one in await baton.shared.reservations() if not one.waits]
    return one


async def queued(baton: Baton, many: int = 1) -> None:
    """Until so many wait."""
    await until(baton.ledger, lambda tx: sum(one.waits for one in reservations.listed(tx)) == many)


async def nothing_is_kept(baton: Baton) -> None:
    assert await baton.shared.reservations() == []
    assert await text_rows(baton.ledger, "SELECT * FROM reservation_questions") == []


@on_both
async def test_it_is_had_from_before_the_question_until_the_call_is_over(
    database: str, tmp_path: Path, clock: ManualClock
) -> None:
    press = Press(tmp_path)
    async with open_office(database, [press.agent()], STAMP, clock=clock, resources=[PRESS]) as baton:
        mine = await baton.shared.reserve("press", by="ann")
        run = await baton.submit("go")
        await queued(baton)
        result = await soon(run.settled())
        assert result.status == "waiting" and result.reviews == ()  # nobody is asked before its turn has come
        assert await tool_lines(run) == ["pending: people are asked once it has press, behind 1"]
        assert (await baton.ledger.read(lambda tx: waiting(tx, run.id))).other == ["for press, behind 1"]
        said = [line.text for moment in [one async for one in run.story()] if (line := tell(moment))]
        assert said[-1] == "stamp waits for press, behind 1"
        (matter,) = await baton.ledger.read(lambda tx: open_matters(tx, run.id))
        assert matter.how == "to do"

        await baton.shared.give_back(mine.number)
        (review,) = await asked(baton)
        one = await held(baton)
        assert (one.by, one.tokens, one.until, one.kept_for) == ("clerk", {"press": 2}, None, (review.action,))
        later = await baton.shared.reserve("press", by="bob")
        clock.advance(50 * LEASE)  # whatever its lease
        await soon(run.settled())
        await fire_due(baton.ledger)
        assert await held(baton) == one and later.waits
        (matter,) = await baton.ledger.read(lambda tx: open_matters(tx, run.id))
        assert matter.how == "under review"

        await baton.approve(review.id, by="lead")
        assert (await soon(run.result())).summary == f"[review {review.id} approved by lead] stamp: stamped deed"
        assert press.stamped == [("deed", 2)]  # the very same grant
        assert (await held(baton)).tokens == {"press": 3} and (await held(baton)).by == "bob"
        assert (await held(baton)).until == clock.now() + LEASE
        await baton.shared.give_back(later.number)
        await nothing_is_kept(baton)


@on_both
async def test_where_it_is_free_people_are_asked_at_once(database: str, tmp_path: Path) -> None:
    press = Press(tmp_path, at_once=1)
    async with open_office(database, [press.agent()], STAMP, resources=[PRESS]) as baton:
        run = await baton.submit("go")
        result = await soon(run.settled())
        assert (await held(baton)).tokens == {"press": 1, "tool stamp": 1}
        review = result.reviews[0].id
        assert (await tool_lines(run))[0].startswith(f"pending: review {review}: ")
        await baton.approve(review, by="lead")
        await soon(run.result())
        await nothing_is_kept(baton)
    assert press.stamped == [("deed", 1)]


async def rejected(baton: Baton, run: RunHandle, review: ReviewId, clock: ManualClock) -> None:
    await baton.reject(review, "no", by="lead")


async def rejected_and_held(baton: Baton, run: RunHandle, review: ReviewId, clock: ManualClock) -> None:
    await baton.reject(review, "no", by="lead", hold=5.0)
    await fire_due(baton.ledger)
    assert (await held(baton)).by == "clerk"  # it can still be undone
    clock.advance(5.0)


async def expired(baton: Baton, run: RunHandle, review: ReviewId, clock: ManualClock) -> None:
    clock.advance(4 * 3600.0)


async def withdrawn(baton: Baton, run: RunHandle, review: ReviewId, clock: ManualClock) -> None:
    await run.say(f"withdraw {review}")


async def cancelled(baton: Baton, run: RunHandle, review: ReviewId, clock: ManualClock) -> None:
    await run.cancel()


async def recalled(baton: Baton, run: RunHandle, review: ReviewId, clock: ManualClock) -> None:
    await baton.approve(review, by="lead")
    (stay,) = await until(baton.ledger, stays.listed)
    assert (await held(baton)).by == "clerk"  # held up, and kept all the while
    await baton.shared.recall(stay.action, by="lead")


async def recalled_by_its_agent(baton: Baton, run: RunHandle, review: ReviewId, clock: ManualClock) -> None:
    await baton.approve(review, by="lead")
    (stay,) = await until(baton.ledger, stays.listed)
    await run.say(f"recall {stay.action}")


async def lapsed(baton: Baton, run: RunHandle, review: ReviewId, clock: ManualClock) -> None:
    await baton.approve(review, by="lead")
    await until(baton.ledger, stays.listed)
    clock.advance(40 * 86400.0)


def obeys(conversation: Conversation) -> Answer:
    """Stamps, withdraws what it is told to, and does not end meanwhile: its end would give everything back."""
    last = [text for text in conversation.user_texts() if text.startswith("withdraw ")]
    done = [name for name, _, _ in conversation.results()]
    if not done:
        return calls(call("stamp", what="deed"), call("wait_for", event="evening"))
    back = [text.split()[1] for text in conversation.user_texts() if text.startswith("recall ")]
    if back and "recall_action" not in done:
        return calls(call("recall_action", action=back[0], reason="no longer"))
    if last and "withdraw_question" not in done:
        return calls(call("withdraw_question", review=last[0].split()[1], reason="no longer"))
    return Answer(text="I wait.")


@on_both
@pytest.mark.parametrize(
    ("ends", "terms"),
    [
        (rejected, RESERVES),
        (rejected_and_held, RESERVES),
        (expired, f'{RESERVES} @deadline("4h") @on_deadline("deny")'),
        (withdrawn, RESERVES),
        (cancelled, RESERVES),
        (recalled, f'{RESERVES} @recall("1h")'),
        (recalled_by_its_agent, f'{RESERVES} @recall("1h")'),
        (lapsed, f'{RESERVES} @recall("30d") @valid("1d")'),
    ],
)
async def test_what_is_not_to_be_gives_it_back(
    database: str, tmp_path: Path, clock: ManualClock, ends: Callable[..., Any], terms: str
) -> None:
    press = Press(tmp_path, terms)
    async with open_office(database, [press.agent()], Says(obeys), clock=clock, resources=[PRESS]) as baton:
        run = await baton.submit("go")
        (review,) = await asked(baton)
        later = await baton.shared.reserve("press", by="bob")
        await ends(baton, run, review.id, clock)

        def passed(tx: Transaction) -> bool:
            one = reservations.get(tx, later.number)
            return one is not None and one.tokens == {"press": 2}

        await until(baton.ledger, passed)
        await baton.shared.give_back(later.number)
        await nothing_is_kept(baton)
    assert press.stamped == []


@on_both
async def test_what_is_granted_while_nobody_works_is_kept_until_somebody_does(
    database: str, tmp_path: Path, clock: ManualClock
) -> None:
    press = Press(tmp_path)
    async with open_office(database, [press.agent()], STAMP, clock=clock, resources=[PRESS]) as baton:
        hers = await baton.shared.reserve("press", by="ann", lease=1e9)
        run = await baton.submit("go")
        await queued(baton)
        await soon(run.settled())
    async with open_office(database, [press.agent()], STAMP, clock=clock, resources=[PRESS], dispatch=False) as baton:
        await baton.shared.give_back(hers.number)
        await baton.shared.reserve("press", by="bob")
        clock.advance(50 * LEASE)
        await fire_due(baton.ledger)
        assert (await held(baton)).by == "clerk"
    async with open_office(database, [press.agent()], STAMP, clock=clock, resources=[PRESS]) as baton:
        (review,) = await asked(baton)
        await baton.approve(review.id, by="lead")
        await soon((await baton.open(run.id)).result())
    assert press.stamped == [("deed", 2)]


@on_both
async def test_who_takes_it_back_has_the_call_wait_its_turn_again(database: str, tmp_path: Path) -> None:
    press = Press(tmp_path)
    async with open_office(database, [press.agent()], STAMP, resources=[PRESS]) as baton:
        run = await baton.submit("go")
        (review,) = await asked(baton)
        await baton.shared.give_back((await held(baton)).number, by="ann")
        hers = await baton.shared.reserve("press", by="ann")
        await baton.approve(review.id, by="lead")
        await queued(baton)
        assert press.stamped == [] and (await held(baton)).by == "ann"
        await baton.shared.give_back(hers.number)
        await soon(run.result())
        await nothing_is_kept(baton)
    assert press.stamped == [("deed", 3)]


async def test_who_takes_the_waiting_one_back_has_it_ask_again_behind_the_others(tmp_path: Path) -> None:
    press = Press(tmp_path)
    async with open_office(tmp_path / "b.db", [press.agent()], STAMP, resources=[PRESS]) as baton:
        hers = await baton.shared.reserve("press", by="ann")
        run = await baton.submit("go")
        await queued(baton)
        his = await baton.shared.reserve("press", by="bob")
        (mine,) = [one.number for one in await baton.shared.reservations() if one.by == "clerk"]
        await baton.shared.give_back(mine)
        await until(
            baton.ledger, lambda tx: [one for one in reservations.listed(tx) if one.by == "clerk" and one.number > mine]
        )
        await baton.shared.give_back(hers.number)
        assert (await held(baton)).by == "bob" and reviews_of(await asked_now(baton)) == []
        await baton.shared.give_back(his.number)
        (review,) = await asked(baton)
        await baton.approve(review.id, by="lead")
        await soon(run.result())
    assert press.stamped == [("deed", 3)]


async def asked_now(baton: Baton) -> list[Review]:
    return await baton.ledger.read(lambda tx: reviews.waiting(tx))


def reviews_of(found: list[Review]) -> list[ReviewId]:
    return [one.id for one in found]


@on_both
@pytest.mark.parametrize("terms", [RESERVES, '@reviewers("lead")'])
async def test_a_policy_that_has_changed_asks_anew_and_keeps_it_or_not_as_it_says(
    database: str, tmp_path: Path, terms: str
) -> None:
    press = Press(tmp_path)
    async with open_office(database, [press.agent()], STAMP, resources=[PRESS]) as baton:
        run = await baton.submit("go")
        (review,) = await asked(baton)
    set_policy(press.policy, (ASKS % terms).replace('"asks"', '"others"'), FREE)
    async with open_office(database, [press.agent()], STAMP, resources=[PRESS]) as baton:
        await baton.approve(review.id, by="lead")
        (again,) = await until(
            baton.ledger, lambda tx: [one for one in reviews.waiting(tx) if one.verdict.rules == ("others",)]
        )
        kept = [one.tokens for one in await baton.shared.reservations()]
        assert kept == ([{"press": 1}] if terms == RESERVES else [])
        await baton.approve(again.id, by="lead")
        await soon((await baton.open(run.id)).result())
        await nothing_is_kept(baton)
    assert press.stamped == [("deed", 1 if terms == RESERVES else 2)]


@pytest.mark.parametrize("terms", [RESERVES, '@reviewers("lead")'])
async def test_a_question_in_the_form_of_a_newer_tool_goes_on_holding_it_where_the_rule_says_so(
    tmp_path: Path, terms: str
) -> None:
    press = Press(tmp_path)
    async with open_office(tmp_path / "b.db", [press.agent()], STAMP, resources=[PRESS]) as baton:
        run = await baton.submit("go")
        (review,) = await asked(baton)
    newer = Press(tmp_path, terms, version="2", upcasters={"1": dict})
    async with open_office(tmp_path / "b.db", [newer.agent()], STAMP, resources=[PRESS]) as baton:
        await run_on(baton, run)
        (again,) = await until(baton.ledger, lambda tx: [one for one in reviews.waiting(tx) if one.id != review.id])
        kept = [(one.tokens, one.kept_for) for one in await baton.shared.reservations()]
        assert kept == ([({"press": 1}, (again.action,))] if terms == RESERVES else [])
        await baton.approve(again.id, by="lead")
        await soon((await baton.open(run.id)).result())
        await nothing_is_kept(baton)
    assert newer.stamped == [("deed", 1 if terms == RESERVES else 2)]


async def run_on(baton: Baton, run: RunHandle) -> None:
    """Have a worker look at a run."""
    await (await baton.open(run.id)).say("look again")


async def test_a_rule_that_reserves_only_now_reserves_before_it_asks_anew(tmp_path: Path) -> None:
    press = Press(tmp_path, '@reviewers("lead")')
    async with open_office(tmp_path / "b.db", [press.agent()], STAMP, resources=[PRESS]) as baton:
        run = await baton.submit("go")
        (review,) = await asked(baton)
        assert await baton.shared.reservations() == []
    set_policy(press.policy, (ASKS % RESERVES).replace('"asks"', '"others"'), FREE)
    async with open_office(tmp_path / "b.db", [press.agent()], STAMP, resources=[PRESS]) as baton:
        hers = await baton.shared.reserve("press", by="ann")
        await baton.approve(review.id, by="lead")
        await queued(baton)
        assert await asked_now(baton) == []
        await baton.shared.give_back(hers.number)
        (again,) = await asked(baton)
        assert (await held(baton)).kept_for == (again.action,)
        await baton.approve(again.id, by="lead")
        await soon((await baton.open(run.id)).result())
    assert press.stamped == [("deed", 2)]


@on_both
async def test_what_its_run_has_already_is_kept_as_well_and_runs_out_again_after(
    database: str, tmp_path: Path, clock: ManualClock
) -> None:
    press = Press(tmp_path)
    waits = [call("stamp", what="deed"), call("wait_for", event="evening")]
    plays = mind([call("reserve_resources", resources=["press"])], waits, ends=False)
    async with open_office(database, [press.agent()], plays, clock=clock, resources=[PRESS]) as baton:
        run = await baton.submit("go")
        (review,) = await asked(baton)
        one = await held(baton)
        assert (one.scope, one.until, one.kept_for) == ("run", None, (review.action,))
        clock.advance(10 * LEASE)
        await fire_due(baton.ledger)
        assert await held(baton) == one
        await baton.reject(review.id, "no", by="lead")
        one = await held(baton)
        assert (one.until, one.kept_for, one.tokens) == (clock.now() + LEASE, (), {"press": 1})
        clock.advance(LEASE)
        await until(baton.ledger, lambda tx: not reservations.listed(tx))
        await until(baton.ledger, lambda tx: any("[reservation over]" in text for text in told(tx, run)))


def told(tx: Transaction, run: RunHandle) -> list[str]:
    return [line.text for line in transcript.read(tx, run.id, transcript.WHOLE)]


async def test_two_questions_of_a_run_keep_what_it_has_until_the_last_is_over(
    tmp_path: Path, clock: ManualClock
) -> None:
    press = Press(tmp_path)
    twice = [call("stamp", what="deed"), call("stamp", what="will")]
    plays = mind([call("reserve_resources", resources=["press"])], twice)
    async with open_office(tmp_path / "b.db", [press.agent()], plays, clock=clock, resources=[PRESS]) as baton:
        await baton.submit("go")
        first, second = await asked(baton, 2)
        await baton.approve(first.id, by="lead")
        await until(baton.ledger, lambda tx: press.stamped)
        one = await held(baton)
        assert (one.until, one.kept_for) == (None, (second.action,))
        await baton.reject(second.id, "no", by="lead")
        await until(baton.ledger, lambda tx: not reservations.listed(tx) or reservations.listed(tx)[0].until)
    assert len(press.stamped) == 1


async def test_the_same_call_again_joins_what_is_not_asked_about_yet(tmp_path: Path) -> None:
    press = Press(tmp_path)
    same = [call("stamp", what="deed")]
    async with open_office(tmp_path / "b.db", [press.agent()], mind(same, same), resources=[PRESS]) as baton:
        hers = await baton.shared.reserve("press", by="ann")
        run = await baton.submit("go")
        await queued(baton)
        await soon(run.settled())
        await run.say("again")
        await until(baton.ledger, lambda tx: len([1 for one in reservations.listed(tx)]) == 2)
        await baton.ledger.write(lambda tx: None)
        assert len(await baton.shared.reservations()) == 2
        await baton.shared.give_back(hers.number)
        (review,) = await asked(baton)
        await baton.approve(review.id, by="lead")
        await soon(run.result())
        assert await baton.ledger.read(lambda tx: len(reviews.of_run(tx, run.id))) == 1
        await nothing_is_kept(baton)
    assert press.stamped == [("deed", 2)]


def closed(tx: Transaction, review: ReviewId) -> bool:
    return not reviews.get(tx, review).open


async def test_many_are_asked_about_one_after_the_other_and_tokens_only_rise(tmp_path: Path) -> None:
    press = Press(tmp_path)
    async with open_office(tmp_path / "b.db", [press.agent()], STAMP, resources=[PRESS]) as baton:
        runs = [await baton.submit(f"go {number}") for number in range(5)]
        for number in range(5):
            (review,) = await asked(baton)
            await (baton.reject(review.id, "no", by="lead") if number == 2 else baton.approve(review.id, by="lead"))
            await until(baton.ledger, partial(closed, review=review.id))
        for run in runs:
            await soon(run.result())
        await nothing_is_kept(baton)
    assert [token for _, token in press.stamped] == [1, 2, 4, 5]


@on_both
async def test_a_question_that_nobody_answers_is_named_with_what_it_holds_and_the_ways_out(
    database: str, tmp_path: Path, clock: ManualClock
) -> None:
    press = Press(tmp_path)
    async with open_office(database, [press.agent()], STAMP, clock=clock, resources=[PRESS]) as baton:
        first = await baton.submit("go")
        (review,) = await asked(baton)
        second = await baton.submit("go on")
        await queued(baton)
        await soon(second.settled())
        clock.advance(180.0)
        ((one, question),) = await baton.shared.holding()
        assert (one.number, question.id) == ((await held(baton)).number, review.id)
        assert await baton.stuck() == []  # somebody may come
        found = {each.node.id: each for each in await baton.stuck(GONE)}
        assert found.keys() == {first.id, second.id, review.id}
        chain = [f"{node.says} {node.because}" for node in found[second.id].chain]
        assert chain == [
            f"{second.id} of clerk waits",
            f"press is held by the question {review.id} of clerk for 3 min",
            f"{review.id} of clerk, stamp waits",
            "lead is never on duty again",
        ]
        assert found[second.id].ways_out[:3] == (
            "name a stand-in for lead",
            f"approve or reject {review.id}",
            f"take press back (baton resources release {one.number})",
        )
        await baton.reject(review.id, "no", by="eve")  # and that way out works
        (other,) = await asked(baton)
        assert other.run == second.id and await baton.stuck() == []


@on_both
async def test_a_circle_through_questions_that_wait_for_what_they_need_is_found(database: str, tmp_path: Path) -> None:
    """Each has one thing over its turns, and is to be asked about a call that needs what the other has."""
    clerks: list[Agent] = []
    things: Mapping[str, str] = {"p0": "oven", "p1": "press"}
    for name, needs in things.items():

        @tool(needs=[needs])
        async def stamp() -> str:
            """Stamp."""
            return "stamped"

        policy = set_policy(tmp_path / f"{name}.cedar", ASKS % RESERVES, FREE)
        clerks.append(Agent(name, tools=[stamp], policy=policy, resources=["press", "oven"]))

    def answer(conversation: Conversation) -> Answer:
        mine = "press" if "press" in conversation.user_texts()[0] else "oven"
        done = [name for name, _, _ in conversation.results()]
        todo = [
            call("reserve_resources", resources=[mine]),
            call("wait_for", event="begin"),
            call("stamp"),
        ]
        if len(done) == 2 and not any(text.startswith("[event") for text in conversation.user_texts()):
            return Answer(text="I wait.")
        return calls(todo[len(done)]) if len(done) < len(todo) else Answer(text="I wait.")

    both = [Resource("press", lease=None), Resource("oven", lease=None)]
    async with open_office(database, clerks, Says(answer), resources=both) as baton:
        first = await baton.submit("take press", agent="p0")
        second = await baton.submit("take oven", agent="p1")
        await until(baton.ledger, lambda tx: len(reservations.listed(tx)) == 2)
        await soon(first.settled())
        await soon(second.settled())
        await baton.publish("begin")
        await queued(baton, 2)
        await soon(first.settled())
        await soon(second.settled())
        found = {each.node.id: each for each in await baton.stuck()}
        assert found.keys() == {first.id, second.id} and found[first.id].circle == first.id
        said = [node.says for node in found[first.id].chain]
        assert said == [f"{first.id} of p0", "oven", f"{second.id} of p1", "press"]
        (ovens,) = [one.number for one in await baton.shared.reservations() if one.by == "p1" and not one.waits]
        assert f"take oven back (baton resources release {ovens})" in found[first.id].ways_out
        await baton.shared.give_back(ovens)
        (review,) = await asked(baton)  # of the first, which has both now
        assert review.run == first.id and await baton.stuck() == []
        await first.cancel()
        await until(baton.ledger, lambda tx: [one.run for one in reviews.waiting(tx)] == [second.id])


@on_both
async def test_a_step_of_a_workflow_that_is_let_go_of_waits_no_more_and_is_never_asked_about(
    database: str, tmp_path: Path
) -> None:
    press = Press(tmp_path)
    race = Race(Call("held", "stamp", {"what": "deed"}), Until("news", "it.came"))
    flow = Workflow("flow", Sequence(race, Until("end", "over")), tools=[press.stamp], policy=press.policy)
    async with open_office(database, [flow.agent], STAMP, resources=[PRESS]) as baton:
        hers = await baton.shared.reserve("press", by="ann")
        run = await baton.submit("go", agent="flow")
        await queued(baton)
        await soon(run.settled())
        await baton.publish("it.came")
        await until(baton.ledger, lambda tx: len(reservations.listed(tx)) == 1)
        await baton.shared.give_back(hers.number)
        await nothing_is_kept(baton)
        await baton.publish("over")
        await soon(run.result())
        assert await baton.ledger.read(lambda tx: reviews.of_run(tx, run.id)) == []
    assert press.stamped == []
