"""YAML files that people write: read into a pydantic model, with errors that name file, line, field and the allowed."""

from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from baton.core.errors import InvalidFile

M = TypeVar("M", bound=BaseModel)

Place = tuple[int | str, ...]
"""Where a value stands: names and places from the top."""


def read_yaml(file: str | Path, model: type[M], text: str | None = None) -> tuple[M, yaml.Node | None]:
    """A file as a model says, and its tree, in which `line_of` finds lines.

    Args:
        file: Its path.
        model: What it holds.
        text: What stands in it; None reads it.

    Raises:
        InvalidFile: if it cannot be read, or says something that is not allowed.
    """
    path = str(file)
    try:
        text = Path(file).read_text(encoding="utf-8") if text is None else text
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFile(path, None, "file", str(error), "a readable text file in UTF-8") from error
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        said = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        raise InvalidFile(path, mark.line + 1 if mark else None, "YAML", problem, "valid YAML") from error
    try:
        return model.model_validate(said), tree
    except ValidationError as error:
        raise refused(file, error, tree, model) from error


def refused(
    file: str | Path, error: ValidationError, tree: yaml.Node | None, model: type[BaseModel], within: Place = ()
) -> InvalidFile:
    """The first thing that a model refuses, with its place in the file; `within` is where what it reads stands."""
    first = error.errors()[0]
    path = (*within, *first["loc"])
    field = ".".join(str(part) for part in path) or "file"
    secret = bool({"headers", "password", "secrets", "environment"} & set(path))  # the value may be one itself
    value = "***" if secret else _short(first["input"])
    return InvalidFile(str(file), line_of(tree, path), field, value, _allowed(first, model))


def line_of(node: yaml.Node | None, path: Place) -> int | None:
    """The line (from 1) of what a path leads to, or of the last thing on the way to it; None in an empty file."""
    if node is None:
        return None
    line: int = node.start_mark.line + 1
    for part in path:
        found: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == part:
                    line, found = key.start_mark.line + 1, value
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            item: yaml.Node = node.value[part]
            line, found = item.start_mark.line + 1, item
        if found is None:
            return line
        node = found
    return line


def _allowed(error: Any, model: type[BaseModel]) -> str:
    if error["type"] == "extra_forbidden":
        return f"one of: {', '.join(_model_at(model, error['loc'][:-1]).model_fields)}"
    if error["type"] == "model_type":
        return f"a mapping with: {', '.join(_model_at(model, error['loc']).model_fields)}"
    message: str = error["msg"].removeprefix("Value error, ")
    return message[0].lower() + message[1:]


def _model_at(model: type[BaseModel], path: Place) -> type[BaseModel]:
    """The model that the value at a path is read with."""
    for part in path:
        if isinstance(part, str) and part in model.model_fields:
            inner = _models(model.model_fields[part].annotation)
            model = inner[0] if inner else model
    return model


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models(part)]


def _short(value: object) -> object:
    text = repr(value)
    return value if len(text) <= 80 else text[:77] + "…"
