"""The built-in tools: planning, remembering, handing on, asking, waiting and finishing are actions like any other.

Here is what the model is told of them, and how their arguments are checked. What they do is in graph/builtins.py,
because it is written in the transaction of the step that calls them.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from baton.agents.tool import tool
from baton.core import Duration, ToolSpec

_Whole = Annotated[int, Field(ge=0, le=2**53)]


def _spec(name: str, function: Any) -> ToolSpec:
    spec: ToolSpec = tool(effect="read", name=name)(function).spec
    return spec


class StepTime(BaseModel):
    """A step's times."""

    step: int
    takes: str = ""
    after: list[int] = []
    start: str = ""
    end: str = ""


def _plan(
    steps: Annotated[list[str], Field(min_length=1)],
    tools: list[str] | None = None,
    times: list[StepTime] | None = None,
) -> None:
    """Say what you intend to do, step by step. Call it again when the plan changes.

    Args:
        steps: Short sentences, in order.
        tools: Names of the tools that this will take, in order, each as often as you expect to call it. Said before
            you read anything, it shows what was asked of you, and fewer calls need a person.
        times: Where time matters, of steps by number: `takes`, such as 2h; `after` which others, else the one before, 0
            for none; `start` no sooner than, `end` no later than a time. You are told when it ends, or why it cannot.
    """


def _remember(
    subject: str,
    text: str,
    kind: Literal["fact", "procedure"] = "fact",
    predicate: str | None = None,
    value: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> None:
    """Keep a fact for later work.

    Args:
        subject: What or whom it is about, such as an e-mail address.
        text: The fact, in one sentence that can be understood alone.
        kind: A procedure is how something is to be done; a person has to approve it.
        predicate: What is said of the subject in one or two words, such as "address", where it may change some day.
        value: What it is then, such as the address.
        since: Since when it is true, as a date or a date and time, if that was said.
        until: Until when it is true, if that was said.
    """


def _recall(query: str) -> None:
    """Look for facts that were remembered earlier.

    Args:
        query: Words to look for.
    """


def _read_on(handle: _Whole, offset: _Whole = 0) -> None:
    """Read more of a long result that was shown cut.

    Args:
        handle: The number that the cut result gives.
        offset: The character to go on from.
    """


def _hand_off(
    to: str,
    task: str,
    contract: str | None = None,
    payload: dict[str, Any] | None = None,
    version: Annotated[int, Field(ge=1)] | None = None,
    within: Duration | None = None,
    tokens: Annotated[int, Field(gt=0)] | None = None,
) -> None:
    """Hand a piece of work to another agent, or to a person. The answer reaches you later as a message.

    Args:
        to: The agent's name, or `person:` with a name or role.
        task: What to do and all that it needs to know; an agent sees the attachments of your goal too.
        contract: What kind of work it is, where there are contracts.
        payload: What the contract says is said with it.
        version: Of the payload; the newest that is known where nothing is said.
        within: How long it may take, such as `2h`; after that you are told that no answer came.
        tokens: How many tokens an agent may use for it; of what is left to you where nothing is said.
    """


def _hand_off_each(
    to: str,
    step: str,
    first: _Whole,
    tasks: Annotated[list[str], Field(min_length=1)],
    payloads: list[dict[str, Any]] | None = None,
    contract: str | None = None,
    within: Duration | None = None,
    tokens: Annotated[int, Field(gt=0)] | None = None,
    wakes_at: _Whole = 0,
) -> None:
    """Hand pieces of work on that are joined: one message tells when as many have ended as are waited for.

    Args:
        to: The agent's name, or `person:` with a name or role.
        step: The step that joins them.
        first: The place of the first of them in its list.
        tasks: What to do, of each.
        payloads: What the contract says is said with each.
        contract: What kind of work it is, where there are contracts.
        within: How long each may take.
        tokens: How many tokens an agent may use for each.
        wakes_at: When so many of the step have ended, it is told.
    """


def _hand_off_skilled(
    to: str,
    task: str,
    contract: str | None = None,
    payload: dict[str, Any] | None = None,
    version: Annotated[int, Field(ge=1)] | None = None,
    within: Duration | None = None,
    tokens: Annotated[int, Field(gt=0)] | None = None,
    reroute: bool = False,
) -> None:
    """Hand a piece of work to another agent, to a person, or to whoever has a skill. The answer comes as a message.

    Args:
        to: The agent's name, `person:` with a name or role, or `skill:` with a skill, for who would be done soonest.
        task: What to do and all that it needs to know; an agent sees the attachments of your goal too.
        contract: What kind of work it is, where there are contracts.
        payload: What the contract says is said with it.
        version: Of the payload; the newest that is known where nothing is said.
        within: How long it may take, such as `2h`; after that you are told that no answer came.
        tokens: How many tokens an agent may use for it; of what is left to you where nothing is said.
        reroute: With a skill, whether it is offered to the next one who has it if the first refuses, fails or is late.
    """


def _call_for_proposals(
    to: list[str],
    task: str,
    contract: str | None = None,
    payload: dict[str, Any] | None = None,
    version: Annotated[int, Field(ge=1)] | None = None,
    answers_within: Duration | None = None,
    within: Duration | None = None,
    tokens: Annotated[int, Field(gt=0)] | None = None,
) -> None:
    """Ask several what a piece of work would cost, how long it would take and how sure they are of it.

    It is handed to whoever is best by your operators' rule, once all have answered; to the next best where they do not
    do it. You are told to whom, and get the answer as a message.

    Args:
        to: Agents, `person:` with a name or role, or `skill:` for all who have a skill.
        task: What to do and all that it needs to know.
        contract: What kind of work it is, where there are contracts.
        payload: What the contract says is said with it.
        version: Of the payload; the newest that is known where nothing is said.
        answers_within: How long they have to answer, such as `10m`; an hour where nothing is said.
        within: How long the work may take then.
        tokens: How many tokens an agent may use for it.
    """


def _answer_handoff(handoff: str, text: str) -> None:
    """Tell whoever works for you what they want to know.

    Args:
        handoff: The hand-off's id, such as `hnd_8zca2c1s86`.
        text: The answer.
    """


def _withdraw_handoff(handoff: str, reason: str) -> None:
    """Take work back that you have handed on and that is not done. What was done of it stays done.

    Args:
        handoff: The hand-off's id, such as `hnd_8zca2c1s86`.
        reason: Why it no longer matters.
    """


def _ask_giver(question: str) -> None:
    """Ask whoever has handed this work to you. The answer reaches you later as a message.

    Args:
        question: The question, with what is needed to answer it.
    """


def _ask_person(question: str, options: list[str] | None = None) -> None:
    """Ask a person. The answer reaches you later as a message.

    Args:
        question: The question, with what is needed to answer it.
        options: Possible answers, where there are some.
    """


def _answer_reviewer(review: str, text: str) -> None:
    """Answer what a person asks about a question of yours that is open. It stays open.

    Args:
        review: The question's id, such as `rev_8zca2c1s86`.
        text: The answer.
    """


def _withdraw_question(review: str, reason: str) -> None:
    """Take an open question of yours back, because it no longer matters. What it was about does not happen.

    Args:
        review: The question's id, such as `rev_8zca2c1s86`.
        reason: Why it no longer matters.
    """


def _wait(duration: Duration | None = None, until: str | None = None, zone: str | None = None) -> None:
    """Do nothing for a while, or until a time. You are told when it has come. Give `duration` or `until`.

    Args:
        duration: Such as `90s`, `2h` or `1d 12h`.
        until: A date and time such as `2026-11-23T08:00` or `2026-11-23T08:00+01:00`, or the next `08:00`.
        zone: The time zone of a local time, such as `Europe/Berlin`.
    """


def _wait_for(
    event: str,
    key: str | None = None,
    within: Duration | None = None,
    until: str | None = None,
    zone: str | None = None,
) -> None:
    """Wait for something to happen outside, or for a time, whichever comes first. You are told which it was.

    Args:
        event: The event's name, such as `order.shipped`.
        key: Which one, such as an order's number.
        within: How long at most, such as `2h`.
        until: Until when at most; a time as `wait` takes it.
        zone: The time zone of a local time, such as `Europe/Berlin`.
    """


def _reserve_resources(resources: Annotated[list[str], Field(min_length=1)], within: Duration | None = None) -> None:
    """Have things for yourself that others use too, all of them at once. You are told when they are yours.

    Args:
        resources: Their names. Ask for all that you need together: who has one and waits for another holds others up.
        within: How long you wait at most, such as `2h`.
    """


def _release_resources(resources: Annotated[list[str], Field(min_length=1)]) -> None:
    """Give back what you have reserved, or wait for it no more.

    Args:
        resources: Their names.
    """


def _recall_action(action: str, reason: str) -> None:
    """Take back a call of yours that has not taken effect yet. It does not happen.

    Args:
        action: The action's id, as you were told it when the call was put off.
        reason: Why it is not to happen.
    """


def _read_record(name: str, version: Annotated[int, Field(ge=1)] | None = None) -> None:
    """Read a record that you share with others: what it says, and its version.

    Args:
        name: The record's name.
        version: An older version; none is the newest.
    """


def _write_record(name: str, value: Any, version: _Whole) -> None:
    """Write a record that you share with others.

    Args:
        name: The record's name.
        value: What it is to say, whole.
        version: The version that you have read, 0 where there was none. If another has written it since, you are told.
    """


def _read_notes(fields: list[str] | None = None, entries: bool = True) -> None:
    """Read the notes that everybody shares who works on this goal: people, and agents that work was handed to.

    Args:
        fields: Names of the fields to read; all of them where nothing is said. What you read counts as trusted as the
            least of it: read alone what has to be relied on.
        entries: Whether to read the entries too.
    """


def _write_note(
    text: str | None = None, field: str | None = None, value: str | None = None, settles: bool = False
) -> None:
    """Write into the notes that everybody shares who works on this goal. Give `text`, or `field` and `value`.

    Args:
        text: An entry, which can be understood alone.
        field: The name of a field that has one value at a time, such as `status`.
        value: Its value from now on. A value that somebody has written since you read the notes is not replaced.
        settles: Whether it takes the place of what somebody has written since, too: where you know of it.
    """


def _settle_claims(claims: list[str], question: str) -> None:
    """Find out which of several claims that contradict each other holds, by your operators' rules, or by a person.

    Args:
        claims: Ids of hand-offs that have come back (`hnd_…`) or of facts (`fct_…`), or `note:` with the name of a
            field of the notes whose values are in conflict.
        question: What they contradict each other in, as a person can understand it.
    """


def _finish(
    summary: str,
    evidence: list[str] | None = None,
    outcome: Literal["done", "refused", "failed"] = "done",
    answer: dict[str, Any] | None = None,
) -> None:
    """End your work on the goal. Refused while questions to people, hand-offs or waits are open.

    Args:
        summary: What was reached, for the person who asked.
        evidence: For each success criterion in order, what shows that it is met.
        outcome: `done`, `refused` (policy or a person said no), or `failed`.
        answer: What the work that was handed to you asks for, where it asks for more than a summary.
    """


BUILTINS: dict[str, ToolSpec] = {
    name: _spec(name, function)
    for name, function in {
        "plan": _plan,
        "remember": _remember,
        "recall": _recall,
        "read_on": _read_on,
        "hand_off": _hand_off,
        "hand_off_each": _hand_off_each,
        "call_for_proposals": _call_for_proposals,
        "answer_handoff": _answer_handoff,
        "withdraw_handoff": _withdraw_handoff,
        "ask_giver": _ask_giver,
        "ask_person": _ask_person,
        "answer_reviewer": _answer_reviewer,
        "withdraw_question": _withdraw_question,
        "settle_claims": _settle_claims,
        "read_notes": _read_notes,
        "write_note": _write_note,
        "wait": _wait,
        "wait_for": _wait_for,
        "reserve_resources": _reserve_resources,
        "release_resources": _release_resources,
        "recall_action": _recall_action,
        "read_record": _read_record,
        "write_record": _write_record,
        "finish": _finish,
    }.items()
}
"""By name."""

SKILLED: dict[str, ToolSpec] = {"hand_off": _spec("hand_off", _hand_off_skilled)}
"""Those that are another one for an agent that hands work to whoever has a skill, by name."""
