"""Variables of the environment, and what is said in their place for some work and not for the whole process."""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_INSTEAD: ContextVar[Mapping[str, str]] = ContextVar("baton_variables")


def variable(name: str, default: str | None = None) -> str | None:
    """A variable: what `surrounded` says in its place where this is called, else the environment's.

    Tools that find their world by a variable and read it here can work in several worlds at once, as in an evaluation.

    Args:
        name: Its name, such as `DESK_WORLD`.
        default: What it is where nobody has set it.
    """
    said = _INSTEAD.get({}).get(name)
    return os.environ.get(name, default) if said is None else said


@contextmanager
def surrounded(variables: Mapping[str, str]) -> Generator[None]:
    """Say what variables are, for what is called and begun in this context: tasks, and threads that they wait for."""
    token = _INSTEAD.set({**_INSTEAD.get({}), **variables})
    try:
        yield
    finally:
        _INSTEAD.reset(token)
