"""How a workflow's run ends: with what its body came to, as an answer where one is owed."""

from collections.abc import Mapping
from typing import Any

from baton.agents import Agent
from baton.core import Goal, dump
from baton.graph import handing
from baton.graph.patterns import Result, Workflow
from baton.graph.patterns.data import made
from baton.graph.patterns.json_shapes import is_fields
from baton.graph.step_facts import value_of
from baton.ledger import Handoff

_OUTCOMES = {"returned": "done", "skipped": "done", "refused": "refused", "denied": "refused"}


def closing(
    workflow: Workflow, data: Mapping[str, Any], result: Result, owed: Handoff | None, criteria: int
) -> dict[str, Any]:
    """The arguments of its `finish`.

    Args:
        workflow: Whose end it is.
        data: What is known.
        result: What its body came to.
        owed: What was handed on to it; None for nothing.
        criteria: How many success criteria its goal has: each cites what its steps came to.
    """
    outcome = _OUTCOMES.get(result.state, "failed")
    if outcome != "done":
        return {"outcome": outcome, "summary": result.said or result.state}
    try:
        summary = _summary(workflow, data, result)
        answer = _answer(workflow, data, result, owed)
    except Exception as error:  # a function that the user wrote, or a field that is not there
        return {"outcome": "failed", "summary": f"its end could not be told: {error}"}
    if (wrong := handing.answer_of(owed, answer)) is not None:
        return {"outcome": "failed", "summary": f"its answer does not fit: {wrong}"}
    return {"outcome": outcome, "summary": summary, "evidence": [summary] * criteria, "answer": answer}


def _summary(workflow: Workflow, data: Mapping[str, Any], result: Result) -> str:
    said = result.value if workflow.summary is None else made(workflow.summary, data)
    if said is None:
        return result.said or "done"
    return said if isinstance(said, str) else dump(said)


def _answer(workflow: Workflow, data: Mapping[str, Any], result: Result, owed: Handoff | None) -> dict[str, Any] | None:
    """What it answers; None where no answer but words is owed."""
    if owed is None or owed.answers is None:
        return None
    said = result.value if workflow.answer is None else made(workflow.answer, data)
    return said if is_fields(said) else {"answer": said}


def known(agent: Agent, goal: Goal, requester: str | None, given: Handoff | None) -> dict[str, Any]:
    """What may be spoken of everywhere in a workflow.

    Args:
        agent: The workflow as it stands in the team.
        goal: The run's.
        requester: Who asked for it.
        given: What was handed on to it; None for nothing: then it is what the goal's attachments hold.
    """
    attached = {one.name: value_of(one.text) for one in goal.attachments}
    payload: dict[str, Any] = {}
    if given is None:
        payload = {name: value for one in attached.values() if is_fields(one) for name, value in one.items()}
    elif given.contract is not None and (contract := agent.contracts_by_name.get(given.contract)) is not None:
        payload = contract.read(given.payload or {}, given.version or 0)
    named = {name.partition(".")[0]: value for name, value in attached.items()}
    return {"goal": goal.statement, "given": payload, "attachments": named, "requester": requester}
