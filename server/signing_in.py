"""Signing in: by name and password, or alone by a link that holds once."""

from baton.core import LOCAL, Conflict, SignInNeeded, TooManyTries, format_time
from baton.ledger import Ledger, Transaction, accounts, credentials, trail
from baton.ledger.credentials import Credential
from baton.ledger.locks import lock_name
from baton.server.passwords import fits
from baton.server.service import Service

SESSION_SECONDS = 12 * 3600.0
"""How long a session holds."""

LINK_SECONDS = 900.0
"""How long a link of whoever works alone holds."""

WINDOW_SECONDS = 300.0
"""Within how many seconds wrong passwords are counted."""

MOST_FOR_A_NAME, MOST_FROM_AN_ADDRESS = 10, 50
"""How many of them there may be."""


async def by_password(service: Service, name: str, password: str, address: str) -> tuple[Credential, str]:
    """Make a session of whoever knows the password; also what it is shown by.

    Raises:
        TooManyTries: if wrong ones were given too often.
        SignInNeeded: if it is wrong, or nobody has that name; it does not say which.
    """

    def begin(tx: Transaction) -> str | None:
        lock_name(tx, f"sign in {name}")  # of many at once, none is looked at before the others are counted
        since = tx.now - WINDOW_SECONDS
        often = trail.failed(tx, since, who=name) >= MOST_FOR_A_NAME
        if often or trail.failed_from(tx, since, address=address) >= MOST_FROM_AN_ADDRESS:
            raise TooManyTries(WINDOW_SECONDS)
        trail.note(tx, trail.TRIED, name, address=address)
        account = accounts.find(tx, name)
        return account.password if account is not None else None

    def enter(tx: Transaction) -> tuple[Credential, str]:
        account = accounts.find(tx, name)
        if account is None or account.password != hashed:
            raise SignInNeeded("the account has changed at this very moment")
        made = credentials.make(tx, "session", name, seconds=SESSION_SECONDS, by=name, address=address)
        trail.note(tx, trail.SIGNED_IN, name, credential=made[0].id, address=address)
        return made

    ledger = service.baton.ledger
    hashed = await ledger.write(begin)
    if not await fits(password, hashed, service.hashing):
        raise SignInNeeded("name or password is wrong")
    return await ledger.write(enter)


async def link_for(ledger: Ledger, person: str) -> str:
    """What whoever works alone signs in by, once, within a quarter of an hour."""

    def make(tx: Transaction) -> str:
        return credentials.make(tx, "link", person, seconds=LINK_SECONDS, by=person, scope=LOCAL)[1]

    return await ledger.write(make)


def local_key(tx: Transaction, person: str, *, seconds: float, label: str = "") -> tuple[Credential, str]:
    """Make a key of whoever works alone, for programs at this machine; also what it is shown by.

    Raises:
        Conflict: if somebody has an account: keys are somebody's then.
    """
    if accounts.there_are(tx):
        hint = "Name one: `baton keys create NAME --scope …`."
        raise Conflict("key of whoever works alone", "there are accounts", hint)
    return credentials.make(tx, "key", person, seconds=seconds, by=person, scope=LOCAL, label=label)


async def by_link(ledger: Ledger, token: str, address: str) -> tuple[Credential, str]:
    """Make a session by such a link, and use it up.

    Raises:
        SignInNeeded: if it was not made here, has expired, or there are accounts now.
        Conflict: if it was used.
    """

    def enter(tx: Transaction) -> tuple[Credential, str]:
        link = credentials.shown(tx, token, "link")
        if link is None:
            raise SignInNeeded("this link was not made here, or is not whole")
        if tx.now >= link.expires:
            raise SignInNeeded(f"this link has expired at {format_time(link.expires)}; start `baton serve` anew")
        if accounts.there_are(tx):
            raise SignInNeeded("there are accounts now")
        if not credentials.end(tx, link.id, by=link.person):
            used = format_time(link.ended_at if link.ended_at is not None else tx.now)
            raise Conflict("this link", f"it was used at {used}", "Start `baton serve` anew for another one.")
        made = credentials.make(
            tx, "session", link.person, seconds=SESSION_SECONDS, by=link.person, scope=LOCAL, address=address
        )
        trail.note(tx, trail.SIGNED_IN, link.person, credential=made[0].id, address=address)
        return made

    return await ledger.write(enter)
