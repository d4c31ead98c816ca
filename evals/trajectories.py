"""Whether calls went as expected: in which order, with what missing, with what beside."""

from collections.abc import Sequence

from baton.evals.cases import Call, Trajectory

Made = tuple[str, dict[str, object]]
"""A call that was carried out: tool and arguments."""


def deviation(wanted: Trajectory, made: Sequence[Made]) -> str:
    """How calls deviate from a trajectory, in words; empty where they do not."""
    if wanted.mode == "strict":
        return _in_order(wanted.calls, made)
    missing, beside = _unmatched(wanted.calls, made)
    parts: list[str] = []
    if missing and wanted.mode != "subset":
        parts.append("missing: " + ", ".join(_told(call.tool, call.arguments) for call in missing))
    if beside and wanted.mode != "superset":
        parts.append("not expected: " + ", ".join(_told(*call) for call in beside))
    return "; ".join(parts)


def fits(call: Call, made: Made) -> bool:
    """Whether a call is the expected one: the same tool, and of its arguments those that are spoken of."""
    tool, arguments = made
    return tool == call.tool and all(
        name in arguments and arguments[name] == value for name, value in call.arguments.items()
    )


def _in_order(wanted: Sequence[Call], made: Sequence[Made]) -> str:
    for number, (call, one) in enumerate(zip(wanted, made, strict=False), 1):
        if not fits(call, one):
            return f"call {number}: expected {_told(call.tool, call.arguments)}, found {_told(*one)}"
    if len(wanted) > len(made):
        rest = wanted[len(made)]
        return f"call {len(made) + 1}: expected {_told(rest.tool, rest.arguments)}, found none"
    if len(made) > len(wanted):
        return f"call {len(wanted) + 1}: expected none, found {_told(*made[len(wanted)])}"
    return ""


def _unmatched(wanted: Sequence[Call], made: Sequence[Made]) -> tuple[list[Call], list[Made]]:
    """What is left when as many as possible are paired, each once (augmenting paths: a call may fit several)."""
    partner: dict[int, int] = {}  # of each call that was made, the expected one

    def pair(number: int, tried: set[int]) -> bool:
        for at, one in enumerate(made):
            if at in tried or not fits(wanted[number], one):
                continue
            tried.add(at)
            if at not in partner or pair(partner[at], tried):
                partner[at] = number
                return True
        return False

    missing = [call for number, call in enumerate(wanted) if not pair(number, set())]
    return missing, [one for at, one in enumerate(made) if at not in partner]


def _told(tool: str, arguments: dict[str, object]) -> str:
    inside = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    return f"{tool}({inside})"[:120]
