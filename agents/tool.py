"""Tools from plain typed functions: the JSON schema comes from the signature and the docstring."""

import functools
import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Generic, Literal, ParamSpec, TypeVar, get_type_hints, overload

import docstring_parser
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from baton.core import (
    Adaptive,
    Calendar,
    Confidentiality,
    Effect,
    InvalidValue,
    Marks,
    Rest,
    Retries,
    ToolSpec,
    Upcaster,
    parse_duration,
    read_at_once,
    secret,
)

P = ParamSpec("P")
R = TypeVar("R")

RESERVED = ("_confidence", "_reason")
"""Properties that Baton adds to each tool's schema for the model; no tool may have them."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_KEY, _TOKENS = "key", "tokens"


class Tool(Generic[P, R]):
    """A function that agents may call. Calling it calls the function."""

    def __init__(self, function: Callable[P, R], spec: ToolSpec) -> None:
        self.function = function
        self.spec = spec
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        """The tool's name and effect."""
        return f"Tool({self.spec.name!r}, effect={self.spec.effect.value!r})"


@overload
def tool(function: Callable[P, R], /) -> Tool[P, R]: ...
@overload
def tool(
    *,
    effect: Literal["read", "write"] = ...,
    name: str | None = ...,
    repeatable: bool = ...,
    reconcile: Callable[[str], Any] | None = ...,
    check: Callable[..., Any] | None = ...,
    preview: Callable[..., Any] | None = ...,
    undo: str | None = ...,
    timeout: float = ...,
    retries: Retries | int | None = ...,
    verified: bool = ...,
    secrets: Mapping[str, Collection[str]] = ...,
    destinations: Sequence[str] = ...,
    content: Sequence[str] = ...,
    egress: bool = ...,
    confidentiality: Literal["public", "internal", "confidential", "secret"] = ...,
    untrusted: Sequence[str] = ...,
    secret_fields: Sequence[str] = ...,
    named_by: Sequence[str] = ...,
    version: str = ...,
    upcasters: Mapping[str, Upcaster] = ...,
    valid_for: float | str | None = ...,
    rests_on: Sequence[Rest | str] = ...,
    needs: Sequence[str] = ...,
    at_once: int | Adaptive | Literal["auto"] | None = ...,
    window: Calendar | str | None = ...,
    recall: float | str | None = ...,
    prefetch: Sequence[Rest | str] = ...,
) -> Callable[[Callable[P, R]], Tool[P, R]]: ...


def tool(
    function: Callable[P, R] | None = None,
    /,
    *,
    effect: Literal["read", "write"] = "write",
    name: str | None = None,
    repeatable: bool = False,
    reconcile: Callable[[str], Any] | None = None,
    check: Callable[..., Any] | None = None,
    preview: Callable[..., Any] | None = None,
    undo: str | None = None,
    timeout: float = 60.0,
    retries: Retries | int | None = None,
    verified: bool = False,
    secrets: Mapping[str, Collection[str]] | None = None,
    destinations: Sequence[str] = (),
    content: Sequence[str] = (),
    egress: bool = False,
    confidentiality: Literal["public", "internal", "confidential", "secret"] = "internal",
    untrusted: Sequence[str] = (),
    secret_fields: Sequence[str] = (),
    named_by: Sequence[str] = (),
    version: str = "1",
    upcasters: Mapping[str, Upcaster] | None = None,
    valid_for: float | str | None = None,
    rests_on: Sequence[Rest | str] = (),
    needs: Sequence[str] = (),
    at_once: int | Adaptive | Literal["auto"] | None = None,
    window: Calendar | str | None = None,
    recall: float | str | None = None,
    prefetch: Sequence[Rest | str] = (),
) -> Tool[P, R] | Callable[[Callable[P, R]], Tool[P, R]]:
    """Make a typed function, sync or async, a tool.

    A keyword-only parameter `key: str` is given the idempotency key and is not shown to the model; so is one named
    `tokens`, which is given the fencing tokens of the resources that the tool needs, by their names.

    Args:
        function: The function, where the decorator is used without brackets.
        effect: `read` may be repeated freely; `write` is carried out at most once.
        name: What the model calls it; None is the function's name.
        repeatable: A write that is safe to repeat with the same key.
        reconcile: Asks the world, after a crash, whether the effect with this key happened: its result, else None.
        check: Says before a call, changing nothing, whether it would do what it is to: takes the same arguments, gives
            true or false. It counts for the score of calls that a promise speaks of.
        preview: Says before a call, changing nothing, what it would change: takes the same arguments, gives a dict of
            pairs, by name how it is and how it would be. People who are asked about the call see it.
        undo: Name of the tool that undoes this one.
        timeout: Seconds until one try is given up.
        retries: How a call that fails for now is tried again: a number of tries, or all of it. None tries three times
            what surely may be repeated.
        verified: Its results are the operator's own records and trusted as such.
        secrets: By parameter, the names of secrets that the model may refer to in it, as `{{secret:NAME}}`; the value
            is filled in for the call alone, the record keeps the reference.
        destinations: Parameters that say where something goes: a recipient, an account, a URL, a path.
        content: Parameters that say what goes there.
        egress: A read that sends something out too, as fetching a URL does.
        confidentiality: Of its results.
        untrusted: Fields of a verified result that hold words of strangers, such as `lines.note`: names from the
            result down, without list positions; what lies beneath is meant too.
        secret_fields: Fields of the result that are secret.
        named_by: Fields by which people call a record, such as a file's name.
        version: Changes when the meaning of a call does.
        upcasters: By an older version, what makes its arguments those of the next; oldest first, the last leads to
            `version`. What is open of an older version is then asked anew in today's form.
        valid_for: How long what a read says may be relied on: seconds, or a text such as `1h`. An action whose
            arguments come from an older result has it read again before it is carried out. None says nothing.
        rests_on: What a write rests on: tools of the same agent that read it, by name or as `Rest`. They are called
            again before it is carried out, and what has changed since is asked about, or told to the agent.
        needs: Names of resources of the project that are held while it is carried out, all of them at once.
        at_once: How many calls of it may be under way at once, over all workers; `auto` follows how it goes.
        window: When it may take effect: a calendar, or the name of one of the project's windows. What may go ahead
            outside waits until it opens.
        recall: How long what may go ahead waits before it does, so that it can be recalled: seconds, or such as `10m`.
        prefetch: What the agent is likely to read after it: tools of the same agent that read, by name or as `Rest`,
            whose results the action does not change. An agent that `speculates` has them read while people are asked.

    Raises:
        InvalidValue: if the name, the signature or a setting is not usable; says which.
    """

    def wrap(function: Callable[P, R]) -> Tool[P, R]:
        called = name or function.__name__
        takes = dict(secrets or {})
        arguments = _arguments(called, function, takes)
        settings: dict[str, Any] = {
            "effect": _effect(called, effect),
            "repeatable": repeatable,
            "reconcile": reconcile,
            "check": check,
            "preview": preview,
            "undo": undo,
            "timeout": _timeout(called, timeout),
            "retries": Retries(attempts=retries) if isinstance(retries, int) else retries,
            "verified": verified,
            "secrets": takes,
            "destinations": _names("destinations", called, destinations),
            "content": _names("content", called, content),
            "egress": egress,
            "confidentiality": _confidentiality(called, confidentiality),
            "marks": Marks(
                untrusted=_names("untrusted", called, untrusted),
                secret=_names("secret_fields", called, secret_fields),
                named_by=_names("named_by", called, named_by),
            ),
            "version": version,
            "upcasters": _upcasters(called, version, upcasters or {}),
            "valid_for": parse_duration(valid_for).total_seconds() if isinstance(valid_for, str) else valid_for,
            "needs": _names("needs", called, needs),
            "wants_tokens": _is_given(function, _TOKENS),
            "at_once": read_at_once(f"at_once of tool {called}", at_once),
            "window": window,
            "recall": parse_duration(recall).total_seconds() if isinstance(recall, str) else recall,
            "rests_on": tuple(Rest(one) if isinstance(one, str) else one for one in rests_on),
            "prefetch": tuple(Rest(one) if isinstance(one, str) else one for one in prefetch),
        }
        spec = ToolSpec(
            name=called,
            description=_description(function),
            parameters=_schema(arguments),
            run=function,
            validate=functools.partial(_validate, arguments),
            wants_key=_KEY in inspect.signature(function).parameters,
            **settings,
        )
        return Tool(function, spec)

    return wrap(function) if function is not None else wrap


def as_spec(thing: "ToolSpec | Tool[..., Any] | Callable[..., Any]") -> ToolSpec:
    """The spec of a tool; a plain function counts as a write, which is the careful reading."""
    if isinstance(thing, ToolSpec):
        return thing
    return thing.spec if isinstance(thing, Tool) else tool(thing).spec


def upcast(spec: ToolSpec, version: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments of an older version of a tool as its own takes them.

    Raises:
        ValueError: if an upcaster fails, or the tool does not take what they give.
    """
    chain = list(spec.upcasters)
    for step in chain[chain.index(version) :]:
        try:
            arguments = spec.upcasters[step](dict(arguments))
        except Exception as error:
            raise ValueError(f"the upcaster of version {step} raised {type(error).__name__}: {error}") from error
    spec.validate(arguments)
    return arguments


def _upcasters(name: str, version: str, upcasters: Mapping[str, Upcaster]) -> Mapping[str, Upcaster]:
    if version in upcasters:
        raise InvalidValue(f"upcasters of tool {name}", version, "older versions than the tool's own")
    return dict(upcasters)


def _arguments(name: str, function: Callable[..., Any], secrets: Mapping[str, Collection[str]]) -> type[BaseModel]:
    if not _NAME.fullmatch(name):
        raise InvalidValue("tool name", name, "a letter, then letters, digits, _ or -, 64 at most")
    hints = get_type_hints(function, include_extras=True)
    told = {p.arg_name: p.description or "" for p in docstring_parser.parse(inspect.getdoc(function) or "").params}
    fields: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in (_KEY, _TOKENS) and parameter.kind is parameter.KEYWORD_ONLY:
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
            raise InvalidValue(f"parameter of tool {name}", str(parameter), "parameters that can be given by name")
        if parameter.name in RESERVED or parameter.name not in hints:
            allowed = f"a name with a type annotation, other than {' and '.join(RESERVED)}"
            raise InvalidValue(f"parameter of tool {name}", parameter.name, allowed)
        default = ... if parameter.default is parameter.empty else parameter.default
        description = " ".join([*told.get(parameter.name, "").split(), *_references(secrets.get(parameter.name, ()))])
        fields[parameter.name] = (hints[parameter.name], Field(default, description=description or None))
    for taker in secrets:
        if taker not in fields or fields[taker][0] is not str:
            raise InvalidValue(f"secrets of tool {name}", taker, "parameters of type str")
    return create_model(f"{name}_arguments", __config__=ConfigDict(extra="forbid"), **fields)


def _is_given(function: Callable[..., Any], name: str) -> bool:
    """Whether a function takes something that Baton gives it, and no model."""
    parameter = inspect.signature(function).parameters.get(name)
    return parameter is not None and parameter.kind is parameter.KEYWORD_ONLY


def _references(names: Collection[str]) -> list[str]:
    """What the model is told of the secrets that a parameter takes; from here on they are kept out of records."""
    return [f"May hold {{{{{secret(name)}}}}}, filled in when it is called." for name in names]


def _schema(arguments: type[BaseModel]) -> dict[str, Any]:
    schema = arguments.model_json_schema()
    schema.pop("title", None)
    for part in (schema, *schema.get("$defs", {}).values()):
        for field in part.get("properties", {}).values():
            field.pop("title", None)
    schema.setdefault("properties", {})
    return schema


def _validate(arguments: type[BaseModel], raw: dict[str, Any]) -> dict[str, Any]:
    try:
        valid = arguments.model_validate(raw)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors()]
        raise ValueError("; ".join(problems)) from error
    return {name: getattr(valid, name) for name in type(valid).model_fields}


def _description(function: Callable[..., Any]) -> str:
    parsed = docstring_parser.parse(inspect.getdoc(function) or "")
    return "\n\n".join(part for part in (parsed.short_description, parsed.long_description) if part)


def _effect(name: str, effect: str) -> Effect:
    if effect not in set(Effect):
        raise InvalidValue(f"effect of tool {name}", effect, "'read' or 'write'")
    return Effect(effect)


def _names(what: str, tool: str, names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(names, str):  # its letters would be taken for names
        raise InvalidValue(f"{what} of tool {tool}", names, f'a list of names, such as ["{names}"]')
    return tuple(names)


def _confidentiality(name: str, given: str) -> Confidentiality:
    try:
        return Confidentiality[given.upper()]
    except KeyError:
        allowed = ", ".join(level.name.lower() for level in Confidentiality)
        raise InvalidValue(f"confidentiality of tool {name}", given, allowed) from None


def _timeout(name: str, timeout: float) -> float:
    if not timeout > 0:  # not a number is no time-out either
        raise InvalidValue(f"timeout of tool {name}", timeout, "seconds above 0")
    return timeout
