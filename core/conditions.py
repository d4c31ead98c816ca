"""Conditions in the Common Expression Language, over JSON: what an operator writes and a program judges by."""

import functools
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from baton.core.errors import ConditionFailed, InvalidValue

MOST = 2000
"""Characters that a condition may have."""

_FUNCTIONS = frozenset(
    "size matches contains startsWith endsWith int uint double string bytes type dyn duration timestamp max min "
    "getFullYear getMonth getDayOfYear getDayOfMonth getDate getDayOfWeek getHours getMinutes getSeconds "
    "getMilliseconds".split()
)
_NAME = re.compile(r"[A-Za-z]\w*")
_BOUND = re.compile(r"\.(?:all|exists|exists_one|map|filter)\(\s*([A-Za-z_]\w*)\s*,")


@dataclass(frozen=True)
class Condition:
    """Something that holds or does not, such as `data.amount > 100 && data.country == 'DE'`.

    The language (CEL) has no loops of its own and touches nothing; numbers compare across whole and broken ones.

    Attributes:
        text: As it was written.
    """

    text: str

    @classmethod
    def parse(cls, text: str, names: Collection[str] | None = None) -> "Condition":
        """Read a condition.

        Args:
            text: The condition.
            names: What it may speak of, such as `data`; None is anything.

        Raises:
            InvalidValue: if it cannot be read, or speaks of a name or a function that there is not.
        """
        if len(text) > MOST:
            raise InvalidValue("condition", f"{text[:80]}…", f"{MOST} characters at most")
        try:
            program = _program(text)
        except ValueError as error:
            raise InvalidValue("condition", text, f"an expression of CEL ({_first_line(error)})") from error
        bound = set(_BOUND.findall(text))
        unknown = [name for name in program.variables() if names is not None and name not in {*names, *bound}]
        if unknown and names is not None:
            raise InvalidValue(f"condition {text!r} about", unknown[0], f"one of: {', '.join(names)}")
        for name in program.functions():
            if _NAME.fullmatch(name) and name not in _FUNCTIONS:
                allowed = f"one of: {', '.join(sorted(_FUNCTIONS))}"
                raise InvalidValue(f"function of condition {text!r}", name, allowed)
        return cls(text)

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it holds of values, JSON by name. Where a field that decides it is missing, it does not.

        Raises:
            ConditionFailed: if it cannot be told: text is compared with a number, say, or it is no yes or no.
        """
        try:
            found = _program(self.text).execute(dict(values))
        except LookupError:  # no such field, or no such place in a list
            return False
        except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
            raise ConditionFailed(self.text, _first_line(error)) from error
        if not isinstance(found, bool):
            raise ConditionFailed(self.text, f"it gives {found!r}, neither true nor false")
        return found


@functools.lru_cache(maxsize=1000)
def _program(text: str) -> Any:
    """The condition compiled; its library is loaded where the first one is read, as it brings a command line along."""
    import cel

    return cel.compile(text)


def _first_line(error: BaseException) -> str:
    """What is wrong, without the picture of where and the advice that follow it."""
    line = str(error).splitlines()[0] if str(error) else type(error).__name__
    said = line.partition("ERROR: ")[2] or line
    return re.sub(r", expecting \{.*|expecting \{.*", "", said).partition(". ")[0][:200].strip()
