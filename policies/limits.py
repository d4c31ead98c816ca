"""`@limit("…")`: how much a permit may let through, over runs and time.

    cents <= 50000 per agent in 1d; calls <= 20 per run; refunds: distinct recipient <= 5 per user in 1h

A limit counts `calls`, the sum of a number among the arguments, the `distinct` values of an argument (each element of a
list), or the `tokens` of the model calls; for a `run`, `agent`, `user` or `tenant`; in the last so many minutes or
days, or for ever. Rules that give a limit the same name before the colon share what is counted; otherwise it is the
rule's own.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from baton.core import SCOPES, UNIT, Charge, InvalidValue, Window, parse_duration
from baton.policies.schema import ToolType
from baton.policies.shapes import Number, Whole

_LIMIT = re.compile(
    r"(?:(?P<name>[\w.-]+)\s*:\s*)?(?P<distinct>distinct\s+)?(?P<measure>[A-Za-z_]\w*)\s*<=\s*"
    r"(?P<most>\d{1,14}(?:\.\d{1,4})?)\s+per\s+(?P<scope>\w+)(?:\s+in\s+(?P<window>.+))?"
)
_ALLOWED = (
    f"MEASURE <= NUMBER per {'|'.join(SCOPES)} in DURATION, with calls, tokens, an argument or `distinct` and an "
    'argument as the measure, such as "cents <= 50000 per agent in 1d"; several with ; between'
)
_CALLS, _TOKENS = "calls", "tokens"


@dataclass(frozen=True, kw_only=True)
class Limit:
    """One limit of a rule.

    Attributes:
        name: Whose counting it shares.
        measure: `calls`, `tokens`, or an argument.
        distinct: Whether different values are counted, and not the sum.
        most: In UNITs of one ten-thousandth.
        scope: One of SCOPES.
        seconds: The window; None is for ever.
        text: As it was written.
    """

    name: str
    measure: str
    distinct: bool
    most: int
    scope: str
    seconds: float | None
    text: str

    @property
    def argument(self) -> str | None:
        """The argument that is counted; None where calls or tokens are."""
        return None if self.measure in (_CALLS, _TOKENS) and not self.distinct else self.measure

    @property
    def of_tokens(self) -> bool:
        """Whether tokens are counted, which model calls use and no action."""
        return self.measure == _TOKENS and not self.distinct

    def account(self, scopes: Mapping[str, str]) -> str:
        """The account of whoever acts."""
        what = f"distinct {self.measure}" if self.distinct else self.measure
        return f"{self.name}/{what}/{self.scope}={scopes[self.scope]}"

    def window(self, scopes: Mapping[str, str]) -> Window:
        """What has to be known before it can be judged."""
        return Window(self.account(scopes), self.seconds)

    def charge(self, arguments: Mapping[str, Any], scopes: Mapping[str, str]) -> Charge:
        """What a call with these arguments takes of it.

        Raises:
            InvalidValue: if that cannot be counted: a number that is missing or below 0.
        """
        made = Charge(account=self.account(scopes), most=self.most, seconds=self.seconds, limit=self.text)
        value = arguments.get(self.measure)
        if self.distinct:
            return _with(made, values=tuple(sorted(set(map(_digest, _elements(value))))))
        return _with(made, amount=0 if self.of_tokens else UNIT if self.argument is None else _amount(self, value))


def read_limits(rule: str, text: str) -> tuple[Limit, ...]:
    """The limits of an annotation.

    Args:
        rule: The rule's id, whose own the limits are where they give no name.
        text: The annotation.

    Raises:
        InvalidValue: if one cannot be read.
    """
    return tuple(_read(rule, " ".join(part.split())) for part in text.split(";"))


def check_limits(limits: tuple[Limit, ...], tool: ToolType | None) -> None:
    """Hold limits against the tool that their rule speaks of; None is any tool.

    Raises:
        InvalidValue: if an argument is not there, or is no number.
    """
    for limit in limits:
        if limit.argument is None:
            continue
        if tool is None:
            raise InvalidValue("@limit", limit.text, "calls or tokens, as the rule speaks of every tool")
        shapes = tool.arguments.shapes
        fits = [name for name, shape in shapes.items() if limit.distinct or isinstance(shape, Whole | Number)]
        if limit.argument not in fits:
            raise InvalidValue(
                f"@limit of {limit.argument}", limit.text, f"one of: {', '.join((_CALLS, _TOKENS, *fits))}"
            )


def _read(rule: str, text: str) -> Limit:
    found = _LIMIT.fullmatch(text)
    if found is None or found["scope"] not in SCOPES:
        raise InvalidValue("@limit", text, _ALLOWED)
    window = found["window"]
    return Limit(
        name=found["name"] or rule,
        measure=found["measure"],
        distinct=found["distinct"] is not None,
        most=int(Decimal(found["most"]) * UNIT),
        scope=found["scope"],
        seconds=parse_duration(window).total_seconds() if window else None,
        text=text,
    )


def _amount(limit: Limit, value: Any) -> int:
    number = None if isinstance(value, bool) or not isinstance(value, int | float) else Decimal(repr(value))
    if number is None or not number.is_finite() or number < 0 or number * UNIT >= 2**62:
        raise InvalidValue(
            f"argument {limit.measure}", value, f"a number from 0, so that it can be counted: {limit.text}"
        )
    return int((number * UNIT).to_integral_value(rounding="ROUND_UP"))


def _elements(value: Any) -> list[Any]:
    if value is None:
        return []
    return [*cast(Sequence[Any], value)] if isinstance(value, list) else [value]


def _digest(value: Any) -> str:
    """The same for values that differ only in case or in white space around them."""
    text = value.strip().casefold() if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


def _with(charge: Charge, **changes: Any) -> Charge:
    return Charge(**{**vars(charge), **changes})
