"""Secrets by reference: values that are known to be secret are kept out of whatever is written.

A reference is a name. Its value is looked up where it is used, inside the call; whatever Baton records or prints later
goes through `redact`. What is known belongs to the process, as its environment does, so the redactor is one for it.
"""

import contextlib
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Self

from baton.core.errors import InvalidValue, NotFound
from baton.core.redaction import Redactor

SECRETS = "BATON_SECRETS"
"""Environment variable with the names, separated by commas, of further secrets that nothing may show."""

FOLDER = "BATON_SECRETS_DIR"
"""Environment variable with the folder where secrets are files, each named like its secret."""

DEFAULT_FOLDER = "/run/secrets"
"""Where Docker mounts secrets."""

LEAST = 8
"""Characters of the shortest secret: a shorter one occurs in texts by chance, so it could not be kept out of them."""

MOST_BYTES = 65_536
"""Bytes of the longest secret in a file."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
_REFERENCE = re.compile(r"\{\{\s*secret:([^{}]*?)\s*\}\}")


class Secret(str):
    """A reference to a secret. As text, in JSON and as a repr it is `secret:NAME`, which may be shown to anybody.

    It is a text so that whatever writes it, by whatever way, writes only the name.

    Attributes:
        name: The environment variable or file that holds the value.
        prefix: What goes before the value, such as "Bearer ".
    """

    name: str
    prefix: str

    def __new__(cls, name: str, prefix: str = "") -> Self:
        """See `secret`."""
        if not _NAME.fullmatch(name):
            raise InvalidValue("name of a secret", name, "a letter or _, then letters, digits, _, . or -")
        made = super().__new__(cls, f"secret:{name}")
        made.name, made.prefix = name, prefix
        return made

    def __repr__(self) -> str:
        """The name."""
        return str(self)

    def __reduce__(self) -> tuple[type["Secret"], tuple[str, str]]:
        """What a copy is made of."""
        return Secret, (self.name, self.prefix)

    def reveal(self) -> str:
        """The value, with its prefix; only for the call that it goes into.

        Raises:
            NotFound: if neither the environment nor the folder of secrets has it.
            InvalidValue: if it is too short to be kept out of records, too long, or no text.
        """
        value = _look_up(self.name)
        if value is None:
            hint = f"Set the environment variable {self.name}, or put the file {self.name} into {_folder()}."
            raise NotFound("secret", self.name, hint=hint)
        problem = _problem(value)
        if problem is not None:
            raise InvalidValue(f"secret {self.name}", "***", problem)
        _REDACTOR.learn(self.name, value)
        return self.prefix + value


def secret(name: str, *, prefix: str = "") -> Secret:
    """Refer to a secret: an environment variable, else a file of that name as Docker and Kubernetes mount them.

    From here on its value is kept out of whatever Baton records and prints, whoever finds it.

    Args:
        name: The variable, or the file in the folder that BATON_SECRETS_DIR names (default: /run/secrets).
        prefix: What goes before the value where it is used, such as "Bearer ".

    Raises:
        InvalidValue: if it cannot be a name.
    """
    made = Secret(name, prefix)
    _REDACTOR.watch(name)
    return made


def fill_in(text: str, allowed: Collection[str]) -> str:
    """A text with its references, such as `{{secret:SHOP_TOKEN}}`, replaced by the values.

    Raises:
        InvalidValue: if it refers to a secret that is not one of those allowed.
        NotFound: if there is no value.
    """

    def value(found: re.Match[str]) -> str:
        if found[1] not in allowed:
            raise InvalidValue("secret", found[1], f"one of: {', '.join(sorted(allowed))}")
        return Secret(found[1]).reveal()

    return _REFERENCE.sub(value, text)


def redact(text: str) -> str:
    """The text with every known secret replaced by `[secret:NAME]`: as it is, in JSON, URL, HTML, hex and base64."""
    return _REDACTOR.redact(text)


def declared() -> Mapping[str, str | None]:
    """The secrets that were referred to in this process, with what is wrong with each: None where it can be used."""
    found: dict[str, str | None] = {}
    for name in _REDACTOR.declared:
        try:
            value = _look_up(name)
        except InvalidValue as error:
            found[name] = str(error)
            continue
        problem = "it is missing" if value is None else _problem(value)
        found[name] = problem if value is None or problem is None else f"it must be {problem}"
    return found


def _folder() -> Path:
    return Path(os.environ.get(FOLDER) or DEFAULT_FOLDER)


def _look_up(name: str) -> str | None:
    """The value, without the line break that ends a file; None if there is none.

    Raises:
        InvalidValue: if there is a file that cannot be read as a secret.
    """
    given = os.environ.get(name)
    if given:
        return given
    if not _NAME.fullmatch(name):
        return None
    path = _folder() / name
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
        text = raw.decode()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidValue(f"secret {name}", str(path), f"a readable text file ({why})") from error
    if len(raw) > MOST_BYTES:
        raise InvalidValue(f"secret {name}", str(path), f"a file of at most {MOST_BYTES} bytes")
    return text.rstrip("\r\n") or None


def _problem(value: str) -> str | None:
    """What a value would have to be, if it cannot be used; None if it can."""
    if len(value.strip()) < LEAST:
        return f"a value of {LEAST} characters or more, so that it can be kept out of records"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "text in UTF-8"
    return None


def _usable(name: str) -> str | None:
    """The value, if it can be kept out of texts: whoever uses another is told so, here it only cannot be known."""
    with contextlib.suppress(InvalidValue):
        value = _look_up(name)
        return value if value is not None and _problem(value) is None else None
    return None


def _always() -> tuple[str, ...]:
    listed = os.environ.get(SECRETS, "")
    return ("OPENAI_API_KEY", *(name.strip() for name in listed.split(",") if name.strip()))


_REDACTOR = Redactor(_usable, _always)
