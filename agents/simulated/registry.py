"""Minds by name, as agents files and the command line give them."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, cast

from baton.agents.simulated.desk import DeskMind
from baton.agents.simulated.minds import Mind
from baton.agents.simulated.simple import SimpleMind
from baton.core import InvalidValue, NotFound

MINDS: Mapping[str, Callable[[], Mind]] = {"simple": SimpleMind, "desk": DeskMind}


def find_mind(name: str) -> Mind:
    """The mind with a name, or the one that `module:attribute` names (a mind, or a function or class that makes one).

    Raises:
        NotFound: if no mind has that name.
        InvalidValue: if the module cannot be imported or has no such mind.
    """
    if ":" not in name:
        if name not in MINDS:
            raise NotFound("simulated mind", name, MINDS, "A mind of your own is given as module:attribute")
        return MINDS[name]()
    module, _, attribute = name.partition(":")
    try:
        found: Any = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise InvalidValue("simulated mind", name, "module:attribute of something to import", str(error)) from error
    mind: Any = found() if isinstance(found, type) or not hasattr(found, "answer") else found
    if not callable(getattr(mind, "answer", None)):
        raise InvalidValue("simulated mind", name, "something with a method answer(conversation)")
    return cast(Mind, mind)
