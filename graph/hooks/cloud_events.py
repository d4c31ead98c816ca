"""Events as CloudEvents 1.0 has them over HTTP: whole in the body (structured), or attributes in headers (binary).

A signature of Standard Webhooks is of the body alone. So attributes in headers may be anybody's: what a hook goes by
has to stand in the body.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast
from urllib.parse import unquote

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from baton.core import InvalidValue, storable

_STRUCTURED = "application/cloudevents+json"
_BATCH = "application/cloudevents-batch"
_HEADER = "ce-"
_JSON = re.compile(r"application/(?:[\w.+-]+\+)?json")
_EXTENSION = re.compile(r"[a-z0-9]{1,50}")

_Text = Annotated[str, Field(min_length=1, max_length=2000)]


@dataclass(frozen=True, kw_only=True)
class CloudEvent:
    """Something that has happened elsewhere.

    Attributes:
        id: What its source calls it.
        subject: What of the source it is about; empty where it does not say.
        time: When it happened, as it says; empty where it does not.
        data: What JSON holds; a text where it is none, and base64 where it is no text.
        whole: Whether the body holds all of it, and not the data alone.
    """

    id: str
    source: str
    type: str
    subject: str
    time: str
    data: Any
    whole: bool

    def find(self, path: str) -> Any:
        """What stands at a path, such as `subject` or `data.order.number`; None where nothing does.

        Raises:
            InvalidValue: if that is an attribute which nobody has signed.
        """
        first, *rest = path.split(".")
        if first != "data" and not self.whole:
            allowed = f"the event whole in the body ({_STRUCTURED}): headers are not signed, and this hook goes by that"
            raise InvalidValue(f"{first} of the event", "a header", allowed)
        found: Any = getattr(self, first, None)
        for name in rest:
            found = cast("dict[str, Any]", found).get(name) if isinstance(found, dict) else None
        return found

    @property
    def text(self) -> str:
        """As an agent reads it."""
        said = {"type": self.type, "source": self.source, "subject": self.subject, "time": self.time, "data": self.data}
        told = {name: value for name, value in said.items() if value not in ("", None)}
        return storable(json.dumps(told, ensure_ascii=False, indent=2))


class _Attributes(BaseModel):
    model_config = ConfigDict(extra="allow")

    specversion: Literal["1.0"]
    id: _Text
    source: _Text
    type: _Text
    subject: _Text | None = None
    time: AwareDatetime | None = None
    datacontenttype: _Text | None = None
    dataschema: _Text | None = None


def read_event(headers: Mapping[str, str], body: bytes) -> CloudEvent:
    """The event of a request; names of `headers` in lower case.

    Raises:
        InvalidValue: if it is none; says what is missing.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith(_BATCH):
        raise InvalidValue("content-type", kind, f"one event at a time: {_STRUCTURED}, or ce- headers")
    event = _structured(body) if kind == _STRUCTURED else _binary(headers, kind, body)
    try:
        json.dumps([event.id, event.source, event.type, event.subject, event.data], ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InvalidValue("the event", "half of a character", "whole characters: nobody could keep it") from error
    return event


def _structured(body: bytes) -> CloudEvent:
    said = _json(body)
    if not isinstance(said, dict):
        raise InvalidValue("the event", "no object", "a CloudEvent 1.0 as JSON")
    known = cast("dict[str, Any]", said)
    if "data" in known and "data_base64" in known:
        raise InvalidValue("data of the event", "twice", "data, or data_base64")
    data = known.get("data")
    if "data_base64" in known:
        try:
            data = _decoded(
                base64.b64decode(known["data_base64"], validate=True), str(known.get("datacontenttype", ""))
            )
        except (binascii.Error, ValueError, TypeError) as error:
            raise InvalidValue("data_base64 of the event", "***", "base64") from error
    return _made(
        {name: value for name, value in known.items() if name not in ("data", "data_base64")}, data, whole=True
    )


def _binary(headers: Mapping[str, str], kind: str, body: bytes) -> CloudEvent:
    said = {name.removeprefix(_HEADER): unquote(value) for name, value in headers.items() if name.startswith(_HEADER)}
    if "specversion" not in said:
        raise InvalidValue("content-type", kind, f"{_STRUCTURED}, or the event's attributes as ce- headers")
    return _made(said, _decoded(body, kind or "application/json") if body else None, whole=False)


def _made(said: Mapping[str, Any], data: Any, *, whole: bool) -> CloudEvent:
    wrong = [name for name in said if not _EXTENSION.fullmatch(name)]
    if wrong:
        raise InvalidValue("attribute of the event", wrong[0][:50], "lower-case letters and digits")
    try:
        known = _Attributes.model_validate(dict(said))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise InvalidValue(f"{field} of the event", said.get(field), first["msg"]) from error
    return CloudEvent(
        id=known.id,
        source=known.source,
        type=known.type,
        subject=known.subject or "",
        time=known.time.isoformat() if known.time else "",
        data=data,
        whole=whole,
    )


def _decoded(raw: bytes, kind: str) -> Any:
    if _JSON.fullmatch(kind.partition(";")[0].strip().lower()):
        return _json(raw)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return base64.b64encode(raw).decode()


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InvalidValue("the body", "***", f"JSON ({str(error)[:100]})") from error


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
