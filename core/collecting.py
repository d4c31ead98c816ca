"""Python's garbage collector, asked to look less often while there is much to do."""

import gc
from collections.abc import Generator
from contextlib import contextmanager

_OBJECTS = 50_000


@contextmanager
def seldom_collected() -> Generator[None]:
    """Look for garbage seldom: a busy process spends up to a third of its time on it otherwise.

    What is loaded stays, and is not looked through again; nor does what runs in flight hold much garbage.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
