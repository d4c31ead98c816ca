"""Every error that Baton raises on purpose.

BatonError
├── InvalidValue            a value from outside is not allowed
│   └── InvalidFile         the same, in a file: names file, line and field
├── ConditionFailed         a condition cannot be told of what it is held against
├── NotFound                nothing has that id or name
├── Unsupported             a version is not understood here; says which are
├── Ambiguous               an abbreviated id fits several things
├── Conflict                somebody else was first; says who, what and when
├── Forbidden               this person or agent may not do this
├── SignInNeeded            nobody knows who asks
├── BadSignature            a webhook is not signed as it has to be
├── TooManyTries            wrong passwords were given too often
├── TooManyRequests         an account asks more often than it may
├── MailboxFull             a run has more unread messages than it may have
├── Busy                    a run is at work, and its agent takes no message meanwhile
├── BadLink                 a link to a review opens nothing
│   ├── LinkForged          it was not made here, or was changed
│   ├── LinkExpired         its time is over
│   ├── LinkUsed            it was used already
│   └── LinkClosed          the review is decided; says by whom and when
├── Forgotten               what was to be forgotten is not learnt again
├── OverLimit               a limit of the policy has no room for an action, which was not begun
├── PolicyError             a policy cannot be read or evaluated: everything it judges is denied
├── LedgerError             the database of record cannot be used
│   ├── LedgerLocked        another process holds it for too long
│   ├── LedgerUnreachable   its server does not answer, or has ended the connection
│   ├── LedgerReadOnly      it cannot be written
│   ├── LedgerFull          no space is left
│   └── LedgerVersion       it was written by a newer Baton, or is not Baton's
├── CheckpointUnreadable    a stored state cannot be read back exactly
├── ModelError              the model endpoint gave no usable answer
│   ├── ModelUnavailable    for now: worth another try later
│   └── ModelRefused        for good: key, model name or request is wrong
├── ToolError               a tool failed; told to the model
│   └── ToolTimeout         it did not answer: nobody knows what happened
├── ToolUnavailable         a tool is not called for now; its run waits and loses nothing
├── TryAgain                raised by a tool: it did not happen, and may later
└── RunFailed               a run ended without reaching its goal

Superseded, MailArrived, HandedBack and Queued are no failures: they steer the loop (graph/) and never reach a user.
"""

from collections.abc import Iterable
from typing import ClassVar

from baton.core.faults import Fault


class BatonError(Exception):
    """Base of every error of Baton's own.

    Attributes:
        fault: The class of failure, which says what becomes of a run that fails with it.
    """

    fault: ClassVar[Fault] = Fault.LASTING


class InvalidValue(BatonError, ValueError):
    """A value from outside is not allowed."""

    def __init__(self, what: str, value: object, allowed: str, hint: str = "") -> None:
        """Name `what` it is, the bad `value`, what is `allowed`, and what to do."""
        self.what, self.value, self.allowed = what, value, allowed
        super().__init__(f"{what} {value!r} is not allowed: give {allowed}{_then(hint)}")


class InvalidFile(InvalidValue):
    """A file says something that is not allowed."""

    def __init__(self, path: str, line: int | None, field: str, value: object, allowed: str) -> None:
        """`line` counts from 1; None where the file has no lines to speak of."""
        self.path, self.line, self.field = path, line, field
        self.said = f"{field} {value!r} is not allowed: give {allowed}"
        where = f"{path}:{line}" if line else path
        super().__init__(f"{where}: {field}", value, allowed)


class ConditionFailed(BatonError):
    """A condition cannot be told of what it is held against."""

    def __init__(self, condition: str, problem: str) -> None:
        self.condition, self.problem = condition, problem
        super().__init__(f"condition {condition!r} cannot be told: {problem}")


class NotFound(BatonError):
    """Nothing has that id or name."""

    def __init__(self, kind: str, name: str, known: Iterable[str] = (), hint: str = "") -> None:
        self.kind, self.name = kind, name
        names = ", ".join(known)
        super().__init__(f"there is no {kind} {name!r}" + (f"; there is: {names}" if names else "") + _then(hint))


class Ambiguous(BatonError):
    """An abbreviated id fits several things."""

    def __init__(self, kind: str, prefix: str, fits: Iterable[str]) -> None:
        super().__init__(f"{kind} {prefix!r} fits several: {', '.join(fits)}; give more of the id")


class Unsupported(BatonError):
    """A version is not understood here."""

    def __init__(self, what: str, supported: str) -> None:
        super().__init__(f"{what} is not understood; supported is {supported}")


class Conflict(BatonError):
    """Somebody else was first."""

    fault = Fault.TRANSIENT

    def __init__(self, what: str, happened: str, hint: str = "") -> None:
        """`happened` says who did what and when."""
        self.what, self.happened = what, happened
        super().__init__(f"{what}: {happened}{_then(hint)}")


class Forbidden(BatonError):
    """This person or agent may not do this."""

    def __init__(self, who: str, what: str, why: str) -> None:
        super().__init__(f"{who} may not {what}: {why}")


class SignInNeeded(BatonError):
    """Nobody knows who asks: what they show is missing, forged, expired or revoked."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}. Sign in, or send `Authorization: Bearer KEY`.")


class TooManyTries(BatonError):
    """Wrong passwords were given too often."""

    fault = Fault.TRANSIENT

    def __init__(self, after: float) -> None:
        """`after` is in seconds."""
        self.after = after
        super().__init__(f"wrong passwords were given too often: try again in {after:.0f} s")


class TooManyRequests(BatonError):
    """An account asks more often than it may."""

    fault = Fault.TRANSIENT

    def __init__(self, who: str, a_second: float, after: float) -> None:
        """`after` is in seconds."""
        self.after = max(1.0, after)
        super().__init__(f"{who} asks more than {a_second:g} times a second: ask again in {self.after:.0f} s")


class MailboxFull(BatonError):
    """A run has more unread messages than it may have."""

    fault = Fault.TRANSIENT
    after = 60.0

    def __init__(self, run: str, most: int) -> None:
        super().__init__(f"{run} has {most} messages that it has not read yet: say it again in {self.after:.0f} s")


class Busy(BatonError):
    """A run is at work, and its agent takes no message meanwhile."""

    fault = Fault.TRANSIENT
    after = 5.0

    def __init__(self, run: str, agent: str) -> None:
        super().__init__(
            f"{run} is at work, and {agent} takes no message meanwhile: say it again in {self.after:.0f} s"
        )


class BadLink(BatonError):
    """A link to a review opens nothing."""


class BadSignature(BatonError):
    """A webhook is not signed as it has to be."""

    def __init__(self, why: str) -> None:
        super().__init__(f"this webhook is not taken: {why}")


class LinkForged(BadLink):
    """The link was not made here, or was changed on the way."""

    def __init__(self) -> None:
        super().__init__("this link was not made here, or is not whole. Copy all of it, or ask for a new one.")


class LinkExpired(BadLink):
    """The link's time is over."""

    def __init__(self, review: str, when: str) -> None:
        super().__init__(f"this link to {review} has expired at {when}. `baton review show {review}` shows it.")


class LinkUsed(BadLink):
    """The link was used already; it opens its review once."""

    def __init__(self, review: str, when: str) -> None:
        super().__init__(f"this link to {review} was used at {when}. `baton review show {review}` shows it.")


class LinkClosed(BadLink):
    """The review that the link leads to is decided."""

    def __init__(self, review: str, happened: str) -> None:
        """`happened` says who decided what and when."""
        super().__init__(f"{review} needs no answer any more: {happened}")


class Forgotten(BatonError):
    """What was to be forgotten is not learnt again."""

    def __init__(self, scope: str, subject: str) -> None:
        self.scope, self.subject = scope, subject
        super().__init__(
            f"a fact about {subject!r} in scope {scope!r} is not kept: it, or what it comes from, was to be forgotten"
        )


class OverLimit(BatonError):
    """A limit of the policy has no room for an action; it was not begun."""

    def __init__(self, action: str, told: str) -> None:
        """`told` says which limit, and what is used of it."""
        self.action, self.told = action, told
        super().__init__(f"{action}: {told}")


class PolicyError(BatonError):
    """A policy cannot be read or evaluated; until it can, all it judges is denied."""

    def __init__(self, policy: str, problem: str, hint: str = "") -> None:
        self.policy, self.problem = policy, problem
        super().__init__(f"policy {policy}: {problem}{_then(hint)}")


class LedgerError(BatonError):
    """The database of record cannot be used.

    Attributes:
        final: Whether what could be tried again has been: who meets it anew, in a later step, does not try.
    """

    final = False

    fault = Fault.TRANSIENT

    def __init__(self, database: str, problem: str, hint: str = "") -> None:
        self.database, self.problem = database, problem
        super().__init__(f"{database}: {problem}{_then(hint)}")


class LedgerLocked(LedgerError):
    """Another process holds the database for longer than we wait."""


class LedgerUnreachable(LedgerError):
    """The database's server does not answer, or has ended the connection."""


class LedgerReadOnly(LedgerError):
    """The database cannot be written."""


class LedgerFull(LedgerError):
    """No space is left for the database."""


class LedgerVersion(LedgerError):
    """The database was written by a newer Baton, or is not Baton's."""

    fault = Fault.LASTING


class CheckpointUnreadable(BatonError):
    """A stored state cannot be read back exactly, so the run stops rather than go on from another one."""

    def __init__(self, run: str, problem: str) -> None:
        self.run = run
        super().__init__(f"the stored state of {run} cannot be read: {problem}; the run stays as it is")


class ModelError(BatonError):
    """The model endpoint gave no usable answer."""

    def __init__(self, model: str, problem: str, hint: str = "") -> None:
        self.model, self.problem = model, problem
        super().__init__(f"model {model}: {problem}{_then(hint)}")


class ModelUnavailable(ModelError):
    """The endpoint fails for now: overloaded, unreachable or too slow."""

    fault = Fault.TRANSIENT

    def __init__(self, model: str, problem: str, hint: str = "", after: float | None = None) -> None:
        """`after` is set where nothing was sent: the seconds until asking makes sense again."""
        self.after = after
        super().__init__(model, problem, hint)


class ModelRefused(ModelError):
    """The endpoint refuses for good: wrong key, unknown model, request not allowed."""


class ToolError(BatonError):
    """A tool failed; the model is told so."""

    def __init__(self, tool: str, problem: str) -> None:
        self.tool, self.problem = tool, problem
        super().__init__(f"tool {tool}: {problem}")


class ToolTimeout(ToolError):
    """A tool did not answer: nobody knows whether what it does has happened."""


class ToolUnavailable(BatonError):
    """A tool is not called for now: its run waits, holds no worker meanwhile, and goes on where it stands."""

    fault = Fault.TRANSIENT

    def __init__(self, tool: str, problem: str, after: float) -> None:
        """`after` is in seconds."""
        self.tool, self.problem, self.after = tool, problem, after
        super().__init__(f"tool {tool}: {problem}")


class TryAgain(BatonError):
    """Raised by a tool on purpose: what it was to do did not happen, and may if it is called again later."""

    fault = Fault.TRANSIENT

    def __init__(self, reason: str, *, after: float | None = None) -> None:
        """Say why, and in how many seconds another try makes sense; None leaves that to the tool's `Retries`."""
        self.reason, self.after = reason, after
        super().__init__(reason)


class RunFailed(BatonError):
    """A run ended without reaching its goal."""

    def __init__(self, run: str, why: str) -> None:
        self.run, self.why = run, why
        super().__init__(f"{run} failed: {why}")


class Superseded(BatonError):
    """Control flow: a newer worker owns the run; everything it had committed is safe, this worker drops it."""

    def __init__(self, run: str, epoch: int, newer: int | None) -> None:
        self.run, self.epoch, self.newer = run, epoch, newer
        super().__init__(f"{run}: epoch {epoch} was superseded by {newer}")


class MailArrived(BatonError):
    """Control flow: mail came while a run was ending; nothing of the ending was saved, the run reads on."""

    def __init__(self, run: str) -> None:
        super().__init__(f"{run}: mail arrived while it was ending")


class Queued(BatonError):
    """An action waits for what it needs, and was not begun; its run is told when its turn has come."""

    def __init__(self, action: str, waits_for: str, ahead: int) -> None:
        """`ahead` is how many come before it."""
        self.action, self.waits_for, self.ahead = action, waits_for, ahead
        super().__init__(f"action {action} waits for {waits_for}, behind {ahead}")


class HandedBack(BatonError):
    """Control flow: the process is to end; everything up to the last step is saved, another worker goes on."""

    def __init__(self, run: str) -> None:
        super().__init__(f"{run}: handed back between two steps")


def _then(hint: str) -> str:
    return f". {hint}" if hint else ""
