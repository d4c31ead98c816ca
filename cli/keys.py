"""`baton keys`: keys by which programs use the API in somebody's name."""

from typing import Annotated, Any

from cyclopts import App, Parameter, validators
from rich.text import Text

from baton.cli.opening import find_place, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import AGENT, Conflict, InvalidValue, Role, format_time, read_role
from baton.core.texts import one_line
from baton.handles import person
from baton.ledger import Transaction, accounts, credentials
from baton.ledger.credentials import Credential
from baton.review.record import time_json

app = App(name="keys", help="Make and revoke keys by which programs use the API.")


@app.default
@app.command(name="list")
async def list_(*, common: Common = DEFAULTS) -> None:
    """List the keys: whose they are, what they may do, until when they hold.

    Args:
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        found, now = await ledger.read(credentials.keys_of), ledger.clock.now()
    screen.document({"keys": [_json(key) for key in found]})
    if not found:
        screen.show("There are no keys.")
    for key in found:
        holds = "revoked" if key.ended_at is not None else "expired" if key.expires <= now else "until"
        when = format_time(key.ended_at if key.ended_at is not None else key.expires)
        said = f"  {one_line(key.person)}  {key.scope}  {holds} {when}  {one_line(key.label)}"
        screen.show(Text.assemble((key.id, "bold"), said))


@app.command
async def create(
    name: str | None = None,
    /,
    *,
    scope: str | None = None,
    days: Annotated[float, Parameter(validator=validators.Number(gt=0, lte=3660))] = 90.0,
    label: str = "",
    common: Common = DEFAULTS,
) -> None:
    """Make a key of somebody's account. It is shown once, and kept nowhere.

    While nobody has an account it is of whoever works alone: it takes no name and no scope, may do everything at this
    machine, and holds until somebody has an account.

    Args:
        name: Whose account it is used in the name of; it never may more than that.
        scope: What it may do at most: viewer, requester, reviewer, owner, admin; or agent, which never decides.
        days: How long it holds (default: 90).
        label: What it is for.
        common: Options of every command.
    """
    from baton.server.signing_in import local_key

    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    word = AGENT if scope == AGENT else read_role(scope).word if scope is not None else None

    def make(tx: Transaction) -> tuple[Credential, str]:
        seconds, alone = days * 86400.0, not accounts.there_are(tx)
        if word is None and (name is None or (alone and name == person())):
            return local_key(tx, person(), seconds=seconds, label=label)
        if name is None or word is None:
            raise InvalidValue("key", name or word, "both a name and --scope; or, while nobody has an account, neither")
        account = accounts.get(tx, name)
        wanted = Role.REQUESTER if word == AGENT else read_role(word)
        if wanted > account.role:
            raise Conflict(f"key of {name} as {word}", f"{name} is {account.role.word}", "Choose a smaller scope.")
        return credentials.make(tx, "key", name, seconds=seconds, by=person(), scope=word, label=label)

    async with to_look(place, make=name is None) as ledger:
        key, secret = await ledger.write(make)
    screen.document(_json(key) | {"key": secret})
    screen.show(Text.assemble((key.id, "bold"), f" holds until {format_time(key.expires)}. It is shown this once:"))
    screen.show(secret)


@app.command
async def revoke(key: str, /, *, common: Common = DEFAULTS) -> None:
    """Let a key hold no more, from the next request on.

    Args:
        key: Its id, as `baton keys list` has it.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        done = await ledger.write(lambda tx: credentials.end(tx, key, by=person()))
    screen.document({"revoked": key, "held": done})
    screen.show(f"{one_line(key)} holds no more." if done else f"{one_line(key)} held no more already.")


def _json(key: Credential) -> dict[str, Any]:
    return {
        "id": key.id,
        "person": key.person,
        "scope": key.scope,
        "label": key.label,
        "made_at": time_json(key.made_at),
        "expires": time_json(key.expires),
        "revoked_at": time_json(key.ended_at),
    }
