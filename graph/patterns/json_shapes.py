"""What a value that JSON can hold is, told to type checkers too."""

from typing import Any, TypeGuard


def is_fields(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether it has fields."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Whether it is a list."""
    return isinstance(value, list)
