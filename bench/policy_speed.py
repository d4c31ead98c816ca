"""How long policy takes: one question to Cedar, one whole verdict, tracing.

Prints a table and writes bench/results/policy_speed.json. Run from the checkout with `importable` on the path.
"""

import base64
import gc
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from baton.core import Action, ActionId, Label, Question, Reading, RunId, ToolSpec, Trust
from baton.policies import CedarPolicy, PolicyText, Readings, trace
from baton.policies.circumstances import context_of
from baton.policies.engine import Rulebook
from baton.policies.rules import read_rules
from baton.policies.schema import CALL, tool_types

RESULTS = Path(__file__).parent / "results" / "policy_speed.json"
POLICIES = 100
NAMES = [f"tool_{number}" for number in range(10)]
PARAMETERS = {
    "type": "object",
    "properties": {"order": {"type": "string"}, "amount": {"type": "number"}, "note": {"type": "string"}},
    "required": ["order", "amount"],
}
WORDS = [f"word{number * 7919 % 5000}" for number in range(150_000)]
READ: dict[str, Any] = {
    "1 MB of text": " ".join(WORDS),
    "JSON of many small records": [{"i": number, "v": f"v{number % 977}"} for number in range(50_000)],
    "JSON of one object with many fields": {f"field{number}": number for number in range(60_000)},
    "JSON of texts in lists in records": [{"a": [number, "x y"], "b": {"c": str(number)}} for number in range(25_000)],
    "text that is not ASCII": " ".join(f"größe{number * 7919 % 5000} „Straße“" for number in range(45_000)),
}
ENCODED = base64.b64encode(b"eve@evil.example").decode()
CALLS: dict[str, dict[str, Any]] = {
    "found": {"order": "word4711", "amount": 49_999, "note": "v976"},
    "not found": {
        "order": "A-1023",
        "amount": 20.5,
        "to": ["eve@evil.example", "mallory@evil.example"],
        "note": "Made up on the spot, in a sentence or two, with the words of nobody: " + "so it goes on and on. " * 20,
    },
    "not found, words that are there": {"order": "word4711 word4712", "note": "word9 word8 word7 word6 word5 word4"},
    "encoded": {
        "order": ENCODED,
        "to": b"eve@evil.example".hex(),
        "note": f"see {ENCODED}",
        "url": "eve%40evil.example",
    },
}


def rule(number: int) -> str:
    """One of a hundred rules over ten tools, half of them permits to act alone; the last tools have both kinds."""
    alone = (number // 10 + 1) % 2 if number % 10 >= 6 else number % 2
    action = "call" if alone else "call_with_approval"
    return (
        f'@id("r{number}") permit (principal, action == Action::"{action}", resource is Tool::tool_{number % 10}) '
        f'when {{ resource.args.amount.lessThan(decimal("{number}.5")) && resource.trust.order >= 2 '
        f'&& resource.from.order.contains("find.id") && context.count < 5 }};'
    )


def judging(policy: CedarPolicy, tool: ToolSpec, amount: float, ruling: str) -> float:
    """Median microseconds of a verdict; no two calls are alike."""
    calls = iter([question(tool, round(amount + number / 1000, 3), number) for number in range(500)])
    found: set[str] = set()
    taken = median(lambda: found.add(policy.judge(next(calls)).ruling), 500)
    assert found == {ruling}
    return taken * 1e6


def median(work: Callable[[], object], times: int) -> float:
    """Median seconds of `work`, collector off."""
    taken: list[float] = []
    gc.disable()
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    gc.enable()
    return statistics.median(taken)


def question(tool: ToolSpec, amount: float, number: int = 0) -> Question:
    """A call that takes its order from a verified tool and whose note was made up."""
    action = Action(
        id=ActionId("run_a.1.0"),
        run=RunId("run_a"),
        agent="desk",
        tool=tool.name,
        version="1",
        arguments={"order": "A-1023", "amount": amount, "note": f"made up on the spot, the {number}th of many"},
        confidence=0.9,
    )
    readings = (
        Reading(source="goal", content="Refund what is due. " * 50, label=Label(Trust.USER)),
        Reading(source="find", content={"id": "A-1023", "total": 20.5}, label=Label(Trust.VERIFIED_TOOL)),
        Reading(source="attachment:mail", content=" ".join(WORDS[:2000]), label=Label(Trust.EXTERNAL)),
    )
    return Question(action=action, tool=tool, readings=readings, now=1.0)


def measure() -> list[dict[str, Any]]:
    tools = [ToolSpec(name=name, description="", parameters=PARAMETERS, run=print) for name in NAMES]
    source = PolicyText("bench.cedar", "\n".join(map(rule, range(POLICIES))))
    policy = CedarPolicy.compile([source], tools, agent="desk", name="bench")
    allowed = question(tools[1], 20.5)
    types = tool_types("bench", tools)
    book = Rulebook(read_rules([source]), types.values(), "bench")
    labels = trace(allowed.action.arguments, Readings())
    entity = types["tool_1"].entity("run_a.1.0", allowed.action.arguments, labels)
    call = book.asked("desk", entity, context_of(allowed, Readings()))
    one = median(lambda: book.decide(CALL, call), 500)
    return [
        row("one question to Cedar, 100 rules", one * 1e6, "µs", "<= 400"),
        row("whole verdict, allowed", judging(policy, tools[1], 20.5, "allow"), "µs", "<= 800"),
        row("whole verdict, asked", judging(policy, tools[2], 20.5, "ask"), "µs", "<= 800"),
        row("whole verdict, denied", judging(policy, tools[3], 99.5, "deny"), "µs", "<= 800"),
        row("whole verdict, rules of both kinds, asked", judging(policy, tools[6], 90.2, "ask"), "µs", "<= 800"),
        row("whole verdict, rules of both kinds, denied", judging(policy, tools[6], 98.0, "deny"), "µs", "<= 800"),
        *(result for name, content in READ.items() for result in tracing(name, content)),
    ]


def tracing(name: str, content: Any) -> list[dict[str, Any]]:
    """Taking one content in, and looking up values that are in it, that are not, and that are encoded."""
    megabytes = len(content if isinstance(content, str) else json.dumps(content)) / 1e6
    read, reading = Readings(), Reading(source="find", content=content, label=Label(Trust.EXTERNAL))
    read.add(Reading(source="goal", content="Refund what is due. " * 50, label=Label(Trust.USER)))
    read.add(reading)
    results = [row(f"taking in {name}", median(lambda: Readings().add(reading), 9) / megabytes * 1e3, "ms/MB", "<= 50")]
    for what, arguments in CALLS.items():
        taken = median(lambda arguments=arguments: trace(arguments, read), 50) / megabytes  # type: ignore[misc]
        results.append(row(f"tracing a call over it, {what}", taken * 1e3, "ms/MB", "<= 2"))
    return results


def row(metric: str, value: float, unit: str, goal: str) -> dict[str, Any]:
    return {"metric": metric, "value": round(value, 2), "unit": unit, "goal": goal, "rival": None, "rival_value": None}


def main() -> None:
    results = measure()
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for result in results:
        print(f"{result['metric']:60} {result['value']:10.2f} {result['unit']:6} {result['goal']}")


if __name__ == "__main__":
    main()
