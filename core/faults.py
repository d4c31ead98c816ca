"""Classes of failure: what is to be done about something that went wrong."""

from enum import StrEnum


class Fault(StrEnum):
    """Why a run is in trouble; an error carries its class as `fault`."""

    TRANSIENT = "transient"  # it may pass: tried again, and only then asked about
    LASTING = "lasting"  # trying again changes nothing: people are asked at once
    POISONED = "poisoned"  # its workers died one after the other: not touched until a person lets it go on
    EXHAUSTED = "exhausted"  # a budget is used up: a person may grant more
    CODE = "code"  # the code at hand cannot go on with what the record holds


def fault_of(error: BaseException) -> Fault:
    """The class of a failure: what the error itself says, else transient for broken connections, else lasting."""
    said = getattr(error, "fault", None)
    if isinstance(said, Fault):
        return said
    return Fault.TRANSIENT if isinstance(error, ConnectionError | TimeoutError) else Fault.LASTING
