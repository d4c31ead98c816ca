"""Contracts: what work that is handed on says, and what its answer says, in versions that both sides know."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError

from baton.core.errors import InvalidValue, Unsupported

_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")

Caster = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes a payload of one version one of the next, or of the one before."""


@dataclass(frozen=True, kw_only=True)
class Contract:
    """A kind of work that may be handed on.

    Attributes:
        name: Small letters, digits and `-`, such as `refund-request`.
        version: Of `payload`; each change of it takes the next number.
        payload: What is said with the work.
        answer: What it is answered with; None is a summary in words alone.
        upcasts: From an older version, what makes a payload of it one of the next.
        downcasts: From a version, what makes a payload of it one of the version before.
    """

    name: str
    version: int
    payload: type[BaseModel]
    answer: type[BaseModel] | None = None
    upcasts: Mapping[int, Caster] = field(default_factory=dict[int, Caster])
    downcasts: Mapping[int, Caster] = field(default_factory=dict[int, Caster])

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            InvalidValue: for a bad name or version, or a cast of a version that comes to nothing.
        """
        if not _NAME.fullmatch(self.name):
            raise InvalidValue("name of a contract", self.name, "a small letter, then small letters, digits or -")
        if self.version < 1:
            raise InvalidValue(f"version of contract {self.name}", self.version, "1 or more")
        for version in self.upcasts:
            if not 1 <= version < self.version:
                raise InvalidValue(f"upcast of contract {self.name}", version, f"a version below {self.version}")
        for version in self.downcasts:
            if not 1 < version <= self.version:
                raise InvalidValue(f"downcast of contract {self.name}", version, f"a version from 2 to {self.version}")

    @property
    def reads(self) -> range:
        """The versions whose payloads are understood: those with an unbroken way up to this one."""
        oldest = self.version
        while oldest - 1 in self.upcasts:
            oldest -= 1
        return range(oldest, self.version + 1)

    @property
    def writes(self) -> range:
        """The versions that a payload of this one can be made: those with an unbroken way down."""
        oldest = self.version
        while oldest in self.downcasts:
            oldest -= 1
        return range(oldest, self.version + 1)

    @property
    def supported(self) -> str:
        """The versions that are understood, in words."""
        first, last = self.reads[0], self.reads[-1]
        return f"{self.name} {last}" if first == last else f"{self.name} {first} to {last}"

    def read(self, payload: Mapping[str, Any], version: int) -> dict[str, Any]:
        """A payload of some version as this one says it.

        Raises:
            Unsupported: if that version is not understood; says which are.
            InvalidValue: if it is malformed, before or after it was cast.
        """
        if version not in self.reads:
            raise Unsupported(f"contract {self.name} of version {version}", self.supported)
        said = dict(payload)
        for older in range(version, self.version):
            said = self._cast(self.upcasts[older], said, f"{self.name} {older}")
        return _valid(self.payload, said, f"payload of {self.name} {version}")

    def write(self, payload: Mapping[str, Any], version: int) -> dict[str, Any]:
        """A payload of this version as an older one says it.

        Raises:
            Unsupported: if it cannot be made one of that version; says of which it can.
            InvalidValue: if it is malformed.
        """
        said = _valid(self.payload, payload, f"payload of {self.name} {self.version}")
        if version not in self.writes:
            allowed = f"{self.name} {self.writes[0]} to {self.writes[-1]}"
            raise Unsupported(f"contract {self.name} written as version {version}", allowed)
        for newer in range(self.version, version, -1):
            said = self._cast(self.downcasts[newer], said, f"{self.name} {newer}")
        return said

    def document(self) -> dict[str, Any]:
        """The contract as it is compared with what it was: its schemas, and the versions that are understood."""
        return {
            "name": self.name,
            "version": self.version,
            "reads": [self.reads[0], self.reads[-1]],
            "payload": self.payload.model_json_schema(),
            "answer": self.answer.model_json_schema() if self.answer is not None else None,
        }

    def _cast(self, caster: Caster, said: dict[str, Any], what: str) -> dict[str, Any]:
        try:
            return caster(dict(said))
        except Exception as error:  # it is the user's code, and says what it likes
            raise InvalidValue(f"payload of {what}", said, f"what its cast can take ({error!r})") from error


def agreed(giver: Contract | None, taker: Contract) -> int:
    """The newest version that both sides understand; the taker's own where the giver knows nothing of it.

    Raises:
        Unsupported: if there is none.
    """
    if giver is None:
        return taker.version
    both = set(giver.writes) & set(taker.reads)
    if not both:
        mine = f"{giver.writes[0]} to {giver.writes[-1]}"
        raise Unsupported(f"contract {taker.name} of versions {mine}", taker.supported)
    return max(both)


def _valid(model: type[BaseModel], said: Mapping[str, Any], what: str) -> dict[str, Any]:
    try:
        return model.model_validate(dict(said)).model_dump(mode="json")
    except ValidationError as error:
        found = (f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in error.errors()[:10])
        raise InvalidValue(what, dict(said), "; ".join(found)) from error


def broken(released: Sequence[Mapping[str, Any]], now: Sequence[Contract]) -> list[str]:
    """What work that was handed on under released contracts would no longer be understood, and what to do.

    Args:
        released: The contracts' documents, as they were released.
        now: The contracts as they are.
    """
    known = {contract.name: contract for contract in now}
    found = [_broken(said, known.get(str(said["name"]))) for said in released]
    return [one for several in found for one in several]


def _broken(said: Mapping[str, Any], contract: Contract | None) -> list[str]:
    name, version = said["name"], int(said["version"])
    if contract is None:
        return [f"{name}: no agent has it any more; keep it until nothing is open under it"]
    if contract.version < version:
        return [f"{name}: version {contract.version} is older than the released {version}"]
    found: list[str] = []
    if version not in contract.reads:
        found.append(f"{name}: payloads of version {version} are not understood; give upcasts from {version} on")
    for part in ("payload", "answer"):
        if contract.version == version and contract.document()[part] != said[part]:
            found.append(f"{name}: its {part} has changed, and its version has not; make it {version + 1}")
    return found
